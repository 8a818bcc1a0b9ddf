"""peft's LoRA on a base whose linear layers went through bitsandbytes' NF4 and back: folders with logits and gradients.

Writes peft/qlora/ (scales doubly quantised) and peft/qlora-single/ (scales in float32, a base with biases). The folders are
LoRA's own. golden.json's `logits`, `loss` and `mergedLogits` and the gradients are those on the dequantised base. Weights
are dequantised flattened, for the reason that nf4.py gives.
"""

import torch
from bitsandbytes.functional import quantize_4bit
from peft import LoraConfig

from golden_io import packed
from nf4 import flattened
from peft_cases import logits_of, record
from tiny_models import short_batch


def through_nf4(double):
    """Puts every linear weight of the decoder's blocks through 4 bits, in place."""

    def prepare(model):
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and ".layers." in name and "lora_" not in name:
                weight = module.weight.data
                values, state = quantize_4bit(weight, quant_type="nf4", blocksize=64, compress_statistics=double)
                weight.copy_(flattened(values, state).reshape(weight.shape))

    return prepare


def merged(model):
    """What merging onto the dequantised base gives; within a rounding of what the adapter gives beside it."""
    ids, _ = short_batch()
    beside = logits_of(model, ids)
    logits = logits_of(model.merge_and_unload(), ids)
    torch.testing.assert_close(logits, beside, rtol=1e-4, atol=1e-4)
    return {"mergedLogits": packed(logits, 9)}


if __name__ == "__main__":
    record(
        "qlora",
        LoraConfig(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM"),
        91,
        prepare=through_nf4(double=True),
        extra=merged,
        merged="refused",
    )
    record(
        "qlora-single",
        LoraConfig(r=2, lora_alpha=8, target_modules=["k_proj", "up_proj"], task_type="CAUSAL_LM"),
        92,
        base="llama/qwen2",
        prepare=through_nf4(double=False),
        extra=merged,
        merged="refused",
    )
