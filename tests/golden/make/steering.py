"""Scores after each steering method on fixed logits, in float64.

Writes decode/steering.json. A case has the `part` and what is `asked` of it; `steps`, each with the `logits` [V] by
role (the text's own under ""), `exits` by layer, `finals` [D] by role and `probed` [D] by role and token, all float32
values, the `scores` [V] after the part, up to a constant, null for what it rules out, and the `chosen` token; and,
where it needs them, `scorers` by id. Runs in an environment of its own, from `requirements-steering.txt`: later
versions of transformers are without DoLa.
"""

import math

import torch
import transformers

from golden_io import flat, packed, quiet_single_thread, write_json
from steering_steps import Gedi, contrast, contrast_by_strength, dexperts, dola, fudge, guidance, token_values

VOCABULARY, WIDTH, LAYERS = 19, 5, 6


def draw(*shape, scale=3.0):
    """float32 values in float64."""
    return torch.randn(*shape, dtype=torch.float32).mul(scale).double()


def step(logits, scores, **more):
    values = [None if math.isinf(score) else score for score in scores.tolist()]
    given = {name: {key: numbers(v) for key, v in named.items()} for name, named in more.items() if name != "chosen"}
    chosen = more.get("chosen", int(scores.argmax()))
    return {"logits": {role: numbers(v) for role, v in logits.items()}, **given, "scores": values, "chosen": chosen}


def numbers(value):
    return {key: numbers(v) for key, v in value.items()} if isinstance(value, dict) else flat(value, 9)


def case(part, asked, *steps, **more):
    return {"part": part, "asked": asked, "layers": LAYERS, "steps": list(steps), **more}


def layer_cases():
    for candidates in ([0, 2, 4], [5, 1], [3], "low", "high"):
        own, layers = draw(VOCABULARY), {"low": [0, 2], "high": [3, 5]}.get(str(candidates), candidates)
        exits = {layer: draw(VOCABULARY, scale=2.0) for layer in layers}
        scores = dola(own, exits)
        yield case("layers", {"candidates": candidates}, step({"": own}, scores, exits=exits))
    for relative_top in (0, 0.01, 1):
        own, exits = draw(VOCABULARY), {2: draw(VOCABULARY)}
        scores = dola(own, exits, relative_top)
        yield case("layers", {"candidates": [2], "relative_top": relative_top}, step({"": own}, scores, exits=exits))


def guidance_cases():
    for scale in (0, 0.4, 1.5, 7):
        own, negative = draw(VOCABULARY), draw(VOCABULARY)
        scores = guidance(own, negative, scale)
        yield case("guidance", {"scale": scale}, step({"": own, "guidance": negative}, scores))


def expert_cases():
    kind, rude = {"id": "kind"}, {"id": "rude"}
    for alpha, top_p in ((2.0, 0.9), (0.5, 0.6), (3.0, 1)):
        own, expert, anti = draw(VOCABULARY), draw(VOCABULARY), draw(VOCABULARY)
        both = [kind | {"weight": alpha}, rude | {"weight": -alpha}]
        asked = both if top_p == 0.9 else {"members": both, "top_p": top_p}
        logits = {"": own, "experts[0]": expert, "experts[1]": anti}
        yield case("experts", asked, step(logits, dexperts(own, expert, anti, alpha, top_p)))
    own, other = draw(VOCABULARY), draw(VOCABULARY)
    logits = {"": own, "experts[0]": other}
    yield case("experts", [rude | {"weight": -1.5}], step(logits, dexperts(own, None, other, 1.5, 0.9)))
    yield case("experts", [kind | {"weight": 1.5}], step(logits, dexperts(own, other, None, 1.5, 0.9)))


def contrastive_cases():
    roles = ("", "contrastive.expert", "contrastive.amateur")
    for alpha, temperature in ((0.1, 0.5), (0.01, 1), (0, 2), (1, 0.5)):
        own, amateur = draw(VOCABULARY), draw(VOCABULARY)
        asked = {"amateur": "small", "alpha": alpha, "temperature": temperature}
        yield case("contrastive", asked, step({"": own, roles[2]: amateur}, contrast(own, amateur, alpha, temperature)))
    own, expert, amateur = draw(VOCABULARY), draw(VOCABULARY), draw(VOCABULARY)
    asked = {"expert": {"model": "big", "temperature": 0.7}, "amateur": {"model": "small", "temperature": 1.3}}
    scores = contrast(expert, amateur, 0.1, 1.3, expert_temperature=0.7)
    yield case("contrastive", asked, step(dict(zip(roles, (own, expert, amateur), strict=True)), scores))
    for alpha, beta, temperature in ((0.1, 0.5, 1), (0, 1.5, 1), (0.05, 2, 0.5)):
        own, amateur = draw(VOCABULARY), draw(VOCABULARY)
        asked = {"amateur": {"without": "system", "temperature": temperature}, "alpha": alpha, "strength": beta}
        scores = contrast_by_strength(own, amateur, alpha, beta, temperature)
        yield case("contrastive", asked, step({"": own, roles[2]: amateur}, scores))


