"""The losses of reinforcement with their gradients, and how advantages are made from rewards, in float64.

Writes reinforcement/losses.json: one micro-batch of packed replies as logits, targets, weights, last hidden states and
per-token columns, and for each case the settings, the loss, its gradients, and metrics; and
reinforcement/advantages.json: replies with rewards, penalties and values, and what each algorithm makes of them, with
the estimates of the divergence and the steps of the controller. The formulas here are the papers'; wherever trl has
the same, the script asserts that trl's own lines, run on the same replies, give the same numbers and gradients.
"""

import inspect
import textwrap
from collections import defaultdict
from types import SimpleNamespace

import torch
from trl.experimental.ppo import ppo_trainer
from trl.trainer import grpo_trainer, rloo_trainer

from golden_io import number, packed, quiet_single_thread, write_json

ROWS, TOKENS, VOCAB, WIDTH = 2, 16, 7, 3
# (row, first token, length, tokens of the prompt) of each reply; two replies to each of three prompts.
PLACES = [(0, 0, 6, 2), (0, 6, 4, 2), (0, 10, 5, 3), (1, 0, 8, 3), (1, 8, 3, 1), (1, 11, 4, 1)]
GROUP = 2
LONGEST = 9
PLAIN = {"temperature": 1, "epsilon": 0.2, "beta": 0, "kl_in": "reward", "kl_estimator": "k1", "entropy_coef": 0}
PPO = {**PLAIN, "cliprange_value": 0.2, "vf_coef": 0.1}
CASES = [
    ("ppo", PPO),
    ("ppo", {**PPO, "entropy_coef": 0.05, "vf_coef": 0.7, "temperature": 0.6}),
    ("ppo", {**PPO, "kl_in": "loss", "beta": 0.3, "kl_estimator": "k1", "epsilon_high": 0.4}),
    ("ppo", {**PPO, "kl_in": "loss", "beta": 0.3, "kl_estimator": "k2"}),
    ("rloo", PLAIN),
    ("rloo", {**PLAIN, "epsilon": 0.1, "epsilon_high": 0.5, "temperature": 1.5}),
    ("rloo", {**PLAIN, "kl_in": "loss", "beta": 0.2, "kl_estimator": "k3", "entropy_coef": 0.01}),
    *[("grpo", {**PLAIN, "loss_type": kind, "beta": 0}) for kind in ("grpo", "dr_grpo", "dapo", "cispo")],
    *[
        ("grpo", {**PLAIN, "loss_type": kind, "kl_in": "loss", "beta": 0.4, "kl_estimator": "k3", "epsilon_high": 0.28})
        for kind in ("grpo", "dr_grpo", "dapo", "cispo")
    ],
    ("grpo", {**PLAIN, "loss_type": "dapo", "entropy_coef": 0.02}),
    ("reinforce_pp", PLAIN),
    ("reinforce_pp", {**PLAIN, "kl_in": "loss", "beta": 0.1, "kl_estimator": "k2", "entropy_coef": 0.03}),
]


def lines(function, first, last):
    """The lines of a function from the one that begins with `first` to the one that begins with `last`, to be run."""
    source = inspect.getsource(function).split("\n")
    start = next(i for i, line in enumerate(source) if line.strip().startswith(first))
    end = next(i for i, line in enumerate(source) if i >= start and line.strip().startswith(last))
    return textwrap.dedent("\n".join(source[start : end + 1]))


def run(program, **names):
    exec(compile(program, "trl", "exec"), names)  # noqa: S102
    return names


def per_token(x):
    """Each reply's tokens in a row of their own, at the front, and the mask of what is there."""
    longest = max(length - prompt for _, _, length, prompt in PLACES)
    rows, mask = torch.zeros(len(PLACES), longest, dtype=torch.float64), torch.zeros(len(PLACES), longest)
    for i, (row, start, length, prompt) in enumerate(PLACES):
        count = length - prompt
        rows[i, :count] = x[row, start + prompt - 1 : start + length - 1]
        mask[i, :count] = 1
    return rows, mask


