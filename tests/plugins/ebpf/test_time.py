"""
Every nanosecond is booked once: to the machine, to its thread group, and to the trees that it belongs to.
"""

import os
import resource
import threading
import time

import pytest
from ebpf_kit import BOTH, agree, burn, eventually, reading, running, spawn_true, table, workers
from greensdk_ebpf.layout import COUNTS, CPUS, CURRENT, TGIDS, TRACKED


@pytest.fixture
def reader(loaded):
    """
    A reader of it.
    """
    with reading(loaded) as made:
        yield made
        made.unregister(os.getpid())


class TestTheMachine:
    """
    Busy and idle time of the CPUs.
    """

    def test_all_of_the_time_is_counted(self, reader):
        """
        Busy and idle, slices under way included, are wall time times CPUs, to a millionth.
        """
        before = reader.host()
        burn(0.1)
        time.sleep(0.1)
        after = reader.host()

        # A CPU may be possible, but not there.
        online = [
            sum(last) - sum(first) for first, last in zip(before.per_cpu, after.per_cpu, strict=True) if any(first)
        ]
        assert len(os.sched_getaffinity(0)) <= len(online)
        assert pytest.approx((after.now_ns - before.now_ns) * len(online), rel=1e-6) == sum(online)
        assert (after.busy_ns, after.idle_ns) == tuple(map(sum, zip(*after.per_cpu, strict=True)))

    def test_burning_is_busy_and_sleeping_is_not(self, reader):
        """
        A burnt tenth of a second is in the busy time at least.
        """

        def is_in_it():
            before = reader.host()
            burnt_s = burn(0.1)
            return burnt_s * 1e9 <= reader.host().busy_ns - before.busy_ns

        assert eventually(is_in_it, "no switch was hidden meanwhile")

    def test_the_thread_groups_make_up_the_busy_time(self, reader):
        """
        To a millionth, the processes that came and went included.
        """
        for _ in range(20):
            spawn_true()
        groups, host = reader.split(TGIDS)

        assert pytest.approx(host.busy_ns, rel=1e-6) == sum(groups.values())
        assert os.getpid() in groups
        assert 0 not in groups
        assert groups.keys() <= reader.split("tgids")[0].keys()

    def test_a_process_has_what_its_own_clock_says(self, loaded, reader):
        """
        Without a switch in between: the slice under way is in it.
        """

        def measure():
            time.sleep(0.001)
            before = reader.split("tgids")[0][os.getpid()]
            burnt_s = burn(0.1)
            return burnt_s, (reader.split("tgids")[0][os.getpid()] - before) * 1e-9

        assert agree(measure, 0.02)

    def test_workers_on_fewer_cpus_have_what_their_clocks_say(self, reader):
        """
        Four on two CPUs, each for itself.
        """
        cpus = set(sorted(os.sched_getaffinity(0))[:2])
        with workers(4) as four:
            for worker in four:
                worker.do(os.sched_setaffinity, 0, cpus)

            def measure():
                before = reader.split("tgids")[0]
                for worker in four:
                    worker.ask(burn, 0.05)
                burnt_s = [worker.answer() for worker in four]
                after = reader.split("tgids")[0]
                found_s = [(after[worker.pid] - before[worker.pid]) * 1e-9 for worker in four]
                return max(zip(burnt_s, found_s, strict=True), key=lambda pair: abs(pair[0] - pair[1]))

            assert agree(measure, 0.02)

    def test_events_are_counted(self, loaded, reader):
        """
        Sleeping makes switches and idle states; a counter is there exactly where its link is.
        """
        before = reader.counts()
        for _ in range(20):
            time.sleep(0.002)
        after = reader.counts()

        assert 20 <= after.context_switches - before.context_switches
        counts = [after.idle_entries, after.frequency_changes, after.thermal_events]
        assert [name in loaded.links for name in COUNTS] == [count is not None for count in counts]
        assert after.idle_entries is None or before.idle_entries <= after.idle_entries
        assert before.lost <= after.lost

    @pytest.mark.parametrize("form", BOTH)
    def test_a_switch_that_the_kernel_did_not_show_is_counted_as_lost(self, form):
        """
        If the task that leaves is not the one that came, another has run unseen.
        """
        with running(form) as loaded, reading(loaded) as reader:
            cpus, before, allowed = table(loaded, CPUS), reader.counts().lost, os.sched_getaffinity(0)

            def lose():
                words = list(cpus.get(0))
                words[CURRENT] = 1 << 32 | 1  # as if init were running
                cpus.put(0, *words)
                os.sched_setaffinity(0, {0})
                time.sleep(0.001)
                os.sched_setaffinity(0, allowed)
                return reader.counts().lost > before

            assert eventually(lose, "a lost switch")


