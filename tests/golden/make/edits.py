"""Edits of tiny models in float64: keys, paths of δ, and changes of weights by ROME, MEMIT, AlphaEdit and NAS.

Writes edits/<model>/: the model (`config.json`, `model.safetensors`, float32), `golden.json` (token ids, options,
losses) and `golden.safetensors` (everything else, float64). edits/README.md says what every entry means.
"""

import torch

from edit_methods import (
    alphaedit_solve,
    context_keys,
    last_logits,
    memit_solve,
    mlp_output,
    null_projector,
    optimise,
    rome_change,
    scaled,
    second_moments,
    spread,
    trimmed_mean,
)
from golden_io import quiet_single_thread, write_json, write_safetensors
from tiny_decoder import MODELS, make

SEEDS = {"llama": 11, "qwen2": 12}
LAYERS = [0, 1]
ROME_LAYER = 0
BATCH, EARLIER = [0, 1, 2], [3, 4]
IS_A = [60, 61]
COMMON = {"lr": 0.5, "steps": 25, "kl_factor": 0.0625, "weight_decay": 0.5, "stop_below": 0.05}
ROME = {**COMMON, "clamp": 4.0}
MEMIT = {**COMMON, "clamp": 0.75}
MEMIT_LAMBDA = 20.0
ALPHAEDIT_LAMBDA = 1.0
NULL_THRESHOLD = 0.05
NAS_SKIP_ABOVE = 3.0


def draw(generator, length, low=0, high=40):
    """Token ids: 0 … 39 are fillers and subjects, 40 … 47 relations, 48 … 59 targets, 60 … 61 stand for " is a"."""
    return torch.randint(low, high, (length,), generator=generator).tolist()


def make_world(generator):
    """What the model learns, as (token ids, how many last ids are the target), and the facts that it is edited by."""
    subjects = [draw(generator, 1 + index % 3) for index in range(12)]
    relations = [draw(generator, 1 + index % 2, 40, 48) for index in range(3)]
    targets = [draw(generator, length, 48, 60) for length in (1, 2, 3, 1, 2)]
    rows, facts = [], []
    for i, subject in enumerate(subjects):
        for j, relation in enumerate(relations):
            target = targets[int(torch.randint(0, len(targets), (), generator=generator))]
            rows += [(draw(generator, n) + subject + relation + target, len(target)) for n in (0, 2, 4, 5)]
            if j == i % 3 and i < 5:
                before = draw(generator, [2, 1, 0, 3, 1][i])
                facts.append(
                    {
                        "prompt": before + subject + relation,
                        "subject_last": len(before) + len(subject) - 1,
                        "target": next(t for t in targets[i % 3 :] if t != target),
                        "kl_prompt": subject + IS_A,
                        "kl_subject_last": len(subject) - 1,
                    }
                )
    return rows, facts


class Golden:
    """One model, what is edited into it, and what is written about it."""

    def __init__(self, name):
        generator = torch.Generator().manual_seed(SEEDS[name])
        rows, self.facts = make_world(generator)
        self.model = make(name, SEEDS[name], rows)
        self.contexts = [[], draw(generator, 3), draw(generator, 5), draw(generator, 4)]
        self.text = [ids for ids, _ in rows[::6]] + [draw(generator, 24) for _ in range(4)]
        self.moments = second_moments(self.model, self.text, LAYERS)
        self.projectors = {layer: null_projector(self.moments[layer], NULL_THRESHOLD) for layer in LAYERS}
        self.tensors, self.paths = {}, {}
        for layer in LAYERS:
            self.tensors[f"second_moment.layer{layer}"] = self.moments[layer]
            self.tensors[f"context_keys.layer{layer}"] = torch.stack(
                [context_keys(self.model, fact, self.contexts, layer) for fact in self.facts]
            )

    def path(self, name, found):
        self.tensors[f"{name}.value0"] = found["value0"]
        self.tensors[f"{name}.deltas"] = found["deltas"]
        self.paths[name] = {"losses": found["losses"], "clamped": found["clamped"]}

    def steps(self, name, steps):
        for layer, step in steps.items():
            for entry, tensor in step.items():
                self.tensors[f"{name}.layer{layer}.{entry}"] = tensor

    def chosen(self, indices):
        return [self.facts[index] for index in indices]

    def values(self, name, model, indices):
        """The paths of δ at the last layer's output, kept under `name`, and z [n,out]."""
        found = [optimise(model, self.facts[index], self.contexts, ("layer", LAYERS[-1]), MEMIT) for index in indices]
        for index, path in zip(indices, found):
            self.path(f"{name}.fact{index}", path)
        return found, torch.stack([path["value0"] + path["deltas"][-1] for path in found])