def batch():
    logits = torch.randn(ROWS, TOKENS, VOCAB).mul(1.5).double()
    hidden = torch.randn(ROWS, TOKENS, WIDTH).double()
    targets = torch.zeros(ROWS, TOKENS, dtype=torch.int64)
    weights, slots = torch.zeros(ROWS, TOKENS), torch.full((ROWS, TOKENS), len(PLACES))
    ofreply, oftoken = torch.zeros(ROWS, TOKENS), torch.zeros(ROWS, TOKENS)
    for i, (row, start, length, prompt) in enumerate(PLACES):
        slots[row, start : start + length] = i
        trained = slice(start + prompt - 1, start + length - 1)
        targets[row, trained] = torch.randint(0, VOCAB, (length - prompt,))
        weights[row, trained] = 1
        ofreply[row, trained] = torch.randn(())
        oftoken[row, trained] = torch.randn(length - prompt)
    logp = torch.log_softmax(logits, -1).gather(-1, targets[..., None])[..., 0]
    noise = lambda scale: torch.randn(ROWS, TOKENS) * scale
    columns = {
        "old": (logp + noise(0.25)) * weights,
        "reference": (logp + noise(0.8)) * weights,
        "value": noise(1) * weights,
        "return": noise(1) * weights,
    }
    columns = {name: x.float() for name, x in columns.items()}
    head = {"weight": torch.randn(WIDTH, 1), "bias": torch.randn(1)}
    return SimpleNamespace(
        logits=logits.float(),
        hidden=hidden.float(),
        targets=targets,
        weights=weights,
        slots=slots,
        columns=columns,
        advantage={"reply": ofreply.float(), "token": oftoken.float()},
        head=head,
    )


def measure(kind, settings, data, logits, hidden):
    """(loss, metrics)"""
    mask = data.weights.double()
    column = {name: x.double() for name, x in data.columns.items()}
    advantage = data.advantage["token" if kind in ("ppo", "reinforce_pp") else "reply"].double()
    logs = torch.log_softmax(logits / settings["temperature"], -1)
    logp = logs.gather(-1, data.targets[..., None])[..., 0] * mask
    entropy = -(logs.exp() * logs).sum(-1) * mask
    low, high = 1 - settings["epsilon"], 1 + settings.get("epsilon_high", settings["epsilon"])
    change = (logp - column["old"]) * mask
    ratio = change.exp()
    mean = lambda x: (x * mask).sum() / mask.sum()
    sums = lambda x: per_token(x)[0].sum(-1)
    counts = per_token(mask)[1].sum(-1)
    added = torch.zeros_like(logp)
    if settings["kl_in"] == "loss":
        d = logp - column["reference"]
        estimate = {"k1": d, "k2": d**2 / 2, "k3": torch.exp(-d) - 1 + d}[settings["kl_estimator"]]
        added = added + settings["beta"] * estimate
    added = added - settings["entropy_coef"] * entropy
    clipped = torch.max(-advantage * ratio, -advantage * ratio.clamp(low, high))
    metrics = {"policy/approxkl_avg": mean(change**2 / 2), "val/ratio": mean(ratio)}
    if kind == "ppo":
        value = (hidden @ data.head["weight"].double() + data.head["bias"].double())[..., 0]
        near = torch.max(
            torch.min(value, column["value"] + settings["cliprange_value"]),
            column["value"] - settings["cliprange_value"],
        )
        errors = torch.stack([(value - column["return"]) ** 2, (near - column["return"]) ** 2])
        value_loss = errors.max(0).values / 2
        loss = mean(clipped) + settings["vf_coef"] * mean(value_loss) + mean(added)
        metrics |= {
            "loss/policy_avg": mean(clipped),
            "loss/value_avg": mean(value_loss),
            "policy/entropy_avg": mean(entropy),
            "policy/clipfrac_avg": mean((clipped > -advantage * ratio).double()),
            "val/clipfrac_avg": mean((errors[1] > errors[0]).double()),
        }
        return loss, metrics
    if kind == "rloo":
        ratio, advantage = sums(change).exp(), sums(advantage) / counts
        loss = torch.max(-advantage * ratio, -advantage * ratio.clamp(low, high)).mean() + sums(added).mean()
        metrics["val/ratio"] = ratio.mean()
    elif kind == "reinforce_pp" or settings["loss_type"] == "dapo":
        loss = mean(clipped + added)
    elif settings["loss_type"] == "cispo":
        loss = mean(-ratio.clamp(max=high).detach() * advantage * logp + added)
    elif settings["loss_type"] == "grpo":
        loss = (sums(clipped + added) / counts).mean()
    else:
        loss = sums(clipped + added).sum() / (len(PLACES) * LONGEST)
    share = (lambda x: x.double().mean()) if kind == "rloo" else (lambda x: mean(x.double()))
    metrics |= {
        "entropy": mean(entropy),
        "clip_ratio/low_mean": share((ratio < low) & (advantage < 0)),
        "clip_ratio/high_mean": share((ratio > high) & (advantage > 0)),
    }
    return loss, metrics


