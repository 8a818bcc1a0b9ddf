"""peft's merging functions on three small matrices: sums, pruning, TIES and DARE, element by element.

Writes merge/dense.json: `tensors` (three of [4,6]) and `cases` of {function, weights, density?, majoritySign?, masks?,
result}. `masks` are the elements that DARE drew to keep; it divides them by the density. A sum has a negative weight;
TIES has none, since peft turns such a delta round only after the election, where Trimtab does before it.

    TIES elects signs before it weighs: sign of the sum (total) or of the sum of signs (frequency), + where that is 0;
    its mean is over how many agree, whatever their weights. An element that was pruned agrees with neither sign.
"""

import peft
import torch
from peft.utils import merge_utils

from golden_io import number, packed, quiet_single_thread, write_json

DRAWN = []


def recording(draw):
    def bernoulli(probabilities):
        DRAWN.append(draw(probabilities))
        return DRAWN[-1]

    return bernoulli


def case(function, tensors, weights, density=None, majority=None):
    arguments = {k: v for k, v in {"density": density, "majority_sign_method": majority}.items() if v is not None}
    DRAWN.clear()
    result = getattr(merge_utils, function)(list(tensors), weights, **arguments)
    fields = {"function": function, "density": density, "majoritySign": majority}
    fields = {k: v for k, v in fields.items() if v is not None}
    fields["weights"] = [number(w, 9) for w in weights.tolist()]
    if DRAWN:
        fields["masks"] = packed(torch.stack(DRAWN).bool())
    return fields | {"result": packed(result, 9)}


def main():
    quiet_single_thread(151)
    tensors = torch.randn(3, 4, 6)
    # Signs that cancel: as many of one sign as of the other once the third is pruned, and a sum of exactly 0.
    tensors[:, 0, 0] = torch.tensor([2.5, -2.0, 0.001])
    tensors[:, 0, 1] = torch.tensor([-2.25, 2.25, -0.001])
    weights = torch.tensor([0.7, -0.4, 1.2])
    positive = weights.abs()
    torch.bernoulli = recording(torch.bernoulli)
    cases = [case("task_arithmetic", tensors, weights)]
    cases += [case("magnitude_prune", tensors, weights, density) for density in (0.3, 0.8)]
    cases += [
        case("ties", tensors, positive, density, majority)
        for density in (0.4, 0.75)
        for majority in ("total", "frequency")
    ]
    cases.append(case("dare_linear", tensors, weights, 0.6))
    cases += [case("dare_ties", tensors, positive, 0.5, majority) for majority in ("total", "frequency")]
    pairs = [c["result"]["data"] for c in cases if "ties" in c["function"]]
    assert pairs[0] != pairs[1] and pairs[2] != pairs[3]
    write_json(
        "merge/dense.json",
        {
            "peft": peft.__version__,
            "tensors": packed(tensors, 9),
            "cases": cases,
        },
    )


if __name__ == "__main__":
    main()
