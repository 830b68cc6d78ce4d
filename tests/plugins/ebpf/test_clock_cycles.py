"""
What the clock's reading says about cycles, and the energy that they stand for.
"""

import errno
import json
import os
import time

import pytest
from ebpf_kit import CPU_CLOCK, GROUP, agent, agree, burn, eventually, running
from greensdk_ebpf import EbpfClock
from greensdk_ebpf.cycle_energy import Price
from greensdk_ebpf.cycles import NO_SLICE, Cycles, opened, reason
from greensdk_ebpf.reader import Look
from greensdk_ebpf.slots import Moment
from hypothesis import given
from hypothesis import strategies as st
from rights_kit import run_as

from greensdk.errors import ConfigError
from greensdk.logs.worker_func import worker_func
from greensdk.monitor import ESTIMATED, reading

JOULES = 2e-9
PRICE = Price(JOULES, "configured")
ns = st.integers(0, 10**15)


@pytest.fixture(scope="module")
def root():
    """
    The directory of an agent that counts cycles, of a kind that are nanoseconds.
    """
    with running(cycles=CPU_CLOCK) as loaded, agent(loaded) as place:
        yield place


@pytest.fixture
def clock(root):
    """
    A clock on the agent's maps.
    """
    made = EbpfClock(root=root, joules_per_cycle=JOULES)
    made.open()
    yield made
    made.close()


def look(at_ns: int, cycles: int, counted_ns: int) -> Look:
    """
    Return a look at a machine of one CPU.
    """
    return Look(at_ns, cycles, counted_ns, Moment(at_ns, memoryview(bytes(128)).cast("Q")))


class TestReading:
    """
    On the agent's maps.
    """

    def test_cycles_are_beside_the_seconds(self, clock):
        """
        The call's, the machine's, and the estimate with all that it rests on; it fits into JSON.
        """
        passed = []

        def measure():
            token = clock.start()
            burn(0.02)
            passed.append(clock.cpu_time(token))
            return passed[-1].tree_s, passed[-1].attributes["cycles_s"]

        assert agree(measure, 0.05)
        found = passed[-1].attributes
        assert pytest.approx(passed[-1].tree_s * 1e9, rel=0.01) == found["cpu_cycles"]
        assert pytest.approx(passed[-1].host_s * 1e9, rel=0.01) == found["host_cycles"]
        assert found["cpu_cycles"] * JOULES == found["energy_from_cycles_j"]
        assert ("estimated", JOULES, "configured") == (
            found["energy_from_cycles_quality"],
            found["joules_per_cycle"],
            found["joules_per_cycle_source"],
        )
        assert not {"cycles_reason", "energy_from_cycles_reason"} & found.keys()
        json.dumps(found, allow_nan=False)

    def test_a_short_window_has_cycles_too(self, clock):
        """
        No switch has to come: the mark ends the slice at both ends.
        """
        for _ in range(50):
            token = clock.start()
            burn(0.0005)
            passed = clock.cpu_time(token)
            assert pytest.approx(passed.tree_s * 1e9, rel=0.05) == passed.attributes["cpu_cycles"]

    def test_the_metrics_are_told(self, root):
        """
        Energy only as an estimate, and only where it can be made; nothing of it where cycles are switched off.
        """
        made = EbpfClock(root=root, joules_per_cycle=JOULES)
        with_cycles = {metric.name: metric for metric in made.open()}
        made.close()
        without = EbpfClock(root=root, cycles=False)
        names = {metric.name for metric in without.open()}
        without.close()

        assert {"cpu_cycles", "host_cycles", "energy_from_cycles_j"} == with_cycles.keys() - names
        assert ESTIMATED == with_cycles["energy_from_cycles_j"].quality

    def test_a_member_of_the_group_has_them(self, root):
        """
        Without any right, to the moment.
        """

        def member():
            made = EbpfClock(root=root, joules_per_cycle=JOULES)
            made.open()
            token = made.start()
            burn(0.02)
            passed = made.cpu_time(token)
            made.close()
            assert pytest.approx(passed.tree_s * 1e9, rel=0.01) == passed.attributes["cpu_cycles"]
            return passed.tree_s, passed.attributes["cycles_s"]

        assert agree(lambda: run_as(member, groups=[GROUP]), 0.05)

    def test_an_agent_that_shares_no_mark_gives_them_at_the_frequency_of_what_ended(self):
        """
        Where a slice has ended; where none has, there is none, and a reason.
        """
        with running(cycles=CPU_CLOCK) as loaded, agent(loaded, marked=False) as place:
            made = EbpfClock(root=place, joules_per_cycle=JOULES)
            made.open()
            token = made.start()
            burn(0.005)
            time.sleep(0.001)
            burn(0.005)
            passed = made.cpu_time(token)

            def unseen():
                begun = made.start()
                burn(0.0005)
                return made.cpu_time(begun).attributes.get("cycles_reason") == NO_SLICE

            assert eventually(unseen, "half a millisecond without a switch")
            made.close()

        assert pytest.approx(passed.tree_s * 1e9, rel=0.01) == passed.attributes["cpu_cycles"]
        assert 0.004 < passed.attributes["cycles_s"]

    @pytest.mark.parametrize(
        ("cycles", "wanted", "why"),
        [
            (CPU_CLOCK, False, "switched off by cycles = false"),
            (None, True, "the programs were loaded without"),
            ((1, 9999), True, "no core PMU here: virtual machines hide theirs"),
        ],
    )
    def test_without_them_the_reason_stands_there(self, cycles, wanted, why):
        """
        Whether the user, the agent or the machine is in the way; all else is counted.
        """
        with running(cycles=cycles) as loaded, agent(loaded) as place:
            made = EbpfClock(root=place, cycles=wanted)
            made.open()
            passed = []

            def measure():
                token = made.start()
                burnt_s = burn(0.02)
                passed.append(made.cpu_time(token))
                return burnt_s, passed[-1].tree_s

            assert agree(measure, 0.05)
            made.close()

        found = passed[-1].attributes
        assert (None, why, None) == (found["cpu_cycles"], found["cycles_reason"], found["energy_from_cycles_j"])
        assert not {"joules_per_cycle", "host_cycles", "energy_from_cycles_quality"} & found.keys()

    def test_a_clock_that_loads_by_itself_counts_what_the_machine_has(self):
        """
        A number where there is a core PMU, else a reason; and nothing of either if it shall not.
        """
        with running():
            pass  # skips where nothing can be loaded
        before = set(os.listdir("/proc/self/fd"))
        for wanted in (True, False):
            made = EbpfClock(root="/nonexistent", cycles=wanted)
            made.open()
            token = made.start()
            burn(0.005)
            found = made.cpu_time(token).attributes
            made.close()
            assert (found["cpu_cycles"] is None) == ("cycles_reason" in found)
            assert wanted or found["cycles_reason"] == "switched off by cycles = false"
        assert before == set(os.listdir("/proc/self/fd"))

    def test_the_flat_names_get_them(self, clock):
        """
        As scripts read them.
        """
        token = clock.start()
        burn(0.002)
        attributes = clock.cpu_time(token).attributes
        one = reading(
            "ebpf",
            scope="call",
            quality="attributed",
            boundary="package",
            energy_j=1.0,
            call_j=1.0,
            attributes=attributes,
        )

        flat = worker_func({"duration_s": 1.0, "readings": [one], "resources": {}, "host": {}})

        assert attributes["cpu_cycles"] == flat["worker_func_ebpf_cpu_cycles"]
        assert attributes["energy_from_cycles_j"] == flat["worker_func_ebpf_energy_from_cycles"]

    @pytest.mark.parametrize("joules", [0, -1e-9, float("nan")])
    def test_joules_of_a_cycle_are_above_zero(self, joules):
        """
        Whatever else is configured is a mistake.
        """
        with pytest.raises(ConfigError, match=r"ebpf: joules_per_cycle is .*, and must be above 0"):
            EbpfClock(joules_per_cycle=joules)


