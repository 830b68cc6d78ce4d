"""
Which call ran around which, on machines whose truth is known.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes_kit import HOST, Call, Machine, around

from greensdk import track
from greensdk.report import EnergyReport
from greensdk.report.ancestry import Process

ACTIONS = ("begin", "begin", "end", "end", "spawn", "fork", "contain", "run", "leave")
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 7)), max_size=60)


def call(name, pid, begin_s, end_s, *above, parent=None, handed=None, boot="boot", namespace=HOST, started_s=None):
    """
    Return a call in the process `pid`, whose ancestors are `above`; a process starts at its pid in seconds.
    """
    ancestors = [[each, float(each)] if isinstance(each, int) else list(each) for each in above]
    started_s = float(pid) if started_s is None else started_s
    return Call(name, parent, handed, boot, namespace, pid, started_s, ancestors, begin_s, end_s)


def tree(*calls):
    """
    Return the name of the call around each one.
    """
    return {
        each.record_id: None if place < 0 else calls[place].record_id
        for each, place in zip(calls, around(calls), strict=True)
    }


@given(STEPS)
def test_on_a_machine_that_starts_and_ends_processes_each_call_is_where_it_ran(steps):
    """
    Programs, forks, containers, `run`, orphans, pids that are used again.
    """
    machine = played(steps)
    calls = [each for _, each in machine.calls]
    numbers = [number for number, _ in machine.calls]

    found = [None if place < 0 else numbers[place] for place in around(calls)]

    assert [machine.truth[number] for number in numbers] == found


def played(steps, boot_id="boot"):
    """
    Return a machine after some steps, all of whose calls have ended.
    """
    machine = Machine(boot_id)
    for action, which in steps:
        machine.step(action, which)
    while any(proc.calls for proc in machine.procs):
        for which in range(len(machine.procs)):
            machine.step("end", which)
    return machine


@given(STEPS, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter_nor_do_those_of_another_machine(steps, random):
    """
    Two machines with the same pids, starts and times differ by their boot.
    """
    one, other = ([each for _, each in played(steps, boot).calls] for boot in ("one", "other"))
    mixed = one + other
    random.shuffle(mixed)

    assert {**tree(*one), **tree(*other)} == tree(*mixed)


@given(st.lists(st.tuples(*[st.integers(0, 20)] * 2, st.integers(1, 3)), max_size=30), st.integers(0, 99))
def test_beside_each_other_in_threads_the_first_to_end_counts(spans, seed):
    """
    Against the definition, word by word: any calls in a line of three processes, in threads of which nothing is known.
    """
    calls = [
        call(str(number), pid, min(ends), max(ends) + 0.5, *range(pid - 1, 0, -1))
        for number, (*ends, pid) in enumerate(spans)
    ]
    Random(seed).shuffle(calls)

    for each, place in zip(calls, around(calls), strict=True):
        outer = [other for other in calls if other.pid < each.pid and other.lasts_around(each)]
        nearest = [other for other in outer if other.pid == max(one.pid for one in outer)]
        if not nearest:
            assert -1 == place
        else:
            assert min((other.end_s, -other.begin_s) for other in nearest) == (
                calls[place].end_s,
                -calls[place].begin_s,
            )
            assert calls[place] in nearest


@given(st.lists(st.tuples(*[st.none() | st.integers(0, 6)] * 6), max_size=12))
def test_records_that_contradict_themselves_make_no_circle(rows):
    """
    Anything may stand in a log.
    """
    calls = [
        Call(
            str(number),
            name(parent),
            name(handed),
            "boot",
            HOST,
            pid,
            pid,
            [[above, above]] * (above is not None),
            at,
            at,
        )
        for number, (parent, handed, pid, above, at, _) in enumerate(rows)
    ]
    found = around(calls)

    for place in range(len(calls)):
        line = [place]
        while (up := found[line[-1]]) >= 0:
            assert up not in line
            line.append(up)


def name(number):
    """
    Return a record_id, or None.
    """
    return None if number is None else str(number)


def test_a_reused_pid_is_another_process():
    """
    The child's parent had this pid, and ended; the call that lasts around is of the next one that has it.
    """
    calls = call("next", 7, 100, 200, started_s=90.0), call("child", 9, 110, 120, (7, 5.0), 1)

    assert {"next": None, "child": None} == tree(*calls)


def test_a_call_that_goes_on_after_the_parents_is_in_what_lasted():
    """
    Part of it ran in nothing else than the outer call.
    """
    calls = (
        call("run", 2, 0, 100, 1),
        call("block", 3, 10, 20, 2, 1),
        call("late", 4, 15, 25, 3, 2, 1),
        call("daemon", 4, 30, 40, 3, 2, 1),
        call("in time", 4, 12, 14, 3, 2, 1),
    )

    assert {"run": None, "block": "run", "late": "run", "daemon": "run", "in time": "block"} == tree(*calls)


def test_two_containers_have_equal_pids():
    """
    Even if they started in the same tick, they are two.
    """
    calls = call("one", 1, 0, 100, namespace=11), call("other", 5, 10, 20, 1, namespace=12)

    assert {"one": None, "other": None} == tree(*calls)


def test_two_threads_of_a_process_are_in_each_other_by_context_only():
    """
    Two requests at once never nest.
    """
    calls = call("long", 2, 0, 100), call("short", 2, 10, 20), call("inside", 2, 12, 18, parent="short")

    assert {"long": None, "short": None, "inside": "short"} == tree(*calls)


def test_a_worker_that_was_forked_in_a_block_works_in_the_later_ones_too():
    """
    Its context stays the block that it was forked in: over by then, or still open around an inner one.
    """
    worker = {"parent": "first", "boot": "boot"}
    over = call("first", 2, 0, 10), call("second", 2, 20, 30), call("work", 3, 22, 28, 2, **worker)
    open_ = call("first", 2, 0, 50), call("second", 2, 20, 30, parent="first"), call("work", 3, 22, 28, 2, **worker)

    assert "second" == tree(*over)["work"]
    assert "second" == tree(*open_)["work"]


def test_a_worker_that_was_forked_in_one_thread_is_not_in_anothers_call():
    """
    The context knows which thread it was, where processes only know that both were there.
    """
    calls = call("mine", 2, 0, 50), call("other", 2, 20, 30), call("work", 3, 22, 28, 2, parent="mine")

    assert {"mine": None, "other": None, "work": "mine"} == tree(*calls)


def test_what_was_handed_on_counts_while_it_runs():
    """
    A container sees no ancestors; a server that was left behind keeps the variable.
    """
    box = {"handed": "run", "namespace": 11}
    calls = (
        call("run", 2, 0, 100, 1),
        call("job", 1, 10, 90, **box),
        call("step", 5, 20, 30, 1, **box),
        call("left", 1, 110, 120, **box),
    )

    assert {"run": None, "job": "run", "step": "job", "left": None} == tree(*calls)


def test_another_machine_has_no_part_in_what_was_handed_on():
    """
    Its clock begins anew, so a time that fits means nothing.
    """
    calls = call("run", 2, 0, 100), call("far", 2, 10, 20, handed="run", boot="other")

    assert None is tree(*calls)["far"]


def test_where_times_are_unknown_the_context_is_believed():
    """
    Records of other tools, and of calls that were lost.
    """
    calls = call("outer", 2, None, None), call("inner", 2, None, None, parent="outer")

    assert {"outer": None, "inner": "outer"} == tree(*calls)


def test_a_parent_that_left_no_record_is_passed_over():
    """
    It was killed; what is around it is found by the processes.
    """
    calls = call("run", 2, 0, 100), call("work", 3, 10, 20, 2, parent="killed")

    assert "run" == tree(*calls)["work"]


def test_real_records_say_what_it_takes():
    """
    And those that were written before there was a process.
    """
    with track("outer", sink="memory:") as outer, track("inner", sink="memory:") as inner:
        pass
    records = [inner.record, outer.record]
    old = [{key: value for key, value in record.items() if key != "process"} for record in records]

    assert [1, -1] == EnergyReport(records).rows.around.tolist()
    assert [1, -1] == EnergyReport(old).rows.around.tolist()


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b'{"pid":"x"}', b'{"ancestors":[[1]]}', b'{"pid":1e400}'])
def test_a_process_of_another_form_is_an_unknown_one(text):
    """
    Anything may stand in a log.
    """
    assert Process() == Process.parse(text)


@pytest.mark.parametrize("missing", ["boot_id", "pid", "started_s"])
def test_a_process_that_is_not_named_in_full_is_nobodys_ancestor(missing):
    """
    Half a name would fit others.
    """
    outer = call("outer", 2, 0, 100)._replace(**{missing: None})

    assert {"outer": None, "inner": None} == tree(outer, call("inner", 3, 10, 20, 2))
