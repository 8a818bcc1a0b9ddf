"""A decoder of Llama's shape in float64 that can be changed at single places, with the models that `edits.py` edits.

transformers computes norms and softmax in float32 whatever the model's dtype, so it cannot be a reference in float64.
`checked` holds this forward pass to transformers' float32 logits. The rotary tables are float32 here as
well: a model is trained with them, and they differ from float64 by more than what the goldens are held to.
"""

import json

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from golden_io import GOLDEN
from tiny_models import IGNORED, randomise, theta

SIZES = {
    "vocab_size": 64,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}

MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig, {"tie_word_embeddings": True, "rms_norm_eps": 1e-5}, 10000.0),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, {"tie_word_embeddings": False, "rms_norm_eps": 1e-6}, 1000000.0),
}


def make(name, seed, rows):
    """A random model that has learnt `rows`, saved as edits/<name>/{config.json,model.safetensors} in float32.

    `rows` are (token ids, number of last ids that count). Without learning, no attention looks back at a subject, and
    no edit there reaches the target.
    """
    kind, configuration, options, base = MODELS[name]
    torch.manual_seed(seed)
    model = kind(configuration(**SIZES, **options, rope_parameters=theta(base))).float()
    randomise(model)
    learn(model, rows)
    model.eval()
    folder = GOLDEN / "edits" / name
    folder.mkdir(parents=True, exist_ok=True)
    model.config.architectures = [kind.__name__]
    model.config.dtype = torch.float32
    (folder / "config.json").write_text(json.dumps(model.config.to_dict(), indent=2, sort_keys=True) + "\n")
    tensors = {n: p.detach().contiguous() for n, p in model.named_parameters()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    return checked(model, Decoder(tensors, base, options["rms_norm_eps"]))


def learn(model, rows, steps=400):
    length = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [0] * (length - len(row)) for row, _ in rows])
    labels = torch.full_like(ids, IGNORED)
    for index, (row, counted) in enumerate(rows):
        labels[index, len(row) - counted : len(row)] = ids[index, len(row) - counted : len(row)]
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(steps):
        adam.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        loss = model(ids, labels=labels, use_cache=False).loss
        adam.zero_grad()
        loss.backward()
        adam.step()
    print(f"learnt {len(rows)} rows to a loss of {loss.item():.4f}")


def checked(model, decoder):
    ids = torch.randint(0, SIZES["vocab_size"], (12,), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted = model(ids[None], use_cache=False).logits[0].double()
        error = (decoder(ids.tolist()).logits - wanted).norm() / wanted.norm()
    assert error < 1e-5, f"the forward pass is not transformers': off by {error:.1e}"
    return decoder


class Decoder:
    """The forward pass of one row of token ids. `weights` may be replaced, to compute with an edited model."""

    def __init__(self, tensors, rope_base, eps):
        self.weights = {name: tensor.double() for name, tensor in tensors.items()}
        self.rope_base = rope_base
        self.eps = eps

    def edited(self, changes):
        """A decoder with `changes`, layer → ΔW [in,out], added to the down projections."""
        copy = Decoder({}, self.rope_base, self.eps)
        copy.weights = dict(self.weights)
        for layer, change in changes.items():
            name = f"model.layers.{layer}.mlp.down_proj.weight"
            copy.weights[name] = copy.weights[name] + change.T
        return copy

    def linear(self, path, x):
        y = x @ self.weights[f"{path}.weight"].T
        bias = self.weights.get(f"{path}.bias")
        return y if bias is None else y + bias

    def norm(self, path, x):
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + self.eps) * self.weights[f"{path}.weight"]

    def rotated(self, x):
        """x [heads,T,d], by rotary positions of the two halves; angles, cosines and sines as float32 holds them."""
        half = x.shape[-1] // 2
        frequencies = self.rope_base ** -(torch.arange(half, dtype=torch.float64) / half)
        angles = (torch.arange(x.shape[1], dtype=torch.float32)[:, None] * frequencies.float()).double()
        cos, sin = angles.cos().float().double(), angles.sin().float().double()
        first, second = x[..., :half], x[..., half:]
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)

    def attention(self, path, x):
        length, heads, groups = x.shape[0], SIZES["num_attention_heads"], SIZES["num_key_value_heads"]
        split = lambda y, n: y.reshape(length, n, -1).transpose(0, 1)
        q = self.rotated(split(self.linear(f"{path}.q_proj", x), heads))
        k = self.rotated(split(self.linear(f"{path}.k_proj", x), groups)).repeat_interleave(heads // groups, 0)
        v = split(self.linear(f"{path}.v_proj", x), groups).repeat_interleave(heads // groups, 0)
        scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
        scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -torch.inf)
        return self.linear(f"{path}.o_proj", (scores.softmax(-1) @ v).transpose(0, 1).reshape(length, -1))

    def __call__(self, ids, site=None, position=None, delta=None):
        """All that edits look at, for token ids [T].

        `site` is ("mlp", layer) or ("layer", layer): `delta` is added to that output at `position`. What is traced at
        the site is the value before the addition.
        """
        trace = Trace()
        x = self.weights["model.embed_tokens.weight"][ids]

        def at(kind, layer, value):
            getattr(trace, kind).append(value)
            if site != (kind, layer):
                return value
            row = torch.zeros(len(ids), 1, dtype=torch.float64)
            row[position] = 1
            return value + row * delta

        for layer in range(SIZES["num_hidden_layers"]):
            path = f"model.layers.{layer}"
            x = x + self.attention(f"{path}.self_attn", self.norm(f"{path}.input_layernorm", x))
            inner = self.norm(f"{path}.post_attention_layernorm", x)
            gate = torch.nn.functional.silu(self.linear(f"{path}.mlp.gate_proj", inner))
            key = gate * self.linear(f"{path}.mlp.up_proj", inner)
            trace.key.append(key)
            x = at("layer", layer, x + at("mlp", layer, self.linear(f"{path}.mlp.down_proj", key)))
        head = self.weights.get("lm_head.weight", self.weights["model.embed_tokens.weight"])
        trace.logits = self.norm("model.norm", x) @ head.T
        return trace


class Trace:
    """Per layer [T,·]: `key` into the down projection, `mlp` out of it, `layer` the residual stream; `logits`."""

    def __init__(self):
        self.key, self.mlp, self.layer, self.logits = [], [], [], None
