"""
Energy from the processor's registers: every count is found, in the unit that the model has.
"""

import json
from tempfile import TemporaryDirectory

import pytest
from greensdk_msr import MsrMonitor
from greensdk_msr.registers import AMD as AMD_LAYOUT
from greensdk_msr.registers import INTEL, Processor, processor
from hypothesis import given
from hypothesis import strategies as st
from meter_kit import opened, window
from perf_kit import descriptors
from plugins_kit import foreign, imported_by

from greensdk.monitor import RESOLUTION_90
from greensdk.testing import check_monitor
from greensdk.testing.msr import AMD, CLIENT, SERVER, STRIDE, MsrTree


def counted(tree, counts, seconds=1.0, **options):
    """
    The reading of one window of `seconds` in which each register of `counts` counts so often.
    """

    def count():
        for key, number in counts.items():
            tree.registers[key].add_counts(number)

    return window(MsrMonitor(root=tree.root, stride=STRIDE, **options), count, seconds)


KINDS = {register.kind: register for register in INTEL.registers}


class TestUnits:
    """
    What a count is worth.
    """

    def test_the_energy_unit_is_in_bits_12_to_8(self):
        """
        The example of Intel's manual: 0A0E03H is 2**-14 J, or 61 uJ, and AMD's default 10000b 15.3 uJ.
        """
        client = Processor("GenuineIntel", 6, 0x9E)

        assert 61.03515625 == client.unit_uj(KINDS["package"], 0xA0E03)
        assert 15.2587890625 == Processor("AuthenticAMD", 0x19, 1).unit_uj(AMD_LAYOUT.registers[0], 0xA1003)

    @pytest.mark.parametrize("model", [0x3F, 0x4F, 0x55, 0x6A, 0x6C])
    def test_the_memory_of_servers_has_a_unit_of_its_own(self, model):
        """
        15.3 uJ from Haswell-EP to Ice Lake-SP; the package keeps that of the register.
        """
        cpu = Processor("GenuineIntel", 6, model)

        assert 15.3 == cpu.unit_uj(KINDS["dram"], 0xA0E03)
        assert 61.03515625 == cpu.unit_uj(KINDS["package"], 0xA0E03)

    def test_sapphire_rapids_counts_its_platform_in_joules(self):
        """
        And its memory as the register says, which the kernel had wrong at first.
        """
        cpu = Processor("GenuineIntel", 6, 0x8F)

        assert 1e6 == cpu.unit_uj(KINDS["psys"], 0xA0E03)
        assert 61.03515625 == cpu.unit_uj(KINDS["dram"], 0xA0E03)

    def test_small_cores_count_in_powers_of_two_microjoules(self):
        """
        Silvermont: ESU 5 is 32 uJ, and the power unit is in milliwatts.
        """
        cpu = Processor("GenuineIntel", 6, 0x37)

        assert 32.0 == cpu.unit_uj(KINDS["package"], 0x00505)
        assert 0.32 == pytest.approx(cpu.power_w(10, 0x00505))

    @pytest.mark.parametrize(
        ("vendor", "family", "expected"),
        [
            ("GenuineIntel", 6, INTEL),
            ("GenuineIntel", 5, None),
            ("AuthenticAMD", 0x17, AMD_LAYOUT),
            ("HygonGenuine", 0x18, AMD_LAYOUT),
            ("AuthenticAMD", 0x15, None),
            ("CentaurHauls", 7, None),
            ("", 0, None),
        ],
    )
    def test_only_known_families_have_registers(self, vendor, family, expected):
        """
        A register at the same address of another processor may be anything.
        """
        assert expected is Processor(vendor, family, 1).layout

    @given(st.text(alphabet="vendor_id model family:\n\t0123456789abc", max_size=200))
    def test_no_text_breaks_the_reader_of_cpuinfo(self, text):
        """
        What can't be read is no vendor, and then there are no registers.
        """
        assert isinstance(processor(text), Processor)


