"""
The spool: a folder of the user's own, which nobody else can read or fill.
"""

from __future__ import annotations

import json
import os
import stat
import warnings

import pytest

from greensdk.deliver import spool

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
    with pytest.warns(RuntimeWarning) as told:
        fill([(0, "a"), (1, "b"), (2, "a"), (3, "b")])

    assert 2 == len(told)
    assert f"could not write to s3://bucket/a: {ERROR}; the records are in {spool.folder()}" in str(told[0].message)


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


@pytest.mark.parametrize("prepare", [lay_link, lay_file, give_away])
def test_what_is_not_the_users_own_folder_is_refused(tmp_path, prepare):
    """
    Nothing is written there and nothing read from there, and the loss is told.
    """
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "planted.jsonl").write_text("{}\n")
    prepare(spool.folder(), elsewhere)

    with pytest.warns(RuntimeWarning, match="greensdk lost records for a: the disk is full; nor could the spool"):
        spool.keep({}, "a", ERROR)

    assert [] == spool.waiting()
    assert ["planted.jsonl"] == os.listdir(elsewhere)
    assert not spool.folder().is_dir() or spool.folder().is_symlink() or [] == os.listdir(spool.folder())
