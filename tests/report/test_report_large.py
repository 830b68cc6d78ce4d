"""
A large log read into columns comes to what the same records come to one by one.
"""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greensdk.cli import cli
from greensdk.errors import RecordError
from greensdk.logs import read
from greensdk.report import EnergyReport, large_groups, large_read
from greensdk.report import load as loading
from greensdk.report.large import LargeReport
from greensdk.report.load import load

pytestmark = pytest.mark.slow

RANGE_UJ = 50_000_000
WATTS = {"package-0": 10.0, "dram-0": 2.0}
KEYS = ("function", "status", "runs", "energy_quality", "worker.backend", "host.host_id", "worker.job_id", "tags.team")
ODDITIES = (
    "",
    "",
    "",
    "",
    "failed",
    "estimated",
    "private",
    "no clock",
    "two clocks",
    "perf",
    "no start",
    "one counter",
)


@pytest.fixture(autouse=True)
def many_pieces(monkeypatch):
    """
    Some records make a piece, and some lines a batch.
    """
    monkeypatch.setattr(large_read, "PIECE_BYTES", 12_000)
    monkeypatch.setattr(large_read, "BATCH_BYTES", 4_000)
    monkeypatch.setattr(large_groups, "LEAST", 1)
    monkeypatch.setattr(loading, "LARGE_BYTES", 1)


def record(number, start_ms=0, length_ms=100, cpu=0.5, machine=0, oddity="", parent=None, executor="abcdef-0"):
    """
    Return a record that read two counters of a machine.
    """
    start_s, stop_s = start_ms / 1e3, (start_ms + length_ms) / 1e3
    starts = {name: int(watts * start_s * 1e6) % RANGE_UJ for name, watts in WATTS.items()}
    counted = {name: watts * (stop_s - start_s) for name, watts in WATTS.items()}
    if oddity == "one counter":
        counted = {"package-0": counted["package-0"]}
    energy_j = sum(counted.values())
    attributes = {"start_uj": starts, "range_uj": dict.fromkeys(WATTS, RANGE_UJ)}
    if oddity == "perf":
        counts = {name: int(value / 1e6 * 2**32) for name, value in starts.items()}
        attributes = {"start_counts": counts, "scale_j": dict.fromkeys(WATTS, 2.0**-32), "counts_since_ns": number}
    reading = {
        "monitor": "rapl",
        "scope": "call" if oddity == "private" else "machine",
        "quality": "measured",
        "boundary": "package+dram",
        "energy_j": energy_j,
        "call_j": energy_j / 2,
        "low_j": energy_j / 4,
        "high_j": energy_j,
        "domains": {**counted, "core-0": None},
        "meter_id": f"host{machine}:rapl",
        "reason": None,
        "attributes": attributes,
    }
    made = {
        "schema": "greensdk.record/1",
        "record_id": f"{number:032x}",
        "parent_id": None if parent is None else f"{parent:032x}",
        "function": f"module.f{number % 3}",
        "label": None,
        "tags": {"team": ["red", "blue"][number % 2]},
        "status": "ok",
        "runs": 1 + number % 2,
        "reason": None,
        "monotonic_s": start_s,
        "duration_s": stop_s - start_s,
        "cpu_s": cpu * (stop_s - start_s),
        "host_cpu_s": 1.5 * (stop_s - start_s),
        "host_cpu_start_s": 1.5 * start_s,
        "host_cpu_source": "cpuacct",
        "energy_j": energy_j / 2,
        "energy_low_j": energy_j / 4,
        "energy_high_j": energy_j,
        "energy_source": "rapl",
        "energy_quality": "attributed",
        "energy_boundary": "package+dram",
        "readings": [reading],
        "host": {"host_id": f"host{machine}", "boot_id": f"boot{machine}", "cpus_logical": 2},
        "worker": None,
        "phases": {"start_s": 1e-5, "stop_s": 2e-5},
    }
    if executor:
        made["worker"] = {"backend": "k8s", "executor_id": executor, "job_id": "A000", "call_id": f"{number % 5:05d}"}
    return made | _changed(made, oddity)


def _changed(made, oddity):
    nothing = dict.fromkeys(("energy_j", "energy_low_j", "energy_high_j", "energy_source", "energy_boundary"))
    model = {
        **made["readings"][0],
        "monitor": "tdp",
        "boundary": "wall",
        "meter_id": None,
        "attributes": {"basis": "b"},
    }
    return {
        "failed": {**nothing, "energy_quality": None, "status": "error", "reason": "rapl: no counter"},
        "estimated": {"energy_source": "tdp", "energy_boundary": "wall", "energy_quality": "estimated"}
        | {"readings": [*made["readings"], model]},
        "no clock": {"host_cpu_start_s": None},
        "two clocks": {"host_cpu_source": "ebpf", "host_cpu_start_s": 0.25},
        "no start": {"monotonic_s": None},
    }.get(oddity, {})


def written(path, records):
    """
    Return the path of a log of some records.
    """
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    return str(path)


