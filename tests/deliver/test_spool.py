"""
The spool: a folder of the user's own, which no one else can read or fill.
"""

from __future__ import annotations

import json
import os
import stat
import warnings

import pytest

from greensdk.deliver import spool
from greensdk.deliver.lifecycle import Interval
from greensdk.errors import SinkError

ERROR = OSError("the disk is full")


def fill(records):
    """
    Keep records, each a number and the bucket that did not take it.
    """
    for number, bucket in records:
        spool.keep({"n": number}, f"s3://bucket/{bucket}", ERROR)


def test_records_wait_in_one_file_per_sink_with_its_uri():
    """
    In the order in which they came.
    """
    with pytest.warns(RuntimeWarning):
        fill([(0, "a"), (1, "a"), (9, "b"), (2, "a")])

    waiting = {
        uri: [json.loads(line)["n"] for line in path.read_text().splitlines()] for path, uri, _ in spool.waiting()
    }
    assert {"s3://bucket/a": [0, 1, 2], "s3://bucket/b": [9]} == waiting
    assert {"s3://bucket/a": 3, "s3://bucket/b": 1} == {uri: count for _, uri, count in spool.waiting()}


def test_it_is_its_owners_alone():
    """
    The folder, the records and the URIs.
    """
    with pytest.warns(RuntimeWarning):
        spool.keep({}, "s3://bucket/a", ERROR)

    files = list(spool.folder().iterdir())
    assert 2 == len(files)
    assert 0o700 == stat.S_IMODE(spool.folder().stat().st_mode)
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in files}


def test_nothing_waits_where_nothing_failed():
    """
    The folder is not made by looking.
    """
    assert [] == spool.waiting()
    assert not spool.folder().exists()


def test_the_user_is_told_once_of_each_sink():
    """
    With the reason, and where the records are.
    """
    with pytest.warns(RuntimeWarning) as caught:
        fill([(0, "a"), (1, "b"), (2, "a"), (3, "b")])

    assert 2 == len(caught)
    assert f"could not write to s3://bucket/a: {ERROR}; the records are in {spool.folder()}" in str(caught[0].message)


def test_where_warnings_are_errors_it_stays_silent():
    """
    Never a reason to raise into a call.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spool.keep({}, "a", ERROR)

    assert [1] == [count for _, _, count in spool.waiting()]


def lay_link(place, elsewhere):
    """
    Put a link to `elsewhere` where the spool should be.
    """
    place.symlink_to(elsewhere)


def lay_file(place, elsewhere):
    """
    Put a file where the spool should be.
    """
    place.touch()


def give_away(place, elsewhere):
    """
    Put somebody else's folder where the spool should be.
    """
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    place.mkdir()
    os.chown(place, 12345, 12345)


@pytest.fixture
def elsewhere(tmp_path):
    """
    Return somebody else's folder, with a record in it.
    """
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "planted.jsonl").write_text("{}\n")
    return folder


PREPARE = pytest.mark.parametrize("prepare", [lay_link, lay_file, give_away])


@PREPARE
def test_where_the_usual_folder_is_taken_there_is_another(tmp_path, elsewhere, prepare):
    """
    In the user's own state directory, private as well; nothing is written to the other, and nothing read there.
    """
    usual = spool.folder()
    prepare(usual, elsewhere)
    with pytest.warns(RuntimeWarning, match=f"the records are in {tmp_path}/state/greensdk/spool/"):
        spool.keep({}, "a", ERROR)

    assert tmp_path / "state" / "greensdk" / "spool" == spool.folder() != usual
    assert 0o700 == stat.S_IMODE(spool.folder().stat().st_mode)
    assert [("a", 1)] == [(uri, count) for _, uri, count in spool.waiting()]
    assert ["planted.jsonl"] == os.listdir(elsewhere)
    assert not usual.is_dir() or usual.is_symlink() or [] == os.listdir(usual)


@PREPARE
def test_where_both_are_taken_the_loss_is_told(elsewhere, prepare):
    """
    Nothing is written there and nothing read from there.
    """
    for _ in range(2):
        spool.folder().parent.mkdir(parents=True, exist_ok=True)
        prepare(spool.folder(), elsewhere)
    with pytest.warns(RuntimeWarning, match="greensdk lost records for a: the disk is full; nor could the spool"):
        spool.keep({}, "a", ERROR)

    assert [] == spool.waiting()
    assert ["planted.jsonl"] == os.listdir(elsewhere)


def test_a_spool_that_is_full_says_so(monkeypatch):
    """
    An outage must not fill the disk; when somebody has made room, it goes on.
    """
    monkeypatch.setattr(spool, "LIMIT_BYTES", 100)
    monkeypatch.setattr(spool, "_look", Interval(0.0))
    caught = pytest.warns(RuntimeWarning)
    with caught as warned:
        for number in range(50):
            spool.keep({"n": number}, "a", ERROR)
    (path, *_), *_ = spool.waiting()

    assert 100 <= path.stat().st_size < 120
    assert f"{spool.folder()} is full (0 MiB): greensdk doctor shows what waits there" in str(warned[-1].message)
    assert 2 == len(warned)
    with pytest.raises(SinkError, match="is full"):
        spool.begin("a", "key")
    path.unlink()
    spool.keep({"n": 50}, "a", ERROR)
    assert [1] == [count for *_, count in spool.waiting()]


def test_a_note_that_cannot_be_read_costs_no_other_batch():
    """
    A disk has crashed.
    """
    with pytest.warns(RuntimeWarning):
        fill([(0, "a"), (1, "b")])
    path = next(path for path, uri, _ in spool.waiting() if uri.endswith("a"))
    path.with_suffix(".sink").write_bytes(b"\xff\xfe")

    assert {("?", 1), ("s3://bucket/b", 1)} == {(uri, count) for _, uri, count in spool.waiting()}
    assert [path.stem] == [batch.path.name[:12] for batch in spool.claim("s3://bucket/a")]