def trl_loss(kind, settings, data, logits, hidden):
    """trl's own number, or None where it has no such loss."""
    if settings["entropy_coef"] > 0 or kind == "reinforce_pp":
        return None
    logs = torch.log_softmax(logits / settings["temperature"], -1)
    logp, mask = per_token(logs.gather(-1, data.targets[..., None])[..., 0])
    column = {name: per_token(x.double())[0] for name, x in data.columns.items()}
    if kind == "ppo":
        if settings["kl_in"] == "loss":
            return None
        padding = mask == 0
        value = per_token((hidden @ data.head["weight"].double() + data.head["bias"].double())[..., 0])[0]
        names = {
            "torch": torch,
            "masked_mean": ppo_trainer.masked_mean,
            "vpred": value,
            "micro_batch_inds": slice(None),
            "args": SimpleNamespace(cliprange=settings["epsilon"], **settings),
            "mb_values": column["value"],
            "mb_return": column["return"],
            "padding_mask_p1": padding,
            "padding_mask": padding,
            "new_logprobs": logp * mask,
            "mb_logprobs": column["old"],
            "mb_advantage": per_token(data.advantage["token"].double())[0],
        }
        own = ppo_trainer.PPOTrainer.train
        return run(lines(own, "vpredclipped = torch.clamp(", "loss = pg_loss + "), **names)["loss"]
    same = SimpleNamespace(
        gather=lambda x: x, reduce=lambda x, **_: x, num_processes=1, process_index=0, sync_gradients=False
    )
    high = settings.get("epsilon_high", settings["epsilon"])
    trainer = SimpleNamespace(
        accelerator=same,
        _metrics={"train": defaultdict(list)},
        model=SimpleNamespace(training=True),
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        importance_sampling_level="token",
        use_vllm=False,
        vllm_importance_sampling_correction=False,
        beta=settings["beta"],
        loss_type=settings.get("loss_type"),
        epsilon_low=settings["epsilon"],
        epsilon_high=1 + high if settings.get("loss_type") == "cispo" else high,
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1),
        max_completion_length=LONGEST,
        current_gradient_accumulation_steps=1,
        _entropy_bonus_enabled=False,
        _get_per_token_logps_and_entropies=lambda *_, **__: (logp, torch.zeros_like(logp), None),
    )
    ids = torch.zeros_like(mask, dtype=torch.int64)
    advantage = per_token(data.advantage["reply"].double())[0].sum(-1) / mask.sum(-1)
    inputs = {
        "prompt_ids": ids,
        "prompt_mask": ids,
        "completion_ids": ids,
        "completion_mask": mask,
        "advantages": advantage,
        "old_per_token_logps": column["old"],
        "ref_per_token_logps": column["reference"],
        "old_logps": column["old"].sum(-1),
        "num_items_in_batch": mask.sum(),
    }
    if kind == "rloo":
        if settings["kl_in"] == "loss":
            return None
        return rloo_trainer.RLOOTrainer._compute_loss(trainer, None, inputs)
    return grpo_trainer.GRPOTrainer._compute_loss(trainer, None, inputs)


