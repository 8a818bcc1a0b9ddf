"""Singular values, eigenvalues and conditions of small matrices from numpy, in float64.

Writes linalg/svd.json: `cases` of `{name, matrix, values}`, the matrix [m, n] exactly as it was decomposed; and
linalg/symmetric.json: `cases` of `{name, matrix, values, condition}`, a symmetric matrix, its eigenvalues, ascending,
and cond₁, 0 where the matrix is not positive definite.
"""

import numpy
import torch

from golden_io import flat, number, packed, write_json


def with_values(random, rows, columns, values):
    """A matrix with the given singular values."""
    left, _ = numpy.linalg.qr(random.standard_normal((rows, len(values))))
    right, _ = numpy.linalg.qr(random.standard_normal((columns, len(values))))
    return left * numpy.array(values) @ right.T


def symmetric(random, values):
    """A symmetric matrix with the given eigenvalues."""
    vectors, _ = numpy.linalg.qr(random.standard_normal((len(values), len(values))))
    found = vectors * numpy.array(values) @ vectors.T
    return (found + found.T) / 2


def hilbert(size):
    return numpy.array([[1 / (row + column + 1) for column in range(size)] for row in range(size)])


def symmetric_cases():
    random = numpy.random.default_rng(8)
    keys = random.standard_normal((40, 12)) * 10.0 ** (-numpy.arange(12) / 2)
    diagonal = numpy.diag(10.0 ** random.permutation(9))
    return {
        "random": symmetric(random, random.uniform(0.5, 2, 16)),
        "falling to 1e-12": symmetric(random, 10.0 ** -numpy.arange(13)),
        "falling to 1e-6, indefinite": symmetric(random, [1, -1, 0.1, -0.1, 1e-3, -1e-6]),
        "one value four times": symmetric(random, [3, 3, 3, 3, 1, 0.5]),
        "Hilbert, 8": hilbert(8),
        "inputs of very different sizes": keys.T @ keys / 40,
        "diagonal": diagonal,
        "diagonal, and one far off it": diagonal + 0.5 * (numpy.eye(9, k=8) + numpy.eye(9, k=-8)),
        "tridiagonal": 2 * numpy.eye(20) - numpy.eye(20, k=1) - numpy.eye(20, k=-1),
        "rank 3 of 7": symmetric(random, [2, 1, 0.5, 0, 0, 0, 0]),
        "one element": numpy.array([[4.0]]),
        "two": numpy.array([[2.0, 1.0], [1.0, 3.0]]),
        "large": symmetric(random, [1, 2, 3, 4]) * 1e200,
        "tiny": symmetric(random, [1, 2, 3, 4]) * 1e-200,
    }


def write_symmetric():
    cases = []
    for name, matrix in symmetric_cases().items():
        values = numpy.linalg.eigvalsh(matrix)
        definite = values[0] > 1e-14 * values[-1]
        cases.append(
            {
                "name": name,
                "matrix": packed(torch.from_numpy(matrix.copy())),
                "values": flat(torch.from_numpy(values)),
                "condition": number(float(numpy.linalg.cond(matrix, 1))) if definite else 0,
            }
        )
    write_json("linalg/symmetric.json", {"numpy": numpy.__version__, "cases": cases})


def main():
    write_symmetric()
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
