"""
What to run, as a page: the choice, the curves with their intervals, and what nothing beats.
"""

from __future__ import annotations

import builtins
import doctest
import json
import re
from datetime import UTC, datetime

import attrs
import pytest
from advisor_kit import PRICE, function_sweep
from advisor_kit import sweep as machine_sweep
from chromium_kit import WIDTHS, browser, chromium
from click.testing import CliRunner
from page_kit import EVIL
from rights_kit import need

from greensdk.advisor import Point, Profile, advise
from greensdk.advisor.advice import advise_on
from greensdk.advisor.page import advice as of_page
from greensdk.advisor.page import tradeoffs
from greensdk.advisor.page.advice import recommended, sections
from greensdk.cli import cli
from greensdk.measure.record import blank
from greensdk.report import EnergyReport
from greensdk.report.page import document, page
from greensdk.report.page.html import joined
from greensdk.report.page.view import View

pytestmark = pytest.mark.slow

pytest.importorskip("matplotlib")

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def sweep(counts=(1, 2, 4, 8), sizes=(1024.0,), name="app.split", reps=2, **changes):
    """
    Return the records of some runs with each number of workers and each memory size, that follow the model exactly.
    """
    found = []
    for rep in range(reps):
        for size in sizes:
            for count in counts:
                job = f"{name[:40]}-{rep}-{size}-{count}"
                seconds = 10.0 * 1024.0 / size / count + 0.3 * count + 0.5
                for call in range(count):
                    worker = {"executor_id": "e", "job_id": job, "call_id": f"{call:05}", "memory_mb": size}
                    record = {**blank(), "record_id": f"{job}-{call}".ljust(32, "0"), "function": name}
                    record |= {"started_at": "2026-01-01T00:00:00Z", "duration_s": seconds, "cpu_s": seconds}
                    record |= {"energy_j": 4.0 * seconds, "energy_low_j": 3.0 * seconds, "energy_high_j": 5.0 * seconds}
                    record |= {"energy_source": "psutil-tdp", "energy_quality": "estimated", "energy_boundary": "wall"}
                    record |= {"host": {"host_id": "h"}, "worker": {**worker, "backend": "aws_lambda"}}
                    found.append({**record, **changes})
    return found


