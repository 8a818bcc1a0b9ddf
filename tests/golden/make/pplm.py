"""20 tokens of greedy decoding with a perturbed memory (PPLM) on the tiny decoders `llama/plain` and `llama/qwen2`, in float64.

Writes decode/pplm.json and decode/pplm.safetensors. A case has the `model`, the adapters of the `text` and of the `judge` (folders
of this directory, null for the base alone) and their prompts, what is `asked`, the `scorer`, and of the text its `tokens`, the
`losses` before each iteration of each token and `smallestLead`, by how much a token was at least ahead of the runner-up. The tensors
are `CASE.logs` [20, V], the logarithms of the probabilities each token was chosen from, and `CASE.STEP.ITERATION.LAYER.key` and
`.value` [K, N, P] for the first and the last step: the memory before the text's last token, as that iteration left it.

The loop is written from the paper (Dathathri et al. 2020, sections 3.2 and 3.3) and the defaults of its authors' code. Its
classifier judges the state after the expected next token, in a model of its own. After `lora.py`.
"""

import json

import torch
import transformers
from safetensors.torch import load_file
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from golden_io import GOLDEN, number, packed, quiet_single_thread, write_json, write_safetensors

STEPS = 20
LEAST_LEAD = 1e-3
# How far the same loop in float32 may stray from float64: what a text amplifies beyond that would test nothing.
MOST_STRAY = 4e-6
KINDS = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM)}
ADAPTER, OTHER = "lora/adapter", "lora/regex-targets-f16"


def load(name, adapter, dtype):
    stated = json.loads((GOLDEN / name / "config.json").read_text())
    config_class, model_class = KINDS[stated["model_type"]]
    config = config_class.from_dict(stated)
    config._attn_implementation = "eager"
    weights = {key: value.double() for key, value in load_file(GOLDEN / name / "model.safetensors").items()}
    if adapter is not None:
        settings = json.loads((GOLDEN / adapter / "adapter_config.json").read_text())
        factors = load_file(GOLDEN / adapter / "adapter_model.safetensors")
        for key in (each for each in factors if each.endswith("lora_A.weight")):
            a, b = factors[key].double(), factors[key.replace("lora_A", "lora_B")].double()
            target = key.removeprefix("base_model.model.").replace("lora_A.weight", "weight")
            weights[target] = weights[target] + settings["lora_alpha"] / settings["r"] * b @ a
    model = model_class(config).double().eval()
    model.load_state_dict(weights)
    return model.to(dtype).requires_grad_(False)


def memory(model, ids):
    """Every layer's keys and values [1, K, N, P] of a text, keys as attention compares them."""
    if not ids:
        config = model.config
        width = config.hidden_size // config.num_attention_heads
        empty = torch.zeros(1, config.num_key_value_heads, 0, width, dtype=model.dtype)
        return [(empty, empty) for _ in range(config.num_hidden_layers)]
    cache = model(torch.tensor([ids]), use_cache=True).past_key_values
    return [(layer.keys, layer.values) for layer in cache.layers]


def go_on(model, past, **token):
    """Logits [V], the head's input [D] and the memory after one more token, given by its id or its embedding."""
    cache = DynamicCache()
    for layer, (key, value) in enumerate(past):
        cache.update(key, value, layer)
    out = model(past_key_values=cache, use_cache=True, output_hidden_states=True, **token)
    after = [(layer.keys, layer.values) for layer in cache.layers]
    return out.logits[0, -1], out.hidden_states[-1][0, -1], after


def loss_of(text, judge, past, now, aim):
    """−log p(class | the expected next token) + kl_scale · KL(p̃ ‖ p)."""
    logits, _, _ = go_on(text, past, input_ids=torch.tensor([[now["last"]]]))
    logs = torch.log_softmax(logits, -1)
    expected = logs.exp() @ judge.get_input_embeddings().weight
    _, state, _ = go_on(judge, now["judged"], inputs_embeds=expected[None, None])
    states = torch.stack([*now["states"], state])
    scores = (states.mean(0) @ aim["weight"] + aim["bias"]) / aim["temperature"]
    score = scores[aim["label"]] - (torch.logsumexp(scores, -1) if len(scores) > 1 else 0)
    divergence = (logs.exp() * (logs - torch.log_softmax(now["own"], -1))).sum()
    return aim["kl_scale"] * divergence - score


def one_iteration(text, judge, past, now, aim):
    moved = [tuple(part.clone().requires_grad_() for part in pair) for pair in past]
    loss = loss_of(text, judge, moved, now, aim)
    slopes = torch.autograd.grad(loss, [part for pair in moved for part in pair])
    first = max(0, past[0][0].shape[2] - aim["window"]) if aim["window"] else 0
    result = []
    for layer, pair in enumerate(past):
        both = torch.stack(slopes[2 * layer : 2 * layer + 2]).clone()
        both[..., :first, :] = 0
        norm = both.norm() + 1e-15
        step = aim["step_size"] * both / norm ** aim["gamma"]
        # Where the served steps end; no case may reach it.
        assert step.norm() < 0.5 * torch.stack(pair).norm()
        result.append((pair[0] - step[0], pair[1] - step[1]))
    return result, float(loss.detach())


