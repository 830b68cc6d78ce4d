"""
The end of a process, however it ends: what is left is handed over once, by the process that made it.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

from greensdk.deliver import lifecycle
from greensdk.deliver.lifecycle import Interval

PROGRAM = """
import multiprocessing, os, sys
from greensdk.deliver import lifecycle

class Note:
    def __init__(self, name):
        self.name = name
    def request(self):
        return None
    def finish(self, request):
        with open(sys.argv[2], "a") as file:
            file.write(self.name + "\\n")
    def forget(self):
        return True

def work(name):
    lifecycle.shared("note", lambda: Note(name))

if __name__ == "__main__":
    way = sys.argv[1]
    work("parent")
    if way in ("fork", "spawn", "forkserver"):
        process = multiprocessing.get_context(way).Process(target=work, args=(way,))
        process.start()
        process.join()
        assert process.exitcode == 0
    elif way == "os.fork":
        if pid := os.fork():
            os.waitpid(pid, 0)
        else:
            work(way)
    elif way == "idle child":
        if pid := os.fork():
            os.waitpid(pid, 0)
    elif way == "exit":
        sys.exit(0)
"""

WARNS = """
import atexit, os, sys, threading
atexit.register(os.write, 1, b"past")  # runs after what greensdk registers
from greensdk.deliver import lifecycle
from greensdk.errors import warn_once

threading.Thread(target=warn_once, args=("long " * 100_000,), daemon=True).start()
sys.stdin.read()
"""


class Destination:
    """
    Notes what it is asked to do, in a list that it shares with others.
    """

    def __init__(self, name: str, heard: list[str], error: Exception | None = None) -> None:
        self.name = name
        self.heard = heard
        self.error = error

    def request(self) -> str:
        """
        Begin.
        """
        self.heard.append(f"{self.name} asked")
        return f"request of {self.name}"

    def finish(self, request: str) -> None:
        """
        Wait for what was begun.
        """
        assert f"request of {self.name}" == request
        self.heard.append(f"{self.name} done")
        if self.error:
            raise self.error

    def forget(self) -> bool:
        """
        Drop everything.
        """
        self.heard.append(f"{self.name} forgotten")
        return True


@pytest.fixture(autouse=True)
def nothing_open(monkeypatch):
    """
    A process in which nothing waits.
    """
    monkeypatch.setattr(lifecycle, "_open", {})
    monkeypatch.setattr(lifecycle, "_call_processes", [])


@pytest.mark.parametrize(
    ("way", "names"),
    [
        ("plain", ["parent"]),
        ("exit", ["parent"]),
        ("fork", ["fork", "parent"]),
        ("forkserver", ["forkserver", "parent"]),
        ("spawn", ["spawn", "parent"]),
        ("os.fork", ["os.fork", "parent"]),
        ("idle child", ["parent"]),
    ],
)
def test_each_process_hands_over_its_own_when_it_ends(tmp_path, way, names):
    """
    Children of multiprocessing run no atexit, forked ones have copies of what is their parent's.
    """
    (tmp_path / "program.py").write_text(PROGRAM)
    words = [sys.executable, str(tmp_path / "program.py"), way, str(tmp_path / "log")]
    subprocess.run(words, check=True, timeout=600)

    assert names == (tmp_path / "log").read_text().splitlines()


def test_a_process_does_not_end_while_a_thread_writes_a_warning():
    """
    The interpreter would abort (SIGABRT), for the thread holds standard error, here a pipe that is full.
    """
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen([sys.executable, "-c", WARNS], env=buffered, **pipes) as process:
        begin = process.stderr.read(1)
        process.stdin.close()
        early, _, _ = select.select([process.stdout], [], [], 1.0)
        warning = begin + process.stderr.read()

    assert ([], 0) == (early, process.returncode)
    assert 100_000 == warning.count(b"long ")
    assert b"Fatal" not in warning


def test_all_are_asked_before_any_is_waited_for():
    """
    So that the end takes as long as the slowest, not as all of them together.
    """
    heard: list[str] = []
    for name in "ab":
        lifecycle.shared(name, lambda name=name: Destination(name, heard))
    lifecycle.finish_all()

    assert ["a asked", "b asked", "a done", "b done"] == heard


def test_one_that_fails_keeps_no_other_from_it():
    """
    It is reported.
    """
    heard: list[str] = []
    lifecycle.shared("a", lambda: Destination("a", heard, OSError("no room")))
    lifecycle.shared("b", lambda: Destination("b", heard))
    with pytest.warns(RuntimeWarning, match="could not hand over records: OSError: no room"):
        lifecycle.finish_all()

    assert "b done" == heard[-1]


def test_there_is_one_for_each_destination():
    """
    However many sinks name it.
    """
    heard: list[str] = []
    assert lifecycle.existing("a") is None
    first = lifecycle.shared("a", lambda: Destination("a", heard))

    assert first is lifecycle.shared("a", lambda: Destination("another", heard)) is lifecycle.existing("a")
    assert first is not lifecycle.shared("b", lambda: Destination("b", heard))


@pytest.mark.parametrize(
    ("variable", "waits", "lithops"),
    [("LITHOPS_WORKER", True, True), ("AWS_LAMBDA_FUNCTION_NAME", True, False), ("HOME", False, False)],
)
def test_a_worker_waits_for_delivery(monkeypatch, variable, waits, lithops):
    """
    Nowhere else does a call.
    """
    monkeypatch.setenv(variable, "x")

    assert (waits, lithops) == (lifecycle.waits_for_delivery(), lifecycle.is_lithops_worker())


def test_an_adapter_says_which_process_is_a_calls_own():
    """
    The newest one; without one none is.
    """
    assert not lifecycle.is_call_process()
    lifecycle.register_call_process(lambda: True)
    assert lifecycle.is_call_process()
    lifecycle.register_call_process(lambda: False)
    assert not lifecycle.is_call_process()


def test_an_interval_is_due_at_once_and_then_when_it_is_over():
    """
    One of no seconds always is.
    """
    long, none = Interval(3600.0), Interval(0.0)

    assert [True, False, False] == [long.is_due() for _ in range(3)]
    assert [True, True, True] == [none.is_due() for _ in range(3)]


def test_a_forked_child_begins_with_nothing():
    """
    And lets go of what its parent is about to hand over.
    """
    heard: list[str] = []
    lifecycle.shared("a", lambda: Destination("a", heard))
    end, start = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(start, repr((heard, lifecycle._open)).encode())
        os._exit(0)
    os.waitpid(pid, 0)

    assert repr((["a forgotten"], {})).encode() == os.read(end, 100)
    assert ([], ["a"]) == (heard, list(lifecycle._open))
    os.close(end)
    os.close(start)
