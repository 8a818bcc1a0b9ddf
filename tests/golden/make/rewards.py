"""The losses of reward models and their gradients, in float64.

Writes preferences/rewards.json: one micro-batch of packed completions as final states, the last token of each, and a head;
for each case the settings, the loss, its gradients with respect to the states and the head, and the metrics. For pairs the
script asserts that trl's RewardTrainer gives the same number; rankings are Plackett and Luce's formula term by term.
"""

from collections import defaultdict
from types import SimpleNamespace

import torch
from trl import RewardTrainer

from golden_io import number, packed, quiet_single_thread, write_json

ROWS, TOKENS, WIDTH = 2, 12, 6
# (row, first token, length, tokens of the prompt) of each completion.
PLACES = [(0, 0, 5, 2), (0, 5, 3, 1), (0, 8, 4, 2), (1, 0, 6, 3), (1, 6, 3, 1), (1, 9, 3, 2)]
MARGINS, RATINGS = [0.0, 0.75, 2.0], [0.5, -1.25, 2.0, 0.0, 0.1, -0.7]
# The places of each ranking, the best first; the second has fewer than the graph has room for.
RANKINGS = [[0, 3, 1, 5], [2, 4]]
CASES = [
    ("pairs", {"centring": 0}, False),
    ("pairs", {"centring": 0}, True),
    ("pairs", {"centring": 0.3}, True),
    ("ranking", {"centring": 0}, False),
    ("ranking", {"centring": 0.3}, False),
    ("rating", {"centring": 0}, False),
]


class Head(SimpleNamespace):
    training = True

    def __call__(self, **_):
        return SimpleNamespace(logits=self.rewards[:, None])


def trl_loss(rewards, margins, centring):
    same = SimpleNamespace(gather=lambda x: x, gather_for_metrics=lambda x: x)
    own = SimpleNamespace(
        accelerator=same, _metrics={"train": defaultdict(list)}, _total_train_tokens=0, _tp_size=1,
        args=SimpleNamespace(center_rewards_coefficient=centring or None),
    )  # fmt: skip
    inputs = {"attention_mask": torch.ones(1)} | ({} if margins is None else {"margin": margins})
    # trl has the chosen ones first.
    own.model = Head(rewards=torch.cat([rewards[0::2], rewards[1::2]]))
    loss = RewardTrainer.compute_loss(own, own.model, inputs)
    return loss, {name: values[-1] for name, values in own._metrics["train"].items() if name != "num_tokens"}


def lengths():
    return torch.tensor([length - prompt for _, _, length, prompt in PLACES])


def order_metrics(groups, rewards):
    accuracy, margin, longer = [], [], []
    for group in groups:
        pairs = [(i, j) for at, i in enumerate(group) for j in group[at + 1 :]]
        difference = torch.stack([rewards[i] - rewards[j] for i, j in pairs])
        longest = torch.stack([(torch.sign(lengths()[i] - lengths()[j]) + 1) / 2 for i, j in pairs])
        accuracy.append((difference > 0).double().mean())
        margin.append(difference.mean())
        longer.append(longest.double().mean())
    named = {"accuracy": accuracy, "margin": margin, "length_accuracy": longer}
    return {name: torch.stack(values).mean() for name, values in named.items()}


def level_metrics(groups, rewards):
    used = torch.cat([rewards[group] for group in groups])
    mean = torch.stack([rewards[group].mean() for group in groups]).mean()
    return {"min_reward": used.min(), "mean_reward": mean, "max_reward": used.max()}


def measure(goal, settings, with_margins, rewards):
    centring = settings["centring"]
    if goal == "rating":
        error = rewards - torch.tensor(RATINGS, dtype=torch.float64)
        groups = [[i] for i in range(len(PLACES))]
        return (error**2).mean(), {"mean_absolute_error": error.abs().mean(), **level_metrics(groups, rewards)}
    groups = [[0, 1], [2, 3], [4, 5]] if goal == "pairs" else RANKINGS
    losses = []
    for at, group in enumerate(groups):
        own = rewards[group]
        if goal == "pairs":
            margin = MARGINS[at] if with_margins else 0
            loss = -torch.log(torch.sigmoid(own[0] - own[1] - margin))
        else:
            loss = sum(torch.log(torch.exp(own[i:]).sum()) - own[i] for i in range(len(group)))
        losses.append(loss + centring * (2 * own.mean()) ** 2)
    return torch.stack(losses).mean(), {**order_metrics(groups, rewards), **level_metrics(groups, rewards)}


def main():
    quiet_single_thread(6)
    states = torch.randn(ROWS, TOKENS, WIDTH).float()
    weight, bias = torch.randn(WIDTH, 1).float(), torch.randn(1).float()
    ends = [row * TOKENS + start + length - 1 for row, start, length, _ in PLACES]
    cases = []
    for goal, settings, with_margins in CASES:
        at, head, shift = (x.double().requires_grad_() for x in (states, weight, bias))
        rewards = (at.reshape(-1, WIDTH)[ends] @ head)[:, 0] + (shift if goal == "rating" else 0)
        loss, metrics = measure(goal, settings, with_margins, rewards)
        slopes = torch.autograd.grad(loss, [at, head], retain_graph=True)
        if goal == "pairs":
            margins = torch.tensor(MARGINS, dtype=torch.float64) if with_margins else None
            oracle, theirs = trl_loss(rewards, margins, settings["centring"])
            assert abs(oracle.item() - loss.item()) < 1e-12, (settings, oracle, loss)
            for name, value in theirs.items():
                # Its accuracy is a float32.
                tolerance = 1e-6 if name == "accuracy" else 1e-12
                assert abs(value - metrics[name].item()) < tolerance, (name, value, metrics[name])
            assert (torch.autograd.grad(oracle, at)[0] - slopes[0]).abs().max() < 1e-12
        cases.append(
            {
                "goal": goal, "settings": settings, "margins": with_margins, "loss": number(loss.item()),
                "states": packed(slopes[0], 9), "weight": packed(slopes[1], 9),
                "metrics": {name: number(value.item(), 12) for name, value in metrics.items()},
            }
        )  # fmt: skip
    batch = {
        "states": packed(states, 9), "weight": packed(weight, 9), "bias": packed(bias, 9), "places": PLACES,
        "margins": MARGINS, "ratings": RATINGS, "rankings": RANKINGS,
    }  # fmt: skip
    write_json("preferences/rewards.json", {"batch": batch, "cases": cases})


if __name__ == "__main__":
    main()