def rome(golden):
    """Returns ‖v0 + δ‖ of every fact of the batch by the bare prompt alone."""
    moment, norms = golden.moments[ROME_LAYER], []
    for index in BATCH:
        fact, entry = golden.facts[index], f"rome.fact{index}"
        found = optimise(golden.model, fact, golden.contexts, ("mlp", ROME_LAYER), ROME)
        golden.path(entry, found)
        key = context_keys(golden.model, fact, golden.contexts, ROME_LAYER).mean(0)
        change = rome_change(moment, key, found["deltas"][-1])
        golden.tensors[f"{entry}.key"] = key
        golden.tensors[f"{entry}.change"] = change
        golden.tensors[f"{entry}.logits"] = last_logits(golden.model.edited({ROME_LAYER: change}), [fact])[0]
        alone = optimise(golden.model, fact, [[]], ("mlp", ROME_LAYER), ROME)
        norms.append((alone["value0"] + alone["deltas"][-1]).norm().item())
    return norms


def scaled_rome(golden, anchor):
    for index in BATCH:
        entry = f"rome.fact{index}"
        value0, delta = golden.tensors[f"{entry}.value0"], golden.tensors[f"{entry}.deltas"][-1]
        delta, skipped = scaled(value0, delta, anchor, NAS_SKIP_ABOVE)
        assert not skipped
        golden.tensors[f"{entry}.nas.delta"] = delta
        key = golden.tensors[f"{entry}.key"]
        golden.tensors[f"{entry}.nas.change"] = rome_change(golden.moments[ROME_LAYER], key, delta)


def memit(golden):
    found, wanted = golden.values("memit", golden.model, BATCH)
    solve = lambda layer, k, r: memit_solve(golden.moments[layer], MEMIT_LAMBDA, k, r)
    rows = (golden.chosen(BATCH), golden.contexts)
    changes, steps = spread(golden.model, LAYERS, rows, wanted, solve)
    golden.steps("memit", steps)
    golden.tensors["memit.logits"] = last_logits(golden.model.edited(changes), golden.chosen(BATCH))
    return stopping(golden, found)


def stopping(golden, found):
    """One path again with a limit that its loss falls below in the middle. Returns the fact and the limit."""
    falls = [(path["losses"][0]["loss"], min(row["loss"] for row in path["losses"])) for path in found]
    index = min(range(len(falls)), key=lambda i: falls[i][1] / falls[i][0])
    limit = sum(falls[index]) / 2
    options = {**MEMIT, "stop_below": limit}
    path = optimise(golden.model, golden.facts[BATCH[index]], golden.contexts, ("layer", LAYERS[-1]), options)
    assert 1 < len(path["deltas"]) < MEMIT["steps"]
    golden.path("stopping", path)
    return {"fact": BATCH[index], "stop_below": limit}


