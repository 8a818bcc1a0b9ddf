"""The other side of `npm run bench -- edit`: ROME and MEMIT on PyTorch, as kmeng01/rome and kmeng01/memit publish them.

One fact after the other; all contexts of a fact in one padded batch, through the whole model; every value by torch's Adam
in float32; covariances inverted once per layer and kept. A context is one row, as in the later of the two repositories.
Tokens and covariances are the other side's own, so neither tokenises and both solve with the same C.

Reads one JSON object a line and answers with one. The first says what to load; the others are
`{"run": "rome" | "memit", "facts": [index, ...]}`. Seconds are of the wall clock, `cpu` of this process's processor
time. Taking an edit back, and looking whether it holds, are not timed.

    python tests/bench/edit/peer.py < commands
"""

import json
import os
import sys
import time

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print must not mix with the answers
FIRST = json.loads(sys.stdin.readline())
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(FIRST["threads"])
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="")

import torch  # noqa: E402

torch.set_num_threads(FIRST["threads"])

import transformers  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

transformers.logging.set_verbosity_error()
MODEL = transformers.AutoModelForCausalLM.from_pretrained(FIRST["folder"], dtype=torch.float32).eval()
MODEL.requires_grad_(False)
FACTS, OPTIONS = FIRST["facts"], FIRST["options"]
MOMENTS = load_file(FIRST["moments"])
INVERSES = {}


class Clock:
    """Sums wall and processor time between `start` and `stop`."""

    def __init__(self):
        self.seconds = self.cpu = 0.0

    def start(self):
        self.at = (time.perf_counter(), time.process_time())

    def stop(self):
        self.seconds += time.perf_counter() - self.at[0]
        self.cpu += time.process_time() - self.at[1]

    def read(self):
        return {"seconds": self.seconds, "cpu": self.cpu}


def mlp(layer):
    return MODEL.model.layers[layer].mlp


def inverse(layer):
    if layer not in INVERSES:
        INVERSES[layer] = torch.inverse(MOMENTS[f"layer{layer}"].float())
    return INVERSES[layer]