class TestReading:
    """
    What a window says.
    """

    def test_two_servers_sockets_are_added_with_their_memory(self, tmp_path):
        """
        2**14 counts are a joule; 15.3 uJ times 1,000,000 are 15.3 J.
        """
        tree = MsrTree(tmp_path, SERVER, packages=2)

        found = counted(
            tree,
            {"package-0": 10 << 14, "package-1": 20 << 14, "dram-0": 1_000_000, "dram-1": 2_000_000},
        )

        assert 75.9 == pytest.approx(found["energy_j"], abs=4e-6)
        assert {"package-0": 10.0, "dram-0": 15.3, "package-1": 20.0, "dram-1": 30.6} == found["domains"]
        assert ("package+dram", "machine", "measured") == (found["boundary"], found["scope"], found["quality"])
        assert {"package-0": 61.03515625, "dram-0": 15.3} == {
            key: found["attributes"]["unit_uj"][key] for key in ("package-0", "dram-0")
        }

    def test_parts_and_the_platform_are_shown_and_not_added(self, tmp_path):
        """
        core and uncore are in the package, psys contains it.
        """
        tree = MsrTree(tmp_path, CLIENT)

        found = counted(tree, {"package-0": 9 << 14, "core-0": 5 << 14, "uncore-0": 1 << 14, "psys": 30 << 14})

        assert 9.0 == found["energy_j"]
        assert {"package-0": 9.0, "core-0": 5.0, "uncore-0": 1.0, "psys": 30.0} == found["domains"]
        assert "package" == found["boundary"]

    def test_the_cores_of_amd_are_read_only_when_asked_for(self, tmp_path):
        """
        Each has a counter of its own, the two threads of a core the same one.
        """
        tree = MsrTree(tmp_path, AMD, packages=2, cores=2, esu=16)
        counts = {"package-0": 7 << 16, "package-1": 1 << 16, "core-0-cpu-1": 2 << 16, "core-1-cpu-2": 1 << 15}

        plain, full = (counted(tree, counts, cores=cores) for cores in (False, True))

        assert {"package-0": 7.0, "package-1": 1.0} == plain["domains"]
        assert {
            "package-0": 7.0,
            "core-0-cpu-0": 0.0,
            "core-0-cpu-1": 2.0,
            "package-1": 1.0,
            "core-1-cpu-2": 0.5,
            "core-1-cpu-3": 0.0,
        } == full["domains"]
        assert 8.0 == plain["energy_j"] == full["energy_j"]

    def test_dies_count_apart_on_intel_and_together_on_amd(self, tmp_path):
        """
        As the kernel's zones package-N-die-M, and as the one socket-wide register of Zen.
        """
        intel = MsrTree(tmp_path / "intel", SERVER, dies=2)
        amd = MsrTree(tmp_path / "amd", AMD, dies=2)

        apart = counted(intel, {"package-0-die-0": 1 << 14, "package-0-die-1": 2 << 14})
        together = counted(amd, {"package-0": 4 << 14})

        assert 3.0 == apart["energy_j"]
        assert ["package-0-die-0", "dram-0-die-0", "package-0-die-1", "dram-0-die-1"] == list(apart["domains"])
        assert ({"package-0": 4.0}, 4.0) == (together["domains"], together["energy_j"])

    def test_one_platform_is_counted_once(self, tmp_path):
        """
        Every package shows it.
        """
        found = counted(MsrTree(tmp_path, CLIENT, packages=2), {"psys": 1 << 14})

        assert 1.0 == found["domains"]["psys"]
        assert 1 == sum(key.startswith("psys") for key in found["domains"])

    def test_a_register_that_holds_zero_is_not_there(self, tmp_path):
        """
        The kernel's rule, too: then the boundary is without memory.
        """
        tree = MsrTree(tmp_path, SERVER)
        tree.remove(tree.registers["dram-0"])

        found = counted(tree, {"package-0": 1 << 14})

        assert ("package", {"package-0": 1.0}) == (found["boundary"], found["domains"])

    def test_it_is_the_meter_of_rapl_in_raps_spelling(self, tmp_path):
        """
        The raw counters are in microjoules, with their range, so that overlapping windows can be joined.
        """
        tree = MsrTree(tmp_path, SERVER)
        tree.registers["package-0"].set_counts(16384)

        found = counted(tree, {"package-0": 16384 * 3})

        attributes = found["attributes"]
        assert (1_000_000, 4_000_000) == tuple(attributes[key]["package-0"] for key in ("start_uj", "stop_uj"))
        assert 262_144_000_000 == attributes["range_uj"]["package-0"]
        assert found["meter_id"].endswith(f":rapl:{tmp_path}")
        assert json.dumps(found, allow_nan=False)

    def test_the_interval_is_the_resolution_of_the_meter(self, tmp_path):
        """
        1 ms in 10 ms, 90% of the time less than 0.684 of it.
        """
        found = counted(MsrTree(tmp_path, SERVER), {"package-0": 10 << 14}, seconds=0.010)

        assert pytest.approx(10.0 - RESOLUTION_90) == found["energy_low_j"]
        assert pytest.approx(10.0 + RESOLUTION_90) == found["energy_high_j"]

    @pytest.mark.parametrize(
        ("seconds", "counts", "reason"),
        [
            (0.0004, 5, "the window is shorter than the meter's update interval of 1 ms"),
            (0.021, 0, "package-0: the counter did not move in 21 ms: it is stuck, or a hypervisor's zero"),
        ],
    )
    def test_what_the_meter_can_not_see_has_no_number(self, tmp_path, seconds, counts, reason):
        """
        Too short, and too still.
        """
        found = counted(MsrTree(tmp_path, SERVER), {"package-0": counts}, seconds)

        assert (None, None, None, reason) == tuple(
            found[key] for key in ("energy_j", "energy_low_j", "energy_high_j", "reason")
        )

    def test_a_still_counter_may_be_a_coarse_one_for_a_while(self, tmp_path):
        """
        Below 20 updates, 0 J are 0 J.
        """
        assert 0.0 == counted(MsrTree(tmp_path, SERVER), {}, 0.019)["energy_j"]