def close(expected):
    """
    Return what is equal to a group's numbers but for rounding.
    """
    return pytest.approx(expected, rel=1e-9, abs=1e-9)


def numbers(group):
    """
    Return the numbers of a group, -1 for those that it does not have.
    """
    found = group.calls, group.unknown, group.energy_j, group.energy_low_j, group.energy_high_j
    return [-1.0 if each is None else each for each in (*found, group.duration_s, group.cpu_s)]


def check_same(path, rule="cpu", key="function"):
    """
    Check that both ways to read a log find the same.
    """
    plain = EnergyReport(list(read(path, skip=lambda _: None)), rule)
    large = LargeReport([path], rule, key, lambda _: None)

    assert close(numbers(plain.total)) == numbers(large.total)
    assert plain.total.sources == large.total.sources
    for each in KEYS:
        expected, actual = plain.by(each), large.by(each)
        assert expected.keys() == actual.keys()
        for name, group in expected.items():
            assert close(numbers(group)) == numbers(actual[name])
            assert group.sources == actual[name].sources
    assert [metered[:4] for metered in plain.meters] == [metered[:4] for metered in large.meters]
    for one, two in zip(plain.meters, large.meters, strict=True):
        assert close([one.split.meter_j, one.split.unattributed_j]) == [two.split.meter_j, two.split.unattributed_j]
        assert close(sum(one.split.calls.values())) == sum(two.split.calls.values())
        assert len(one.split.calls) == len(two.split.calls)
    assert list(plain.remarks()) == list(large.remarks())
    assert plain.hosts == large.hosts


calls = st.builds(
    dict,
    start_ms=st.integers(0, 12_000),
    length_ms=st.integers(1, 1_500),
    cpu=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.7]),
    machine=st.integers(0, 1),
    oddity=st.sampled_from(ODDITIES),
)


@pytest.fixture(autouse=True)
def no_thread_of_other_tests(monkeypatch):
    """
    Count none of the threads that other tests' libraries have left in this process.
    """
    count, others = threading.active_count, threading.active_count() - 1
    monkeypatch.setattr(threading, "active_count", lambda: count() - others)


