"""
The counters behind the cycles: kept by the programs, opened by the loader, or refused.
"""

import errno
import os
import time
from contextlib import suppress

import pytest
from ebpf_kit import (
    BOTH,
    CONTEXT_SWITCHES,
    CPU_CLOCK,
    NO_SUCH_EVENT,
    agree,
    burn,
    mounted,
    need_ebpf,
    passed,
    reading,
    running,
    table,
    workers,
)
from greensdk_ebpf.layout import (
    MAPS,
    TREE_COUNTED,
    TREE_CYCLES,
    TREES,
)
from greensdk_ebpf.load import CPU_CYCLES, load
from greensdk_ebpf.reader import Reader
from greensdk_ebpf.syscall import obj_get, obj_pin
from greensdk_perf.pmu import Event
from greensdk_perf.syscall import perf_open
from rights_kit import CAP_BPF, CAP_PERFMON, need, run_as

EVENT = CPU_CLOCK


class TestCounters:
    """
    One for each CPU, which only the programs hold.
    """

    def test_the_programs_keep_them(self, loaded):
        """
        The loader has let go of all perf events, and of their map.
        """
        held = set()
        for fd in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):
                held.add(os.readlink(f"/proc/self/fd/{fd}"))

        assert "anon_inode:bpf-map" in held
        assert "anon_inode:[perf_event]" not in held
        assert set(MAPS) == set(loaded.maps)

    @pytest.mark.parametrize("form", BOTH)
    def test_they_count_on_when_their_loader_is_gone(self, form):
        """
        As long as maps and links are pinned; here by another process, which has exited.
        """
        need_ebpf()
        with mounted("bpf", "mode=0700") as place:
            with workers(1) as (child,):
                child.do(_pin_all, form, place)
            maps = {name: obj_get(f"{place}/{name}") for name in MAPS}
            mark = obj_get(f"{place}/mark")
            reader = Reader(maps, mark)
            reader.register(os.getpid())
            assert 0 == reader.about.refused
            assert agree(lambda: passed(reader, lambda: burn(0.02))[:2], 0.05)
            reader.close()
            for fd in (*maps.values(), mark):
                os.close(fd)

    def test_nothing_is_left_open(self):
        """
        The mark's descriptor goes with the others.
        """
        need_ebpf()
        before = set(os.listdir("/proc/self/fd"))
        loaded = load("raw", cycles=CPU_CLOCK)
        assert loaded.mark is not None
        loaded.close()

        assert loaded.mark is None
        assert before == set(os.listdir("/proc/self/fd"))

    def test_two_capabilities_are_enough(self):
        """
        The counters are the whole machine's, and CAP_PERFMON opens them.
        """
        need_ebpf()

        def capable():
            loaded = load("raw", cycles=CPU_CLOCK)
            with reading(loaded) as own:
                own.register(os.getpid())
                counted = passed(own, lambda: burn(0.02))
            loaded.close()
            return counted[:2]

        assert agree(lambda: run_as(capable, caps=[CAP_BPF, CAP_PERFMON]), 0.05)

    @pytest.mark.parametrize("form", BOTH)
    def test_any_counter_will_do(self, form):
        """
        One that counts a switch for each slice: the cycles are few, and the time that belongs to them is all of it.
        """
        with running(form, CONTEXT_SWITCHES) as loaded, reading(loaded) as reader:
            time.sleep(0.01)
            reader.register(os.getpid())

            def measure():
                ns, cycles, counted_ns = passed(reader, lambda: [burn(0.01), time.sleep(0.001), burn(0.01)])
                assert 1 <= cycles < 10_000
                return ns, counted_ns

            assert agree(measure, 0.05)

    @pytest.mark.parametrize("form", BOTH)
    def test_a_cpu_without_one_is_left_out(self, form, monkeypatch):
        """
        One that came after the programs: its nanoseconds are booked, and its cycles nowhere.
        """
        allowed = sorted(os.sched_getaffinity(0))
        need(len(allowed) > 1, "two CPUs")
        monkeypatch.setattr("greensdk_ebpf.load.cpus_online", lambda: allowed[:1])
        with running(form, CPU_CLOCK) as loaded, reading(loaded) as reader, workers(2) as (here, there):
            here.do(os.sched_setaffinity, 0, allowed[:1])
            there.do(os.sched_setaffinity, 0, allowed[1:])
            values = []
            for worker in (here, there):
                reader.register(worker.pid)
                worker.do(burn, 0.02)
                worker.do(time.sleep, 0.001)
                values.append(table(loaded, TREES).get(reader.tree(worker.pid).number))

        (with_ns, *_), (without_ns, *_) = values
        assert 0.019e9 < min(with_ns, without_ns)
        assert pytest.approx(values[0][TREE_COUNTED], rel=0.01) == values[0][TREE_CYCLES]
        assert 0.018e9 < values[0][TREE_COUNTED]
        assert (0, 0) == (values[1][TREE_CYCLES], values[1][TREE_COUNTED])


class TestRefusals:
    """
    Where cycles can't be counted, or shall not be.
    """

    def test_a_machine_without_a_core_pmu_counts_all_the_rest(self):
        """
        The kernel's answer is kept for the readers of the maps.
        """
        need_ebpf()
        try:
            os.close(perf_open(Event("cycles", CPU_CYCLES[0], (CPU_CYCLES[1], 0, 0)), 0))
            expected = 0
        except OSError as error:
            expected = error.errno
        loaded = load("raw")
        with reading(loaded) as reader:
            assert expected == reader.about.refused
            assert (loaded.mark is None) == bool(expected)
            assert 0 < reader.host().busy_ns
        loaded.close()

    def test_a_counter_that_does_not_exist_is_refused(self):
        """
        With the kernel's own number; nothing is left of the attempt.
        """
        need_ebpf()
        before = set(os.listdir("/proc/self/fd"))
        with running("raw", NO_SUCH_EVENT) as loaded, reading(loaded) as reader:
            assert errno.ENOENT == reader.about.refused
            assert None is loaded.mark
        assert before == set(os.listdir("/proc/self/fd"))

    @pytest.mark.parametrize("form", BOTH)
    def test_switched_off_nothing_is_booked(self, form):
        """
        Though the places for it are there.
        """
        with running(form) as loaded, reading(loaded) as reader:
            assert errno.ECANCELED == reader.about.refused
            reader.register(os.getpid())
            ns, cycles, counted_ns = passed(reader, lambda: (burn(0.01), time.sleep(0.001)))
            assert (0, 0) == reader.look(reader.tree(os.getpid())).moment.cycles()

        assert 0.009e9 < ns
        assert (0, 0) == (cycles, counted_ns)


def _pin_all(form: str, place: str) -> None:
    with running(form, CPU_CLOCK) as loaded:
        for name, fd in (*loaded.maps.items(), *loaded.links.items(), ("mark", loaded.mark)):
            obj_pin(fd, f"{place}/{name}")
