"""BitFit in plain PyTorch, and the LoRA folder that carries its change of biases to peft.

Writes peft/bitfit/ (the query, key and value biases of llama/qwen2) and peft/bitfit-added/ (biases added at zero to a
base that has none). golden.json and grads.safetensors come from the base itself with its biases moved: gradients by
parameter name, biases.safetensors the biases' values. The folder is a LoRA of rank 1 and alpha 1 whose A and B are
zero and whose lora_B.bias is the change; peft loads it to the same logits on both, and merges it where the base has
biases.

    y = W x + b + s (B A x + b_B),   s = alpha / r = 1, A = 0, B = 0, b_B = b_new − b_old
"""

import torch
from peft import LoraConfig
from safetensors.torch import load_file

from golden_io import number, packed, quiet_single_thread, write_json, write_safetensors
from peft_cases import (
    OUT,
    assert_changed,
    base_model,
    gradients,
    header,
    load,
    logits_of,
    save,
    short_batch,
    trainable,
    with_adapter,
)


def with_biases(base, modules):
    """The base with biases on `modules` (zero where there were none) and nothing else trained."""
    model = base_model(base).requires_grad_(False)
    for name, module in model.named_modules():
        if name.split(".")[-1] in modules:
            if module.bias is None:
                module.bias = torch.nn.Parameter(torch.zeros(module.out_features))
            module.bias.requires_grad_(True)
    return model


def folder_of(case, base, modules, seed, change):
    """Saves the folder that carries `change` {bias name: difference}."""

    def move(name, parameter):
        key = name.removeprefix("base_model.model.")
        if key.endswith("lora_B.default.bias"):
            parameter.copy_(change[key.replace("lora_B.default.bias", "bias")])
        else:
            parameter.zero_()

    config = LoraConfig(r=1, lora_alpha=1, lora_bias=True, target_modules=modules, task_type="CAUSAL_LM")
    return save(with_adapter(config, seed, base, move), f"{OUT}/{case}")


def case(name, base, modules, seed, merges):
    quiet_single_thread(seed)
    model = with_biases(base, modules)
    old = {n: p.detach().clone() for n, p in trainable(model).items()}
    with torch.no_grad():
        for parameter in trainable(model).values():
            parameter.add_(torch.randn_like(parameter) * 0.5)
    ids, labels = short_batch()
    logits = logits_of(model, ids)
    assert_changed(logits, base, ids)
    loss, grads = gradients(model, ids, labels)
    new = {n: p.detach() for n, p in trainable(model).items()}

    folder = folder_of(name, base, modules, seed, {n: new[n] - old[n] for n in new})
    loaded = load(folder, base)
    torch.testing.assert_close(logits_of(loaded, ids), logits, rtol=1e-4, atol=1e-5)
    stored = load_file(folder / "adapter_model.safetensors")
    assert {k for k, v in stored.items() if v.any()} == {f"base_model.model.{n[:-4]}lora_B.bias" for n in new}
    try:
        merged = logits_of(loaded.merge_and_unload(), ids)
        torch.testing.assert_close(merged, logits, rtol=1e-4, atol=1e-5)
        assert merges
    except RuntimeError as refusal:
        assert not merges and "base layer has no bias" in str(refusal), refusal

    write_safetensors(f"{OUT}/{name}/grads.safetensors", grads)
    write_safetensors(f"{OUT}/{name}/biases.safetensors", new)
    write_json(
        f"{OUT}/{name}/golden.json",
        header(base, ids, labels)
        | {
            "trainableParameters": sum(p.numel() for p in new.values()),
            "loss": number(loss, 9),
            "logits": packed(logits, 9),
        },
    )


if __name__ == "__main__":
    case("bitfit", "llama/qwen2", ["q_proj", "k_proj", "v_proj"], 121, merges=True)
    case("bitfit-added", "llama/plain", ["q_proj", "o_proj", "up_proj", "down_proj"], 122, merges=False)
