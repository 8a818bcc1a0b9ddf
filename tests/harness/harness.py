"""Runs lm-evaluation-harness and inspect-ai, as PyPI has them, against a server, and compares what they find with what
lm-evaluation-harness's own `hf` backend finds on the same folder.

    OPENAI_BASE_URL=http://127.0.0.1:8787/v1 OPENAI_API_KEY=… python harness.py [--docs 20] [--record FILE]

Exits with 1 where a log-likelihood differs by more than 1e-4 and a millionth of itself, or anything else differs at
all. `--record` writes the requests as they were sent, with what `hf` makes of each, for tests that need no Python.
Runs in an environment of its own, from `requirements.txt`. `npm run eval:harness` starts a server for it.
"""

import argparse
import contextlib
import json
import math
import os
import sys
import tempfile
import time
import warnings

import torch
from recorder import Recorder
from tasks import FOLDER, write_tasks

MODEL = "trimtab-base"
CONTEXT = 512
TOLERANCE = 1e-4
SCORED = ["trimtab_choice", "trimtab_cloze", "trimtab_rolling"]
LONG = ["trimtab_rolling_long"]
WRITTEN = ["trimtab_written"]
TOKENIZER = {"tokenizer": str(FOLDER), "tokenizer_backend": "huggingface"}
REMOTE = {"tokenizer_backend": "remote"}
# Where lm-eval sends text, it takes tokens apart and has the server put them together: windows of a long text are cut
# inside words, so that only short ones are the same tokens again.
RUNS = {
    "ids, one at a time": (SCORED + LONG + WRITTEN, {**TOKENIZER, "batch_size": 1}),
    "ids, batches of 16": (SCORED + LONG + WRITTEN, {**TOKENIZER, "batch_size": 16}),
    "ids, 4 at once": (SCORED + LONG + WRITTEN, {**TOKENIZER, "batch_size": 4, "num_concurrent": 4}),
    "text, one at a time": (SCORED + WRITTEN, {**TOKENIZER, "tokenized_requests": False}),
    "text, batches of 8": (SCORED + WRITTEN, {**TOKENIZER, "tokenized_requests": False, "batch_size": 8}),
    "remote tokenizer, ids": (SCORED + LONG + WRITTEN, {**REMOTE, "batch_size": 8}),
    "remote tokenizer, text": (SCORED + WRITTEN, {**REMOTE, "tokenized_requests": False, "batch_size": 8}),
    "tokenizer found out": (["trimtab_choice"], {"batch_size": 8}),
    "no tokenizer": (WRITTEN, {"tokenizer_backend": None}),
}


class Comparison:
    def __init__(self):
        self.problems = []
        self.largest = 0.0

    def number(self, what, got, expected):
        difference = abs(got - expected)
        self.largest = max(self.largest, difference)
        # `hf` sums in float32, which has 24 bits.
        if not difference <= TOLERANCE + 1e-6 * abs(expected):
            self.problems.append(f"{what}: {got} is not {expected}")

    def equal(self, what, got, expected):
        if got != expected:
            self.problems.append(f"{what}: {got!r} is not {expected!r}")


def evaluate(tasks, folder, **options):
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    with contextlib.redirect_stdout(sys.stderr):
        return simple_evaluate(
            tasks=tasks,
            task_manager=TaskManager(include_path=folder, include_defaults=False),
            bootstrap_iters=0,
            log_samples=True,
            **options,
        )


def hf(tasks, folder, **options):
    # The API's classes keep one position for a token of the reply, and one more in windows.
    args = {"pretrained": str(FOLDER), "dtype": "float32", "max_length": CONTEXT - 2}
    return evaluate(tasks, folder, model="hf", model_args=args, device="cpu", batch_size=1, **options)


