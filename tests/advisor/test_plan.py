"""
What is recommended: the optimum, limits, workflows, and how sure that is.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from advisor_kit import COUNTS, function_sweep, joules, seconds, sweep
from hypothesis import given
from hypothesis import strategies as st

from greensdk.advisor import CannotAdvise, fit, predict, recommend
from greensdk.advisor.graph import Limits, Stage, added, combined, solved, undominated
from greensdk.advisor.objective import COST, ENERGY, TIME, parse
from greensdk.errors import ConfigError


def config(plan):
    """
    Return the configuration of a plan's only stage.
    """
    (found,) = plan.choice.configs.values()
    return found


class TestOptimum:
    """
    Whether the choice is right.
    """

    @pytest.mark.slow
    def test_the_optimum_or_its_neighbour_is_found_in_19_of_20_sweeps(self):
        """
        With 5% of noise in 200 sweeps, among all numbers of workers; joules are least with 7.
        """
        best = min(range(1, 33), key=joules)
        found = [config(recommend(fit(sweep(seed=seed), members=1)))[0] for seed in range(200)]

        assert 7 == best
        assert np.mean([abs(workers - best) <= 1 for workers in found]) >= 0.95

    @pytest.mark.parametrize(
        ("objective", "truth"),
        [
            ("energy", joules),
            ("time", seconds),
            ("edp", lambda count: joules(count) * seconds(count)),
            ("energy=1,time=1", lambda count: joules(count) / joules(7) + seconds(count) / seconds(22)),
        ],
    )
    def test_each_objective_has_its_own_optimum(self, objective, truth):
        """
        The choice is within 2% of the best there is.
        """
        workers, _ = config(recommend(fit(sweep(noise=0.02), members=1), objective))

        assert truth(workers) <= 1.02 * min(map(truth, range(1, 33)))

    def test_the_cheapest_function_is_found(self):
        """
        Dollars are GB-seconds: nothing on the grid costs less.
        """
        model = fit(function_sweep(noise=0.01), members=1)

        plan = recommend(model, "cost")
        grid = predict(model, [option.configs["work"] for option in plan.ranked])

        assert 32 * 5 == len(grid)
        assert min(each.usd for each in grid) == pytest.approx(plan.choice.usd)

    @pytest.mark.parametrize(
        "text", ["speed", "energy=x", "energy=-1", "energy,time", "energy=1,energy=2", "", "energy=0"]
    )
    def test_what_is_no_objective_is_the_users_mistake(self, text):
        """
        One line says what is one.
        """
        with pytest.raises(ConfigError, match="expected energy, time, cost, edp, or weights"):
            recommend(fit(sweep(), members=1), text)


class TestLimits:
    """
    Deadline, budget, risk, and what can be run.
    """

    def test_a_deadline_is_kept(self):
        """
        The least energy that is fast enough, or nothing.
        """
        model = fit(sweep(), members=1)

        plan = recommend(model, deadline_s=17.0)

        assert plan.choice.time_s <= 17.0
        assert plan.choice.energy_j > recommend(model).choice.energy_j

    def test_an_impossible_deadline_reports_the_least_time(self):
        """
        One line, with the fastest configuration.
        """
        plan = recommend(fit(sweep(), members=1), deadline_s=3.0)

        assert plan.choice is None
        assert plan.reason.startswith("no configuration meets the deadline of 3 s: the fastest takes 1")
        assert " workers)" in plan.reason

    def test_a_budget_is_kept_or_the_cheapest_is_reported(self):
        """
        Dollars limit as seconds do.
        """
        model = fit(function_sweep(), members=1)
        cheapest = recommend(model, "cost").choice.usd

        assert recommend(model, "time", budget_usd=2 * cheapest).choice.usd <= 2 * cheapest
        assert "the cheapest costs" in recommend(model, budget_usd=cheapest / 2).reason
        assert "meets both deadline and budget" in recommend(model, budget_usd=1.01 * cheapest, deadline_s=6.0).reason

    def test_a_smaller_risk_takes_a_wider_margin(self):
        """
        The upper quantile keeps the deadline, not the prediction.
        """
        model = fit(sweep())
        plan = recommend(model, deadline_s=18.0, risk=0.05)

        assert predict(model, [config(plan)])[0].time_high_s <= 18.0 * 1.02
        assert config(recommend(model, deadline_s=18.0))[0] < config(plan)[0]

    def test_nothing_beyond_the_measured_is_recommended(self):
        """
        It is asked for in vain, and one line says so.
        """
        model = fit(sweep((1, 2, 4, 8)), members=1)

        plan = recommend(model, "time", workers=[4, 64])

        assert (4, None) == config(plan)
        assert ("work: 64 workers are outside the measured 1 to 8: not predicted",) == plan.remarks
        assert (
            "work: none of the given configurations is within the measured range"
            == recommend(model, workers=[64]).reason
        )

    @pytest.mark.parametrize(
        "limit", [{"deadline_s": 0}, {"budget_usd": -1}, {"risk": 0.9}, {"deadline_s": float("nan")}]
    )
    def test_limits_that_make_no_sense_are_the_users_mistake(self, limit):
        """
        One line, whatever the records say.
        """
        with pytest.raises(ConfigError, match="expected a number above 0"):
            recommend(fit(sweep(), members=1), **limit)

    def test_what_is_not_known_is_no_objective(self):
        """
        Cost without a price has a reason instead of a choice.
        """
        plan = recommend(fit(sweep(), members=1), "cost")

        assert (None, "work: price of a GB-second unknown") == (plan.choice, plan.reason)


class TestWhatIsBeside:
    """
    The rest of a plan.
    """

    def test_the_front_is_beaten_by_nothing(self):
        """
        Each of it is better than each other one in something, and every choice is on it.
        """
        model = fit(function_sweep(), members=1)
        front = recommend(model).pareto

        for one, other in itertools.permutations(front, 2):
            assert one.time_s < other.time_s or one.energy_j < other.energy_j or one.usd < other.usd
        assert recommend(model).choice.configs in [option.configs for option in front]
        assert recommend(model, "time").choice.configs in [option.configs for option in front]

    def test_alternatives_follow_the_choice(self):
        """
        They are the next of the ranking.
        """
        plan = recommend(fit(sweep(), members=1))

        assert plan.ranked[0] == plan.choice
        assert plan.ranked[1:4] == plan.alternatives
        assert sorted(option.score for option in plan.ranked) == [option.score for option in plan.ranked]

    def test_confidence_falls_with_noise(self):
        """
        What the bootstrap's fits agree on is surer than what they don't.
        """
        clean, noisy = (recommend(fit(sweep(noise=noise, repetitions=3))) for noise in (0.01, 0.25))

        assert 1.0 == clean.confidence
        assert 0.0 <= noisy.confidence < 0.95

    def test_what_to_profile_next_is_near_and_not_measured(self):
        """
        The least sure of those that come close.
        """
        plan = recommend(fit(sweep()))
        found = plan.profile_next["work"]

        assert found
        assert not any(each.measured for each in found)
        assert all(each.energy_j <= 1.25 * plan.choice.energy_j for each in found)


# --- Workflows ---


def workflow(**changes):
    """
    Return models of a diamond: one stage, two beside each other, one that waits for both.
    """
    shapes = {
        "split": ((), 30.0),
        "left": (("split",), 200.0),
        "right": (("split",), 80.0),
        "join": (("left", "right"), 20.0),
    }
    return [
        fit(function_sweep(name, parents=parents, work_s=work_s, workflow="w", **changes), members=20)
        for name, (parents, work_s) in shapes.items()
    ]


class TestWorkflow:
    """
    Stages that wait for each other.
    """

    def test_time_is_the_longest_path_and_joules_add_up(self):
        """
        The stage beside a longer one costs no time.
        """
        plan = recommend(workflow(), "energy")
        each = plan.stages

        longest = each["split"].time_s + max(each["left"].time_s, each["right"].time_s) + each["join"].time_s
        assert longest == pytest.approx(plan.choice.time_s)
        assert sum(one.energy_j for one in each.values()) == pytest.approx(plan.choice.energy_j)
        assert sum(one.usd for one in each.values()) == pytest.approx(plan.choice.usd)
        middle, low, high = plan.total["time_s"]
        assert low < middle < high

    def test_nothing_that_keeps_the_deadline_takes_less(self):
        """
        With few configurations each combination can be tried.
        """
        few, deadline_s = [(1, 1769), (4, 512), (32, 1769)], 40.0
        models = workflow(sizes=(512, 1769))
        each = {model.profile.stage: predict(model, few) for model in models}
        tried = []
        for split, left, right, join in itertools.product(*each.values()):
            time_s = split.time_s + max(left.time_s, right.time_s) + join.time_s
            tried.append((time_s, sum(one.energy_j for one in (split, left, right, join))))

        plan = recommend(models, deadline_s=deadline_s, candidates=few)

        assert min(energy_j for time_s, energy_j in tried if time_s <= deadline_s) == pytest.approx(
            plan.choice.energy_j
        )
        assert plan.choice.energy_j > min(energy_j for _, energy_j in tried)

    def test_with_too_many_combinations_a_program_decides(self):
        """
        It keeps the deadline, and takes at most a little less than without one.
        """
        models = [
            fit(function_sweep(f"s{number}", parents=(f"s{number - 1}",) if number else (), seed=number), members=20)
            for number in range(6)
        ]

        free, bound = recommend(models), recommend(models, deadline_s=120.0)

        assert (False, False) == (free.exhaustive, bound.exhaustive)
        alone = sum(recommend(model).choice.energy_j for model in models)
        assert alone == pytest.approx(free.choice.energy_j, rel=1e-6)
        assert bound.choice.time_s <= 120.0 * (1 + 1e-6) < free.choice.time_s
        assert bound.choice.energy_j > free.choice.energy_j
        assert "the fastest takes" in recommend(models, deadline_s=1.0).reason

    def test_circular_stages_are_refused(self):
        """
        A circle has no longest path.
        """
        models = [fit(function_sweep(name, parents=(parent,)), members=1) for name, parent in (("a", "b"), ("b", "a"))]

        with pytest.raises(CannotAdvise, match="stages depend on each other"):
            recommend(models)

    def test_a_parent_without_a_model_is_a_remark(self):
        """
        The time leaves it out.
        """
        plan = recommend(fit(function_sweep("b", parents=("a",)), members=1))

        assert ("b depends on a, which has no model: its time is not included",) == plan.remarks


tables = st.lists(st.tuples(*[st.floats(0.1, 100.0)] * 3), min_size=1, max_size=5)


@st.composite
def graphs(draw):
    """
    Draw up to four stages, each waiting for some of those before it.
    """
    stages = {}
    for number in range(draw(st.integers(1, 4))):
        time, energy, cost = np.array(draw(tables)).T
        totals = {TIME: time, ENERGY: energy, COST: cost}
        slower = {**totals, TIME: time * draw(st.floats(1.0, 2.0))}
        parents = tuple(name for name in stages if draw(st.booleans()))
        stages[f"s{number}"] = Stage(parents, totals, slower)
    return stages


class TestProgram:
    """
    The mixed-integer program against all combinations.
    """

    @given(
        stages=graphs(),
        objective=st.sampled_from(["energy", "time", "cost", "edp", "energy=1,time=2", "cost=1,time=1,energy=1"]),
        slack=st.floats(0.8, 3.0),
        purse=st.floats(0.8, 3.0),
    )
    def test_it_finds_what_enumeration_finds(self, stages, objective, slack, purse):
        """
        The same score within the same limits, or nothing at all, for every objective.
        """
        wanted, every = parse(objective), combined(stages)
        least = {key: float(every.totals[key].min()) for key in (TIME, ENERGY, COST)}
        limits = Limits(slack * float(every.risky[TIME].min()), purse * least[COST])
        inside = (every.risky[TIME] <= limits.deadline_s) & (every.risky[COST] <= limits.budget_usd)

        choice = solved(stages, wanted, limits, least)

        scores = wanted.score(every.totals, least)
        if not inside.any():
            assert choice is None
        else:
            found = added(stages, {name: np.array([place]) for name, place in choice.items()})
            assert scores[inside].min() == pytest.approx(wanted.score(found, least)[0], rel=1e-3)

    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
    def test_what_is_left_out_is_beaten(self, rows):
        """
        Each row is on the front, or one of the front is nowhere more.
        """
        table = np.array(rows, float)
        front = undominated([table[:, 0], table[:, 1]])

        assert all(any(np.all(table[kept] <= row) for kept in front) for row in table)
        assert not any(np.all(table[one] <= table[other]) for one, other in itertools.permutations(front.tolist(), 2))


def test_measured_configurations_can_be_asked_alone():
    """
    `candidates` takes the place of the grid.
    """
    plan = recommend(fit(sweep(), members=1), candidates=[(count, None) for count in COUNTS])

    assert (8, None) == config(plan)
    assert {count for option in plan.ranked for count, _ in option.configs.values()} == set(COUNTS)
