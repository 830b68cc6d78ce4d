"""
Calls inside calls: what each used with and without those inside it, wherever they ran.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tree_kit import ELSEWHERE, J_PER_CPU_S, KINDS, LEFT, SAME, TASK, WAITED, WATTS, Job, Wish

from greensdk import energy_tracked, track
from greensdk.cli import cli
from greensdk.deliver.lines import encode
from greensdk.report import EnergyReport
from greensdk.report.page import page
from greensdk.report.page.sums import tree
from greensdk.report.sql import tables
from greensdk.report.tree import lines


def wishes(*kinds):
    """
    Return calls of some kinds, with calls of the same kinds inside.
    """
    return st.recursive(
        st.builds(Wish, st.sampled_from(kinds), st.integers(20, 60), st.just([])),
        lambda inside: st.builds(Wish, st.sampled_from(kinds), st.integers(20, 60), st.lists(inside, max_size=3)),
        max_leaves=12,
    )


JOBS = st.tuples(st.lists(wishes(*KINDS), min_size=1, max_size=3), st.just(False)) | st.tuples(
    st.lists(wishes(SAME, TASK, ELSEWHERE), min_size=1, max_size=3), st.booleans()
)
"""
Outermost calls, and whether they are in threads of one process. Which of two tasks or threads that overlap has started
a child process is unknown, so no job has both.
"""


def known(job):
    """
    Return each call's joules with and without those inside it.
    """
    own = {name: J_PER_CPU_S * own_s for name, own_s in job.own_s.items()}
    whole = dict(own)
    for name, joules in own.items():
        above = job.around[name]
        while above is not None:
            whole[above] += joules
            above = job.around[above]
    return {name: (pytest.approx(whole[name], rel=1e-4), pytest.approx(own[name], rel=1e-3)) for name in own}


@given(JOBS, st.booleans(), st.randoms(use_true_random=False))
def test_joules_of_any_tree_of_calls_are_each_where_they_were_burnt(job, at_once, random):
    """
    In tasks and threads that overlap, child processes waited for or not, and workers elsewhere; in any order of
    records.
    """
    wishes, threads = job
    job = Job().run(wishes, at_once=at_once, threads=threads)
    random.shuffle(job.records)
    report = EnergyReport(job.records)
    groups = report.by("label")
    outermost = [node for depth, node in lines(report.tree("label")) if depth == 0]

    assert known(job) == {name: (group.energy_j, group.own_j) for name, group in groups.items()}
    assert {name for name, around in job.around.items() if around is None} == {node.name for node in outermost}
    meter_j = sum(meter.meter_j for meter in report.meters)
    roots_j = sum(node.group.energy_j for node in outermost)
    assert pytest.approx(meter_j) == roots_j + report.unattributed_j
    assert pytest.approx(roots_j) == report.energy_j == pytest.approx(sum(each.own_j for each in groups.values()))


@given(st.lists(wishes(*KINDS, TASK), min_size=1, max_size=3), st.booleans(), st.booleans())
def test_roots_and_the_rest_are_the_meters_and_own_joules_the_roots(wishes, at_once, threads):
    """
    Also where nothing tells which of several calls has started a child process.
    """
    report = EnergyReport(Job().run(wishes, at_once=at_once, threads=threads).records)
    roots = [node.group for node in report.tree("label")]
    meter_j = sum(meter.meter_j for meter in report.meters)

    assert pytest.approx(meter_j) == sum(each.energy_j for each in roots) + report.unattributed_j
    assert pytest.approx(report.energy_j) == sum(each.own_j for each in report.by("label").values())
    for root in report.tree("label"):
        assert pytest.approx(root.group.energy_j) == sum(node.group.own_j for _, node in lines([root]))


@given(st.lists(wishes(*KINDS, TASK), min_size=1, max_size=3), st.data())
def test_whatever_records_say_own_joules_are_never_negative_and_add_up(wishes, data):
    """
    With numbers that contradict each other, are unknown, or come from other monitors.
    """
    job = Job().run(wishes, at_once=data.draw(st.booleans()))
    numbers = st.none() | st.just(0.0) | st.floats(1e-6, 100.0)
    for record in job.records:
        record["energy_j"], record["cpu_s"] = data.draw(numbers), data.draw(numbers)
        record["energy_source"] = data.draw(st.sampled_from(["rapl", "psutil-tdp"]))
        if data.draw(st.booleans()):
            record["readings"] = []
    report = EnergyReport(job.records)
    groups = report.by("label").values()
    own_j = [group.own_j for group in groups if group.own_j is not None]
    roots_j = [node.group.energy_j or 0.0 for node in report.tree("label")]

    assert all(joules >= 0.0 for joules in own_j)
    assert pytest.approx(sum(own_j), abs=1e-9) == sum(roots_j)
    assert pytest.approx(report.energy_j or 0.0, abs=1e-9) == sum(roots_j)
    assert report.energy_j == report.outermost.energy_j or pytest.approx(report.energy_j) == report.outermost.energy_j


def wish(kind=SAME, own_ms=50, *inside):
    """
    Return a call that is to be made.
    """
    return Wish(kind, own_ms, list(inside))


@pytest.mark.parametrize("kind", [SAME, WAITED])
def test_what_a_call_holds_is_counted_once(kind):
    """
    `run` around decorated functions: the total is the meter's part, and each call is shown below `run`.
    """
    job = Job().run([wish(SAME, 40, wish(kind, 30), wish(kind, 20))])
    report = EnergyReport(job.records)
    (run,) = report.tree("label")

    assert 3 == report.total.calls
    assert 1 == report.outermost.calls
    assert pytest.approx(0.09 * J_PER_CPU_S) == report.energy_j
    assert [0.03, 0.02] == [pytest.approx(node.group.own_j / J_PER_CPU_S) for node in run.inside]
    assert pytest.approx(0.04 * J_PER_CPU_S) == run.group.own_j


@pytest.mark.parametrize("kind", [LEFT, ELSEWHERE])
def test_what_a_block_does_not_hold_is_counted_beside_it(kind):
    """
    A pool that was there before, a worker on another machine: below the block, with joules that its record lacks.
    """
    job = Job().run([wish(SAME, 5, wish(kind, 200))])
    pool_s, block_s = job.own_s.values()
    report = EnergyReport(job.records)
    (block,) = report.tree("label")

    assert pytest.approx(block_s * J_PER_CPU_S, rel=1e-3) == block.group.own_j
    whole_j = pytest.approx((block_s + pool_s) * J_PER_CPU_S, rel=1e-3)
    assert (whole_j, whole_j) == (block.group.energy_j, report.energy_j)


def test_a_call_inside_one_without_joules_is_counted():
    """
    Its record is all that there is.
    """
    job = Job().run([wish(SAME, 40, wish(SAME, 30))])
    inner, outer = job.records
    outer.update(energy_j=None, energy_source=None, energy_boundary=None, energy_low_j=None, energy_high_j=None)

    assert pytest.approx(inner["energy_j"]) == EnergyReport(job.records).energy_j


def test_a_call_too_short_for_the_meter_has_its_part_by_cpu_seconds():
    """
    Of the call around it, as in ``energy_self_j``.
    """
    job = Job().run([wish(SAME, 40, wish(SAME, 10))])
    inner, outer = job.records
    inner.update(energy_j=None, energy_source=None, energy_boundary=None, readings=[], reason="too short")
    groups = EnergyReport(job.records).by("label")

    assert pytest.approx(outer["energy_j"] / 5) == groups[inner["label"]].energy_j
    assert pytest.approx(outer["energy_j"] * 4 / 5) == groups[outer["label"]].own_j


def test_a_function_inside_itself_has_each_joule_once():
    """
    Recursion, over any number of levels.
    """
    innermost = wish(SAME, 20)
    for _ in range(300):
        innermost = wish(SAME, 20, innermost)
    job = Job().run([innermost])
    for record in job.records:
        record["label"] = "again"
    report = EnergyReport(job.records)
    group = report.by()["again"]

    assert 301 == group.calls
    assert pytest.approx(301 * 0.02 * J_PER_CPU_S) == group.energy_j == pytest.approx(group.own_j)
    assert 300 == max(depth for depth, _ in lines(report.tree()))


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_a_final_record_takes_the_place_of_interim_ones(order, tmp_path):
    """
    Wherever it stands: logs of several processes are given in any order. In SQL too.
    """
    (final,) = Job().run([wish(SAME, 40)]).records
    interim = [{**final, "status": "interim", "energy_j": each, "readings": []} for each in (0.1, 0.2)]
    records = [[final, *interim][place] for place in order]
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(map(encode, records)))

    assert ["ok"] == [each["status"] for each in EnergyReport(records).records]
    assert pytest.approx(final["energy_j"]) == EnergyReport.load([path]).energy_j
    with tables([path]) as found:
        assert [("ok", pytest.approx(final["energy_j"]))] == found.ask("select status, energy_j from calls").fetchall()


def test_without_a_final_record_the_last_interim_one_counts():
    """
    The process was killed.
    """
    (final,) = Job().run([wish(SAME, 40)]).records
    records = [{**final, "status": "interim", "energy_j": each, "readings": []} for each in (0.1, 0.2)]

    assert 0.2 == EnergyReport(records).energy_j


def seen(*arguments):
    """
    Return what ``greensdk report energy.jsonl`` prints with some arguments.
    """
    done = CliRunner().invoke(cli, ["report", "energy.jsonl", *arguments])
    assert 0 == done.exit_code
    return done.stdout


def test_a_block_is_a_row_by_its_label_and_calls_inside_have_rows_of_their_own(burn):
    """
    In the table, in the tree, and by a tag that only inner calls have.
    """

    @energy_tracked
    def step():
        burn(0.01)

    with track("training"):
        for epoch in range(2):
            with track("epoch", tags={"epoch": epoch}):
                step()
    names = {line.split("  ")[0] for line in seen().splitlines()}
    rows = [line.rstrip() for line in seen("--tree").splitlines()]

    assert {"training", "epoch", "total"} < names
    assert any(name.endswith(".step") for name in names)
    assert rows[1].startswith("training  ")
    assert rows[2].startswith("  epoch  ")
    assert rows[3].startswith("    ")
    by_epoch = json.loads(seen("--by", "tags.epoch", "--json"))["groups"]
    assert {0: 2, 1: 2, None: 1} != {each["name"]: each["calls"] for each in by_epoch}
    assert {0: 1, 1: 1} == {each["name"]: each["calls"] for each in by_epoch if each["name"] is not None}


def test_run_around_decorated_functions_holds_them(command, burn):
    """
    Its joules are the total, and theirs are below it, in the terminal, in JSON and on the page.
    """
    Path("job.py").write_text(
        "from greensdk import energy_tracked\n@energy_tracked\ndef work(n): return sum(i * i for i in range(n))\n"
        "for _ in range(3): work(300_000)\n"
    )
    assert 0 == command("run", "--label", "job", "--", sys.executable, "job.py").returncode
    found = json.loads(seen("--tree", "--json"))
    rows = [(line["depth"], line["name"], line["calls"]) for line in found["tree"]]

    assert [(0, "job", 1), (1, "__main__.work", 3)] == rows
    page_of = page(EnergyReport.load(["energy.jsonl"]), sections=[tree])
    assert page_of.index("<bdi>job</bdi>") < page_of.index("work</bdi>")
    assert pytest.approx(1.0) == sum(line["share"] for line in found["tree"])
    assert 4 == found["total"]["calls"]
    assert found["tree"][0]["energy_j"] == pytest.approx(found["total"]["energy_j"])
    assert found["tree"][1]["energy_j"] < found["total"]["energy_j"]


def test_a_block_around_a_child_process_holds_its_calls():
    """
    Spawned by subprocess, without a word from the block.
    """
    code = "from greensdk import track\nwith track('child'): sum(i * i for i in range(500_000))"
    with track("around"):
        subprocess.run([sys.executable, "-c", code], check=True)
    (node,) = EnergyReport.load(["energy.jsonl"]).tree()

    assert ("around", ["child"]) == (node.name, [each.name for each in node.inside])


def test_unattributed_joules_are_a_row(tmp_path):
    """
    With the meter's total they make the sum.
    """
    job = Job().run([wish(SAME, 40, wish(SAME, 30))])
    Path("energy.jsonl").write_bytes(b"".join(map(encode, job.records)))
    report = EnergyReport(job.records)

    assert pytest.approx(WATTS * max(each["duration_s"] for each in job.records)) == (
        report.energy_j + report.unattributed_j
    )
    assert any(line.startswith("unattributed  -  ") for line in map(" ".join, _cells(seen())))


def _cells(text):
    for line in text.splitlines():
        name, *cells = line.split("  ")
        yield name, " " + next((cell for cell in cells if cell), ""), " "


def test_the_order_of_a_million_calls_costs_no_recursion():
    """
    Of many processes, shuffled.
    """
    job = Job().run([wish(SAME, 20, *[wish(Random(number).choice(KINDS), 20) for number in range(200)])])
    report = EnergyReport(job.records)

    assert 201 == report.total.calls
    assert 1 == len(report.tree("label"))
