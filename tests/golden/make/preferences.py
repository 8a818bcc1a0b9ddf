"""The losses on preferences and their gradients, in float64.

Writes preferences/losses.json: one micro-batch of packed completions as logits, targets, weights and the reference's
log-probabilities, and for each case the settings, the loss, its gradient with respect to the logits, and the metrics.
The completions are pairs, or single ones with labels. The formulas here are the papers'; wherever trl has the same
loss, the script asserts that trl's own trainer code gives the same number and gradient on the same completions.
"""

from collections import defaultdict
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from trl import DPOTrainer, KTOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer

from golden_io import number, packed, quiet_single_thread, write_json

ROWS, TOKENS, VOCAB = 2, 16, 7
# (row, first token, length, tokens of the prompt) of each completion; pairs follow one another.
PLACES = [(0, 0, 6, 2), (0, 6, 4, 2), (0, 10, 5, 3), (1, 0, 8, 3), (1, 8, 3, 1), (1, 11, 4, 1)]
LABELS, KL = [1, 0, 0, 1, 1, 0], 0.35
DPO, IPO, SIMPO = {"beta": 0.3, "label_smoothing": 0}, {"beta": 0.7}, {"beta": 2, "gamma": 0.8, "label_smoothing": 0}
CASES = [
    ("dpo", {**DPO, "loss_type": "sigmoid"}),
    ("dpo", {**DPO, "label_smoothing": 0.15, "loss_type": "sigmoid"}),
    ("dpo", {**DPO, "loss_type": "hinge"}),
    ("dpo", {**DPO, "label_smoothing": 0.15, "loss_type": "robust"}),
    ("dpo", {**DPO, "loss_type": ["sigmoid", "hinge"], "loss_weights": [1, 0.5]}),
    ("ipo", {**IPO, "length_normalization": "average"}),
    ("ipo", {**IPO, "length_normalization": "sum"}),
    ("orpo", {"beta": 0.4}),
    ("simpo", SIMPO),
    ("simpo", {**SIMPO, "label_smoothing": 0.1}),
    ("kto", {"beta": 0.5, "desirable_weight": 1, "undesirable_weight": 1.5}),
]


def batch():
    logits = torch.randn(ROWS, TOKENS, VOCAB).mul(2).double()
    reference_logits = logits + torch.randn(ROWS, TOKENS, VOCAB).double()
    targets = torch.zeros(ROWS, TOKENS, dtype=torch.int64)
    weights = torch.zeros(ROWS, TOKENS)
    for row, start, length, prompt in PLACES:
        # The position before a token predicts it.
        trained = slice(start + prompt - 1, start + length - 1)
        targets[row, trained] = torch.randint(0, VOCAB, (length - prompt,))
        weights[row, trained] = 1
    reference = log_probabilities(reference_logits, targets, weights).float()
    return logits, targets, weights, reference


def log_probabilities(logits, targets, weights):
    return torch.log_softmax(logits, -1).gather(-1, targets[..., None])[..., 0] * weights


def per_example(x):
    return torch.stack([x[row, start : start + length].sum() for row, start, length, _ in PLACES])


def sides(x):
    return x[0::2], x[1::2]


def dpo_losses(settings, margin):
    epsilon = settings["label_smoothing"]
    kinds = settings["loss_type"] if isinstance(settings["loss_type"], list) else [settings["loss_type"]]
    total = 0
    for kind, weight in zip(kinds, settings.get("loss_weights", [1] * len(kinds)), strict=True):
        right, wrong = torch.log(torch.sigmoid(margin)), torch.log(torch.sigmoid(-margin))
        total = total + weight * {
            "sigmoid": -(1 - epsilon) * right - epsilon * wrong,
            "hinge": torch.clamp(1 - margin, min=0),
            "robust": (-(1 - epsilon) * right + epsilon * wrong) / (1 - 2 * epsilon),
        }[kind]
    return total


