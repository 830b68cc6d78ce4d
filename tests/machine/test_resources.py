"""
The full resource metrics, on this machine and on ones that psutil would show elsewhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from time import monotonic, sleep
from types import SimpleNamespace as Fake
from typing import Any

import pytest

from greensdk.machine.resources import RESOURCE_FIELDS, ResourceProbe

psutil = pytest.importorskip("psutil")

BURN = "import time; t = time.process_time()\nwhile time.process_time() - t < {}: pass\nprint('done', flush=True)\n"
WAIT = "import sys; sys.stdin.read()"


class Gone(Exception):
    """
    What the fake psutil raises for a process that has ended.
    """


def burn(cpu_s: float, then: str = WAIT) -> subprocess.Popen[str]:
    """
    Start a child, and return once it has used `cpu_s` CPU seconds.
    """
    code = BURN.format(cpu_s) + then
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "done\n"
    return child


def times(user: float, idle: float, **more: float) -> Fake:
    """
    Make the times of one CPU.
    """
    return Fake(**{"user": user, "system": 0.0, "idle": idle, **more})


class FakeProcess:
    """
    A process whose numbers a test chooses.
    """

    def __init__(self, pid: int = 7, cpu_s: float = 1.0, rss: int = 100, children: list[Any] | None = None) -> None:
        self.pid = pid
        self.cpu_s = cpu_s
        self.rss = rss
        self.live = children or []
        self.gone: Exception | None = None

    def _tell(self, value: Any) -> Any:
        if self.gone:
            raise self.gone
        return value

    def ppid(self) -> int:
        """
        As psutil's.
        """
        return self._tell(1)

    def cpu_times(self) -> Fake:
        """
        As psutil's.
        """
        return self._tell(Fake(user=self.cpu_s, system=0.0, children_user=0.25, children_system=0.25))

    def memory_info(self) -> Fake:
        """
        As psutil's.
        """
        return self._tell(Fake(rss=self.rss, vms=10 * self.rss))

    def io_counters(self) -> Fake:
        """
        As psutil's, growing with the CPU time.
        """
        return self._tell(Fake(read_bytes=int(1000 * self.cpu_s), write_bytes=int(10 * self.cpu_s)))

    def num_threads(self) -> int:
        """
        As psutil's.
        """
        return self._tell(3)

    def num_ctx_switches(self) -> tuple[int, int]:
        """
        As psutil's.
        """
        return self._tell((int(self.cpu_s), 0))

    def num_fds(self) -> int:
        """
        As psutil's.
        """
        return self._tell(5)

    def children(self, recursive: bool) -> list[Any]:
        """
        As psutil's.
        """
        assert recursive
        return self._tell(self.live)


class FakePsutil:
    """
    A psutil on which each function answers its list's items in turn; what is not given does not exist.
    """

    NoSuchProcess = Gone

    def __init__(self, process: FakeProcess | None = None, **answers: list[Any]) -> None:
        self._process = process or FakeProcess()
        self._answers = {name: iter(values) for name, values in answers.items()}

    def Process(self, pid: int | None) -> FakeProcess:
        """
        As psutil's.
        """
        return self._process

    def __getattr__(self, name: str) -> Any:
        """
        Return what answers with the next item, or nothing, as psutil does on a platform without it.
        """
        if name not in self.__dict__.get("_answers", {}):
            raise AttributeError(name)
        return lambda **_settings: next(self._answers[name])


def measure(ps: Any, pid: int | None = None, duration_s: float = 1.0) -> dict[str, Any]:
    """
    Take a start and a stop.
    """
    probe = ResourceProbe(ps, pid)
    return probe.stop(probe.start(), duration_s)


def test_every_field_is_documented_and_present() -> None:
    """
    The table is what the record's schema is made of.
    """
    assert set(RESOURCE_FIELDS) == set(measure(None))
    for unit, sentence in RESOURCE_FIELDS.values():
        assert unit in ("1", "%", "B", "MHz", "degC")
        assert sentence.endswith(".")


def test_this_machine_and_this_process() -> None:
    """
    What any Linux or macOS can tell.
    """
    found = measure(None)
    assert (os.getpid(), os.getppid()) == (found["pid"], found["ppid"])
    assert os.cpu_count() == len(found["cpu_percent_per_core"])
    assert found["rss_bytes"] > 1 << 20
    assert found["vms_bytes"] >= found["rss_bytes"]
    assert found["threads"] >= 1
    assert 0 < found["process_memory_percent"] < 100
    assert 0 < found["host_memory_percent"] < 100
    assert found["host_load_1m"] >= 0
    for name in ("cpu_percent", "ctx_switches", "host_memory_used_bytes", "io_read_bytes", "io_write_bytes"):
        assert found[name] is None or found[name] >= 0


@pytest.mark.parametrize("name", ["net_sent_bytes", "net_recv_bytes", "host_disk_read_bytes", "host_disk_write_bytes"])
def test_host_deltas_are_never_negative(name: str) -> None:
    """
    Or None, where the machine has no such device.
    """
    delta = measure(None)[name]
    assert delta is None or delta >= 0


def test_cpu_percent_is_the_trees_cpu_time_over_the_duration() -> None:
    """
    A child that burnt 0.2 s and ended before the stop is in it; two busy processes may make more than 100%.
    """
    probe = ResourceProbe()
    token = probe.start()
    burn(0.2).communicate()
    assert probe.stop(token, 0.1)["cpu_percent"] >= 200


def test_a_live_child_is_in_the_tree() -> None:
    """
    Its CPU time, memory and threads count while it runs.
    """
    probe = ResourceProbe()
    token = probe.start()
    alone = probe.stop(token, 1.0)
    child = burn(0.1)
    found = probe.stop(token, 1.0)
    child.communicate()
    assert alone["children"] + 1 == found["children"]
    assert found["cpu_percent"] >= 9.0
    assert found["rss_bytes"] > alone["rss_bytes"]
    assert found["threads"] > alone["threads"]


def test_a_live_childs_cpu_seconds_are_seen_until_it_is_waited_for() -> None:
    """
    Running, then as a zombie; afterwards they are in RUSAGE_CHILDREN and no longer here.
    """
    probe = ResourceProbe()
    before = probe.live_children_cpu_s()
    child = burn(0.1)
    running = probe.live_children_cpu_s()
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    zombie = probe.live_children_cpu_s()
    child.communicate()
    assert before is not None
    assert running is not None
    assert zombie is not None
    assert running - before >= 0.09
    assert zombie - before >= 0.09
    assert before == pytest.approx(probe.live_children_cpu_s(), abs=0.02)


def test_what_a_live_child_waited_for_is_its_own() -> None:
    """
    A grandchild that has ended lives on in its parent's account.
    """
    grandchild = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN.format(0.1)!r}])\n"
    code = grandchild + WAIT
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    probe = ResourceProbe()
    child.stdout.readline()
    deadline = monotonic() + 600
    while psutil.Process(child.pid).children() and monotonic() < deadline:
        os.sched_yield()
    seen = probe.live_children_cpu_s()
    child.communicate()
    assert seen is not None
    assert seen >= 0.09


def test_another_process_can_be_the_root() -> None:
    """
    Its own numbers, not ours.
    """
    child = burn(
        0.05,
        then="import sys; sys.stdin.readline(); x = sum(range(3_000_000)); print('more', flush=True); sys.stdin.read()",
    )
    assert child.stdin is not None
    assert child.stdout is not None
    probe = ResourceProbe(pid=child.pid)
    token = probe.start()
    child.stdin.write("\n")
    child.stdin.flush()
    child.stdout.readline()
    found = probe.stop(token, 1.0)
    child.communicate()
    assert (child.pid, os.getpid(), 0) == (found["pid"], found["ppid"], found["children"])
    assert found["cpu_percent"] > 0
    after = probe.stop(token, 1.0)
    assert after["rss_bytes"] is None
    assert after["cpu_percent"] is None


def test_a_process_that_never_was_has_no_numbers_but_the_host_has() -> None:
    """
    Nothing is raised.
    """
    found = measure(None, pid=2**22 + 1)
    assert [found[name] for name in ("pid", "cpu_percent", "rss_bytes", "children")] == [None] * 4
    assert os.cpu_count() == len(found["cpu_percent_per_core"])


def test_without_psutil_there_is_nothing_and_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A Lambda layer without it: no children is still known, their CPU time is not.
    """
    monkeypatch.setitem(sys.modules, "psutil", None)
    probe = ResourceProbe()
    assert not probe.available
    assert "psutil" in probe.reason
    assert probe.stop(probe.start(), 1.0) == {}
    child = subprocess.Popen([sys.executable, "-c", WAIT], stdin=subprocess.PIPE)
    assert probe.live_children_cpu_s() is None
    child.communicate()


