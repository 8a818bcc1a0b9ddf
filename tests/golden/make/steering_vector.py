"""Steering vectors of a tiny decoder: activations, mean differences, principal components, and logits with a vector added.

Writes steering-vector/golden.json for the decoder of llama/plain, from seeded pairs of
token ids. Each text's activation after a layer is read by a forward hook, at the last token and as the mean over all but the
first; the vectors are float64. The principal component is scikit-learn's definition: rows centred on each pair's middle, and the
first right singular vector of all of them. Reads the folder that llama.py saved.
"""

import torch
from transformers import LlamaForCausalLM

from golden_io import GOLDEN, packed, quiet_single_thread, write_json
from tiny_models import VOCAB, batch

PAIRS = 7
STRENGTHS = (0.5, 1.0, -2.0)


def texts():
    """Pairs of id lists [T] of lengths 4 to 9; the sides of a pair differ in length too."""
    draw = torch.Generator().manual_seed(31)
    one = lambda: torch.randint(0, VOCAB, (int(torch.randint(4, 10, (1,), generator=draw)),), generator=draw)
    return [(one(), one()) for _ in range(PAIRS)]


def streams(model, ids):
    """[L, T, D]: the residual stream after each layer."""
    found = []
    keep = lambda _m, _x, y: found.append((y[0] if isinstance(y, tuple) else y).reshape(len(ids), -1).clone())
    handles = [layer.register_forward_hook(keep) for layer in model.model.layers]
    with torch.no_grad():
        model(input_ids=ids[None])
    for handle in handles:
        handle.remove()
    return torch.stack(found)


POOL = {"last": lambda h: h[:, -1], "mean": lambda h: h[:, 1:].double().mean(1)}


def principal(positive, negative):
    """The first component of the pair-centred rows, signed and scaled by the mean difference; [D] float64."""
    middle = (positive + negative) / 2
    rows = torch.cat([positive - middle, negative - middle])
    rows = rows - rows.mean(0)
    direction = torch.linalg.svd(rows, full_matrices=False).Vh[0]
    return direction * ((positive - negative).mean(0) @ direction)


def steered_logits(model, ids, layer, vector):
    """[T, V] with the vector added to what the layer hands on."""

    def add(_m, _x, y):
        return (y[0] + vector, *y[1:]) if isinstance(y, tuple) else y + vector

    handle = model.model.layers[layer].register_forward_hook(add)
    with torch.no_grad():
        logits = model(input_ids=ids[None]).logits[0]
    handle.remove()
    return logits


if __name__ == "__main__":
    quiet_single_thread(0)
    folder = GOLDEN / "llama" / "plain"
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    pairs = texts()
    read = [[streams(model, side) for side in pair] for pair in pairs]
    layers = model.config.num_hidden_layers
    found, norms = [], []
    for layer in range(layers):
        tokens = torch.cat([side[layer, 1:] for pair in read for side in pair]).double()
        norms.append(float(tokens.norm(dim=1).mean()))
        for position, pool in POOL.items():
            positive, negative = (torch.stack([pool(pair[side])[layer].double() for pair in read]) for side in (0, 1))
            found.append(
                {
                    "layer": layer,
                    "position": position,
                    "mean_difference": packed((positive - negative).mean(0)),
                    "pca": packed(principal(positive, negative)),
                }
            )
    ids = batch()[0][0]
    steered = []
    for entry in found:
        if entry["position"] != "last":
            continue
        vector = torch.tensor(entry["mean_difference"]["data"], dtype=torch.float32)
        for strength in STRENGTHS:
            logits = steered_logits(model, ids, entry["layer"], strength * vector)
            steered.append({"layer": entry["layer"], "strength": strength, "logits": packed(logits, 9)})
    write_json(
        "steering-vector/golden.json",
        {
            "pairs": [[side.tolist() for side in pair] for pair in pairs],
            "streamNorms": norms,
            "vectors": found,
            "ids": ids.tolist(),
            "steered": steered,
        },
    )
