"""
Which file is a clock of the whole machine's CPU time, and which only looks like one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rights_kit import need, need_root

from greensdk.measure.cputime import find_host_clock, host_clock

BUSY = "cpu  1000000 0 2000000 300 40 0 500 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n"
CPUACCT, CGROUP2, STAT = "sys/fs/cgroup/cpuacct/cpuacct.usage", "sys/fs/cgroup/cpu.stat", "proc/stat"


@pytest.fixture
def machine(tmp_path):
    """
    Return a writer of the machine's files, below a folder that stands for its root.
    """

    def write(file, text):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def refused(root):
    """
    Return why there is no clock; nothing of it stays open.
    """
    before = os.listdir("/proc/self/fd")
    clock, reason = find_host_clock(str(root))
    assert clock is None
    assert before == os.listdir("/proc/self/fd")
    return reason


class TestFiles:
    """
    The kernel's files, the finest first.
    """

    @pytest.mark.parametrize(
        ("file", "text", "more", "expected"),
        [
            (CPUACCT, "9000000000000\n", "sys/fs/cgroup/cpuacct/release_agent", ("cpuacct", 9000.0)),
            (CGROUP2, "usage_usec 8000000000\nuser_usec 1\n", CGROUP2, ("cgroup2", 8000.0)),
            (STAT, BUSY, STAT, ("proc-stat", 3000500 / os.sysconf("SC_CLK_TCK"))),
        ],
    )
    def test_each_is_read_in_its_own_unit(self, machine, tmp_path, file, text, more, expected):
        """
        Nanoseconds, microseconds, ticks.
        """
        machine(more, ""), machine(file, text)
        clock = host_clock(str(tmp_path))
        try:
            assert expected == (clock.name, pytest.approx(clock.read()))
        finally:
            clock.close()

    @pytest.mark.parametrize(
        ("file", "text", "more"),
        [(CPUACCT, "9000000000000\n", CPUACCT), (CGROUP2, "usage_usec 8000000000\n", "sys/fs/cgroup/cgroup.events")],
    )
    def test_a_containers_group_is_not_the_machine(self, machine, tmp_path, file, text, more):
        """
        The next file is taken, and where there is none, the reason says so.
        """
        machine(more, ""), machine(file, text)

        assert f"{tmp_path}/{file}: it is that of one control group (a container's), not the machine's" in refused(
            tmp_path
        )
        machine(STAT, BUSY)
        assert "proc-stat" == find_host_clock(str(tmp_path))[0].name

    def test_this_machine_has_one(self):
        """
        And it moves while CPUs are busy.
        """
        need(Path("/proc/stat").exists(), "/proc/stat")
        clock, reason = find_host_clock()
        try:
            before, end = clock.read(), time.process_time() + 0.2
            while time.process_time() < end:
                sum(range(1000))
            grown_s = clock.read() - before
        finally:
            clock.close()

        assert "" == reason
        assert grown_s > 0.1


class TestLiars:
    """
    What can't be the machine's.
    """

    @pytest.mark.parametrize("text", ["", "cpu\n", "cpu  a b c d e f g\n", "intr 1 2\n"])
    def test_a_file_without_cpu_time_is_refused(self, machine, tmp_path, text):
        """
        Nothing is raised.
        """
        machine(STAT, text)

        assert f"{tmp_path}/proc/stat: it holds no CPU time" in refused(tmp_path)

    @given(st.text(st.characters(codec="ascii"), max_size=80))
    def test_no_text_breaks_the_reader(self, text):
        """
        A clock or a reason, whatever the file holds.
        """
        with tempfile.TemporaryDirectory() as root:
            for file in (CPUACCT, CGROUP2, STAT):
                path = Path(root, file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            clock, reason = find_host_clock(root)

            assert (clock is None) == bool(reason)
            if clock:
                clock.close()

    @pytest.mark.parametrize("target", ["/dev/null", "another file system"])
    def test_what_lies_over_the_file_is_refused(self, tmp_path, target):
        """
        A mask, or a file system in user space: it has another device than the folder around it.
        """
        need(os.stat("/dev/shm").st_dev != tmp_path.stat().st_dev, "/dev/shm")
        with tempfile.NamedTemporaryFile("w", dir="/dev/shm") as other:
            other.write(BUSY)
            other.flush()
            (tmp_path / "proc").mkdir()
            (tmp_path / STAT).symlink_to(target if target == "/dev/null" else other.name)

            assert f"{tmp_path}/proc/stat: something is mounted over it (lxcfs, or a container's mask)" in refused(
                tmp_path
            )

    def test_a_clock_that_shows_less_than_this_process_has_used_is_refused(self, machine, tmp_path):
        """
        As the zeros of a sandbox that has no such clock.
        """
        machine(STAT, "cpu  0 0 0 0 0 0 0 0 0 0\n")
        while time.process_time() < 0.1:
            sum(range(1000))

        assert "it shows 0 s, and this process alone has used" in refused(tmp_path)

    def test_a_clock_whose_file_fails_later_says_so_to_its_reader(self, machine, tmp_path):
        """
        It raises, and the window leaves the joules unshared.
        """
        file = machine(STAT, BUSY)
        clock = host_clock(str(tmp_path))
        file.write_text("")
        try:
            with pytest.raises(ValueError, match="not enough values"):
                clock.read()
        finally:
            clock.close()

    @pytest.mark.parametrize("over", ["a file", "/dev/null"])
    def test_on_the_real_root(self, tmp_path, over):
        """
        Something is mounted over this machine's own /proc/stat, invisible to other processes.
        """
        need_root()
        (tmp_path / "stat").write_text(BUSY)
        code = "from greensdk.measure.cputime import find_host_clock; print(*find_host_clock())"
        script = 'mount -t tmpfs none /sys/fs/cgroup && mount --bind "$0" /proc/stat && exec "$1" -c "$2"'
        target = str(tmp_path / "stat") if over == "a file" else over
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, target, sys.executable, code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.stdout.startswith("None ")
        assert "/proc/stat: something is mounted over it" in done.stdout
        assert "" == done.stderr
