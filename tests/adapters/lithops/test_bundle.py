"""
What a runtime without greensdk gets: one object with its modules, and the code that loads it.
"""

from __future__ import annotations

import marshal
import os
import pickle
import subprocess
import sys
import zlib
from types import CodeType, SimpleNamespace

import cloudpickle
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("lithops")

from greensdk_lithops import first
from greensdk_lithops.begin import PREFIX, Beginning
from greensdk_lithops.bundle import Bundle, bundle, imported, without_columns
from greensdk_lithops.bundled import Bundled, keep
from greensdk_lithops.shipping import modules_of

from greensdk.configure.config import resolve

LIMIT_BYTES = 400_000
ROOTS = frozenset(modules_of(resolve({})))


class Storage:
    """
    As much of Lithops' storage as a bundle uses.
    """

    bucket, backend = "bucket", "localhost"

    def __init__(self):
        self.objects, self.puts, self.gets = {}, 0, 0

    def get_client(self):
        """
        Return what the backend's library offers.
        """

    def head_object(self, bucket, key):
        """
        Raise an error of its own kind if there is no such object.
        """
        return {"content-length": len(self.objects[bucket, key])}

    def put_object(self, bucket, key, body):
        """
        Store an object.
        """
        self.puts += 1
        self.objects[bucket, key] = body

    def get_object(self, bucket, key):
        """
        Return an object.
        """
        self.gets += 1
        return self.objects[bucket, key]


class Runner:
    """
    What unpickles a function in a worker: a stand-in for Lithops' job runner.
    """

    jobrunner_conn = None

    def __init__(self, storage):
        self.internal_storage = SimpleNamespace(storage=storage)
        self.lines = []
        self.stats = SimpleNamespace(write=lambda *line: self.lines.append(line))

    def run(self, pickled):
        """
        Unpickle a function, as Lithops' job runner does in its method of this name.
        """
        return pickle.loads(pickled)


