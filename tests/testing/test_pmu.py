"""
The fake PMU: what it counts is what a test does, whoever reads it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from greensdk_perf import pmu as sysfs
from greensdk_perf.syscall import perf_open
from perf_kit import counting, real_perf, two_cpus
from rights_kit import need_root, run_as

from greensdk.testing.pmu import CALLS, FakePmu, claim, tracepoint


def value(fd):
    """
    Return the count of a counter that leads a group of one.
    """
    return int.from_bytes(os.read(fd, 32)[24:], "little")


class TestTree:
    """
    What stands in the files.
    """

    def test_it_looks_like_the_kernels(self, tmp_path):
        """
        Type, mask, format, and three files for each event.
        """
        two_cpus()
        FakePmu(tmp_path, watts=100.0, packages=2, events=["energy-pkg", "energy-ram"])
        power = tmp_path / "bus" / "event_source" / "devices" / "power"
        texts = {str(file.relative_to(power)): file.read_text() for file in power.rglob("*") if file.is_file()}

        assert "1\n" == texts.pop("type")
        assert "0,1\n" == texts.pop("cpumask")
        assert "config:0-15\n" == texts.pop("format/event")
        assert {f"events/energy-{name}{end}" for name in ("pkg", "ram") for end in ("", ".scale", ".unit")} == set(
            texts
        )
        assert {"Joules\n"} == {text for name, text in texts.items() if name.endswith(".unit")}

    def test_events_can_be_odd_and_go_away(self, tmp_path):
        """
        Without a unit, with another scale, refused by the kernel, or removed with all of their files.
        """
        pmu = FakePmu(tmp_path, watts=1.0, events=["energy-pkg", "energy-p"])
        pmu.event("energy-pkg", factor=3.0, unit="")
        pmu.event("energy-ram", refused=True)
        pmu.remove("energy-p")

        found = sysfs.event(pmu.root, "power", "energy-pkg")
        assert (pytest.approx(3e-9), "") == (found.scale, found.unit)
        assert ["energy-pkg", "energy-ram"] == sysfs.events(pmu.root)
        with pytest.raises(OSError, match=r"No such|Invalid"):
            perf_open(sysfs.event(pmu.root, "power", "energy-ram"), 0)

    def test_more_meters_than_cpus_are_refused(self, tmp_path):
        """
        Each needs one of its own to be counted on.
        """
        with pytest.raises(ValueError, match="4096 meters need as many CPUs"):
            FakePmu(tmp_path, watts=1.0, packages=1024, dies=4)


class TestCounters:
    """
    What is behind them.
    """

    def test_each_package_counts_its_own_joules(self, tmp_path):
        """
        The calls are made on the CPU of the package; the test's own CPUs are the same afterwards.
        """
        two_cpus()
        pmu = counting(tmp_path, packages=2)
        before = os.sched_getaffinity(0)
        event = sysfs.event(pmu.root, "power", "energy-pkg")
        fds = [perf_open(event, cpu) for cpu in pmu.cpus]

        pmu.count(3)
        pmu.count(5, package=1)
        counts = [value(fd) for fd in fds]
        for fd in fds:
            os.close(fd)

        assert [3, 5] == counts
        assert before == os.sched_getaffinity(0)

    def test_perf_itself_reads_it(self, tmp_path):
        """
        The unmodified program takes the tree for a machine of two packages.
        """
        two_cpus()
        perf = real_perf()
        pmu = counting(tmp_path, packages=2)
        words = [perf, "stat", "-j", "-a", "--per-socket", "-e", "power/energy-pkg/", "sh", "-c", "echo; read line"]
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "SYSFS_PATH": pmu.root},
        )
        process.stdout.readline()
        pmu.count(7)
        pmu.count(11, package=1)
        said = process.communicate("\n")[1]

        assert '"socket" : "S0", "aggregate-number" : 1, "counter-value" : "7.000000"' in said
        assert '"socket" : "S1", "aggregate-number" : 1, "counter-value" : "11.000000"' in said


class TestTracepoints:
    """
    Their numbers are in tracefs.
    """

    def test_each_system_call_has_its_own(self):
        """
        Whether tracefs is mounted or not; and nothing is mounted afterwards that was not before.
        """
        need_root()
        before = Path("/proc/self/mounts").read_text()

        tracepoint.cache_clear()

        assert len(CALLS) == len({tracepoint(call) for call in CALLS})
        assert before == Path("/proc/self/mounts").read_text()

    def test_others_are_told_how_to_get_it(self, monkeypatch):
        """
        Mounting is not allowed; a tree of watts needs no tracefs.
        """
        need_root()
        tracepoint.cache_clear()
        monkeypatch.setattr("greensdk.testing.pmu.TRACEFS", ("/nowhere",))

        def asked():
            try:
                return tracepoint("getsid")
            except RuntimeError as error:
                return str(error)

        assert "sudo mount -t tracefs none /nowhere" in run_as(asked)


class TestClaims:
    """
    A tracepoint counts for the whole machine, so that no two tests may count one.
    """

    def test_each_has_its_own_as_long_as_it_lives(self):
        """
        And others get it afterwards.
        """

        class Owner:
            pass

        owners = [Owner(), Owner()]
        names = [claim(owner) for owner in owners]
        assert 2 == len(set(names) & CALLS.keys())
        del owners[:]

        assert claim(self) in CALLS

    def test_when_all_are_taken_somebody_is_told(self, monkeypatch):
        """
        After some patience.
        """
        monkeypatch.setattr("greensdk.testing.pmu.PATIENCE_S", 0.0)
        monkeypatch.setattr("greensdk.testing.pmu.CALLS", {f"call_{os.getpid()}": os.getpid})
        claim(self)

        with pytest.raises(RuntimeError, match="count all of call_"):
            claim(self)
