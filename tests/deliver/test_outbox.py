"""
The outbox: batches are sealed when they should, delivered once, tried again when that helps, and never lost.
"""

from __future__ import annotations

import json
import os
import threading
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk import ConfigError, SinkError
from greensdk.deliver import lifecycle, spool
from greensdk.deliver.delivery import Refused
from greensdk.deliver.outbox import Limits, Outbox

URI = "s3://bucket/runs"
FOREVER_S = 600.0


class Shelf:
    """
    A place in memory that takes what it is given, after raising the errors that it was asked to raise.
    """

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked: list[str] = []
        self.taken: dict[str, list[dict]] = {}
        self.open = threading.Event()
        self.open.set()

    def key(self, record: dict, own: bool) -> str:
        """
        Call a batch after its first record.
        """
        return f"{record['record_id']}"

    def put(self, key: str, body) -> None:
        """
        Take a batch, unless it is there.
        """
        assert self.open.wait(30)
        self.asked.append(key)
        if self.errors:
            raise self.errors.pop(0)
        lines = body.read().splitlines()
        self.taken.setdefault(key, [json.loads(line) for line in lines if line.startswith(b"{")])

    def ids(self) -> list:
        """
        Return the ids of all records in the order in which they came.
        """
        return [record["record_id"] for records in self.taken.values() for record in records]


def fill_and_wait(box: Outbox, numbers) -> None:
    """
    Put records, and wait until the thread has died of what came of it.
    """
    fill(box, numbers)
    quiet(box)


@pytest.fixture
def make():
    """
    Return a function that makes outboxes, which are closed when the test ends.
    """
    made = []

    def new(shelf: Shelf, *, waits=False, interval_s=0.0, **limits) -> Outbox:
        wanted = Limits(**{"age_s": FOREVER_S, "budget_s": 30.0, **limits})
        made.append(Outbox(URI, shelf.key, shelf.put, wanted, waits=waits, interval_s=interval_s))
        return made[-1]

    yield new
    for each in made:
        each.forget()
        each.look()


def fill(box: Outbox, numbers, **more) -> None:
    """
    Put records of these numbers.
    """
    for number in numbers:
        box.put({"record_id": number, **more})


def threads() -> list[str]:
    """
    Return the names of the outboxes' threads.
    """
    return [thread.name for thread in threading.enumerate() if thread.name == "greensdk-outbox"]


def quiet(box: Outbox) -> None:
    """
    Wait until a box's thread has died.
    """
    until_s = monotonic() + 600
    while (thread := box._thread) is not None and monotonic() < until_s:
        thread.join(30)
    assert box._thread is None


def test_a_batch_goes_when_it_has_its_records(make):
    """
    The rest waits for more, or for the end.
    """
    shelf = Shelf()
    box = make(shelf, records=3)
    fill(box, range(7))
    assert box.flush()

    assert {"0": [0, 1, 2], "3": [3, 4, 5], "6": [6]} == {
        key: [record["record_id"] for record in records] for key, records in shelf.taken.items()
    }
    assert [] == list(spool.folder().iterdir())


def test_a_batch_goes_when_it_has_its_bytes(make):
    """
    A record longer than all of them is a batch of its own.
    """
    shelf = Shelf()
    box = make(shelf, size_bytes=100)
    fill(box, [0], label="x" * 200)
    fill(box, [1, 2])
    box.flush()

    assert ["0", "1"] == list(shelf.taken)


def test_a_batch_goes_when_it_is_old_enough_and_the_thread_dies_after_it(make):
    """
    No flush is needed, and nothing runs while nothing waits.
    """
    shelf = Shelf()
    box = make(shelf, age_s=0.05)
    assert [] == threads()
    fill(box, [0])
    quiet(box)

    assert ([0], []) == (shelf.ids(), threads())


@given(sizes=st.lists(st.integers(0, 300), max_size=40), most=st.integers(1, 10), size_bytes=st.integers(1, 2000))
def test_every_record_is_in_one_batch_in_its_place(sizes, most, size_bytes):
    """
    No batch has more records than it may, and all but its last record fit into its bytes.
    """
    shelf = Shelf()
    box = Outbox(URI, shelf.key, shelf.put, Limits(most, size_bytes, FOREVER_S, 30.0))
    for number, size in enumerate(sizes):
        box.put({"record_id": number, "label": "x" * size})
    box.close()

    assert list(range(len(sizes))) == shelf.ids()
    for records in shelf.taken.values():
        assert len(records) <= most
        assert sum(len(json.dumps(record, separators=(",", ":"))) + 1 for record in records[:-1]) < size_bytes