def test_a_machine_that_tells_nothing_makes_none() -> None:
    """
    A psutil without any host function, as on a strange platform: no error, no zero.
    """
    found = measure(FakePsutil(), pid=7)
    nothing = {name for name, value in found.items() if value is None}
    assert nothing >= {name for name in RESOURCE_FIELDS if name.startswith(("host_", "net_", "cpu_freq", "cpu_temp"))}
    assert found["cpu_percent_per_core"] is None
    assert found["cpu_percent"] == 0.0


def test_a_forbidden_child_makes_the_sum_unknown() -> None:
    """
    A sum with a hole in it is not a sum.
    """
    child = FakeProcess(8)
    child.gone = PermissionError()
    found = measure(FakePsutil(FakeProcess(children=[child])), pid=7)
    assert [found["rss_bytes"], found["io_read_bytes"], found["cpu_percent"]] == [None] * 3
    assert found["children"] == 1


def test_a_child_that_ends_meanwhile_is_left_out() -> None:
    """
    It was listed, and is gone when asked.
    """
    child = FakeProcess(8)
    child.gone = Gone()
    assert measure(FakePsutil(FakeProcess(rss=100, children=[child])), pid=7)["rss_bytes"] == 100


def test_a_tree_is_summed_and_its_deltas_taken() -> None:
    """
    Parent and child each do two CPU seconds in one second.
    """
    child = FakeProcess(2**22 + 1, rss=30)  # above the largest pid there can be: no real process has a clock of it
    parent = FakeProcess(7, rss=100, children=[child])
    probe = ResourceProbe(FakePsutil(parent), pid=7)
    token = probe.start()
    parent.cpu_s += 2.0
    child.cpu_s += 2.0
    found = probe.stop(token, 1.0)
    expected = {
        "cpu_percent": 400.0,
        "rss_bytes": 130,
        "vms_bytes": 1300,
        "io_read_bytes": 4000,
        "io_write_bytes": 40,
        "threads": 6,
        "children": 1,
        "ctx_switches": 2,
        "open_fds": 5,
    }
    assert expected == {name: found[name] for name in expected}
    assert probe.live_children_cpu_s() == 3.5


