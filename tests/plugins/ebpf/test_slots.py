"""
The CPUs' slots: whole in every copy, and what is worked out from one.
"""

import mmap
import os
import struct
import sys
import threading
from contextlib import contextmanager

import pytest
from greensdk_ebpf.layout import (
    ABOUT,
    BEGIN,
    BUSY,
    COUNTED,
    COUNTS,
    CURRENT,
    CYCLES,
    END,
    IDLE,
    LOST,
    MARKS,
    START,
    TREE,
    VERSION,
    WORDS,
    About,
)
from greensdk_ebpf.slots import Moment, Running, Slots
from hypothesis import given
from hypothesis import strategies as st

from greensdk.errors import MonitorUnavailable

NOW = 10**12
RAW = About("raw", frozenset(), 0)

slot = st.fixed_dictionaries(
    {
        BUSY: st.integers(0, NOW),
        IDLE: st.integers(0, NOW),
        START: st.one_of(st.just(0), st.integers(1, NOW)),
        CURRENT: st.one_of(st.just(0), st.integers(1, 2**63)),
        TREE: st.integers(0, 2**64 - 1),
        END: st.integers(100, 10**6),
        MARKS: st.integers(0, 100),
        LOST: st.integers(0, 5),
        CYCLES: st.integers(0, NOW),
        COUNTED: st.integers(0, NOW),
        **{place: st.integers(0, 1000) for place in COUNTS.values()},
    }
)


def moment(slots, about=RAW) -> Moment:
    """
    Return a moment with these slots; what is not said of one is 0.
    """
    words = [each.get(place, 0) for each in slots for place in range(WORDS)]
    words[ABOUT] = about.word()
    return Moment(NOW, memoryview(struct.pack(f"={len(words)}Q", *words)).cast("Q"))


class TestMoment:
    """
    Numbers from a copy.
    """

    @given(st.lists(slot, min_size=1, max_size=6))
    def test_every_cpu_is_busy_or_idle_since_its_last_switch(self, slots):
        """
        What passed since then goes to one of the two, whole; a CPU that never switched has nothing under way.
        """
        host = moment(slots).host()

        for each, (busy, idle) in zip(slots, host.per_cpu, strict=True):
            under_way = NOW - each[START] if each[START] else 0
            assert each[BUSY] + each[IDLE] + under_way == busy + idle
            assert (each[IDLE] == idle) or not each[CURRENT]
            assert (each[BUSY] == busy) or each[CURRENT]
        assert (host.busy_ns, host.idle_ns) == tuple(map(sum, zip(*host.per_cpu, strict=True)))

    @given(st.lists(slot, min_size=1, max_size=6))
    def test_what_runs_has_a_thread_and_a_beginning(self, slots):
        """
        Idle tasks have the id 0; ids of thread and group come apart.
        """
        expected = [
            Running(each[CURRENT] & 0xFFFFFFFF, each[CURRENT] >> 32, each[TREE], each[START])
            for each in slots
            if each[CURRENT] and each[START]
        ]

        assert expected == moment(slots).running()

    @given(st.lists(slot, min_size=1, max_size=6), st.frozensets(st.sampled_from(sorted(COUNTS))))
    def test_events_are_summed_where_they_are_counted(self, slots, attached):
        """
        None where no program stands; marks are no switches.
        """
        counts = moment(slots, About("raw", attached, 0)).counts()

        assert sum(each[END] - each[MARKS] for each in slots) == counts.context_switches
        assert sum(each[LOST] for each in slots) == counts.lost
        expected = [sum(each[place] for each in slots) if name in attached else None for name, place in COUNTS.items()]
        assert expected == [counts.idle_entries, counts.frequency_changes, counts.thermal_events]

    @given(st.lists(slot, min_size=1, max_size=6))
    def test_cycles_are_summed(self, slots):
        """
        With the time that they belong to.
        """
        assert (sum(each[CYCLES] for each in slots), sum(each[COUNTED] for each in slots)) == moment(slots).cycles()


class TestCopies:
    """
    A file stands for the map: memory is memory.
    """

    @contextmanager
    def _mapped(self, path, cpus, about=RAW):
        size = 8 * WORDS * cpus
        path.write_bytes(bytes(size))
        fd = os.open(path, os.O_RDWR)
        try:
            with mmap.mmap(fd, size) as memory:
                struct.pack_into("=Q", memory, 8 * ABOUT, about.word())
                yield fd, memory
        finally:
            os.close(fd)

    def test_a_slot_is_never_torn(self, tmp_path, monkeypatch):
        """
        Another thread writes the same number to all places of a slot, one by one, as the programs do.
        """
        # A thread that waits for the interpreter's lock takes longer than a program in the kernel.
        monkeypatch.setattr("greensdk_ebpf.slots.TRIES", 10**9)
        places = [BEGIN, START, BUSY, IDLE, CURRENT, END]
        enough = threading.Event()
        turns, interval = [0], sys.getswitchinterval()

        def write(memory):
            while not enough.is_set():
                turns[0] += 1
                for place in places:
                    struct.pack_into("=Q", memory, 8 * (WORDS + place), turns[0])

        with self._mapped(tmp_path / "map", 3) as (fd, memory):
            slots = Slots(fd, 3)
            writer = threading.Thread(target=write, args=(memory,))
            sys.setswitchinterval(1e-6)
            writer.start()
            try:
                seen = [slots.moment().words for _ in range(500)]
            finally:
                enough.set()
                writer.join()
                sys.setswitchinterval(interval)
            slots.close()

        whole = [{words[WORDS + place] for place in places} for words in seen]
        assert all(len(numbers) == 1 for numbers in whole)
        assert 1 < turns[0]

    def test_a_program_that_never_ends_stops_no_reader(self, tmp_path):
        """
        The copy is taken as it is in the end.
        """
        with self._mapped(tmp_path / "map", 2) as (fd, memory):
            struct.pack_into("=Q", memory, 8 * (WORDS + BEGIN), 7)
            slots = Slots(fd, 2)
            assert [0, 0] == slots.moment().ended()
            assert [0, 0] == slots.ended()
            slots.close()

    @pytest.mark.parametrize("version", [0, VERSION - 1, VERSION + 1, 255])
    def test_another_version_is_not_read(self, tmp_path, version):
        """
        Nor is memory of it kept.
        """
        with self._mapped(tmp_path / "map", 1, RAW._replace(version=version)) as (fd, _):
            with pytest.raises(MonitorUnavailable, match="another version of greensdk"):
                Slots(fd, 1)
            with open("/proc/self/maps", encoding="utf-8") as file:
                assert 1 == file.read().count(str(tmp_path / "map"))