def words(markup):
    """
    Return the text of some markup, but for the pictures.
    """
    text = re.sub(r"<svg.*?</svg>|</?(?:bdi|wbr|strong|span)[^>]*>", "", str(markup), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", text).replace("&#x27;", "'").split())


def of(*profiles, **wanted):
    """
    Return the sections about some profiles.
    """
    return str(joined(sections(advise_on(profiles, **wanted))))


def section_of(records):
    """
    Return what a report of some records says about what to run.
    """
    return recommended(View(EnergyReport(records), NOW))


@pytest.fixture(scope="module")
def machine():
    """
    What is advised on a machine whose joules are least with 7 workers, and the page's text of it.
    """
    advice = advise_on([machine_sweep(noise=0.01)])
    return advice.workflows[0].plan, words(joined(sections(advice)))


@pytest.fixture(scope="module")
def function_page():
    """
    The sections about a function as a service with five memory sizes, prices, and an estimator.
    """
    return of(function_sweep(energy_source="estimator (vcpu+memory)", digest="ab" * 32))


class TestChoice:
    """
    The words and numbers.
    """

    def test_the_choice_stands_first_with_its_intervals(self, machine):
        """
        And with how sure it is.
        """
        plan, text = machine
        _, low, high = plan.total["time_s"]

        assert "Recommended for the least energy. run 7 workers It was not measured" in text
        assert f"90%: {low:.1f} – {high:.1f} s" in text
        assert f"confidence {100 * plan.confidence:.0f}% of the resampled fits" in text

    def test_the_next_best_say_how_much_worse_they_are(self, machine):
        """
        As a multiple of the choice, in what was asked for.
        """
        plan, text = machine

        assert "energy, relative to the recommendation" in text
        for option in plan.alternatives:
            assert f"×{option.score / plan.choice.score:.2f}" in text

    def test_what_to_measure_next_is_said(self, machine):
        """
        With the advisor's own picks.
        """
        plan, text = machine
        (some,) = plan.profile_next.values()

        assert f"Measure next: {', '.join(f'{one.workers} workers' for one in some)}." in text

    def test_limits_are_told(self):
        """
        And which of the other ways misses them.
        """
        text = words(of(machine_sweep(), deadline_s=20.0, risk=0.05))

        assert "least energy within 20 s at a risk of 0.05" in text
        assert "the deadline, 20 s" in text
        assert "beyond the deadline" in text

    def test_stages_have_a_table_together_and_curves_each(self):
        """
        The sums are the workflow's.
        """
        first = function_sweep("load", (1, 2, 4, 8), (1024, 2048), workflow="video")
        second = function_sweep("cut", (1, 2, 4, 8), (1024, 2048), workflow="video", parents=("load",), seed=1)
        text = of(first, second)

        assert "Recommendation by stage" in words(text)
        assert "load: energy and time by number of workers" in words(text)
        assert "cut: energy and time by number of workers" in words(text)
        assert 3 * 2 == text.count("<svg ")

    def test_it_says_where_the_numbers_come_from(self, function_page):
        """
        Runs, meters, prices, the digest of the records, and how far the model is off.
        """
        text = words(function_page)

        assert "estimator (vcpu+memory)" in text
        assert f"Prices: {PRICE.source}" in text
        assert "abababababab…" in text
        assert re.search(r"work 30 6 \d\.\d+% \d\.\d+% \(as watts\)", text)

    def test_an_estimators_own_doubt_is_said_and_not_drawn(self, function_page, machine):
        """
        It moves all lines together. A meter has none.
        """
        assert "the truth lies between ×0.5 and ×2 of what is drawn" in words(function_page)
        assert "estimated" not in machine[1]

    def test_machines_are_named_where_there_are_several(self):
        """
        With how much slower the others are.
        """
        runs = machine_sweep(noise=0.001).points
        slow = [
            attrs.evolve(run, machine="slow", time_s=2 * run.time_s, billed_s=2 * run.billed_s) for run in runs[:10]
        ]
        named = [attrs.evolve(run, machine="fast") for run in runs]
        text = words(of(Profile("work", (*named, *slow), shared_meter=True)))

        assert "Runs come from 2 machines; all are shown as fast would have run them" in text
        assert "The others are ×2.00 as slow" in text

    def test_too_many_combinations_are_told(self, monkeypatch):
        """
        A solver's choice has no others beside it.
        """
        monkeypatch.setattr("greensdk.advisor.plan.combined", lambda stages: None)
        many = [machine_sweep(stage=stage, workflow="w") for stage in ("load", "cut")]
        text = words(of(*many))

        assert "a solver found the best" in text
        assert "next best" not in text


class TestPictures:
    """
    What is drawn.
    """

    def test_time_energy_and_cost_have_a_line_for_each_memory_size(self, function_page):
        """
        Each twice, for wide and narrow windows, and so have the trade-offs.
        """
        keys = re.search(r'<ul class="legend">(.*?)</ul>', function_page, re.DOTALL)[1]

        assert 4 == function_page.count("<svg ")
        assert "time, energy, cost by number of workers" in function_page
        assert all(f"{size:,} MB" in keys for size in (512, 1024, 1769, 3538, 7076))
        assert "Trade-off between energy and cost and time" in words(function_page)

    def test_cost_is_left_out_where_no_price_is_known(self):
        """
        And energy where nothing measured it.
        """
        silent = tuple(attrs.evolve(point, energy_j=None) for point in machine_sweep().points)
        text = of(Profile("work", silent), objective="time")

        assert 'aria-label="time by number of workers"' in text
        assert "There is no prediction of energy: energy known for too few worker counts: 0" in words(text)
        assert "against time" not in words(text)

    def test_money_is_drawn_in_digits_that_differ(self, function_page):
        """
        A hundredth of a dollar is a lot.
        """
        ticks = [text for text in re.findall(r">([0-9.]+)</text>", function_page) if text.startswith("0.00")]

        assert len(set(ticks)) > 1
        assert "0.00" not in ticks

    def test_no_more_memory_sizes_than_colours_are_drawn(self):
        """
        The choice's is among them, and the page says so.
        """
        sizes = [256.0 * number for number in range(1, 9)]
        profile = function_sweep(counts=(1, 2, 4, 8), sizes=sizes, energy_source="m")
        chosen = advise_on([profile]).workflows[0].plan.stages["work"].memory_mb
        text = of(profile)
        keys = re.search(r'<ul class="legend">(.*?)</ul>', text, re.DOTALL)[1]

        assert 6 == len(re.findall(r"[0-9,]+ MB", keys))
        assert f"{chosen:,g} MB" in keys
        assert "6 of 8 memory sizes are shown" in keys

    def test_ids_are_unique_over_all_workflows(self):
        """
        Two pictures with one id would show each other's shapes.
        """
        ids = re.findall(r'\bid="([^"]+)"', of(machine_sweep(), machine_sweep(stage="other")))

        assert len(set(ids)) == len(ids) > 0

    def test_the_front_holds_what_nothing_beats(self):
        """
        By time, each with less energy than the one before.
        """
        plan = advise_on([function_sweep()]).workflows[0].plan
        line = tradeoffs.front([*plan.ranked, *plan.pareto], tradeoffs.ENERGY)

        for option in line:
            assert not [o for o in plan.ranked if o.time_s < option.time_s and o.energy_j < option.energy_j]
        assert line == sorted(line, key=lambda option: -option.energy_j)

    def test_the_numbered_ways_are_few_and_hold_the_ends_and_the_choice(self):
        """
        Numbers that overlap could not be read.
        """
        plan = advise_on([function_sweep()], "energy=1,time=1").workflows[0].plan
        listed = tradeoffs.numbered(plan, tradeoffs.ENERGY)
        line = tradeoffs.front(plan.pareto, tradeoffs.ENERGY)

        assert plan.choice in listed
        assert (line[0], line[-1]) == (listed[0], listed[-1])
        assert 3 <= len(listed) < 15
        assert listed == sorted(listed, key=lambda option: option.time_s)

    @pytest.mark.parametrize("module", [tradeoffs])
    def test_examples_in_docstrings_run(self, module):
        """
        Every ``>>>`` prints what stands below it.
        """
        failed, tried = doctest.testmod(module)

        assert not failed
        assert tried


class TestRefusals:
    """
    What is not known is not drawn.
    """

    def test_too_little_is_said_and_what_was_measured_is_drawn(self):
        """
        No line without a model, and no choice.
        """
        text = of(machine_sweep(counts=(1, 2)))

        assert "No recommendation: work: 2 worker counts measured (1, 2): at least 4 are needed." in words(text)
        assert 2 == text.count("<svg ")
        assert "prediction, its 90% interval" not in text
        assert "the choice" not in words(text)

    def test_so_is_what_contradicts_itself(self):
        """
        One line says how.
        """
        points = tuple(Point(p, None, s, p * s, s) for p in (1, 2, 4, 8) for s in (1.0, 9.0))
        text = of(Profile("work", points, shared_meter=True))

        assert "No recommendation: work: repetitions of one configuration differ by ×9 in time" in words(text)
        assert 2 == text.count("<svg ")

    def test_a_deadline_that_nothing_keeps_leaves_the_curves(self):
        """
        They show why.
        """
        text = of(machine_sweep(), deadline_s=1.0)

        assert "No recommendation: no configuration meets the deadline of 1 s" in words(text)
        assert "prediction, its 90% interval" in words(text)
        assert "the choice" not in words(text)

    def test_no_runs_at_all_are_a_page(self):
        """
        With a sentence.
        """
        assert "There are no runs to learn from." in words(of())

    @pytest.mark.parametrize("evil", EVIL, ids=lambda text: repr(text[:12]))
    def test_names_of_others_are_harmless(self, evil):
        """
        A stage, a workflow, a meter and a machine may be called anything, and so may what refuses them.
        """
        about = {"stage": evil, "workflow": evil, "energy_source": evil, "backend": evil, "arch": evil}
        few = Profile(**{**about, "workflow": evil + "2"}, points=())
        timed = tuple(attrs.evolve(point, energy_j=None) for point in machine_sweep().points)
        advice = advise_on([Profile(**about, points=timed), few], "time", remarks=[evil])
        text = document("t", "h", evil, sections(advice))
        tags = set(re.findall(r"<([a-z]+)", re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)))

        assert not {"script", "img", "b"} & tags
        assert not re.search(r"<[^>]*\son\w+=[^>]*>", re.sub(r'"[^"]*"', '""', text))
        assert not set("\x00\x1b\u202e") & set(text)
        assert len(text) < 500_000


