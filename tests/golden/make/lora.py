"""peft LoRA and full fine-tuning on llama/plain: saved adapters, logits, gradients and five AdamW steps, in float32.

Writes lora/adapter/ (a PEFT folder), lora/golden.json, lora/grads.safetensors, lora/after.safetensors (the adapter
after five steps), lora/full.json, lora/grads-full.safetensors, and two more PEFT folders whose logits alone are
recorded: lora/rslora-patterns/ (rsLoRA with per-module ranks and alphas) and lora/regex-targets-f16/ (target modules by
a regular expression, one layer, float16 on disk).
"""

import peft
import torch
from peft import LoraConfig, PeftModel, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file

import peft_cases
from golden_io import GOLDEN, number, packed, quiet_single_thread, write_json, write_safetensors
from peft_cases import base_model, trainable
from tiny_models import batch, trained_tokens

OUT = GOLDEN / "lora"
# Every trainable tensor decays, norms and embeddings included, and the rate is constant.
ADAMW = {"lr": 1e-2, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
MAX_NORM = 1.0
STEPS = 5


def with_adapter(config, seed):
    """The base under a new adapter whose A and B are both far from zero."""
    return peft_cases.with_adapter(config, seed, move=lambda n, p: p.normal_(0.0, 0.3) if "lora_B" in n else None)


def save(model, name):
    return peft_cases.save(model, f"lora/{name}")


def logits_of(model):
    with torch.no_grad():
        return model.eval()(input_ids=batch()[0]).logits


def loss_of(model):
    ids, labels = batch()
    return model(input_ids=ids, labels=labels).loss


def gradients(model):
    """One backward pass → (loss, {parameter name: gradient})."""
    model.zero_grad()
    loss = loss_of(model)
    loss.backward()
    return loss.item(), {n: p.grad.clone() for n, p in trainable(model).items()}


def train(model):
    """Five clipped AdamW steps on the one batch → losses before each step and after the last, and gradient norms."""
    optimizer = torch.optim.AdamW(trainable(model).values(), **ADAMW, foreach=False)
    losses, norms = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trainable(model).values(), MAX_NORM).item())
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        losses.append(loss_of(model).item())
    return {
        "steps": STEPS,
        "learningRate": ADAMW["lr"],
        "beta1": ADAMW["betas"][0],
        "beta2": ADAMW["betas"][1],
        "epsilon": ADAMW["eps"],
        "weightDecay": ADAMW["weight_decay"],
        "maxGradNorm": MAX_NORM,
        "losses": [number(v, 9) for v in losses],
        "gradNorms": [number(v, 9) for v in norms],
    }


def lora():
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], lora_dropout=0.0, task_type="CAUSAL_LM"
    )
    folder = save(with_adapter(config, 31), "adapter")
    model = PeftModel.from_pretrained(base_model(), folder, is_trainable=True)
    ids, labels = batch()
    logits = logits_of(model)
    loss, grads = gradients(model.eval())
    stripped = {n.replace(".default", ""): g for n, g in grads.items()}
    assert stripped.keys() == load_file(folder / "adapter_model.safetensors").keys()
    write_safetensors("lora/grads.safetensors", stripped)

    merged = logits_of(PeftModel.from_pretrained(base_model(), folder).merge_and_unload())
    torch.testing.assert_close(merged, logits, rtol=1e-4, atol=1e-4)
    training = train(model)
    write_safetensors("lora/after.safetensors", get_peft_model_state_dict(model, save_embedding_layers=False))
    write_json(
        "lora/golden.json",
        {
            "peft": peft.__version__,
            "torch": torch.__version__,
            "inputIds": packed(ids),
            "labels": packed(labels),
            "trainedTokens": trained_tokens(labels),
            "trainableParameters": sum(p.numel() for p in trainable(model).values()),
            "loss": number(loss, 9),
            "logits": packed(logits, 9),
            "mergedLogits": packed(merged, 9),
            "training": training,
        },
    )


def full():
    quiet_single_thread(32)
    model = base_model().eval()
    loss, grads = gradients(model)
    write_safetensors("lora/grads-full.safetensors", grads)
    training = train(model)
    sums = {n: {"sum": number(p.double().sum().item(), 9), "norm": number(p.double().norm().item(), 9)}
            for n, p in model.named_parameters()}  # fmt: skip
    write_json(
        "lora/full.json", {"torch": torch.__version__, "loss": number(loss, 9), "training": training, "after": sums}
    )


def loading_only(name, config, seed, dtype=torch.float32):
    model = with_adapter(config, seed)
    for parameter in trainable(model).values():
        parameter.data = parameter.data.to(dtype)
    folder = save(model, name)
    logits = logits_of(PeftModel.from_pretrained(base_model(), folder).float())
    change = (logits - logits_of(base_model())).abs().max().item()
    assert change > 0.1
    write_json(
        f"lora/{name}/golden.json",
        {
            "peft": peft.__version__,
            "inputIds": packed(batch()[0]),
            "logits": packed(logits, 9),
            "scales": {
                n.removeprefix("base_model.model."): m.scaling["default"]
                for n, m in model.named_modules()
                if isinstance(m, LoraLayer)
            },
        },
    )  # fmt: skip


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    lora()
    full()
    loading_only(
        "rslora-patterns",
        LoraConfig(
            r=4, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "k_proj", "o_proj", "gate_proj"],
            rank_pattern={"k_proj": 2, "layers.1.mlp.gate_proj": 6}, alpha_pattern={"o_proj": 16, "k_proj": 4},
            task_type="CAUSAL_LM",
        ),
        33,
    )  # fmt: skip
    regex = r".*\.layers\.1\.(self_attn\.(q|v)_proj|mlp\.up_proj)"
    loading_only(
        "regex-targets-f16",
        LoraConfig(r=3, lora_alpha=6, target_modules=regex, task_type="CAUSAL_LM"),
        34,
        torch.float16,
    )
