"""
Records come to the same sums wherever they come from: a program, a file, a large file in pieces, SQL, Lithops.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from greensdk_lithops import LithopsReport
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greensdk.cli import cli
from greensdk.errors import RecordError
from greensdk.logs import pieces, read
from greensdk.report import EnergyReport, source
from greensdk.report.sql import tables

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


@pytest.fixture
def many_pieces(monkeypatch):
    """
    Some records make a piece, and some lines a batch; processes share them out.
    """
    count, others = threading.active_count, threading.active_count() - 1
    # Threads that other tests' libraries have left here are not counted.
    monkeypatch.setattr(threading, "active_count", lambda: count() - others)
    monkeypatch.setattr(pieces, "PIECE_BYTES", 12_000)
    monkeypatch.setattr(source, "BATCH_BYTES", 4_000)
    monkeypatch.setattr(pieces, "PARALLEL_BYTES", 1)


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
        "error_type": None,
        "started_at": "2026-01-31T12:00:00.500000Z",
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


def check_same(expected, actual):
    """
    Check that two reports say the same.
    """
    assert close(numbers(expected.total)) == numbers(actual.total)
    assert expected.total.sources == actual.total.sources
    for each in KEYS:
        ours, theirs = expected.by(each), actual.by(each)
        assert ours.keys() == theirs.keys()
        for name, group in ours.items():
            assert close(numbers(group)) == numbers(theirs[name])
            assert group.sources == theirs[name].sources
    assert [meter[:4] for meter in expected.meters] == [meter[:4] for meter in actual.meters]
    assert [close(list(meter[4:])) for meter in expected.meters] == [list(meter[4:]) for meter in actual.meters]
    assert list(expected.remarks()) == list(actual.remarks())
    assert expected.hosts == actual.hosts
    assert expected.records == actual.records
    assert expected.counted == actual.counted
    assert close(expected.calls_j) == actual.calls_j


calls = st.builds(
    dict,
    start_ms=st.integers(0, 12_000),
    length_ms=st.integers(0, 1_500),
    cpu=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.7]),
    machine=st.integers(0, 1),
    oddity=st.sampled_from(ODDITIES),
)


@st.composite
def logs(draw, most=40):
    """
    Calls that overlap, calls in calls, executors made in workers, second deliveries, failures, odd meters.
    """
    outer = draw(st.lists(calls, min_size=1, max_size=most))
    kinds = st.sampled_from(["inside", "executor", "again"])
    records = [record(number, **each) for number, each in enumerate(outer)]
    for number, (place, kind) in enumerate(draw(st.lists(st.tuples(st.integers(0, 39), kinds), max_size=8)), 100):
        around = records[place % len(outer)]
        if kind == "again":
            records.append({**around, "function": "again"})
        elif kind == "inside":
            records.append(record(number, parent=place % len(outer)))
        else:
            worker = around["worker"]
            name = f"{worker['executor_id']}-{worker['job_id']}-{worker['call_id']}-0"
            records.append(record(number, machine=number % 2, executor=name))
    return records


@pytest.mark.slow
@given(logs(), st.booleans())
def test_everybody_gives_the_same_joules(records, twice):
    """
    ``greensdk report``, :class:`EnergyReport`, SQL and the report of Lithops; also of a log that is given twice.
    """
    expected = EnergyReport(records * (1 + twice))
    total = expected.total
    with tempfile.TemporaryDirectory() as folder:
        sources = [written(Path(folder, "log.jsonl"), records)] * (1 + twice)
        printed = json.loads(CliRunner().invoke(cli, ["report", *sources, "--json"]).output)["total"]
        with tables(sources) as found:
            asked = found.ask("select sum(calls), sum(calls - known), sum(joules) from functions").fetchall()[0]
            ends = found.ask("select sum(energy_low_j), sum(energy_high_j) from calls").fetchall()[0]
            by_worker = found.ask("select sum(joules) from workers").fetchall()[0]
            each = dict(found.ask("select record_id, energy_j from calls where energy_j is not null").fetchall())
    lithops = LithopsReport(records * (1 + twice))
    keys = ("calls", "unknown", "energy_j", "energy_low_j", "energy_high_j")
    wanted = [getattr(total, key) for key in keys]
    rows = [row["shared_j"] for row in lithops.to_dicts()]

    assert close(wanted) == [printed[key] for key in keys]
    assert close(wanted) == [None if value is None else float(value) for value in (*asked, *ends)]
    assert close([total.energy_j]) == [*by_worker]
    assert close(wanted) == [getattr(lithops.total, key) for key in keys]
    assert close(sum(filter(None, rows))) == (total.energy_j or 0.0)
    assert close(expected.calls_j) == each


class TestPieces:
    """
    A file is the records in it, whatever it is cut into.
    """

    @pytest.mark.slow
    @settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(logs(), st.sampled_from(["cpu", "wall", "equal"]))
    @pytest.mark.usefixtures("many_pieces")
    def test_random_records_come_to_the_same(self, records, rule):
        """
        By every rule.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = written(Path(folder, "log.jsonl"), records)
            check_same(EnergyReport(list(read(path)), rule), EnergyReport.load([path], rule))

    @pytest.mark.parametrize("size", [2, 3, 5, 14])
    def test_groups_that_do_not_touch_come_to_their_own_sums(self, size):
        """
        Many of a size are looked at at once, and each comes to what it does alone. Counters wrap around on the way.
        """
        groups = [
            [
                record(
                    size * group + number, 1000 * group + 40 * number, 700 - 37 * number, 0.3 * (number % 4 + group % 2)
                )
                for number in range(size)
            ]
            for group in range(12)
        ]
        alone = [EnergyReport(group) for group in groups]
        together = EnergyReport([each for group in groups for each in group])

        assert close(sum(report.energy_j for report in alone)) == together.energy_j
        assert close(sum(report.unattributed_j for report in alone)) == together.unattributed_j

    def test_a_call_that_ended_inside_another_is_where_counters_go_on(self):
        """
        The third of each three begins after the second's end, and before the first's: 900 ms of 12 W in all.
        """
        spans = [(0, 900), (100, 200), (500, 100)]
        records = [
            record(number, 1000 * (number // 3) + spans[number % 3][0], spans[number % 3][1]) for number in range(150)
        ]
        (meter,) = EnergyReport(records).meters

        assert pytest.approx(50 * 0.9 * 12.0, rel=1e-5) == meter.meter_j

    def test_monitors_that_disagree_are_reported_once_for_each_record(self, tmp_path):
        """
        Even if it came twice.
        """
        records = [record(number, 2000 * number, 1000) for number in range(20)]
        for each in records:
            each["readings"].append({**each["readings"][0], "monitor": "perf", "energy_j": 20.0})
        path = written(tmp_path / "log.jsonl", [*records, records[0]])

        assert any("over 20 windows" in line for line in EnergyReport.load([path]).remarks())


class TestLoad:
    """
    What can be read, how often, and what becomes of lines that can't be.
    """

    @pytest.mark.parametrize("name", ["log.jsonl.gz", "log.txt"])
    def test_other_files_are_read_too(self, tmp_path, name):
        """
        Compressed ones, and those of another name; their records are there as well.
        """
        path = tmp_path / name
        text = json.dumps(record(1)).encode() + b"\n"
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
        found = EnergyReport.load([path])

        assert [record(1)] == found.records
        assert found.energy_j is not None

    def test_a_pipe_is_read_once_whatever_is_asked(self, tmp_path):
        """
        Sums by any key, the records, and a page.
        """
        pytest.importorskip("matplotlib")
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        path = written(tmp_path / "log.jsonl", [record(number, 200 * number) for number in range(9)])
        with subprocess.Popen(["cp", path, pipe]):
            done = CliRunner().invoke(
                cli, ["report", str(pipe), "--rank", "--by", "tags.team", "--html", str(tmp_path / "page.html")]
            )

        assert 0 == done.exit_code, done.output
        assert "red" in done.output
        assert "9 calls" in (tmp_path / "page.html").read_text()

    @pytest.mark.usefixtures("many_pieces")
    def test_a_process_with_threads_reads_alone(self, tmp_path):
        """
        It must not be forked.
        """
        path = written(tmp_path / "log.jsonl", [record(number, 200 * number) for number in range(40)])
        end = threading.Event()
        thread = threading.Thread(target=end.wait)
        thread.start()
        try:
            assert not pieces._can_fork()
            assert 40 == EnergyReport.load([path]).total.calls
        finally:
            end.set()
            thread.join()

    @pytest.mark.parametrize(
        "change",
        [{"duration_s": "1"}, {"energy_low_j": {}}, {"host": None}, {"runs": None}, {"phases": None}],
        ids=str,
    )
    def test_a_record_of_which_no_sum_can_be_made_is_left_out(self, tmp_path, change):
        """
        With its file, its line, and what is wrong.
        """
        path = written(tmp_path / "log.jsonl", [record(1), {**record(2), **change}])
        problems = []
        found = EnergyReport.load([path], skip=problems.append)
        (key,) = change

        assert 1 == found.total.calls
        assert [(path, 2)] == [each[:2] for each in problems]
        assert problems[0].text.startswith(f"{key}: expected ")

    def test_a_dictionary_of_which_no_sum_can_be_made_is_refused(self):
        """
        In one line that names it.
        """
        with pytest.raises(RecordError, match=r"^record 0+1: duration_s: expected number or null, found '1'$"):
            EnergyReport([{**record(1), "duration_s": "1"}])

    @pytest.mark.usefixtures("many_pieces")
    def test_bad_lines_have_their_numbers(self, tmp_path):
        """
        As reading one by one gives them, in every file, also in one that is given twice, whatever piece they are in.
        """
        good = [json.dumps(record(number, 200 * number)).encode() + b"\n" for number in range(40)]
        newer = json.dumps({**record(7), "schema": "greensdk.record/99"}).encode() + b"\n"
        nan = json.dumps({**record(7), "cost": {"usd": float("nan")}}).encode() + b"\n"
        half = good[0].replace(b'"team": "red"', b'"team": "red", "x": "\\ud800"')
        latin = good[0].replace(b'"team": "red"', b'"team": "red", "x": "\xff"')
        bad = [b"not json\n", b"[1]\n", b"{}\n", newer, nan, half, latin, b"{}{}\n"]
        lines = good[:3] + bad[:2] + [b"\n", b" \r\n"] + good[3:30] + bad[2:5] + good[30:35] + bad[5:] + good[35:]
        paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "b.jsonl"]
        for path in paths:
            path.write_bytes(b"".join(lines) + b'{"schema":"gree')
        problems, expected = [], []
        found = EnergyReport.load(paths, skip=problems.append)
        plain = EnergyReport([each for path in paths for each in read(path, skip=expected.append)])

        assert expected == problems
        assert 27 == len(problems)
        check_same(plain, found)
        with pytest.raises(RecordError, match=r"a.jsonl:4: not JSON"):
            EnergyReport.load(paths)

    def test_an_older_record_is_taken_as_it_is(self, tmp_path):
        """
        Its schema's number is lower.
        """
        records = [{**record(number, 200 * number), "schema": "greensdk.record/0"} for number in range(5)]

        check_same(EnergyReport(records), EnergyReport.load([written(tmp_path / "log.jsonl", records)]))

    @pytest.mark.parametrize("keys", [(), ("worker.call_id", "tags.team", "tags.not-a-name", "host.cpus_logical")])
    def test_any_key_can_be_asked_for(self, tmp_path, keys):
        """
        Whether it was named before or not.
        """
        path = written(tmp_path / "log.jsonl", [record(number, 200 * number) for number in range(10)])
        found = EnergyReport.load([path], keys=keys)

        assert 5 == len(found.by("worker.call_id"))
        assert {"red", "blue"} == found.by("tags.team").keys()
        assert {None} == found.by("tags.not-a-name").keys()
        assert {2} == found.by("host.cpus_logical").keys()

    @pytest.mark.parametrize("keys", [(), ("host", "tags", "tags.team")])
    def test_a_key_with_several_values_groups_nothing(self, tmp_path, keys):
        """
        An object, or a list in one record.
        """
        path = written(tmp_path / "log.jsonl", [record(1), {**record(2), "tags": {"team": ["a"]}}])
        found = EnergyReport.load([path], keys=keys)
        for key in ("host", "tags", "tags.team"):
            with pytest.raises(TypeError, match="several values"):
                found.by(key)

    @pytest.mark.parametrize("options", [[], ["--by", "tags.team"], ["--attribution", "wall"], ["--rank"]], ids=str)
    def test_the_command_prints_the_same_in_pieces(self, tmp_path, options, request):
        """
        In the terminal and as JSON.
        """
        records = [record(number, 150 * number, 200, oddity=ODDITIES[number % 6]) for number in range(50)]
        run = ["report", written(tmp_path / "log.jsonl", records), *options]
        alone = CliRunner().invoke(cli, run).output
        request.getfixturevalue("many_pieces")

        assert alone == CliRunner().invoke(cli, run).output


@pytest.mark.parametrize("library", ["numpy", "msgspec"])
def test_a_bare_install_says_what_to_install(tmp_path, library):
    """
    In one line: the command, and the class for who uses it in a program.
    """
    hide = f"import sys; sys.modules[{library!r}] = None; from importlib import util; find = util.find_spec; "
    hide += f"util.find_spec = lambda name: None if name == {library!r} else find(name); "
    path = written(tmp_path / "log.jsonl", [record(1)])
    command = hide + f"from greensdk.cli import main; sys.argv = ['greensdk', 'report', {path!r}]; main()"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    used = subprocess.run(
        [sys.executable, "-c", hide + "from greensdk.report import EnergyReport"],
        capture_output=True,
        text=True,
        check=False,
    )
    words = f'needs {library}, which is not installed: pip install "greensdk[report]"'

    assert (2, "", f"greensdk: greensdk report {words}\n") == (done.returncode, done.stdout, done.stderr)
    assert f"ImportError: greensdk.report {words}" == used.stderr.splitlines()[-1]
