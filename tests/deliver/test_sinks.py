"""
Sinks: whole lines whoever writes, nothing lost silently.
"""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk import SinkError, energy_tracked
from greensdk.configure.uris import path_of, scheme_of
from greensdk.deliver import spool
from greensdk.deliver.sinks import CallbackSink, JsonlSink, MemorySink, StdoutSink, memory

WRITERS = """
import os, sys
from greensdk.deliver.sinks import JsonlSink
path, writers, lines = sys.argv[1], *map(int, sys.argv[2:])
ready, go = os.pipe()
for writer in range(writers):
    if not os.fork():
        os.close(go)
        sink = JsonlSink(path)
        os.read(ready, 1)
        for number in range(lines):
            sink.emit({"writer": writer, "number": number, "label": "x" * (number % 300)})
        os._exit(0)
os.close(go)
sys.exit(any(os.wait()[1] for _ in range(writers)))
"""


def test_fifty_processes_share_one_file(tmp_path):
    """
    Every line is whole, and none is missing.
    """
    writers, lines = 50, 100
    path = tmp_path / "energy.jsonl"
    subprocess.run([sys.executable, "-c", WRITERS, str(path), str(writers), str(lines)], check=True)

    found = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert {(w, n) for w in range(writers) for n in range(lines)} == {(f["writer"], f["number"]) for f in found}
    assert writers * lines == len(found)


def test_the_file_is_its_owners_alone_and_its_folder_is_made(tmp_path):
    """
    Born readable and writable by the owner, whatever the umask.
    """
    old = os.umask(0)
    try:
        sink = JsonlSink(f"file:{tmp_path}/a/b/energy.jsonl")
    finally:
        os.umask(old)
    sink.emit({"n": 1})
    sink.flush()
    sink.close()
    sink.close()

    path = tmp_path / "a" / "b" / "energy.jsonl"
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert b'{"n":1}\n' == path.read_bytes()


def test_a_second_sink_appends(tmp_path):
    """
    What was there stays.
    """
    for number in range(2):
        sink = JsonlSink(str(tmp_path / "x.jsonl"), fsync=True)
        sink.emit({"n": number})
        sink.close()

    assert b'{"n":0}\n{"n":1}\n' == (tmp_path / "x.jsonl").read_bytes()


def test_a_file_that_can_not_be_opened_or_written_is_an_error_with_its_path(tmp_path):
    """
    A folder in its place, a file in the way, a descriptor that is gone, a disk that is full.
    """
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=f"{tmp_path}: Is a directory"):
        JsonlSink(str(tmp_path))
    with pytest.raises(SinkError, match=r"Not a directory|File exists"):
        JsonlSink(str(tmp_path / "file" / "x.jsonl"))
    sink = JsonlSink(str(tmp_path / "x.jsonl"))
    sink.close()
    with pytest.raises(SinkError, match=r"x\.jsonl: Bad file descriptor"):
        sink.emit({})
    if os.path.exists("/dev/full"):
        full = JsonlSink("/dev/full")
        with pytest.raises(SinkError, match="/dev/full: No space left on device"):
            full.emit({})
        full.close()


TORN = """
import resource, signal, sys
from greensdk import SinkError
from greensdk.deliver.sinks import JsonlSink

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sink = JsonlSink(sys.argv[1])
sink.emit({"n": 0})
limit(20)
try:
    sink.emit({"label": "longer than the disk has room for"})
except SinkError as error:
    print(error)
limit(resource.RLIM_INFINITY)
if sys.argv[2] == "same":
    sink.emit({"n": 1})
"""


@pytest.mark.parametrize("process", ["same", "next"])
def test_a_line_that_is_cut_short_is_told_and_spoils_no_other(tmp_path, process):
    """
    The next record is not glued to the torn one, whether this process writes it or one that comes later.
    """
    pytest.importorskip("resource")
    path = tmp_path / "x.jsonl"
    done = subprocess.run([sys.executable, "-c", TORN, str(path), process], capture_output=True, text=True, check=True)
    if process == "next":
        sink = JsonlSink(str(path))
        sink.emit({"n": 1})
        sink.close()

    assert f"{path}: wrote 12 of " in done.stdout
    assert ['{"n":0}', '{"label":"lo', '{"n":1}'] == path.read_text().splitlines()


def test_a_line_that_another_process_is_writing_is_not_taken_for_torn(tmp_path):
    """
    No empty line is put behind it.
    """
    path = tmp_path / "x.jsonl"
    path.write_text('{"half":')
    sink = JsonlSink(str(path))
    with path.open("a") as other:
        other.write("1}\n")
    sink.emit({"n": 1})
    sink.close()

    assert '{"half":1}\n{"n":1}\n' == path.read_text()


def test_memory_keeps_the_very_records():
    """
    The newest of them.
    """
    record = {"n": 1}
    sink = MemorySink()
    sink.emit(record)
    sink.flush()
    sink.close()

    assert record is memory[-1]


def test_stdout_gets_one_line_after_what_the_program_printed(capsys):
    """
    And stays open.
    """
    sink = StdoutSink()
    print("before")
    sink.emit({"label": "ü"})
    sink.flush()
    sink.close()
    print("after")

    assert 'before\n{"label":"ü"}\nafter\n' == capsys.readouterr().out


