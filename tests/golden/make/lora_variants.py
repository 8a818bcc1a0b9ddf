"""peft's LoRA in its variants: folders with logits and gradients, and `scales` by module in golden.json.

Writes peft/lora-bias-all/ and peft/lora-bias-only/ (the base's own biases trained beside: the file holds their new
values), peft/lora-lora-bias/ (a bias on B, scaled as B is), peft/lora-embeddings-head/ (an untied base, saved as peft
saves by default: copies of the base's own weights stand beside the factors), peft/lora-embeddings-head-tied/ (two
separate adapters over one tied weight), peft/lora-weight-tying/ (one adapter shared by both), peft/lora-all-linear/,
peft/lora-layers/, peft/lora-regex-patterns/ and peft/lora-exclude/.

    y = W x + b + s (B A x + b_B)
    embedding of id t: E[t] + s · lora_embedding_B · lora_embedding_A[:, t],   A [r,V], B [d,r]
"""

import torch
from peft import LoraConfig
from peft.tuners.lora import LoraLayer

from peft_cases import record


def scales(model):
    return {
        "scales": {
            n.removeprefix("base_model.model."): m.scaling["default"]
            for n, m in model.named_modules()
            if isinstance(m, LoraLayer)
        }
    }


def check_bias(model):
    """Checks the first formula above on each layer with a random input."""
    for layer in (m for m in model.modules() if isinstance(m, LoraLayer)):
        x = torch.randn(3, layer.in_features)
        a, b = layer.lora_A["default"], layer.lora_B["default"]
        expected = layer.base_layer(x) + layer.scaling["default"] * (x @ a.weight.T @ b.weight.T + b.bias)
        torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)
    return scales(model)


def check_tying(model):
    """The head's factors are the embedding's transposed and swapped, one storage under two names."""
    head, embedding = model.base_model.model.lm_head, model.base_model.model.model.embed_tokens
    assert torch.equal(head.lora_A["default"].weight, embedding.lora_embedding_B["default"].T)
    assert torch.equal(head.lora_B["default"].weight, embedding.lora_embedding_A["default"].T)
    return scales(model)


def case(name, seed, base="llama/plain", *, extra=scales, merged="checked", saving=None, **options):
    options = {"r": 2, "lora_alpha": 4, "task_type": "CAUSAL_LM"} | options
    return record(name, LoraConfig(**options), seed, base, extra=extra, merged=merged, **(saving or {}))


def biases():
    targets = {"target_modules": ["q_proj", "down_proj"]}
    case("lora-bias-all", 91, "llama/qwen2", bias="all", merged="recorded", **targets)
    case("lora-bias-only", 92, "llama/qwen2", bias="lora_only", **targets)
    with_bias = {"target_modules": ["q_proj", "v_proj"], "lora_bias": True, "extra": check_bias}
    case("lora-lora-bias", 93, "llama/qwen2", merged="recorded", **with_bias)


def embeddings():
    targets = {"target_modules": ["embed_tokens", "lm_head", "q_proj"]}
    case("lora-embeddings-head", 94, merged="recorded", saving={"save_embedding_layers": "auto"}, **targets)
    # Merging adds both adapters to the one weight, which is neither's model.
    tied = "llama/tied-sharded-bf16"
    case("lora-embeddings-head-tied", 95, tied, merged="refused", **targets)
    case("lora-weight-tying", 96, tied, merged="refused", ensure_weight_tying=True, extra=check_tying, **targets)


def targets():
    case("lora-all-linear", 97, r=1, target_modules="all-linear")
    case("lora-layers", 98, target_modules=["k_proj", "up_proj"], layers_to_transform=[1], layers_pattern="layers")
    case(
        "lora-regex-patterns",
        99,
        target_modules=r"model\.layers\.\d\.(self_attn\.[qk]_proj|mlp\.(gate|down)_proj)",
        # The first match wins, and peft writes patterns sorted: in any other order this would not load again.
        rank_pattern={"gate_proj": 4, r"layers\.0\..*": 3, r"self_attn\.(q|k)_proj": 1},
        alpha_pattern={r"model\.layers\.1\.mlp\.(gate|up)_proj": 10, r"\w+\.down_proj": 1},
    )
    excluded = ["layers.0.self_attn.v_proj", "o_proj"]
    case("lora-exclude", 100, target_modules=["v_proj", "o_proj", "up_proj"], exclude_modules=excluded, use_rslora=True)


if __name__ == "__main__":
    biases()
    embeddings()
    targets()
