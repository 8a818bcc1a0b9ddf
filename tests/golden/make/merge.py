"""Two LoRA adapters of different ranks and layers, and what peft's `add_weighted_adapter` makes of them.

Writes merge/lora.safetensors: `{case}/{module}.lora_A` [r, in] and `.lora_B` [out, r], with every scale folded into B,
for the inputs `one` and `two` and for each case of merge/cases.json, which holds {peft, torch, cases: [{name, type,
weights, rank, density, majoritySign}]}.
"""

import peft
import torch
from peft import LoraConfig

from golden_io import write_json, write_safetensors
from peft_cases import with_adapter


def case(name, kind, weights, rank=None, density=None, majority=None):
    options = {"rank": rank, "density": density, "majoritySign": majority}
    return {"name": name, "type": kind, "weights": weights} | options


CASES = [
    case("cat", "cat", [0.75, -0.5]),
    case("svd", "svd", [0.75, 0.5], 3),
    case("svd-negative", "svd", [1, -0.5], 2),
    case("ties", "ties_svd", [0.75, 0.5], 4, 0.3, "total"),
    case("ties-frequency", "ties_svd", [2, 1], 16, 0.5, "frequency"),
    case("prune", "magnitude_prune_svd", [1, -0.5], 4, 0.4),
]


def factors(model, adapter):
    """{module: (A [r, in], B [out, r] with the scale)}."""
    found = {}
    for name, module in model.named_modules():
        if hasattr(module, "lora_A") and adapter in module.lora_A:
            b = module.lora_B[adapter].weight * module.scaling[adapter]
            found[name.removeprefix("base_model.model.model.")] = (module.lora_A[adapter].weight, b)
    return found


def main():
    one = LoraConfig(
        task_type="CAUSAL_LM", r=2, lora_alpha=4, target_modules=["k_proj", "v_proj"], layers_to_transform=[0]
    )
    two = LoraConfig(
        task_type="CAUSAL_LM", r=3, lora_alpha=2, target_modules=["k_proj", "o_proj"], layers_to_transform=[0]
    )
    model = with_adapter(one, 31)
    model.add_adapter("two", two)
    torch.manual_seed(32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".two." in name:
                parameter.normal_(0.0, 0.3)
    tensors = {}

    def keep(name, adapter):
        for module, (a, b) in factors(model, adapter).items():
            tensors[f"{name}/{module}.lora_A"] = a.detach()
            tensors[f"{name}/{module}.lora_B"] = b.detach()

    keep("one", "default")
    keep("two", "two")
    for wanted in CASES:
        model.add_weighted_adapter(
            ["default", "two"],
            [float(weight) for weight in wanted["weights"]],
            wanted["name"],
            combination_type=wanted["type"],
            svd_rank=wanted["rank"],
            density=wanted["density"],
            majority_sign_method=wanted["majoritySign"] or "total",
        )
        keep(wanted["name"], wanted["name"])
    write_safetensors("merge/lora.safetensors", tensors)
    write_json("merge/cases.json", {"peft": peft.__version__, "torch": torch.__version__, "cases": CASES})


if __name__ == "__main__":
    main()
