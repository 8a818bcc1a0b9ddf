"""The statistics of a sweep's texts: n-grams and perplexity from PyTorch, quantiles and a whole bootstrap from NumPy.

Writes sweep/statistics.json. `texts` are lists of token ids; `distinct` and `repetition` are counted by `torch.unique` over
unfolded windows. `perplexity` is exp of PyTorch's cross-entropy of random logits, whose log-probabilities are `logprobs`.
`bootstrap` is the exact distribution of a ratio over all n^n draws of n groups, of which the quantiles are taken.
"""

import itertools

import numpy as np
import torch

from golden_io import quiet_single_thread, write_json

VOCABULARY = 6


def distinct(texts: list[list[int]], n: int) -> float | None:
    windows = [torch.tensor(text).unfold(0, n, 1) for text in texts if len(text) >= n]
    if not windows:
        return None
    every = torch.cat(windows)
    return torch.unique(every, dim=0).shape[0] / every.shape[0]


def repetition(texts: list[list[int]], n: int) -> float | None:
    shares = [1 - distinct([text], n) for text in texts if len(text) >= n]
    return float(np.mean(shares)) if shares else None


def case(generator: torch.Generator, lengths: list[int]) -> dict:
    texts = [torch.randint(VOCABULARY, (length,), generator=generator).tolist() for length in lengths]
    every = torch.tensor([token for text in texts for token in text])
    logits = 2 * torch.randn((len(every), VOCABULARY), generator=generator, dtype=torch.float64)
    logprobs = torch.log_softmax(logits, -1).gather(1, every[:, None])[:, 0]
    return {
        "texts": texts,
        "logprobs": [part.tolist() for part in logprobs.split(lengths)],
        "distinct": [distinct(texts, n) for n in (1, 2, 3)],
        "repetition": repetition(texts, 4),
        "perplexity": torch.nn.functional.cross_entropy(logits, every).exp().item(),
    }


def bootstrap() -> dict:
    random = np.random.default_rng(5)
    sums, counts = random.normal(3, 2, 5), random.integers(1, 9, 5)
    draws = np.array(list(itertools.product(range(5), repeat=5)))
    ratios = sums[draws].sum(1) / counts[draws].sum(1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return {"sums": sums.tolist(), "counts": counts.tolist(), "low": low, "high": high}


def quantiles() -> dict:
    values = np.sort(np.random.default_rng(6).normal(size=11))
    at = [0, 0.025, 0.31, 0.5, 0.975, 1]
    return {"values": values.tolist(), "at": at, "quantiles": np.quantile(values, at).tolist()}


quiet_single_thread(4)
generator = torch.Generator().manual_seed(4)
write_json(
    "sweep/statistics.json",
    {
        "cases": [case(generator, lengths) for lengths in ([12, 30, 1], [40], [3, 2], [5, 5, 5, 5])],
        "bootstrap": bootstrap(),
        "quantiles": quantiles(),
    },
)
