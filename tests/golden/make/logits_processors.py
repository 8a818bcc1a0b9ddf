"""Scores after transformers' logits processors, alone and combined, in float64.

Writes decode/logits-processors.json. A case has the `settings` by transformers' names, the ids so far (`prompt` and
`generated`), the `logits` and the `scores` after all of its processors in the order of `GenerationMixin`; null is -inf.
"""

import math

import torch
import transformers
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from golden_io import flat, number, quiet_single_thread, write_json

VOCABULARY = 17
# In the order in which `GenerationMixin` applies them.
PROCESSORS = {
    "repetition_penalty": RepetitionPenaltyLogitsProcessor,
    "temperature": TemperatureLogitsWarper,
    "top_k": TopKLogitsWarper,
    "top_p": TopPLogitsWarper,
    "min_p": MinPLogitsWarper,
}
SETTINGS = [
    {"top_k": 1}, {"top_k": 5}, {"top_k": VOCABULARY}, {"top_k": 40},
    {"min_p": 0.02}, {"min_p": 0.3}, {"min_p": 1.0},
    {"repetition_penalty": 1.3}, {"repetition_penalty": 0.7}, {"repetition_penalty": 2.5},
    {"temperature": 0.6, "top_k": 6, "min_p": 0.1},
    {"temperature": 1.5, "top_k": 12, "top_p": 0.8, "min_p": 0.05},
    {"repetition_penalty": 1.2, "temperature": 0.8, "top_k": 8, "top_p": 0.9},
    {"repetition_penalty": 1.1, "temperature": 2.0, "min_p": 0.4},
]  # fmt: skip


def case(settings, ties):
    logits = torch.randn(VOCABULARY, dtype=torch.float64).mul(3).round(decimals=4)
    if ties:
        logits = logits.round()
    prompt, generated = torch.randint(VOCABULARY, (4,)).tolist(), torch.randint(VOCABULARY, (5,)).tolist()
    chain = LogitsProcessorList(make(settings[name]) for name, make in PROCESSORS.items() if name in settings)
    scores = chain(torch.tensor([prompt + generated]), logits[None].clone())[0]
    return {
        "settings": settings, "prompt": prompt, "generated": generated, "logits": flat(logits),
        "scores": [None if math.isinf(score) else number(score) for score in scores.tolist()],
    }  # fmt: skip


if __name__ == "__main__":
    quiet_single_thread(50)
    cases = [case(settings, ties) for settings in SETTINGS for ties in (False, True)]
    # Which of two equal tokens top_p keeps depends on the sort, so tied logits say nothing about it.
    cases = [c for i, c in enumerate(cases) if i % 2 == 0 or "top_p" not in c["settings"]]
    write_json(
        "decode/logits-processors.json",
        {"torch": torch.__version__, "transformers": transformers.__version__, "cases": cases},
    )
