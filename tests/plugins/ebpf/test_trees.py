"""
Trees are made by every process that may write the maps: no id comes back too early, none is lost, and there is room.
"""

import os
import time

import pytest
from ebpf_kit import agree, burn, eventually, in_pid_namespace, lose_a_child, reading, running, table, workers
from greensdk_ebpf.ids import group_of, own
from greensdk_ebpf.layout import DEPTH, MAPS, TRACKED, TREES
from greensdk_ebpf.reader import YOUNG_NS
from greensdk_ebpf.slots import Slots
from rights_kit import need

from greensdk.errors import MonitorUnavailable

OLD_NS = YOUNG_NS + 1


in_both_forms = pytest.mark.parametrize("loaded", ["raw", "tracepoint"], indirect=True)


@pytest.fixture
def loaded(request):
    """
    Everything in the kernel.
    """
    with running(getattr(request, "param", "raw")) as everything:
        yield everything


@pytest.fixture
def reader(loaded):
    """
    A reader of it.
    """
    with reading(loaded) as made:
        yield made


class TestRegistering:
    """
    Who is in which tree.
    """

    def test_registering_again_changes_nothing(self, loaded, reader):
        """
        Another reader in the same process, too, finds the tree that is there, with all that is booked to it.
        """
        me = os.getpid()
        reader.register(me)
        number = reader.tree(me).number
        burn(0.01)
        reader.register(me)
        with reading(loaded) as other:
            other.register(me)

            assert (number, number) == (reader.tree(me).number, other.tree(me).number)
            # Some virtual machines hide the switch before a slice, which is then booked to another task.
            assert eventually(lambda: burn(0.01) > 0 and 0.009e9 < other.tree_ns(me), "10 ms in the tree")
        assert 1 == len(list(table(loaded, TREES).items(MAPS[TREES].entries)))

    @in_both_forms
    def test_all_threads_are_entered(self, loaded, reader):
        """
        The group for what is booked, the threads for what is under way.
        """
        with workers(1) as (child,):
            child.do(_start_threads, 3)
            reader.register(child.pid)

            tracked = table(loaded, TRACKED)
            threads = set(map(int, os.listdir(f"/proc/{child.pid}/task")))
            assert 4 == len(threads)
            assert {(reader.tree(child.pid).number,)} == {tracked.get(each) for each in threads}

    def test_unregistering_takes_everything_out(self, loaded, reader):
        """
        Twice is once, and who never was registered has no number.
        """
        me = os.getpid()
        assert None is reader.tree_ns(me)
        reader.register(me)
        reader.unregister(me)
        reader.unregister(me)

        assert None is reader.tree_ns(me)
        assert [] == list(table(loaded, TRACKED).items(MAPS[TRACKED].entries))

    def test_a_process_that_is_not_there_can_not_be_registered(self, reader):
        """
        It says so, and makes no tree.
        """
        with workers(1) as (child,):
            pid = child.pid

        with pytest.raises(FileNotFoundError):
            reader.register(pid)

    def test_an_orphan_stays_in_the_tree_of_its_dead_parent(self, reader):
        """
        What a tree's root left behind goes on counting.
        """
        me = os.getpid()
        reader.register(me)

        def is_counted():
            read_end, write_end = os.pipe()
            if (child := os.fork()) == 0:
                if os.fork() == 0:
                    time.sleep(0.02)
                    os.write(write_end, b"%f" % burn(0.05))
                os._exit(0)
            os.waitpid(child, 0)
            before = reader.tree_ns(me)
            burnt_s = float(os.read(read_end, 100))
            os.close(read_end), os.close(write_end)
            return 0.9 * burnt_s * 1e9 < reader.tree_ns(me) - before

        assert eventually(is_counted, "what the orphan burns is in the tree")

    @in_both_forms
    def test_only_so_many_can_be_inside_each_other(self, loaded, reader):
        """
        All of the chain count, and one more is refused rather than cut off.
        """
        me, trees = os.getpid(), table(loaded, TREES)
        for number in range(1, DEPTH):
            trees.put(number, 0, number - 1, time.monotonic_ns(), 0, 0, 0)
        table(loaded, TRACKED).put(me, DEPTH - 1)
        reader.register(me)
        time.sleep(0.001)

        def booked():
            time.sleep(0.001)
            return [*(trees.get(number)[0] for number in range(1, DEPTH)), reader.tree(me).booked()[0]]

        def all_the_same():
            before = booked()  # a switch may have come between the two lines that register
            burn(0.02)
            grown = {last - first for first, last in zip(before, booked(), strict=True)}
            return len(grown) == 1 and 0.019e9 < grown.pop()

        assert eventually(all_the_same, "no switch while all of them are read")
        with (
            workers(1) as (child,),
            pytest.raises(MonitorUnavailable, match=f"more than {DEPTH} registered processes are inside each other"),
        ):
            reader.register(child.pid)

    def test_another_readers_word_counts(self, loaded, reader):
        """
        A process that is out already stays out, and no other's entry goes with it.
        """
        me = os.getpid()
        reader.register(me)
        with reading(loaded) as other:
            other.register(me)
            other.unregister(me)
            assert None is table(loaded, TRACKED).get(me)
            other.register(me)
            number = other.tree(me).number
            assert number != reader.tree(me).number
            reader.unregister(me)
            assert (number,) == table(loaded, TRACKED).get(me)

    def test_closing_a_reader_unregisters_no_process(self, loaded):
        """
        The tree goes on; the next reader finds it, and everything in it.
        """
        me = os.getpid()
        with reading(loaded) as first:
            first.register(me)
            number = first.tree(me).number
            burn(0.01)
        with reading(loaded) as second:
            assert None is second.tree_ns(me)
            second.register(me)
            assert number == second.tree(me).number
            assert eventually(lambda: burn(0.01) > 0 and 0.009e9 < second.tree_ns(me), "10 ms in the tree")

    def test_an_id_that_comes_back_is_another_process(self, loaded, reader):
        """
        The next process with the id of a dead member is in no tree.
        """
        last = "/proc/sys/kernel/ns_last_pid"
        need(os.path.exists(last), "a kernel with CONFIG_CHECKPOINT_RESTORE")
        tracked = table(loaded, TRACKED)
        with workers(1) as (child,):
            pid = child.pid
            reader.register(pid)
            number = reader.tree(pid).number
            child.do(burn, 0.001)
        assert eventually(lambda: tracked.get(pid) is None, "the dead one's entry is gone")
        before = table(loaded, TREES).get(number)[0]

        def again():
            with open(last, "w", encoding="ascii") as file:
                file.write(str(pid - 1))
            with workers(1) as (other,):
                other.do(burn, 0.01)
                return other.pid == pid

        assert eventually(again, "a process with the same id")
        assert before == table(loaded, TREES).get(number)[0]
        assert None is tracked.get(pid)

    def test_a_tree_that_is_inside_itself_is_no_endless_loop(self, loaded, reader):
        """
        Members of the agent's group may write such nonsense; a process in it can't be registered, and others can.
        """
        trees, tracked, now = table(loaded, TREES), table(loaded, TRACKED), time.monotonic_ns()
        trees.put(1, 0, 2, now - OLD_NS, 0, 0, 0)
        trees.put(2, 0, 1, now - OLD_NS, 0, 0, 0)
        with workers(2) as (inside, outside):
            tracked.put(inside.pid, 1)
            inside.do(time.sleep, 0.001)
            with pytest.raises(MonitorUnavailable, match="are inside each other"):
                reader.register(inside.pid)
            reader.register(outside.pid)
            inside.ask(burn, 0.02)
            time.sleep(0.005)

            def is_counted():
                before = reader.tree_ns(outside.pid)
                burnt_s = outside.do(burn, 0.01)
                return 0.9 * burnt_s * 1e9 < reader.tree_ns(outside.pid) - before < 0.03e9

            assert eventually(is_counted, "what it burns is in its tree")
            inside.answer()
            assert 0 == reader.collect()


