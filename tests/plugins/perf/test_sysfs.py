"""
perf events without a kernel: files, numbers, and what two reads mean.
"""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest
from greensdk_perf.counts import counted, group, tally
from greensdk_perf.pmu import event, events, places, scatter
from greensdk_perf.syscall import ATTR_SIZE, attributes, number
from hypothesis import given
from hypothesis import strategies as st

from greensdk.machine.hardware import cpus_in
from greensdk.testing.pmu import FakePmu

counts = st.integers(0, 2**63)


def put(root, path, text):
    """
    Write a file of a sysfs.
    """
    file = Path(root, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def device(tmp_path):
    """
    Return a function that writes a file of the PMU ``uncore``.
    """
    put(tmp_path, "bus/event_source/devices/uncore/type", "17\n")
    return lambda path, text: put(tmp_path, f"bus/event_source/devices/uncore/{path}", text)


class TestCall:
    """
    The ABI.
    """

    def test_numbers_of_both_architectures(self):
        """
        syscall_64.tbl and asm-generic/unistd.h; no other one is guessed, nor one of a 32-bit program.
        """
        assert (298, 241) == (number("x86_64"), number("aarch64"))
        assert [None] * 4 == [number("riscv64"), number("i686"), number("x86_64", 4), number("aarch64", 4)]

    @given(st.tuples(*[st.integers(0, 2**64 - 1)] * 3), st.integers(0, 2**32 - 1))
    def test_the_attribute_is_the_kernels(self, config, kind):
        """
        struct perf_event_attr up to config2: counting at once, times in each read, nothing sampled or left out.
        """
        from greensdk_perf.pmu import Event

        packed = attributes(Event("x", kind, config, 1.0, "Joules"))

        assert 72 == ATTR_SIZE == len(packed)
        assert (kind, 72, config[0]) == struct.unpack_from("=IIQ", packed, 0)
        assert (0, 0, 1 | 2 | 8, 0, 0, 0) == struct.unpack_from("=QQQQII", packed, 16)
        assert config[1:] == struct.unpack_from("=QQ", packed, 56)


class TestFormat:
    """
    How a name becomes the words of a configuration.
    """

    def test_every_word_and_several_ranges(self, device, tmp_path):
        """
        Values are put into the bits that the format names, in its order; a term alone is 1.
        """
        device("format/event", "config:0-7,32-35\n")
        device("format/inv", "config:23\n")
        device("format/mask", "config1:4-7\n")
        device("format/node", "config2:63\n")
        device("events/reads", "event=0xabc,inv,mask=0x5,node=1,config1=0x300\n")
        device("events/reads.scale", "6.103515625e-5\n")
        device("events/reads.unit", "MiB\n")

        found = event(str(tmp_path), "uncore", "reads")

        assert (17, 6.103515625e-5, "MiB") == (found.type, found.scale, found.unit)
        assert (0xA_008000BC, 0x350, 1 << 63) == found.config
        assert ["reads"] == events(str(tmp_path), "uncore")

    def test_an_event_without_scale_counts_ones(self, device, tmp_path):
        """
        As the kernel's ABI has it.
        """
        device("format/event", "config:0-7\n")
        device("events/clock", "event=0x01\n")

        assert (1.0, "") == event(str(tmp_path), "uncore", "clock")[3:]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("event=0x100", "0x100 does not fit into bits 0-7"),
            ("event=?", "invalid literal"),
            ("event=-1", "-0x1 does not fit"),
            ("other=1", "format other puts its value into 'config9'"),
        ],
    )
    def test_what_can_not_be_meant_is_refused(self, device, tmp_path, text, problem):
        """
        A value too wide, one to be filled in by the user, a word that is not known.
        """
        device("format/event", "config:0-7\n")
        device("format/other", "config9:0-7\n")
        device("events/odd", text)

        with pytest.raises(ValueError, match=problem):
            event(str(tmp_path), "uncore", "odd")

    def test_a_missing_format_is_an_error_of_its_file(self, device, tmp_path):
        """
        Whose name is in it.
        """
        device("events/odd", "umask=0x1")

        with pytest.raises(FileNotFoundError) as caught:
            event(str(tmp_path), "uncore", "odd")
        assert str(caught.value.filename).endswith("uncore/format/umask")

    def test_no_pmu_has_no_events(self, tmp_path):
        """
        Which is not an error.
        """
        assert [] == events(str(tmp_path))

    @given(st.lists(st.integers(0, 63), unique=True, min_size=1, max_size=16), st.data())
    def test_every_bit_goes_to_its_place(self, bits, data):
        """
        And no other one.
        """
        value = data.draw(st.integers(0, 2 ** len(bits) - 1))
        word = scatter(value, ",".join(map(str, bits)))

        assert value == sum((word >> bit & 1) << place for place, bit in enumerate(bits))
        assert value.bit_count() == word.bit_count()

    @given(st.lists(st.integers(0, 200), unique=True).map(sorted))
    def test_lists_of_cpus(self, cpus):
        """
        Single numbers and ranges, as the kernel mixes them.
        """
        text, number = [], 0
        while number < len(cpus):
            last = number
            while last + 1 < len(cpus) and cpus[last + 1] == cpus[last] + 1:
                last += 1
            text.append(str(cpus[number]) if last == number else f"{cpus[number]}-{cpus[last]}")
            number = last + 1

        assert cpus == cpus_in(",".join(text) + "\n")


