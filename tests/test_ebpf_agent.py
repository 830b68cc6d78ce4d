"""
The agent: loaded once by root, read by a group ever after, and gone without a trace.
"""

from __future__ import annotations

import json
import os
import resource
import stat
import time

import pytest
from agent_kit import GROUP, OTHERS, is_mounted, mode_of, place
from click.testing import CliRunner
from ebpf_kit import agree, burn, eventually, ids, spawn_true
from greensdk_ebpf import EbpfClock, agent
from greensdk_ebpf.agent import AgentError, handover, pins
from greensdk_ebpf.agent.state import read
from greensdk_rapl import RaplMonitor
from rights_kit import NOBODY, need_root, run_as

from greensdk.cli import cli
from greensdk.errors import GreensdkError, MonitorUnavailable
from greensdk.testing import PowercapTree


@pytest.fixture
def root():
    """
    Where an agent may live.
    """
    with place() as where:
        yield where


@pytest.fixture(scope="module")
def running():
    """
    An agent for the group, which several tests read.
    """
    with place() as where:
        agent.start(where, str(GROUP))
        yield where


@pytest.fixture
def tree(root):
    """
    Energy counters that root alone may read, as the kernel's.
    """
    where = os.path.join(os.path.dirname(root), "sys")
    os.mkdir(where, 0o755)
    made = PowercapTree(where)
    package = made.package(0, max_w=100.0)
    package.dram()
    package.core()
    for zone in made.zones.values():
        os.chmod(zone.file, 0o400)
    return made


def command(*arguments):
    """
    Return exit code and output of ``greensdk agent``.
    """
    done = CliRunner().invoke(cli, ["agent", *arguments])
    return done.exit_code, done.output


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
        agree(lambda: run_as(own_tree, running, 0.2, groups=[GROUP]), 0.02)

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

    def test_the_maps_outlive_whoever_loaded_them(self, running):
        """
        There is no process: this one closed everything it had.
        """
        before = agent.status(running)["counts"]["context_switches"]
        eventually(lambda: agent.status(running)["counts"]["context_switches"] > before, "a context switch")

    def test_nobody_else_may_look_inside(self, running):
        """
        Directories and maps are the group's, links and state are root's to change.
        """
        assert (GROUP, 0o750) == mode_of(running)
        assert (GROUP, 0o750) == mode_of(f"{running}/bpf")
        assert (GROUP, 0o660) == mode_of(f"{running}/bpf/trees")
        assert (0, 0o600) == mode_of(f"{running}/bpf/link_switch")
        assert (GROUP, 0o640) == mode_of(f"{running}/agent.json")


class TestLife:
    """
    Started, asked, stopped.
    """

    def test_nothing_is_left_after_stop(self, root):
        """
        No mount, no file, no program, no link, no map.
        """
        before = {kind: ids(kind) for kind in ("prog", "link", "map")}
        agent.start(root, str(GROUP))
        during = ids("link") - before["link"]
        assert agent.stop(root)

        assert len(during) >= 3
        assert not os.path.exists(root)
        assert not is_mounted(root)
        eventually(lambda: all(ids(kind) <= known for kind, known in before.items()), "all of it is out of the kernel")

    def test_a_second_start_changes_nothing(self, root):
        """
        It says that the agent runs.
        """
        assert agent.start(root, str(GROUP))
        links = ids("link")

        assert not agent.start(root, str(GROUP))
        assert links == ids("link")

    def test_other_settings_need_a_stop_first(self, root):
        """
        One line tells which command.
        """
        agent.start(root, str(GROUP))
        with pytest.raises(AgentError, match=f"sudo greensdk agent stop --root {root}  \\(and start it again\\)"):
            agent.start(root, str(OTHERS))

    def test_a_stop_without_a_start_is_no_mistake(self, root):
        """
        Nothing was there, and it says so.
        """
        assert not agent.stop(root)

    def test_what_another_boot_left_is_cleaned_away(self, root):
        """
        The state file is on disk, its maps are gone.
        """
        agent.start(root, str(GROUP))
        state = read(root)
        pins.remove(f"{root}/bpf")
        with open(f"{root}/agent.json", "w", encoding="utf-8") as file:
            json.dump({**state, "boot_id": "another"}, file)

        assert f"what is in {root} is left over: sudo greensdk agent stop --root {root}" == agent.status(root)["reason"]
        assert agent.start(root, str(GROUP))
        assert agent.status(root)["running"]

    def test_a_half_failed_start_leaves_nothing(self, root):
        """
        Here: there are no energy counters to hand out.
        """
        links = ids("link")
        with pytest.raises(MonitorUnavailable, match="RAPL driver"):
            agent.start(root, str(GROUP), rapl=True, powercap_root="/nonexistent/powercap")

        assert not os.path.exists(root)
        assert not is_mounted(root)
        eventually(lambda: ids("link") <= links, "the programs are detached")

    def test_a_place_of_somebody_elses_is_not_taken(self, root):
        """
        Nor a link to somewhere.
        """
        os.symlink("/tmp", root)
        try:
            with pytest.raises(AgentError, match="is not a directory of root's"):
                agent.start(root, str(GROUP))
        finally:
            os.unlink(root)
        os.mkdir(root)
        os.chown(root, NOBODY, NOBODY)
        try:
            with pytest.raises(AgentError, match="is not a directory of root's"):
                agent.start(root, str(GROUP))
        finally:
            os.rmdir(root)

    def test_only_root_may(self, root):
        """
        The line has the command.
        """

        def refused():
            texts = []
            for act in (lambda: agent.start(root, str(GROUP)), lambda: agent.stop(root)):
                try:
                    act()
                except GreensdkError as error:
                    texts.append(str(error))
            return texts

        assert [
            "only root can start the agent: sudo greensdk agent start",
            "only root can stop the agent: sudo greensdk agent stop",
        ] == run_as(refused)

    def test_a_group_that_is_not_there_is_named(self, root):
        """
        With the command that makes it.
        """
        with pytest.raises(AgentError, match="sudo groupadd --system no-such-group"):
            agent.start(root, "no-such-group")


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

    def test_a_counter_that_went_away_does_not_stop_the_stop(self, root, tree):
        """
        Somebody unloaded the driver.
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
            handover.counters(tree.root)
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
        As the monitor reads them, with all domains of the original.
        """
        monitor = RaplMonitor(root=copies, update_interval_s=0.005)
        names = {metric.name for metric in monitor.open()}
        token = monitor.start()
        tree.zones["package-0"].add_j(7.0)
        seen = []

        def caught_up():
            seen.append(monitor.stop(token)["domains"]["package-0"])
            return seen[-1] == 7.0

        time.sleep(0.006)
        eventually(caught_up, "7 J in the copy")
        monitor.close()

        assert {"package-0", "dram-0", "core-0"} == names
        assert set(seen) <= {0.0, 7.0, None}

    def test_the_rest_of_a_zone_is_there_too(self, copies):
        """
        Names, ranges and limits.
        """
        assert {"name", "energy_uj", "max_energy_range_uj", "constraint_0_name", "constraint_0_max_power_uw"} == set(
            os.listdir(f"{copies}/intel-rapl:0")
        )
        assert 21 == os.stat(f"{copies}/intel-rapl:0/energy_uj").st_size
        assert 0o640 == stat.S_IMODE(os.stat(f"{copies}/intel-rapl:0/energy_uj").st_mode)

    def test_the_process_ends_with_the_agent(self, root, copies):
        """
        And so does the tree.
        """
        pid = read(root)["daemon"]["pid"]
        agent.stop(root)

        assert not os.path.exists(f"/proc/{pid}/exe")
        assert not os.path.exists(copies)

    def test_a_process_that_died_is_told(self, root, copies, tree):
        """
        With its last words: a counter that can't be read any more.
        """
        package = tree.zones["package-0"].file
        with open(package, "w", encoding="ascii") as file:
            file.write("nothing\n")
        eventually(lambda: not agent.status(root)["daemon_runs"], "the process has ended")

        assert "the process that copies the energy counters is gone: ValueError" in agent.status(root)["reason"]