@pytest.fixture
def storage():
    """
    Return an empty storage.
    """
    return Storage()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """
    Return the folder of a worker's bundles, in a temp directory of its own.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield tmp_path / f"greensdk-code-{os.getuid()}"
    sys.meta_path[:] = [
        finder for finder in sys.meta_path if not hasattr(finder, "packed") and type(finder).__name__ != "Bundled"
    ]


def beginning(storage, *installed):
    """
    Return what a client puts before a function, for a runtime with some packages.
    """
    runtime = {"preinstalls": [[name, True] for name in installed]}
    executor = SimpleNamespace(
        invoker=SimpleNamespace(select_runtime=lambda *_: runtime), internal_storage=SimpleNamespace(storage=storage)
    )
    made = Beginning(executor, set(ROOTS), None)
    made.sends = True
    return made


def test_everything_that_auto_may_open_is_small_enough():
    """
    With the tables of CPUs, of which a worker reads one, and without what only reads, reports and prints.
    """
    found = bundle(ROOTS)
    assert len(found.packed) < LIMIT_BYTES
    assert {"greensdk_rapl", "greensdk_psutil_tdp.data.intel", "greensdk_lithops.executor"} <= found.sources.keys()
    assert not {name for name in found.sources if name.startswith(("greensdk.report", "greensdk.cli"))}


def test_imports_for_types_alone_are_not_followed():
    """
    Those inside functions are, and those of several lines.
    """
    source = (
        "from greensdk import errors\nif TYPE_CHECKING:\n    import greensdk.logs\n\n    from greensdk import cli\n\n"
        "def f():\n    import greensdk.sink\n    from greensdk.deliver import (\n        keys,\n    )\n"
    )
    assert {"greensdk", "greensdk.errors", "greensdk.sink", "greensdk.deliver", "greensdk.deliver.keys"} == set(
        imported(source)
    )


def lines_of(code):
    """
    Return the line of each instruction, of the functions inside too.
    """
    own = [line for start, end, line in code.co_lines() for _ in range(start, end, 2)]
    return [own, *(lines_of(part) for part in code.co_consts if isinstance(part, CodeType))]


@given(st.lists(st.integers(0, 300), max_size=20))
def test_code_without_columns_keeps_its_lines(gaps):
    """
    Whatever lies between two of them, backwards too.
    """
    text = "".join("\n" * gap + f"value = [x + {gap}\n  for x in (1, {gap})\n  if x]\n" for gap in gaps)
    code = compile(text, "module", "exec")
    assert lines_of(code) == lines_of(without_columns(code))
    assert {None} == {column for *_, start, end in without_columns(code).co_positions() for column in (start, end)}


def test_a_bundle_is_known_by_its_sources():
    """
    Not by how it was compiled, which differs from process to process: else it would be stored again and again.
    """
    one = Bundle({"a": (False, "x = 1")})
    assert [True, False] == [
        one.digest == Bundle({"a": (False, "x = 1")}).digest,
        one.digest == Bundle({"a": (False, "x = 2")}).digest,
    ]


def test_a_bare_runtime_gets_the_bundle_once_per_worker(storage, place):
    """
    Stored once for all jobs; taken from storage by a worker's first call, and from its folder by the next.
    """
    pickled = [cloudpickle.dumps(beginning(storage)) for _ in range(2)]
    for each in pickled:
        runner = Runner(storage)
        runner.run(each)
        assert [] == runner.lines
        assert "Bundled" == type(sys.meta_path.pop()).__name__
    assert [1, 1] == [storage.puts, storage.gets]
    assert [0o700, 1] == [place.stat().st_mode & 0o777, len(list(place.iterdir()))]


@pytest.mark.parametrize("spoilt", ["others may write", "a link", "cut short"])
def test_a_folder_that_others_could_have_filled_is_not_used(spoilt, storage, place, tmp_path):
    """
    Nor a file that is not whole; the call reads from storage, and is measured.
    """
    pickled = cloudpickle.dumps(beginning(storage))
    ((_, key),) = storage.objects
    if spoilt == "a link":
        (tmp_path / "elsewhere").mkdir(0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.mkdir(0o700)
        (place / key.removeprefix(f"{PREFIX}/")).write_bytes(b"\xe3" if spoilt == "cut short" else marshal.dumps({}))
        place.chmod(0o777 if spoilt == "others may write" else 0o700)
    runner = Runner(storage)
    runner.run(pickled)
    assert [[], 1, "Bundled"] == [runner.lines, storage.gets, type(sys.meta_path[-1]).__name__]


def test_where_nothing_can_be_written_a_call_reads_from_storage(storage, tmp_path, monkeypatch):
    """
    And what was half written is not left behind.
    """
    keep(str(tmp_path / "missing" / "bundle"), b"x")
    (tmp_path / "taken").mkdir()
    keep(str(tmp_path / "taken"), b"x")
    assert ["taken"] == [path.name for path in tmp_path.iterdir()]


def test_a_runtime_with_greensdk_gets_nothing(storage):
    """
    Neither does one to which nothing may be sent.
    """
    assert None is beginning(storage, "greensdk", "greensdk_lithops").key
    silent = beginning(storage)
    silent.sends = False
    assert [None, 0] == [silent.key, storage.puts]


def test_a_worker_says_why_it_has_no_greensdk(storage, place):
    """
    In one line: another version of bytecode, or an object that is gone.
    """
    runner = Runner(storage)
    pickled = cloudpickle.dumps(beginning(storage))
    storage.objects.clear()
    runner.run(pickled)
    ((key, text),) = runner.lines
    assert [first.MISSING_KEY, True, 1] == [key, text.startswith("KeyError"), len(text.splitlines())]


def test_an_answer_that_breaks_off_is_asked_for_again(storage, place):
    """
    By the worker, for a function whose module imports greensdk can't be loaded without.
    """
    pickled = cloudpickle.dumps(beginning(storage))
    answers = iter([TimeoutError, TimeoutError])
    whole = storage.get_object

    def broken(bucket, key):
        for error in answers:
            raise error
        return whole(bucket, key)

    storage.get_object = broken
    runner = Runner(storage)
    runner.run(pickled)
    assert [[], "Bundled"] == [runner.lines, type(sys.meta_path[-1]).__name__]


def test_a_client_whose_storage_refuses_says_so_once(storage):
    """
    And runs the job: its calls are unmeasured.
    """

    def refuse(*_):
        raise PermissionError("no\nway")

    storage.put_object = refuse
    with pytest.warns(match="can't be sent to workers that lack it"):
        assert None is beginning(storage).key


def test_elsewhere_than_in_a_worker_nothing_begins(storage):
    """
    A client that unpickles its own function keeps its modules and its garbage collection.
    """
    before = [*sys.meta_path]
    pickle.loads(cloudpickle.dumps(beginning(storage)))
    assert before == sys.meta_path


def test_the_loader_names_the_module_that_was_not_sent(storage):
    """
    And what to do; what isn't greensdk's is not its business.
    """
    modules = marshal.loads(zlib.decompress(Bundle({"greensdk": (True, ""), "greensdk.a": (False, "X = 1")}).packed))
    loader = Bundled(modules, "digest")
    assert None is loader.find_spec("elsewhere")
    assert "greensdk.a" == loader.find_spec("greensdk.a").name
    with pytest.raises(ModuleNotFoundError, match=r"greensdk\.report is not among .*include_modules"):
        loader.find_spec("greensdk.report")
    assert modules == marshal.loads(zlib.decompress(loader.packed))


def test_workers_in_images_are_warm_and_others_are_not(tmp_path):
    """
    By a line in a ``.pth`` file, which runs when Python starts: only where Lithops says that a pod runs calls.
    """
    (tmp_path / "x.pth").write_text("import greensdk_lithops.start\n")
    code = (
        f"import site, sys; site.addsitedir({str(tmp_path)!r}); import gc\n"
        "print('greensdk.measure.build' in sys.modules, gc.get_freeze_count() > 0)"
    )
    for action, expected in (("run_job", "True True"), ("get_metadata", "False False")):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env={**os.environ, "ACTION": action}, capture_output=True, text=True, check=True)
        assert expected == done.stdout.strip()
