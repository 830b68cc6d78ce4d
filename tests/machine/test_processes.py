"""
This process and its descendants, as the kernel's lists show them, and as psutil does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from sampling_kit import child, until

from greensdk.machine import processes
from greensdk.machine.processes import tree

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's lists are Linux's")


@pytest.fixture(params=["lists", "psutil"])
def way(request, monkeypatch):
    """
    Both ways to know the descendants.
    """
    if request.param == "psutil":
        pytest.importorskip("psutil")
    elif not processes._are_listed():
        pytest.skip("no CONFIG_PROC_CHILDREN")
    monkeypatch.setattr(processes, "_are_listed", lambda: request.param == "lists")


@pytest.fixture(autouse=True)
def others(monkeypatch):
    """
    Other tests may have left helpers to this process, such as multiprocessing's tracker: they are not looked at.
    """
    left = frozenset(process.pid for process in tree()) - {os.getpid()}
    monkeypatch.setattr(sys.modules[__name__], "LEFT", left)


LEFT: frozenset[int] = frozenset()


def mine():
    """
    Return the tree, without what was there before the test.
    """
    return [process for process in tree() if process.pid not in LEFT]


def by_pid():
    """
    Return it by pid.
    """
    return {process.pid: process for process in mine()}


def test_a_process_without_children_is_a_tree_of_one():
    """
    With its own numbers, some of which can be left out.
    """
    (own,) = mine()
    spent_s = time.process_time()

    assert (os.getpid(), os.getppid()) == (own.pid, own.ppid)
    assert own.cpu_s <= spent_s
    assert own.rss_bytes > 1_000_000
    assert pytest.approx(own.cpu_s - 1.0, abs=0.5) == tree(1.0)[0].cpu_s


@pytest.mark.usefixtures("way")
def test_descendants_are_in_it_with_their_parents_and_their_cpu_time():
    """
    Children and grandchildren, the parents first.
    """
    with child("-c", "input()") as parent:
        grandchild = int(parent.stdout.readline())
        until(lambda: by_pid()[parent.pid].cpu_s > 0.2)
        found = by_pid()
        os.kill(grandchild, 9)
        parent.kill()

    assert [os.getpid(), parent.pid, grandchild] == list(found)
    assert [os.getpid(), parent.pid] == [found[pid].ppid for pid in (parent.pid, grandchild)]
    assert found[grandchild].cpu_s < found[parent.pid].cpu_s
    assert all(found[pid].rss_bytes > 1_000_000 for pid in found)


@pytest.mark.usefixtures("way")
def test_a_child_that_is_gone_leaves_its_time_with_its_parent():
    """
    First as a zombie, then in what was waited for: the sum over the tree does not fall.
    """

    def spent():
        return sum(process.cpu_s + process.waited_s for process in tree())

    with child() as burning:
        until(lambda: by_pid()[burning.pid].cpu_s > 0.2)
        alive_s = spent()
        burning.kill()
        os.waitid(os.P_PID, burning.pid, os.WEXITED | os.WNOWAIT)
        zombie_s = spent()
    assert burning.pid not in by_pid()

    # psutil counts ticks of 10 ms, both of user and of system time.
    assert alive_s - 0.03 <= zombie_s <= spent() + 0.03


@pytest.mark.usefixtures("way")
def test_children_that_come_and_go_are_no_error():
    """
    Between a list and a look at what is on it anything may end.
    """
    sleeps = [subprocess.Popen([sys.executable, "-Sc", ""]) for _ in range(4)]
    until(lambda: os.getpid() != tree()[0].pid or all(sleep.poll() is not None for sleep in sleeps))

    assert [os.getpid()] == list(by_pid())


@needs_linux
def test_a_name_full_of_parentheses_is_no_obstacle(tmp_path):
    """
    The kernel puts the name, as it is, into the middle of the line.
    """
    odd = tmp_path / ") S 1 (x"
    odd.symlink_to("/bin/sleep")
    sleeping = subprocess.Popen([odd, "60"])
    try:
        found = by_pid()[sleeping.pid]
    finally:
        sleeping.kill()
        sleeping.wait()

    assert os.getpid() == found.ppid


@needs_linux
def test_its_own_io_is_what_the_kernels_file_says(tmp_path):
    """
    Blocks of getrusage(2) are the bytes of proc_pid_io(5).
    """
    with open(tmp_path / "file", "wb") as file:
        file.write(b"x" * 1_000_000)
        file.flush()
        os.fsync(file.fileno())
    own = tree()[0]
    with open("/proc/self/io", encoding="ascii") as lines:
        said = {key: int(value) for key, _, value in (line.partition(":") for line in lines)}

    assert pytest.approx(said["read_bytes"], abs=65536) == own.read_bytes
    assert pytest.approx(said["write_bytes"], abs=65536) == own.write_bytes


@needs_linux
def test_a_process_that_cannot_be_read_is_left_out():
    """
    No process has this pid: the highest that Linux gives is 4,194,303.
    """
    unused_pid = 4_194_304

    assert [] == list(processes._children(unused_pid))
    assert None is processes._look(unused_pid)
    assert (None, None) == processes._io(unused_pid)
    assert 1.5 == processes._cpu_s(unused_pid, 1.5)
