"""
The way from a call to a destination that may be slow or away: a thread sends, until all is sent.

The thread is born with the first thing to send and dies when nothing waits. What may work later is tried again after
growing, random pauses; when that has failed for the budget's seconds, nothing is tried for :data:`REST_S`, and after a
refusal for :data:`REFUSED_REST_S`. Whoever flushes waits for the budget at most, whatever the destination does.

Imported in each Lithops call, so it imports little.
"""

from __future__ import annotations

import random
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from time import monotonic

from greensdk.errors import SinkError

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
REST_S = 30.0
REFUSED_REST_S = 600.0
"""A refusal lasts until somebody changes something."""


class Refused(SinkError):
    """
    The destination will not take it until somebody changes something: trying again is of no use.
    """


class Request(Event):
    """
    One wish to have everything sent; set when it was, or could not be.

    Attributes:
        until_s: When whoever asked stops waiting (monotonic).
        sent: Everything that waited when it was asked is sent.
    """

    def __init__(self, budget_s: float) -> None:
        super().__init__()
        self.until_s = monotonic() + budget_s
        self.sent = False

    def answer(self, sent: bool) -> None:
        """
        Let go whoever waits.
        """
        self.sent = sent
        self.set()


class Delivery:
    """
    What one process sends to one destination. A subclass says what waits and how it is sent.

    Args:
        uri: The sink's, as it is configured.
        budget_s: Seconds that a flush, or the end of the process, may take.
        waits: The process ends or freezes with its call: something is sent when it is asked for only, and nothing while
            the destination has a rest.

    Attributes:
        error: Why the last attempt failed; None when it did not.
        since_s: When the thread was born, or last sent something (monotonic).
    """

    thread_name = "greensdk-delivery"

    def __init__(self, uri: str, budget_s: float, *, waits: bool = False) -> None:
        self.uri = uri
        self.budget_s = budget_s
        self.waits = waits
        self.error: BaseException | None = None
        self.since_s = 0.0
        self._mail: SimpleQueue[Request | None] = SimpleQueue()
        self._birth = Lock()
        self._thread: Thread | None = None
        self._pause_s = FIRST_PAUSE_S
        self._retry_s = self._failing_s = 0.0

    def due_s(self) -> float | None:
        """
        Return in how many seconds something is to be sent; None when nothing waits.
        """
        raise NotImplementedError

    def send(self) -> None:
        """
        Send everything that is due; called by one thread at a time.

        Raises:
            Refused: Trying again is of no use.
            Exception: It may be.
        """
        raise NotImplementedError

    def rest(self) -> str:
        """
        Take notice that nothing is tried for a while, and return what to say to the user of what waits; empty for
        nothing.
        """
        return ""

    def abandon(self) -> str:
        """
        Leave what waits to a later process, for which this one does not wait any longer, and return how much, and
        where.
        """
        raise NotImplementedError

    def forget(self) -> bool:
        """
        Leave to the parent, in a forked child, what it will send, and return True: the child needs one of its own.
        """
        return True

    def wake(self) -> None:
        """
        See that there is a thread. Never waits: whoever finds another one busy with that leaves it to it.

        While the interpreter ends, no thread can be born: the end of the process sends what waits then.
        """
        while self._thread is None and self._birth.acquire(blocking=False):
            try:
                if self._thread is None:
                    self._start()
            except RuntimeError:
                return
            finally:
                self._birth.release()
            if self._wait_s([]) is None:  # else it may have died already, and left to us what came meanwhile
                return

    def _start(self) -> None:
        thread = self._thread = Thread(target=self._run, name=self.thread_name, daemon=True)
        self.since_s = monotonic()
        try:
            thread.start()
        finally:  # a signal's handler may have raised as well
            if not thread.is_alive():
                self._thread = None

    def look(self) -> None:
        """
        Have the thread look again at what is due.
        """
        self._mail.put(None)

    def is_held_back(self) -> bool:
        """
        Return whether nothing may be tried now, for a call would wait for what has failed a moment ago.
        """
        return self.waits and monotonic() < self._retry_s

    def request(self) -> Request:
        """
        Have everything sent now, and return what tells when it is.
        """
        request = Request(self.budget_s)
        if self.due_s() is None or self.is_held_back():
            request.answer(self.due_s() is None)
            return request
        self._mail.put(request)
        self.wake()
        if self._thread is None:
            self._run(request)
        return request

    def flush(self, request: Request | None = None) -> bool:
        """
        Return whether all that waited at a request (None: a new one) is sent, after the budget's seconds at most.
        """
        request = request or self.request()
        if not request.wait(max(0.0, request.until_s - monotonic())):
            self.error = self.error or SinkError(f"no answer within {self.budget_s:g} s")
            self._retry_s = monotonic() + (REFUSED_REST_S if self.waits else REST_S)
        return request.sent

    def finish(self, request: Request | None = None) -> str:
        """
        Send everything within the budget, and leave what could not be sent to a later process. Returns how much that
        is, and where it waits; empty when everything is sent.
        """
        if self.flush(request):
            return ""
        try:
            left = self.abandon()
        except Exception as problem:
            left = f"its records are lost, for the spool can't take them either: {problem}"
        self.look()
        self.warn(self.error, left)
        return left

    def close(self) -> None:
        """
        Do the same.

        Raises:
            SinkError: Something is left.
        """
        if left := self.finish():
            raise SinkError(f"{self.uri}: {self.error}; {left}")

    def warn(self, error: BaseException | None, left: str) -> None:
        """
        Tell the user, once in a process for each sink, why something is not delivered, and where it is.
        """
        from greensdk.errors import warn_once

        warn_once(f"greensdk could not write to {self.uri}: {error}; {left}", self.uri)

    def _run(self, request: Request | None = None) -> None:
        """Send until nothing waits: the thread; without one, until a request is answered."""
        asked: list[Request] = []
        sent = False
        try:
            while (wait_s := self._wait_s(asked)) is not None and not (request and request.is_set()):
                try:
                    mail = self._mail.get(timeout=wait_s)
                except Empty:
                    self._attempt(asked)
                else:
                    self._accept(mail, asked)
            sent = self.error is None
        finally:
            _answer(asked, sent)
            if request is None:
                self._thread = None
        if self._wait_s([]) is not None:
            self.wake()  # somebody has brought something, and found this thread still there

    def _wait_s(self, asked: list[Request]) -> float | None:
        due_s = self.due_s() if asked or not self.waits else None
        if due_s is None:
            return None if self._mail.empty() else 0.0
        return max(0.0 if asked else due_s, self._retry_s - monotonic(), 0.0)

    def _accept(self, request: Request | None, asked: list[Request]) -> None:
        if request is not None:
            asked.append(request)
            self._pause_s, self._retry_s = FIRST_PAUSE_S, 0.0

    def _attempt(self, asked: list[Request]) -> None:
        try:
            self.send()
        except (Exception, SystemExit) as error:  # client libraries do exit
            self.error = error
            if not self._pauses(error, asked):
                left = self.rest()
                _answer(asked, False)
                if left:
                    self.warn(error, left)
        else:
            self.error = None
            self._pause_s, self._failing_s, self.since_s = FIRST_PAUSE_S, 0.0, monotonic()
            _answer(asked, True)

    def _pauses(self, error: BaseException, asked: list[Request]) -> bool:
        """Settle when the next attempt is, and return whether it follows after a pause, not after a rest."""
        now_s = monotonic()
        self._failing_s = self._failing_s or now_s
        refused = isinstance(error, Refused)
        pause_s = self._pause_s * random.uniform(0.5, 1.5)
        end_s = max((each.until_s for each in asked), default=self._failing_s + self.budget_s)
        if refused or now_s + pause_s >= end_s:
            self._retry_s = now_s + (REFUSED_REST_S if refused else REST_S)
            self._pause_s, self._failing_s = FIRST_PAUSE_S, 0.0
            return False
        self._retry_s = now_s + pause_s
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        return True


def _answer(asked: list[Request], sent: bool) -> None:
    for request in asked:
        request.answer(sent)
    asked.clear()
