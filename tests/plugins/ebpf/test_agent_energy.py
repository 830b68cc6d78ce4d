"""
The energy counters in the hands of the agent's group: themselves, or coarsened copies.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time

import pytest
from agent_kit import GROUP, OTHERS, kept, mode_of
from ebpf_kit import eventually
from greensdk_ebpf import agent
from greensdk_ebpf.agent import permissions
from greensdk_rapl import RaplMonitor
from rights_kit import need_root, run_as

from greensdk.testing import ticking


def daemon_pid(where):
    """
    Return the process that copies.
    """
    return agent.status(where)["rapl"]["daemon"]["pid"]


def open_files(pid):
    """
    Return what a process has open.
    """
    return {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}


class TestEnergy:
    """
    Counters that root alone may read, in the group's hands.
    """

    def test_a_member_reads_them_and_others_do_not(self, root, tree):
        """
        The kernel's own files, through the monitor itself.
        """

        def probe():
            return RaplMonitor(root=tree.root).probe().ok

        assert run_as(probe, groups=[GROUP]) is False
        agent.start(root, str(GROUP), rapl=True, powercap_root=tree.root)

        assert run_as(probe, groups=[GROUP]) is True
        assert run_as(probe, groups=[OTHERS]) is False

    def test_owner_and_mode_are_put_back(self, root, tree):
        """
        Exactly.
        """
        os.chmod(tree.zones["dram-0"].file, 0o440)
        before = {key: mode_of(zone.file) for key, zone in tree.zones.items()}
        agent.start(root, str(GROUP), rapl=True, powercap_root=tree.root)
        assert {(GROUP, 0o440)} == {mode_of(zone.file) for zone in tree.zones.values()}
        agent.stop(root)

        assert before == {key: mode_of(zone.file) for key, zone in tree.zones.items()}

    def test_what_has_been_changed_since_stays(self, root, tree):
        """
        Or the kernel: after a boot its files are new.
        """
        agent.start(root, str(GROUP), rapl=True, powercap_root=tree.root)
        os.chown(tree.zones["dram-0"].file, 0, OTHERS)
        os.chmod(tree.zones["dram-0"].file, 0o640)
        agent.stop(root)

        assert (OTHERS, 0o640) == mode_of(tree.zones["dram-0"].file)
        assert (0, 0o400) == mode_of(tree.zones["package-0"].file)

    def test_what_was_open_to_all_stays_so(self, root, tree):
        """
        The mode is only widened.
        """
        os.chmod(tree.zones["core-0"].file, 0o444)
        agent.start(root, str(GROUP), rapl=True, powercap_root=tree.root)

        assert (GROUP, 0o444) == mode_of(tree.zones["core-0"].file)

    def test_a_counter_that_went_away_does_not_stop_the_stop(self, root, tree):
        """
        The driver was unloaded.
        """
        agent.start(root, str(GROUP), rapl=True, powercap_root=tree.root)
        os.unlink(tree.zones["core-0"].file)

        assert agent.stop(root)

    def test_every_zone_is_handed_out_once(self, tree):
        """
        By its real file.
        """
        need_root()
        assert sorted(os.path.realpath(zone.file) for zone in tree.zones.values()) == sorted(
            permissions.counters(tree.root)
        )


class TestCopies:
    """
    The counters stay root's; the group has copies, a little late.
    """

    @pytest.fixture
    def copies(self, root, tree):
        """
        An agent that copies every 5 ms.
        """
        agent.start(root, str(GROUP), rapl=True, coarsen_ms=5.0, powercap_root=tree.root)
        return f"{root}/powercap"

    def test_a_member_reads_the_copies_alone(self, copies, tree):
        """
        Not the counters themselves.
        """

        def probe(where):
            return RaplMonitor(root=where).probe().ok

        assert run_as(probe, copies, groups=[GROUP]) is True
        assert run_as(probe, tree.root, groups=[GROUP]) is False
        assert run_as(probe, copies, groups=[OTHERS]) is False

    def test_the_copies_follow_and_are_never_ahead(self, copies, tree):
        """
        Each is a number that the counter has had, none goes back, and the last one arrives.
        """
        package = tree.zones["package-0"]
        fd = os.open(f"{copies}/intel-rapl:0/energy_uj", os.O_RDONLY)
        truths, seen = [int(package.file.read_text())], []
        try:
            for _ in range(200):
                package.add_j(0.5)
                truths.append(int(package.file.read_text()))
                seen.append(int(os.pread(fd, 32, 0)))
                assert seen[-1] <= truths[-1]
                time.sleep(0.0005)
            assert eventually(lambda: int(os.pread(fd, 32, 0)) == truths[-1], "the last number")
        finally:
            os.close(fd)

        assert set(seen) <= set(truths)
        assert sorted(seen) == seen
        assert 2 < len(set(seen))

    def test_the_monitor_reads_them_as_they_are(self, root, copies, tree):
        """
        With all domains, and the interval that the agent tells.
        """
        found = run_as(agent.status, root, groups=[GROUP])["rapl"]
        assert (copies, 0.005) == (found["root"], found["update_interval_s"])
        monitor = RaplMonitor(root=found["root"], update_interval_s=found["update_interval_s"])
        names = {metric.name for metric in monitor.open()}
        token = monitor.start()
        tree.zones["package-0"].add_j(7.0)
        tree.zones["dram-0"].add_j(2.0)
        seen = []

        def caught_up():
            seen.append(monitor.stop(token)["energy_j"])
            return seen[-1] == 9.0

        assert eventually(caught_up, "9 J in the copies")
        monitor.close()

        assert {"package-0", "dram-0", "core-0"} == names
        assert set(seen) <= {0.0, 2.0, 7.0, 9.0, None}

    def test_the_rest_of_a_zone_is_there_too(self, copies):
        """
        Names, ranges and limits.
        """
        assert {"name", "energy_uj", "max_energy_range_uj", "constraint_0_name", "constraint_0_max_power_uw"} == set(
            os.listdir(f"{copies}/intel-rapl:0")
        )
        assert 25 == os.stat(f"{copies}/intel-rapl:0/energy_uj").st_size
        assert 0o640 == stat.S_IMODE(os.stat(f"{copies}/intel-rapl:0/energy_uj").st_mode)

    def test_the_process_ends_with_the_agent(self, root, copies):
        """
        And so does the tree.
        """
        pid = daemon_pid(root)
        agent.stop(root)

        assert not os.path.exists(f"/proc/{pid}")
        assert not os.path.exists(copies)

    def test_a_process_that_died_is_told(self, root, copies, tree):
        """
        With its last words: none of the counters can be read any more.
        """
        for zone in tree.zones.values():
            zone.garble(b"nothing\n")
        assert eventually(lambda: not agent.status(root)["daemon_runs"], "the process has ended")

        found = run_as(agent.status, root, groups=[GROUP])
        assert found["running"] is False
        assert "the process that copies the energy counters is gone (ValueError: no counter can" in found["reason"]
        assert f"): sudo greensdk agent start --root {root}" in found["reason"]

    def test_a_counter_that_fails_costs_its_zone_only(self, root, copies, tree):
        """
        The others go on, and the copy says that it is none.
        """
        monitor = RaplMonitor(root=copies, update_interval_s=0.005)
        monitor.open()
        token = monitor.start()
        tree.zones["dram-0"].garble(b"")
        tree.zones["package-0"].add_j(7.0)
        try:
            assert eventually(lambda: monitor.stop(token)["energy_j"] == 7.0, "7 J in the copies")
            found = monitor.stop(token)
        finally:
            monitor.close()

        assert ("package", None) == (found["boundary"], found["domains"]["dram-0"])
        assert "held no counter value at stop" in found["attributes"]["reasons"]["dram-0"]
        assert agent.status(root)["daemon_runs"]

    def test_what_is_broken_or_shown_twice_at_the_start_is_so_in_the_copies(self, root, tree):
        """
        Memory that can't be read is lost, not gone; a die that shows another's counter is gone.
        """
        tree.zones["dram-0"].vanish()
        die = tree.package(1, die=0, uj=5)
        tree.mirror(die, "package-1-die-1")
        with ticking(tree, {die.key: 50.0}):
            agent.start(root, str(GROUP), rapl=True, coarsen_ms=5.0, powercap_root=tree.root)
        monitor = RaplMonitor(root=f"{root}/powercap")
        names = {metric.name for metric in monitor.open()}
        reading = monitor.stop(monitor.start())
        monitor.close()

        assert {"package-0", "core-0", "dram-0", "package-1-die-0"} == names
        assert ["dram-0"] == reading["attributes"]["missing"]

    def test_a_second_start_replaces_a_process_that_died(self, root, copies, tree):
        """
        The programs stay, and so do the files that readers have open.
        """
        before = kept(root)
        with open(f"{copies}/intel-rapl:0/energy_uj", "rb") as file:
            os.kill(daemon_pid(root), signal.SIGKILL)
            assert eventually(lambda: not agent.status(root)["daemon_runs"], "the process has ended")
            assert "(it was killed)" in agent.status(root)["reason"]
            assert agent.start(root, str(GROUP), rapl=True, coarsen_ms=5.0, powercap_root=tree.root)
            tree.zones["package-0"].add_j(3.0)
            wanted = tree.zones["package-0"].file.read_text()
            assert eventually(lambda: int(os.pread(file.fileno(), 32, 0)) == int(wanted), "the copy follows")

        assert agent.status(root)["running"]
        assert before == kept(root)

    def test_last_words_are_the_last_process_own(self, root, copies, tree):
        """
        Not those of the one before it.
        """
        for zone in tree.zones.values():
            zone.garble(b"nothing\n")
        eventually(lambda: not agent.status(root)["daemon_runs"], "the process has ended")
        for zone in tree.zones.values():
            zone.repair()
        assert agent.start(root, str(GROUP), rapl=True, coarsen_ms=5.0, powercap_root=tree.root)
        os.kill(daemon_pid(root), signal.SIGKILL)
        eventually(lambda: not agent.status(root)["daemon_runs"], "the second has ended")

        assert "is gone (it was killed)" in agent.status(root)["reason"]

    def test_a_process_without_a_state_ends_with_the_tree(self, root, copies):
        """
        The process that removed the tree could not read the state.
        """
        pid = daemon_pid(root)
        os.unlink(f"{root}/agent.json")

        assert agent.stop(root)
        assert eventually(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, "the process has ended")

    def test_the_command_returns_and_leaves_a_process_of_its_own(self, root, tree):
        """
        With nothing of the terminal, the directory or the descriptors of the process that started it.
        """
        arguments = ["--root", root, "--group", str(GROUP), "--rapl", "--coarsen", "10", "--powercap-root", tree.root]
        done = subprocess.run(
            [sys.executable, "-m", "greensdk", "agent", "start", *arguments],
            capture_output=True,
            timeout=600,
            check=True,
        )
        pid = daemon_pid(root)

        assert b"update_interval_s = 0.01\n" in done.stdout
        assert pid == os.getsid(pid)
        assert "/" == os.readlink(f"/proc/{pid}/cwd")
        originals = {str(zone.file) for zone in tree.zones.values()}
        assert eventually(lambda: originals <= open_files(pid), "it copies")
        assert "/dev/null" in open_files(pid)
        assert all(file in originals | {"/dev/null"} or file.startswith(root) for file in open_files(pid))
