"""peft's PiSSA and OLoRA: adapters that start as a part of the weight, which is taken out of the base.

Writes, for each of the two, peft/<kind>/ (as trained: whoever loads it must decompose the base again), with
init.safetensors (the factors at the start), and peft/<kind>-converted/ (an ordinary LoRA of twice the rank and alpha
with the same logits, so without a golden.json). Both are moved off their start by small random steps.

    start: W = W_res + s B₀ A₀        model: y = (W_res + s B A) x
    PiSSA: W = U S Vᵀ, A₀ = √(S_r/s) V_rᵀ, B₀ = U_r √(S_r/s)        OLoRA: W = Q R, A₀ = R[:r], B₀ = Q[:, :r]
    converted: A' = [A; A₀], B' = [B, −B₀], r' = 2r, alpha' = 2 alpha
"""

import shutil

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file

from golden_io import GOLDEN, quiet_single_thread, write_safetensors
from peft_cases import OUT, base_model, load, logits_of, record, save, short_batch, trainable

PREFIX = "base_model.model."
RANK, ALPHA = 3, 4


def config_for(kind):
    return LoraConfig(
        r=RANK, lora_alpha=ALPHA, init_lora_weights=kind, target_modules=["q_proj", "k_proj", "down_proj"],
        task_type="CAUSAL_LM",
    )  # fmt: skip


def nudge(_, parameter):
    parameter.add_(torch.empty_like(parameter).normal_(0.0, 0.3))


def check_start(kind, start):
    """Checks the factors' product against a decomposition in float64: signs are free, products are not."""
    weights = base_model().state_dict()
    for key in (k for k in start if k.endswith("lora_A.weight")):
        w = weights[key.removeprefix(PREFIX).replace("lora_A.weight", "weight")].double()
        product = (start[key.replace("lora_A", "lora_B")] @ start[key]).double()
        if kind == "pissa":
            u, s, vh = torch.linalg.svd(w, full_matrices=False)
            part = (u[:, :RANK] * s[:RANK]) @ vh[:RANK] / (ALPHA / RANK)
        else:
            q, r = torch.linalg.qr(w)
            part = q[:, :RANK] @ r[:RANK]
        torch.testing.assert_close(product, part, rtol=1e-4, atol=1e-5)


def case(kind, seed):
    quiet_single_thread(seed)
    model = get_peft_model(base_model(), config_for(kind))
    ids, _ = short_batch()
    torch.testing.assert_close(logits_of(model, ids), logits_of(base_model(), ids), rtol=1e-4, atol=1e-4)
    start = get_peft_model_state_dict(model, save_embedding_layers=False)
    start = {k: v.clone() for k, v in start.items()}
    check_start(kind, start)

    # The start must be saved under a name for peft to convert against, marked as needing no decomposition.
    beginning = GOLDEN / OUT / f"{kind}-start"
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(beginning, save_embedding_layers=False)
    model.peft_config["default"].init_lora_weights = kind
    with torch.no_grad():
        for name, parameter in trainable(model).items():
            nudge(name, parameter)
    moved = logits_of(model, ids)
    converted = save(model, f"{OUT}/{kind}-converted", path_initial_model_for_weight_conversion=str(beginning))
    shutil.rmtree(beginning)
    torch.testing.assert_close(logits_of(load(converted), ids), moved, rtol=1e-4, atol=1e-4)

    folder = record(kind, config_for(kind), seed, move=nudge)
    torch.testing.assert_close(logits_of(load(folder), ids), moved, rtol=1e-4, atol=1e-4)
    write_safetensors(f"{OUT}/{kind}/init.safetensors", start)
    now, both = load_file(folder / "adapter_model.safetensors"), load_file(converted / "adapter_model.safetensors")
    for key, value in both.items():
        dim, sign = (0, 1) if "lora_A" in key else (1, -1)
        assert torch.equal(value, torch.cat([now[key], sign * start[key]], dim=dim))


if __name__ == "__main__":
    case("pissa", 101)
    case("olora", 102)
