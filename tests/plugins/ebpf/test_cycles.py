"""
Cycles, booked beside the nanoseconds. The counter in most of these tests is the kernel's own clock, which every
machine has: then a tree has as many "cycles" as nanoseconds.
"""

import os
import threading
import time

import pytest
from ebpf_kit import (
    CPU_CLOCK,
    agree,
    burn,
    eventually,
    passed,
    reading,
    spawn_true,
    table,
    workers,
)
from greensdk_ebpf.layout import (
    BUSY,
    COUNTED,
    COUNTER,
    CPUS,
    CURRENT,
    CYCLES,
    END,
    LOST,
    MARKS,
    TREE,
)
from greensdk_ebpf.programs import MARK_WORD
from greensdk_ebpf.reader import Reader
from greensdk_ebpf.syscall import marker, raw_tracepoint_open
from rights_kit import run_as

EVENT = CPU_CLOCK


@pytest.fixture
def reader(loaded):
    """
    A reader of it, in whose tree this process is.
    """
    with reading(loaded) as made:
        made.register(os.getpid())
        yield made
        made.unregister(os.getpid())


@pytest.fixture
def here():
    """
    The CPU that this thread stays on.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    yield min(allowed)
    os.sched_setaffinity(0, allowed)


class TestTrees:
    """
    Cycles of a process and its descendants.
    """

    def test_a_tree_has_the_cycles_of_its_time(self, reader):
        """
        Both are clocks here, and run alike; what is under way is in them.
        """

        def measure():
            ns, cycles, counted_ns = passed(reader, lambda: burn(0.1))
            assert pytest.approx(counted_ns, rel=0.01) == cycles
            return ns, cycles

        assert agree(measure, 0.01)

    def test_sleep_costs_none(self, reader):
        """
        The counter of a CPU that idles, or runs others, goes on, but not for us.
        """
        ns, cycles, _ = passed(reader, lambda: time.sleep(0.1))

        assert ns < 0.05e9
        assert cycles < 0.05e9

    def test_children_count_dead_or_alive(self, reader):
        """
        Their slices are booked when they end.
        """
        with workers(2) as two:

            def burn_all():
                for worker in two:
                    worker.ask(burn, 0.05)
                for worker in two:
                    worker.answer()
                for _ in range(20):
                    spawn_true()

            def measure():
                ns, cycles, counted_ns = passed(reader, burn_all)
                assert 0.1e9 < counted_ns
                assert pytest.approx(counted_ns, rel=0.01) == cycles
                return ns, cycles

            assert agree(measure, 0.02)

    def test_threads_count(self, reader):
        """
        A thread that runs on another CPU has counted slices as well.
        """

        def burn_in_a_thread():
            thread = threading.Thread(target=burn, args=(0.05,))
            thread.start()
            thread.join()

        _, cycles, counted_ns = passed(reader, burn_in_a_thread)

        assert 0.045e9 < counted_ns
        assert pytest.approx(counted_ns, rel=0.01) == cycles

    def test_a_tree_inside_a_tree_counts_for_both(self, loaded, reader):
        """
        As its nanoseconds do.
        """
        with workers(1) as (child,):
            reader.register(child.pid)
            mine, its = reader.tree(os.getpid()), reader.tree(child.pid)

            def measure():
                looks = [reader.look(mine), reader.look(its)]
                burnt_s = child.do(burn, 0.05)
                child.do(time.sleep, 0.001)
                looks += [reader.look(its), reader.look(mine)]
                first, second, third, fourth = (each.cycles * 1e-9 for each in looks)
                assert third - second <= fourth - first
                return burnt_s, third - second

            assert agree(measure, 0.02)

    def test_nothing_ever_goes_back(self, reader):
        """
        Neither nanoseconds nor cycles, though each look ends a slice and begins another.
        """
        tree = reader.tree(os.getpid())
        last = reader.look(tree)
        for turn in range(2000):
            look = reader.look(tree)
            assert last[:3] <= look[:3]
            assert all(old <= new for old, new in zip(last[:3], look[:3], strict=True))
            last = look
            if turn % 20 == 0:
                time.sleep(0)

    def test_the_machine_has_the_cycles_of_its_busy_time(self, loaded, reader):
        """
        The sum over the CPUs, idle slices left out; the counter of each runs as its clock does.
        """
        before = reader.look(reader.tree(os.getpid()))
        with workers(3) as three:
            for worker in three:
                worker.ask(burn, 0.02)
            for worker in three:
                worker.answer()
        time.sleep(0.05)
        after = reader.look(reader.tree(os.getpid()))

        cycles, counted_ns = (
            last - first for first, last in zip(before.moment.cycles(), after.moment.cycles(), strict=True)
        )
        assert pytest.approx(counted_ns, rel=0.01) == cycles
        assert 0.06e9 < counted_ns
        slots = [table(loaded, CPUS).get(cpu) for cpu in range(len(after.moment.ended()))]
        assert all(slot[COUNTED] <= slot[BUSY] for slot in slots)
        assert all((slot[COUNTED] == 0) == (slot[CYCLES] == 0) for slot in slots)


class TestMark:
    """
    The program that books the slice under way.
    """

    def test_it_is_no_context_switch(self, loaded, reader):
        """
        A look runs it once; the count of the switches leaves it out.
        """
        cpus = table(loaded, CPUS)
        marks = sum(cpus.get(cpu)[MARKS] for cpu in os.sched_getaffinity(0))
        for _ in range(100):
            reader.look(reader.tree(os.getpid()))
        slots = [cpus.get(cpu) for cpu in os.sched_getaffinity(0)]
        before = reader.counts().context_switches

        assert marks + 100 == sum(slot[MARKS] for slot in slots)
        assert sum(slot[END] - slot[MARKS] for slot in slots) <= before <= sum(slot[END] for slot in slots)

    def test_without_it_cycles_reach_to_the_last_switch(self, loaded, reader):
        """
        A reader that may not run it sees what has been booked, and no more.
        """
        other = Reader(loaded.maps)
        try:
            other.register(os.getpid())
            tree = other.tree(os.getpid())

            def unseen():
                look = other.look(tree)
                first = look.counted_ns
                burn(0.001)
                return other.look(tree).counted_ns == first

            assert eventually(unseen, "a millisecond without a switch")
            before = other.look(tree).counted_ns
            reader.look(reader.tree(os.getpid()))
            assert before < other.look(tree).counted_ns
        finally:
            other.close()

    def test_attached_elsewhere_it_does_nothing(self, loaded):
        """
        Who may run it can do so, too; a tracepoint does not know the word.
        """
        cpus = table(loaded, CPUS)
        marks = [cpus.get(cpu)[MARKS] for cpu in os.sched_getaffinity(0)]
        link = raw_tracepoint_open(loaded.mark, "sys_enter")
        for _ in range(100):
            os.getppid()
        os.close(link)
        marker(loaded.mark, MARK_WORD + 1)()

        assert marks == [cpus.get(cpu)[MARKS] for cpu in os.sched_getaffinity(0)]

    def test_the_slice_that_it_begins_is_the_trees(self, loaded):
        """
        Also where the process was in no tree when it came in.
        """
        with reading(loaded) as reader:
            for _ in range(20):
                reader.register(os.getpid())
                tree = reader.tree(os.getpid())
                running_now = {each.thread: each.tree for each in reader.look(tree).moment.running()}
                assert tree.number == running_now[threading.get_native_id()]
                reader.unregister(os.getpid())

    def test_after_a_switch_that_was_not_shown_it_knows_who_runs(self, loaded, reader, here):
        """
        If we are not who came, that is a lost event, and from there on the slice is ours.
        """
        cpus = table(loaded, CPUS)
        mark = marker(loaded.mark, MARK_WORD)
        ours = (os.getpid() << 32 if loaded.form == "raw" else 0) | threading.get_native_id()

        def noticed():
            words = list(cpus.get(here))
            words[CURRENT] = 1 << 32 | 1  # as if init were running
            cpus.put(here, *words)
            mark()
            after = cpus.get(here)
            expected = (words[END] + 1, words[MARKS] + 1, words[LOST] + 1, ours, reader.tree(os.getpid()).number)
            return expected == tuple(after[place] for place in (END, MARKS, LOST, CURRENT, TREE))

        assert eventually(noticed, "a mark, and no switch beside it")

    def test_a_slice_without_a_beginning_has_no_cycles(self, loaded, here):
        """
        If the counter could not be read then, all that it shows is not the slice's.
        """
        cpus = table(loaded, CPUS)
        mark = marker(loaded.mark, MARK_WORD)

        def left_out():
            mark()
            words = list(cpus.get(here))
            words[COUNTER] = 0
            cpus.put(here, *words)
            mark()
            after = cpus.get(here)
            expected = (words[MARKS] + 1, words[END] + 1, words[CYCLES], words[COUNTED])
            return expected == (after[MARKS], after[END], after[CYCLES], after[COUNTED]) and after[COUNTER] > 0

        assert eventually(left_out, "a slice that is not counted")

    def test_it_needs_no_right_beyond_its_descriptor(self, loaded, reader):
        """
        A member of the agent's group has that and no capability.
        """
        before = reader.look(reader.tree(os.getpid()))

        def member():
            with reading(loaded) as own:
                own.register(os.getpid())
                return passed(own, lambda: burn(0.02))[:2]

        assert agree(lambda: run_as(member), 0.05)
        assert before.cycles < reader.look(reader.tree(os.getpid())).cycles