def test_a_tree_that_lost_a_child_has_no_delta() -> None:
    """
    A detached child took its CPU seconds along: None, not a negative number.
    """
    parent = FakeProcess(children=[FakeProcess(8, cpu_s=50.0)])
    probe = ResourceProbe(FakePsutil(parent), pid=7)
    token = probe.start()
    parent.live = []
    assert probe.stop(token, 1.0)["cpu_percent"] is None


def test_percentages_are_not_rounded() -> None:
    """
    A third of a CPU keeps all its digits, and no time makes no percentage.
    """
    process = FakeProcess(cpu_s=0.0)
    probe = ResourceProbe(FakePsutil(process), pid=7)
    token = probe.start()
    process.cpu_s = 1.0
    assert probe.stop(token, 3.0)["cpu_percent"] == 100.0 / 3.0
    assert probe.stop(token, 0.0)["cpu_percent"] is None


def test_busy_time_is_split_by_core() -> None:
    """
    I/O wait and steal are not busy; guest time stands in user already; a core without a tick is unknown.
    """
    start = [times(10, 10, iowait=5.0, steal=0.0, guest=3.0), times(20, 20), times(1, 1)]
    stop = [times(11, 12, iowait=5.5, steal=0.5, guest=4.0), times(21, 20), times(1, 1)]
    found = measure(FakePsutil(cpu_times=[start, stop]), pid=7)
    assert found["cpu_percent_per_core"] == [25.0, 100.0, None]
    assert found["host_cpu_percent"] == 40.0


