"""
greensdk never raises into a call: whatever fails around it, the user's function runs and its result is the user's.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from greensdk import capture, energy_tracked, track
from greensdk.adapter import Adapter
from greensdk.deliver import spool
from greensdk.schema.check import problems
from greensdk.sink import memory
from greensdk.testing import FakeMonitor, tracked_by

WHEN = "A_VARIABLE_OF_THIS_TEST"
METHODS = ("__init__", "resources", "worker", "sinks", "call")


class Wordless(Exception):
    """
    An error whose text can't be read.
    """

    def __str__(self):
        raise ValueError("no words")


RAISED = [OSError("gone"), SystemExit(3), KeyboardInterrupt(), MemoryError(), Wordless(), GeneratorExit()]


class Faulty:
    """
    An adapter that raises where and what a test has said.
    """

    where = ""
    error: BaseException = OSError()

    def __init__(self, settings):
        self.settings = settings
        self._may_raise("__init__")

    def _may_raise(self, method):
        if method == self.where:
            raise self.error

    @property
    def resources(self):
        """
        Light, or an error.
        """
        self._may_raise("resources")
        return "light"

    def worker(self):
        """
        A name, or an error.
        """
        self._may_raise("worker")
        return {"adapter": "faulty"}

    def sinks(self, settings):
        """
        Memory, or an error after it.
        """
        yield "memory:", memory_sink()
        self._may_raise("sinks")

    def call(self):
        """
        A number, or an error.
        """
        self._may_raise("call")
        return {"activation_id": "7"}


def memory_sink():
    """
    Return a sink that keeps records.
    """
    from greensdk.sink import MemorySink

    return MemorySink()


def raising(record):
    """
    Raise what the test has said, as a sink.
    """
    raise Faulty.error


@pytest.fixture
def deployed(monkeypatch):
    """
    Return the arguments of a decoration under the adapter above.
    """
    monkeypatch.setenv(WHEN, "1")
    adapters = [[f"{__name__}:Faulty", WHEN]]
    return {
        "sources": [["fake", f"{__name__}:FakeMonitor", {"name": "fake"}, "named"]],
        "sinks": None,
        "adapters": adapters,
    }


def measured(spec):
    """
    Return a function that is measured by a resolved specification.
    """
    from greensdk.calls import Call, bind

    return bind(Call, lambda: "result", spec)


def test_an_adapter_that_works_is_heard(deployed):
    """
    What follows would be empty otherwise; it keeps to the protocol that third parties are given.
    """
    adapter: Adapter = Faulty({})
    assert "light" == adapter.resources

    assert "result" == measured(deployed)()
    assert {"adapter": "faulty", "activation_id": "7"} == memory[-1]["worker"]
    assert {} == memory[-1]["errors"]


@pytest.mark.filterwarnings("ignore:greensdk could not use an adapter:RuntimeWarning")
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("method", METHODS)
def test_an_adapter_that_raises_is_named_in_the_record(deployed, monkeypatch, tmp_path, method, error):
    """
    And the record is where it goes without one, if the adapter has not said.
    """
    monkeypatch.setattr(Faulty, "where", method)
    monkeypatch.setattr(Faulty, "error", error)
    with capture() as records:
        assert "result" == measured(deployed)()

    (record,) = records
    (fault,) = record["errors"].values()
    assert type(error).__name__ in fault
    assert [] == problems(record)
    assert 1.0 == record["readings"][0]["energy_j"]
    assert (tmp_path / "energy.jsonl").exists() is (method in {"__init__", "resources", "sinks"})


@pytest.mark.filterwarnings("ignore:greensdk could not write:RuntimeWarning")
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_a_sink_that_raises_costs_nobody_anything(monkeypatch, error):
    """
    The result is the function's, the other sink has the record, and the spool keeps what the first did not take.
    """
    monkeypatch.setattr(Faulty, "error", error)
    work = energy_tracked(monitors=[], sink=[f"callback:{__name__}:raising", "memory:"])(lambda: "result")

    assert "result" == work()
    assert 1 == len(memory)
    assert [1] == [waiting for _, _, waiting in spool.waiting()]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("method", ["start", "stop"])
def test_a_monitor_may_raise_anything(method, error):
    """
    Also what has no words.
    """
    with capture() as records:
        assert "result" == tracked_by(FakeMonitor(fail_in=(method,), error=error))(lambda: "result")()

    assert records[0]["errors"]["fake"].startswith(f"{method}: {type(error).__name__}: ")


def test_a_text_without_end_is_cut():
    """
    An error's text is no place for a megabyte.
    """
    with capture() as records:
        tracked_by(FakeMonitor(fail_in=("stop",), error=OSError("x" * 10**6)))(lambda: None)()

    assert len(records[0]["errors"]["fake"]) < 1100


PROGRAMS = {
    "no descriptor is left at the first call": """
import os, resource
from greensdk import energy_tracked
tracked = energy_tracked(sink="energy.jsonl")(lambda: print("ran"))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
tracked()
""",
    "called from __del__ at the very end": """
import builtins, os
from greensdk import energy_tracked
class Held:
    def __init__(self, function):
        self.function = function
    def __del__(self):
        self.function()
builtins.held = Held(energy_tracked(sink="memory:")(lambda write=os.write: write(1, b"ran\\n")))
""",
    "called from atexit": """
import atexit
from greensdk import energy_tracked
tracked = energy_tracked(sink="energy.jsonl")(lambda: print("ran"))
atexit.register(tracked)
import greensdk.measure.slots
""",
    "without the temp directory": """
from greensdk import energy_tracked
energy_tracked(sink="/nowhere/energy.jsonl")(lambda: print("ran"))()
""",
    "switched off": """
import os
os.environ["GREENSDK_DISABLED"] = "1"
from greensdk import track
with track("load phase") as call:
    print("ran")
assert call.record["energy_j"] is None is call.energy_j, call.record
""",
    "with a wrong setting": """
import os
os.environ["GREENSDK_SINK"] = "nowhere://x"
from greensdk import track
with track("load phase") as call:
    print("ran")
assert call.record["energy_j"] is None is call.energy_j, call.record
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_users_function_always_runs(name, tmp_path):
    """
    Once, and the program ends well.
    """
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAMS[name]]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert ("ran\n", 0) == (done.stdout, done.returncode), done.stderr
    assert "Traceback" not in done.stderr


def test_a_blocks_record_is_one_at_any_time():
    """
    README's own lines work before, inside and after the block.
    """
    call = track("phase", sink="memory:")
    seen = [(call.record["status"], call.record["reason"], call.energy_j)]
    with call:
        seen.append((call.record["status"], call.record["reason"], call.energy_j))

    assert [("unmeasured", "the block has not ended", None)] * 2 == seen
    assert "ok" == call.record["status"]
    assert [] == problems({**track("never").record, "record_id": ""})
