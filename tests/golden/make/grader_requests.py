"""What the official Python SDK sends when it runs and validates graders.

Writes graders/requests.json: the path and the body of each request, as a server that answers nothing useful recorded
them. Runs in an environment of its own, from requirements-graders.txt.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from openai import OpenAI

GOLDEN = Path(__file__).resolve().parent.parent
MODEL = "grading-base"
SAMPLE = {"model_sample": "ahoy", "item": {"answer": "ahoy", "nothing": None}}

CHECK = {"type": "string_check", "name": "exact", "operation": "ilike", "input": "{{sample.output_text}}"}
CHECK["reference"] = "{{item.answer}}"
SIMILAR = {**CHECK, "type": "text_similarity", "name": "close", "evaluation_metric": "rouge_l"}
del SIMILAR["operation"]
SCORE = {
    "type": "score_model",
    "name": "judge",
    "model": MODEL,
    "input": [
        {"type": "message", "role": "developer", "content": {"type": "input_text", "text": "Rate {{item.answer}}"}}
    ],
    "range": [0, 1],
    "sampling_params": {"temperature": None, "seed": 7, "top_p": 1.0, "max_completions_tokens": None},
}
LABEL = {
    "type": "label_model",
    "name": "verdict",
    "model": MODEL,
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "Is it good? "}, "{{sample.output_text}}"]}],
    "labels": ["good", "bad"],
    "passing_labels": ["good", "bad"],
}
ONE = {"type": "multi", "name": "one", "graders": CHECK, "calculate_output": "exact"}
MAP = {"exact": CHECK, "close": SIMILAR, "judge": SCORE, "verdict": LABEL}
FORMULA = "(exact + close) / 2 + judge - judge + verdict"
SEVERAL = {"type": "multi", "name": "several", "graders": MAP, "calculate_output": FORMULA}

seen = []


class Recorder(BaseHTTPRequestHandler):
    def do_POST(self):
        seen.append({"path": self.path, "body": json.loads(self.rfile.read(int(self.headers["content-length"])))})
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
for grader in (CHECK, SIMILAR, SCORE, LABEL, ONE, SEVERAL):
    client.fine_tuning.alpha.graders.run(grader=grader, **SAMPLE)
    client.fine_tuning.alpha.graders.validate(grader=grader)
path = GOLDEN / "graders" / "requests.json"
path.write_text(json.dumps(seen, indent=1) + "\n", encoding="utf-8")
print(f"graders/{path.name}: {len(seen)} requests")
