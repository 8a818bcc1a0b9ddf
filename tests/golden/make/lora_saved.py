"""peft's LoRA with whole modules and with rows of the embedding trained beside the factors.

Writes peft/lora-saved-*/ (`modules_to_save`: the file holds the module's new weight) and peft/lora-tokens-*/
(`trainable_token_indices`: the file holds the new rows): the folder as peft saves it, and golden.json with the logits.
"""

import torch
from peft import LoraConfig
from safetensors.torch import load_file

from golden_io import packed, write_json
from peft_cases import OUT, assert_changed, header, load, logits_of, save, trainable, with_adapter
from tiny_models import short_batch

PLAIN, TIED = "llama/plain", "llama/tied-sharded-bf16"
CASES = {
    "lora-saved-head": (PLAIN, {"modules_to_save": ["lm_head"]}),
    "lora-saved-embeddings": (PLAIN, {"modules_to_save": ["embed_tokens"]}),
    "lora-saved-projection": (PLAIN, {"modules_to_save": ["layers.1.mlp.down_proj"]}),
    "lora-saved-head-tied": (TIED, {"modules_to_save": ["lm_head"]}),
    "lora-saved-embeddings-tied": (TIED, {"modules_to_save": ["embed_tokens"]}),
    "lora-saved-both-tied": (TIED, {"modules_to_save": ["embed_tokens", "lm_head"]}),
    "lora-saved-ensured-tying": (TIED, {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True}),
    "lora-tokens": (PLAIN, {"trainable_token_indices": [7, 3, 50]}),
    "lora-tokens-of-both": (PLAIN, {"trainable_token_indices": {"embed_tokens": [3, 9], "lm_head": [4]}}),
    "lora-tokens-tied": (TIED, {"trainable_token_indices": [7, 3, 50]}),
    "lora-saved-nothing-new": (PLAIN, {"modules_to_save": ["lm_head"]}),
}


def move(name, parameter):
    """Far from the start, but near the weights that the saved modules replace; one token of the embedding stays."""
    if "modules_to_save" in name or "trainable_tokens" in name:
        parameter.add_(torch.empty_like(parameter).normal_(0.0, 0.1))
    else:
        parameter.normal_(0.0, 0.3)


def leave_saved(name, parameter):
    if "modules_to_save" not in name:
        parameter.normal_(0.0, 0.3)


if __name__ == "__main__":
    for seed, (name, (base, options)) in enumerate(CASES.items(), 301):
        config = LoraConfig(r=2, lora_alpha=4, task_type="CAUSAL_LM", target_modules=["q_proj"], **options)
        trained = with_adapter(config, seed, base, leave_saved if name.endswith("nothing-new") else move)
        folder = save(trained, f"{OUT}/{name}")
        ids, labels = short_batch()
        expected = logits_of(trained, ids)
        model = load(folder, base)
        logits = logits_of(model, ids)
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
        assert_changed(logits, base, ids)
        print(name, sorted(trainable(trained))[:3], sorted(load_file(folder / "adapter_model.safetensors"))[:4])
        fields = {"trainableParameters": model.get_nb_trainable_parameters()[0], "logits": packed(logits, 9)}
        write_json(f"{OUT}/{name}/golden.json", header(base, ids, labels) | fields)