class TestRoom:
    """
    The maps have ends.
    """

    def test_dead_trees_make_room(self, loaded, reader):
        """
        Those without a process; not those with members, around others, or just made.
        """
        trees, tracked, now = table(loaded, TREES), table(loaded, TRACKED), time.monotonic_ns()
        outer, inner, young = 1, 2, 3
        trees.put(outer, 0, 0, now - OLD_NS, 0, 0, 0)
        trees.put(inner, 0, outer, now - OLD_NS, 0, 0, 0)
        trees.put(young, 0, 0, now, 0, 0, 0)
        tracked.put(2**22 + 1, inner)
        for number in range(4, MAPS[TREES].entries + 1):
            trees.put(number, 0, 0, now - OLD_NS, 0, 0, 0)

        reader.register(os.getpid())

        mine = reader.tree(os.getpid()).number
        assert {outer, inner, young, mine} == dict(trees.items(MAPS[TREES].entries)).keys()

    def test_a_full_house_is_an_error(self, loaded, reader):
        """
        With trees that are all in use.
        """
        trees, now = table(loaded, TREES), time.monotonic_ns()
        for number in range(1, MAPS[TREES].entries + 1):
            trees.put(number, 0, 0, now, 0, 0, 0)

        with pytest.raises(MonitorUnavailable, match=f"all {MAPS[TREES].entries} trees are in use"):
            reader.register(os.getpid())

    def test_a_child_without_room_is_a_lost_event(self, loaded, reader):
        """
        It runs uncounted, and is counted as lost.
        """
        reader.register(os.getpid())
        before = reader.counts().lost
        lose_a_child(loaded)

        assert before < reader.counts().lost