def padded(rows):
    """Token ids and mask, padded on the right."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": mask}


def read(module, rows, *, inputs):
    """A module's input or output [rows, width] at each row's place."""
    kept = []

    def hook(_, given, output):
        kept.append((given[0] if inputs else output[0] if isinstance(output, tuple) else output).detach())

    handle = module.register_forward_hook(hook)
    with torch.no_grad():
        MODEL(**padded([row["ids"] for row in rows]))
    handle.remove()
    return kept[0][torch.arange(len(rows)), torch.tensor([row["at"] for row in rows])]


def find_value(fact, module, clamp):
    """(v0 + δ, v0) at the module's output at the subject's last token."""
    target = torch.tensor(fact["target"])
    prompts = [row["ids"] + fact["target"][:-1] for row in fact["contexts"]]
    batch = padded([*prompts, fact["alone"]["ids"]])
    places = torch.tensor([row["at"] for row in [*fact["contexts"], fact["alone"]]])
    rows = torch.arange(len(places))
    targets = torch.full((len(prompts), batch["input_ids"].shape[1]), -100)
    for i, prompt in enumerate(prompts):
        targets[i, len(prompt) - len(target) : len(prompt)] = target
    mask = (targets != -100).float()
    delta = torch.zeros(MODEL.config.hidden_size, requires_grad=True)
    found = {}

    def hook(_, given, output):
        states = output[0] if isinstance(output, tuple) else output
        if "start" not in found:
            found["start"] = states[0, places[0]].detach().clone()
        changed = states.clone()
        changed[rows, places] += delta
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    optimizer = torch.optim.Adam([delta], lr=OPTIONS["learning_rate"])
    handle = module.register_forward_hook(hook)
    for step in range(OPTIONS["steps"]):
        optimizer.zero_grad()
        logits = MODEL(**batch).logits
        alone = torch.log_softmax(logits[-1, places[-1]], dim=0)
        if "base" not in found:
            found["base"] = alone.detach().clone()
        logs = torch.log_softmax(logits[: len(prompts)], dim=2)
        taken = torch.gather(logs, 2, torch.where(targets != -100, targets, 0).unsqueeze(2)).squeeze(2)
        nll = (-(taken * mask).sum(1) / len(target)).mean()
        kl = torch.nn.functional.kl_div(found["base"], alone, log_target=True, reduction="sum")
        start = found["start"].norm()
        loss = nll + OPTIONS["kl_factor"] * kl + OPTIONS["weight_decay"] * (delta.norm() / start**2)
        if loss < OPTIONS["stop_below"] or step == OPTIONS["steps"] - 1:
            break
        loss.backward()
        optimizer.step()
        most = clamp * start
        if delta.norm() > most:
            with torch.no_grad():
                delta[...] = delta * most / delta.norm()
    handle.remove()
    return found["start"] + delta.detach(), found["start"]


def holds(facts):
    """How many of the facts the edited model completes greedily."""
    held = 0
    for fact in facts:
        prompt = fact["contexts"][0]["ids"]
        with torch.no_grad():
            logits = MODEL(input_ids=torch.tensor([prompt + fact["target"][:-1]])).logits
        held += logits[0, len(prompt) - 1 :].argmax(-1).tolist() == fact["target"]
    return held


def rome(facts):
    """Each fact alone on the unedited model."""
    layer, clock, held = FIRST["layer"], Clock(), 0
    module = mlp(layer)
    weight = module.down_proj.weight
    kept = weight.clone()
    for fact in facts:
        clock.start()
        key = read(module.down_proj, fact["contexts"], inputs=True).mean(0)
        left = inverse(layer) @ key
        left = left / left.norm()
        value, _ = find_value(fact, module, OPTIONS["clamp"]["rome"])
        bare = fact["contexts"][:1]
        read(module.down_proj, bare, inputs=True)
        output = read(module.down_proj, bare, inputs=False)[0]
        # r-ROME: the same key as normaliser.
        right = (value - output) / torch.dot(key, left)
        with torch.no_grad():
            weight += torch.outer(right, left)
        clock.stop()
        held += holds([fact])
        with torch.no_grad():
            weight.copy_(kept)
    return {**clock.read(), "held": held}


def memit(facts):
    """All facts together on the unedited model."""
    layers, clock = FIRST["layers"], Clock()
    kept = {layer: mlp(layer).down_proj.weight.clone() for layer in layers}
    last = MODEL.model.layers[layers[-1]]
    clock.start()
    wanted = torch.stack([find_value(fact, last, OPTIONS["clamp"]["memit"])[0] for fact in facts])
    contexts = [row for fact in facts for row in fact["contexts"]]
    size = len(facts[0]["contexts"])
    for done, layer in enumerate(layers):
        module = mlp(layer).down_proj
        batches = [contexts[at : at + 512] for at in range(0, len(contexts), 512)]
        states = torch.cat([read(module, batch, inputs=True) for batch in batches]).view(len(facts), size, -1)
        # The bare prompt weighs as much as all other contexts.
        keys = (states[:, 0] + states[:, 1:].mean(1)) / 2 if size > 1 else states[:, 0]
        now = read(last, [fact["contexts"][0] for fact in facts], inputs=False)
        keys, residuals = keys.double().T, (wanted - now).double().T / (len(layers) - done)
        left = FIRST["lambda"] * MOMENTS[f"layer{layer}"].double() + keys @ keys.T
        solved = torch.linalg.solve(left, keys)
        with torch.no_grad():
            module.weight.copy_(kept[layer] + (residuals @ solved.T).float())
    clock.stop()
    held = holds(facts)
    with torch.no_grad():
        for layer, weight in kept.items():
            mlp(layer).down_proj.weight.copy_(weight)
    return {**clock.read(), "held": held}


def say(content):
    ANSWERS.write(json.dumps(content) + "\n")
    ANSWERS.flush()


RUNS = {"rome": rome, "memit": memit}
say({"versions": {m.__name__: m.__version__ for m in (torch, transformers)}})
for line in sys.stdin:
    command = json.loads(line)
    say(RUNS[command["run"]]([FACTS[index] for index in command["facts"]]))
