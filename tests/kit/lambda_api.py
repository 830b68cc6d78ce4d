"""
AWS Lambda's runtime API, as far as the runtime client of the stand-in in lambda_box needs it.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import socket

TRACE_ROOT = "1-5759e988-bd862e3fe1be46a994272793"
DEADLINE_S = 300
ACCOUNT = "000000000000"


class Event(NamedTuple):
    """
    One invocation as the runtime gets it.
    """

    request_id: str
    payload: bytes
    deadline_s: float


def event(payload: bytes, timeout_s: float = DEADLINE_S, request_id: str | None = None) -> Event:
    """
    Return an invocation that has to be over so many seconds from now.
    """
    return Event(request_id or str(uuid.uuid4()), payload, time.time() + timeout_s)


def arn_of(function: str) -> str:
    """
    Return the ARN of a function of this machine.
    """
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}"


class RuntimeApi(ThreadingHTTPServer):
    """
    The runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.

    Attributes:
        paths: Every request that came in.
        idle: The runtime has asked for work.
        events: What it is to do next; None ends the connection.
        answers: Path and body of what it has posted.
    """

    daemon_threads = False

    def __init__(self, listener: socket.socket, function: str) -> None:
        super().__init__(listener.getsockname(), _Request, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.arn = arn_of(function)
        self.paths: list[str] = []
        self.idle = threading.Event()
        self.events: queue.Queue[Event | None] = queue.Queue()
        self.answers: queue.Queue[tuple[str, bytes]] = queue.Queue()

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
        if event is None:
            self.close_connection = True
            return
        self._answer(
            200,
            event.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": event.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(event.deadline_s * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": self.server.arn,
                "Lambda-Runtime-Trace-Id": f"Root={TRACE_ROOT};Parent=53995c3f42cd8ad8;Sampled=0",
            },
        )

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(202, json.dumps({"status": "OK"}).encode(), {})
        self.server.answers.put((self.path, body))

    def _answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass
