"""40 tokens of greedy decoding under each steering method, on the tiny decoder `llama/plain`, in float64.

Writes decode/steering-greedy.json and, beside it, decode/steering-greedy.safetensors with what the rows computed at
each step. A case has the `part`, what is `asked` of it, and of the text
- `rows`: by role, the text's own under "", the `adapter` (a folder of this directory, null for the base alone) and
  the `prompt`;
- `exits`: the layers whose logits it reads, as transformers counts them, and `scorers` by id;
- `tokens`; `before` and `after`, each token's probability under the model's own distribution and after the part; and
  `smallestLead`, by how much a token was at least ahead of the runner-up.
The tensors are `CASE.logits.ROLE` [40, V], `CASE.exit.LAYER` [40, V], `CASE.final.ROLE` [40, D] and
`CASE.probed.ROLE` [40, V, D]: the head's input if each token came next. After `lora.py`, in the environment of
`steering.py`.
"""

import json

import torch
import transformers
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from golden_io import GOLDEN, number, packed, quiet_single_thread, write_json, write_safetensors
from steering_steps import Gedi, contrast, contrast_by_strength, dexperts, dola, fudge, guidance, token_values

BASE, KIND, RUDE = "llama/plain", "lora/adapter", "lora/regex-targets-f16"
STEPS = 40
NEGATIVE, CONTEXT, LEAD = [9, 9, 41], [70, 12, 33], [2]
# What float32 in another order may not turn.
LEAST_LEAD = 0.004


class NearTie(Exception):
    pass


def model(adapter=None):
    """The base, with a LoRA adapter merged where one is named."""
    config = LlamaConfig.from_dict(json.loads((GOLDEN / BASE / "config-v4.json").read_text()))
    config._attn_implementation = "eager"
    weights = {name: value.double() for name, value in load_file(GOLDEN / BASE / "model.safetensors").items()}
    if adapter is not None:
        settings = json.loads((GOLDEN / adapter / "adapter_config.json").read_text())
        factors = load_file(GOLDEN / adapter / "adapter_model.safetensors")
        for name in (key for key in factors if key.endswith("lora_A.weight")):
            a, b = factors[name].double(), factors[name.replace("lora_A", "lora_B")].double()
            target = name.removeprefix("base_model.model.").replace("lora_A.weight", "weight")
            weights[target] = weights[target] + settings["lora_alpha"] / settings["r"] * b @ a
    made = LlamaForCausalLM(config).double().eval()
    made.load_state_dict(weights)
    return made


MODELS = {adapter: model(adapter) for adapter in (None, KIND, RUDE)}


class Row:
    def __init__(self, adapter, prompt):
        self.adapter, self.prompt = adapter, list(prompt)

    def run(self, generated):
        """The last position's logits [V], the head's input [D] and every hidden state [D], by transformers' number."""
        ids = torch.tensor([self.prompt + generated])
        with torch.no_grad():
            out = MODELS[self.adapter](ids, use_cache=False, output_hidden_states=True)
        states = [state[0, -1] for state in out.hidden_states]
        return out.logits[0, -1], states[-1], states

    def probe(self, generated):
        """The head's input [V, D] if each token came next."""
        ids = torch.tensor([self.prompt + generated + [token] for token in range(out_of(self).config.vocab_size)])
        with torch.no_grad():
            return out_of(self)(ids, use_cache=False, output_hidden_states=True).hidden_states[-1][:, -1]


def out_of(row):
    return MODELS[row.adapter]


def decode(name, part, asked, rows, score, exits=(), scorers=None, finals=(), probed=()):
    """`score(now, tokens)`: the scores [V] of what the rows computed in this step. Gives the case and its tensors."""
    kept, tokens, before, after, lead = {}, [], [], [], float("inf")
    for _ in range(STEPS):
        ran = {role: row.run(tokens) for role, row in rows.items()}
        head = MODELS[rows[""].adapter].lm_head
        now = {f"logits.{role}": logits for role, (logits, _, _) in ran.items()}
        now |= {f"exit.{layer}": head(ran[""][2][layer]).detach() for layer in exits}
        now |= {f"final.{role}": ran[role][1] for role in finals}
        now |= {f"probed.{role}": rows[role].probe(tokens) for role in probed}
        for key, value in now.items():
            kept.setdefault(f"{name}.{key}", []).append(value.float())
        scores = score(now, tokens)
        top = scores.topk(2).values
        lead = min(lead, float(top[0] - top[1]))
        token = int(scores.argmax())
        before.append(float(torch.softmax(now["logits."], -1)[token]))
        after.append(float(torch.softmax(scores, -1)[token]))
        tokens.append(token)
    if lead < LEAST_LEAD:
        raise NearTie
    plain = Row(rows[""].adapter, rows[""].prompt)
    own = []
    for _ in range(STEPS):
        own.append(int(plain.run(own)[0].argmax()))
    if own == tokens:
        raise NearTie
    case = {
        "name": name, "part": part, "asked": asked, "layers": 2, "exits": list(exits), "scorers": scorers or {},
        "rows": {role: {"adapter": row.adapter, "prompt": row.prompt} for role, row in rows.items()},
        "tokens": tokens, "before": [number(p) for p in before], "after": [number(p) for p in after],
        "smallestLead": float(f"{lead:.6g}"),
    }  # fmt: skip
    return case, {key: torch.stack(values) for key, values in kept.items()}


def by_generate(prompt, **settings):
    """transformers' whole loop, for the methods that it has."""
    base = MODELS[None]
    out = base.generate(
        torch.tensor([prompt]), max_new_tokens=STEPS, do_sample=False, pad_token_id=0, eos_token_id=None, **settings
    )
    return out[0, len(prompt) :].tolist()


def of_layers(prompt):
    def score(now, _):
        return dola(now["logits."], {0: now["exit.0"], 1: now["exit.1"]})

    case = decode("layers", "layers", {"candidates": [0, 1]}, {"": Row(None, prompt)}, score, exits=(0, 1))
    assert case[0]["tokens"] == by_generate(prompt, dola_layers=[0, 1])
    return case


def of_guidance(prompt):
    def score(now, _):
        return guidance(now["logits."], now["logits.guidance"], 1.5)

    asked = {"negative_prompt": "", "scale": 1.5}
    case = decode("guidance", "guidance", asked, {"": Row(None, prompt), "guidance": Row(None, NEGATIVE)}, score)
    assert case[0]["tokens"] == by_generate(prompt, guidance_scale=1.5, negative_prompt_ids=torch.tensor([NEGATIVE]))
    return case


def of_experts(prompt):
    rows = {"": Row(None, prompt), "experts[0]": Row(KIND, prompt), "experts[1]": Row(RUDE, prompt)}

    def score(now, _):
        return dexperts(now["logits."], now["logits.experts[0]"], now["logits.experts[1]"], 1.0, 0.9)

    asked = [{"id": "kind", "weight": 1}, {"id": "rude", "weight": -1}]
    return decode("experts", "experts", asked, rows, score)


def of_contrastive(prompt):
    rows = {"": Row(KIND, prompt), "contrastive.amateur": Row(None, prompt)}

    def score(now, _):
        return contrast(now["logits."], now["logits.contrastive.amateur"], 0.1, 0.5)

    return decode("contrastive", "contrastive", {"amateur": "base"}, rows, score)


def of_context(prompt):
    rows = {"": Row(None, CONTEXT + prompt), "contrastive.amateur": Row(None, prompt)}

    def score(now, _):
        return contrast_by_strength(now["logits."], now["logits.contrastive.amateur"], 0, 0.5)

    asked = {"amateur": {"without": "system", "temperature": 1}, "alpha": 0, "strength": 0.5}
    return decode("context-aware", "contrastive", asked, rows, score)