def test_iowait_may_fall() -> None:
    """
    The kernel documents that it does; the percentage stays between 0 and 100.
    """
    found = measure(FakePsutil(cpu_times=[[times(1, 1, iowait=2.0)], [times(2, 2, iowait=1.0)]]), pid=7)
    assert found["host_cpu_percent"] == 50.0


def test_host_counters_are_deltas_and_a_wrapped_one_is_none() -> None:
    """
    No use of psutil's own correction, which keeps state between calls.
    """
    net = [Fake(bytes_sent=100, bytes_recv=5), Fake(bytes_sent=150, bytes_recv=4)]
    disk = [Fake(read_bytes=1, write_bytes=2), Fake(read_bytes=4097, write_bytes=2)]
    found = measure(FakePsutil(net_io_counters=net, disk_io_counters=disk), pid=7)
    assert (found["net_sent_bytes"], found["net_recv_bytes"]) == (50, None)
    assert (found["host_disk_read_bytes"], found["host_disk_write_bytes"]) == (4096, 0)


def test_a_machine_without_disks_has_no_disk_bytes() -> None:
    """
    psutil says None then.
    """
    found = measure(FakePsutil(disk_io_counters=[None, None]), pid=7)
    assert found["host_disk_read_bytes"] is None


def test_the_frequency_is_the_mean_of_start_and_stop() -> None:
    """
    Its limits are 0 where psutil does not know them, which is None here.
    """
    freq = [Fake(current=1000.0, min=800.0, max=3600.0), Fake(current=3000.0, min=800.0, max=0.0)]
    found = measure(FakePsutil(cpu_freq=freq), pid=7)
    assert tuple(found[f"cpu_freq{kind}_mhz"] for kind in ("", "_min", "_max")) == (2000.0, 800.0, None)


@pytest.mark.parametrize(
    ("chips", "mean", "hottest"),
    [
        ({"coretemp": [("Package id 0", 50.0), ("Core 0", 60.0)]}, 50.0, 60.0),
        ({"coretemp": [("Package id 0", 50.0), ("Package id 1", 70.0)], "nvme": [("Composite", 99.0)]}, 60.0, 70.0),
        ({"k10temp": [("Tctl", 61.5), ("Tccd1", 58.0)], "acpitz": [("", 20.0)]}, 61.5, 61.5),
        ({"cpu_thermal": [("", 45.277)]}, 45.277, 45.277),
        ({"nvme": [("Composite", 40.0)]}, None, None),
        ({}, None, None),
    ],
)
def test_the_temperature_is_that_of_the_cpu(
    chips: dict[str, list[tuple[str, float]]], mean: float | None, hottest: float | None
) -> None:
    """
    The package's sensor where there is one; never a disk's.
    """
    sensors = {name: [Fake(label=label, current=value) for label, value in values] for name, values in chips.items()}
    found = measure(FakePsutil(sensors_temperatures=[sensors, sensors]), pid=7)
    assert (mean, hottest) == (found["cpu_temp_c"], found["cpu_temp_max_c"])


def test_the_hottest_of_two_samples_is_kept() -> None:
    """
    A call that cools down was hot at its start.
    """
    samples = [{"coretemp": [Fake(label="Package id 0", current=value)]} for value in (80.0, 60.0)]
    found = measure(FakePsutil(sensors_temperatures=samples), pid=7)
    assert (found["cpu_temp_c"], found["cpu_temp_max_c"]) == (70.0, 80.0)


def test_memory_is_of_the_machine() -> None:
    """
    The process' percentage is of the same total.
    """
    memory = Fake(total=1000, percent=12.5, used=100)
    found = measure(FakePsutil(FakeProcess(rss=25), virtual_memory=[memory]), pid=7)
    assert (
        found["process_memory_percent"],
        found["host_memory_percent"],
        found["host_memory_used_bytes"],
    ) == (2.5, 12.5, 100)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count in ticks")
def test_a_live_child_is_counted_to_the_nanosecond():
    """
    By its own CPU clock, where /proc shows steps of 10 ms.
    """
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        sleep(0.1)
        probe = ResourceProbe()
        seen = [probe.live_children_cpu_s() for _ in range(20)]
    finally:
        child.kill()
        child.wait()

    assert sorted(seen) == seen
    assert seen[0] * 100 != round(seen[0] * 100)