class TestWrap:
    """
    The counters have 32 bits.
    """

    @given(
        st.sampled_from([(SERVER, 14), (CLIENT, 14), (AMD, 16), (CLIENT, 20)]),
        st.integers(1, (1 << 32) - 1),
        st.integers(0, (1 << 32) - 1),
    )
    def test_every_joule_is_found_wherever_the_counter_stands(self, machine, start, delta):
        """
        Any unit, any start, any energy that 1000 W can draw in the window, to the microjoule.
        """
        kind, esu = machine
        with TemporaryDirectory() as path:
            tree = MsrTree(path, kind, esu=esu, cores=1)
            register = tree.registers["package-0"]
            register.set_counts(start)
            energy_j = delta * register.unit_uj / 1e6

            found = counted(tree, {"package-0": delta}, seconds=energy_j / 1000, update_interval_s=0)

        # The sum needs every counter, and the memory's goes round in a quarter of the package's time.
        assert energy_j == pytest.approx(found["domains"]["package-0"], abs=2e-6)
        assert (1 if start + delta >= 1 << 32 else None) == found["attributes"].get("wraps", {}).get("package-0")

    def test_a_reset_is_not_taken_for_a_wrap(self, tmp_path):
        """
        250 kJ to 1 J: as a wrap it would have been 12 kJ in a second.
        """
        tree = MsrTree(tmp_path, SERVER)
        tree.registers["package-0"].set_counts(250_000 << 14)
        with opened(MsrMonitor(root=tree.root, stride=STRIDE)) as (monitor, clock):
            token = monitor.start()
            tree.registers["package-0"].set_counts(1 << 14)
            clock.advance(1.0)
            found = monitor.stop(token)

        assert found["energy_j"] is None
        assert "which a zone of 1000 W can't draw: it was reset" in found["reason"]
        assert {"package-0": None, "dram-0": None} == found["domains"]

    def test_the_specified_power_makes_the_check_sharper(self, tmp_path):
        """
        200 W of thermal specification power are 1000 W of belief, 20 W are 100 W.
        """
        limits = {}
        for tdp_w in (0, 20, 400):
            tree = MsrTree(tmp_path / str(tdp_w), CLIENT, tdp_w=tdp_w)
            tree.remove(tree.registers["psys"]), tree.remove(tree.registers["core-0"])
            tree.remove(tree.registers["uncore-0"])
            with opened(MsrMonitor(root=tree.root, stride=STRIDE)) as (monitor, _):
                limits[tdp_w] = monitor.max_window_s

        assert {0: 131.072, 20: 1310.72, 400: 65.536} == limits

    def test_polls_carry_a_window_over_many_wraps(self, tmp_path):
        """
        Five rounds of a counter with a fine unit, and a short window inside that knows nothing of them.
        """
        tree = MsrTree(tmp_path, AMD, esu=31)  # a round is 2 J
        with opened(MsrMonitor(root=tree.root, stride=STRIDE, max_power_w=10.0)) as (monitor, clock):
            assert pytest.approx(0.1) == monitor.max_window_s
            outer = monitor.start()
            for _ in range(11):
                tree.registers["package-0"].add_counts(1 << 31)
                clock.advance(0.1)
                monitor.poll()
            inner = monitor.start()
            tree.registers["package-0"].add_counts(1 << 30)
            clock.advance(0.05)
            short, long = monitor.stop(inner), monitor.stop(outer)

        assert 0.5 == pytest.approx(short["energy_j"], abs=2e-6)
        assert 11.5 == pytest.approx(long["energy_j"], abs=3e-5)
        assert {"package-0": 5} == long["attributes"]["wraps"]

    def test_without_a_poll_a_long_window_is_unknowable(self, tmp_path):
        """
        At 1000 W a 61 uJ counter goes round in 262 s.
        """
        found = counted(MsrTree(tmp_path, SERVER), {"package-0": 5}, seconds=263.0)

        assert found["energy_j"] is None
        assert "how often it wrapped can't be known" in found["reason"]


