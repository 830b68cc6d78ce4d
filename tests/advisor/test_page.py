"""
What to run, as a page: the choice, the curves with their intervals, and what nothing beats.
"""

from __future__ import annotations

import doctest
import re
from datetime import UTC, datetime

import attrs
import pytest
from advisor_kit import PRICE, function_sweep, of, words
from advisor_kit import sweep as machine_sweep
from page_kit import EVIL

from greensdk.advisor import Point, Profile
from greensdk.advisor.advice import advise_on
from greensdk.advisor.page import tradeoffs
from greensdk.advisor.page.advice import sections
from greensdk.report.page import document
from greensdk.report.page.html import joined

pytestmark = pytest.mark.slow

pytest.importorskip("matplotlib")

NOW = datetime(2026, 1, 2, tzinfo=UTC)


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
