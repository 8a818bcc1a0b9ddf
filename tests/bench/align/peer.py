"""The other side of `npm run bench -- align`: trl on PyTorch, in a process that is told what to run.

Reads one JSON object a line and answers with one. The first says what to load; the others are `{"run": "dpo", "steps": N}`,
`{"run": "generate", "seed": N}` and `{"run": "ppo", "updates": N}`. Seconds are of the wall clock, `cpu` of this process's processor
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


def generate(seed):
    """As trl's PPO does: prompts padded on the left, one call of transformers' `generate` with its cache and its scores."""
    if not GENERATING:
        GENERATING["model"] = peft.get_peft_model(base(), lora()).eval()
    model = GENERATING["model"]
    torch.manual_seed(seed)
    prompts, new = FIRST["prompts"], FIRST["new_tokens"]
    size = FIRST["slots"]
    clock = Clock()
    clock.start()
    count = 0
    for at in range(0, len(prompts), size):
        rows = prompts[at : at + size]
        longest = max(map(len, rows))
        ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        with torch.no_grad():
            output = model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=new,
                min_new_tokens=new,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                eos_token_id=None,
                return_dict_in_generate=True,
                output_scores=True,
            )
            scores = torch.stack(output.scores, 1)
            sampled = output.sequences[:, longest:]
            trl.trainer.utils.selective_log_softmax(scores, sampled)
        count += sampled.numel()
    return {**clock.read(), "tokens": count}


def answer(command):
    kind = command["run"]
    if kind == "dpo":
        return dpo(command["steps"])
    if kind == "generate":
        return generate(command["seed"])
    raise ValueError(kind)


def say(content):
    ANSWERS.write(json.dumps(content) + "\n")
    ANSWERS.flush()


say({"versions": {m.__name__: m.__version__ for m in (torch, transformers, trl, peft)}})
for line in sys.stdin:
    say(answer(json.loads(line)))