class TestCommand:
    """
    ``greensdk advise --html``.
    """

    def test_it_writes_one_file_with_nothing_to_load(self, tmp_path):
        """
        And says the same in words as without.
        """
        log = tmp_path / "runs.jsonl"
        log.write_text("".join(json.dumps(record) + "\n" for record in sweep()))
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
        log.write_text("".join(json.dumps(record) + "\n" for record in sweep(counts=(1, 2))))
        done = CliRunner().invoke(cli, ["advise", str(log), "--html", str(tmp_path / "page.html")])

        assert 0 != done.exit_code
        assert "No recommendation: " in words((tmp_path / "page.html").read_text())

    def test_a_log_is_never_written_over(self, tmp_path):
        """
        As ``greensdk report --html`` spares it.
        """
        log = tmp_path / "runs.jsonl"
        log.write_text("".join(json.dumps(record) + "\n" for record in sweep()))
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
        text = page(EnergyReport([*sweep(), *sweep(counts=(2,), name="app.other")]))

        assert "<h2>Recommended number of workers</h2>" in text
        assert "<h3><bdi>app.<wbr>split</bdi>" in text
        assert "other</bdi>, on" not in text

    @pytest.mark.parametrize("counts", [(1,), (1, 2, 4)])
    def test_a_report_of_something_else_does_not(self, counts):
        """
        Nothing is guessed from fewer than four worker counts.
        """
        assert section_of(sweep(counts=counts)) is None

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

        assert section_of(sweep()) is None

    def test_seconds_are_advised_on_where_there_are_no_joules(self):
        """
        Something is better than nothing.
        """
        text = section_of(sweep(energy_j=None, energy_source=None, energy_boundary=None, energy_quality=None))

        assert "Recommended for the least time." in words(text)

    def test_only_so_many_sweeps_are_shown(self, monkeypatch):
        """
        Those with the most runs.
        """
        monkeypatch.setattr(of_page, "MOST_IN_REPORT", 1)
        text = words(section_of([*sweep(name="app.small"), *sweep(name="app.big", reps=3)]))

        assert "the 1 with the most runs, of 2." in text
        assert "app.big, on" in text
        assert "small" not in text

    def test_too_many_records_are_left_to_the_command(self, monkeypatch):
        """
        The page must not take longer than it is worth.
        """
        monkeypatch.setattr(of_page, "MOST_RECORDS", 10)

        assert section_of(sweep()) is None

    def test_it_never_raises(self):
        """
        A record that makes no sense costs this section, not the page.
        """
        broken = sweep()
        broken[3]["worker"]["memory_mb"] = [object()]
        broken[4]["duration_s"] = float("nan")
        text = section_of(broken)

        assert text is None or "Recommended number" in text


@pytest.mark.slow
def test_in_a_browser_it_fits_and_loads_nothing(tmp_path, function_page):
    """
    In a wide window and on a telephone, light and dark, and on paper.
    """
    need(chromium(), "chromium")
    path = tmp_path / "page.html"
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

    found, remarks = profiles(sweep())

    assert advise(sweep()).to_dict() == advise_on(found, remarks=remarks).to_dict()