def measure(kind, settings, logits, targets, weights, reference):
    """(loss, metrics, log-probabilities per token)"""
    beta = settings["beta"]
    per_token = log_probabilities(logits, targets, weights)
    logps, ratios, counts = (per_example(x) for x in (per_token, per_token - reference.double(), weights.double()))
    mean = {}
    if kind == "kto":
        labels = torch.tensor(LABELS, dtype=torch.bool)
        rewards = beta * ratios
        better = settings["desirable_weight"] * (1 - torch.sigmoid(beta * (ratios - KL)))
        worse = settings["undesirable_weight"] * (1 - torch.sigmoid(beta * (KL - ratios)))
        loss = torch.where(labels, better, worse).mean()
        (c, r), (lc, lr) = ((x[labels].mean(), x[~labels].mean()) for x in (rewards, logps))
        mean = {"kl": KL}
    else:
        if kind in ("orpo", "simpo"):
            logps = logps / counts
            rewards = beta * logps
        else:
            rewards = beta * ratios
        (c, r), (lc, lr) = sides(rewards), sides(logps)
        if kind == "dpo":
            losses = dpo_losses(settings, c - r)
        elif kind == "ipo":
            average = settings["length_normalization"] == "average"
            ic, ir = sides(ratios / counts if average else ratios)
            losses = (ic - ir - 1 / (2 * beta)) ** 2
        elif kind == "orpo":
            odds = torch.log(torch.exp(lc) / (1 - torch.exp(lc))) - torch.log(torch.exp(lr) / (1 - torch.exp(lr)))
            ratio = torch.log(torch.sigmoid(odds))
            losses = -lc - beta * ratio
            mean = {"nll_loss": -lc, "log_odds_ratio": ratio, "log_odds_chosen": odds}
        else:
            margin, epsilon = c - r - settings["gamma"], settings["label_smoothing"]
            losses = -(1 - epsilon) * F.logsigmoid(margin) - epsilon * F.logsigmoid(-margin)
        loss = losses.mean()
        mean["rewards/accuracies"] = (c > r).double()
    mean |= {"rewards/chosen": c, "rewards/rejected": r, "rewards/margins": c.mean() - r.mean()}
    mean |= {"logps/chosen": lc, "logps/rejected": lr}
    metrics = {name: float(torch.as_tensor(v).detach().mean()) for name, v in mean.items()}
    return loss, metrics, (per_token, logps, ratios)


def trl_inputs(per_token, reference):
    """Each completion in a row of its own behind its prompt, as trl's collators lay them out: chosen ones first."""
    longest = max(length for _, _, length, _ in PLACES)
    mask = torch.zeros(len(PLACES), longest, dtype=torch.int64)
    logps = torch.zeros(len(PLACES), longest - 1, dtype=torch.float64)
    for i, (row, start, length, prompt) in enumerate(PLACES):
        mask[i, prompt:length] = 1
        logps[i, : length - 1] = per_token[row, start : start + length - 1]
    return mask, logps, per_example(reference.double())


class Model(SimpleNamespace):
    """A model that has computed its log-probabilities."""

    training = True

    def __call__(self, **_):
        zeros = torch.zeros_like(self.log_probs)
        return SimpleNamespace(log_probs=self.log_probs, entropy=zeros, mean_logits=zeros, is_top1=zeros > 1)


def trainer(**attributes):
    same = SimpleNamespace(
        device="cpu", gather=lambda x: x, gather_for_metrics=lambda x: x, reduce=lambda x, **_: x, num_processes=1
    )
    metrics = {"train": defaultdict(list)}
    return SimpleNamespace(
        accelerator=same, _metrics=metrics, aux_loss_enabled=False, precompute_ref_logps=True, ld_alpha=None,
        f_divergence_type="reverse_kl", use_weighting=False, _total_train_tokens=0, _tp_size=1, alpha=0.0, **attributes
    )  # fmt: skip


