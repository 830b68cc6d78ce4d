"""
What the calls under way in this process share, and what of it survives a fork.

A call's CPU time has to be told apart from what else its process does, or two overlapping calls would
both claim it. Three clocks and two ledgers do that, without a lock:

- While a call is the only one in its process, it owns the process clock (helper threads included).
- Otherwise it owns its thread's clock, minus what other calls claimed on that thread meanwhile.
- A coroutine or generator owns the thread's clock only while it is being stepped.
- Reaped child processes belong to the first call that ends after them (and to the calls around it).
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

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


class Lane:
    """
    One thread, as far as calls share it.

    Attributes:
        claimed_ns: What calls have claimed of the thread's CPU time so far.
    """

    __slots__ = ("claimed_ns",)

    def __init__(self) -> None:
        self.claimed_ns = 0


class _Lanes(threading.local):
    def __init__(self) -> None:
        self.here = Lane()


class Ledger:
    """
    What calls of this process have claimed, and how many run beside each other.

    Attributes:
        children_s: CPU seconds of reaped children that some call has claimed.
        open: Calls under way that no other call on the same thread contains.
        born: How many such calls have ever begun; a call that sees it unchanged has been alone.
    """

    __slots__ = ("born", "children_s", "open")

    def __init__(self) -> None:
        self.children_s = 0.0
        self.open = 0
        self.born = 0


class Frame:
    """
    A call under way, as the calls inside it see it: what they have to know of it, and what they leave with it.

    Attributes:
        record_id: Of its record.
        depth: How many calls are around it.
        lane: The thread on which it runs at this moment; None while it runs on none.
        nested_ns: CPU time of calls inside it on the same lane, in the stretch that runs now.
        elsewhere_ns: CPU time of calls inside it on other lanes.
        children_claims_s: CPU seconds of reaped children that it and the calls inside it have claimed.
        nested: What the ended calls inside it have used; None before there are any.
    """

    __slots__ = ("children_claims_s", "depth", "elsewhere_ns", "lane", "nested", "nested_ns", "record_id")

    record_id: str
    depth: int
    lane: Lane | None
    nested_ns: int
    elsewhere_ns: int
    children_claims_s: float
    nested: Nested | None


class Shared:
    """
    What there is once for all calls.

    Attributes:
        captures: The lists of all open ``capture()`` blocks.
        close: Closes all runtimes of the process.
        sampler: The process's, once any runtime has asked for samples or interim records.
        threads: Those that poll meters right now.
    """

    __slots__ = ("captures", "close", "sampler", "threads")

    def __init__(self) -> None:
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
        ledger.open = 0 if current.get() is None else 1


lanes = _Lanes()
"""``lanes.here`` is the running thread's :class:`Lane`."""

ledger = Ledger()
shared = Shared()
current: ContextVar[Frame | None] = ContextVar("greensdk", default=None)
"""The innermost call under way here."""