def scorer(labels, temperatures, rows=None, rank=3):
    classes = len(labels)
    tensors = {
        "weight": draw(WIDTH, classes, scale=1), "bias": draw(classes, scale=1),
        "a": draw(WIDTH, classes * rank, scale=1), "t": draw(VOCABULARY, rank, scale=1),
    }  # fmt: skip
    about = {"labels": labels, "lead": [1], "temperatures": temperatures} | ({"class_rows": rows} if rows else {})
    return tensors, {name: packed(v.float(), 9) for name, v in tensors.items()} | {"about": about}


def class_logits(tensors, final):
    return final @ tensors["weight"] + tensors["bias"]


def lookahead_cases():
    for labels, temperature, strength, top_k in (
        (["a", "b"], 1, 1, 8),
        (["a", "b", "c"], 1.7, -2.5, 4),
        (["a", "b"], 0.6, 4, 200),
    ):
        tensors, packed_scorer = scorer(labels, {"lookahead": temperature})
        own, finals = draw(VOCABULARY), draw(VOCABULARY, WIDTH, scale=1)

        def log_probability(token):
            return torch.log_softmax(class_logits(tensors, finals[token]) / temperature, -1)[1]

        scores = fudge(own, log_probability, strength, top_k)
        asked = [{"id": "tone", "label": "b", "mode": "lookahead", "strength": strength, "top_k": top_k}]
        probed = {"classifier[0]": {token: finals[token] for token in range(VOCABULARY)}}
        yield case("classifier", asked, step({"": own}, scores, probed=probed), scorers={"tone": packed_scorer})


def class_row_cases():
    settings = ((2, 30, 0.8, 0.8, 1), (2, 5, 0.5, 1, 1.4), (3, 12, 1, 0.9, 0.8), (2, 20, 0, 1, 1))
    for classes, strength, filter_p, target_p, temperature in settings:
        labels = ["a", "b", "c"][:classes]
        rows = {"control": [[c + 2] for c in range(classes)], "scale": 1.5, "bias": [0.25, -0.5, 0.125][:classes]}
        _, packed_scorer = scorer(labels, {"class_rows": temperature}, rows)
        state, steps = Gedi(rows["scale"], rows["bias"], temperature), []
        for _ in range(5):
            own, conditional = draw(VOCABULARY), draw(classes, VOCABULARY)
            scores = state.step(own, conditional, 1, strength, filter_p, target_p)
            chosen = int(scores.argmax())
            state.choose(chosen)
            logits = {"": own} | {f"classifier[0].{c}": conditional[c] for c in range(classes)}
            steps.append(step(logits, scores, chosen=chosen))
        asked = {"id": "tone", "label": "b", "mode": "class_rows", "relative_top": 0, "strength": strength}
        asked |= {"filter": filter_p, "keep_above": target_p}
        yield case("classifier", [asked], *steps, scorers={"tone": packed_scorer})


def token_value_cases():
    for labels, temperature, strength in ((["a", "b"], 1, 1), (["a", "b"], 1.6, -3), (["a", "b", "c"], 0.7, 5)):
        tensors, packed_scorer = scorer(labels, {"token_values": temperature})
        own, final = draw(VOCABULARY), draw(WIDTH, scale=1)
        reads = (final @ tensors["a"]).reshape(len(labels), -1)
        values = class_logits(tensors, final)[:, None] + reads @ tensors["t"].T
        scores = token_values(own, values, 1, strength, temperature)
        asked = [{"id": "tone", "label": "b", "mode": "token_values", "strength": strength}]
        finals = {"classifier[0]": final}
        yield case("classifier", asked, step({"": own}, scores, finals=finals), scorers={"tone": packed_scorer})


if __name__ == "__main__":
    quiet_single_thread(61)
    kinds = (layer_cases, guidance_cases, expert_cases, contrastive_cases)
    kinds += (lookahead_cases, class_row_cases, token_value_cases)
    cases = [one for kind in kinds for one in kind()]
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    write_json("decode/steering.json", versions | {"cases": cases})
