"""
What the calls under way in this process share, and what of it survives a fork.

A call's CPU time has to be distinguished from what else its process does, or two overlapping calls would
both claim it. Three clocks and two ledgers do that, without a lock:

- While a call is the only one in its process, it owns the process clock (helper threads included).
- Otherwise it owns its thread's clock, minus what other calls claimed on that thread meanwhile.
- A coroutine or generator owns the thread's clock only while it is being stepped; in an event loop so does a block,
  and both own what the tasks and callbacks take that were made inside them (:mod:`greensdk.measure.tasks`).
- Reaped child processes belong to the first call that ends after them (and to the calls around it).
"""

from __future__ import annotations

import threading
import time
from _thread import get_ident
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from greensdk.measure.attribution import Nested
    from greensdk.sample.sampler import Sampler

    class Thread(Protocol):
        """
        A thread of ours that must not outlive the last call.
        """

        def rest(self) -> None:
            """
            End it.
            """


DEEPEST = 1000
"""
Calls inside each other on one thread that are looked through. Another thread may change what is looked at: what does
not end by itself has to end here.
"""


class Lane:
    """
    One thread, as far as calls share it.

    Attributes:
        claimed_ns: What calls have claimed of the thread's CPU time so far.
        top: The innermost call that runs on it at this moment.
        callbacks: How many callbacks of event loops run on it, one inside the other, that are watched.
        unwatched: A block has begun on it in a callback that is not.
        clock: The id of the thread's CPU clock, for other threads: clock_getcpuclockid(3); None on macOS.
    """

    __slots__ = ("__weakref__", "callbacks", "claimed_ns", "clock", "top", "unwatched")

    def __init__(self) -> None:
        self.claimed_ns = self.callbacks = 0
        self.top: Frame | None = None
        self.unwatched = False
        clock_of = getattr(time, "pthread_getcpuclockid", None)
        self.clock: int | None = clock_of(get_ident()) if clock_of else None


class _Lanes(threading.local):
    def __init__(self) -> None:
        self.here = Lane()
        all_lanes.add(self.here)


class Ledger:
    """
    What calls of this process have claimed, and how many run beside each other.

    Attributes:
        children_s: CPU seconds of reaped children that some call has claimed.
        open: Calls under way that no other call on the same thread contains.
        born: How many such calls have ever begun; a call that sees it unchanged has been alone.
        claimed_ns: What calls have claimed of all threads' CPU time so far.
        owed_ns: How long measuring has taken outside of any record, for the next one to tell.
    """

    __slots__ = ("born", "children_s", "claimed_ns", "open", "owed_ns")

    def __init__(self) -> None:
        self.children_s = 0.0
        self.open = self.born = self.claimed_ns = self.owed_ns = 0


class Frame:
    """
    A call under way, as the calls inside it see it: what they have to know of it, and what they leave with it.

    Attributes:
        record_id: Of its record.
        depth: How many calls are around it.
        parent: The call around it.
        closed: Its record is out; it is no parent any more.
        on_loop: It is a coroutine or a block in an event loop, the callbacks of which are watched.
        is_foreign: It is one in a loop that is not.
        inside: How many calls inside it are under way in an event loop.
        lane: The thread on which it runs at this moment; None while it runs on none.
        below: What ran there when it began to.
        thread0: What the thread's clock showed then.
        nested_ns: CPU time of calls inside it on the same lane, in the stretch that runs now.
        elsewhere_ns: CPU time of calls inside it on other lanes.
        children_claims_s: CPU seconds of reaped children that it and the calls inside it have claimed.
        nested: What the ended calls inside it have used; None before there are any.
    """

    __slots__ = (
        "below",
        "children_claims_s",
        "closed",
        "depth",
        "elsewhere_ns",
        "inside",
        "is_foreign",
        "lane",
        "nested",
        "nested_ns",
        "on_loop",
        "parent",
        "record_id",
        "thread0",
    )

    record_id: str
    depth: int
    parent: Frame | None
    closed: bool
    on_loop: bool
    is_foreign: bool
    inside: int
    lane: Lane | None
    below: Frame | None
    thread0: int
    nested_ns: int
    elsewhere_ns: int
    children_claims_s: float
    nested: Nested | None

    def go_on(self, lane: Lane) -> None:
        """
        Begin to run on a thread, by the clock alone.
        """
        raise NotImplementedError

    def halt(self) -> None:
        """
        Stop running, by the clock alone.
        """
        raise NotImplementedError

    def lose(self) -> None:
        """
        End it, for no one else has.
        """
        raise NotImplementedError

    def tangle(self) -> None:
        """
        Note that its CPU time can't be separated from that of others.
        """
        raise NotImplementedError


class Shared:
    """
    What there is once for all calls.

    Attributes:
        captures: The lists of all open ``capture()`` blocks.
        close: Closes all runtimes of the process.
        sampler: The process's, once any runtime has asked for samples or interim records.
        threads: Those that poll meters right now.
        unended: Calls under way that may never end by themselves: blocks, coroutines, generators.
    """

    __slots__ = ("captures", "close", "sampler", "threads", "unended")

    def __init__(self) -> None:
        self.unended: dict[Frame, None] = {}
        self.captures: list[list[Any]] = []
        self.close: Callable[[], None] = lambda: None
        self.sampler: Sampler | None = None
        self.threads: list[Thread] = []

    def rest(self) -> None:
        """
        End all threads of ours if no call is under way.
        """
        if ledger.open == 0:
            ending, self.threads = self.threads, []
            for thread in ending:
                thread.rest()

    def forked(self) -> None:
        """
        Forget the parent's threads and all of its calls but the one in which it forked.
        """
        self.threads = []
        if self.sampler is not None:
            self.sampler.forget()
        self.unended = {}
        ledger.owed_ns = 0
        ledger.open = 0 if current.get() is None else 1


all_lanes: WeakSet[Lane] = WeakSet()
"""The lanes of all threads that live."""

lanes = _Lanes()
"""``lanes.here`` is the running thread's :class:`Lane`."""

ledger = Ledger()
shared = Shared()
current: ContextVar[Frame | None] = ContextVar("greensdk", default=None)
"""The innermost call under way here."""

here, enter, leave = current.get, current.set, current.reset
"""Its methods, bound once: of an imported name, Python 3.11 and 3.12 make the bound method anew for each call."""
