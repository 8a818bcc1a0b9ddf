"""The loss of a classifier and its gradients, in float64, for the adapter of lora/adapter on llama/plain; after lora.py.

Writes classifier/loss.json: the settings, three texts of two classes as ids, the scorer's tensors, and what comes out: each
term of the loss, their total, and the gradients of the scorer; the adapter's are in classifier/grads.safetensors under the
keys of its own file. The text's rows are run one by one, without padding: its ids after `lead`, and after `lead` and the ids
of each class.
"""

import torch
import torch.nn.functional as F
from peft import PeftModel, get_peft_model_state_dict

from golden_io import GOLDEN, number, packed, quiet_single_thread, write_json, write_safetensors
from peft_cases import base_model, trainable
from tiny_models import VOCAB

CLASSES, RANK, LM_WEIGHT, MIN_TOKENS = 2, 3, 0.6, 2
LEAD, CONTROL = [5], [[11, 12], [13]]


def texts():
    draw = torch.Generator().manual_seed(3)
    return [(torch.randint(0, VOCAB, (n,), generator=draw).tolist(), c) for n, c in ((4, 0), (7, 1), (5, 1))]


def scorer(width):
    def draw(*shape):
        return torch.randn(*shape, dtype=torch.float32).mul(0.3).double().requires_grad_()

    return {
        "scorer.weight": draw(width, CLASSES), "scorer.bias": draw(CLASSES),
        "scorer.A": draw(width, CLASSES * RANK), "scorer.T": draw(VOCAB, RANK),
        "scorer.log_scale": draw(1), "scorer.row_bias": draw(CLASSES),
    }  # fmt: skip


def run(model, ids):
    """(states after the last norm [T, D], log-probabilities of every next token [T - 1])."""
    out = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
    logs = torch.log_softmax(out.logits[0, :-1], -1)
    return out.hidden_states[-1][0], logs.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]


def terms(model, p, ids, label):
    """The four terms of one text."""
    states, _ = run(model, LEAD + ids)
    first = len(LEAD)
    head = states @ p["scorer.weight"] + p["scorer.bias"]
    judged = head[first + MIN_TOKENS - 1 :]
    head_loss = F.cross_entropy(judged, torch.full((len(judged),), label))
    # The state before a token, with that token's values.
    before = states[first - 1 : -1]
    reads = (before @ p["scorer.A"]).reshape(len(ids), CLASSES, RANK)
    values = head[first - 1 : -1] + torch.einsum("tcr,tr->tc", reads, p["scorer.T"][ids])
    value_loss = F.cross_entropy(values, torch.full((len(ids),), label))
    likelihood = torch.stack([run(model, LEAD + c + ids)[1][len(LEAD + c) - 1 :].mean() for c in CONTROL])
    logits = likelihood * p["scorer.log_scale"].exp() + p["scorer.row_bias"]
    row_loss = F.cross_entropy(logits[None], torch.tensor([label]))
    return {"head_loss": head_loss, "value_loss": value_loss, "lm_loss": -likelihood[label], "row_loss": row_loss}


if __name__ == "__main__":
    quiet_single_thread(23)
    model = PeftModel.from_pretrained(base_model(), GOLDEN / "lora" / "adapter", is_trainable=True).double().eval()
    parameters = scorer(model.config.hidden_size)
    each = [terms(model, parameters, ids, label) for ids, label in texts()]
    means = {name: torch.stack([one[name] for one in each]).mean() for name in each[0]}
    loss = (
        means["head_loss"] + means["value_loss"] + LM_WEIGHT * means["lm_loss"] + (1 - LM_WEIGHT) * means["row_loss"]
    )
    loss.backward()
    for name, value in trainable(model).items():
        value.data = value.grad.float()
    write_safetensors("classifier/grads.safetensors", get_peft_model_state_dict(model))
    write_json(
        "classifier/loss.json",
        {
            "lead": LEAD, "control": CONTROL, "lmWeight": LM_WEIGHT, "minTokens": MIN_TOKENS,
            "texts": [{"ids": ids, "label": label} for ids, label in texts()],
            "scorer": {name: packed(value.float(), 9) for name, value in parameters.items()},
            "loss": number(loss.item()), "terms": {name: number(value.item()) for name, value in means.items()},
            "gradients": {name: packed(value.grad) for name, value in parameters.items()},
        },
    )  # fmt: skip