def compare(result, expected, comparison):
    for task, samples in result["samples"].items():
        reference = {sample["doc_id"]: sample for sample in expected["samples"][task]}
        comparison.equal(f"{task}: documents", len(samples), len(reference))
        for sample in samples:
            ours, theirs = sample["filtered_resps"], reference[sample["doc_id"]]["filtered_resps"]
            for i, (got, wanted) in enumerate(zip(ours, theirs, strict=True)):
                what = f"{task} {sample['doc_id']}.{i}"
                if isinstance(wanted, (list, tuple)):
                    comparison.number(what, got[0], wanted[0])
                    comparison.equal(f"{what} is greedy", got[1], wanted[1])
                elif isinstance(wanted, float):
                    comparison.number(what, got, wanted)
                else:
                    comparison.equal(what, got, wanted)
        for metric, value in expected["results"][task].items():
            if isinstance(value, float) and not math.isnan(value):
                got = result["results"][task][metric]
                comparison.equal(f"{task} {metric}", round(got / value if value else got, 4), 1 if value else 0)


def run_lm_eval(url, key, folder, reference, recorder):
    rows, recorded = [], {}
    for name, (tasks, args) in RUNS.items():
        comparison, parsed = Comparison(), []
        recorder.take()
        full = {"model": MODEL, "base_url": f"{url}/completions", "max_length": CONTEXT, "auth_token": key, **args}
        started = time.monotonic()
        with recording_parses(parsed):
            result = evaluate(tasks, folder, model="local-completions", model_args=full)
        seconds = time.monotonic() - started
        compare(result, reference, comparison)
        recorded[name] = (recorder.take(), parsed)
        rows.append((f"lm-eval, {name}", comparison, len(recorded[name][0]), seconds))
    comparison = Comparison()
    chat = {"model": MODEL, "base_url": f"{url}/chat/completions"}
    started = time.monotonic()
    result = evaluate(
        ["trimtab_chat"], folder, model="local-chat-completions", model_args=chat, apply_chat_template=True
    )
    seconds = time.monotonic() - started
    compare(result, hf(["trimtab_chat"], folder, apply_chat_template=True), comparison)
    recorded["chat"] = (recorder.take(), [])
    rows.append(("lm-eval, local-chat-completions", comparison, len(recorded["chat"][0]), seconds))
    return rows, recorded


@contextlib.contextmanager
def recording_parses(parsed):
    """Keeps the tokens and context lengths with which the harness reads each reply."""
    from lm_eval.models.openai_completions import LocalCompletionsAPI

    original = LocalCompletionsAPI.parse_logprobs

    def parse(outputs, tokens=None, ctxlens=None, **options):
        found = original(outputs=outputs, tokens=tokens, ctxlens=ctxlens, **options)
        parsed.append({"id": (outputs[0] if isinstance(outputs, list) else outputs)["id"], "tokens": tokens, "ctxlens": ctxlens})
        return found

    LocalCompletionsAPI.parse_logprobs = staticmethod(parse)
    try:
        yield
    finally:
        LocalCompletionsAPI.parse_logprobs = staticmethod(original)