class TestPlaces:
    """
    Which package each CPU of the mask stands for.
    """

    @pytest.fixture
    def machine(self, tmp_path):
        """
        Return a function: from a mask and (package, die) of CPUs to the suffixes and the repeats.
        """

        def make(mask, topology, vendor="0000"):
            put(tmp_path, "bus/event_source/devices/power/cpumask", mask)
            put(tmp_path, "devices/system/cpu/modalias", f"cpu:type:x86,ven{vendor}fam0006mod0001:feature:,0000")
            for cpu, (package, die) in topology.items():
                for name, value in (("physical_package_id", package), ("die_id", die)):
                    if value is not None:
                        put(tmp_path, f"devices/system/cpu/cpu{cpu}/topology/{name}", f"{value}\n")
            found, repeats = places(str(tmp_path))
            return [(place.cpu, place.suffix) for place in found], repeats

        return make

    def test_packages_have_the_kernels_numbers(self, machine):
        """
        Which need not begin with 0, nor be in order.
        """
        assert ([(0, "3"), (16, "1")], {}) == machine("0,16", {0: (3, 0), 16: (1, 0)})

    def test_dies_are_numbered_too(self, machine):
        """
        Where a package has several; the other package has not.
        """
        found, _ = machine("0,24,48", {0: (0, 0), 24: (0, 1), 48: (1, 0)})

        assert [(0, "0-die-0"), (24, "0-die-1"), (48, "1")] == found

    @pytest.mark.parametrize("dies", [(None, None), (0, 0), (-1, -1)])
    def test_dies_without_numbers_are_counted(self, machine, dies):
        """
        No two meters have one name.
        """
        assert ["0-die-0", "0-die-1"] == [name for _, name in machine("2,5", {2: (0, dies[0]), 5: (0, dies[1])})[0]]

    @pytest.mark.parametrize("topology", [{}, {0: (-1, 0), 8: (-1, 0)}, {0: (0, 0)}])
    def test_without_a_topology_the_order_decides(self, machine, topology):
        """
        A machine that does not say, or says it for a part only.
        """
        assert ["0", "1"] == [suffix for _, suffix in machine("0,8", topology)[0]]

    @pytest.mark.parametrize("vendor", ["0002", "0009"])
    def test_amd_has_one_register_for_each_package(self, machine, vendor):
        """
        Hygon too.
        """
        topology = {0: (0, 0), 8: (0, 1), 16: (1, 0), 24: (1, 1)}

        found, repeats = machine("0,8,16,24", topology, vendor)

        assert [(0, "0"), (16, "1")] == found
        assert {"cpu8": "package-0", "cpu24": "package-1"} == repeats

    def test_amd_without_dies_has_no_repeats(self, machine):
        """
        As new kernels have it.
        """
        assert ([(0, "0"), (16, "1")], {}) == machine("0,16", {0: (0, 0), 16: (1, 0)}, "0002")

    def test_the_fake_is_read_back(self, tmp_path):
        """
        The kit writes what is read here.
        """
        pmu = FakePmu(tmp_path, watts=1.0)

        assert ([(pmu.cpus[0], "0")], {}) == ([tuple(place) for place in places(pmu.root)[0]], places(pmu.root)[1])