def decode(name, text, judge, prompts, aim):
    kept, tokens, losses, lead = {}, [], [], float("inf")
    past, logs_of = memory(text, prompts["text"][:-1]), []
    states = []
    for step in range(STEPS):
        everything = prompts["text"] + tokens
        own = text(torch.tensor([everything])).logits[0, -1]
        judged_ids = prompts["judge"] + tokens
        if step > 0 and aim["pool"] == "mean":
            states.append(judge(torch.tensor([judged_ids]), output_hidden_states=True).hidden_states[-1][0, -1])
        now = {"last": everything[-1], "own": own, "judged": memory(judge, judged_ids), "states": states}
        losses.append([])
        for iteration in range(aim["iterations"] if past[0][0].shape[2] > 0 else 0):
            past, loss = one_iteration(text, judge, past, now, aim)
            losses[-1].append(loss)
            if step in (0, STEPS - 1):
                for layer, (key, value) in enumerate(past):
                    kept[f"{name}.{step}.{iteration}.{layer}.key"] = key[0].float()
                    kept[f"{name}.{step}.{iteration}.{layer}.value"] = value[0].float()
        logits, _, past = go_on(text, past, input_ids=torch.tensor([[now["last"]]]))
        gm = aim["gm_scale"]
        fused = gm * torch.log_softmax(logits, -1) + (1 - gm) * torch.log_softmax(own, -1)
        logs = torch.log_softmax(fused, -1)
        top = logs.topk(2).values
        lead = min(lead, float(top[0] - top[1]))
        logs_of.append(logs.float())
        tokens.append(int(logs.argmax()))
    kept[f"{name}.logs"] = torch.stack(logs_of)
    return tokens, losses, lead, kept


def stray(kept, other):
    """The largest difference of two texts' tensors, as a share of the number where that is above 1."""
    compared = [(value, other[key]) for key, value in kept.items() if value.numel()]
    return max(float(((got - value).abs() / value.abs().clamp(min=1)).max()) for value, got in compared)


def case(name, model, text, judge, prompts, labels, seed, **more):
    generator = torch.Generator().manual_seed(seed)
    width = 32
    weight = torch.randn(width, len(labels), generator=generator).mul(0.2)
    bias = torch.randn(len(labels), generator=generator).mul(0.5)
    temperature = 1.25
    defaults = {"iterations": 3, "step_size": 0.02, "gamma": 1.0, "kl_scale": 0.01, "gm_scale": 0.9}
    aim = defaults | {"window": None, "pool": "last"} | more | {"temperature": temperature, "label": len(labels) - 1}
    runs = {}
    for dtype in (torch.float64, torch.float32):
        aimed = aim | {"weight": weight.to(dtype), "bias": bias.to(dtype)}
        models = load(model, text, dtype), load(model, judge, dtype)
        runs[dtype] = decode(name, *models, prompts, aimed)
    tokens, losses, lead, kept = runs[torch.float64]
    strayed, base, plain = stray(kept, runs[torch.float32][3]), load(model, text, torch.float64), []
    for _ in range(STEPS):
        plain.append(int(base(torch.tensor([prompts["text"] + plain])).logits[0, -1].argmax()))
    print(f"{name}: lead {lead:.2g}, stray {strayed:.2g}")
    assert lead > LEAST_LEAD and strayed < MOST_STRAY and plain != tokens, name
    scorer = {
        "weight": packed(weight, 9), "bias": packed(bias, 9),
        "about": {"labels": labels, "lead": [], "temperatures": {"lookahead": temperature}},
    }  # fmt: skip
    about = {"name": name, "model": model, "text": text, "judge": judge, "prompts": prompts, "scorer": scorer}
    about |= {"asked": {"id": "tone", "label": labels[-1]} | more, "tokens": tokens}
    return about | {
        "losses": [[number(x, 9) for x in each] for each in losses], "smallestLead": float(f"{lead:.6g}"),
    }, kept  # fmt: skip


def cases():
    llama, qwen = "llama/plain", "llama/qwen2"
    own = [5, 71, 23, 8, 90, 14]
    two, three = ["a", "b"], ["a", "b", "c"]
    yield case("defaults", llama, None, None, {"text": own, "judge": own}, two, 1)
    yield case(
        "tuned-judge", llama, None, ADAPTER, {"text": own, "judge": [2]}, three, 2, step_size=0.05, gamma=1.5, kl_scale=0.5, window=4
    )
    yield case(
        "tuned-text", llama, OTHER, ADAPTER, {"text": own, "judge": [2, 9]}, two, 3,
        iterations=5, step_size=0.04, gamma=0.8, gm_scale=1.0, pool="mean",
    )  # fmt: skip
    yield case("reward", llama, None, None, {"text": own, "judge": own}, ["value"], 4, step_size=0.04, gamma=0.5)
    yield case("biases", qwen, None, None, {"text": own, "judge": [4]}, two, 5, step_size=0.02, gamma=1.2, pool="mean")
    yield case("one-token", llama, None, None, {"text": [33], "judge": [33]}, two, 6, step_size=0.1)


if __name__ == "__main__":
    quiet_single_thread(1)
    made, tensors = [], {}
    for one, its in cases():
        made.append(one)
        tensors |= its
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    write_json("decode/pplm.json", versions | {"cases": made})
    write_safetensors("decode/pplm.safetensors", tensors)
