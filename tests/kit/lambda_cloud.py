"""
A stand-in for the AWS Lambda service on this machine, as far as Lithops' backend uses it.

https://docs.aws.amazon.com/lambda/latest/api/: functions are made of real zip files and run in the sandboxes of
lambda_box, one invocation at a time in each, which stays for the next. A function's time limit ends its sandbox.
Asynchronous invocations are not repeated, and the one layer there is has been made from this interpreter's packages.
"""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from lambda_api import ACCOUNT, arn_of, event
from lambda_box import Box, Died, Plan, box
from lambda_net import Address
from lambda_runtime import mounts

PATH = ("/var/task", "/opt/python", "/var/runtime")
START_S = 300.0


class Result(NamedTuple):
    """
    What an invocation came to.

    Attributes:
        kind: ``response``, ``error``, ``died`` or ``timeout``.
        body: What the client gets.
    """

    kind: str
    body: bytes


class Function:
    """
    One function, with the sandboxes that it has been given so far.

    Attributes:
        request: What ``CreateFunction`` was asked for, without the code.
        log: All that was written to standard output, one text for each write(2).
        invocations: The results by request id.
    """

    def __init__(self, folder: Path, request: Mapping[str, Any], own: Mapping[str, str], doors: tuple[Address, ...]):
        self.request = {key: value for key, value in request.items() if key != "Code"}
        self.log: list[str] = []
        self.invocations: dict[str, Result] = {}
        self._folder = folder
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._idle: list[Box] = []
        task = folder / "task"
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(request["Code"]["ZipFile"]))) as code:
            code.extractall(task)
        variables = (request.get("Environment") or {}).get("Variables") or {}
        name, memory_mb = request["FunctionName"], request["MemorySize"]
        self._plan = Plan(name, request["Handler"], task, memory_mb, mounts(), PATH, {**own, **variables}, doors)

    def invoke(self, payload: bytes, request_id: str) -> Result:
        """
        Run the function once, in an idle sandbox or a new one.
        """
        with self._lock:
            found = self._idle.pop() if self._idle else None
        try:
            found = found or self._start()
            kind, body = found.run(event(payload, self.request["Timeout"], request_id))
            result = Result(kind, body)
        except TimeoutError:
            result = Result(
                "timeout", _error(f"{request_id} Task timed out after {self.request['Timeout']}.00 seconds")
            )
        except Died as error:
            text = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
            result = Result("died", _error(text, str(error)))
        with self._lock:
            self.log += found.writes() if found else []
            self.invocations[request_id] = result
            if found and found.is_alive():
                self._idle.append(found)
        return result

    def errors(self) -> str:
        """
        Return what its sandboxes have left on standard error.
        """
        return "\n".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*/stderr")))

    def end(self) -> None:
        """
        End its sandboxes.
        """
        self._stack.close()

    def _start(self) -> Box:
        folder = self._folder / uuid.uuid4().hex
        folder.mkdir()
        made = ExitStack()
        found = made.enter_context(box(folder, self._plan))
        with self._lock:
            self._stack.callback(made.close)
        return found