def run_inspect(url, key, recorder, model, docs):
    from inspect_ai import Task
    from inspect_ai import eval as evaluate_tasks
    from inspect_ai.dataset import Sample
    from inspect_ai.model import GenerateConfig, get_model
    from inspect_ai.scorer import choice, includes, match, perplexity
    from inspect_ai.solver import generate, multiple_choice

    facts = json.loads((FOLDER / "evaluation.json").read_text())["facts"][:docs]
    asked = [Sample(input=f"What is the capital of {fact['subject']}?", target=fact["answer"]) for fact in facts]
    picked = [
        Sample(input=f"What is the capital of {fact['subject']}?", choices=[fact["answer"], "Atlantis"], target="A")
        for fact in facts
    ]
    written = [Sample(input=fact["prompt"], target=fact["answer"]) for fact in facts]
    chat = get_model(f"openai-api/trimtab/{MODEL}", base_url=url, api_key=key)
    plain = get_model(f"openai-api-completions/trimtab/{MODEL}", base_url=url, api_key=key)
    openai = get_model(f"openai/{MODEL}", base_url=url, api_key=key, responses_api=False)
    few = GenerateConfig(temperature=0, max_tokens=16, seed=1)
    scored = GenerateConfig(temperature=0, max_tokens=1, prompt_logprobs=2)
    runs = {
        "includes": (Task(dataset=asked, solver=generate(), scorer=includes(), config=few), chat),
        "multiple_choice": (Task(dataset=picked, solver=multiple_choice(), scorer=choice(), config=few), chat),
        "logprobs": (
            Task(
                dataset=asked,
                solver=generate(),
                scorer=includes(),
                config=few.merge(GenerateConfig(logprobs=True, top_logprobs=3, num_choices=2)),
            ),
            openai,
        ),
        "match, completions": (
            Task(dataset=written, solver=generate(), scorer=match(location="begin"), config=few),
            plain,
        ),
        "perplexity, completions": (
            Task(dataset=written, solver=generate(), scorer=perplexity(), config=scored),
            plain,
        ),
    }
    rows, recorded = [], {}
    for name, (task, served) in runs.items():
        recorder.take()
        comparison = Comparison()
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as logs, contextlib.redirect_stdout(sys.stderr):
            [log] = evaluate_tasks(task, model=served, display="none", log_dir=logs)
            comparison.equal("status", log.status, "success")
            if log.status == "success":
                for sample in log.samples:
                    check_sample(name, sample, model, comparison)
            else:
                comparison.problems.append(str(log.error))
        recorded[name] = recorder.take()
        rows.append((f"inspect-ai, {name}", comparison, len(recorded[name]), time.monotonic() - started))
    return rows, recorded


def check_sample(name, sample, model, comparison):
    """Log-probabilities against the model's own, and greedy texts against its own."""
    [first, *_] = sample.output.choices
    if first.prompt_logprobs is not None:
        ids = model.tok_encode(sample.input)
        expected = log_softmax(model, ids)
        got = first.prompt_logprobs.content
        comparison.equal("tokens of the prompt", len(got), len(ids) - 1)
        for i, logprob in enumerate(got):
            comparison.number(f"{sample.id}.{i}", logprob.logprob, expected[i, ids[i + 1]].item())
    elif "completions" in name:
        ids = model.tok_encode(sample.input)
        made = model.model.generate(torch.tensor([ids]), max_new_tokens=16, do_sample=False, pad_token_id=0)[0]
        text = model.tokenizer.decode(made[len(ids) :], skip_special_tokens=True)
        comparison.equal(f"{sample.id} text", first.message.text, text)
    if name == "logprobs":
        comparison.equal("choices", len(sample.output.choices), 2)
        comparison.equal("alternatives", {len(one.top_logprobs) for one in first.logprobs.content}, {3})
        ends = [one for one in first.logprobs.content if not one.logprob <= 0]
        comparison.equal("log-probabilities above 0", ends, [])


def log_softmax(model, ids):
    with torch.no_grad():
        return torch.log_softmax(model.model(torch.tensor([ids])).logits[0].double(), -1)


def record(lm_eval, inspect, model, path):
    """Each kind of request once or a few times, and what `hf` says of it."""
    kept = []
    for name in ("ids, batches of 16", "text, one at a time"):
        exchanges, parsed = lm_eval[name]
        by_id = {one["id"]: one for one in parsed}
        scored = [one for one in exchanges if one["body"].get("echo")]
        for exchange in telling(scored):
            parse = by_id[json.loads(exchange["reply"])["id"]]
            pairs = [
                (("", ""), ids[:length], ids[length:]) for ids, length in zip(parse["tokens"], parse["ctxlens"], strict=True)
            ]
            found = model._loglikelihood_tokens(pairs, disable_tqdm=True)
            kept.append(
                {
                    "harness": f"lm-eval, {name}",
                    **sent(exchange),
                    "ctxlens": parse["ctxlens"],
                    "lengths": [len(ids) for ids in parse["tokens"]],
                    "expected": [[round(value, 6), bool(greedy)] for value, greedy in found],
                }
            )
    remote = lm_eval["remote tokenizer, ids"][0]
    for path_end in ("/tokenizer_info", "/tokenize"):
        for exchange in [one for one in remote if one["path"] == path_end and telling_text(one)][:6]:
            kept.append({"harness": "lm-eval, remote tokenizer", **sent(exchange), "expected": tokenizer_says(model, exchange)})
    for exchange in lm_eval["no tokenizer"][0][:2]:
        kept.append({"harness": "lm-eval, no tokenizer", **sent(exchange), "expected": texts(exchange)})
    for exchange in lm_eval["chat"][0][:2]:
        kept.append({"harness": "lm-eval, local-chat-completions", **sent(exchange), "expected": texts(exchange)})
    for exchange in inspect["perplexity, completions"][:2]:
        ids = model.tok_encode(exchange["body"]["prompt"])
        expected = log_softmax(model, ids)
        values = [round(expected[i, token].item(), 6) for i, token in enumerate(ids[1:])]
        kept.append({"harness": "inspect-ai, perplexity", **sent(exchange), "ids": ids, "expected": values})
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in kept)
    with open(path, "w") as file:
        file.write(f"[\n{lines}\n]\n")


