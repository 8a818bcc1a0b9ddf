"""peft's AdaLoRA: folders with logits, gradients and penalty, and a trace of the rank allocator.

Writes peft/adalora/ (no rank pruned yet), peft/adalora-pruned/ (a rank pattern, one module with no rank left),
peft/adalora-biases-head/ (the base's biases trained beside, the head among the modules, saved as peft saves it) and
adalora/allocator.{json,safetensors}. In the folders' golden.json `loss` and grads.safetensors are of the cross-entropy
alone; `penalty` is the orthogonality penalty before its weight, penalty-grads.safetensors its gradients, and
`lossWithPenalty` = loss + orth_reg_weight · penalty is what peft trains on.

    y = W x + b + s · B ((A ⊙ E) x),   s = lora_alpha / (init_r + 1e-5), or init_r / (init_r + 1e-5) for lora_alpha ≤ 0
    penalty = mean of ‖A Aᵀ − I‖ and ‖Bᵀ B − I‖ (Frobenius, not squared) over all modules' A and B

init_r stays the divisor after pruning and after loading: the file holds the ranks left, `rank_pattern` which they were.
"""

import torch
from peft import AdaLoraConfig, get_peft_model
from peft.tuners.adalora import SVDLinear

from golden_io import flat, number, quiet_single_thread, write_json, write_safetensors
from peft_cases import OUT, file_key, load, logits_of, record, short_batch, trainable, with_adapter

TARGETS = ["q_proj", "v_proj", "down_proj"]
# Kept ranks by module; the third of layer 0 keeps none.
KEPT = [[1, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1], [0, 1, 1, 0]]


def config_for(targets=TARGETS, **options):
    return AdaLoraConfig(
        init_r=4, target_r=2, lora_alpha=6, tinit=2, tfinal=3, deltaT=2, total_step=12, target_modules=targets,
        task_type="CAUSAL_LM", **options,
    )  # fmt: skip


def penalty_of(model):
    """The orthogonality penalty by the formula above."""
    norms = []
    for name, p in model.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            gram = p @ p.T if "lora_A" in name else p.T @ p
            norms.append(torch.linalg.norm(gram - torch.eye(len(gram))))
    return sum(norms) / len(norms)


def without_penalty(model):
    """Leaves the cross-entropy alone in what the model returns as its loss."""
    model.peft_config["default"].orth_reg_weight = 0.0


def penalty(case):
    def fields(model):
        ids, labels = short_batch()
        for layer in (m for m in model.modules() if isinstance(m, SVDLinear)):
            x = torch.randn(3, layer.in_features)
            a, b, e = (getattr(layer, f"lora_{k}")["default"] for k in "ABE")
            expected = layer.base_layer(x) + 6 / (4 + 1e-5) * (x @ (a * e).T) @ b.T
            torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)
        weight = 0.5
        plain = model(input_ids=ids, labels=labels).loss.item()
        model.peft_config["default"].orth_reg_weight = weight
        whole = model(input_ids=ids, labels=labels).loss.item()
        model.zero_grad()
        value = penalty_of(model)
        value.backward()
        assert abs(whole - plain - weight * value.item()) < 1e-5
        grads = {file_key(model, n): p.grad.clone() for n, p in trainable(model).items() if p.grad is not None}
        assert not any("lora_E" in key for key in grads)
        write_safetensors(f"{OUT}/{case}/penalty-grads.safetensors", grads)
        return {
            "scale": number(6 / (4 + 1e-5), 9),
            "orthRegWeight": weight,
            "penalty": number(value.item(), 9),
            "lossWithPenalty": number(whole, 9),
        }

    return fields


def prune(model):
    """Masks ranks as the allocator does, and remembers them in the configuration."""
    names = [n for n in trainable(model) if "lora_E" in n]
    pattern = {n.removeprefix("base_model.model."): [bool(k) for k in kept] for n, kept in zip(names, KEPT)}
    assert len(pattern) == len(KEPT)
    model.peft_config["default"].rank_pattern = pattern
    model.base_model.rankallocator.mask_using_rank_pattern(model.base_model.model, pattern)