def test_putting_does_not_wait_for_the_place(make):
    """
    It stands still; the records are in the spool.
    """
    shelf = Shelf()
    shelf.open.clear()
    box = make(shelf, records=1)
    fill(box, range(5))
    assert [] == shelf.asked

    shelf.open.set()
    assert box.flush()
    assert [0, 1, 2, 3, 4] == shelf.ids()


def test_what_may_work_later_is_tried_again_under_the_same_key(make):
    """
    No warning comes.
    """
    shelf = Shelf(SinkError("busy"), OSError("reset"), SinkError("busy"))
    box = make(shelf)
    fill(box, range(3))
    assert box.flush()

    assert (["0"] * 4, [0, 1, 2]) == (shelf.asked, shelf.ids())


def test_a_refusal_is_not_tried_again_and_told_once(make):
    """
    All records wait for whoever comes next, with whatever is put meanwhile.
    """
    shelf = Shelf(*[Refused("there is no such bucket")] * 9)
    box = make(shelf, records=2)
    with pytest.warns(RuntimeWarning) as caught:
        fill_and_wait(box, range(2))
    fill(box, range(2, 7))

    assert ["0"] == shelf.asked
    assert [
        f"greensdk could not write to {URI}: there is no such bucket; the records are in {spool.folder()} (2 waiting)"
    ] == [str(warning.message) for warning in caught]
    with pytest.raises(SinkError, match=f"{URI}: there is no such bucket; the records are in "):
        box.close()
    assert 7 == sum(count for _, _, count in spool.waiting())

    later = Shelf()
    box = make(later)
    fill(box, [7])
    box.close()
    assert list(range(8)) == sorted(later.ids())
    assert [] == spool.waiting()


def test_an_outage_longer_than_the_budget_is_told_and_outlived(make, monkeypatch):
    """
    The same process delivers everything when the place answers again.
    """
    shelf = Shelf(*[SinkError("busy")] * 3)
    box = make(shelf, records=1, budget_s=0.0)
    with pytest.warns(RuntimeWarning, match="busy; the records are in"):
        fill_and_wait(box, [0])
    fill(box, [1])
    assert ["0"] == shelf.asked
    shelf.errors.clear()
    monkeypatch.setattr(box, "_retry_s", 0.0)
    fill(box, [2])
    quiet(box)

    assert [0, 1, 2] == sorted(shelf.ids())


def test_flushing_ends_with_the_budget(make):
    """
    The place does not answer at all; what is on its way stays in the spool.
    """
    shelf = Shelf()
    shelf.open.clear()
    box = make(shelf, budget_s=0.05)
    fill(box, [0])
    with pytest.raises(SinkError, match=r"no answer within 0\.05 s"):
        box.close()
    assert 1 == sum(path.suffix == ".jsonl" for path in spool.folder().iterdir())
    shelf.open.set()
    quiet(box)


def test_in_a_worker_the_outermost_record_brings_everything(make):
    """
    It is there when the call returns, in one object with what was recorded inside of it.
    """
    shelf = Shelf()
    box = make(shelf, waits=True)
    fill(box, [0, 1], depth=1)
    assert [] == shelf.asked
    fill(box, [2], depth=0)

    assert {"0": [0, 1, 2]} == {key: [each["record_id"] for each in batch] for key, batch in shelf.taken.items()}
    quiet(box)


def test_a_worker_with_many_calls_delivers_its_first_call_at_once_and_the_rest_at_its_end(make):
    """
    A thousand calls don't make a thousand objects.
    """
    shelf = Shelf()
    box = make(shelf, waits=True, interval_s=FOREVER_S)
    fill(box, range(4), depth=0)
    assert [0] == shelf.ids()

    box.close()
    assert ["0", "1"] == list(shelf.taken)


def test_in_a_worker_a_place_that_refused_does_not_hold_up_the_next_call(make):
    """
    It is not asked again for a while, and nothing is lost.
    """
    shelf = Shelf(*[Refused("no")] * 9)
    box = make(shelf, waits=True)
    with pytest.warns(RuntimeWarning, match="no; the records are in"):
        fill(box, range(3), depth=0)

    assert ["0"] == shelf.asked
    box.forget()
    assert 3 == sum(count for _, _, count in spool.waiting())


def test_what_others_left_behind_follows_what_got_through(make):
    """
    What was refused at the hand-over and batches of processes that are gone, each under the key that it always has.
    """
    with pytest.warns(RuntimeWarning, match="no route"):
        spool.keep({"record_id": "refused"}, URI, OSError("no route"))
    left = spool.begin(URI, "left/key")
    left.append(b'{"record_id":"left"}\n')
    left.release()
    spool.begin(URI, "empty").release()
    garbage = spool.begin(URI, "x")
    garbage.append(b"no record\n")
    garbage.release()
    garbage.path.with_suffix(".sink").write_text(URI)
    shelf = Shelf()
    box = make(shelf)
    fill(box, ["own"])
    assert box.flush()

    assert "own" == shelf.asked[0]
    assert {"own", "refused", "left/key"} < set(shelf.asked)
    assert {"own", "refused", "left"} == set(shelf.ids())
    assert 4 == len(shelf.taken)
    assert [] == list(spool.folder().glob("*.jsonl"))


def test_one_old_batch_that_is_refused_keeps_no_other_back(make):
    """
    Nor what this process puts later.
    """
    for name in ("bad", "good"):
        batch = spool.begin(URI, name)
        batch.append(b'{"record_id":"%s"}\n' % name.encode())
        batch.release()
    shelf = Shelf()
    box = make(shelf)

    def put(key, body):
        if key == "bad":
            raise Refused("too large")
        Shelf.put(shelf, key, body)

    box._deliver = put
    fill(box, [0])
    with pytest.warns(RuntimeWarning, match="too large"):
        assert box.flush()
    assert [0, "good"] == shelf.ids()
    assert [1] == [count for _, _, count in spool.waiting()]
    fill(box, [1])
    box.flush()

    assert [0, "good", 1] == shelf.ids()


def test_a_call_that_waits_delivers_one_old_batch_at_most(make):
    """
    A backlog is worked off call by call.
    """
    for number in range(3):
        batch = spool.begin(URI, f"old {number}")
        batch.append(b'{"record_id":"%d"}\n' % number)
        batch.release()
    shelf = Shelf()
    box = make(shelf, waits=True)
    for calls in (1, 2):
        fill(box, ["own"], depth=0)
        assert 2 * calls == len(shelf.asked)


def test_while_the_interpreter_goes_down_no_thread_is_needed(make, monkeypatch):
    """
    Since 3.12 none can be started then. A record that comes even later waits in the spool.
    """

    def refuse(thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    shelf = Shelf(SinkError("busy"))
    box = make(shelf)
    fill(box, [0])
    assert [] == shelf.asked
    box.close()

    assert (["0", "0"], [0]) == (shelf.asked, shelf.ids())


def test_a_forked_child_neither_delivers_nor_holds_what_is_its_parents(make, monkeypatch):
    """
    The parent's batch can be claimed when the parent lets go, although the child lives.
    """
    monkeypatch.setattr(lifecycle, "_open", {})
    shelf = Shelf()
    box = lifecycle.shared("box", lambda: make(shelf))
    fill(box, [0])
    ready, done = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(ready[1], str(len(lifecycle._open)).encode())
        os.read(done[0], 1)
        os._exit(0)
    assert b"0" == os.read(ready[0], 1)
    box.forget()
    try:
        (batch,) = spool.claim(URI)
        batch.remove()
    finally:
        os.write(done[1], b"x")
        os.waitpid(pid, 0)
        for fd in (*ready, *done):
            os.close(fd)


@pytest.mark.parametrize(
    ("limits", "key"),
    [
        ({"records": 0}, "batch_records = 0: expected 1 or more"),
        ({"size_bytes": 0}, "batch_bytes = 0: expected 1"),
        ({"age_s": -1}, "batch_age_s = -1: expected 0"),
        ({"budget_s": float("nan")}, "budget_s = nan: expected 0"),
        ({"budget_s": float("inf")}, "budget_s = inf"),
    ],
)
def test_a_limit_that_makes_no_sense_is_a_wrong_setting(limits, key):
    """
    Named as it is called in the configuration.
    """
    with pytest.raises(ConfigError, match=rf"\[s3\] {key}"):
        Limits(**limits).checked("s3")


def test_a_spool_that_can_not_be_written_is_an_error(make, tmp_path):
    """
    Which the runtime counts, and tells.
    """
    spool.folder().write_text("in the way")
    (tmp_path / "state").write_text("as well")
    with pytest.raises(SinkError, match=r"Not a directory|File exists"):
        fill(make(Shelf()), [0])
