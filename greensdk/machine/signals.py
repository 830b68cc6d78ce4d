"""
Whose exception is it? Plugins may raise anything in any method, greensdk itself may fail, and a signal handler of the
user's may raise between any two instructions of either. The first two are noted and go no further; the third is
the user's time-out or Ctrl-C, and has to reach the user.
"""

from __future__ import annotations

from _thread import interrupt_main, start_new_thread
from types import TracebackType
from typing import Any, cast

_SIGINT = 2
"""signal.h; the module `signal` takes longer to import than all of this."""

_VARARGS = 0x04
"""CO_VARARGS of a code object's flags (the inspect module's documentation)."""


def is_from_signal(error: BaseException) -> bool:
    """
    Say whether a signal handler raised an exception that our own code or a plugin's was passed on.

    Python calls a handler with the frame that it interrupted, which in the traceback stands right before the handler's.
    The handler that raises KeyboardInterrupt has no frame: where a frame has not said ``raise`` itself, it is that one.
    """
    return _number(error) is not None


def is_from_signal_here(error: BaseException) -> bool:
    """
    Say whether it interrupted the very function that catches it, and not one that this had called.

    Between two instructions that can only be after a call of a function written in C, which has done its work.
    """
    outer = error.__traceback__
    if outer is None or not is_from_signal(error):
        return False
    return outer.tb_next is None or _given(outer.tb_next, outer) is not None


def raise_again(error: BaseException) -> None:
    """
    Have the signal handler called once more in a moment, where it raised in a callback that Python lets nothing out of.
    """
    number = _number(error)
    if number == _SIGINT:
        number = _interrupting()
    if number is not None:
        # From another thread: this one would call it here and now.
        start_new_thread(cast("Any", interrupt_main), (number,))


def _number(error: BaseException) -> int | None:
    """Return the number of the signal whose handler has raised an exception; None where none has."""
    place, before = error.__traceback__, None
    while place is not None:
        number = None if before is None else _given(place, before)
        if number is not None:
            return number
        before, place = place, place.tb_next
    return _SIGINT if isinstance(error, KeyboardInterrupt) and before is not None and not _says_raise(before) else None


def _interrupting() -> int:
    """
    Return the first signal that Python's own handler of Ctrl-C handles: a job in the background ignores Ctrl-C itself.
    """
    import _signal  # type: ignore[import-not-found]  # the module that `signal` is made of

    numbers = (number for number in range(1, _signal.NSIG) if _signal.getsignal(number) is _signal.default_int_handler)
    return next(numbers, _SIGINT)


def _given(inner: TracebackType, outer: TracebackType) -> int | None:
    """Return the argument before the frame of `outer`, if the function of `inner` has that for an argument."""
    code, values = inner.tb_frame.f_code, inner.tb_frame.f_locals
    given = [values.get(name) for name in code.co_varnames[: code.co_argcount]]
    if code.co_flags & _VARARGS:
        given += values.get(code.co_varnames[code.co_argcount + code.co_kwonlyargcount]) or ()
    frames = [place for place, value in enumerate(given) if place and value is outer.tb_frame]
    return given[frames[0] - 1] if frames else None


def _says_raise(place: TracebackType) -> bool:
    try:
        from opcode import opmap
    except (ImportError, OSError):  # no descriptor is left
        return False
    return place.tb_frame.f_code.co_code[place.tb_lasti] == opmap["RAISE_VARARGS"]
