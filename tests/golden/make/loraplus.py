"""peft's LoRA+: five AdamW steps with its parameter groups, from a LoRA of linear layers and the embedding.

Writes peft/loraplus/: the adapter before the steps, golden.json with `training`, and after.safetensors, the adapter
after the last step. `training.groups` lists for every tensor its rate and its decay.

    A and what else has two dimensions: lr; B and vectors: ratio · lr, no decay for biases; both factors of an
    embedding: loraplus_lr_embedding (1e-6 by default), whatever lr and ratio are
"""

import torch
from peft import LoraConfig, get_peft_model_state_dict
from peft.optimizers import create_loraplus_optimizer

from golden_io import number, write_safetensors
from peft_cases import OUT, file_key, record, short_batch, trainable

CASE = "loraplus"
RATE, RATIO, EMBEDDING_RATE, DECAY, STEPS = 1e-3, 16.0, 5e-4, 0.01, 5


def train(model):
    """Unclipped steps on the one batch → losses before each and after the last, groups, hyperparameters."""
    optimizer = create_loraplus_optimizer(
        model,
        torch.optim.AdamW,
        lr=RATE,
        loraplus_lr_ratio=RATIO,
        loraplus_lr_embedding=EMBEDDING_RATE,
        loraplus_weight_decay=DECAY,
        foreach=False,
    )
    keys = {id(p): file_key(model, n) for n, p in trainable(model).items()}
    groups = {
        keys[id(p)]: {"learningRate": number(group["lr"], 9), "weightDecay": group["weight_decay"]}
        for group in optimizer.param_groups
        for p in group["params"]
    }
    assert groups.keys() == set(keys.values())
    ids, labels = short_batch()
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        losses.append(model(input_ids=ids, labels=labels).loss.item())
    assert losses[-1] < losses[0]
    write_safetensors(f"{OUT}/{CASE}/after.safetensors", get_peft_model_state_dict(model, save_embedding_layers=False))
    options = optimizer.defaults
    return {
        "training": {
            "steps": STEPS,
            "learningRate": RATE,
            "ratio": RATIO,
            "embeddingLearningRate": EMBEDDING_RATE,
            "weightDecay": DECAY,
            "beta1": options["betas"][0],
            "beta2": options["betas"][1],
            "epsilon": options["eps"],
            "groups": dict(sorted(groups.items())),
            "losses": [number(v, 9) for v in losses],
        }
    }


if __name__ == "__main__":
    config = LoraConfig(
        r=2, lora_alpha=4, target_modules=["q_proj", "down_proj", "embed_tokens"], bias="lora_only",
        task_type="CAUSAL_LM",
    )  # fmt: skip
    record(CASE, config, 111, "llama/qwen2", extra=train)
