"""
Joules of a cycle, on machines that are not at hand.
"""

import pytest
from greensdk_ebpf.cycle_energy import Frequency, base_frequency, price
from hypothesis import given
from hypothesis import strategies as st

CPU = "sys/devices/system/cpu/cpu0"
XEON = "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz"


@pytest.fixture
def machine(tmp_path):
    """
    Return a function that writes the files of a machine.
    """

    def write(model=XEON, cpus="0-27", mhz="1200.000", siblings=28, files=None):
        block = f"processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: {model}\nsiblings\t: {siblings}\n"
        block += f"cpu cores\t: {siblings // 2}\ncpu MHz\t\t: {mhz}\nflags\t\t: fpu sse2\n\n"
        everything = {"proc/cpuinfo": block * 2, "sys/devices/system/cpu/online": f"{cpus}\n", **(files or {})}
        for path, text in everything.items():
            place = tmp_path / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return str(tmp_path)

    return write


class TestBaseFrequency:
    """
    The files, from the best to the last resort.
    """

    LADDER = (
        (f"{CPU}/cpufreq/base_frequency", "2100000\n", 2.1e9),
        (f"{CPU}/acpi_cppc/nominal_freq", "2200\n", 2.2e9),
        (None, XEON, 2.4e9),
        (f"{CPU}/cpufreq/cpuinfo_max_freq", "3300000\n", 3.3e9),
        ("proc/cpuinfo", "x", 1.2e9),
    )

    @pytest.mark.parametrize("first", range(len(LADDER)))
    def test_the_best_that_is_there_is_taken(self, machine, first):
        """
        Each names itself, in its own unit; the frequency of the moment is the last.
        """
        left = self.LADDER[first:]
        files = {path: text for path, text, _ in left if path and path.startswith("sys")}
        model = XEON if any(path is None for path, _, _ in left) else "AMD EPYC"
        path, _, hz = left[0]

        found = base_frequency(model, machine(model=model, files=files))

        assert Frequency(pytest.approx(hz), f"/{path}" if path else "its name") == found

    def test_nothing_is_none(self, tmp_path):
        """
        An empty machine, and Arm's cpuinfo, which tells no frequency.
        """
        assert None is base_frequency("", str(tmp_path))
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\n")
        assert None is base_frequency("Neoverse-N1", str(tmp_path))

    @pytest.mark.parametrize("text", ["0\n", "", "unknown\n", "-1\n"])
    def test_a_file_that_tells_nothing_is_passed_over(self, machine, text):
        """
        Firmware that fills in no nominal frequency says 0.
        """
        files = {path: text for path, _, _ in self.LADDER if path and path.startswith("sys")}

        assert Frequency(2.4e9, "its name") == base_frequency(XEON, machine(files=files))

    @given(ghz=st.decimals(1, 6, places=2), blank=st.sampled_from(["", " "]), unit=st.sampled_from(["GHz", "GHZ"]))
    def test_any_frequency_in_a_name_is_read(self, ghz, blank, unit):
        """
        However it is written.
        """
        found = base_frequency(f"Intel(R) Something @{blank}{ghz}{unit}", "/nonexistent")

        assert Frequency(pytest.approx(float(ghz) * 1e9), "its name") == found

    @given(st.text(alphabet=st.characters(exclude_characters="@")))
    def test_a_name_without_one_is_no_frequency(self, name):
        """
        Numbers of models are none.
        """
        assert None is base_frequency(name, "/nonexistent")


class TestPrice:
    """
    TDP of all CPUs / (CPUs * base frequency).
    """

    def test_all_cpus_at_base_frequency_take_the_tdp(self, machine):
        """
        120 W of this part, in 28 threads at 2.4 GHz: the cycles of a second cost just that.
        """
        found = price(root=machine())

        assert pytest.approx(120.0) == found.joules * 28 * 2.4e9
        assert "120 W (exact) / (28 CPUs * 2.4 GHz (its name))" == found.source

    def test_two_sockets_cost_twice_in_twice_the_cpus(self, machine):
        """
        A cycle costs the same.
        """
        found = price(root=machine(cpus="0-55"))

        assert pytest.approx(240.0) == found.joules * 56 * 2.4e9

    def test_the_kernels_limit_goes_before_the_table(self, machine):
        """
        It is the processor's own word on its TDP.
        """
        zone = "sys/class/powercap/intel-rapl:0"
        found = price(
            root=machine(files={f"{zone}/name": "package-0\n", f"{zone}/constraint_0_max_power_uw": "90000000\n"})
        )

        assert found.source.startswith("90 W (rapl-constraint) / (28 CPUs * 2.4 GHz")
        assert pytest.approx(90.0) == found.joules * 28 * 2.4e9

    def test_the_user_knows_better(self):
        """
        No file is read then.
        """
        assert (1e-9, "configured") == price(1e-9, "/nonexistent")

    def test_an_unknown_cpu_has_none(self, machine):
        """
        The reason says what would help.
        """
        found = price(root=machine(model="Something Strange @ 2.00GHz"))

        assert None is found.joules
        assert "no TDP is known for Something Strange @ 2.00GHz: set joules_per_cycle in [tool.greensdk.ebpf]" == (
            found.source
        )

    def test_without_a_frequency_there_is_none(self, machine):
        """
        Watts alone do not say what a cycle costs.
        """
        found = price(root=machine(model="Intel(R) Xeon(R) Gold 6130", mhz="unknown"))

        assert (None, "the base frequency is unknown: set joules_per_cycle in [tool.greensdk.ebpf]") == found

    def test_without_the_number_of_cpus_there_is_none(self, machine):
        """
        Watts of how many?
        """
        found = price(root=machine(cpus=""))

        assert (None, "the number of CPUs is unknown: set joules_per_cycle in [tool.greensdk.ebpf]") == found

    def test_this_machine_has_one_or_a_reason(self):
        """
        Between a tenth of a nanojoule and a tenth of a microjoule, where there is one.
        """
        found = price()

        assert found.source
        assert found.joules is None or 1e-10 < found.joules < 1e-7
