"""The diagonal Fisher information of a tiny decoder over three texts, and what elastic weight consolidation adds to gradients.

Writes keeping/ewc.json: for each weight its sum, and all numbers of a few; the penalty and its gradients where every weight has
grown by 1 %, and where LoRA adds to two layers. Weights are in the layout of the model's file, [out, in]. After llama.py.
"""

import torch
from transformers import AutoModelForCausalLM

from golden_io import GOLDEN, flat, number, quiet_single_thread, write_json

SHOWN = ["model.layers.0.self_attn.q_proj.weight", "model.layers.0.input_layernorm.weight"]
ADAPTED = ["layers.0.self_attn.q_proj", "layers.1.mlp.down_proj"]
LAMBDA, RANK, SCALE = 3.0, 2, 2.0

if __name__ == "__main__":
    quiet_single_thread(7)
    model = AutoModelForCausalLM.from_pretrained(
        GOLDEN / "llama" / "plain", dtype=torch.float64, attn_implementation="eager"
    ).eval()
    parameters = dict(model.named_parameters())
    texts = [torch.randint(3, model.config.vocab_size, (n,)) for n in (5, 9, 12)]
    fisher = {name: torch.zeros_like(value) for name, value in parameters.items()}
    for ids in texts:
        model.zero_grad()
        logs = model(input_ids=ids[None]).logits[0, :-1].log_softmax(-1)
        logs.gather(1, ids[1:, None]).sum().backward()
        for name, value in parameters.items():
            fisher[name] += value.grad**2
    tokens = sum(len(ids) - 1 for ids in texts)
    fisher = {name: value / tokens for name, value in fisher.items()}

    start = {name: value.detach().clone() for name, value in parameters.items()}
    grown = {name: (value * 1.01).requires_grad_() for name, value in start.items()}
    penalty = LAMBDA / 2 * sum((fisher[name] * (grown[name] - start[name]) ** 2).sum() for name in start)
    penalty.backward()

    factors = {}
    for path in ADAPTED:
        out, inner = start[f"model.{path}.weight"].shape
        factors[path] = [(torch.randn(*shape, dtype=torch.float64) / 10).round(decimals=4).requires_grad_()
                         for shape in ((inner, RANK), (RANK, out))]  # fmt: skip
    low = LAMBDA / 2 * sum(
        (fisher[f"model.{path}.weight"] * (SCALE * (a @ b).T) ** 2).sum() for path, (a, b) in factors.items()
    )
    low.backward()
    write_json("keeping/ewc.json", {
        "texts": [ids.tolist() for ids in texts],
        "tokens": tokens,
        "fisherSums": {name: number(value.sum().item()) for name, value in fisher.items()},
        "fisher": {name: flat(fisher[name], 9) for name in SHOWN},
        "lambda": LAMBDA,
        "full": {
            "penalty": number(penalty.item()),
            "gradientNorms": {name: number(value.grad.norm().item()) for name, value in grown.items()},
            "gradients": {name: flat(grown[name].grad, 9) for name in SHOWN},
        },
        "lora": {
            "scale": SCALE,
            "rank": RANK,
            "penalty": number(low.item()),
            "factors": {path: {"a": flat(a), "b": flat(b)} for path, (a, b) in factors.items()},
            "gradients": {path: {"a": flat(a.grad, 9), "b": flat(b.grad, 9)} for path, (a, b) in factors.items()},
        },
    })  # fmt: skip