class TestBothWays:
    """
    Each against the records one by one.
    """

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(calls, min_size=1, max_size=40),
        st.lists(st.tuples(st.integers(0, 39), st.sampled_from(["inside", "executor", "again"])), max_size=8),
        st.sampled_from(["cpu", "wall", "equal"]),
    )
    def test_random_records_come_to_the_same(self, outer, others, rule):
        """
        Calls that overlap, calls in calls, executors made in workers, second deliveries, failures, odd meters.
        """
        records = [record(number, **each) for number, each in enumerate(outer)]
        for number, (place, kind) in enumerate(others, 100):
            around = records[place % len(outer)]
            if kind == "again":
                records.append({**around, "function": "again"})
            elif kind == "inside":
                records.append(record(number, parent=place % len(outer)))
            else:
                worker = around["worker"]
                name = f"{worker['executor_id']}-{worker['job_id']}-{worker['call_id']}-0"
                records.append(record(number, machine=number % 2, executor=name))
        with tempfile.TemporaryDirectory() as folder:
            check_same(written(Path(folder, "log.jsonl"), records), rule)

    @pytest.mark.parametrize("size", [2, 3, 5, 14])
    def test_groups_of_each_size_come_to_the_same(self, tmp_path, size):
        """
        Many of a size at once; those of 14 one by one. Counters wrap around on the way.
        """
        records = [
            record(
                number, 1000 * (number // size) + 40 * (number % size), 700 - 37 * (number % size), 0.3 * (number % 4)
            )
            for number in range(12 * size)
        ]
        check_same(written(tmp_path / "log.jsonl", records))

    def test_a_call_that_ended_inside_another_is_where_counters_go_on(self, tmp_path):
        """
        The third of each three begins after the second's end, and before the first's.
        """
        spans = [(0, 900), (100, 200), (500, 100)]
        records = [
            record(number, 1000 * (number // 3) + spans[number % 3][0], spans[number % 3][1]) for number in range(150)
        ]
        check_same(written(tmp_path / "log.jsonl", records))

    def test_monitors_that_disagree_are_told_of(self, tmp_path):
        """
        Once for each record, even if it came twice.
        """
        records = [record(number, 2000 * number, 1000) for number in range(20)]
        for each in records:
            each["readings"].append({**each["readings"][0], "monitor": "perf", "energy_j": 20.0})
        path = written(tmp_path / "log.jsonl", [*records, records[0]])
        check_same(path)

        assert any("over 20 windows" in line for line in load([path]).remarks())


class TestLoad:
    """
    Which way is taken, and what becomes of lines that can't be read.
    """

    def test_a_large_log_is_read_into_columns(self, tmp_path):
        """
        A small one is not.
        """
        path = written(tmp_path / "log.jsonl", [record(number, 200 * number) for number in range(9)])
        small = loading.EnergyReport(list(read(path)))

        assert isinstance(load([path]), LargeReport)
        assert str(small) == str(load([path]))
        assert small.records == load([path]).records
        assert small.meters[0].split.calls.keys() == load([path]).meters[0].split.calls.keys()

    @pytest.mark.parametrize("name", ["log.jsonl.gz", "log.txt"])
    def test_only_plain_files_are(self, tmp_path, name):
        """
        Others are read one by one.
        """
        import gzip

        path = tmp_path / name
        text = json.dumps(record(1)).encode() + b"\n"
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)

        assert EnergyReport is type(load([path]))

    def test_a_process_with_threads_reads_in_the_plain_way(self, tmp_path):
        """
        It must not be forked.
        """
        path = written(tmp_path / "log.jsonl", [record(1)])
        end = threading.Event()
        thread = threading.Thread(target=end.wait)
        thread.start()
        try:
            assert EnergyReport is type(load([path]))
        finally:
            end.set()
            thread.join()

    @pytest.mark.parametrize(
        "change",
        [{"duration_s": "1"}, {"energy_low_j": {}}, {"host": None}, {"runs": None}, {"phases": None}],
        ids=str,
    )
    def test_a_record_of_which_no_sum_can_be_made_is_told(self, tmp_path, change, monkeypatch):
        """
        And left out, in either way.
        """
        path = written(tmp_path / "log.jsonl", [record(1), {**record(2), **change}])
        unpacked, expected = [], []
        found = load([path], skip=unpacked.append)
        monkeypatch.setattr(loading, "LARGE_BYTES", 10**9)
        plain = load([path], skip=expected.append)

        assert isinstance(found, LargeReport)
        assert 1 == len(expected) == found.total.calls
        assert expected == unpacked
        assert plain.records == found.records

    def test_a_key_with_several_values_is_left_to_the_plain_way(self, tmp_path):
        """
        Whatever it makes of them.
        """
        path = written(tmp_path / "log.jsonl", [record(1), {**record(2), "tags": {"team": ["a"]}}])

        assert EnergyReport is type(load([path], key="tags.team"))

    def test_bad_lines_are_told_with_their_numbers(self, tmp_path):
        """
        As the plain way tells them, in every file, whatever piece they are in.
        """
        good = [json.dumps(record(number, 200 * number)).encode() + b"\n" for number in range(40)]
        newer = json.dumps({**record(7), "schema": "greensdk.record/99"}).encode() + b"\n"
        nan = json.dumps({**record(7), "cost": {"usd": float("nan")}}).encode() + b"\n"
        half = good[0].replace(b'"team": "red"', b'"team": "red", "x": "\\ud800"')
        latin = good[0].replace(b'"team": "red"', b'"team": "red", "x": "\xff"')
        bad = [b"not json\n", b"[1]\n", b"{}\n", newer, nan, half, latin, b"{}{}\n"]
        lines = good[:3] + bad[:2] + [b"\n", b" \r\n"] + good[3:30] + bad[2:5] + good[30:35] + bad[5:] + good[35:]
        paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
        for path in paths:
            path.write_bytes(b"".join(lines) + b'{"schema":"gree')
        unpacked, expected = [], []
        found = load(paths, skip=unpacked.append)
        plain = EnergyReport([each for path in paths for each in read(path, skip=expected.append)])

        assert isinstance(found, LargeReport)
        assert expected == unpacked
        assert 18 == len(unpacked)
        assert close(numbers(plain.total)) == numbers(found.total)
        with pytest.raises(RecordError, match=r"a.jsonl:4: not JSON"):
            load(paths)

    def test_an_older_record_is_taken_as_it_is(self, tmp_path):
        """
        Its schema's number is lower.
        """
        records = [{**record(number, 200 * number), "schema": "greensdk.record/0"} for number in range(5)]
        check_same(written(tmp_path / "log.jsonl", records))

    def test_any_key_can_be_asked_for(self, tmp_path):
        """
        At once when it was said before, with another reading when not.
        """
        path = written(tmp_path / "log.jsonl", [record(number, 200 * number) for number in range(10)])
        found = load([path], key="worker.call_id")

        assert 5 == len(found.by("worker.call_id"))
        assert {"red", "blue"} == found.by("tags.team").keys()
        assert {None} == found.by("tags.not-a-name").keys()
        assert {2} == found.by("host.cpus_logical").keys()
        with pytest.raises(TypeError):
            found.by("host")

    def test_the_command_prints_the_same(self, tmp_path, monkeypatch):
        """
        In the terminal and as JSON.
        """
        records = [record(number, 150 * number, 200, oddity=ODDITIES[number % 6]) for number in range(50)]
        path = written(tmp_path / "log.jsonl", records)
        runs = [["report", path], ["report", path, "--by", "tags.team"], ["report", path, "--attribution", "wall"]]
        large = [CliRunner().invoke(cli, each).output for each in runs]
        monkeypatch.setattr(loading, "LARGE_BYTES", 10**9)

        assert [CliRunner().invoke(cli, each).output for each in runs] == large
