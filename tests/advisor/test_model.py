"""
Fits, intervals, refusals, files.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys

import attrs
import numpy as np
import pytest
from advisor_kit import COUNTS, function_sweep, joules, seconds, shares, sweep
from hypothesis import given, settings
from hypothesis import strategies as st

from greensdk.advisor import CannotAdvise, Model, Point, Price, Profile, fit, predict, recommend


class TestPrediction:
    """
    What the model says between and beyond what was measured.
    """

    def test_counts_in_between_are_met(self):
        """
        A form with the truth in it finds 3, 6, 12 and 24 workers to a few percent, seconds and joules.
        """
        found = predict(fit(sweep(), members=1), [(count, None) for count in (3, 6, 12, 24)])

        for each in found:
            assert seconds(each.workers) == pytest.approx(each.time_s, rel=0.05)
            assert joules(each.workers) == pytest.approx(each.energy_j, rel=0.08)
            assert (False, False) == (each.measured, each.extrapolated)

    def test_memory_counts_up_to_what_the_function_can_use(self):
        """
        A size between the measured ones is met too, on both sides of two vCPUs.
        """
        model = fit(function_sweep(), members=1)

        for each in predict(model, [(8, 768.0), (8, 2600.0), (8, 5000.0)]):
            truth = 120 / (8 * shares(each.memory_mb)) + 1 + 0.05 * 8
            assert truth == pytest.approx(each.time_s, rel=0.12)

    def test_an_estimators_interval_is_carried_through(self):
        """
        Joules that may be off by a factor of two stay so, however well the curve fits.
        """
        (each,) = predict(fit(function_sweep()), [(8, 1769.0)])

        assert each.energy_low_j < 0.52 * each.energy_j
        assert each.energy_high_j > 1.95 * each.energy_j

    def test_dollars_are_gb_seconds_and_requests(self):
        """
        Without a price, or without a memory size, there are none.
        """
        (each,) = predict(fit(function_sweep(), members=1), [(8, 2048.0)])
        (without,) = predict(fit(sweep(), members=1), [(8, None)])

        assert 8 * each.time_s * 2 * 1.66667e-5 + 8 * 2e-7 == pytest.approx(each.usd, rel=1e-3)
        assert (None, None, None) == (without.usd, without.usd_low, without.usd_high)

    def test_dollars_are_of_what_the_workers_took_not_of_the_slowest(self):
        """
        Where the mean worker is done in half of the time, half is billed.
        """
        profile = function_sweep()
        even, uneven = (
            fit(
                attrs.evolve(
                    profile,
                    points=tuple(attrs.evolve(point, billed_s=point.billed_s * part) for point in profile.points),
                    price=Price(1e-5, 0.0, "of a test"),
                ),
                members=1,
            )
            for part in (1.0, 0.5)
        )

        (all_of_it,), (half,) = predict(even, [(8, 1769.0)]), predict(uneven, [(8, 1769.0)])

        assert all_of_it.time_s == half.time_s
        assert all_of_it.usd / 2 == pytest.approx(half.usd)
        assert all_of_it.energy_j == pytest.approx(half.energy_j)

    def test_repetitions_that_agree_are_believed(self):
        """
        Two CPUs make a staircase that the form can't follow; the surer the runs, the closer the prediction.
        """
        missed = []
        for noise in (0.001, 0.2):
            truth = {count: math.ceil(count / 2) * 8 / count + 1 for count in range(1, 9)}
            points = [
                Point(count, None, time_s * factor, count * time_s * factor)
                for count, time_s in truth.items()
                for factor in (1 - noise, 1.0, 1 + noise)
            ]
            found = predict(fit(Profile("work", tuple(points)), members=1))
            missed.append(sum(abs(each.time_s / truth[each.workers] - 1) for each in found))

        assert missed[0] < 0.85 * missed[1]

    @pytest.mark.parametrize("config", [(64, 1769.0), (8, 256.0), (8, 10240.0), (8, None)])
    def test_what_lies_beyond_is_flagged(self, config):
        """
        A number beyond the measured worker counts or sizes is called a guess.
        """
        assert predict(fit(function_sweep(), members=1), [config])[0].extrapolated

    @pytest.mark.slow
    def test_nine_of_ten_new_runs_lie_in_the_interval(self):
        """
        Over many sweeps, 85 to 98% of new runs: here the form is the truth, which the interval can't know.
        """
        inside = {"time": [], "energy": []}
        for seed in range(25):
            found = {each.workers: each for each in predict(fit(sweep(repetitions=3, seed=seed), members=100))}
            for point in sweep(repetitions=3, seed=1000 + seed).points:
                each = found[point.workers]
                inside["time"].append(each.time_low_s <= point.time_s <= each.time_high_s)
                inside["energy"].append(each.energy_low_j <= point.energy_j <= each.energy_high_j)

        assert all(0.85 <= np.mean(each) <= 0.985 for each in inside.values())

    def test_the_same_seed_gives_the_same_intervals(self):
        """
        Chance is the caller's.
        """
        profile = sweep()

        assert predict(fit(profile, seed=3)) == predict(fit(profile, seed=3))
        assert predict(fit(profile, seed=3)) != predict(fit(profile, seed=4))


class TestRefusal:
    """
    No number that can't be stood behind.
    """

    @pytest.mark.parametrize("counts", [(1,), (1, 2), (2, 4, 8)])
    def test_three_worker_counts_are_too_few(self, counts):
        """
        One line says how many there are.
        """
        with pytest.raises(
            CannotAdvise, match=rf"work: {len(counts)} worker counts? measured .* at least 4 are needed"
        ):
            fit(sweep(counts))

    def test_no_runs_are_too_few(self):
        """
        An empty profile has no model.
        """
        with pytest.raises(CannotAdvise, match="work: no runs"):
            fit(Profile("work", ()))

    def test_repetitions_that_contradict_each_other_give_no_number(self):
        """
        Where the same thing takes 10 and 40 seconds nothing can be said.
        """
        points = [Point(count, None, time_s, time_s) for count in COUNTS for time_s in (10.0, 40.0)]

        with pytest.raises(CannotAdvise, match="repetitions of one configuration differ by ×4 in time"):
            fit(Profile("work", tuple(points)))

    def test_times_that_no_curve_follows_give_no_number(self):
        """
        Irregular times over worker counts are refused.
        """
        times = dict(zip((1, 2, 3, 4, 5, 6), (1.0, 900.0, 2.0, 800.0, 1.0, 700.0), strict=True))

        with pytest.raises(CannotAdvise, match="contradict each other"):
            fit(Profile("work", tuple(Point(count, None, time_s, time_s) for count, time_s in times.items())))

    def test_energy_known_for_too_few_counts_has_no_model(self):
        """
        Time has a model, energy has a reason.
        """
        points = [attrs.evolve(point, energy_j=None) if point.workers > 2 else point for point in sweep().points]

        model = fit(Profile("work", tuple(points), shared_meter=True), members=1)

        assert "energy known for too few worker counts: 2 of at least 4" == model.no_energy
        assert all(each.energy_j is None for each in predict(model))

    def test_contradictory_energies_have_no_model(self):
        """
        A meter that is off by factors has no curve.
        """
        wrong = [
            attrs.evolve(point, energy_j=point.energy_j * (1 + 9 * (index % 2)))
            for index, point in enumerate(sweep().points)
        ]

        assert "energies of one configuration differ by" in fit(Profile("work", tuple(wrong)), members=1).no_energy


class TestInvariance:
    """
    Invariances of the model.
    """

    @settings(max_examples=8)
    @given(factor=st.sampled_from([1e-3, 0.1, 7.0, 60.0, 3.6e6]), seed=st.integers(0, 3))
    def test_units_don_t_matter(self, factor, seed):
        """
        Minutes instead of seconds scale the seconds, and leave the ranking as it was.
        """
        profile = sweep(seed=seed)
        scaled = attrs.evolve(
            profile,
            points=tuple(
                attrs.evolve(
                    point,
                    time_s=point.time_s * factor,
                    billed_s=point.billed_s * factor,
                    energy_j=point.energy_j * factor,
                )
                for point in profile.points
            ),
        )
        model, other = fit(profile, members=5), fit(scaled, members=5)

        assert [factor * each.time_s for each in predict(model)] == pytest.approx(
            [each.time_s for each in predict(other)]
        )
        assert [each.configs for each in recommend(model).ranked] == [each.configs for each in recommend(other).ranked]

    @settings(max_examples=8)
    @given(shuffled=st.permutations(range(30)))
    def test_the_order_of_runs_doesn_t_matter(self, shuffled):
        """
        Not even for the intervals.
        """
        profile = sweep()
        other = attrs.evolve(profile, points=tuple(profile.points[place] for place in shuffled))

        assert predict(fit(profile, members=5)) == predict(fit(other, members=5))

    @settings(max_examples=8)
    @given(time_factor=st.floats(0.3, 3.0), energy_factor=st.floats(0.3, 3.0))
    def test_a_second_machine_doesn_t_change_the_ranking(self, time_factor, energy_factor):
        """
        Runs of a machine that is time_factor and hungrier by some factor are brought to the first one's.
        """
        first = sweep(repetitions=2, noise=0.02)
        second = tuple(
            attrs.evolve(
                point,
                machine="other",
                time_s=point.time_s * time_factor,
                billed_s=point.billed_s * time_factor,
                energy_j=point.energy_j * energy_factor,
            )
            for point in first.points
            if point.workers > 1
        )
        model = fit(first, members=1)
        both = fit(attrs.evolve(first, points=first.points + second), members=1)

        assert time_factor == pytest.approx(both.machines.time["other"], rel=0.02)
        assert energy_factor == pytest.approx(both.machines.energy["other"], rel=0.04)
        measured = [(count, None) for count in COUNTS]
        ranked = [[option.configs for option in recommend(each, candidates=measured).ranked] for each in (model, both)]
        assert ranked[0] == ranked[1]

    def test_a_machine_with_one_configuration_is_left_out(self):
        """
        Machine and configuration can't be separated.
        """
        odd = Point(4, None, 1000.0, 4000.0, 1e6, machine="odd")
        profile = sweep()

        model = fit(attrs.evolve(profile, points=(*profile.points, odd)), members=1)

        assert ("odd",) == model.machines.left_out
        assert predict(fit(profile, members=1), [(4, None)])[0].time_s == predict(model, [(4, None)])[0].time_s


class TestFile:
    """
    Models as JSON.
    """

    def test_a_model_comes_back_as_it_was(self):
        """
        Predictions, date and provenance are the same.
        """
        model = fit(function_sweep(digest="d" * 64), date="2026-11-21", members=20)

        back = Model.from_json(model.to_json())

        assert predict(model) == predict(back)
        assert model.to_json() == back.to_json()
        data = json.loads(model.to_json())
        assert ("greensdk.model/1", "2026-11-21", "d" * 64) == (data["schema"], data["date"], data["records_digest"])

    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "greensdk.model/9"}', "null"])
    def test_what_is_no_model_is_refused(self, text):
        """
        One line, no traceback.
        """
        with pytest.raises(CannotAdvise, match="model"):
            Model.from_json(text)

    def test_a_model_that_is_fitted_differently_now_is_refused(self):
        """
        Its coefficients don't follow from its runs.
        """
        data = json.loads(fit(sweep(), members=1).to_json())
        data["time"]["coefficients"][0][0] *= 2

        with pytest.raises(CannotAdvise, match="fits differently: fit it again"):
            Model.from_json(json.dumps(data))


def test_the_command_line_loads_without_numpy():
    """
    ``greensdk.advisor`` brings it in with the first name that is asked for.
    """
    code = "import sys, greensdk.advisor as a, greensdk.cli.advise; print('numpy' in sys.modules, hasattr(a, 'x'))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False False" == done.stdout.strip()
