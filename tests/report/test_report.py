"""
Records added up: each meter once, each call once, and the rest beside them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner
from greensdk_rapl import RaplMonitor

from greensdk import capture, energy_tracked
from greensdk.cli import cli
from greensdk.report import EnergyReport
from greensdk.testing import FakeMonitor, PowercapTree, ticking, tracked_by

WORKER = """
import sys, time
from greensdk import energy_tracked

@energy_tracked
def work(busy_s):
    end = time.process_time() + busy_s
    while time.process_time() < end:
        sum(range(1000))

for _ in range(3):
    work(float(sys.argv[1]))
"""


def burn(seconds):
    """
    Use CPU time.
    """
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))


def row(number, start_s, stop_s, start_uj, counted_j, **changes):
    """
    Return a record that read one package from `start_s` to `stop_s`, as the sole user of two CPUs.
    """
    reading = {
        "monitor": "rapl",
        "boundary": "package",
        "scope": "machine",
        "meter_id": "host:rapl",
        "energy_j": counted_j,
        "call_j": counted_j / 2,
        "domains": {"package-0": counted_j, "core-0": 1.0},
        "attributes": {"start_uj": {"package-0": start_uj, "core-0": 7}, "range_uj": {"package-0": 100_000_000}},
    }
    return {
        "record_id": f"{number:032x}",
        "parent_id": None,
        "function": "f",
        "status": "ok",
        "reason": None,
        "worker": None,
        "host": {"host_id": "host", "boot_id": "boot"},
        "monotonic_s": start_s,
        "duration_s": stop_s - start_s,
        "cpu_s": (stop_s - start_s) / 2,
        "host_cpu_s": stop_s - start_s,
        "host_cpu_start_s": start_s,
        "host_cpu_source": "cpuacct",
        "energy_j": counted_j / 2,
        "energy_low_j": counted_j / 4,
        "energy_high_j": counted_j,
        "energy_source": "rapl",
        "energy_boundary": "package",
        "energy_quality": "attributed",
        "readings": [reading],
        **changes,
    }


class TestMeters:
    """
    What the counters in the records come to.
    """

    @pytest.mark.parametrize(
        "change",
        [
            {"worker": {"pod": "a"}},
            {"duration_s": None},
            {"attributes": {"start_uj": 5.0, "range_uj": "none"}},
            {"attributes": {"start_counts": [1], "scale_j": 2}},
            {"energy_quality": "estimated", "attributes": {"basis": ["a", "b"]}},
        ],
        ids=str,
    )
    def test_what_other_plugins_mean_by_a_name_breaks_no_sum(self, change):
        """
        Workers that know no executor, calls without a length, and attributes of any kind.
        """
        odd = row(2, 5, 6, 10_000_000, 8.0)
        odd["readings"][0]["attributes"] = change.get("attributes", odd["readings"][0]["attributes"])
        odd |= {key: value for key, value in change.items() if key != "attributes"}
        report = EnergyReport([row(1, 0, 2, 0, 20.0), odd])

        assert (2, 0) == (report.total.calls, report.total.unknown)
        assert pytest.approx(14.0, rel=1e-4) == report.energy_j
        assert "total" in str(report)

    def test_overlapping_windows_count_the_meter_once(self):
        """
        Each record says 20 J of the machine; the machine drew 30 J in all.
        """
        report = EnergyReport([row(1, 0, 2, 0, 20.0), row(2, 1, 3, 10_000_000, 20.0)])

        assert [30.0] == [metered.meter_j for metered in report.meters]
        assert pytest.approx(30.0) == report.energy_j + report.unattributed_j

    def test_a_counter_that_wrapped_between_two_windows_goes_on(self):
        """
        The second window begins 5 J after the wrap, while the first is open.
        """
        report = EnergyReport([row(1, 0, 4, 90_000_000, 40.0), row(2, 2, 6, 5_000_000, 50.0)])

        assert [pytest.approx(65.0)] == [metered.meter_j for metered in report.meters]

    def test_a_machine_has_its_name_unless_its_containers_have_several(self):
        """
        Then the boot's id, which they share, is all there is.
        """
        rows = [row(1, 0, 2, 0, 20.0), row(2, 0, 2, 0, 20.0, host={"host_id": "container", "boot_id": "boot"})]
        alone = row(3, 0, 2, 0, 20.0, host={"host_id": "host2", "boot_id": "boot2"})

        assert {"boot": "host"} == EnergyReport(rows[:1]).hosts
        assert {"boot2": "host2"} == EnergyReport([*rows, alone]).hosts

    def test_containers_of_one_machine_share_its_meter(self):
        """
        Their machine-ids differ, the boot id is the kernel's.
        """
        other = row(2, 0, 2, 0, 20.0, host={"host_id": "container", "boot_id": "boot"})

        assert 20.0 == sum(metered.meter_j for metered in EnergyReport([row(1, 0, 2, 0, 20.0), other]).meters)

    def test_machines_add_up(self):
        """
        Each has its own meter.
        """
        other = row(2, 0, 2, 0, 20.0, host={"host_id": "host2", "boot_id": "boot2"})
        report = EnergyReport([row(1, 0, 2, 0, 20.0), other])

        assert [20.0, 20.0] == [metered.meter_j for metered in report.meters]
        assert 20.0 == report.energy_j

    def test_a_call_alone_keeps_what_its_record_says(self):
        """
        And so does its interval.
        """
        report = EnergyReport([row(1, 0, 2, 0, 20.0)])

        assert pytest.approx((10.0, 5.0, 20.0)) == (report.energy_j, report.energy_low_j, report.energy_high_j)

    def test_calls_inside_calls_belong_to_them(self):
        """
        The meter is shared out among the outermost.
        """
        inner = row(2, 0.5, 1, 5_000_000, 5.0, parent_id=f"{1:032x}")

        assert 10.0 == EnergyReport([inner, row(1, 0, 2, 0, 20.0)]).energy_j

    def test_two_clocks_are_not_put_in_one_order(self):
        """
        A worker with the eBPF clock next to one without; the law holds.
        """
        records = [row(1, 0, 2, 0, 20.0), row(2, 1, 3, 10_000_000, 20.0, host_cpu_source="ebpf", host_cpu_start_s=0.0)]
        report = EnergyReport(records)

        assert pytest.approx(30.0) == report.energy_j + report.unattributed_j

    def test_perf_events_counts_are_a_meter_too(self):
        """
        They come as counts with a scale, and never wrap.
        """
        record = row(1, 0, 2, 0, 20.0)
        record["readings"][0]["attributes"] = {"start_counts": {"package-0": 4}, "scale_j": {"package-0": 2.5}}

        assert [20.0] == [metered.meter_j for metered in EnergyReport([record]).meters]

    @pytest.mark.parametrize(
        "changes",
        [
            {"scope": "call"},
            {"meter_id": None},
            {"attributes": {}},
            {"domains": {"package-0": 1.0}},
            {"domains": {"package-0": None}},
        ],
        ids=str,
    )
    def test_what_is_no_shared_meter_is_taken_as_it_is(self, changes):
        """
        A private number, or counters that don't add up to it.
        """
        record = row(1, 0, 2, 0, 20.0)
        record["readings"][0] |= changes
        found = EnergyReport([record])

        assert ([], [10.0]) == (found.meters, list(found.calls_j.values()))

    @pytest.mark.parametrize(
        ("rule", "joules"), [("cpu", [10.0, 5.0]), ("wall", [20.0, 10.0]), ("equal", [20.0, 10.0])]
    )
    def test_the_rule_can_be_chosen(self, rule, joules):
        """
        Two calls one after the other, each with half of the CPU time while it ran.
        """
        report = EnergyReport([row(1, 0, 2, 0, 20.0), row(2, 2, 3, 20_000_000, 10.0)], rule)

        assert pytest.approx(joules) == list(report.calls_j.values())

    def test_an_unknown_rule_is_refused(self):
        """
        When the report is made, not when it is read.
        """
        with pytest.raises(ValueError, match="attribution"):
            EnergyReport([], "fair")


class TestTruth:
    """
    Against counters that turn by themselves.
    """

    def test_threads_and_the_rest_are_what_was_added(self, tmp_path):
        """
        Eight overlapping calls: their sum and the rest are the truth, to a thousandth.
        """
        tree = PowercapTree(tmp_path)
        tree.package(0), tree.package(1)
        call = tracked_by(RaplMonitor(root=tree.root))(burn)
        with ticking(tree, {"package-0": 40.0, "package-1": 20.0}) as truth, capture() as records:
            threads = [threading.Thread(target=call, args=(0.1 + number / 40,)) for number in range(8)]
            for thread in threads:
                thread.start()
                time.sleep(0.02)
            for thread in threads:
                thread.join()
        report = EnergyReport(records)
        began_ns = int(min(record["monotonic_s"] for record in records) * 1e9)
        ended_ns = int(max(record["monotonic_s"] + record["duration_s"] for record in records) * 1e9)
        added_j = sum(truth.joules(zone, began_ns, ended_ns) for zone in tree.zones)
        tick_j = 60.0 * max(b - a for a, b in zip(truth.times_ns, truth.times_ns[1:], strict=False)) / 1e9

        (metered,) = report.meters
        assert pytest.approx(added_j, abs=2 * tick_j) == metered.meter_j
        assert pytest.approx(metered.meter_j, rel=1e-9) == report.energy_j + report.unattributed_j

    @pytest.mark.slow
    def test_processes_of_one_host_share_its_meter(self, tmp_path):
        """
        Four processes, each with calls of its own, one log: the meter is counted once.
        """
        tree = PowercapTree(tmp_path / "tree")
        tree.package(0)
        log = tmp_path / "energy.jsonl"
        environment = {
            **os.environ,
            "GREENSDK_SINK": str(log),
            "GREENSDK_RAPL_ROOT": tree.root,
            "GREENSDK_MONITORS": "rapl",
        }
        with ticking(tree, {"package-0": 50.0}) as truth:
            workers = [
                subprocess.Popen([sys.executable, "-c", WORKER, "0.2"], cwd=tmp_path, env=environment) for _ in range(4)
            ]
            assert [0] * 4 == [worker.wait(60) for worker in workers]
        records = [json.loads(line) for line in log.read_text().splitlines()]
        told_j = sum(record["readings"][0]["energy_j"] for record in records)
        report = EnergyReport(records)
        (metered,) = report.meters

        assert 12 == len(records)
        assert metered.meter_j <= truth.joules("package-0") * 1.001
        assert told_j > 1.5 * metered.meter_j
        assert pytest.approx(metered.meter_j, rel=1e-9) == report.energy_j + report.unattributed_j


class TestCommand:
    """
    ``greensdk report``.
    """

    @pytest.fixture
    def log(self, tmp_path):
        """
        Two functions, and a line that a writer could not finish.
        """
        from greensdk.deliver.lines import encode

        with capture() as records:
            for name, joules in (("small", 1.0), ("big", 9.0)):
                tracked_by(FakeMonitor(joules=joules, scope="call"))(lambda: None)()
                records[-1]["function"] = name
        path = tmp_path / "energy.jsonl"
        path.write_bytes(b"".join(map(encode, records)) + b'{"schema"')
        return str(path)

    def run(self, *arguments):
        """
        Return exit code and output of the command.
        """
        done = CliRunner().invoke(cli, ["report", *arguments])
        return done.exit_code, done.output

    def test_it_prints_the_biggest_first_and_the_total(self, log):
        """
        As a plain table in a pipe.
        """
        code, out = self.run(log)
        lines = out.splitlines()

        assert 0 == code
        assert ["function", "big", "small", "total"] == [line.split()[0] for line in lines[:4]]
        assert "10 J [10, 10]" in lines[3]
        assert "1 unreadable lines, first: " + log + ":3: torn line" in lines[-1]

    def test_it_prints_json(self, log):
        """
        The same numbers.
        """
        code, out = self.run(log, "--json", "--by", "status")
        found = json.loads(out)

        assert 0 == code
        assert [("ok", 10.0)] == [(group["name"], group["energy_j"]) for group in found["groups"]]
        assert (10.0, 1, "cpu") == (found["total"]["energy_j"], found["unreadable_lines"], found["attribution"])

    def test_it_shows_shared_meters(self, tmp_path):
        """
        What they counted, and what of it is unattributed.
        """
        path = tmp_path / "energy.jsonl"
        rows = [row(1, 0, 2, 0, 20.0), row(2, 1, 3, 10_000_000, 20.0)]
        path.write_text("".join(json.dumps({"schema": "greensdk.record/1", **each}) + "\n" for each in rows))
        code, out = self.run(str(path))
        _, plain = self.run(str(path), "--json")

        assert 0 == code
        assert ["rapl", "host", "30", "20", "10", "(33.3%)"] == out.splitlines()[-1].split()
        assert pytest.approx(10.0, rel=1e-4) == json.loads(plain)["meters"][0]["unattributed_j"]

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (["missing.jsonl"], "missing.jsonl: no such file or folder"),
            (["--attribution", "fair", "x"], "'fair' is not one of 'cpu', 'wall', 'equal'"),
        ],
    )
    def test_a_mistake_is_one_line(self, arguments, text):
        """
        And exit code 2.
        """
        code, out = self.run(*arguments)

        assert 2 == code
        assert text in out
        assert "Traceback" not in out


def test_what_an_estimate_rests_on_is_said():
    """
    Once for all calls of the same kind.
    """
    with capture() as records:
        work = energy_tracked(monitors=["psutil-tdp"], sink="memory:")(lambda: None)
        work(), work()
    (line,) = EnergyReport(records).remarks()

    assert line.startswith("2 calls estimated by psutil-tdp: package model")
    assert "90% of such hosts lie between ×" in line
