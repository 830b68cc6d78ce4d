"""
What to run, as a page: the choice, the curves with their intervals, and what nothing beats.
"""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from greensdk.advisor import advise
from greensdk.cli import cli
from greensdk.record import blank
from greensdk.report import EnergyReport
from greensdk.report.page import page
from greensdk.report.page.advice import recommended, sections
from greensdk.report.page.html import joined
from greensdk.report.page.view import View

HOSTILE = "app.<script>alert(1)</script>"


def sweep(counts=(1, 2, 4, 8), sizes=(1024.0,), name="app.split"):
    """
    Return the records of two runs with each number of workers and each memory size, that follow the model exactly.
    """
    found = []
    for rep in range(2):
        for size in sizes:
            for count in counts:
                job = f"{rep}-{size}-{count}"
                seconds = 10.0 * 1024.0 / size / count + 0.3 * count + 0.5
                for call in range(count):
                    worker = {"executor_id": "e", "job_id": job, "call_id": f"{call:05}", "memory_mb": size}
                    record = {**blank(), "record_id": f"{job}-{call}".ljust(32, "0"), "function": name}
                    record |= {"started_at": "2026-01-01T00:00:00Z", "duration_s": seconds, "cpu_s": seconds}
                    record |= {"energy_j": 4.0 * seconds, "energy_low_j": 3.0 * seconds, "energy_high_j": 5.0 * seconds}
                    record |= {"energy_source": "psutil-tdp", "energy_quality": "estimated", "energy_boundary": "wall"}
                    found.append({**record, "host": {"host_id": "h"}, "worker": {**worker, "backend": "aws_lambda"}})
    return found


def shown(records):
    """
    Return the sections about some records.
    """
    return str(joined(sections(advise(records))))


def test_the_choice_the_curves_and_the_front_are_there():
    """
    With the intervals and the measured points in pictures for wide and narrow windows.
    """
    text = shown(sweep(sizes=(512.0, 1024.0)))

    assert "For the least energy." in text
    assert all(f"{size} MB" in text for size in (512, 1024))
    assert 4 == text.count("<svg ")
    assert "time and energy by number of workers, measured and predicted" in text
    assert "beaten by none in time, energy and cost at once" in text


def test_too_little_is_said_and_what_was_measured_is_drawn():
    """
    No line without a model.
    """
    text = shown(sweep(counts=(1, 2)))

    assert "No recommendation: " in text
    assert 2 == text.count("<svg ")
    assert "choice" not in text


def test_names_of_others_are_harmless():
    """
    A function may be called anything.
    """
    text = shown(sweep(name=HOSTILE))

    assert "<script" not in text
    assert "alert(1)" in text


def test_the_command_writes_the_page(tmp_path):
    """
    One file, with nothing to load.
    """
    log = tmp_path / "runs.jsonl"
    log.write_text("".join(json.dumps(record) + "\n" for record in sweep()))
    done = CliRunner().invoke(cli, ["advise", str(log), "--html", str(tmp_path / "page.html")])
    text = (tmp_path / "page.html").read_text()

    assert 0 == done.exit_code
    assert text.startswith("<!DOCTYPE html>")
    assert "default-src &#x27;none&#x27;" in text
    assert "From 30 records of " in text


def test_a_report_of_a_sweep_says_what_to_run():
    """
    Beside everything else on its page.
    """
    text = page(EnergyReport(sweep()))

    assert "<h2>What to run</h2>" in text


@pytest.mark.parametrize("counts", [(1,), (1, 2, 4)])
def test_a_report_of_something_else_does_not(counts):
    """
    Nothing is guessed from fewer than four worker counts.
    """
    from datetime import UTC, datetime

    assert recommended(View(EnergyReport(sweep(counts=counts)), datetime.now(UTC))) is None