def trl_loss(kind, settings, reference, per_token, logps, ratios):
    """trl's own number, or None where it has no such loss."""
    beta, epsilon = settings["beta"], settings.get("label_smoothing", 0)
    mask, rows, ref = trl_inputs(per_token, reference)
    ids = torch.zeros_like(mask)
    if kind in ("dpo", "ipo"):
        if settings.get("length_normalization") == "sum":
            return None
        if kind == "dpo" and epsilon > 0 and settings["loss_type"] == "sigmoid":
            # DPOTrainer leaves smoothing out of this one; CPOTrainer has the same loss of its own margin.
            own = trainer(beta=beta, label_smoothing=epsilon, loss_type="sigmoid")
            return CPOTrainer.cpo_loss(own, *sides(ratios))[0].mean()
        kinds = ["ipo"] if kind == "ipo" else settings["loss_type"]
        kinds = kinds if isinstance(kinds, list) else [kinds]
        own = trainer(
            beta=beta, label_smoothing=epsilon, loss_types=kinds, loss_weights=settings.get("loss_weights", [1])
        )
        order = [*range(0, len(PLACES), 2), *range(1, len(PLACES), 2)]
        own.model = Model(log_probs=rows[order])
        inputs = {
            "input_ids": ids[order], "attention_mask": torch.ones_like(ids), "completion_mask": mask[order],
            "ref_chosen_logps": ref[0::2], "ref_rejected_logps": ref[1::2],
        }  # fmt: skip
        return DPOTrainer._compute_loss(own, own.model, inputs, False)
    if kind == "orpo":
        c, r = sides(logps)
        return (-c - ORPOTrainer.odds_ratio_loss(trainer(beta=beta), c, r)[0].double()).mean()
    if kind == "simpo":
        own = trainer(beta=beta, label_smoothing=epsilon, loss_type="simpo", simpo_gamma=settings["gamma"])
        return CPOTrainer.cpo_loss(own, *sides(logps))[0].mean()
    own = trainer(
        beta=beta, loss_type="kto", calculate_KL=True, desirable_weight=settings["desirable_weight"],
        undesirable_weight=settings["undesirable_weight"],
    )  # fmt: skip
    own._compute_kl_logps = lambda *_: torch.full((len(PLACES),), KL, dtype=torch.float64)
    own.model = Model(log_probs=rows)
    inputs = {
        "input_ids": ids, "attention_mask": torch.ones_like(ids), "completion_mask": mask, "ref_logps": ref,
        "ref_KL_logps": torch.zeros(len(PLACES), dtype=torch.float64), "label": torch.tensor(LABELS),
    }  # fmt: skip
    return KTOTrainer._compute_loss(own, own.model, inputs, False)


def main():
    quiet_single_thread(5)
    logits, targets, weights, reference = batch()
    cases = []
    for kind, settings in CASES:
        at = logits.clone().requires_grad_()
        loss, metrics, values = measure(kind, settings, at, targets, weights, reference)
        (gradient,) = torch.autograd.grad(loss, at, retain_graph=True)
        oracle = trl_loss(kind, settings, reference, *values)
        if oracle is not None:
            # ORPOTrainer computes in float32.
            tolerance = 1e-6 if kind == "orpo" else 1e-12
            (theirs,) = torch.autograd.grad(oracle, at)
            assert abs(oracle.item() - loss.item()) < tolerance, (kind, settings, oracle, loss)
            assert (theirs - gradient).abs().max() < tolerance, (kind, settings)
        cases.append(
            {
                "type": kind, "settings": settings, "trl": oracle is not None, "loss": number(loss.item()),
                "gradient": packed(gradient, 9), "metrics": {name: number(v, 12) for name, v in metrics.items()},
            }
        )  # fmt: skip
    slots = torch.full((ROWS, TOKENS), len(PLACES))
    for i, (row, start, length, _) in enumerate(PLACES):
        slots[row, start : start + length] = i
    batch_json = {
        "logits": packed(logits.float(), 9), "targets": packed(targets), "weights": packed(weights),
        "reference": packed(reference, 9), "slots": packed(slots), "labels": LABELS, "kl": KL,
    }  # fmt: skip
    write_json("preferences/losses.json", {"batch": batch_json, "cases": cases})


if __name__ == "__main__":
    main()