def raw(enabled, running, *values):
    """
    What a read of a group returns.
    """
    return struct.pack(f"={3 + len(values)}Q", len(values), enabled, running, *values)


class TestTally:
    """
    From two reads to amounts.
    """

    ONE = group([10], ["package-0"], [0.5])
    TWO = group([10, 11], ["package-0", "dram-0"], [0.5, 2.0])

    @given(counts, st.integers(0, 10**15), st.integers(1, 10**12))
    def test_the_difference_times_the_scale(self, start, amount, elapsed_ns):
        """
        Wherever the counter stands.
        """
        found = tally([self.ONE], [raw(7, 7, start)], [raw(7 + elapsed_ns, 7 + elapsed_ns, start + amount)])

        assert {"package-0": amount * 0.5} == found.amounts
        assert ({"package-0": start}, {"package-0": start + amount}) == (found.starts, found.stops)
        assert ({}, {}, elapsed_ns) == (found.reasons, found.shares, found.elapsed_ns)

    @given(st.integers(1, 10**9), st.integers(1, 10**9))
    def test_a_counter_that_ran_a_part_of_the_time_is_scaled_up(self, running, waiting):
        """
        And the part is in the shares.
        """
        found = tally([self.ONE], [raw(5, 3, 0)], [raw(5 + running + waiting, 3 + running, 1000)])
        share = running / (running + waiting)

        assert pytest.approx(500.0 / share) == found.amounts["package-0"]
        assert {"package-0": pytest.approx(share)} == found.shares

    def test_one_that_never_ran_says_nothing(self):
        """
        Not 0.
        """
        found = tally([self.ONE], [raw(5, 3, 4)], [raw(100, 3, 4)])

        assert ({"package-0": None}, {"package-0": 4}) == (found.amounts, found.stops)
        assert "the counter never ran in the window: others had the hardware" == found.reasons["package-0"]

    def test_one_that_goes_back_says_nothing(self):
        """
        64 bits do not wrap around; the other counter of the group is as good as ever.
        """
        found = tally([self.TWO], [raw(1, 1, 9, 9)], [raw(2, 2, 8, 10)])

        assert {"package-0": None, "dram-0": 2.0} == found.amounts
        assert {"package-0": "the counter went back from 9 to 8"} == found.reasons

    @pytest.mark.parametrize(
        ("bad", "text"),
        [(OSError(errno.EIO, "Input/output error"), "could not be read"), (b"", "gave 0 bytes instead of 40")],
    )
    @pytest.mark.parametrize("when", ["start", "stop"])
    def test_a_failed_read_costs_its_group_only(self, bad, text, when):
        """
        The reason says when; the time comes from the group that was read.
        """
        other = group([12], ["package-1"], [1.0])
        good = raw(1, 1, 0, 0), raw(5, 5, 8, 8)
        before, after = (bad, good[1]) if when == "start" else (good[0], bad)

        found = tally([self.TWO, other], [before, raw(1, 1, 0)], [after, raw(4, 4, 6)])

        assert {"package-0": None, "dram-0": None, "package-1": 6.0} == found.amounts
        assert {"package-0", "dram-0"} == set(found.reasons)
        assert text in found.reasons["dram-0"]
        assert f"at {when}" in found.reasons["dram-0"]
        assert 3 == found.elapsed_ns

    def test_both_ends_are_looked_at(self):
        """
        The first that failed is the reason.
        """
        found = counted(self.ONE, b"x", OSError(errno.EIO, "Input/output error"))

        assert ("the counter gave 1 bytes instead of 32 at start", ()) == (found.reason, found.starts)
