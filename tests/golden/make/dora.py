"""peft's DoRA: folders with logits and gradients.

Writes peft/dora/ (square, narrowing and widening modules), peft/dora-rslora-patterns/ (rsLoRA with per-module ranks
and alphas), peft/dora-qwen2/ (projections with biases, which the magnitude leaves alone), peft/dora-biases/ (the same
where the biases train too), peft/dora-head/ (the untied head, with the copy of its weight that peft saves by default)
and peft/dora-pissa/ (factors that start as a part of the weight, which is taken out of W). golden.json also holds
`norms`, the detached denominator of every module.

    y = b + (m/n) ⊙ (W x + s B A x),   n = ‖W + s B A‖ along the input, per output, constant in the gradient
"""

import torch
from peft import LoraConfig
from peft.tuners.lora import LoraLayer

from golden_io import packed
from peft_cases import record


def lora_layers(model):
    return {n.removeprefix("base_model.model."): m for n, m in model.named_modules() if isinstance(m, LoraLayer)}


def norm_of(layer):
    """The denominator by the formula above, in float32."""
    delta = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    weight = layer.get_base_layer().weight + layer.scaling["default"] * delta
    return torch.linalg.norm(weight, dim=1)


def norms(model):
    """Denominators and scales, after checking the formula on each layer with a random input."""
    layers = lora_layers(model)
    for layer in layers.values():
        x = torch.randn(3, layer.in_features)
        base = layer.get_base_layer()
        low = (x @ layer.lora_A["default"].weight.T) @ layer.lora_B["default"].weight.T
        gain = layer.lora_magnitude_vector["default"].weight / norm_of(layer)
        y = gain * (x @ base.weight.T + layer.scaling["default"] * low)
        y = y if base.bias is None else y + base.bias
        torch.testing.assert_close(layer(x), y, rtol=1e-4, atol=1e-5)
    return {
        "scales": {n: m.scaling["default"] for n, m in layers.items()},
        "norms": {n: packed(norm_of(m), 9) for n, m in layers.items()},
    }


def nudge(name, parameter):
    """Moves a tensor a little off its start, where that matters."""
    parameter.add_(torch.empty_like(parameter).normal_(0.0, 0.3))


if __name__ == "__main__":
    record(
        "dora",
        LoraConfig(
            r=3, lora_alpha=6, use_dora=True, target_modules=["q_proj", "v_proj", "down_proj", "up_proj"],
            task_type="CAUSAL_LM",
        ),
        41,
        extra=norms,
        merged="recorded",
    )  # fmt: skip
    record(
        "dora-rslora-patterns",
        LoraConfig(
            r=2, lora_alpha=4, use_dora=True, use_rslora=True, target_modules=["k_proj", "o_proj", "gate_proj"],
            rank_pattern={"k_proj": 3, "layers.1.mlp.gate_proj": 1}, alpha_pattern={"o_proj": 8, "k_proj": 2},
            task_type="CAUSAL_LM",
        ),
        42,
        extra=norms,
    )  # fmt: skip
    record(
        "dora-qwen2",
        LoraConfig(
            r=2, lora_alpha=4, use_dora=True, target_modules=["q_proj", "k_proj", "v_proj"], task_type="CAUSAL_LM"
        ),
        43,
        "llama/qwen2",
        extra=norms,
    )
    small = {"r": 2, "lora_alpha": 4, "use_dora": True, "task_type": "CAUSAL_LM"}
    record(
        "dora-biases", LoraConfig(target_modules=["k_proj"], bias="lora_only", **small), 44, "llama/qwen2", extra=norms
    )
    record(
        "dora-head", LoraConfig(target_modules=["lm_head", "v_proj"], **small), 45, extra=norms,
        save_embedding_layers="auto",
    )  # fmt: skip
    pissa = LoraConfig(target_modules=["q_proj", "down_proj"], init_lora_weights="pissa", **small)
    record("dora-pissa", pissa, 46, move=nudge, extra=norms)
