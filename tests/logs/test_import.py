"""
``greensdk import``: what others measured, as records.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from records_kit import call, lithops, write

from greensdk.cli import cli
from greensdk.logs import power_gadget, powerapi
from greensdk.schema.check import problems

GADGET = """\
System Time,RDTSC,Elapsed Time (sec), CPU Utilization(%),CPU Frequency_0(MHz),Processor Power_0(Watt),\
Cumulative Processor Energy_0(Joules),Cumulative Processor Energy_0(mWh),IA Power_0(Watt),\
Cumulative IA Energy_0(Joules),Cumulative IA Energy_0(mWh),DRAM Power_0(Watt),Cumulative DRAM Energy_0(Joules)
17:09:47:270, 69904436189900, 1.005, 10.0, 2000, 2.470, 2.483, 0.690, 0.761, 0.764, 0.2, 1.0, 1.000
17:09:48:276, 69907357073700, 2.000, 30.0, 3000, 2.087, 4.500, 1.273, 0.552, 1.320, 0.3, 1.0, 2.000

Total Elapsed Time (sec) = 2.000000
Measured RDTSC Frequency (GHz) = 2.904
Cumulative Processor Energy_0 (Joules) = 4.500000
Average Processor Power_0 (Watt) = 2.25
"""


def run(form, path, out="out.jsonl", *more):
    """
    Run the command in this process.
    """
    return CliRunner().invoke(cli, ["import", "--from", form, str(path), str(out), *more])


def imported(form, path):
    """
    Return the records that a file becomes, each of which is a good one.
    """
    done = run(form, path, "out.jsonl", "--force")
    assert 0 == done.exit_code, done.output
    with open("out.jsonl") as file:
        records = [json.loads(line) for line in file]
    assert [] == [text for record in records for text in problems(record)]
    return records


def report(seconds, target="app", watts=10.0, sensor="node", **metadata):
    """
    Return a line of PowerAPI's.
    """
    time = f"2026-01-31T12:00:{seconds:06.3f}+00:00"
    return json.dumps({"timestamp": time, "sensor": sensor, "target": target, "metadata": metadata, "power": watts})


class TestPowerApi:
    """
    Power reports.
    """

    def test_joules_are_watts_since_the_sensors_last_tick(self, tmp_path):
        """
        Of any target: one that appears later has no tick of its own before.
        """
        path = tmp_path / "power.json"
        path.write_text("\n".join([report(0), report(2, watts=5.0), report(2, "late", 1.0), report(3, watts=7.0)]))
        records = imported("powerapi", path)

        assert [("app", None), ("app", 10.0), ("late", 2.0), ("app", 7.0)] == [
            (each["function"], each["energy_j"]) for each in records
        ]
        assert ("2026-01-31T12:00:00.000000Z", 2.0) == (records[1]["started_at"], records[1]["duration_s"])
        assert powerapi.FIRST == records[0]["reason"]

    def test_a_model_estimates_and_only_rapl_measures(self, tmp_path):
        """
        What the formula says of its target is what the record claims.
        """
        path = tmp_path / "power.json"
        lines = [report(n, target, scope="cpu", socket="0") for n in (0, 1) for target in ("rapl", "global", "app")]
        path.write_text("\n".join([*lines, report(2, "app")]))
        records = [each for each in imported("powerapi", path) if each["energy_j"] is not None]

        assert [
            ("rapl", "measured", "package"),
            ("global", "estimated", "package"),
            ("app", "estimated", "package"),
            ("app", "estimated", "unknown"),
        ] == [(each["function"], each["energy_quality"], each["energy_boundary"]) for each in records]
        assert {"powerapi"} == {each["energy_source"] for each in records}
        assert {"power_w": 10.0, "scope": "cpu", "socket": "0"} == records[0]["readings"][0]["attributes"]

    def test_sensors_have_ticks_of_their_own(self, tmp_path):
        """
        In whatever order their lines stand.
        """
        path = tmp_path / "power.json"
        path.write_text("\n".join([report(4), report(1, sensor="b"), report(3, sensor="b"), report(1)]))

        assert [("b", 20.0), ("node", 30.0)] == sorted(
            (each["host"]["host_id"], each["energy_j"]) for each in imported("powerapi", path) if each["duration_s"]
        )

    def test_csv_of_old_versions_has_milliseconds(self, tmp_path):
        """
        And more columns.
        """
        path = tmp_path / "PowerReport.csv"
        path.write_text(
            "timestamp,sensor,target,power,socket\n1769860800000,node,app,4.0,0\n1769860800500,node,app,4.0,0\n"
        )
        _, second = imported("powerapi", path)

        assert (2.0, "2026-01-31T12:00:00.000000Z") == (second["energy_j"], second["started_at"])
        assert "0" == second["readings"][0]["attributes"]["socket"]

    def test_one_json_list(self, tmp_path):
        """
        As a database dumps it.
        """
        path = tmp_path / "power.json"
        path.write_text(f"[{report(0)},{report(1)}]")

        assert 2 == len(imported("powerapi", path))

    def test_bad_lines_are_named_and_counted(self, tmp_path):
        """
        The rest is imported.
        """
        path = tmp_path / "power.json"
        bad = ['{"sensor": "a"', "[1]", report(1, watts="many"), report(2, watts=-1.0), '{"timestamp": 1, "power": 1}']
        path.write_text("\n".join([report(0), *bad, report(3).replace("2026-01-31T", "never")]))
        done = run("powerapi", path)

        assert (0, "out.jsonl: 1 record; 6 lines skipped\n") == (done.exit_code, done.stdout)
        assert [
            f"{path}:2: not JSON: unexpected end of data",
            f"{path}:3: not a power report",
            f"{path}:4: power: expected watts, found 'many'",
            f"{path}:5: power: expected watts, found -1.0",
            f"{path}:6: sensor: is missing",
            f"{path}:7: timestamp: expected a time, found 'never12:00:03.000+00:00'",
        ] == done.stderr.splitlines()

    def test_what_we_export_comes_back(self, tmp_path):
        """
        Joules and seconds, and the boundary.
        """
        log = write(tmp_path / "e.jsonl", call(1, 8.0, duration_s=2.0), call(2, 3.0, energy_boundary="wall"))
        assert 0 == CliRunner().invoke(cli, ["export", "--to", "powerapi", log, "power.json"]).exit_code

        assert [(3.0, 1.0, "wall"), (8.0, 2.0, "package")] == sorted(
            (each["energy_j"], each["duration_s"], each["energy_boundary"])
            for each in imported("powerapi", "power.json")
        )

    def test_the_same_file_makes_the_same_records(self, tmp_path):
        """
        Importing twice can be distinguished from measuring twice.
        """
        path = tmp_path / "power.json"
        path.write_text(f"{report(0)}\n{report(1)}\n")
        first, again = imported("powerapi", path), imported("powerapi", path)

        assert [each["record_id"] for each in first] == [each["record_id"] for each in again]
        assert 2 == len({each["record_id"] for each in first})

    @given(st.lists(st.text(st.characters(codec="utf-8")), max_size=6))
    def test_whatever_stands_there_is_a_record_or_a_problem(self, tmp_path_factory, texts):
        """
        Never an exception.
        """
        path = tmp_path_factory.mktemp("x") / "power.json"
        path.write_text("\n".join(texts), encoding="utf-8")
        found = []

        for record in powerapi.import_(str(path), found.append):
            assert [] == problems(record)


class TestPowerGadget:
    """
    Logs of Intel Power Gadget.
    """

    @pytest.fixture
    def path(self, tmp_path):
        """
        A log of two seconds that ended at noon.
        """
        path = tmp_path / "PowerLog.csv"
        path.write_text(GADGET)
        os.utime(path, (1769860800, 1769860800))
        return path

    def test_a_log_is_a_record(self, path):
        """
        Package and memory make the total, the cores are inside; the file's time is the end.
        """
        (record,) = imported("power-gadget", path)

        assert (6.5, "measured", "package+dram", "power-gadget") == tuple(
            record[f"energy_{key}"] for key in ("j", "quality", "boundary", "source")
        )
        assert (2.0, "2026-01-31T11:59:58.000000Z", "PowerLog.csv") == (
            record["duration_s"],
            record["started_at"],
            record["label"],
        )
        assert {"package-0": 4.5, "core-0": 1.32, "dram-0": 2.0} == record["readings"][0]["domains"]
        assert {"host_cpu_percent": 20.0, "cpu_freq_mhz": 2500.0} == record["resources"]

    def test_two_packages_without_memory(self, tmp_path):
        """
        Both count.
        """
        path = tmp_path / "two.csv"
        path.write_text(
            "Elapsed Time (sec),Cumulative Processor Energy_0(Joules),Cumulative Processor Energy_1(Joules)\n"
            "1,2.5,3.5\n"
        )
        (record,) = imported("power-gadget", path)

        assert (6.0, "package") == (record["energy_j"], record["energy_boundary"])

    def test_a_log_that_was_cut_off_has_no_summary(self, path):
        """
        Its last row is torn, and named.
        """
        path.write_text("\n".join(GADGET.splitlines()[:3]) + "\n17:09:49:281, 699, 3.016, 8")
        done = run("power-gadget", path)

        assert (0, "out.jsonl: 1 record; 1 line skipped\n") == (done.exit_code, done.stdout)
        assert f"{path}:4: CPU Frequency_0(MHz): expected a number, found ''\n" == done.stderr

    @pytest.mark.parametrize("cell", ["x", "nan", "-1", "inf"])
    def test_a_bad_number_is_named(self, path, cell):
        """
        The row is left out, the last good one is the total.
        """
        path.write_text(GADGET.replace("4.500,", f"{cell},", 1))
        done = run("power-gadget", path)

        assert done.stderr.startswith(f"{path}:3: Cumulative Processor Energy_0(Joules): expected ")
        assert 3.483 == json.loads(Path("out.jsonl").read_text())["energy_j"]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("a,b\n1,2\n", "no log of Power Gadget: there is no column 'Elapsed Time (sec)'"),
            ("Elapsed Time (sec)\n1\n", "there is no column 'Cumulative Processor Energy_0(Joules)'"),
            (GADGET.splitlines()[0], "no sample of Power Gadget in it"),
            ("", "no sample of Power Gadget in it"),
        ],
    )
    def test_another_file_is_one_line(self, path, text, problem):
        """
        And no log is made.
        """
        path.write_text(text)
        done = run("power-gadget", path)

        assert 2 == done.exit_code
        assert problem in done.stderr
        assert not os.path.exists("out.jsonl")

    @given(st.text(st.characters(codec="utf-8"), max_size=80))
    def test_whatever_a_row_holds_is_a_number_or_a_problem(self, tmp_path_factory, text):
        """
        Never an exception; the good rows before it count.
        """
        path = tmp_path_factory.mktemp("x") / "log.csv"
        path.write_text(f"{GADGET}{text}\n", encoding="utf-8")

        (record,) = power_gadget.import_(str(path), lambda problem: None)
        assert [] == problems(record)


def test_profiles_of_flexecutor_go_round(tmp_path):
    """
    Out as a profile, in as records: the same joules and seconds, said with less certainty.
    """
    records = [call(n, n + 1.5, worker=lithops(f"{n:05d}", stage="map", workflow="wf")) for n in range(3)]
    log = write(tmp_path / "e.jsonl", *records)
    assert 0 == CliRunner().invoke(cli, ["export", "--to", "flexecutor", log, "profiles"]).exit_code
    back = imported("flexecutor", "profiles/wf/map.json")

    assert [(1.5, 1.0), (2.5, 1.0), (3.5, 1.0)] == [(each["energy_j"], each["duration_s"]) for each in back]
    assert {("rapl", "estimated", "unknown")} == {
        (each["energy_source"], each["energy_quality"], each["energy_boundary"]) for each in back
    }


def test_an_old_log_is_not_written_over_unasked(tmp_path):
    """
    With --force it is, unless nothing can be imported.
    """
    source, out = tmp_path / "power.json", tmp_path / "out.jsonl"
    source.write_text(report(0))
    out.write_text("precious")
    done = run("powerapi", source, out)
    assert (2, f"greensdk: {out}: exists; --force writes over it\n") == (done.exit_code, done.stderr)

    source.write_text("nothing")
    assert 2 == run("powerapi", source, out, "--force").exit_code
    assert "precious" == out.read_text()

    source.write_text(report(0))
    assert 0 == run("powerapi", source, out, "--force").exit_code
    assert "precious" not in out.read_text()


def test_a_source_that_is_not_there_is_one_line():
    """
    Whoever should have written it.
    """
    for form in ("powerapi", "power-gadget", "flexecutor"):
        done = run(form, "missing")
        assert 2 == done.exit_code
        assert done.stderr.lower().startswith("greensdk: missing: no such file")
        assert not os.path.exists("out.jsonl")
