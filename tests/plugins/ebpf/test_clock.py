"""
The clock that the window uses: with the agent's maps, or with programs of its own, or with a reason why not.
"""

import json
import os
import subprocess
import sys
import time

import pytest
from ebpf_kit import (
    GROUP,
    agent,
    agree,
    burn,
    eventually,
    ids,
    lose_a_child,
    need_ebpf,
    own_links,
    running,
    spawn_true,
    table,
)
from greensdk_ebpf import RESOLUTION_S, EbpfClock
from greensdk_ebpf.layout import TRACKED
from rights_kit import CAP_BPF, CAP_PERFMON, run_as

from greensdk.errors import MonitorUnavailable
from greensdk.monitor import CpuClock, CpuTime

NOWHERE = "/nonexistent/greensdk"


@pytest.fixture(scope="module")
def loaded():
    """
    Everything in the kernel.
    """
    with running() as everything:
        yield everything


@pytest.fixture(scope="module")
def root(loaded):
    """
    The directory of something like the agent.
    """
    with agent(loaded) as place:
        yield place


@pytest.fixture
def clock(root):
    """
    A clock on the agent's maps.
    """
    made = EbpfClock(root=root)
    made.open()
    yield made
    made.close()


class TestWithTheAgent:
    """
    Nothing is loaded, so it is cheap.
    """

    def test_it_is_a_cpu_clock(self, clock):
        """
        The runtime knows it by its methods.
        """
        assert isinstance(clock, CpuClock)
        assert "ebpf" == clock.name

    def test_it_counts_the_tree_and_the_machine(self, clock):
        """
        Both with one clock.
        """

        def measure():
            token = clock.start()
            burnt_s = burn(0.05)
            passed = clock.cpu_time(token)
            assert passed.tree_s <= passed.host_s + RESOLUTION_S or passed.attributes["partial"]
            return burnt_s, passed.tree_s

        assert agree(measure, 0.02)

    def test_everything_is_said(self, clock, loaded):
        """
        The seconds once more, the machine's idle ones, and the events; it fits into JSON.
        """
        token = clock.start()
        time.sleep(0.02)
        passed = clock.cpu_time(token)

        attributes = dict(passed.attributes)
        assert attributes.pop("lost_events") == 0 or attributes.pop("partial")
        assert {
            "tree_s",
            "host_idle_s",
            "context_switches",
            "idle_entries",
            "frequency_changes",
            "thermal_events",
            "form",
            "agent",
            "cpu_cycles",
            "cycles_reason",
            "energy_from_cycles_j",
        } == set(attributes)
        assert (True, "raw") == (attributes["agent"], attributes["form"])
        assert passed.tree_s == attributes["tree_s"]
        assert 0.02 < passed.host_s + attributes["host_idle_s"]
        assert 1 <= attributes["context_switches"]
        json.dumps(passed.attributes, allow_nan=False)

    def test_windows_nest_and_overlap(self, clock):
        """
        Tokens keep them apart.
        """
        outer = clock.start()
        burn(0.01)
        inner = clock.start()
        burn(0.01)
        within, without = clock.cpu_time(inner), clock.cpu_time(outer)

        assert 0.009 < within.tree_s
        assert within.tree_s + 0.009 < without.tree_s

    def test_the_clock_of_the_machine_has_one_zero_for_all_processes(self, clock, root):
        """
        Two windows of two processes can be laid beside each other.
        """

        def first():
            other = EbpfClock(root=root)
            other.open()
            token = other.start()
            return other.cpu_time(token).host_start_s

        def in_order():
            before = clock.cpu_time(clock.start()).host_start_s
            between = run_as(first, uid=0)
            after = clock.cpu_time(clock.start()).host_start_s
            return before <= between <= after

        assert eventually(in_order, "no switch was hidden meanwhile")

    def test_lost_events_make_it_partial(self, clock, loaded):
        """
        A child for which there was no room.
        """
        token = clock.start()
        filled = lose_a_child(loaded)
        passed = clock.cpu_time(token)
        for number in filled:
            table(loaded, TRACKED).remove(number)

        assert 1 <= passed.attributes["lost_events"]
        assert passed.attributes["partial"] is True

    def test_a_forked_child_has_a_tree_of_its_own_inside(self, clock, root, loaded):
        """
        Closing the inherited clock leaves the parent's tree alone.
        """

        def child():
            clock.close()
            own = EbpfClock(root=root)
            own.open()
            token = own.start()
            burnt_s = burn(0.05)
            passed = own.cpu_time(token)
            own.close()
            return burnt_s, passed.tree_s

        def measure():
            token = clock.start()
            burnt_s, child_s = run_as(child, uid=0)
            passed = clock.cpu_time(token)
            assert child_s < passed.tree_s
            return burnt_s, child_s

        assert agree(measure, 0.02)
        assert table(loaded, TRACKED).get(os.getpid()) is not None

    def test_a_member_of_the_group_needs_no_right(self, root):
        """
        Nobody, but in the group: cheap, and everything works.
        """

        def member():
            made = EbpfClock(root=root)
            assert made.cheap
            assert made.probe().ok
            made.open()
            token = made.start()
            burnt_s = burn(0.05)
            for _ in range(5):
                spawn_true()
            passed = made.cpu_time(token)
            made.close()
            return burnt_s, passed.tree_s

        burnt_s, found_s = run_as(member, groups=[GROUP])

        assert burnt_s < found_s
        assert pytest.approx(burnt_s, rel=0.5) == found_s

    def test_who_is_not_in_the_group_is_told_how_to_get_in(self, root):
        """
        With the command, and the number of a group without a name.
        """

        def outsider():
            made = EbpfClock(root=root)
            with pytest.raises(MonitorUnavailable):
                made.open()
            return made.cheap, made.probe()

        cheap, answer = run_as(outsider)

        assert cheap is False
        assert (
            False,
            f"the agent in {root} shares its maps with the group {GROUP}, and this process is not in it",
            f"sudo usermod -aG {GROUP} $USER  (then log in again)",
        ) == answer

    def test_left_over_maps_are_noticed(self):
        """
        Pinned, but no program writes them any more.
        """
        with running() as gone, agent(gone) as place:
            for name in list(gone.links):
                os.close(gone.links.pop(name))
            time.sleep(0.05)
            made = EbpfClock(root=place)
            with pytest.raises(MonitorUnavailable, match=r"are left over: .*; sudo greensdk agent start"):
                made.open()

    def test_closing_gives_everything_back(self, root, loaded):
        """
        Descriptors, memory, and the entry of this process; twice is once, and it can be opened again.
        """
        fds, tracked = set(os.listdir("/proc/self/fd")), table(loaded, TRACKED)
        made = EbpfClock(root=root)
        for _ in range(2):
            made.open()
            assert tracked.get(os.getpid()) is not None
            made.close()
            made.close()
            assert fds == set(os.listdir("/proc/self/fd"))
            assert None is tracked.get(os.getpid())
        with pytest.raises(RuntimeError, match="ebpf is not open"):
            made.start()