def losses():
    data = batch()
    cases = []
    for kind, settings in CASES:
        logits, hidden = (x.double().requires_grad_() for x in (data.logits, data.hidden))
        loss, metrics = measure(kind, settings, data, logits, hidden)
        ask = [logits, hidden] if kind == "ppo" else [logits]
        gradients = torch.autograd.grad(loss, ask, retain_graph=True)
        oracle = trl_loss(kind, settings, data, logits, hidden)
        if oracle is not None:
            theirs = torch.autograd.grad(oracle, ask)
            assert abs(oracle.item() - loss.item()) < 1e-12, (kind, settings, oracle, loss)
            for ours, other in zip(gradients, theirs, strict=True):
                assert (ours - other).abs().max() < 1e-12, (kind, settings)
        cases.append(
            {
                "type": kind,
                "settings": settings,
                "trl": oracle is not None,
                "loss": number(loss.item()),
                "gradient": packed(gradients[0], 9),
                **({"of_hidden": packed(gradients[1], 9)} if kind == "ppo" else {}),
                "metrics": {name: number(float(value.detach()), 12) for name, value in metrics.items()},
            }
        )
        print(kind, settings.get("loss_type", ""), "trl" if oracle is not None else "formula", loss.item())
    batch_json = {
        "logits": packed(data.logits, 9),
        "hidden": packed(data.hidden, 9),
        "targets": packed(data.targets),
        "weights": packed(data.weights),
        "slots": packed(data.slots),
        **{name: packed(x, 9) for name, x in data.columns.items()},
        "advantage_of_reply": packed(data.advantage["reply"], 9),
        "advantage_of_token": packed(data.advantage["token"], 9),
        "head_weight": packed(data.head["weight"], 9),
        "head_bias": packed(data.head["bias"], 9),
        "replies": len(PLACES),
    }
    write_json("reinforcement/losses.json", {"longest": LONGEST, "batch": batch_json, "cases": cases})


def ragged(x, mask):
    return [
        [number(float(v)) for v, here in zip(row, own, strict=True) if here] for row, own in zip(x, mask, strict=True)
    ]


