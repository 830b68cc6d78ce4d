"""
The agent: loaded once by root, read by a group ever after, and gone without a trace.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess

import pytest
from agent_kit import GROUP, OTHERS, is_gone, is_mounted, kept, mode_of
from ebpf_kit import eventually, ids
from greensdk_ebpf import agent
from greensdk_ebpf.agent import AgentError, permissions, pins
from greensdk_ebpf.agent.directory import lock
from greensdk_ebpf.agent.state import read
from rights_kit import NOBODY, run_as

from greensdk.errors import GreensdkError, MonitorUnavailable


class TestLife:
    """
    Started, asked, stopped.
    """

    def test_nothing_is_left_after_stop(self, root):
        """
        No mount, no file, no program, no link, no map.
        """
        agent.start(root, str(GROUP))
        during = kept(root)
        assert all(len(numbers) >= 3 and numbers <= ids(kind) for kind, numbers in during.items())
        assert agent.stop(root)

        assert not os.path.exists(root)
        assert not is_mounted(root)
        assert eventually(lambda: is_gone(during), "all of it is out of the kernel")

    def test_a_second_start_changes_nothing(self, root):
        """
        It says that the agent runs.
        """
        assert agent.start(root, str(GROUP))
        before = kept(root)

        assert not agent.start(root, str(GROUP))
        assert before == kept(root)

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
        pins.remove(root)
        with open(f"{root}/agent.json", "w", encoding="utf-8") as file:
            json.dump({**state, "boot_id": "another"}, file)

        assert f"what is in {root} is left over: sudo greensdk agent stop --root {root}" == agent.status(root)["reason"]
        assert agent.start(root, str(GROUP))
        assert agent.status(root)["running"]

    def test_a_half_failed_start_leaves_nothing(self, root):
        """
        Here: there are no energy counters to hand out.
        """
        with pytest.raises(MonitorUnavailable, match="RAPL driver"):
            agent.start(root, str(GROUP), rapl=True, powercap_root="/nonexistent/powercap")

        assert not os.path.exists(root)
        assert not is_mounted(root)

    def test_a_start_that_fails_late_leaves_nothing(self, root, tree, monkeypatch):
        """
        Programs are attached and pinned when the copies can't be made.
        """
        during, make = [], pins.make

        def watched(*arguments):
            made = make(*arguments)
            during.append(kept(root))
            return made

        monkeypatch.setattr(pins, "make", watched)
        for zone in tree.zones.values():
            zone.fail("EIO")
        with pytest.raises(MonitorUnavailable, match="dram-0: energy_uj could not be opened: EIO"):
            agent.start(root, str(GROUP), rapl=True, coarsen_ms=5.0, powercap_root=tree.root)

        assert not os.path.exists(root)
        assert not is_mounted(root)
        assert eventually(lambda: is_gone(during[0]), "all of it is out of the kernel")

    def test_a_start_that_was_killed_can_be_taken_back(self, root, tree):
        """
        What has to be restored is written down before it is changed.
        """

        def killed():
            pins.make = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
            agent.start(root, str(GROUP), rapl=True, powercap_root=tree.root)

        with pytest.raises(AssertionError, match="the child died"):
            run_as(killed, uid=0)
        state = read(root)
        assert {str(zone.file) for zone in tree.zones.values()} == {path for path, *_ in state["restore"]}
        permissions.open_to(GROUP, tree.root)

        assert f"what is in {root} is left over" in agent.status(root)["reason"]
        assert agent.stop(root)
        assert {(0, 0o400)} == {mode_of(zone.file) for zone in tree.zones.values()}
        assert not os.path.exists(root)

    def test_a_directory_of_another_users_is_not_taken(self, root):
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
            # What it says could be a trap: files that stop would give away.
            with pytest.raises(AgentError, match="is not a directory of root's"):
                agent.stop(root)
        finally:
            os.rmdir(root)

    def test_a_directory_where_others_may_write_is_not_taken(self, root):
        """
        They could plant a state that has stop give any file away.
        """
        os.mkdir(root)
        os.chmod(root, 0o1777)
        theirs = os.path.join(os.path.dirname(root), "theirs")
        with open(theirs, "wb"):
            os.chown(theirs, 0, OTHERS)
        former = [[theirs, NOBODY, NOBODY, 0o666]]
        planted = {"schema": "greensdk.agent/1", "boot_id": "another", "rapl": None, "made_root": False}
        with open(f"{root}/agent.json", "w", encoding="utf-8") as file:
            json.dump({**planted, "settings": {"gid": OTHERS}, "restore": former}, file)
        for act in (lambda: agent.start(root, str(GROUP)), lambda: agent.stop(root)):
            with pytest.raises(AgentError, match=f"others than root may write in {root}: sudo chmod go-w {root}"):
                act()

        assert 0 == os.stat(theirs).st_uid
        os.chmod(root, 0o700)

    @pytest.mark.parametrize(("owner", "mode"), [(NOBODY, 0o755), (0, 0o777), (NOBODY, 0o1777)])
    def test_a_directory_that_others_could_move_is_not_taken(self, root, owner, mode):
        """
        Whoever may rename a directory above it can put another one in its place, with a state of their own.
        """
        above = os.path.dirname(root)
        os.makedirs(os.path.join(above, "between"))
        inner = os.path.join(above, "between", "agent")
        os.chown(above, owner, owner)
        os.chmod(above, mode)
        try:
            with pytest.raises(AgentError, match=f"others than root could move {inner}, by way of {above}: give"):
                agent.start(inner, str(GROUP))
            assert not os.path.exists(inner)
            os.mkdir(inner, 0o700)
            with pytest.raises(AgentError, match="others than root could move"):
                agent.stop(inner)
        finally:
            os.chown(above, 0, 0)
            os.chmod(above, 0o755)

    def test_a_directory_that_is_in_use_is_not_taken(self, root):
        """
        Such as /etc: it stays as it is.
        """
        os.mkdir(root, 0o755)
        with open(f"{root}/passwd", "w", encoding="ascii") as file:
            file.write("root\n")
        with pytest.raises(AgentError, match="holds files that are not an agent's"):
            agent.start(root, str(GROUP))

        assert not agent.stop(root)
        assert ["passwd"] == os.listdir(root)
        assert (0, 0o755) == mode_of(root)

    def test_an_empty_directory_is_taken_and_given_back(self, root):
        """
        A mount of a container, for example.
        """
        os.mkdir(root, 0o755)
        assert agent.start(root, str(GROUP))
        assert (GROUP, 0o750) == mode_of(root)
        assert agent.stop(root)

        assert (0, 0o755) == mode_of(root)
        assert [] == os.listdir(root)

    def test_two_at_once_do_not_meet(self, root):
        """
        The second gets an error that says another is at work.
        """
        agent.start(root, str(GROUP))
        fd = os.open(root, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            with pytest.raises(AgentError, match="another start or stop is at work in"):
                agent.stop(root)
        finally:
            os.close(fd)
        assert agent.stop(root)

    def test_a_child_of_the_start_does_not_keep_the_lock(self, root):
        """
        The process that copies is forked meanwhile, and may be slow to close what it inherits.
        """
        os.mkdir(root)
        try:
            with lock(root):
                pid = os.fork()
                if pid == 0:
                    signal.pause()
            try:
                with lock(root):
                    taken = True
            finally:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        finally:
            os.rmdir(root)

        assert taken

    def test_a_name_with_blanks_is_found(self, root):
        """
        The kernel writes mounts with such names in octal.
        """
        strange = f"{root} \\ of\tmany"
        agent.start(strange, str(GROUP))
        running = agent.status(strange)["running"]
        agent.stop(strange)

        assert running
        assert not os.path.exists(strange)

    def test_it_is_seen_under_another_path(self, root):
        """
        As in a container, where the machine's own path means nothing.
        """
        agent.start(root, str(GROUP))
        moved = f"{root}-in-a-container"
        os.mkdir(moved)
        subprocess.run(["mount", "--rbind", root, moved], check=True)
        try:
            with open(f"{root}/agent.json", encoding="utf-8") as file:
                state = json.load(file)
            for kind in ("maps", "links"):
                state[kind] = {name: f"/nowhere/{name}" for name in state[kind]}
            with open(f"{root}/agent.json", "w", encoding="utf-8") as file:
                json.dump(state, file)

            assert agent.status(moved)["running"]
        finally:
            subprocess.run(["umount", "-R", moved], check=True)

    def test_mounts_over_its_own_do_not_stop_the_stop(self, root):
        """
        Nothing is left of them either.
        """
        agent.start(root, str(GROUP))
        subprocess.run(["mount", "-t", "bpf", "bpf", f"{root}/bpf"], check=True)

        assert agent.stop(root)
        assert not is_mounted(root)
        assert not os.path.exists(root)

    def test_an_agent_whose_programs_were_detached_does_not_run(self, root):
        """
        Its maps are there, and stand still.
        """
        agent.start(root, str(GROUP))
        os.unlink(f"{root}/bpf/link_switch")

        assert not agent.status(root)["running"]
        assert agent.start(root, str(GROUP))
        assert agent.status(root)["counting"]

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
