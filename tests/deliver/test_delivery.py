"""
A delivery in the background: it is tried until it works, ends in time, and what it leaves is reported.
"""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from greensdk.deliver.delivery import FIRST_PAUSE_S, Delivery, Refused
from greensdk.errors import SinkError

URI = "test://there"


class Letters(Delivery):
    """
    Texts on their way to a list; raises the errors that it was given, and waits while the way is closed.
    """

    def __init__(self, *errors: Exception, budget_s: float = 30.0, waits: bool = False, every_s: float = 0.0) -> None:
        super().__init__(URI, budget_s, waits=waits)
        self.errors = list(errors)
        self.every_s = every_s
        self.waiting: list[str] = []
        self.sending: list[str] = []
        self.there: list[str] = []
        self.attempts = 0
        self.way = threading.Event()
        self.way.set()

    def put(self, text: str) -> None:
        """
        Take one.
        """
        self.waiting.append(text)
        if not self.waits:
            self.wake()

    def due_s(self) -> float | None:
        """
        Return when they are to be sent.
        """
        return self.since_s + self.every_s - monotonic() if self.waiting or self.sending else None

    def send(self) -> None:
        """
        Send them all.
        """
        self.sending, self.waiting = self.sending + self.waiting, []
        self.attempts += 1
        assert self.way.wait(60)
        if self.errors:
            raise self.errors.pop(0)
        self.there += self.sending
        self.sending = []

    def abandon(self) -> str:
        """
        Throw them away.
        """
        count = len(self.waiting + self.sending)
        self.waiting, self.sending = [], []
        return f"{count} wait elsewhere"


def gone(letters: Letters) -> bool:
    """
    Wait until the thread has died.
    """
    while (thread := letters._thread) is not None:
        thread.join(60)
    return True


def test_it_is_sent_without_anybody_waiting_and_the_thread_dies():
    """
    The next one has a thread of its own.
    """
    letters = Letters()
    for text in "ab":
        letters.put(text)
        assert gone(letters)

    assert (["a", "b"], None) == (letters.there, letters.error)


def test_a_flush_sends_what_would_have_waited():
    """
    It returns when everything is there.
    """
    letters = Letters(every_s=3600.0)
    letters.put("a")
    assert [] == letters.there

    assert letters.flush()
    assert ["a"] == letters.there


def test_what_may_work_later_is_tried_again():
    """
    Nothing is reported, since it has worked.
    """
    letters = Letters(OSError("reset"), SinkError("busy"))
    letters.put("a")

    assert letters.flush()
    assert (["a"], 3, None) == (letters.there, letters.attempts, letters.error)


def test_a_library_that_exits_has_failed():
    """
    As any other that raises: it is tried again, and no thread dies of it unheard.
    """
    letters = Letters(SystemExit("broker gone"))
    letters.put("a")

    assert letters.flush()
    assert (["a"], 2) == (letters.there, letters.attempts)


def test_what_interrupts_the_program_is_no_delivery(monkeypatch):
    """
    Where it is sent without a thread, Ctrl-C reaches the user, and nothing counts as sent.
    """
    letters = Letters(KeyboardInterrupt(), every_s=3600.0)
    monkeypatch.setattr(threading.Thread, "start", lambda thread: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        letters.put("a")
    monkeypatch.setattr(letters, "wake", lambda: None)
    with pytest.raises(KeyboardInterrupt):
        letters.flush()
    assert ["a"] == letters.waiting + letters.sending

    assert letters.flush()
    assert ["a"] == letters.there


def test_a_refusal_is_not_tried_again_until_somebody_asks():
    """
    A flush does ask; the end of the process leaves it, with the reason and how much it is.
    """
    letters = Letters(*[Refused("no bucket")] * 2, every_s=3600.0)
    letters.put("a")
    assert not letters.flush()
    assert 1 == letters.attempts

    with pytest.warns(RuntimeWarning, match=f"could not write to {URI}: no bucket; 1 wait elsewhere"):
        assert "1 wait elsewhere" == letters.finish()
    assert gone(letters)
    assert (2, "") == (letters.attempts, letters.finish())


def test_closing_with_something_left_is_an_error():
    """
    With the reason and where it is.
    """
    letters = Letters(Refused("no bucket"), every_s=3600.0)
    letters.put("a")
    caught = pytest.warns(RuntimeWarning, match="1 wait elsewhere")
    with caught, pytest.raises(SinkError, match=f"{URI}: no bucket; 1 wait elsewhere"):
        letters.close()
    letters.close()


def test_what_never_answers_is_left_when_the_budget_is_spent():
    """
    And reported; nothing is lost should it answer after all.
    """
    letters = Letters(budget_s=0.05)
    letters.way.clear()
    letters.put("a")
    with pytest.warns(RuntimeWarning, match=r"no answer within 0\.05 s; 1 wait elsewhere"):
        assert "1 wait elsewhere" == letters.finish()
    letters.way.set()

    assert gone(letters)


def test_where_a_call_waits_a_rest_holds_up_none():
    """
    In a worker: what did not answer is not asked again for a while.
    """
    letters = Letters(Refused("no"), waits=True)
    letters.put("a")
    assert not letters.flush()
    assert not letters.flush()
    assert 1 == letters.attempts


def test_where_a_call_waits_nothing_goes_by_itself():
    """
    The outermost call brings the ones inside it along, in one piece.
    """
    letters = Letters(waits=True)
    letters.put("inner")
    assert letters._thread is None
    letters.put("outer")

    assert letters.flush()
    assert (["inner", "outer"], 1) == (letters.there, letters.attempts)


def test_many_may_flush_at_once():
    """
    Each returns when its own is there.
    """
    letters = Letters(every_s=3600.0)
    missing = []

    def work(number: int) -> None:
        for _ in range(20):
            letters.put(f"{number}")
        if not letters.flush() or letters.there.count(f"{number}") < 20:
            missing.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == missing
    assert 160 == len(letters.there)


def test_while_the_interpreter_ends_no_thread_is_needed(monkeypatch):
    """
    Since Python 3.12 none can be started then.
    """

    def refuse(thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    letters = Letters(SinkError("busy"))
    letters.put("a")
    assert [] == letters.there

    assert letters.flush()
    assert ["a"] == letters.there


def test_a_spool_that_is_full_as_well_is_told():
    """
    What is lost is never lost without a word.
    """
    letters = Letters(Refused("no bucket"), every_s=3600.0)
    letters.abandon = lambda: 1 / 0
    letters.put("a")
    with pytest.warns(RuntimeWarning, match="no bucket; its records are lost, .* division by zero"):
        letters.finish()


def test_pauses_grow(monkeypatch):
    """
    At random, so that many processes don't come back at once; after the budget there is a rest.
    """
    letters = Letters()
    pauses = []
    for _ in range(4):
        before = letters._pause_s
        assert letters._pauses(OSError(), [])
        pauses.append(before)

    assert [FIRST_PAUSE_S * 2**times for times in range(4)] == pauses
    assert not letters._pauses(Refused(""), [])
