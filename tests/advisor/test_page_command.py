"""
The page of ``greensdk advise --html``, and the advisor's section in a report's page.
"""

from __future__ import annotations

import builtins
import json
import re
from datetime import UTC, datetime

import pytest
from advisor_kit import function_sweep, of, swept, words
from advisor_kit import sweep as machine_sweep
from chromium_kit import WIDTHS, browser, chromium
from click.testing import CliRunner
from page_kit import EVIL
from rights_kit import need

from greensdk.advisor import advise
from greensdk.advisor.advice import advise_on
from greensdk.advisor.page import advice as of_page
from greensdk.advisor.page.advice import recommended
from greensdk.cli import cli
from greensdk.report import EnergyReport
from greensdk.report.page import document, page
from greensdk.report.page.view import View

pytestmark = pytest.mark.slow

pytest.importorskip("matplotlib")

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def section_of(records):
    """
    Return what a report of some records says about what to run.
    """
    return recommended(View(EnergyReport(records), NOW))


class TestCommand:
    """
    ``greensdk advise --html``.
    """

    def test_it_writes_one_file_with_nothing_to_load(self, tmp_path):
        """
        And says the same in words as without.
        """
        log = tmp_path / "runs.jsonl"
        log.write_text("".join(json.dumps(record) + "\n" for record in swept()))
        plain = CliRunner().invoke(cli, ["advise", str(log)])
        done = CliRunner().invoke(cli, ["advise", str(log), "--html", str(tmp_path / "page.html")])
        text = (tmp_path / "page.html").read_text()

        assert (0, plain.stdout) == (done.exit_code, done.stdout)
        assert text.startswith("<!DOCTYPE html>")
        assert "default-src &#x27;none&#x27;" in text
        assert [] == re.findall(r"url\((?!#)|@import|<script|<img|<link", text)
        assert "From 30 records of " in text

    def test_a_refusal_is_a_page_too(self, tmp_path):
        """
        The exit code is that of a mistake.
        """
        log = tmp_path / "runs.jsonl"
        log.write_text("".join(json.dumps(record) + "\n" for record in swept(counts=(1, 2))))
        done = CliRunner().invoke(cli, ["advise", str(log), "--html", str(tmp_path / "page.html")])

        assert 0 != done.exit_code
        assert "No recommendation: " in words((tmp_path / "page.html").read_text())

    def test_a_log_is_never_written_over(self, tmp_path):
        """
        As ``greensdk report --html`` spares it.
        """
        log = tmp_path / "runs.jsonl"
        log.write_text("".join(json.dumps(record) + "\n" for record in swept()))
        before = log.read_bytes()
        done = CliRunner().invoke(cli, ["advise", str(log), "--html", str(log)])

        assert (2, before) == (done.exit_code, log.read_bytes())
        assert f"--html {log}: this is a log" in done.stderr


class TestReport:
    """
    The section of a report's page.
    """

    def test_a_report_of_a_sweep_says_what_to_run(self):
        """
        Beside everything else on its page, and only of what was swept.
        """
        text = page(EnergyReport([*swept(), *swept(counts=(2,), name="app.other")]))

        assert "<h2>Recommended number of workers</h2>" in text
        assert "<h3><bdi>app.<wbr>split</bdi>" in text
        assert "other</bdi>, on" not in text

    @pytest.mark.parametrize("counts", [(1,), (1, 2, 4)])
    def test_a_report_of_something_else_does_not(self, counts):
        """
        Nothing is guessed from fewer than four worker counts.
        """
        assert section_of(swept(counts=counts)) is None

    def test_it_is_absent_without_the_advisors_libraries(self, monkeypatch):
        """
        The rest of the page needs neither.
        """
        real = builtins.__import__

        def without(name, *args, **kwargs):
            if name == "greensdk.advisor.advice":
                raise ImportError(name)
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", without)

        assert section_of(swept()) is None

    def test_seconds_are_advised_on_where_there_are_no_joules(self):
        """
        Something is better than nothing.
        """
        text = section_of(swept(energy_j=None, energy_source=None, energy_boundary=None, energy_quality=None))

        assert "Recommended for the least time." in words(text)

    def test_only_so_many_sweeps_are_shown(self, monkeypatch):
        """
        Those with the most runs.
        """
        monkeypatch.setattr(of_page, "MOST_IN_REPORT", 1)
        text = words(section_of([*swept(name="app.small"), *swept(name="app.big", reps=3)]))

        assert "the 1 with the most runs, of 2." in text
        assert "app.big, on" in text
        assert "small" not in text

    def test_too_many_records_are_left_to_the_command(self, monkeypatch):
        """
        The page must not take longer than it is worth.
        """
        monkeypatch.setattr(of_page, "MOST_RECORDS", 10)

        assert section_of(swept()) is None

    def test_it_never_raises(self):
        """
        A record that makes no sense costs this section, not the page.
        """
        broken = swept()
        broken[3]["worker"]["memory_mb"] = [object()]
        broken[4]["duration_s"] = float("nan")
        text = section_of(broken)

        assert text is None or "Recommended number" in text


@pytest.mark.slow
def test_in_a_browser_it_fits_and_loads_nothing(tmp_path):
    """
    In a wide window and on a telephone, light and dark, and on paper.
    """
    need(chromium(), "chromium")
    path = tmp_path / "page.html"
    function_page = of(function_sweep(energy_source="estimator (vcpu+memory)", digest="ab" * 32))
    of_evil = of(machine_sweep(stage=EVIL[-1], workflow=EVIL[1], energy_source=EVIL[2]))
    path.write_text(document("t", "What to run", "", [function_page, of_evil]))
    with browser(tmp_path) as tab:
        for width in (1280, 400):
            for dark in (False, True):
                tab.open(path, width=width, dark=dark)

                assert [width, width] == tab.ask(WIDTHS)
        assert {path.as_uri()} == set(tab.requests)
        assert [] == tab.complaints
        assert tab.pdf().startswith(b"%PDF")


def test_advice_from_records_is_advice_from_their_profiles():
    """
    The page of a report takes the second way.
    """
    from greensdk.advisor import profiles

    found, remarks = profiles(swept())

    assert advise(swept()).to_dict() == advise_on(found, remarks=remarks).to_dict()