def folders():
    record("adalora", config_for(), 81, merged="recorded", prepare=without_penalty, extra=penalty("adalora"))
    case = "adalora-pruned"
    folder = record(case, config_for(), 82, finish=prune, prepare=without_penalty, extra=penalty(case))
    beside = config_for(["k_proj", "lm_head"], bias="all")
    record(
        "adalora-biases-head", beside, 83, "llama/qwen2", prepare=without_penalty, save_embedding_layers="auto"
    )
    # Pruned and reloaded computes what masked computed before saving.
    masked = with_adapter(config_for(), 82)
    prune(masked)
    ids = short_batch()[0]
    torch.testing.assert_close(logits_of(load(folder), ids), logits_of(masked, ids), rtol=1e-5, atol=1e-5)


class TwoLinears(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(6, 5, bias=False)
        self.second = torch.nn.Linear(6, 5, bias=False)

    def forward(self, x):
        return self.first(x) + self.second(x)


def allocator():
    """Twenty-four steps of w ← w − 0.05·g with given gradients, each followed by the allocator."""
    quiet_single_thread(84)
    schedule = {"init_r": 4, "target_r": 2, "tinit": 3, "tfinal": 6, "deltaT": 4, "beta1": 0.85, "beta2": 0.8}
    steps, rate = 24, 0.05
    config = AdaLoraConfig(**schedule, total_step=steps, lora_alpha=4, target_modules=["first", "second"])
    model = get_peft_model(TwoLinears(), config)
    tensors, trained = {}, {}
    for name, parameter in trainable(model).items():
        parameter.data.normal_(0.0, 0.5)
        # The second module matters less, so that the two end with different ranks.
        size = 0.6 if "second" in name else 1.0
        key = file_key(model, name).removeprefix("base_model.model.")
        grads = torch.randn(steps, *parameter.shape) * size
        tensors |= {f"before.{key}": parameter.data.clone(), f"grads.{key}": grads}
        trained[key] = (parameter, grads)
    rank = model.base_model.rankallocator
    trace = []
    for step in range(steps):
        for parameter, grads in trained.values():
            parameter.grad = grads[step].clone()
            parameter.data.sub_(rate * parameter.grad)
        allocating = step <= steps - schedule["tfinal"]
        if step == steps - schedule["tfinal"]:
            scored = scores(rank, model)
        model.base_model.update_and_allocate(step)
        if step < steps - schedule["tfinal"]:
            scored = scores(rank, model)
        budget, due = rank.budget_schedule(step)
        masked = allocating and (due or step == steps - schedule["tfinal"])
        entry = {"step": step, "budget": budget, "allocates": masked}
        if allocating:
            entry["scores"] = {k: flat(v, 9) for k, v in scored.items()}
        if masked:
            ordered = torch.cat(list(scored.values())).sort().values
            k = rank.init_bgt - budget
            # No decision hangs on a rounding error.
            assert ordered[k] - ordered[k - 1] > 0.01 * ordered[k]
            entry["threshold"] = number(ordered[k - 1].item(), 9)
            assert sum(sum(v) for v in config.rank_pattern.values()) == budget
        pattern = config.rank_pattern
        if pattern:
            entry["kept"] = {n.removesuffix(".lora_E.default"): [int(v) for v in kept] for n, kept in pattern.items()}
        entry["E"] = {k.removesuffix(".lora_E"): flat(p, 9) for k, (p, _) in trained.items() if k.endswith("lora_E")}
        trace.append(entry)
    tensors |= {f"after.{k}": p.data for k, (p, _) in trained.items()}
    kept = trace[-1]["kept"]
    assert len({sum(v) for v in kept.values()}) > 1
    write_safetensors("adalora/allocator.safetensors", tensors)
    write_json(
        "adalora/allocator.json",
        {"config": schedule | {"total_step": steps}, "learningRate": rate, "modules": list(kept), "trace": trace},
    )


def scores(rank, model):
    """Importance of every rank: that of its E plus the means of its A row and of its B column."""
    out = {}
    for name in ("first", "second"):
        a, b, e = (rank._element_score(f"{name}.lora_{k}.default") for k in "ABE")
        out[name] = e.view(-1) + a.mean(dim=1) + b.mean(dim=0)
    return out


if __name__ == "__main__":
    folders()
    allocator()
