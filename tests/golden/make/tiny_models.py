"""Tiny random decoders and the fixed batch that the model, LoRA and fine-tuning goldens share."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

VOCAB = 96
IGNORED = -100

SIZES = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


def theta(value):
    return {"rope_type": "default", "rope_theta": value}


def variants():
    """Folder name → (model class, configuration, dtype on disk, shard size)."""
    plain = LlamaConfig(**SIZES, rms_norm_eps=1e-5, rope_parameters=theta(10000.0), tie_word_embeddings=False)
    tied = LlamaConfig(
        **SIZES, rms_norm_eps=1e-6, rope_parameters=theta(500000.0), tie_word_embeddings=True, head_dim=12
    )
    qwen = Qwen2Config(**SIZES, rms_norm_eps=1e-6, rope_parameters=theta(1000000.0), tie_word_embeddings=False)
    return {
        "plain": (LlamaForCausalLM, plain, torch.float32, None),
        "tied-sharded-bf16": (LlamaForCausalLM, tied, torch.bfloat16, "16KB"),
        "qwen2": (Qwen2ForCausalLM, qwen, torch.float32, None),
    }


def randomise(model):
    """Draws every parameter anew: matrices wide enough for decisive logits, norm weights off 1, biases off 0."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.2)
            if "norm" in name:
                parameter.add_(1.0)


def batch():
    """Token ids [2,10] and labels [2,10]; row 0 masks its first three tokens, row 1 its fifth and last two."""
    ids = torch.randint(0, VOCAB, (2, 10), generator=torch.Generator().manual_seed(7))
    labels = ids.clone()
    labels[0, :3] = IGNORED
    labels[1, 4] = IGNORED
    labels[1, 8:] = IGNORED
    return ids, labels


def short_batch():
    """The first five columns of the shared batch: ids [2,5], labels [2,5]; small logits, both kinds of mask."""
    ids, labels = batch()
    return ids[:, :5].contiguous(), labels[:, :5].contiguous()


def trained_tokens(labels):
    """How many positions count in the shifted loss: labels after the first that are not ignored."""
    return int((labels[:, 1:] != IGNORED).sum())


def greedy(model, ids, steps):
    """Greedy continuation [B,steps] and the smallest lead of a chosen logit over the runner-up."""
    tokens, lead = ids, float("inf")
    with torch.no_grad():
        for _ in range(steps):
            top = model(tokens, use_cache=False).logits[:, -1].topk(2)
            lead = min(lead, float((top.values[:, 0] - top.values[:, 1]).min()))
            tokens = torch.cat([tokens, top.indices[:, :1]], dim=1)
    return tokens[:, ids.shape[1] :], lead
