"""What a scorer's head and token values give for a hidden state, in float64.

Writes scorer/values.json: for two and for three classes the tensors (float32 values), one hidden state, the head's logits, the
class scores of every next token, and the log-probabilities of both at a temperature.
"""

import torch

from golden_io import packed, quiet_single_thread, write_json

WIDTH, VOCABULARY = 6, 13


def case(classes, rank, temperature):
    def draw(*shape):
        return torch.randn(*shape, dtype=torch.float32)

    weight, bias = draw(WIDTH, classes), draw(classes)
    a, t, final = draw(WIDTH, classes * rank), draw(VOCABULARY, rank), draw(WIDTH)
    head = torch.nn.functional.linear(final.double(), weight.double().T, bias.double())
    # [K, r] x [V, r]: one bilinear form a class.
    reads = (final.double() @ a.double()).reshape(classes, rank)
    values = head[:, None] + torch.einsum("cr,vr->cv", reads, t.double())
    return {
        "temperature": temperature, "weight": packed(weight), "bias": packed(bias), "a": packed(a), "t": packed(t),
        "final": packed(final), "head": packed(head), "values": packed(values),
        "head_log_probabilities": packed(torch.log_softmax(head / temperature, -1)),
        "token_log_probabilities": packed(torch.log_softmax(values / temperature, 0)),
    }  # fmt: skip


if __name__ == "__main__":
    quiet_single_thread(31)
    write_json("scorer/values.json", [case(2, 4, 1.7), case(2, 3, 0.6), case(3, 5, 1.3)])
