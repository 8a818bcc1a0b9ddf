"""What evaluation harnesses send when they steer.

Writes harness/requests.json: by client, the bodies of its requests, as a server that answers everything with one and
the same reply recorded them. Runs in an environment of its own, from `requirements-harness.txt`.
"""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness_tasks import MODEL, RUNS, STEERING

CONTENT = '{"city":"Paris"}'
HEAD = {"id": "chatcmpl-1", "created": 1, "model": MODEL}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
seen = []


class Recorder(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        seen.append(body)
        stream = body.get("stream", False)
        message = {"role": "assistant", "content": CONTENT}
        choice = {"index": 0, "finish_reason": "stop", "delta" if stream else "message": message, "steering_trace": []}
        kind = "chat.completion.chunk" if stream else "chat.completion"
        reply = {**HEAD, "object": kind, "choices": [choice], "usage": USAGE, "steering": STEERING}
        text = f"data: {json.dumps(reply)}\n\ndata: [DONE]\n\n" if stream else json.dumps(reply)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if stream else "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {**os.environ, "OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1", "OPENAI_API_KEY": "none"}
    requests = {}
    for name in RUNS:
        seen.clear()
        script = Path(__file__).with_name("harness_tasks.py")
        subprocess.run([sys.executable, script, name], env=env, check=True, stdout=subprocess.DEVNULL)
        requests[name] = sorted(seen, key=json.dumps)
    path = Path(__file__).resolve().parent.parent / "harness" / "requests.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(requests, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
