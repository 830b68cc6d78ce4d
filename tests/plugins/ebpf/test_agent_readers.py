"""
The agent's maps in the hands of its group, and of others.
"""

from __future__ import annotations

import resource
import time

import pytest
from agent_kit import GROUP, OTHERS, is_gone, kept, mode_of
from ebpf_kit import agree, burn, eventually, spawn_true
from greensdk_ebpf import EbpfClock, agent
from greensdk_ebpf.agent import pins
from greensdk_ebpf.load import load
from rights_kit import run_as

from greensdk.errors import MonitorUnavailable


def own_tree(where, seconds):
    """
    Return what this process and its children used by their own clocks, and by the agent's.
    """
    clock = EbpfClock(root=where)
    clock.open()
    try:
        before = time.process_time(), _reaped()
        token = clock.start()
        burn(seconds)
        for _ in range(20):
            spawn_true()
        counted = clock.cpu_time(token)
        return time.process_time() - before[0] + _reaped() - before[1], counted.tree_s
    finally:
        clock.close()


def _reaped():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class TestReaders:
    """
    Without rights of their own.
    """

    def test_a_member_of_the_group_reads_its_own_tree(self, running):
        """
        The numbers are those of its own clocks, and nothing is loaded for it.
        """
        assert agree(lambda: run_as(own_tree, running, 0.2, groups=[GROUP]), 0.02)

    def test_it_is_cheap_for_a_member(self, running):
        """
        So monitors="auto" takes it.
        """
        assert run_as(lambda: EbpfClock(root=running).cheap, groups=[GROUP]) is True

    def test_others_are_told_the_group(self, running):
        """
        And what lets them in.
        """
        ok, reason, fix = run_as(lambda: tuple(EbpfClock(root=running).probe()), groups=[OTHERS])

        assert not ok
        assert f"the agent in {running} shares its maps with the group {GROUP}, and this process is not in it" == reason
        assert f"sudo usermod -aG {GROUP} $USER  (then log in again)" == fix

    def test_others_can_not_open_it_all_the_same(self, running):
        """
        It fails with an error of ours.
        """

        def outsider():
            clock = EbpfClock(root=running)
            with pytest.raises(MonitorUnavailable):
                clock.open()
            return clock.cheap

        assert run_as(outsider, groups=[OTHERS]) is False

    def test_the_program_that_marks_is_roots(self, root, monkeypatch):
        """
        A user who may open it may attach it anywhere; members have their cycles without it, to the last switch.

        It is pinned where cycles are counted; here a clock of the kernel counts nanoseconds in the place of a PMU.
        """
        software_clock = (1, 0)
        monkeypatch.setattr(pins, "load", lambda: load("raw", cycles=software_clock))
        agent.start(root, str(GROUP))
        assert (0, 0o600) == mode_of(f"{root}/bpf/mark")

        def cycles():
            clock = EbpfClock(root=root)
            clock.open()
            token = clock.start()
            for _ in range(3):
                burn(0.01)
                time.sleep(0.001)
            return clock.cpu_time(token).attributes["cpu_cycles"]

        assert 0.027e9 < run_as(cycles, groups=[GROUP])
        during = kept(root)
        agent.stop(root)

        assert eventually(lambda: is_gone(during), "all of it is out of the kernel")

    def test_the_maps_outlive_the_process_that_loaded_them(self, running):
        """
        There is no process: this one closed everything it had.
        """
        before = agent.status(running)["counts"]["context_switches"]
        assert eventually(lambda: agent.status(running)["counts"]["context_switches"] > before, "a context switch")

    def test_others_may_not_look_inside(self, running):
        """
        Directories and maps are the group's, links and state are root's to change.
        """
        assert (GROUP, 0o750) == mode_of(running)
        assert (GROUP, 0o750) == mode_of(f"{running}/bpf")
        assert (GROUP, 0o660) == mode_of(f"{running}/bpf/trees")
        assert (0, 0o600) == mode_of(f"{running}/bpf/link_switch")
        assert (GROUP, 0o640) == mode_of(f"{running}/agent.json")
