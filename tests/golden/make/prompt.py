"""peft's prompt tuning: folders with logits and gradients.

Writes peft/prompt/ and peft/prompt-qwen2/, both with five virtual tokens. `logits` are those of the text positions and
`lastVirtualLogits` those of the last virtual token, which predicts the first text token: virtual tokens get label −100
in front of the given labels, so the first text token's label counts in the loss, unlike without a prompt, and
`trainedTokens` says so.

    logits = base(embeddings = prompt_embeddings ⧺ embed(ids)), positions 0 … n+T−1, causal over all of them
"""

import torch
from peft import PromptTuningConfig

from golden_io import number, packed
from peft_cases import base_model, logits_of, record, short_batch
from tiny_models import IGNORED


def virtual_tokens(model, base):
    """More fields, after checking the formula above and the loss against the bare base."""
    ids, labels = short_batch()
    prompt = model.prompt_encoder["default"].embedding.weight.detach()
    count = prompt.shape[0]
    bare = base_model(base)
    with torch.no_grad():
        embeddings = torch.cat([prompt.expand(2, -1, -1), bare.get_input_embeddings()(ids)], dim=1)
        whole = bare(inputs_embeds=embeddings).logits
        loss = torch.nn.functional.cross_entropy(
            whole[:, count - 1 : -1].reshape(-1, whole.shape[-1]), labels.flatten()
        )
        torch.testing.assert_close(model(input_ids=ids, labels=labels).loss, loss, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(logits_of(model, ids), whole[:, count:], rtol=1e-5, atol=1e-5)
    return {
        "virtualTokens": count,
        "trainedTokens": int((labels != IGNORED).sum()),
        "lastVirtualLogits": packed(whole[:, count - 1], 9),
        "baseLoss": number(bare(input_ids=ids, labels=labels).loss.item(), 9),
    }


if __name__ == "__main__":
    for name, base, seed in (("prompt", "llama/plain", 61), ("prompt-qwen2", "llama/qwen2", 62)):
        config = PromptTuningConfig(num_virtual_tokens=5, task_type="CAUSAL_LM")
        record(name, config, seed, base, merged="refused", extra=lambda model: virtual_tokens(model, base))