class TestCommand:
    """
    ``greensdk agent``.
    """

    def test_its_life_on_the_command_line(self, root, tree):
        """
        As a stranger reads it.
        """
        options = ("--root", root)
        code, out = command("start", *options, "--group", str(GROUP), "--rapl", "--powercap-root", tree.root)
        assert (0, f"the agent runs in {root}, for the group {GROUP}\n") == (code, out)
        code, out = command("start", *options, "--group", str(GROUP), "--rapl", "--powercap-root", tree.root)
        assert (0, f"the agent runs already in {root}, for the group {GROUP}\n") == (code, out)

        code, out = command("status", *options)
        assert 0 == code
        assert f"for the group {GROUP}" in out
        assert "fork, free, switch" in out
        assert "energy   3 counters open to the group" in out

        assert (0, "stopped, nothing is left\n") == command("stop", *options)
        assert (0, f"no agent in {root}\n") == command("stop", *options)
        assert (1, f"no agent in {root}: sudo greensdk agent start\n") == command("status", *options)

    def test_the_status_as_json(self, running):
        """
        With what the maps have room for.
        """
        code, out = command("status", "--root", running, "--json")
        found = json.loads(out)

        assert (0, True, "greensdk.agent/1") == (code, found["running"], found["schema"])
        assert 4096 == found["entries"]["trees"][1]
        assert {"switch", "fork", "free"} <= set(found["links_pinned"])

    def test_copies_tell_their_settings(self, root, tree):
        """
        The two lines that members need.
        """
        code, out = command(
            "start", "--root", root, "--group", "4242", "--rapl", "--coarsen", "10", "--powercap-root", tree.root
        )

        assert 0 == code
        assert f'rapl.root = "{root}/powercap" and rapl.update_interval_s = 0.01' in out
        assert "renewed every 10 ms by process" in command("status", "--root", root)[1]

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (("start", "--coarsen", "10"), "--coarsen is for --rapl"),
            (("start", "--group", "no-such-group"), "there is no group 'no-such-group': sudo groupadd"),
            (("start", "--rapl", "--coarsen", "0"), "0.0 is not in the range x>=1"),
        ],
    )
    def test_a_mistake_is_one_line(self, root, arguments, text):
        """
        With exit code 2, and nothing is made.
        """
        code, out = command(*arguments, "--root", root)

        assert 2 == code
        assert text in out
        assert not os.path.exists(root)

    def test_a_stranger_learns_that_it_may_not_look(self, running):
        """
        Not that there is no agent.
        """
        found = run_as(agent.status, running, groups=[OTHERS])

        assert not found["running"]
        assert "this process is not in its group" in found["reason"]