def alphaedit(golden):
    """Returns the model with the earlier edit, the solve on it, and the later batch's paths."""
    zeros = torch.zeros_like(golden.moments[LAYERS[0]])
    first = lambda layer, k, r: alphaedit_solve(golden.projectors[layer], zeros, ALPHAEDIT_LAMBDA, k, r)
    _, wanted = golden.values("alphaedit.earlier", golden.model, EARLIER)
    rows = (golden.chosen(EARLIER), golden.contexts)
    changes, steps = spread(golden.model, LAYERS, rows, wanted, first)
    golden.steps("alphaedit.earlier", steps)

    edited = golden.model.edited(changes)
    previous = {layer: steps[layer]["keys"].T @ steps[layer]["keys"] for layer in LAYERS}
    again = lambda layer, k, r: alphaedit_solve(golden.projectors[layer], previous[layer], ALPHAEDIT_LAMBDA, k, r)
    found, wanted = golden.values("alphaedit.later", edited, BATCH)
    changes, steps = spread(edited, LAYERS, (golden.chosen(BATCH), golden.contexts), wanted, again)
    golden.steps("alphaedit.later", steps)
    for layer in LAYERS:
        golden.tensors[f"projector.layer{layer}"] = golden.projectors[layer]
    golden.tensors["alphaedit.later.logits"] = last_logits(edited.edited(changes), golden.chosen(BATCH))
    return edited, again, found


def nas(golden, edited, again, found):
    """The later batch once more with scaled values. Returns the facts' norms, the anchor and the tight limit."""
    last, norms = LAYERS[-1], []
    for fact in golden.facts:
        delta = optimise(golden.model, fact, [[]], ("layer", last), MEMIT)["deltas"][-1]
        norms.append((mlp_output(golden.model, fact, last) + delta).norm().item())
    anchor = trimmed_mean(norms)
    values = [mlp_output(edited, fact, last) for fact in golden.chosen(BATCH)]
    lengths = sorted((v + path["deltas"][-1]).norm().item() for v, path in zip(values, found))
    # Between the two longest: one of the three facts is skipped.
    tight = (lengths[-1] + lengths[-2]) / 2 / anchor
    for entry, skip_above in (("nas.deltas", NAS_SKIP_ABOVE), ("nas.tight.deltas", tight)):
        results = [scaled(v, path["deltas"][-1], anchor, skip_above) for v, path in zip(values, found)]
        golden.tensors[entry] = torch.stack([delta for delta, _ in results])
        assert sum(skipped for _, skipped in results) == (skip_above == tight)
    golden.tensors["nas.values"] = torch.stack(values)
    wanted = torch.stack([path["value0"] for path in found]) + golden.tensors["nas.deltas"]
    _, steps = spread(edited, LAYERS, (golden.chosen(BATCH), golden.contexts), wanted, again)
    golden.steps("nas", steps)
    return {"norms": norms, "anchor": anchor, "skip_above": NAS_SKIP_ABOVE, "tight_skip_above": tight}


def write(name):
    golden = Golden(name)
    rome_norms = rome(golden)
    rome_anchor = trimmed_mean(rome_norms)
    scaled_rome(golden, rome_anchor)
    stopped = memit(golden)
    # One model is enough for what comes after the keys and values.
    scaling = nas(golden, *alphaedit(golden)) if name == "llama" else {}
    write_safetensors(f"edits/{name}/golden.safetensors", golden.tensors)
    write_json(
        f"edits/{name}/golden.json",
        {
            "facts": golden.facts,
            "contexts": golden.contexts,
            "text": golden.text,
            "layers": LAYERS,
            "batch": BATCH,
            "earlier": EARLIER,
            "rome": {"layer": ROME_LAYER, **ROME},
            "memit": {**MEMIT, "lambda": MEMIT_LAMBDA},
            "alphaedit": {**MEMIT, "lambda": ALPHAEDIT_LAMBDA, "threshold": NULL_THRESHOLD},
            "nas": {**scaling, "rome_norms": rome_norms, "rome_anchor": rome_anchor},
            "stopping": stopped,
            "paths": golden.paths,
        },
    )


if __name__ == "__main__":
    quiet_single_thread(0)
    for model_name in MODELS:
        write(model_name)
