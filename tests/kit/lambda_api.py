"""
AWS Lambda's runtime API, as far as the runtime client of the stand-in in lambda_kit needs it.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

TRACE_ROOT = "1-5759e988-bd862e3fe1be46a994272793"
DEADLINE_S = 60
STOP: dict[str, Any] = {}
"""The event after which the server answers no more."""


class RuntimeApi(ThreadingHTTPServer):
    """
    The runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.

    Attributes:
        paths: Every request that came in.
        idle: The runtime has asked for work.
    """

    daemon_threads = False

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener.getsockname(), _Request, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.paths: list[str] = []
        self.idle = threading.Event()
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.answers: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()

    def handle_error(self, *_: Any) -> None:
        """
        Say nothing: the runtime is killed in the middle of its question for more.
        """


class _Request(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.idle.set()
        event = self.server.events.get()
        if event is STOP:
            self.close_connection = True
            return
        request_id = str(uuid.uuid4())
        arn = "arn:aws:lambda:us-east-1:000000000000:function:work"
        deadline_ms = int((time.time() + DEADLINE_S) * 1000)
        self._answer(
            200,
            event,
            {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": arn,
                "Lambda-Runtime-Trace-Id": f"Root={TRACE_ROOT};Parent=53995c3f42cd8ad8;Sampled=0",
            },
        )

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(202, {"status": "OK"}, {})
        self.server.answers.put((self.path, body))

    def _answer(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass
