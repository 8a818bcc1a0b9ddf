"""The other side of `npm run bench -- align`: trl on PyTorch, in a process that is told what to run.

Reads one JSON object a line and answers with one. The first says what to load; the others are `{"run": "dpo", "steps": N}`,
`{"run": "generate", "seed": N, "ending": bool}` and
`{"run": "ppo", "steps": N, "second": bool}`. Seconds are of the wall clock, `cpu` of this process's processor
time; what compiles, caches or warms up is run before the clock starts.

    python tests/bench/align/peer.py < commands
"""

import json
import os
import sys
import tempfile
import time

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print must not mix with the answers
FIRST = json.loads(sys.stdin.readline())
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(FIRST["threads"])
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="")

import torch  # noqa: E402

torch.set_num_threads(FIRST["threads"])

import peft  # noqa: E402
import transformers  # noqa: E402
import trl  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback  # noqa: E402

transformers.logging.set_verbosity_error()


class Clock:
    """Wall and processor time since `start`."""

    def start(self):
        self.at = (time.perf_counter(), time.process_time())

    def read(self):
        wall, cpu = self.at
        return {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


class StepClock(TrainerCallback):
    """Starts after the first `warm` steps, and stops after the last."""

    def __init__(self, warm):
        self.warm, self.clock, self.measured = warm, Clock(), None

    def on_step_end(self, args, state, control, **_):
        if state.global_step == self.warm:
            self.clock.start()
        if state.global_step == state.max_steps:
            self.measured = self.clock.read()


def base():
    return AutoModelForCausalLM.from_pretrained(FIRST["folder"], dtype=torch.float32)


def lora():
    return peft.LoraConfig(**FIRST["lora"], target_modules="all-linear", lora_dropout=0.0, task_type="CAUSAL_LM")


TOKENIZER = AutoTokenizer.from_pretrained(FIRST["folder"])
OUT = tempfile.mkdtemp()
# What trl and transformers would do besides training is off, and what they do for graphics cards only.
QUIET = {
    "output_dir": OUT,
    "report_to": "none",
    "save_strategy": "no",
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "dataloader_pin_memory": False,
    "disable_tqdm": True,
    "lr_scheduler_type": "constant",
}


class OwnIds(trl.DPOTrainer):
    """Takes the other side's token ids, and its order of pairs."""

    def _prepare_dataset(self, dataset, *_):
        return dataset

    def _get_train_sampler(self, *_):
        return torch.utils.data.SequentialSampler(self.train_dataset)


def dpo(steps):
    size, warm = FIRST["batch"], FIRST["warm"]
    pairs = FIRST["pairs"][: size * (warm + steps)]
    timing = StepClock(warm)
    config = trl.DPOConfig(
        **QUIET,
        per_device_train_batch_size=size,
        max_steps=warm + steps,
        learning_rate=FIRST["learning_rate"],
        beta=FIRST["beta"],
        precompute_ref_log_probs=True,
        max_length=None,
        logging_steps=1,
        max_grad_norm=1.0,
    )
    trainer = OwnIds(
        model=base(),
        args=config,
        processing_class=TOKENIZER,
        train_dataset=Dataset.from_list(pairs),
        peft_config=lora(),
        callbacks=[timing],
    )
    trainer.train()
    logged = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {**timing.measured, "losses": logged}


GENERATING = {}


def generate(seed, ending):
    """As trl's PPO does: prompts padded on the left, one call of transformers' `generate` for as many as fit, with its cache and its
    scores. A call goes on until its longest reply ends."""
    if not GENERATING:
        GENERATING["model"] = peft.get_peft_model(base(), lora()).eval()
    model = GENERATING["model"]
    torch.manual_seed(seed)
    prompts, new, stops = FIRST["prompts"], FIRST["new_tokens"], FIRST["stops"]
    if not ending:
        prompts = prompts[: FIRST["slots"]]
    clock = Clock()
    clock.start()
    count = 0
    for at in range(0, len(prompts), FIRST["slots"]):
        rows = prompts[at : at + FIRST["slots"]]
        longest = max(map(len, rows))
        ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        with torch.no_grad():
            output = model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=new,
                min_new_tokens=None if ending else new,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                eos_token_id=stops if ending else None,
                pad_token_id=0,
                return_dict_in_generate=True,
                output_scores=True,
            )
            scores = torch.stack(output.scores, 1)
            sampled = output.sequences[:, longest:]
            trl.trainer.utils.selective_log_softmax(scores, sampled)
        for row in sampled.tolist():
            ends = [t for t, token in enumerate(row) if ending and token in stops]
            count += 1 + ends[0] if ends else len(row)
    return {**clock.read(), "tokens": count}


