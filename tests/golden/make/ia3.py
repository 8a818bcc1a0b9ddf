"""peft's (IA)³: folders with logits and gradients.

Writes peft/ia3/ (keys, values and the MLP's down projection by its input), peft/ia3-qwen2/ (the same where keys and
values have biases), peft/ia3-outputs/ (every other projection by its output), peft/ia3-inputs-qwen2/ (projections by
their input that no gated product feeds) and peft/ia3-regex/ (one layer, both sets of modules by regular expressions).

    by output: y = l ⊙ (W x + b), l [out,1]        by input (feedforward_modules): y = W (l ⊙ x) + b, l [1,in]
"""

import torch
from peft import IA3Config
from peft.tuners.ia3 import IA3Layer

from peft_cases import record


def check_formula(model):
    """Checks the formulas above on each layer with a random input."""
    layers = [m for m in model.modules() if isinstance(m, IA3Layer)]
    assert layers
    for layer in layers:
        scale, base = layer.ia3_l["default"], layer.get_base_layer()
        assert tuple(scale.shape) == ((1, layer.in_features) if layer.is_feedforward else (layer.out_features, 1))
        x = torch.randn(3, layer.in_features)
        bias = 0 if base.bias is None else base.bias
        if layer.is_feedforward:
            expected = (x * scale.flatten()) @ base.weight.T + bias
        else:
            expected = (x @ base.weight.T + bias) * scale.flatten()
        torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)
    return {}


def case(name, seed, target, feedforward, base="llama/plain", **more):
    config = IA3Config(target_modules=target, feedforward_modules=feedforward, task_type="CAUSAL_LM")
    return record(name, config, seed, base, extra=check_formula, **more)


if __name__ == "__main__":
    usual = ["k_proj", "v_proj", "down_proj"]
    case("ia3", 51, usual, ["down_proj"], merged="recorded")
    case("ia3-qwen2", 52, usual, ["down_proj"], "llama/qwen2")
    case("ia3-outputs", 53, ["q_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], [])
    mixed = ["q_proj", "o_proj", "gate_proj", "up_proj"]
    case("ia3-inputs-qwen2", 54, mixed, mixed, "llama/qwen2")
    case("ia3-regex", 55, r".*\.layers\.1\.(self_attn\.v_proj|mlp\.(up|down)_proj)", r".*\.mlp\.down_proj")