def telling(scored):
    """The first requests of each task, which are the longest, and those with control tokens or unusual characters."""
    sizes = [len(json.dumps(one["body"]["prompt"])) for one in scored]
    longer = [i for i, size in enumerate(sizes) if i == 0 or size > 1.5 * sizes[i - 1]]
    odd = [i for i, one in enumerate(scored) if any(mark in json.dumps(one["body"]) for mark in ("<|im_end|>", "\\u"))]
    return [scored[i] for i in sorted({*longer, *odd, len(scored) - 1})]


def sent(exchange):
    return {"method": exchange["method"], "path": exchange["path"], "body": exchange["body"]}


def telling_text(exchange):
    return exchange["body"] is None or len(exchange["body"]["prompt"]) < 200


def tokenizer_says(model, exchange):
    tokenizer = model.tokenizer
    if exchange["body"] is None:
        return {"eos_token": tokenizer.eos_token, "bos_token": tokenizer.bos_token, "pad_token": tokenizer.pad_token}
    ids = tokenizer(exchange["body"]["prompt"], add_special_tokens=exchange["body"]["add_special_tokens"]).input_ids
    return {"tokens": ids}


def texts(exchange):
    """The run has compared them with the ones of `hf`."""
    choices = json.loads(exchange["reply"])["choices"]
    return [choice["message"]["content"] if "message" in choice else choice["text"] for choice in choices]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--docs", type=int, default=20)
    parser.add_argument("--record")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    from lm_eval.models.huggingface import HFLM

    key = os.environ["OPENAI_API_KEY"]
    target = os.environ["OPENAI_BASE_URL"].removesuffix("/v1")
    recorder = Recorder(target)
    url = f"{recorder.url}/v1"
    with tempfile.TemporaryDirectory() as folder:
        write_tasks(folder, options.docs)
        reference = hf(SCORED + LONG + WRITTEN, folder)
        rows, lm_eval = run_lm_eval(url, key, folder, reference, recorder)
    model = HFLM(pretrained=str(FOLDER), dtype="float32", device="cpu", batch_size=1, max_length=CONTEXT - 2)
    more, inspect = run_inspect(url, key, recorder, model, options.docs)
    width = max(len(name) for name, *_ in rows + more)
    print(f"{'':{width}}  requests  seconds  largest difference")
    failed = False
    for name, comparison, requests, seconds in rows + more:
        print(f"{name:{width}}  {requests:8}  {seconds:7.1f}  {comparison.largest:.1e}")
        for problem in comparison.problems[:5]:
            print(f"  DIFFERS {problem}")
        failed |= bool(comparison.problems)
    for task, metrics in reference["results"].items():
        shown = {k.split(",")[0]: round(float(v), 4) for k, v in metrics.items() if isinstance(v, float) and v == v and "stderr" not in k}
        print(f"{task}: {shown}")
    if options.record:
        record(lm_eval, inspect, model, options.record)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
