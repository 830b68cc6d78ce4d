"""
``greensdk agent``, as a stranger types it and reads it.
"""

from __future__ import annotations

import json
import os

import pytest
from agent_kit import GROUP, OTHERS
from click.testing import CliRunner
from greensdk_ebpf import agent
from rights_kit import run_as

from greensdk.cli import cli


def command(*arguments):
    """
    Return exit code and output of ``greensdk agent``.
    """
    done = CliRunner().invoke(cli, ["agent", *arguments])
    return done.exit_code, done.output


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
        assert (0, f"the agent is already running in {root}, for the group {GROUP}\n") == (code, out)

        code, out = command("status", *options)
        assert 0 == code
        assert out.startswith(f"runs in {root} since ")
        assert f"for the group {GROUP}\n" in out
        assert "fork, free, switch" in out
        assert "energy   3 counters open to the group" in out

        assert (0, "stopped, everything removed\n") == command("stop", *options)
        assert (0, f"no agent runs in {root}\n") == command("stop", *options)
        assert (1, f"no agent runs in {root}: sudo greensdk agent start --root {root}\n") == command("status", *options)

    def test_the_status_as_json(self, running):
        """
        With what the maps have room for.
        """
        code, out = command("status", "--root", running, "--json")
        found = json.loads(out)

        assert (0, True, "greensdk.agent/1") == (code, found["running"], found["schema"])
        assert 4096 == found["entries"]["trees"][1]
        assert {"switch", "fork", "free"} <= set(found["links"])

    def test_copies_tell_their_settings(self, root, tree):
        """
        The two lines that members need.
        """
        code, out = command(
            "start", "--root", root, "--group", "4242", "--rapl", "--coarsen", "10", "--powercap-root", tree.root
        )

        assert 0 == code
        assert f'rapl.root = "{root}/powercap" and rapl.update_interval_s = 0.01' in out
        assert "can't see how the power changes within 10 ms" in out
        assert "which protects nothing" not in out
        assert "updated every 10 ms by process" in command("status", "--root", root)[1]

    def test_copies_of_counters_that_everybody_can_read_protect_nothing(self, root, tree):
        """
        And it says so, with what helps.
        """
        zone = next(iter(tree.zones.values()))
        os.chmod(zone.file, 0o444)
        _, out = command(
            "start", "--root", root, "--group", "4242", "--rapl", "--coarsen", "10", "--powercap-root", tree.root
        )
        assert f"protects nothing: sudo chmod 400 {os.path.realpath(zone.file)}" in out

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (("start", "--coarsen", "10"), "--coarsen needs --rapl"),
            (("start", "--group", "4294967295"), "4294967295 is no group's number"),
            (("start", "--group", "99999999999"), "99999999999 is no group's number"),
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

        assert {
            "running": True,
            "reason": f"more of {running} only the group {GROUP} and root may see: sudo usermod -aG {GROUP} $USER",
            "root": running,
        } == found

    def test_without_rights_it_is_one_line(self, root):
        """
        With the command that has them.
        """
        for verb in ("start", "stop"):
            assert (2, f"greensdk: only root can {verb} the agent: sudo greensdk agent {verb}\n") == run_as(
                command, verb, "--root", root
            )
