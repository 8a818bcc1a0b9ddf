"""Rows that trl packs sequences into: best fit decreasing, `pack_dataset`. Writes packing/bfd.json."""

import random

import trl
from datasets import Dataset
from trl.data_utils import pack_dataset

from golden_io import write_json


def packed(lengths, capacity):
    """The lengths in each row, in their order within it."""
    rows = Dataset.from_dict({"input_ids": [[index] * length for index, length in enumerate(lengths)]})
    return pack_dataset(rows, capacity, "bfd")["seq_lengths"]


if __name__ == "__main__":
    generator = random.Random(5)
    inputs = [
        ([5, 5, 5], 10),
        ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 10),
        ([1] * 7, 3),
        ([64], 64),
        ([generator.randint(1, 100) for _ in range(60)], 100),
        ([min(512, 1 + int(generator.expovariate(1 / 90))) for _ in range(200)], 512),
    ]
    cases = [{"capacity": c, "lengths": n, "rows": [list(row) for row in packed(n, c)]} for n, c in inputs]
    write_json("packing/bfd.json", {"trl": trl.__version__, "cases": cases})