class TestArithmetic:
    """
    From two looks to a number.
    """

    @given(first=st.tuples(ns, ns, ns), spent_ns=st.integers(1, 10**12), hertz=st.integers(1, 6))
    def test_what_is_counted_whole_is_not_touched(self, first, spent_ns, hertz):
        """
        If all of the time's slices have ended, the cycles are theirs to the last one.
        """
        last = (first[0] + spent_ns, first[1] + hertz * spent_ns, first[2] + spent_ns)

        found = Cycles("", PRICE).attributes(look(*first), look(*last), 0)

        assert hertz * spent_ns == found["cpu_cycles"]
        assert hertz * spent_ns * JOULES == found["energy_from_cycles_j"]
        assert None is found["host_cycles"]

    @given(spent_ns=st.integers(1, 10**12), counted_ns=st.integers(1, 10**12), cycles=st.integers(0, 10**13))
    def test_the_rest_runs_at_the_same_frequency(self, spent_ns, counted_ns, cycles):
        """
        The ratio of cycles to time is that of the slices that were counted, to less than a cycle.
        """
        found = Cycles("", PRICE).attributes(look(0, 0, 0), look(spent_ns, cycles, counted_ns), 0)

        assert 0 <= spent_ns * cycles - found["cpu_cycles"] * counted_ns < counted_ns
        assert pytest.approx(counted_ns * 1e-9) == found["cycles_s"]

    def test_nothing_counted_is_no_number(self):
        """
        Not even 0.
        """
        found = Cycles("", PRICE).attributes(look(0, 5, 5), look(10**9, 5, 5), 10**9)

        assert {"cpu_cycles": None, "cycles_reason": NO_SLICE, "energy_from_cycles_j": None} == found

    def test_cycles_stay_where_their_price_is_not_known(self):
        """
        They are measured; only the estimate is missing, with the reason.
        """
        made = Cycles("", Price(None, "no TDP is known"))

        found = made.attributes(look(0, 0, 0), look(100, 300, 100), 100)

        assert (300, None, "no TDP is known") == (
            found["cpu_cycles"],
            found["energy_from_cycles_j"],
            found["energy_from_cycles_reason"],
        )
        assert ["cpu_cycles", "host_cycles"] == [metric.name for metric in made.metrics]

    @pytest.mark.parametrize(
        ("refused", "text"),
        [
            (0, ""),
            (errno.ENOENT, "no core PMU here: virtual machines hide theirs"),
            (errno.EACCES, "the kernel refuses a counter of cycles: Permission denied"),
            (errno.EINVAL, "the kernel refuses a counter of cycles: Invalid argument"),
        ],
    )
    def test_each_refusal_has_its_words(self, refused, text):
        """
        The kernel's own, where there are no better ones.
        """
        assert text == reason(refused)

    def test_the_user_comes_first(self):
        """
        What the user switched off is off, whatever the machine could do; nothing is looked up for it.
        """
        assert () == opened(False, 0, JOULES).metrics
        assert () == opened(True, errno.ENOENT, JOULES).metrics
        assert 3 == len(opened(True, 0, JOULES).metrics)