def test_stdout_in_another_encoding_loses_nothing(monkeypatch):
    """
    What it can't write is escaped.
    """
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    StdoutSink().emit({"label": "ü"})

    assert {"label": "ü"} == json.loads(raw.getvalue().decode("ascii"))


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("energy.jsonl", "file"),
        ("runs/a:b.jsonl", "file"),
        ("/tmp/x", "file"),
        ("C:\\x", "file"),
        ("file:x", "file"),
        ("stdout:", "stdout"),
        ("s3://b/x", "s3"),
        ("callback:module:function", "callback"),
        ("prometheus+http://h:9091", "prometheus+http"),
        ("", "file"),
    ],
)
def test_the_scheme_picks_the_sink(uri, scheme):
    """
    A bare path is a file, also where it has a colon.
    """
    assert scheme == scheme_of(uri)


@given(st.text(st.characters(exclude_characters=":\0", exclude_categories=["Cs"])))
def test_a_path_is_the_same_bare_and_as_a_uri(path):
    """
    Nothing in it is decoded.
    """
    assert path_of(path) == path_of(f"file:{path}")


def refused() -> str:
    """
    Return a path that can't be written to, root included.
    """
    with open("in-the-way", "w"):
        return "in-the-way/energy.jsonl"


def test_what_the_file_does_not_take_is_in_the_spool_and_told_once():
    """
    The calls' results are intact, and every record waits.
    """

    @energy_tracked(monitors=[], sink=refused(), label="kept")
    def work(n):
        return n + 1

    with pytest.warns(RuntimeWarning, match="greensdk could not write to in-the-way/energy") as caught:
        assert [1, 2, 3] == [work(n) for n in range(3)]

    assert 1 == len(caught)
    ((path, uri, count),) = spool.waiting()
    assert ("in-the-way/energy.jsonl", 3) == (uri, count)
    assert ["kept"] * 3 == [json.loads(line)["label"] for line in path.read_text().splitlines()]
    assert str(path) in str(caught[0].message)


def test_one_sink_that_fails_does_not_stop_the_other():
    """
    Each has its own fate.
    """

    @energy_tracked(monitors=[], sink=[refused(), "memory:"])
    def work():
        return 7

    with pytest.warns(RuntimeWarning, match="in-the-way"):
        assert 7 == work()
    assert [1] == [count for _, _, count in spool.waiting()]
    assert 1 == len(memory)


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_leads_to_the_spool(tmp_path, monkeypatch):
    """
    The default file is in a folder of somebody else.
    """
    folder = tmp_path / "theirs"
    folder.mkdir(0o500)
    monkeypatch.chdir(folder)

    with pytest.warns(RuntimeWarning, match=r"energy\.jsonl: .*Permission denied; the records are in"):
        assert 7 == energy_tracked(monitors=[], label="kept")(lambda: 7)()

    ((path, uri, count),) = spool.waiting()
    assert ("energy.jsonl", 1) == (uri, count)
    assert "kept" == json.loads(path.read_text())["label"]


CALLBACKS = """
taken = []

class Totals:
    joules = []

    @classmethod
    def add(cls, record):
        cls.joules.append(record["label"])

number = 7
"""


@pytest.fixture
def callbacks(tmp_path, monkeypatch):
    """
    Return a module of somebody's own, importable until the test ends.
    """
    (tmp_path / "my_callbacks.py").write_text(CALLBACKS)
    monkeypatch.syspath_prepend(tmp_path)
    import my_callbacks

    yield my_callbacks
    del sys.modules["my_callbacks"]


def test_a_callback_gets_each_record(callbacks):
    """
    A method of a class as well; both as sinks of one function, which stays plain enough to travel.
    """

    @energy_tracked(
        monitors=[], sink=["callback:my_callbacks:taken.append", "callback:my_callbacks:Totals.add"], label="x"
    )
    def work(n):
        return n

    assert [0, 1] == [work(n) for n in range(2)]
    assert ["x", "x"] == [record["label"] for record in callbacks.taken] == callbacks.Totals.joules


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("callback:", "expected callback:module:function"),
        ("callback:my_callbacks", "expected callback:module:function"),
        ("callback:my_callbacks:", "expected callback:module:function"),
        ("callback:my_callbacks:gone", "AttributeError: module 'my_callbacks' has no attribute 'gone'"),
        ("callback:my_callbacks:number", "number is no function"),
        ("callback:no_such_module:f", "ModuleNotFoundError: No module named 'no_such_module'; the module must be"),
    ],
)
def test_a_callback_that_is_not_there_is_told(callbacks, uri, problem):
    """
    In one line with the URI; the record waits in the spool.
    """
    with pytest.raises(SinkError) as caught:
        CallbackSink(uri)
    assert str(caught.value).startswith(f"{uri}: {problem}")
    with pytest.warns(RuntimeWarning, match="the records are in"):
        energy_tracked(monitors=[], sink=uri)(lambda: 7)()
    assert [(uri, 1)] == [(waiting, count) for _, waiting, count in spool.waiting()]


def test_a_callback_that_raises_costs_nobody_else_the_record(callbacks):
    """
    It is counted as not delivered; the call and the other sinks know nothing of it.
    """
    sinks = ["memory:", "callback:operator:truediv", "callback:my_callbacks:taken.append"]
    with pytest.warns(RuntimeWarning, match="callback:operator:truediv: truediv expected 2 arguments"):
        assert 7 == energy_tracked(monitors=[], sink=sinks)(lambda: 7)()

    assert 1 == len(memory) == len(callbacks.taken)
    assert ["callback:operator:truediv"] == [uri for _, uri, _ in spool.waiting()]
