"""One step of each steering method on one text's logits [V] in float64; -inf rules a token out.

DoLa, the nucleus and classifier-free guidance are transformers' own functions. The repositories of DExperts,
contrastive decoding, context-aware decoding, FUDGE and GeDi cannot be installed: their steps stand here in our words.
"""

import math

import torch
from transformers import UnbatchedClassifierFreeGuidanceLogitsProcessor
from transformers.generation.logits_process import TopPLogitsWarper
from transformers.generation.utils import _dola_select_contrast, _relative_top_filter
from transformers.modeling_outputs import CausalLMOutputWithPast

INFINITY = float("inf")


class Fixed(torch.nn.Module):
    """A model whose logits are these: the guidance processor runs a model itself."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, *_, **__):
        return CausalLMOutputWithPast(logits=self.logits[None, None])


def guidance(own, negative, scale):
    processor = UnbatchedClassifierFreeGuidanceLogitsProcessor(scale, Fixed(negative))
    return processor(torch.tensor([[0]]), own[None].clone())[0]


def dola(own, exits, relative_top=0.1):
    """`exits`: layer as transformers counts it → logits. Only the default share can be asked of its whole function."""
    premature = {layer: logits[None].clone() for layer, logits in exits.items()}
    if relative_top == 0.1:
        return _dola_select_contrast(list(exits), premature, own[None].clone())[0]
    (only,) = premature.values()
    # A share of 0 has no logarithm in numpy without a warning; it keeps every token.
    final, base = _relative_top_filter(own[None].clone(), only, relative_top or 1e-300)
    return (final - base)[0]


def nucleus(logits, top_p):
    return logits.clone() if top_p >= 1 else TopPLogitsWarper(top_p)(None, logits[None].clone())[0]


def dexperts(own, expert, antiexpert, alpha, top_p):
    """The authors' ensemble; an expert that is missing is the model itself."""
    expert = own if expert is None else expert
    antiexpert = own if antiexpert is None else antiexpert
    return nucleus(own, top_p) + alpha * (expert - antiexpert)


def plausible(logs, alpha):
    """Keeps what has at least the share `alpha` of the likeliest."""
    least = -INFINITY if alpha == 0 else float(logs.max()) + math.log(alpha)
    return torch.where(logs < least, torch.full_like(logs, -INFINITY), logs)


def contrast(expert, amateur, alpha, temperature, expert_temperature=1.0):
    """Li et al.: the expert's plausible log-probabilities less the amateur's at its temperature."""
    logs = torch.log_softmax(expert / expert_temperature, -1)
    return plausible(logs, alpha) - torch.log_softmax(amateur / temperature, -1)


def contrast_by_strength(expert, amateur, alpha, beta, temperature=1.0):
    """O'Brien and Lewis: logits, over the expert's plausible tokens; with alpha 0, Shi et al.'s with a context."""
    kept = plausible(torch.log_softmax(expert, -1), alpha) > -INFINITY
    scores = (1 + beta) * expert - beta * amateur / temperature
    return torch.where(kept, scores, torch.full_like(scores, -INFINITY))


def fudge(own, log_probability, strength, top_k):
    """`log_probability(token)`: of the class after that token."""
    top = own.topk(min(top_k, own.shape[0]))
    scores = torch.full_like(own, -INFINITY)
    for token, logit in zip(top.indices.tolist(), top.values, strict=True):
        scores[token] = logit + strength * log_probability(token)
    return scores


class Gedi:
    """The state that the authors keep for one text: the sum of each class's log-probabilities, and their number."""

    def __init__(self, scale, bias, temperature=1.0):
        self.scale, self.bias, self.temperature = scale, torch.tensor(bias, dtype=torch.float64), temperature
        self.sums, self.length, self.last = torch.zeros(len(bias), dtype=torch.float64), 0, None

    def step(self, own, rows, label, strength, filter_p, target_p):
        """`rows` [K, V]: the class-conditional logits. Gives the scores [V]."""
        self.last = torch.log_softmax(rows, -1) + self.sums[:, None]
        evidence = self.scale * self.last / (self.length + 1) + self.bias[:, None]
        wanted = torch.log_softmax(evidence / self.temperature, 0)[label]
        scores = torch.log_softmax(own, -1) + strength * wanted
        order = torch.argsort(wanted)
        mass = torch.cumsum(torch.softmax(scores, -1)[order], -1)
        removed = (mass < filter_p) & (wanted[order] < math.log(target_p))
        scores[order[removed]] = -INFINITY
        return scores

    def choose(self, token):
        self.sums, self.length = self.last[:, token], self.length + 1


def token_values(own, values, label, strength, temperature):
    """`values` [K, V]: each class's value of each next token."""
    return own + strength * torch.log_softmax(values / temperature, 0)[label]