class TestIds:
    """
    Whose ids the programs see.
    """

    @in_both_forms
    def test_a_thread_knows_itself_from_its_cpu(self, loaded, reader):
        """
        The group only where the form can tell it.
        """
        slots = Slots(loaded.maps["cpus"], len(reader.host().per_cpu))
        try:
            ids = own(slots)
        finally:
            slots.close()

        assert os.getpid() == ids & 0xFFFFFFFF
        assert (os.getpid() if loaded.form == "raw" else 0) == ids >> 32

    def test_the_group_of_a_thread(self):
        """
        None for one that is gone.
        """
        with workers(1) as (child,):
            thread = max(child.do(_start_threads, 1))
            assert thread != child.pid
            assert child.pid == group_of(thread)

        assert None is group_of(thread)

    @in_both_forms
    def test_a_process_in_a_container_registers_itself(self, loaded):
        """
        It is process 1 there, and another process here; its children count as well.
        """

        def inside():
            assert 1 == os.getpid()
            with reading(loaded) as reader:
                reader.register(1)
                before_ns, before_s = reader.tree_ns(1), time.process_time()
                with workers(1) as (child,):
                    burnt_s = child.do(burn, 0.05)
                    burn(0.05)
                    burnt_s += time.process_time() - before_s
                    return burnt_s, (reader.tree_ns(1) - before_ns) * 1e-9

        assert agree(lambda: in_pid_namespace(inside), 0.05)

    def test_in_a_container_no_other_process_can_be_registered(self, loaded):
        """
        Their ids out here are not known in there.
        """

        def inside():
            with reading(loaded) as reader, workers(1) as (child,):
                reader.register(child.pid)

        with pytest.raises(AssertionError, match="in a PID namespace only the process itself can be registered"):
            in_pid_namespace(inside)


def _start_threads(count: int) -> list[int]:
    import threading

    for _ in range(count):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    assert eventually(lambda: len(os.listdir("/proc/self/task")) == count + 1, "the threads run")
    return list(map(int, os.listdir("/proc/self/task")))
