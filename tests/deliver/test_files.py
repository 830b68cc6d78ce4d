"""
Folders and files that greensdk makes are the user's alone, whatever the umask.
"""

from __future__ import annotations

import os
import stat

import pytest

from greensdk.deliver import spool
from greensdk.deliver.files import make_private, open_private, own_folder
from greensdk.deliver.sinks import JsonlSink
from greensdk.errors import SinkError

UMASKS = pytest.mark.parametrize("mask", [0o000, 0o022, 0o777], ids=oct)


@pytest.fixture
def umask():
    """
    Return a function that sets the umask until the test ends.
    """
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def modes(folder) -> dict[str, int]:
    """
    Return the modes of a folder and of everything in it.
    """
    return {
        str(path.relative_to(folder.parent)): stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))
    }


@UMASKS
def test_a_log_and_the_folders_made_for_it_are_private(tmp_path, umask, mask):
    """
    A folder that was there keeps its mode.
    """
    (tmp_path / "mine").mkdir(mode=0o755)
    umask(mask)
    JsonlSink(str(tmp_path / "mine" / "runs" / "today" / "energy.jsonl")).emit({})

    assert {
        "mine": 0o755,
        "mine/runs": 0o700,
        "mine/runs/today": 0o700,
        "mine/runs/today/energy.jsonl": 0o600,
    } == modes(tmp_path / "mine")


@UMASKS
def test_the_spool_is_private(umask, mask):
    """
    Its folder, its records and its notes.
    """
    umask(mask)
    spool.add("s3://bucket/a", [b"{}\n"])
    spool.begin("s3://bucket/a", "key").release()

    assert {0o700} == {mode for name, mode in modes(spool.folder()).items() if "/" not in name}
    assert [0o600] * 4 == [mode for name, mode in modes(spool.folder()).items() if "/" in name]


@UMASKS
def test_the_numbers_for_a_pushgateway_are_private(umask, mask):
    """
    Also where they are the first to need the spool.
    """
    from greensdk_prometheus import groups

    umask(mask)
    group = groups.take("http://gateway:9091", "job", "instance")
    group.save({})
    name = spool.folder().name

    assert {name: 0o700, f"{name}/prometheus": 0o700} | {
        f"{name}/prometheus/{group.path.with_suffix(suffix).name}": 0o600 for suffix in (".json", ".lock")
    } == modes(spool.folder())


def test_a_spool_that_others_may_look_into_is_closed_to_them(umask):
    """
    As earlier versions have made it.
    """
    umask(0)
    spool.folder().mkdir(mode=0o777)
    spool.add("s3://bucket/a", [b"{}\n"])

    assert 0o700 == stat.S_IMODE(spool.folder().stat().st_mode)


def test_an_existing_file_keeps_its_mode_and_its_content(tmp_path):
    """
    Its owner may have let others read it.
    """
    path = tmp_path / "energy.jsonl"
    path.write_text("before\n")
    path.chmod(0o644)
    fd = open_private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, b"after\n")
    os.close(fd)

    assert ("before\nafter\n", 0o644) == (path.read_text(), stat.S_IMODE(path.stat().st_mode))
    with pytest.raises(FileExistsError):
        open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


def test_a_file_in_the_way_of_a_folder_is_an_error(tmp_path):
    """
    At any depth.
    """
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        make_private(tmp_path / "file" / "runs")
    with pytest.raises(SinkError, match="remove it"):
        own_folder(tmp_path / "file")
