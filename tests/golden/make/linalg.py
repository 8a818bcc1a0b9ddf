"""Singular values of small matrices from numpy, in float64.

Writes linalg/svd.json: `cases` of `{name, matrix, values}`, the matrix [m, n] exactly as it was decomposed.
"""

import numpy
import torch

from golden_io import flat, packed, write_json


def with_values(random, rows, columns, values):
    """A matrix with the given singular values."""
    left, _ = numpy.linalg.qr(random.standard_normal((rows, len(values))))
    right, _ = numpy.linalg.qr(random.standard_normal((columns, len(values))))
    return left * numpy.array(values) @ right.T


def main():
    random = numpy.random.default_rng(7)
    cases = {
        "tall": random.standard_normal((12, 5)),
        "wide": random.standard_normal((5, 12)),
        "square": random.standard_normal((8, 8)),
        "rank 3 of 9": random.standard_normal((14, 3)) @ random.standard_normal((3, 9)),
        "falling to 1e-12": with_values(random, 10, 6, [1, 1e-2, 1e-4, 1e-6, 1e-9, 1e-12]),
        "one value three times": with_values(random, 9, 7, [5, 2, 2, 2, 1, 0.5, 0.25]),
        "tiny": random.standard_normal((6, 4)) * 1e-30,
        "one row": random.standard_normal((1, 6)),
        "zero": numpy.zeros((4, 3)),
    }
    write_json(
        "linalg/svd.json",
        {
            "numpy": numpy.__version__,
            "cases": [
                {
                    "name": name,
                    "matrix": packed(torch.from_numpy(matrix.copy())),
                    "values": flat(torch.from_numpy(numpy.linalg.svd(matrix, compute_uv=False))),
                }
                for name, matrix in cases.items()
            ],
        },
    )


if __name__ == "__main__":
    main()
