"""Evaluation harnesses and an SDK that steer: each asks a server at OPENAI_BASE_URL with `steering` in the body.

`python harness_tasks.py inspect` (or `lm-eval`, `openai`) runs one of them with the key in OPENAI_API_KEY and prints
what came back as one line of JSON. Runs in an environment of its own, from `requirements-harness.txt`.
"""

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Literal

MODEL = "trimtab-base"
CAPITALS = {"France": "Paris", "Italy": "Rome"}
STEERING = {"guidance": {"negative_prompt": "Be rude.", "scale": 1.5}, "rules": {"banned": ["London"]}}


def inspect():
    """inspect-ai: `extra_body` of a model's configuration."""
    from inspect_ai import Task
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import Sample
    from inspect_ai.model import get_model
    from inspect_ai.scorer import includes

    url, key = os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"]
    model = get_model(f"openai-api/trimtab/{MODEL}", base_url=url, api_key=key)
    samples = [Sample(input=question(country), target=city) for country, city in CAPITALS.items()]
    with tempfile.TemporaryDirectory() as folder:
        [log] = evaluate(
            Task(dataset=samples, scorer=includes()),
            model=model,
            display="none",
            log_dir=folder,
            temperature=0,
            max_tokens=32,
            seed=7,
            extra_body={"steering": STEERING, "trace": True},
        )
        # The samples are read from the folder when they are asked for.
        assert log.status == "success", log.error
        accuracy = log.results.scores[0].metrics["accuracy"].value
        return {"accuracy": accuracy, "texts": [sample.output.completion for sample in log.samples]}


LM_EVAL_TASK = """
task: capitals
dataset_path: json
dataset_kwargs: {data_files: FILE}
test_split: train
output_type: generate_until
doc_to_text: "What is the capital of {{country}}?"
doc_to_target: "{{city}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 32, do_sample: false}
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    regexes_to_ignore: ["^.*(capital of|is|in) ", "\\\\."]
"""


def lm_eval():
    """lm-evaluation-harness: `gen_kwargs`, as on its command line."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    with tempfile.TemporaryDirectory() as folder:
        lines = [json.dumps({"country": country, "city": city}) for country, city in CAPITALS.items()]
        file = Path(folder, "capitals.jsonl")
        file.write_text("\n".join(lines))
        Path(folder, "capitals.yaml").write_text(LM_EVAL_TASK.replace("FILE", str(file)))
        url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
        result = simple_evaluate(
            model="local-chat-completions",
            model_args={"model": MODEL, "base_url": url, "tokenizer_backend": None},
            tasks=["capitals"],
            task_manager=TaskManager(include_path=folder),
            apply_chat_template=True,
            gen_kwargs={"steering": STEERING, "trace": True},
            log_samples=True,
            bootstrap_iters=0,
        )
    return {
        "accuracy": result["results"]["capitals"]["exact_match,none"],
        "texts": [sample["resps"][0][0] for sample in result["samples"]["capitals"]],
    }


def openai():
    """The SDK: `extra_body` of a reply that is parsed, at once and streamed."""
    from openai import OpenAI
    from pydantic import BaseModel

    class Answer(BaseModel):
        city: Literal["Paris", "Rome", "Lima"]

    client = OpenAI(max_retries=0)
    asked = {
        "model": MODEL,
        "messages": [{"role": "user", "content": question("France")}],
        "temperature": 0,
        "max_tokens": 32,
        "response_format": Answer,
        "extra_body": {"steering": STEERING, "trace": True},
    }
    parsed = client.chat.completions.parse(**asked)
    with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion()
    texts = [reply.choices[0].message.content for reply in (parsed, streamed)]
    return {
        "texts": texts,
        "traced": [len(parsed.choices[0].steering_trace)],
        "steering": [parsed.steering],
    }


def question(country):
    return f"What is the capital of {country}?"


RUNS = {"inspect": inspect, "lm-eval": lm_eval, "openai": openai}

if __name__ == "__main__":
    # Harnesses print what they like; only the result goes to standard output.
    with contextlib.redirect_stdout(sys.stderr):
        result = RUNS[sys.argv[1]]()
    print(json.dumps(result))