def scorer(temperatures, rows=None, rank=2):
    vocabulary, width = MODELS[None].config.vocab_size, MODELS[None].config.hidden_size
    shapes = {"weight": (width, 2), "bias": (2,), "a": (width, 2 * rank), "t": (vocabulary, rank)}
    tensors = {key: torch.randn(*shape, dtype=torch.float32).mul(0.4) for key, shape in shapes.items()}
    about = {"labels": ["kind", "rude"], "lead": LEAD, "temperatures": temperatures}
    about |= {"class_rows": rows} if rows else {}
    stored = {key: packed(value, 9) for key, value in tensors.items()} | {"about": about}
    return {key: value.double() for key, value in tensors.items()}, {"tone": stored}


def of_lookahead(prompt):
    tensors, stored = scorer({"lookahead": 1.25})

    def score(now, _):
        def log_probability(token):
            state = now["probed.classifier[0]"][token]
            return torch.log_softmax((state @ tensors["weight"] + tensors["bias"]) / 1.25, -1)[0]

        return fudge(now["logits."], log_probability, 2, 16)

    asked = [{"id": "tone", "label": "kind", "mode": "lookahead", "strength": 2, "top_k": 16}]
    rows = {"": Row(None, prompt), "classifier[0]": Row(KIND, LEAD)}
    role = ("classifier[0]",)
    return decode("lookahead", "classifier", asked, rows, score, scorers=stored, finals=role, probed=role)


def of_class_rows(prompt):
    about = {"control": [[7], [8]], "scale": 1.5, "bias": [0.2, -0.1]}
    _, stored = scorer({"class_rows": 1.1}, about)
    state = Gedi(about["scale"], about["bias"], 1.1)

    def score(now, tokens):
        if tokens:
            state.choose(tokens[-1])
        rows = torch.stack([now["logits.classifier[0].0"], now["logits.classifier[0].1"]])
        return state.step(now["logits."], rows, 0, 10, 0.8, 0.8)

    asked = [{"id": "tone", "label": "kind", "mode": "class_rows", "relative_top": 0, "strength": 10}]
    rows = {"": Row(None, prompt), "classifier[0].0": Row(KIND, [*LEAD, 7]), "classifier[0].1": Row(KIND, [*LEAD, 8])}
    return decode("class-rows", "classifier", asked, rows, score, scorers=stored)


def of_token_values(prompt):
    tensors, stored = scorer({"token_values": 0.9})

    def score(now, _):
        final = now["final.classifier[0]"]
        head = final @ tensors["weight"] + tensors["bias"]
        values = head[:, None] + (final @ tensors["a"]).reshape(2, -1) @ tensors["t"].T
        return token_values(now["logits."], values, 0, 1.5, 0.9)

    asked = [{"id": "tone", "label": "kind", "mode": "token_values", "strength": 1.5}]
    rows = {"": Row(None, prompt), "classifier[0]": Row(KIND, LEAD)}
    return decode("token-values", "classifier", asked, rows, score, scorers=stored, finals=("classifier[0]",))


def clear(kind):
    """The case of the first prompt whose every token leads clearly, and that the part changes."""
    draws = torch.Generator().manual_seed(5)
    while True:
        try:
            return kind(torch.randint(0, 96, (5,), generator=draws).tolist())
        except NearTie:
            pass


if __name__ == "__main__":
    quiet_single_thread(62)
    kinds = (of_layers, of_guidance, of_experts, of_contrastive, of_context)
    made = [clear(kind) for kind in (*kinds, of_lookahead, of_class_rows, of_token_values)]
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    write_json("decode/steering-greedy.json", versions | {"base": BASE, "cases": [case for case, _ in made]})
    write_safetensors("decode/steering-greedy.safetensors", {k: v for _, kept in made for k, v in kept.items()})
