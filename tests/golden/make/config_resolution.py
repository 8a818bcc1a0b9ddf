"""What transformers makes of a config.json that says a thing twice, in an old place, or not at all.

Writes llama/config-resolution.json. Each case is a tiny folder's config.json with changes; the model is built from it
by AutoModelForCausalLM, and the result is read off the model itself: the rotary frequencies, the shapes of its tensors
and the epsilon of its norms. A configuration that transformers cannot build a model from, or run, has an `error`.
"""

import json
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

from golden_io import flat, quiet_single_thread, write_json

BASE = {
    "model_type": "llama",
    "vocab_size": 48,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 24,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 64,
}
ABSENT = "(absent)"
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LINEAR = {"rope_type": "linear", "factor": 4.0}
ORIGINAL = {"original_max_position_embeddings": 32}

ROPE = {
    "no theta": {},
    "theta at the top": {"rope_theta": 500000.0},
    "theta in rope_parameters": {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
    "theta in rope_scaling": {"rope_scaling": {"rope_type": "default", "rope_theta": 500000.0}},
    "theta in rope_scaling without a type": {"rope_scaling": {"rope_theta": 500000.0}},
    "theta at the top and in rope_parameters": {
        "rope_theta": 500000.0,
        "rope_parameters": {"rope_type": "default", "rope_theta": 20000.0},
    },
    "theta at the top and in rope_scaling": {
        "rope_theta": 500000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 2.0, "rope_theta": 20000.0},
    },
    "theta at the top, rope_parameters without": {"rope_theta": 500000.0, "rope_parameters": {"rope_type": "default"}},
    "theta at the top, rope_scaling without": {"rope_theta": 500000.0, "rope_scaling": LINEAR},
    "theta three times": {
        "rope_theta": 500000.0,
        "rope_parameters": {"rope_type": "default", "rope_theta": 20000.0},
        "rope_scaling": {"rope_type": "default", "rope_theta": 7000.0},
    },
    "scaling in both, theta in the one not read": {
        "rope_parameters": {"rope_type": "default", "rope_theta": 20000.0},
        "rope_scaling": LINEAR,
    },
    "scaling in both, theta at the top": {
        "rope_theta": 500000.0,
        "rope_parameters": LINEAR,
        "rope_scaling": {"type": "linear", "factor": 2.0},
    },
    "empty rope_scaling beside rope_parameters": {
        "rope_scaling": {},
        "rope_parameters": LINEAR | {"rope_theta": 20000.0},
    },
    "null rope_scaling beside rope_parameters": {
        "rope_scaling": None,
        "rope_parameters": LINEAR | {"rope_theta": 20000.0},
    },
    "empty rope_parameters": {"rope_parameters": {}, "rope_theta": 500000.0},
    "null rope_parameters": {"rope_parameters": None, "rope_theta": 500000.0},
    "rope_scaling with the old name of its type": {"rope_scaling": {"type": "linear", "factor": 4.0}},
    "rope_type against type": {"rope_scaling": {"type": "linear", "rope_type": "default", "factor": 4.0}},
    "type against rope_type": {"rope_scaling": {"type": "default", "rope_type": "linear", "factor": 4.0}},
    "llama3": {"rope_theta": 500000.0, "rope_scaling": LLAMA3 | ORIGINAL},
    "llama3 without its original positions": {"rope_theta": 500000.0, "rope_scaling": LLAMA3},
    "llama3 with original positions at the top alone": {
        "rope_theta": 500000.0,
        "rope_scaling": LLAMA3,
        "original_max_position_embeddings": 16,
    },
    "llama3 with original positions at the top too": {
        "rope_theta": 500000.0,
        "rope_scaling": LLAMA3 | ORIGINAL,
        "original_max_position_embeddings": 16,
    },
    "llama3 in rope_parameters, theta at the top": {"rope_theta": 500000.0, "rope_parameters": LLAMA3 | ORIGINAL},
    "partial_rotary_factor at the top": {"partial_rotary_factor": 0.5},
    "partial_rotary_factor of 1": {"partial_rotary_factor": 1.0},
    "partial_rotary_factor of a linear scaling": {"rope_parameters": LINEAR | {"partial_rotary_factor": 0.5}},
    "null theta at the top": {"rope_theta": None},
    "null theta in rope_parameters": {"rope_parameters": {"rope_type": "default", "rope_theta": None}},
}
SHAPES = {
    "head_dim beside hidden_size": {"head_dim": 16},
    "head_dim null": {"head_dim": None},
    "key-value heads null": {"num_key_value_heads": None},
    "key-value heads left out": {"num_key_value_heads": ABSENT},
    "epsilon left out": {"rms_norm_eps": ABSENT},
    "attention_bias": {"attention_bias": True},
    "attention_bias false": {"attention_bias": False},
    "mlp_bias": {"mlp_bias": True},
    "pretraining_tp of 2": {"pretraining_tp": 2},
    "tied": {"tie_word_embeddings": True},
    "sliding window": {"sliding_window": 8},
    "sliding window null": {"sliding_window": None},
    "sliding window used": {"sliding_window": 8, "use_sliding_window": True, "max_window_layers": 0},
    "sliding window used by later layers": {"sliding_window": 8, "use_sliding_window": True, "max_window_layers": 1},
    "sliding window used by no layer": {"sliding_window": 8, "use_sliding_window": True, "max_window_layers": 2},
    "sliding window not used": {"sliding_window": 8, "use_sliding_window": False, "max_window_layers": 0},
    "full layer types beside a window": {
        "sliding_window": 8,
        "use_sliding_window": True,
        "max_window_layers": 0,
        "layer_types": ["full_attention", "full_attention"],
    },
    "sliding layer types without a window": {
        "sliding_window": None,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "sliding layer types, window not used": {
        "sliding_window": 8,
        "use_sliding_window": False,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "another activation": {"hidden_act": "gelu"},
    "the activation left out": {"hidden_act": ABSENT},
    "attention_dropout": {"attention_dropout": 0.1},
    "architectures of another family": {"architectures": ["Qwen2ForCausalLM"]},
}


def window_of(model, length=24):
    """How many positions back the first layer that forgets can see; None where every layer sees all."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    shortest = None
    for layer in range(model.config.num_hidden_layers):
        kept = {}
        attention = model.model.layers[layer].self_attn
        hook = attention.register_forward_hook(lambda _m, _a, out, kept=kept: kept.update(w=out[1]))
        model(torch.arange(length).remainder(model.config.vocab_size).unsqueeze(0))
        hook.remove()
        seen = int((kept["w"][0, 0, -1] > 0).sum())
        if seen < length:
            shortest = seen if shortest is None else min(shortest, seen)
    return shortest


def resolved(config):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config))
        read = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(read, attn_implementation="eager").eval()
    rotary = model.model.rotary_emb
    shapes = {name: list(tensor.shape) for name, tensor in model.named_parameters() if ".layers.1" not in name}
    if rotary.attention_scaling != 1:
        raise ValueError("the attention is scaled")
    return {
        "inverseFrequencies": flat(rotary.inv_freq, 9),
        "shapes": shapes,
        "epsilon": model.model.norm.variance_epsilon,
        "activation": read.hidden_act,
        "window": window_of(model),
    }


def cases():
    for kind, changes in (("rope", ROPE), ("shape", SHAPES)):
        for name, change in changes.items():
            for family in ("llama", "mistral", "qwen2"):
                if kind == "rope" and family != "llama" and "twice" not in name and "three" not in name:
                    continue
                yield (
                    f"{family}: {name}",
                    {key: value for key, value in (BASE | {"model_type": family} | change).items() if value != ABSENT},
                )


# Which random matrices the file holds under the two names, and whether config.json ties them.
TIES = {
    "tied, the embedding alone": (True, {"embedding": "one"}),
    "tied, the head alone": (True, {"head": "one"}),
    "tied, the same matrix twice": (True, {"embedding": "one", "head": "one"}),
    "tied, two matrices": (True, {"embedding": "one", "head": "two"}),
    "untied, two matrices": (False, {"embedding": "one", "head": "two"}),
    "untied, the same matrix twice": (False, {"embedding": "one", "head": "one"}),
}
NAMES = {"embedding": "model.embed_tokens.weight", "head": "lm_head.weight"}


def ties():
    """Which matrix each case's model embeds with and which it predicts with."""
    config = AutoConfig.for_model(**BASE)
    tensors = AutoModelForCausalLM.from_config(config).state_dict()
    matrices = {name: torch.randn(48, 32) for name in ("one", "two")}
    found = []
    for name, (tied, held) in TIES.items():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "config.json").write_text(json.dumps(BASE | {"tie_word_embeddings": tied}))
            rest = {key: tensor for key, tensor in tensors.items() if key not in NAMES.values()}
            matrix = {NAMES[place]: matrices[which].clone() for place, which in held.items()}
            save_file(rest | matrix, Path(folder) / "model.safetensors", metadata={"format": "pt"})
            model = AutoModelForCausalLM.from_pretrained(folder)
        used = {"embedding": model.get_input_embeddings().weight, "head": model.get_output_embeddings().weight}
        uses = {
            place: next(which for which, matrix in matrices.items() if torch.equal(matrix, weight))
            for place, weight in used.items()
        }
        found.append({"name": name, "tied": tied, "holds": held, "uses": uses})
    return found


if __name__ == "__main__":
    quiet_single_thread(3)
    found = []
    for name, config in cases():
        try:
            found.append({"name": name, "config": config, "resolved": resolved(config)})
        except Exception as error:  # noqa: BLE001 - whatever transformers raises is the answer
            found.append({"name": name, "config": config, "error": f"{type(error).__name__}: {error}"[:200]})
    write_json(
        "llama/config-resolution.json", {"transformers": transformers.__version__, "cases": found, "ties": ties()}
    )
