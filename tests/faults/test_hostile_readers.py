"""
Files of other tools, and our own small ones, that hold anything: one line, exit code 0, 1 or 2, and good records.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hostile_kit import LINES, MARK, VALUES, run, steers

from greensdk.cli.import_ import SOURCES
from greensdk.machine import calibration

REPORT = {"timestamp": "2026-01-01T00:00:00Z", "sensor": "s", "target": "t", "metadata": {"scope": "cpu"}, "power": 1.0}
ROWS = {
    name: [[number, number]] for name, number in [("read", 1.0), ("compute", 2.0), ("write", 0.5), ("energy", 3.0)]
} | {"energy_source": [["rapl", "rapl"]]}
PROFILE = {"(1, 1024, 2)": ROWS}
GADGET = """\
System Time,RDTSC,Elapsed Time (sec), CPU Utilization(%),CPU Frequency_0(MHz),Cumulative Processor Energy_0(Joules)
12:00:00:100,1000000,0.100,10.0,3500,1.820
12:00:00:200,2000000,VALUE,11.0,3500,VALUE
Total Elapsed Time (sec) = 0.200000
"""
KEYS = [
    "",
    "x",
    "()",
    "(1, 2)",
    "('a', 'b', 'c')",
    "(None,) * 3",
    "(1e400, 1, 1)",
    "(-1, 1, 1)",
    "(" * 1000,
    "[" * 100_000,
]


def inserted(holder, value):
    """
    Yield the JSON of an object with a value in each place in turn.
    """
    if isinstance(holder, dict | list):
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            for below in (*inserted(holder[key], value), value):
                parts: Any = {**holder} if isinstance(holder, dict) else [*holder]
                parts[key] = MARK
                yield json.dumps(parts).replace(json.dumps(MARK), below)


def files():
    """
    Yield form, name and bytes of hostile files.
    """
    for name, value in VALUES.items():
        plain = json.loads(value)
        yield "powerapi", f"a report with {name}", "\n".join(inserted(REPORT, value)).encode()
        yield "power-gadget", f"a row with {name}", GADGET.replace("VALUE", f"{plain}").encode("utf-8", "replace")
        for number, text in enumerate(inserted(PROFILE, value)):
            yield "flexecutor", f"a profile with {name} in place {number}", text.encode()
    for key in KEYS:
        yield "flexecutor", f"a profile of {key[:20]}", json.dumps({key: ROWS}).encode()
    for form in SOURCES:
        for name, line in LINES.items():
            yield form, name, line
            yield form, f"{name}, behind a good line", json.dumps(REPORT).encode() + b"\n" + line


@pytest.mark.parametrize("form", SOURCES)
def test_an_import_is_good_records_or_one_line_each(tmp_path, form):
    """
    What is written passes ``greensdk validate``; what is not is said in a line that steers no terminal.
    """
    tried = 0
    for each, name, held in files():
        if each != form:
            continue
        tried += 1
        path, out = tmp_path / "in.json", tmp_path / "out.jsonl"
        path.write_bytes(held)
        done = run("import", "--from", form, str(path), str(out), "--force")
        assert done.code in {0, 2}, name
        assert not steers(done.err), name
        if out.exists():
            assert 0 == run("validate", str(out)).code, name
            out.unlink()
        else:
            assert 2 == done.code, name
    assert tried > len(LINES)


def test_a_calibration_that_holds_anything_is_used_whole_or_not_at_all(tmp_path):
    """
    Watts that are none are no 0, and nothing is raised: a call asks for them.
    """
    path = str(tmp_path / "calibration.json")
    point = {"watts": 30.0, "model_w": 20.0, "source": "plug", "measured_at": "2026-11-30T"}
    row = {"idle_w": 1.0, "low_w": 1.0, "high_w": 2.0}
    made = calibration.save(path, "host", {"rapl package": row}, 1.0)
    made["references"] = {"psutil-tdp": [{**point, "measured_s": made["measured_s"]}]}
    held = [text.encode() for value in VALUES.values() for text in inserted(made, value)]
    for text in [*held, *LINES.values()]:
        with open(path, "wb") as file:
            file.write(text)
        watts, reason = calibration.load(path, "host")
        assert all(0 <= each < float("inf") for each in watts.values())
        assert watts or reason
        for reference in calibration.references(path, "host").values():
            assert 0 < reference.factor < float("inf")
        calibration.save(path, "host", {"rapl package": row}, 1.0)
        assert ({"rapl package": 1.0}, "") == calibration.load(path, "host")


def test_a_spools_note_that_is_damaged_is_told_and_its_records_are_counted(tmp_path, command):
    """
    After a crash of the disk: what waits is shown all the same.
    """
    place = tmp_path / f"greensdk-spool-{os.getuid()}"
    place.mkdir(mode=0o700)
    (place / "abc.jsonl").write_text("{}\n")
    (place / "abc.sink").write_bytes(b"\xff\xfe")
    (place / "def.jsonl").write_text("{}\n")
    (place / "def.sink").mkdir()
    done = command("doctor")
    assert done.returncode in {0, 1}
    assert "Traceback" not in done.stderr
    assert 2 == done.stdout.count("1 record not delivered to ?")
