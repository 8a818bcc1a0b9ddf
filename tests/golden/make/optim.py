"""torch.optim.AdamW trajectories in float64 on a small vector and transformers' learning-rate schedules.

Writes optim/adamw.json. `gradients` and `parameters` are [step][element]; `parameters[s]` is the value after step s.
`gradNorms` and `clipped` appear where the gradient is clipped first (torch scales by min(1, max / (norm + 1e-6))).
A schedule's `rates[s]` is the rate that step s (from 0) uses.
"""

import torch
import transformers
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
    get_wsd_schedule,
)

from golden_io import flat, number, quiet_single_thread, write_json

STEPS = 12


def trajectory(name, lr, beta1, beta2, epsilon, decay, max_norm=None, scale=1.0):
    parameter = torch.nn.Parameter(torch.tensor([0.5, -1.25, 2.0, 0.0, -0.001], dtype=torch.float64))
    optimizer = torch.optim.AdamW([parameter], lr=lr, betas=(beta1, beta2), eps=epsilon, weight_decay=decay)
    drawn = (torch.randn(STEPS, 5, dtype=torch.float64) * scale).round(decimals=3)
    drawn[3] = 0.0
    result = {
        "name": name, "learningRate": lr, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "weightDecay": decay,
        "initial": flat(parameter), "gradients": [flat(g) for g in drawn], "parameters": [],
    }  # fmt: skip
    if max_norm is not None:
        result |= {"maxGradNorm": max_norm, "gradNorms": [], "clipped": []}
    for gradient in drawn:
        parameter.grad = gradient.clone()
        if max_norm is not None:
            result["gradNorms"].append(number(torch.nn.utils.clip_grad_norm_([parameter], max_norm).item()))
            result["clipped"].append(flat(parameter.grad))
        optimizer.step()
        result["parameters"].append(flat(parameter))
    state = optimizer.state[parameter]
    return result | {"firstMoment": flat(state["exp_avg"]), "secondMoment": flat(state["exp_avg_sq"])}


def rates(make, total, base, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    schedule = make(optimizer, **options)
    out = []
    for _ in range(total):
        out.append(number(schedule.get_last_lr()[0]))
        optimizer.step()
        schedule.step()
    return out


def schedules():
    cases = []
    for warmup, total in [(0, 10), (3, 20), (5, 5), (1, 2)]:
        common = {"warmupSteps": warmup, "totalSteps": total, "learningRate": 0.001}
        kinds = [
            ("cosine", get_cosine_schedule_with_warmup, {"num_warmup_steps": warmup, "num_training_steps": total}),
            ("linear", get_linear_schedule_with_warmup, {"num_warmup_steps": warmup, "num_training_steps": total}),
            ("constant", get_constant_schedule_with_warmup, {"num_warmup_steps": warmup}),
        ]
        for kind, make, options in kinds:
            cases.append({"kind": kind} | common | {"rates": rates(make, total, 0.001, **options)})
    for warmup, decay, total in [(0, 4, 10), (3, 5, 20), (2, 8, 10), (1, 0, 6)]:
        for shape in ["linear", "cosine", "1-sqrt"]:
            options = {"num_warmup_steps": warmup, "num_decay_steps": decay, "num_training_steps": total}
            case = {"kind": "wsd", "warmupSteps": warmup, "totalSteps": total, "learningRate": 0.001}
            case |= {"decay": {"steps": decay, "shape": shape}}
            case |= {"rates": rates(get_wsd_schedule, total, 0.001, decay_type=shape, **options)}
            cases.append(case)
    return cases


if __name__ == "__main__":
    quiet_single_thread(40)
    trajectories = [
        trajectory("no decay", 0.01, 0.9, 0.999, 1e-8, 0.0),
        trajectory("decay", 0.01, 0.9, 0.999, 1e-8, 0.1),
        trajectory("other betas, large epsilon", 0.1, 0.8, 0.95, 1e-2, 0.01),
        trajectory("clipped to norm 1", 0.01, 0.9, 0.999, 1e-8, 0.01, max_norm=1.0),
        trajectory("norm mostly below the limit", 0.01, 0.9, 0.999, 1e-8, 0.01, max_norm=1.0, scale=0.2),
    ]
    write_json(
        "optim/adamw.json",
        {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "trajectories": trajectories,
            "schedules": schedules(),
        },
    )