class TestWithoutTheAgent:
    """
    It loads its own programs, which is not cheap.
    """

    def test_it_loads_and_unloads(self):
        """
        With the rights for it.
        """
        need_ebpf()
        before, others = set(os.listdir("/proc/self/fd")), own_links()
        made = EbpfClock(root=NOWHERE)
        assert made.cheap is False
        assert made.probe().ok
        metrics = made.open()
        links = own_links() - others
        assert links
        assert links <= ids("link")
        token = made.start()
        burn(0.01)
        passed = made.cpu_time(token)
        made.close()

        assert isinstance(passed, CpuTime)
        assert 0.009 < passed.tree_s
        assert passed.attributes["agent"] is False
        assert None is passed.host_start_s
        assert {"tree_s", "host_s", "lost_events"} < {metric.name for metric in metrics}
        assert before == set(os.listdir("/proc/self/fd"))
        assert eventually(lambda: not links & ids("link"), "the links are gone")

    def test_two_capabilities_are_enough(self):
        """
        As nobody, without tracefs.
        """
        need_ebpf()

        def capable():
            made = EbpfClock(root=NOWHERE)
            assert made.probe().ok
            made.open()
            token = made.start()
            burnt_s = burn(0.05)
            passed = made.cpu_time(token)
            made.close()
            return burnt_s, passed.tree_s, passed.attributes["form"]

        burnt_s, found_s, form = run_as(capable, caps=[CAP_BPF, CAP_PERFMON])

        assert "raw" == form
        assert pytest.approx(burnt_s, rel=0.2) == found_s

    @pytest.mark.parametrize(
        ("caps", "lacks"),
        [([], "CAP_BPF and CAP_PERFMON"), ([CAP_BPF], "CAP_PERFMON"), ([CAP_PERFMON], "CAP_BPF")],
    )
    def test_missing_rights_are_named(self, caps, lacks):
        """
        Each, with the command that grants it; opening all the same fails with an error of ours.
        """
        need_ebpf()

        def poor():
            made = EbpfClock(root=NOWHERE)
            try:
                made.open()
            except MonitorUnavailable as error:
                return made.probe(), str(error)

        answer, error = run_as(poor, caps=caps)

        assert not answer.ok
        assert f"it lacks {lacks} (kernel.unprivileged_bpf_disabled is " in answer.reason
        assert "kernel.perf_event_paranoid is " in answer.reason
        assert answer.fix.startswith("sudo greensdk agent start  (or ")
        assert "sudo setcap cap_bpf,cap_perfmon=ep /" in answer.fix
        assert error.startswith("the kernel refuses ")

    def test_importing_it_is_quick(self):
        """
        Neither ctypes nor anything else that only an open clock needs.
        """
        code = "import sys, greensdk_ebpf; greensdk_ebpf.EbpfClock().cheap; print(*sys.modules)"
        heavy = {"ctypes", "mmap", "platform", "threading", "greensdk_ebpf.syscall"}

        assert set() == heavy & (_modules(code) - _modules("import sys; print(*sys.modules)"))


def _modules(code: str) -> set[str]:
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def test_programs_that_are_gone_are_noticed_by_who_still_has_their_maps():
    """
    Numbers that stand still are not taken for a quiet machine.
    """
    with running() as everything, agent(everything) as where:
        clock = EbpfClock(root=where)
        clock.open()
        try:
            everything.close()
            token = clock.start()
            time.sleep(0.6)
            with pytest.raises(RuntimeError, match="was stopped"):
                clock.cpu_time(token)
        finally:
            clock.close()
