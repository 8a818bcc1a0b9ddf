"""A server that passes requests on to another one and keeps what was sent and answered."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import HTTPError, Request, urlopen


class Recorder:
    def __init__(self, target):
        self.exchanges = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length) if length else None
                kept = {name: value for name, value in self.headers.items() if name.lower() in WANTED}
                request = Request(target + self.path, data=body, headers=kept, method=self.command)
                try:
                    with urlopen(request) as response:
                        status, reply = response.status, response.read()
                except HTTPError as error:
                    status, reply = error.code, error.read()
                sent = None if body is None else json.loads(body)
                recorder.exchanges.append({"method": self.command, "path": self.path, "body": sent, "reply": reply})
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self):
        """What was exchanged since the last call."""
        taken, self.exchanges = self.exchanges, []
        return taken


WANTED = {"authorization", "content-type"}
