"""ROME, MEMIT, AlphaEdit and NAS in float64 on token ids, for `edits.py`.

In our words, after kmeng01/rome, kmeng01/memit, jianghoucheng/AlphaEdit and SasyaTitech/NAS. Keys, values and changes
are rows: y = kW, W [in,out]. Deviations: ROME uses one key for u and for the normaliser (r-ROME, arXiv 2403.07175),
which makes k*ΔW = δ; NAS skips above one limit for every method (the repository has 5 for ROME and 2 elsewhere).
"""

import torch

from golden_io import number
from tiny_decoder import SIZES


def second_moments(model, text, layers):
    """Layer → mean of kᵀk [in,in] over every token of the rows of `text`."""
    with torch.no_grad():
        traces = [model(row) for row in text]
    keys = {layer: torch.cat([trace.key[layer] for trace in traces]) for layer in layers}
    return {layer: k.T @ k / len(k) for layer, k in keys.items()}


def context_keys(model, fact, contexts, layer):
    """[contexts,in]: the input of the down projection at the subject's last token after each prefix."""
    with torch.no_grad():
        return torch.stack(
            [model(prefix + fact["prompt"]).key[layer][len(prefix) + fact["subject_last"]] for prefix in contexts]
        )


def memit_keys(model, facts, contexts, layer):
    """[n,in]: the mean of the bare prompt's key and of the mean over the other contexts."""
    keys = [context_keys(model, fact, contexts, layer) for fact in facts]
    return torch.stack([(k[0] + k[1:].mean(0)) / 2 for k in keys])


def optimise(model, fact, contexts, site, options):
    """The path of δ, added at `site` at the subject's last token of every row, by Adam.

    Loss i is computed at δ_i, δ_0 = 0. The loop ends after `steps` losses or at the first below `stop_below`, so there
    are at most steps − 1 updates, and the last δ is the result. The norm's gradient at δ = 0 is 0.
    """
    kind, layer = site
    target = torch.tensor(fact["target"])
    delta = torch.zeros(SIZES["hidden_size"], dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([delta], lr=options["lr"])
    bare = fact["prompt"] + fact["target"][:-1]
    with torch.no_grad():
        value0 = getattr(model(bare), kind)[layer][fact["subject_last"]].clone()
        base = model(fact["kl_prompt"]).logits[fact["kl_subject_last"]].log_softmax(-1)
    deltas, losses, clamped = [], [], []
    for step in range(options["steps"]):
        adam.zero_grad()
        each = []
        for prefix in contexts:
            logits = model(prefix + bare, site, len(prefix) + fact["subject_last"], delta).logits
            log_probs = logits[-len(target) :].log_softmax(-1)
            each.append(-log_probs[torch.arange(len(target)), target].mean())
        nll = torch.stack(each).mean()
        at = fact["kl_subject_last"]
        edited = model(fact["kl_prompt"], site, at, delta).logits[at].log_softmax(-1)
        kl = options["kl_factor"] * (edited.exp() * (edited - base)).sum()
        decay = options["weight_decay"] * delta.norm() / value0.norm() ** 2
        loss = nll + kl + decay
        deltas.append(delta.detach().clone())
        losses.append({"loss": loss, "nll": nll, "kl": kl, "decay": decay})
        if loss < options["stop_below"] or step == options["steps"] - 1:
            break
        loss.backward()
        adam.step()
        limit = options["clamp"] * value0.norm()
        with torch.no_grad():
            if delta.norm() > limit:
                clamped.append(step)
                delta *= limit / delta.norm()
    return {
        "value0": value0,
        "deltas": torch.stack(deltas),
        "losses": [{k: number(v.item()) for k, v in row.items()} for row in losses],
        "clamped": clamped,
    }


def rome_change(moment, key, delta):
    u = torch.linalg.solve(moment, key)
    return torch.outer(u, delta) / (u @ key)


def memit_solve(moment, weight, keys, residuals):
    """ΔW [in,out] in rows: the guide's R Kᵀ(λC + KKᵀ)⁻¹ transposed."""
    return torch.linalg.solve(weight * moment + keys.T @ keys, keys.T) @ residuals


def null_projector(moment, threshold):
    values, vectors = torch.linalg.eigh(moment)
    null = vectors[:, values < threshold]
    return null @ null.T


def alphaedit_solve(projector, previous, weight, keys, residuals):
    identity = torch.eye(len(projector), dtype=torch.float64)
    left = projector @ (keys.T @ keys + previous) + weight * identity
    return torch.linalg.solve(left, projector @ keys.T @ residuals)


def spread(model, layers, rows, wanted, solve):
    """Layer by layer, the change that brings the last edited layer's output towards `wanted` [n,out].

    `rows` are the facts and the contexts of their keys; `solve(layer, keys, residuals)` returns ΔW.
    """
    facts, contexts = rows
    changes, steps = {}, {}
    for index, layer in enumerate(layers):
        current = model.edited(changes)
        keys = memit_keys(current, facts, contexts, layer)
        with torch.no_grad():
            now = torch.stack([current(fact["prompt"]).layer[layers[-1]][fact["subject_last"]] for fact in facts])
        residuals = (wanted - now) / (len(layers) - index)
        changes[layer] = solve(layer, keys, residuals)
        steps[layer] = {"keys": keys, "residuals": residuals, "change": changes[layer]}
    return changes, steps


def scaled(value0, delta, anchor, skip_above):
    """δ' with ‖v0 + δ'‖ = anchor, and whether the fact is skipped (δ' = 0)."""
    value = value0 + delta
    if value.norm() > skip_above * anchor:
        return torch.zeros_like(delta), True
    return value * (anchor / (value.norm() + 1e-10)) - value0, False


def mlp_output(model, fact, layer):
    with torch.no_grad():
        return model(fact["prompt"]).mlp[layer][fact["subject_last"]]


def last_logits(model, facts):
    with torch.no_grad():
        return torch.stack([model(fact["prompt"]).logits[-1] for fact in facts])


def trimmed_mean(norms):
    """NAS's anchor: the mean without the largest twentieth."""
    kept = sorted(norms)[: len(norms) - len(norms) // 20]
    return sum(kept) / len(kept)
