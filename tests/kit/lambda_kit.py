"""
A plain function in a stand-in for AWS Lambda; the stand-in itself is in lambda_box.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import lambda_limits
from lambda_api import event
from lambda_box import Box, Plan, box
from lambda_net import Address


class Answer(NamedTuple):
    """
    What one invocation came to.

    Attributes:
        request_id: Lambda's id of it.
        value: What the handler returned.
        writes: What was written to standard output meanwhile, one text for each write(2).
    """

    request_id: str
    value: Any
    writes: list[str]


class Sandbox:
    """
    One execution environment with one function.
    """

    def __init__(self, box: Box) -> None:
        self._box = box

    def invoke(self, **arguments: Any) -> Answer:
        """
        Run the handler once.

        Raises:
            AssertionError: It raised; the text holds what it left on standard error.
            Died: It ended.
        """
        asked = event(json.dumps(arguments).encode())
        kind, body = self._box.run(asked)
        assert kind == "response", f"{body!r}; standard error: {self._box.errors.read_text()}"
        return Answer(asked.request_id, json.loads(body), self._box.writes())

    def throttled(self) -> int | None:
        """
        Return how often the quota has stopped it; None where this machine can't limit the CPU.
        """
        return lambda_limits.throttled(self._box.groups)


@contextmanager
def sandbox(
    folder: Path,
    source: str,
    memory_mb: int,
    environment: Mapping[str, str] | None = None,
    doors: tuple[Address, ...] = (),
) -> Iterator[Sandbox]:
    """
    Start an execution environment with `source` as its app.py, and end it with everything that belongs to it.

    Args:
        folder: For its files.
        source: Of a module with a function ``handler``.
        memory_mb: What it is allotted.
        environment: Variables of its own.
        doors: Addresses on this machine's loopback that it may reach.
    """
    task = folder / "task"
    task.mkdir(parents=True)
    (task / "app.py").write_text(source)
    roots = {f"/opt/{number}": root for number, root in enumerate(_roots())}
    path = ("/var/task", *roots)
    with box(
        folder, Plan("work", "app.handler", task, memory_mb, roots, path, environment or {}, doors, ("-W", "error"))
    ) as found:
        yield Sandbox(found)


def _roots() -> list[Path]:
    """
    Return the folders from which greensdk, its plugins and the runtime client are imported here.
    """
    names = ("greensdk", "greensdk_rapl", "greensdk_aws_lambda", "awslambdaric")
    return sorted({Path(str(importlib.import_module(name).__file__)).parents[1] for name in names})
