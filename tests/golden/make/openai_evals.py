"""What the official client of PyPI sends for each call of its evals: openai 3.57.

    pip install openai==3.57.0 && python tests/golden/make/openai_evals.py
"""

import json
from pathlib import Path

import httpx2 as httpx
import openai

IDS = {"eval": "EVAL", "run": "RUN", "item": "ITEM"}
sent = []


def reply(request: httpx.Request) -> httpx.Response:
    body = json.loads(request.content) if request.content else None
    sent.append({"method": request.method, "path": request.url.raw_path.decode().removeprefix("/v1"), "body": body})
    return httpx.Response(200, json={"id": "x", "data": [], "has_more": False})


client = openai.OpenAI(
    api_key="k", base_url="http://server/v1", http_client=httpx.Client(transport=httpx.MockTransport(reply))
)
evals, runs = client.evals, client.evals.runs
evals.create(
    name="words",
    metadata={"team": "one"},
    data_source_config={
        "type": "custom",
        "item_schema": {"type": "object", "properties": {"word": {"type": "string"}, "answer": {"type": "string"}}},
        "include_sample_schema": True,
    },
    testing_criteria=[
        {
            "type": "string_check",
            "name": "exact",
            "operation": "eq",
            "input": "{{sample.output_text}}",
            "reference": "{{item.answer}}",
        }
    ],
)
evals.retrieve(IDS["eval"])
evals.update(IDS["eval"], name="words again", metadata={"team": "two"})
list(evals.list(limit=1, order="desc", order_by="updated_at"))
runs.create(
    IDS["eval"],
    name="first",
    data_source={
        "type": "completions",
        "model": "MODEL",
        "input_messages": {
            "type": "template",
            "template": [
                {"type": "message", "role": "developer", "content": {"type": "input_text", "text": "Shout."}},
                {"type": "message", "role": "user", "content": {"type": "input_text", "text": "{{item.word}}"}},
            ],
        },
        "sampling_params": {"temperature": 0, "top_p": 1, "seed": 7, "max_completion_tokens": 16},
        "source": {"type": "file_content", "content": [{"item": {"word": "ahoy", "answer": "AHOY"}}]},
    },
)
runs.retrieve(IDS["run"], eval_id=IDS["eval"])
list(runs.list(IDS["eval"], limit=2, order="asc"))
list(runs.output_items.list(IDS["run"], eval_id=IDS["eval"], limit=3, status="pass"))
runs.output_items.retrieve(IDS["item"], eval_id=IDS["eval"], run_id=IDS["run"])
runs.delete(IDS["run"], eval_id=IDS["eval"])
evals.delete(IDS["eval"])

folder = Path(__file__).parent.parent / "openai-evals"
(folder / "requests.json").write_text(json.dumps({"openai": openai.__version__, "requests": sent}, indent=2) + "\n")
