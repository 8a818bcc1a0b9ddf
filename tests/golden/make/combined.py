"""Several adapters at once on llama/plain: logits, loss and gradients of sums of folders that stand beside.

Writes combined/<case>.json, golden.json's fields with `folders` in place of one folder, and the gradients in
combined/<case>.safetensors under "<folder>/<key in the folder's file>". peft runs LoRA and the learned prompt or prefix
itself, the one inside the other; the bottlenecks, whose library knows no prefix of peft's, are hooked on by the
formulas that bottleneck.py checks, and alone give its logits. A learned prefix shifts the text to positions n … n+T−1,
as in peft and unlike in AdapterHub.

    mam      prefix and parallel bottleneck              unipelt  LoRA, prefix and Pfeiffer bottleneck, without gates
    prompted LoRA, prompt and Houlsby bottleneck
"""

import json

import peft
import torch
from peft import LoraConfig, PeftConfig, inject_adapter_in_model, set_peft_model_state_dict
from peft.mapping_func import get_peft_model
from safetensors.torch import load_file

from golden_io import GOLDEN, number, packed, quiet_single_thread, write_json, write_safetensors
from peft_cases import assert_changed, base_model, file_key, logits_of
from tiny_models import IGNORED, short_batch, trained_tokens

BASE = "llama/plain"
PREFIX = "base_model.model."


def add_lora(model, folder, tensors):
    """Puts the LoRA of `folder` into the model itself."""
    inject_adapter_in_model(LoraConfig.from_pretrained(GOLDEN / folder), model)
    stored = load_file(GOLDEN / folder / "adapter_model.safetensors")
    result = set_peft_model_state_dict(model, {k.removeprefix(PREFIX): v for k, v in stored.items()})
    assert not result.unexpected_keys
    parameters = {n: p for n, p in model.named_parameters() if "lora_" in n}
    tensors |= {f"{folder}/{PREFIX}{n.replace('.default', '')}": p for n, p in parameters.items()}
    assert {f"{folder}/{k}" for k in stored} <= tensors.keys()


def add_bottlenecks(model, folder, tensors):
    """Hooks the bottlenecks of `folder` on, as bottleneck.py says what AdapterHub computes."""
    config = json.loads((GOLDEN / folder / "adapter_config.json").read_text())["config"]
    weights = load_file(GOLDEN / folder / "adapter.safetensors")
    weights = {k: torch.nn.Parameter(v) for k, v in weights.items()}
    tensors |= {f"{folder}/{k}": v for k, v in weights.items()}
    activation = {"relu": torch.relu, "swish": torch.nn.functional.silu}[config["non_linearity"]]

    def hook(norm, block, name):
        stream = {}
        norm.register_forward_pre_hook(lambda _, args: stream.update(x=args[0]))

        def add(_, args, output):
            x, y = stream["x"], output[0] if isinstance(output, tuple) else output
            taken = x if config["is_parallel"] else x + y if config["original_ln_before"] else y
            inner = activation(
                taken @ weights[f"{name}.adapter_down.0.weight"].T + weights[f"{name}.adapter_down.0.bias"]
            )
            up = inner @ weights[f"{name}.adapter_up.weight"].T + weights[f"{name}.adapter_up.bias"]
            y = y + config["scaling"] * up
            return (y, *output[1:]) if isinstance(output, tuple) else y

        block.register_forward_hook(add)

    for index, layer in enumerate(model.model.layers):
        name = f"model.layers.{index}.{{}}_adapters.adapters.bn"
        if config["mh_adapter"]:
            hook(layer.input_layernorm, layer.self_attn, name.format("attention"))
        if config["output_adapter"]:
            hook(layer.post_attention_layernorm, layer.mlp, name.format("output"))


def check_hooks(folder):
    """The hooked bottlenecks alone compute what AdapterHub's do."""
    model = base_model(BASE)
    add_bottlenecks(model, folder, {})
    expected = json.loads((GOLDEN / folder / "golden.json").read_text())["logits"]
    expected = torch.tensor(expected["data"]).view(expected["shape"])
    torch.testing.assert_close(logits_of(model, short_batch()[0]), expected, rtol=1e-4, atol=1e-5)


def add_prompt(model, folder, tensors):
    """Wraps the model in the learned prompt or prefix of `folder` → the wrapped model."""
    config = PeftConfig.from_pretrained(GOLDEN / folder)
    config.inference_mode = False
    wrapped = get_peft_model(model, config)
    set_peft_model_state_dict(wrapped, load_file(GOLDEN / folder / "adapter_model.safetensors"))
    (name,) = [n for n, _ in wrapped.named_parameters() if n.startswith("prompt_encoder")]
    tensors[f"{folder}/{file_key(wrapped, name)}"] = wrapped.get_parameter(name)
    return wrapped


def case(name, prompt, bottleneck, lora=None):
    quiet_single_thread(0)
    check_hooks(bottleneck)
    model, tensors = base_model(BASE), {}
    if lora:
        add_lora(model, lora, tensors)
    add_bottlenecks(model, bottleneck, tensors)
    model = add_prompt(model, prompt, tensors).eval()
    for parameter in tensors.values():
        parameter.requires_grad_(True)
    ids, labels = short_batch()
    logits = logits_of(model, ids)
    assert_changed(logits, BASE, ids)
    loss = model(input_ids=ids, labels=labels).loss
    grads = torch.autograd.grad(loss, list(tensors.values()))
    assert all(g.abs().max() > 0 for g in grads)
    write_safetensors(f"combined/{name}.safetensors", dict(zip(tensors, grads, strict=True)))
    config = model.peft_config["default"]
    shifts = config.peft_type == "PROMPT_TUNING"
    write_json(
        f"combined/{name}.json",
        {
            "peft": peft.__version__,
            "torch": torch.__version__,
            "base": BASE,
            "folders": [folder for folder in (lora, prompt, bottleneck) if folder],
            "virtualTokens": config.num_virtual_tokens,
            "inputIds": packed(ids),
            "labels": packed(labels),
            "trainedTokens": int((labels != IGNORED).sum()) if shifts else trained_tokens(labels),
            "trainableParameters": sum(p.numel() for p in tensors.values()),
            "loss": number(loss.item(), 9),
            "logits": packed(logits, 9),
        },
    )


if __name__ == "__main__":
    case("mam", "peft/prefix", "peft/bottleneck-parallel")
    case("unipelt", "peft/prefix", "peft/bottleneck-pfeiffer", "lora/adapter")
    case("prompted", "peft/prompt", "peft/bottleneck-houlsby", "lora/adapter")
