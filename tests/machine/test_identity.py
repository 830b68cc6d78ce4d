"""
Which process a record says it is from, and from which ancestors, against what psutil and the kernel say.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from greensdk.machine import identity as module
from greensdk.machine.hardware import boot_id
from greensdk.machine.identity import PARENT, hand_on, identity

ASK = (
    "import json, os\nfrom greensdk.machine.identity import identity\n"
    "if {forks}:\n    identity()\n    pid = os.fork()\n"
    "    if pid: os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    "print(json.dumps(identity()))\n"
)

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def asked(*before, forks=False, **variables):
    """
    Return the identity of a process of its own, started by the words in `before`.
    """
    words = [*before, sys.executable, "-c", ASK.format(forks=forks)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, **variables})
    return json.loads(done.stdout)


def test_it_is_this_process_under_its_ancestors():
    """
    The same pids as psutil's, the nearest first, each with a start that is not later than its child's.
    """
    psutil = pytest.importorskip("psutil")
    me = module._look(os.getpid())

    assert os.getpid() == me["pid"]
    assert [each.pid for each in psutil.Process().parents()] == [pid for pid, _ in me["ancestors"]]
    starts_s = [me["started_s"], *(started_s for _, started_s in me["ancestors"])]
    assert sorted(starts_s, reverse=True) == starts_s


def test_a_child_names_its_parent_as_the_parent_names_itself():
    """
    Pid and start are equal to the last digit, or one could not be found by the other.
    """
    me, child = identity(), asked()

    assert [me["pid"], me["started_s"]] == child["ancestors"][0]
    assert me["ancestors"] == child["ancestors"][1:]
    assert me["pid_namespace"] == child["pid_namespace"]


def test_a_forked_child_is_another_process():
    """
    What the parent knew of itself is not taken for the child's.
    """
    me, child = identity(), asked(forks=True)

    assert child["pid"] not in {me["pid"], child["ancestors"][0][0]}
    assert [me["pid"], me["started_s"]] == child["ancestors"][1]


def test_threads_are_of_one_process():
    """
    It is read once.
    """
    found = []
    thread = threading.Thread(target=lambda: found.append(identity()))
    thread.start()
    thread.join()

    assert identity() is found[0]


@needs_linux
def test_a_name_full_of_parentheses_hides_nothing(tmp_path):
    """
    The kernel puts the name, as it is, into the middle of the line.
    """
    odd = tmp_path / "a) R 1 (b"
    odd.symlink_to(sys.executable)
    words = [odd, "-c", "import os, sys; sys.exit(os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:]))"]

    assert [os.getpid(), identity()["started_s"]] == asked(*words)["ancestors"][1]


def unshared(*options):
    """
    Return the words that start a process in a new pid namespace; skips where that is not allowed.
    """
    words = ["unshare", "--pid", "--fork", *options]
    try:
        subprocess.run([*words, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no new pid namespace: needs CAP_SYS_ADMIN and unshare(1)")
    return words


@needs_linux
@pytest.mark.parametrize("options", [(), ("--mount-proc",)], ids=["its /proc is the machine's", "its /proc is its own"])
def test_a_container_has_pids_of_its_own(options):
    """
    Its first process is 1 of another namespace, without ancestors, whichever /proc it sees.
    """
    inside = asked(*unshared(*options))

    assert (1, []) == (inside["pid"], inside["ancestors"])
    assert identity()["pid_namespace"] != inside["pid_namespace"]
    assert inside["started_s"] >= identity()["started_s"]


@needs_linux
@pytest.mark.parametrize("inside", [False, True])
def test_what_is_handed_on_reaches_a_child(inside):
    """
    Also in a container, where ancestors end.
    """
    before = unshared("--mount-proc") if inside else ()

    assert "a1" == asked(*before, **hand_on("a1"))["parent_id"]


@needs_linux
def test_what_is_handed_on_ends_with_its_process():
    """
    A daemon or a terminal keeps the variable for longer.
    """
    script = "from greensdk.machine.identity import hand_on\nprint(*hand_on('a1').values())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.startswith(f"a1:{boot_id()}:")
    assert None is asked(**{PARENT: done.stdout.strip()})["parent_id"]


@pytest.mark.parametrize("place", range(1, 5))
def test_what_is_handed_on_does_not_reach_others(place):
    """
    Another boot or machine; and here another process that got the pid. One in another container can't be looked up.
    """
    parts = hand_on("a1")[PARENT].split(":")
    parts[place] = {1: "0000-boot", 2: "1", 3: "4194304", 4: "0.01"}[place]
    seen = asked(**{PARENT: ":".join(parts)})["parent_id"]

    assert ("a1" if place == 2 else None) == seen


@pytest.mark.parametrize("text", ["", "a1", "a:b:c:d", "a:b:c:d:e:f", ":::::"])
def test_nonsense_is_no_parent(text):
    """
    It comes from the environment: anything may stand there.
    """
    assert None is asked(**{PARENT: text})["parent_id"]


@needs_linux
def test_a_process_that_is_gone_has_no_line():
    """
    No process has this pid: the highest that Linux gives is 4,194,303.
    """
    assert None is module.stat_of(4_194_304)