def advantages():
    """Of six replies to three prompts, two each."""
    lengths = [3, 5, 1, 4, 2, 6]
    longest = max(lengths)
    mask = torch.tensor([[t < length for t in range(longest)] for length in lengths])
    pad = lambda x: torch.where(mask, x, 0)
    old, reference, values = (pad(torch.randn(len(lengths), longest).double()) for _ in range(3))
    rewards = torch.randn(len(lengths)).double()
    divergence = old - reference
    cases = []
    for whiten in (False, True):
        for estimator in ("k1", "k3"):
            args = SimpleNamespace(kl_estimator=estimator, kl_coef=0.15, whiten_rewards=whiten, gamma=0.98, lam=0.9)
            last = torch.tensor(lengths) - 1
            names = {
                "torch": torch,
                "masked_whiten": ppo_trainer.masked_whiten,
                "args": args,
                "ref_logprobs": reference,
                "logprobs": old,
                "sequence_lengths": last,
                "sequence_lengths_p1": last,
                "scores": rewards,
                "values": values,
                "padding_mask": ~mask,
                "padding_mask_p1": ~mask,
                "responses": mask,
            }
            got = run(
                lines(ppo_trainer.PPOTrainer.train, "logr = ref_logprobs - logprobs", "advantages = torch.masked_fill"),
                **names,
            )
            cases.append(
                {
                    "type": "ppo",
                    "settings": {"gamma": args.gamma, "lam": args.lam, "whiten_rewards": whiten},
                    "penalties": ragged(got["non_score_reward"], mask),
                    "advantages": ragged(got["advantages"], mask),
                    "returns": ragged(got["returns"], mask),
                }
            )
    plain = torch.zeros_like(old)
    spread = lambda x: ragged(x[:, None].expand(-1, longest), mask)
    for beta, normalize, clip in ((0.0, False, None), (0.1, False, None), (0.1, True, None), (0.1, False, [-0.5, 0.5])):
        trainer = SimpleNamespace(beta=beta, normalize_advantages=normalize)
        given = rewards.clamp(*clip) if clip else rewards
        own = rloo_trainer.RLOOTrainer._generate_and_score_completions
        got = run(
            lines(own, "grouped_rewards = rewards.view(", "advantages = torch.nan_to_num"),
            self=trainer,
            torch=torch,
            nanstd=rloo_trainer.nanstd,
            num_generations=GROUP,
            rewards=given - beta * divergence.sum(-1),
        )
        cases.append(
            {
                "type": "rloo",
                "settings": {"normalize_advantages": normalize, **({"reward_clip_range": clip} if clip else {})},
                "penalties": ragged(-beta * divergence, mask),
                "advantages": spread(got["advantages"]),
            }
        )
    for scale in ("group", "batch", "none"):
        program = lines(
            grpo_trainer.GRPOTrainer._generate_and_score_completions,
            "mean_grouped_rewards = torch.nanmean(rewards.view(",
            "is_std_zero",
        )
        got = run(
            program,
            self=SimpleNamespace(scale_rewards=scale),
            torch=torch,
            nanstd=grpo_trainer.nanstd,
            rewards=rewards.clone(),
            num_generations=GROUP,
        )
        cases.append(
            {
                "type": "grpo",
                "settings": {"scale_rewards": scale},
                "penalties": ragged(plain, mask),
                "advantages": spread(got["advantages"]),
            }
        )
    for gamma, baseline in ((1.0, "none"), (0.9, "none"), (1.0, "group")):
        given = rewards - rewards.view(-1, GROUP).mean(1).repeat_interleave(GROUP) if baseline == "group" else rewards
        per = -0.05 * divergence
        per[torch.arange(len(lengths)), torch.tensor(lengths) - 1] += given
        returns, after = torch.zeros_like(per), torch.zeros(len(lengths)).double()
        for t in reversed(range(longest)):
            after = per[:, t] + gamma * after
            returns[:, t] = after
        cases.append(
            {
                "type": "reinforce_pp",
                "settings": {"gamma": gamma, "baseline": baseline},
                "penalties": ragged(-0.05 * divergence, mask),
                "advantages": ragged(ppo_trainer.masked_whiten(returns, mask), mask),
            }
        )
    estimates = [
        {
            "d": number(d),
            "k1": number(d),
            "k2": number(d * d / 2),
            "k3": number(float(torch.expm1(torch.tensor(-d).double()) + d)),
        }
        for d in (-2.5, -0.3, 0.0, 0.01, 1.7)
    ]
    beta, steps = 0.2, []
    for kl in (0.0, 3.0, 6.5, 20.0, 6.0):
        # Ziegler et al. 2019, 2.2; as in trl's AdaptiveKLController until it left.
        error = min(max(kl / 6 - 1, -0.2), 0.2)
        after = beta * (1 + error * 64 / 1000)
        steps.append({"beta": number(beta), "kl": kl, "next": number(after)})
        beta = after
    write_json(
        "reinforcement/advantages.json",
        {
            "generations": GROUP,
            "rewards": [number(float(x)) for x in rewards],
            "values": ragged(values, mask),
            "cases": cases,
            "estimates": estimates,
            "controller": {"target": 6, "horizon": 1000, "replies": 64, "steps": steps},
        },
    )


def main():
    quiet_single_thread(11)
    losses()
    # Counts are divided in the default type.
    torch.set_default_dtype(torch.float64)
    advantages()


if __name__ == "__main__":
    main()