class TestTrees:
    """
    A registered process, its threads and its descendants.
    """

    def test_short_lives_count(self, reader):
        """
        200 children that a poller would hardly see, against the kernel's own books.
        """
        me = os.getpid()
        reader.register(me)

        def measure():
            before_s, before_ns = _own_books_s(), reader.tree_ns(me)
            for _ in range(200):
                spawn_true()
            return _own_books_s() - before_s, (reader.tree_ns(me) - before_ns) * 1e-9

        assert agree(measure, 0.02)

    def test_children_count_while_they_live(self, reader):
        """
        They need not exit first.
        """
        me = os.getpid()
        reader.register(me)
        with workers(2) as two:

            def measure():
                before_s, before_ns = time.process_time(), reader.tree_ns(me)
                for worker in two:
                    worker.ask(burn, 0.05)
                burnt_s = sum(worker.answer() for worker in two)
                return burnt_s + time.process_time() - before_s, (reader.tree_ns(me) - before_ns) * 1e-9

            assert agree(measure, 0.02)

    def test_grandchildren_count(self, reader):
        """
        However many forks away.
        """
        me = os.getpid()
        reader.register(me)
        with workers(1) as (child,):

            def measure():
                before_s, before_ns = time.process_time(), reader.tree_ns(me)
                burnt_s = child.do(_burn_in_a_child, 0.05)
                return burnt_s + time.process_time() - before_s, (reader.tree_ns(me) - before_ns) * 1e-9

            assert agree(measure, 0.02)

    def test_threads_count_whether_they_are_old_or_new(self, reader):
        """
        One is running already when its process is registered.
        """
        me = os.getpid()
        enough = threading.Event()

        def spin():
            while not enough.is_set():
                sum(range(2000))

        old = threading.Thread(target=spin)
        old.start()
        try:
            reader.register(me)
            new = threading.Thread(target=spin)
            new.start()

            def measure():
                before_s, before_ns = time.process_time(), reader.tree_ns(me)
                time.sleep(0.1)
                return time.process_time() - before_s, (reader.tree_ns(me) - before_ns) * 1e-9

            assert agree(measure, 0.02)
        finally:
            enough.set()
            old.join()
            new.join()

    def test_the_slice_of_the_registration_counts_from_there_on(self, reader):
        """
        No switch is needed between registering and reading.
        """
        me = os.getpid()

        def measure():
            reader.register(me)
            before = reader.tree_ns(me)
            burnt_s = burn(0.02)
            found_ns = reader.tree_ns(me) - before
            reader.unregister(me)
            return burnt_s, found_ns * 1e-9

        assert agree(measure, 0.02)

    def test_others_do_not_count(self, reader):
        """
        A process from before the registration burns for itself.
        """
        with workers(2) as (stranger, root):
            reader.register(root.pid)

            def is_apart():
                before = reader.tree_ns(root.pid)
                stranger.do(burn, 0.1)
                return reader.tree_ns(root.pid) - before < 0.01e9

            assert eventually(is_apart, "no switch was hidden meanwhile")

    def test_a_tree_inside_a_tree_counts_for_both(self, reader):
        """
        A registered worker of a registered process; when it leaves its own tree, it stays in the other.
        """
        me = os.getpid()
        reader.register(me)
        with workers(1) as (child,):
            reader.register(child.pid)

            def measure():
                mine, its = reader.tree_ns(me), reader.tree_ns(child.pid)
                burnt_s = child.do(burn, 0.05)
                its_s = (reader.tree_ns(child.pid) - its) * 1e-9
                mine_s = (reader.tree_ns(me) - mine) * 1e-9
                assert its_s <= mine_s
                return burnt_s, its_s

            assert agree(measure, 0.02)
            reader.unregister(child.pid)
            assert None is reader.tree_ns(child.pid)

            def is_around():
                before = reader.tree_ns(me)
                burnt_s = child.do(burn, 0.05)
                return 0.98 * burnt_s * 1e9 < reader.tree_ns(me) - before

            assert eventually(is_around, "what it burns is in the tree around it")

    def test_it_never_goes_back(self, reader):
        """
        Whether a slice is under way or booked, in thousands of reads with switches between them.
        """
        me = os.getpid()
        reader.register(me)
        last = reader.tree_ns(me)
        for turn in range(3000):
            now = reader.tree_ns(me)
            assert last <= now
            last = now
            if turn % 10 == 0:
                time.sleep(0)
            if turn % 100 == 0:
                spawn_true()

    def test_the_dead_are_forgotten(self, loaded, reader):
        """
        A process leaves nothing but its tree behind.
        """
        tracked = table(loaded, TRACKED)
        with workers(1) as (child,):
            reader.register(child.pid)
            grandchild = child.do(_fork_and_leave)
            assert tracked.get(child.pid) is not None
        assert eventually(lambda: tracked.get(child.pid) is None, "the child's entry is gone")
        assert eventually(lambda: tracked.get(grandchild) is None, "the grandchild's entry is gone")


def _own_books_s() -> float:
    own, kids = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + kids.ru_utime + kids.ru_stime


def _burn_in_a_child(seconds: float) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = time.process_time()
    if (pid := os.fork()) == 0:
        burn(seconds)
        os._exit(0)
    os.waitpid(pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used + time.process_time() - own


def _fork_and_leave() -> int:
    if (pid := os.fork()) == 0:
        burn(0.001)
        os._exit(0)
    os.waitpid(pid, 0)
    return pid