class TestContract:
    """
    Conformance, life, imports.
    """

    @pytest.mark.parametrize("kind", [SERVER, CLIENT, AMD])
    def test_it_keeps_the_contract(self, tmp_path, kind):
        """
        On every kind of machine that the kit has.
        """
        metrics = check_monitor(MsrMonitor(stride=STRIDE, root=MsrTree(tmp_path, kind, packages=2).root, cores=True))

        assert "package-1" in {metric.name for metric in metrics}

    def test_every_descriptor_is_given_back(self, tmp_path):
        """
        One for each package, or each core when asked for, and none after a probe, a second close or a refused open.
        """
        tree = MsrTree(tmp_path, AMD, packages=2, cores=2)
        before = descriptors()
        for cores, held in ((False, 2), (True, 4)):
            monitor = MsrMonitor(stride=STRIDE, root=tree.root, cores=cores)
            monitor.probe()
            monitor.open(), monitor.open()
            assert len(before) + held == len(descriptors())
            monitor.close(), monitor.close()

        assert before == descriptors()

    def test_a_window_does_not_survive_a_close(self, tmp_path):
        """
        Nor another open.
        """
        tree = MsrTree(tmp_path, SERVER)
        monitor = MsrMonitor(stride=STRIDE, root=tree.root)
        for use in (monitor.start, monitor.poll):
            with pytest.raises(RuntimeError, match="msr is not open"):
                use()
        monitor.open()
        token = monitor.start()
        monitor.open()
        with pytest.raises(RuntimeError, match="reopened"):
            monitor.stop(token)
        monitor.close()

    def test_nothing_takes_it_that_was_not_told_to(self):
        """
        And making one, or importing it, costs the standard library only.
        """
        new = imported_by("from greensdk_msr import MsrMonitor; MsrMonitor()")

        assert {"greensdk", "greensdk_msr", "greensdk_rapl"} == foreign(new)
        assert MsrMonitor.cheap is False
