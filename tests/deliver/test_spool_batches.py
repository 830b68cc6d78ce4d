"""
Batches of the spool: whole lines, one holder at a time, nothing lost when two come at once.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from greensdk import SinkError
from greensdk.deliver import spool

URI = "s3://bucket/runs"
ERROR = OSError("no route")


def lines(batch) -> list[dict]:
    """
    Return the records of a batch.
    """
    return [json.loads(line) for line in batch.path.read_text().splitlines()]


def python(code: str, *arguments: str, tmp_path) -> subprocess.Popen:
    """
    Start a script with its temp directory in the test's.
    """
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_batch_is_its_process_alone_until_it_lets_go():
    """
    While it is held it is not claimed, and not listed as waiting.
    """
    batch = spool.begin(URI, "the/key.jsonl")
    batch.append(b'{"n":1}\n')
    assert [] == list(spool.claim(URI))
    assert [] == spool.waiting()

    batch.release()
    batch.release()
    assert [(batch.path, URI, 1)] == spool.waiting()
    (claimed,) = spool.claim(URI)
    assert ("the/key.jsonl", [{"n": 1}]) == (claimed.key, lines(claimed))
    assert [] == list(spool.claim(URI))
    claimed.remove()
    assert [] == list(spool.folder().iterdir())


def test_a_batch_and_its_note_are_their_owners_alone():
    """
    Whatever the umask.
    """
    old = os.umask(0)
    try:
        spool.begin(URI, "key").release()
    finally:
        os.umask(old)

    assert [0o600, 0o600] == [stat.S_IMODE(path.stat().st_mode) for path in spool.folder().iterdir()]
    assert 0o700 == stat.S_IMODE(spool.folder().stat().st_mode)


def test_batches_are_claimed_in_the_order_of_their_birth_and_by_their_sink_alone():
    """
    Another sink's stay where they are.
    """
    for number in range(5):
        batch = spool.begin(URI, f"{number}")
        batch.append(b"{}\n")
        batch.release()
    spool.begin("s3://bucket/others", "x").release()

    claimed = list(spool.claim(URI))
    assert ["0", "1", "2", "3", "4"] == [batch.key for batch in claimed]


def test_what_a_sink_refused_is_claimed_under_a_name_of_its_own():
    """
    What is refused meanwhile goes to a new file, and is claimed next.
    """
    with pytest.warns(RuntimeWarning, match="no route"):
        spool.keep({"n": 0}, URI, ERROR)
    (first,) = spool.claim(URI)
    spool.keep({"n": 1}, URI, ERROR)
    (second,) = spool.claim(URI)

    assert [(None, [{"n": 0}]), (None, [{"n": 1}])] == [(batch.key, lines(batch)) for batch in (first, second)]
    first.release()
    assert [(first.path, URI, 1)] == spool.waiting()


DIES = """
import sys, time
from greensdk.deliver import spool
batch = spool.begin("s3://bucket/runs", "key")
batch.append(b'{"n":1}\\n')
batch.append(b'{"n":2}\\n')
print("there", flush=True)
time.sleep(60)
"""


def test_what_a_killed_process_held_is_there_to_be_claimed(tmp_path):
    """
    The kernel lets go of its lock.
    """
    with python(DIES, tmp_path=tmp_path) as process:
        assert "there\n" == process.stdout.readline()
        assert [] == list(spool.claim(URI))
        process.send_signal(signal.SIGKILL)

    (batch,) = spool.claim(URI)
    assert [{"n": 1}, {"n": 2}] == lines(batch)


@pytest.mark.parametrize(("torn", "left"), [(b'{"n":1}\n{"n', b'{"n":1}\n'), (b'{"n', b""), (b"", b"")])
def test_a_line_that_a_crash_has_torn_is_cut_off(torn, left):
    """
    What is delivered are whole lines.
    """
    batch = spool.begin(URI, "key")
    batch.release()
    batch.path.write_bytes(torn)

    (claimed,) = spool.claim(URI)
    assert (left, len(left)) == (claimed.path.read_bytes(), claimed.size_bytes)


FULL = """
import resource, signal
from greensdk import SinkError
from greensdk.deliver import spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
batch = spool.begin("s3://bucket/runs", "key")
batch.append(b'{"n":1}\\n')
resource.setrlimit(resource.RLIMIT_FSIZE, (12, resource.RLIM_INFINITY))
try:
    batch.append(b'{"n":22}\\n')
except SinkError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
batch.append(b'{"n":3}\\n')
"""


def test_a_line_for_which_there_is_no_room_leaves_no_half(tmp_path):
    """
    The next one stands on a line of its own.
    """
    pytest.importorskip("resource")
    with python(FULL, tmp_path=tmp_path) as process:
        said = process.stdout.read()

    assert "wrote 4 of 9 bytes" in said
    (batch,) = spool.claim(URI)
    assert [{"n": 1}, {"n": 3}] == lines(batch)


KEEPS = """
import sys, warnings
from greensdk.deliver import spool
warnings.simplefilter("ignore")
sys.stdin.readline()
for number in range(100):
    spool.keep({"who": int(sys.argv[1]), "n": number}, "s3://bucket/runs", OSError())
"""


def test_nothing_is_lost_while_some_keep_and_others_claim(tmp_path):
    """
    Every record of five processes is claimed once.
    """
    processes = [python(KEEPS, str(who), tmp_path=tmp_path) for who in range(5)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    found = []
    running = True
    while running:
        running = any(process.poll() is None for process in processes)
        for batch in spool.claim(URI):
            found += [(record["who"], record["n"]) for record in lines(batch)]
            batch.remove()
    for process in processes:
        process.communicate()

    assert sorted((who, n) for who in range(5) for n in range(100)) == sorted(found)


def test_a_note_without_records_is_swept_away_when_it_is_old():
    """
    A process died between its two deletions; a young one may be about to be filled.
    """
    spool.begin(URI, "key").release()
    place = spool.folder()
    for name, age_s in (("old.sink", 2 * spool.STALE_S), ("old.new", 2 * spool.STALE_S), ("young.sink", 0)):
        (place / name).touch()
        os.utime(place / name, (time.time() - age_s,) * 2)
    kept = {path.name for path in place.iterdir()} - {"old.sink", "old.new"}
    list(spool.claim("s3://bucket/another"))

    assert kept == {path.name for path in place.iterdir()}


def test_where_the_folder_is_a_link_nothing_begins_and_nothing_is_claimed(tmp_path):
    """
    Somebody else may have laid it.
    """
    (tmp_path / "theirs").mkdir()
    (tmp_path / "state" / "greensdk").mkdir(parents=True)
    for _ in range(2):  # the second place, too
        spool.folder().symlink_to(tmp_path / "theirs")

    with pytest.raises(SinkError, match="is a link or belongs to somebody else"):
        spool.begin(URI, "key")
    assert [] == list(spool.claim(URI))
