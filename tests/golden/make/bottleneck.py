"""AdapterHub's bottleneck adapters: folders with logits and gradients.

Writes peft/bottleneck-<case>/ as `peft_cases.py` says, but for the names: the folder is AdapterHub's, with
adapter_config.json and adapter.safetensors, and golden.json says `adapters` where the others say `peft`. Runs in an
environment of its own (requirements-adapters.txt), because `adapters` needs transformers 4.

With x the stream before a block (attention or feed-forward) and y what the block adds to it, the stream afterwards is

    double_seq_bn   x + y + s · U f(D y + d) + s · u          (Houlsby: after both blocks)
    seq_bn          x + y + s · U f(D (x + y) + d) + s · u    (Pfeiffer: after the feed-forward network)
    par_bn          x + y + s · U f(D x + d) + s · u          (parallel)

with D [M, d_model], M = d_model // reduction_factor by Python's division (32 // 3.2 is 9). Every case is checked
against these formulas, block by block, before it is written.
"""

import json
import shutil

import adapters
import torch
import transformers
from adapters import BnConfig, DoubleSeqBnConfig, ParBnConfig, SeqBnConfig
from adapters.methods.bottleneck import BottleneckLayer
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from golden_io import GOLDEN, number, packed, quiet_single_thread, write_json, write_safetensors
from tiny_models import batch, trained_tokens

BASE = "llama/plain"
# The least that an adapter must change some logit by; less and a reader that ignores it would pass.
LEAST_CHANGE = 0.05


def base_model():
    """The tiny base, ready for adapters; its name in saved folders tells nothing of this machine."""
    model = AutoModelForCausalLM.from_pretrained(GOLDEN / BASE, dtype=torch.float32, attn_implementation="eager")
    model.config.name_or_path = model.name_or_path = "tiny-" + BASE.replace("/", "-")
    adapters.init(model)
    return model.eval()


def logits_of(model, ids):
    with torch.no_grad():
        return model(ids).logits


def trainable(model):
    return {n: p for n, p in model.named_parameters() if p.requires_grad}


def far(model):
    """Draws every trainable tensor far from its start."""
    with torch.no_grad():
        for name, parameter in trainable(model).items():
            if name.endswith("scaling"):
                parameter.normal_(1.0, 0.5)
            else:
                parameter.normal_(0.0, 0.3 if parameter.dim() > 1 else 0.5)


def check_formula(model, ids):
    """Compares what every adapter layer returns with the formulas above; the number of adapters."""
    seen = []

    def check(layer, args, output):
        y, x, _ = args
        if "bn" not in layer.adapters:
            torch.testing.assert_close(output, x + y)
            return
        adapter = layer.adapters["bn"]
        config = layer.adapters_config.get("bn")
        taken = x if config.is_parallel else x + y if config.original_ln_before else y
        f = torch.relu if config.non_linearity == "relu" else torch.nn.functional.silu
        down, up = adapter.adapter_down[0], adapter.adapter_up
        inner = f(taken @ down.weight.T + down.bias)
        expected = x + y + adapter.scaling * (inner @ up.weight.T + up.bias)
        torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-5)
        seen.append(layer)

    layers = [m for m in model.modules() if isinstance(m, BottleneckLayer)]
    hooks = [m.register_forward_hook(check) for m in layers]
    logits_of(model, ids)
    for hook in hooks:
        hook.remove()
    return len(seen)


def save(model, case):
    folder = GOLDEN / "peft" / case
    shutil.rmtree(folder, ignore_errors=True)
    model.save_adapter(folder, "bn", with_head=False, use_safetensors=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))
    for file in folder.iterdir():
        file.chmod(0o644)
    return folder


def record(case, config, seed, count):
    """Saves a moved adapter in `count` places, loads it back and records what it computes."""
    quiet_single_thread(seed)
    trained = base_model()
    trained.add_adapter("bn", config=config)
    trained.train_adapter("bn")
    far(trained)
    folder = save(trained, case)

    ids, labels = (t[:, :5].contiguous() for t in batch())
    model = base_model()
    info = {}
    model.load_adapter(str(folder), set_active=True, use_safetensors=True, loading_info=info)
    assert info == {"missing_keys": [], "unexpected_keys": []}, info
    model.train_adapter("bn")
    model.eval()
    assert check_formula(model, ids) == count
    logits = logits_of(model, ids)
    change = (logits - logits_of(base_model(), ids)).abs().max().item()
    assert change > LEAST_CHANGE, f"the adapter changes no logit by more than {change}"
    loss = model(ids, labels=labels).loss
    loss.backward()
    grads = {n: p.grad for n, p in trainable(model).items()}
    assert grads.keys() == load_file(folder / "adapter.safetensors").keys()
    assert all(g.abs().max() > 0 for g in grads.values())
    write_safetensors(f"peft/{case}/grads.safetensors", grads)
    fields = {
        "adapters": adapters.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "base": BASE,
        "inputIds": packed(ids),
        "labels": packed(labels),
        "trainedTokens": trained_tokens(labels),
        "trainableParameters": sum(p.numel() for p in trainable(model).values()),
        "loss": number(loss.item(), 9),
        "logits": packed(logits, 9),
    }
    write_json(f"peft/{case}/golden.json", fields)


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    record("bottleneck-houlsby", DoubleSeqBnConfig(reduction_factor=8), 81, 4)
    record("bottleneck-pfeiffer", SeqBnConfig(reduction_factor=8), 82, 2)
    record("bottleneck-parallel", ParBnConfig(reduction_factor=4), 83, 2)
    factors = {"0": 3.2, "default": 8}
    record(
        "bottleneck-learned",
        DoubleSeqBnConfig(reduction_factor=factors, non_linearity="relu", scaling="learned", original_ln_before=True),
        84,
        4,
    )
    record(
        "bottleneck-channel",
        BnConfig(
            mh_adapter=True, output_adapter=False, reduction_factor=8, non_linearity="silu", scaling="channel",
            is_parallel=True, leave_out=[0],
        ),
        85,
        1,
    )  # fmt: skip
    record(
        "bottleneck-residual",
        SeqBnConfig(
            reduction_factor=8, residual_before_ln=False, original_ln_after=False, adapter_residual_before_ln=True,
            scaling=0.5, init_weights="houlsby",
        ),
        86,
        2,
    )  # fmt: skip