def ppo(steps, second):
    """PPO's optimizer steps on given rollouts with trl's own pieces. Values come from a head on the policy's last states, as on the
    other side, or from a `second` model that is trained whole, as in trl's trainer."""
    from trl.experimental.ppo.ppo_trainer import forward, masked_mean
    from trl.trainer.utils import selective_log_softmax

    torch.manual_seed(0)
    model = peft.get_peft_model(base(), lora()).train()
    head = torch.nn.Linear(model.config.hidden_size, 1)
    critic = base().model.train() if second else None
    parameters = [p for p in model.parameters() if p.requires_grad] + list(head.parameters())
    parameters += list(critic.parameters()) if second else []
    optimizer = torch.optim.AdamW(parameters, lr=FIRST["learning_rate"], weight_decay=0.0)
    size, warm, pad = FIRST["batch"], FIRST["warm"], TOKENIZER.pad_token_id
    rollouts = FIRST["rollouts"]
    clock = Clock()
    for step in range(warm + steps):
        if step == warm:
            clock.start()
        rows = [rollouts[(step * size + i) % len(rollouts)] for i in range(size)]
        longest, most = (max(len(row[key]) for row in rows) for key in ("prompt", "reply"))

        def of_replies(key, filler):
            return torch.tensor([row[key] + [filler] * (most - len(row["reply"])) for row in rows])

        prompts = torch.tensor([[pad] * (longest - len(row["prompt"])) + row["prompt"] for row in rows])
        replies = of_replies("reply", pad)
        ids = torch.cat((prompts, replies), 1)
        old, advantage, returns = (of_replies(key, 0.0) for key in ("old", "advantages", "returns"))
        mask = torch.tensor([[t < len(row["reply"]) for t in range(most)] for row in rows])
        output = forward(model, ids, pad)
        logits = output.logits[:, longest - 1 : -1]
        change = torch.masked_fill(selective_log_softmax(logits, replies) - old, ~mask, 0.0)
        ratio = torch.exp(change)
        policy, clipped = -advantage * ratio, -advantage * torch.clamp(ratio, 0.8, 1.2)
        states = forward(critic, ids, pad).last_hidden_state if second else output.hidden_states[-1]
        value = head(states)[:, longest - 1 : -1].squeeze(-1)
        errors = (value - returns) ** 2, (torch.clamp(value, -0.2, 0.2) - returns) ** 2
        value_loss = 0.5 * masked_mean(torch.max(*errors), mask)
        loss = masked_mean(torch.max(policy, clipped), mask) + 0.1 * value_loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            # What both sides report of a step.
            spread = torch.nn.functional.softmax(logits, dim=-1)
            entropy = torch.logsumexp(logits, dim=-1) - torch.sum(spread * logits, dim=-1)
            reported = [entropy.mean(), ratio.mean(), 0.5 * (change**2).mean(), loss, value_loss]
            reported += [masked_mean((clipped > policy).float(), mask), masked_mean((errors[1] > errors[0]).float(), mask)]
            [float(one) for one in reported]
    return clock.read()


def answer(command):
    kind = command["run"]
    if kind == "dpo":
        return dpo(command["steps"])
    if kind == "generate":
        return generate(command["seed"], command["ending"])
    if kind == "ppo":
        return ppo(command["steps"], command["second"])
    raise ValueError(kind)


def say(content):
    ANSWERS.write(json.dumps(content) + "\n")
    ANSWERS.flush()


say({"versions": {m.__name__: m.__version__ for m in (torch, transformers, trl, peft)}})
for line in sys.stdin:
    say(answer(json.loads(line)))
