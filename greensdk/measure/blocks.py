"""
What people use around code that is no function of its own: :class:`track`, and :class:`capture` for what calls record.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextvars import ContextVar
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, ParamSpec, TypeVar

from greensdk.configure.spec import make_spec
from greensdk.configure.targets import MANY_RUNS, is_disabled
from greensdk.errors import ConfigError
from greensdk.measure.calls import open_window
from greensdk.measure.decorator import F, energy_tracked
from greensdk.measure.handle import Handle
from greensdk.measure.notes import Annotated, Notes
from greensdk.measure.record import Subject, copied, unmeasured
from greensdk.measure.slots import slot_for
from greensdk.measure.state import current, shared

if TYPE_CHECKING:
    from greensdk.measure.window import Window
    from greensdk.schema.types import Record

P = ParamSpec("P")
T = TypeVar("T")

_begun: dict[Hashable, track] = {}
"""The blocks that :meth:`track.begin` has begun, by key."""

NOT_ENDED = "the block has not ended"
SWITCHED_OFF = "GREENSDK_DISABLED switches measuring off"
FAILED = "greensdk itself failed; a warning has said how"

PAUSES = 0x20 | 0x80 | 0x200
"""
CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR of a code object's flags (the inspect module's documentation): its
frame may be off the stack and go on later.
"""


class track(Annotated, Handle):  # noqa: N801 - used like a function
    """
    Measure a block instead of a function.

    In an event loop it is kept apart from other tasks, as a decorated coroutine is. As a decorator (``@track("x")``) it
    measures a function under its label.

    A block that is never ended (of two hooks the second was never called) leaves a record with the status ``lost`` when
    its handle is collected, when the handle is used anew, or at exit; then it is no call's parent any more.

    Args:
        label: A name for the block; left out, the one of the configuration.
        arguments: As for :func:`energy_tracked`.

    Raises:
        ConfigError: An argument is unknown or of the wrong kind.

    Example:
        >>> with track("sum", sink="memory:") as call:
        ...     total = sum(range(1000))
        ...     call.add(numbers=1000)
        >>> call.record["label"], call.record["status"], call.record["units"]
        ('sum', 'ok', {'numbers': 1000})
    """

    def __init__(
        self, label: str | None = None, *, plugins: Mapping[str, Mapping[str, Any]] | None = None, **arguments: Any
    ) -> None:
        self._blocks: list[_Block] = []
        self._said: Notes | None = None
        if callable(label):
            raise ConfigError(
                f"track measures blocks, and needs a label: decorate {label!r} with energy_tracked instead"
            )
        self._arguments: dict[str, Any] = {"label": label, "plugins": plugins, **arguments}
        self._spec = make_spec(arguments if label is None else {**arguments, "label": label}, plugins)
        if wrong := sorted(MANY_RUNS & self._spec.keys()):
            raise ConfigError(f"track: {wrong[0]} is for functions: a block runs once")
        self._spec.pop("label", None)
        # Blocks in a loop have tags of their own each time; as part of the specification each would be a new runtime.
        self._subject = Subject(None, label, self._spec.pop("tags", None))
        self._record, self._is_own = unmeasured(label, NOT_ENDED), True

    @property
    def record(self) -> Record:
        """
        The block's record. As long as there is none - before the block has ended, with ``GREENSDK_DISABLED=1``, or
        when greensdk itself failed - one with the status ``unmeasured`` and the reason.
        """
        if not self._is_own:
            self._record, self._is_own = copied(self._record), True
        return self._record

    def so_far(self) -> Record:
        """
        Return a record of what the block has taken until now; the block goes on. Its last record if it has ended.

        It is of this thread's block: what other threads of it took may be missing, as ``reason`` says.
        """
        from greensdk.measure.glimpse import Thread, glimpse

        block = self._here()
        seen = None if block is None else glimpse(block.window, Thread.here(), "interim")
        return self._record if seen is None or seen.record is None else seen.record

    async def run(self, awaitable: Awaitable[T]) -> T:
        """
        Await something inside of the block.
        """
        with self:
            return await awaitable

    def carry(self, fn: Callable[P, T]) -> Callable[P, T]:
        """
        Return a function for another thread, whose calls are measured and belong to the call under way here.

        Threads begin outside of any call; ``pool.submit(call.carry(work))`` keeps the work in the block.
        """
        from contextvars import copy_context
        from functools import wraps

        here, measured = copy_context(), energy_tracked(**{**self._arguments, "label": None})(fn)

        @wraps(fn)
        def carried(*args: P.args, **kwargs: P.kwargs) -> T:
            # A context can be entered once at a time, and threads call this side by side.
            return here.copy().run(measured, *args, **kwargs)

        return carried

    @classmethod
    def begin(cls, key: Hashable, **arguments: Any) -> track:
        """
        Begin a block where ``with`` can't be used, and end it elsewhere by its key.

        Args:
            key: Its name, and its label if there is no other. A block of this key still under way ends as ``lost``.
            arguments: As for the class.
        """
        if (before := _begun.pop(key, None)) is not None:
            before.__del__()
        handle = _begun[key] = cls(**{"label": str(key), **arguments})
        handle.__enter__()
        return handle

    @classmethod
    def end(cls, key: Hashable, error: BaseException | None = None) -> track | None:
        """
        End a block that :meth:`begin` has begun.

        Args:
            key: Its key.
            error: What went wrong in it.

        Returns:
            The block, with its record; None if none of this key is under way.
        """
        handle = _begun.pop(key, None)
        if handle is not None:
            handle.__exit__(type(error) if error else None, error, None)
        return handle

    def _notes(self) -> Notes:
        block = self._here() or (self._blocks[-1] if self._blocks else None)
        notes = self._said if block is None else block.window.notes
        if notes is None:
            notes = Notes()
            if block is None:
                self._said = notes  # of the block that begins next
            else:
                block.window.notes = notes
        return notes

    def __call__(self, fn: F) -> F:
        """
        Return a function that is measured under this label, as :func:`energy_tracked` would.
        """
        measured: F = energy_tracked(**self._arguments)(fn)
        return measured

    def __enter__(self) -> track:
        caller = sys._getframe(1)
        self._give_up(caller)
        if is_disabled():
            self._record["reason"] = SWITCHED_OFF
            return self
        window = open_window(slot_for(self._spec), self._subject, "block")
        if window is None:
            self._record["reason"] = FAILED
            return self
        self._blocks.append(_Block(window, id(caller), caller.f_lasti, bool(caller.f_code.co_flags & PAUSES)))
        shared.unended[window] = None
        window.notes, self._said, window.adds = self._said, None, True
        try:
            window.resume()
        except BaseException as error:
            self._end(error)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            window = self._end(error)
        except BaseException:
            self._end(error)
            raise
        if error is None and window is not None and window.strict_error is not None:
            raise window.strict_error

    async def __aenter__(self) -> track:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, place)

    def __del__(self) -> None:
        for block in reversed(self._blocks):
            block.window.lose()

    def _end(self, error: BaseException | None) -> Window | None:
        """
        End the innermost block of this handle that is under way here.
        """
        block = self._here() or (self._blocks[-1] if self._blocks else None)
        if block is None:
            return None
        window = block.window
        try:
            window.come_home()
            window.close(error)
        finally:  # a signal handler may have raised before the first line of that
            window.close(error)
            self._blocks = [each for each in self._blocks if each is not block]
            self._record, self._is_own = window.record or unmeasured(self._subject.label, FAILED), False
        return window

    def _here(self) -> _Block | None:
        window = current.get()
        while window is not None:
            for block in self._blocks:
                if block.window is window:
                    return block
            window = window.parent
        return None

    def _give_up(self, caller: FrameType) -> None:
        """
        Give up a block of this handle that is still under way here, if who began it has left it for good.
        """
        block = self._here() if self._blocks else None
        if block is not None and not block.may_end(caller):
            block.window.lose()
            self._blocks.remove(block)


class _Block(NamedTuple):
    """
    A block under way.

    Attributes:
        window: It is open.
        frame: The id of the frame that began it.
        place: Where in its code that was.
        pauses: It may be off the stack and go on later.
    """

    window: Window
    frame: int
    place: int
    pauses: bool

    def may_end(self, caller: FrameType) -> bool:
        """
        Say whether the frame that began it may still end it, seen from one that begins another.
        """
        if id(caller) == self.frame:
            return caller.f_lasti != self.place
        frame: FrameType | None = caller
        while frame is not None and id(frame) != self.frame:
            frame = frame.f_back
        return self.pauses or frame is not None


class capture:  # noqa: N801 - used like a function
    """
    Collect the records of the whole process, of all its threads, while the block is open.

    The records go to their sinks as well.

    Args:
        scope: ``process``, or ``context``: only the calls of this thread or task, and of the tasks that it makes.

    Raises:
        ConfigError: There is no such scope.

    Example:
        >>> with capture() as records, track("nothing", sink="memory:"):
        ...     pass
        >>> [record["label"] for record in records]
        ['nothing']
    """

    def __init__(self, scope: Literal["process", "context"] = "process") -> None:
        if scope not in ("process", "context"):
            raise ConfigError(f"capture: scope is {scope!r}, not process or context")
        self._records: list[Record] = [] if scope == "process" else _InContext()

    def __enter__(self) -> list[Record]:
        if isinstance(self._records, _InContext):
            self._token = _scopes.set((*_scopes.get(), id(self._records)))
        shared.captures.append(self._records)
        return self._records

    def __exit__(self, *_: object) -> None:
        # By identity: two captures with equal contents are still two.
        shared.captures[:] = [records for records in shared.captures if records is not self._records]
        if isinstance(self._records, _InContext):
            _scopes.reset(self._token)


_scopes: ContextVar[tuple[int, ...]] = ContextVar("greensdk.captures", default=())


class _InContext(list["Record"]):
    """
    Takes records from calls that end in its context alone.
    """

    def append(self, record: Record) -> None:
        if id(self) in _scopes.get():
            super().append(record)