class Cloud:
    """
    The service.

    Attributes:
        endpoint: Where it listens.
        functions: By name.
        unknown: Requests without an answer here.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], doors: tuple[Address, ...]) -> None:
        self.functions: dict[str, Function] = {}
        self.unknown: list[str] = []
        self._folder, self._environment, self._doors = folder, environment, doors
        self._running: list[threading.Thread] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Request,), {"cloud": self}))
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def start(self) -> None:
        """
        Listen.
        """
        self._thread.start()

    def stop(self) -> None:
        """
        End everything.
        """
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for function in self.functions.values():
            function.end()
        for thread in self._running:
            thread.join()

    def layers(self, _: Any) -> tuple[int, Any]:
        """
        ListLayers: the one that Lithops would have made, whatever it would have called it.
        """
        return 200, {"Layers": [_layer(name) for name in self.layer_names]}

    layer_names: tuple[str, ...] = ()

    def create(self, request: dict[str, Any]) -> tuple[int, Any]:
        """
        CreateFunction.
        """
        name = request["FunctionName"]
        self.functions[name] = Function(self._folder / name, request, self._environment, self._doors)
        return 201, self._configuration(name)

    def get(self, name: str) -> tuple[int, Any]:
        """
        GetFunction.
        """
        return 200, {"Configuration": self._configuration(name), "Tags": self.functions[name].request.get("Tags", {})}

    def delete(self, name: str) -> tuple[int, Any]:
        """
        DeleteFunction.
        """
        self.functions[name].end()
        return 204, None

    def invoke(self, name: str, payload: bytes, waits: bool, request_id: str) -> tuple[int, Result | None]:
        """
        Invoke: answer with the result, or at once.
        """
        function = self.functions[name]
        if waits:
            return 200, function.invoke(payload, request_id)
        thread = threading.Thread(target=function.invoke, args=(payload, request_id))
        self._running.append(thread)
        thread.start()
        return 202, None

    def _configuration(self, name: str) -> dict[str, Any]:
        memory_mb = self.functions[name].request["MemorySize"]
        return {"FunctionName": name, "FunctionArn": arn_of(name), "State": "Active", "MemorySize": memory_mb}


@contextmanager
def cloud(folder: Path, environment: Mapping[str, str], doors: tuple[Address, ...] = ()) -> Iterator[Cloud]:
    """
    Yield the service with nothing in it; everything that it has started is gone afterwards, whatever happens.

    Args:
        folder: For its files.
        environment: What all functions find, such as the credentials of their role.
        doors: Addresses on this machine's loopback that they may reach.
    """
    found = Cloud(folder, environment, doors)
    found.start()
    try:
        yield found
    finally:
        found.stop()


def _layer(name: str) -> dict[str, Any]:
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:{name}"
    return {
        "LayerName": name,
        "LayerArn": arn,
        "LatestMatchingVersion": {"LayerVersionArn": f"{arn}:1", "Version": 1},
    }


def _error(message: str, trace: str = "") -> bytes:
    return json.dumps({"errorMessage": message, "stackTrace": trace.splitlines()[-20:]}).encode()


class _Request(BaseHTTPRequestHandler):
    cloud: Cloud
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(self.path.partition("?")[0]).rstrip("/")
        request_id = str(uuid.uuid4())
        for method, pattern, answer in ROUTES:
            if method == self.command and (match := re.fullmatch(pattern, path)):
                name = match.groupdict().get("name")
                if name is not None and name not in self.cloud.functions:
                    return self._send(404, {"Message": f"Function not found: {name}"}, request_id, "ResourceNotFound")
                status, value = answer(self, name, body, request_id)
                return self._send(status, value, request_id)
        self.cloud.unknown.append(f"{self.command} {path}")
        return self._send(404, {"Message": "unknown here"}, request_id, "ResourceNotFound")

    do_GET = do_POST = do_PUT = do_DELETE = _any

    def invoke(self, name: str, body: bytes, request_id: str) -> tuple[int, Any]:
        waits = self.headers.get("X-Amz-Invocation-Type", "RequestResponse") != "Event"
        return self.cloud.invoke(name, body, waits, request_id)

    def _send(self, status: int, value: Any, request_id: str, problem: str = "") -> None:
        data = value.body if isinstance(value, Result) else b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-amzn-RequestId", request_id)
        if problem:
            self.send_header("x-amzn-ErrorType", f"{problem}Exception")
        if isinstance(value, Result) and value.kind != "response":
            self.send_header("X-Amz-Function-Error", "Unhandled")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


FUNCTIONS = "/2015-03-31/functions"
ROUTES: tuple[tuple[str, str, Callable[..., tuple[int, Any]]], ...] = (
    ("GET", "/2018-10-31/layers", lambda request, *_: request.cloud.layers(None)),
    ("POST", FUNCTIONS, lambda request, _, body, __: request.cloud.create(json.loads(body))),
    ("GET", f"{FUNCTIONS}/(?P<name>[^/]+)", lambda request, name, *_: request.cloud.get(name)),
    ("DELETE", f"{FUNCTIONS}/(?P<name>[^/]+)", lambda request, name, *_: request.cloud.delete(name)),
    ("POST", f"{FUNCTIONS}/(?P<name>[^/]+)/invocations", lambda request, name, *more: request.invoke(name, *more)),
)
