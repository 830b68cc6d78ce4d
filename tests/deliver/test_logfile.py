"""
A log that moves under a running program: every record is in a file at the path, in the file as it was moved, or in the
spool.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import greensdk
from greensdk import SinkError, energy_tracked
from greensdk.deliver import logfile, spool
from greensdk.deliver.logfile import LogFile
from greensdk.deliver.sinks import JsonlSink


@pytest.fixture
def log(tmp_path):
    """
    Return a path in a folder of its own.
    """
    return tmp_path / "runs" / "energy.jsonl"


@pytest.fixture
def at_once(monkeypatch):
    """
    Look at the path before each record.
    """
    monkeypatch.setattr(logfile, "CHECK_EVERY_S", 0.0)


def numbers(path) -> list[int]:
    """
    Return the numbers of a file's records.
    """
    return [json.loads(line)["n"] for line in path.read_text().splitlines()]


def fill(sink, *values) -> None:
    """
    Emit a record for each number.
    """
    for value in values:
        sink.emit({"n": value})


def renamed(log) -> None:
    """
    Be logrotate, which renames.
    """
    log.rename(log.with_suffix(".1"))


def renamed_and_made(log) -> None:
    """
    Be logrotate with ``create``.
    """
    renamed(log)
    log.touch(0o640)


def removed(log) -> None:
    """
    Be somebody who cleans up.
    """
    log.unlink()


def without_folder(log) -> None:
    """
    Be somebody who cleans up thoroughly.
    """
    shutil.rmtree(log.parent)


def replaced_by_link(log) -> None:
    """
    Be somebody who has the log elsewhere from now on.
    """
    log.unlink()
    log.symlink_to(log.parent.parent / "elsewhere.jsonl")


def emptied(log) -> None:
    """
    Be logrotate with ``copytruncate``.
    """
    shutil.copy(log, log.with_suffix(".1"))
    os.truncate(log, 0)


WAYS = pytest.mark.parametrize(
    "move", [renamed, renamed_and_made, removed, without_folder, replaced_by_link, emptied], ids=lambda f: f.__name__
)


@WAYS
def test_what_comes_after_a_move_is_at_the_path(log, at_once, move):
    """
    Whatever was done to it.
    """
    sink = JsonlSink(str(log))
    fill(sink, 0)
    move(log)
    fill(sink, 1, 2)
    sink.close()

    assert [1, 2] == [number for number in numbers(log) if number]


@WAYS
def test_nothing_is_lost_between_two_looks(log, move):
    """
    What went to a removed file in the meantime is written once more; a renamed one has it.
    """
    sink = JsonlSink(str(log))
    fill(sink, 0)
    sink._file.look_s = 0.0
    fill(sink, 1)
    move(log)
    fill(sink, 2, 3)
    sink._file.look_s = 0.0
    fill(sink, 4)
    sink.close()

    rotated = log.with_suffix(".1")
    found = (numbers(rotated) if rotated.exists() else []) + numbers(log)
    assert [2, 3, 4] == [number for number in found if number > 1]


@pytest.mark.parametrize("move", [removed, without_folder], ids=lambda f: f.__name__)
def test_the_end_of_the_process_is_a_look(log, move):
    """
    However short its life.
    """
    code = (
        "import sys\nfrom greensdk import energy_tracked\n"
        "work = energy_tracked(sink=sys.argv[1], monitors=[])(lambda: None)\n"
        "work()\nprint('ready', flush=True)\nsys.stdin.readline()\nfor _ in range(100): work()\n"
    )
    words = [sys.executable, "-c", code, str(log)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert "ready\n" == process.stdout.readline()
        move(log)
        process.communicate("\n")

    assert 100 <= len(log.read_text().splitlines()) <= 101


def test_a_log_that_is_gone_at_the_end_stays_gone(log):
    """
    With nothing to write there is nothing to make.
    """
    sink = JsonlSink(str(log))
    fill(sink, 0)
    sink._file._is_elsewhere()
    removed(log)
    sink.close()

    assert not log.exists()


def made_a_folder(log) -> None:
    """
    Put a folder in the log's place.
    """
    log.unlink()
    log.mkdir()


def made_a_pipe(log) -> None:
    """
    Put a named pipe in the log's place.
    """
    log.unlink()
    os.mkfifo(log)


def put_a_file_in_the_way(log) -> None:
    """
    Put a file in the place of the log's folder.
    """
    shutil.rmtree(log.parent)
    log.parent.write_text("")


def clear(folder) -> None:
    """
    Remove whatever is in the place of a folder.
    """
    shutil.rmtree(folder) if folder.is_dir() else folder.unlink()


@pytest.mark.parametrize("move", [made_a_folder, made_a_pipe, put_a_file_in_the_way], ids=lambda f: f.__name__)
def test_where_no_file_can_be_the_spool_has_the_records(log, at_once, move):
    """
    Told once; when a file can be there again, it is.
    """

    @energy_tracked(sink=str(log), monitors=[])
    def work():
        return 7

    work()
    move(log)
    with pytest.warns(RuntimeWarning, match="the records are in") as caught:
        assert [7] * 3 == [work() for _ in range(3)]
    # With the one that was in the removed file.
    assert (1, [4]) == (len(caught), [count for *_, count in spool.waiting()])

    clear(log.parent)
    work()
    assert 1 == len(log.read_text().splitlines())


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder"])
def test_what_is_no_file_is_refused(tmp_path, kind):
    """
    At once: the pipe may have no reader.
    """
    import socket

    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX) as server:
        {"pipe": os.mkfifo, "socket": lambda path: server.bind(str(path)), "folder": Path.mkdir}[kind](path)
        with pytest.raises(SinkError, match=f"{path}: "):
            JsonlSink(str(path))


def test_a_pipe_as_the_log_hangs_nobody(tmp_path):
    """
    The records wait, and the line says what is wrong.
    """
    os.mkfifo(tmp_path / "pipe")
    with pytest.warns(RuntimeWarning, match="pipe: is a pipe or a device, and no file"):
        assert 7 == energy_tracked(sink="pipe", monitors=[])(lambda: 7)()

    assert [1] == [count for *_, count in spool.waiting()]


def descriptors() -> int:
    """
    Return how many descriptors this process has.
    """
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux lists a process's descriptors")
def test_a_path_is_opened_once_however_many_specifications_name_it(tmp_path):
    """
    Functions decorated in a loop, each with a label of its own.
    """
    before = descriptors()
    for number in range(300):
        energy_tracked(label=f"step-{number}", sink="energy.jsonl", monitors=[])(lambda: 1)()
    assert descriptors() <= before + 1
    greensdk.reset()

    assert before == descriptors()
    assert 300 == len((tmp_path / "energy.jsonl").read_text().splitlines())


def test_the_file_stays_open_for_those_who_still_use_it(log):
    """
    One that is closed twice is closed once.
    """
    first, second = JsonlSink(str(log)), JsonlSink(f"file:{log}")
    first.close()
    first.close()
    fill(second, 1)
    second.close()

    assert [1] == numbers(log)
    with pytest.raises(SinkError, match="Bad file descriptor"):
        fill(second, 2)


def test_a_moved_log_is_made_private_again(log, at_once):
    """
    As at its birth, with its folder.
    """
    sink = JsonlSink(str(log))
    without_folder(log)
    fill(sink, 1)
    sink.close()

    assert (0o600, 0o700) == (stat.S_IMODE(log.stat().st_mode), stat.S_IMODE(log.parent.stat().st_mode))


def test_looking_takes_no_descriptor_number_away_from_others(log, at_once):
    """
    Another thread may be writing to the number at this moment: it stays the log's.
    """
    file = LogFile.shared(str(log))
    before = file.look()
    renamed(log)

    assert before == file.look()
    assert os.path.samestat(os.fstat(before), os.stat(log))
    assert not os.get_inheritable(before)
    file.close()


def test_a_forked_child_writes_to_the_same_file(log):
    """
    It needs no descriptor more than its parent has.
    """
    sink = JsonlSink(str(log))
    pid = os.fork()
    if pid == 0:
        fill(sink, 1)
        other = JsonlSink(str(log))
        os._exit(0 if other._file is sink._file else 1)
    assert 0 == os.waitpid(pid, 0)[1]
    fill(sink, 2)
    sink.close()

    assert [1, 2] == numbers(log)
