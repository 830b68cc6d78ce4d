"""
Whose exception is it? Plugins may raise anything in any method, greensdk itself may fail, and a signal handler of the
user's may raise between any two instructions of either. The first two are noted and go no further; the third is
the user's time-out or Ctrl-C, and has to reach the user.
"""

from __future__ import annotations

from types import TracebackType

from greensdk.deliver.notices import warn_once

TEXT_LIMIT = 1000
"""Characters of an exception's text that are kept."""

_VARARGS = 0x04
"""CO_VARARGS of a code object's flags (the inspect module's documentation)."""


def describe(error: BaseException) -> str:
    """
    Return class and text of an exception in one short text, also where its own ``str()`` fails.
    """
    try:
        text = str(error)
    except BaseException as second:
        if is_from_signal(second):
            raise
        text = "(its text can't be read)"
    return f"{type(error).__name__}: {text}"[:TEXT_LIMIT]


def note(problem: BaseException) -> None:
    """
    Say once that greensdk itself failed in a call, which went on unmeasured.
    """
    warn_once(f"greensdk could not measure a call: {describe(problem)}")


def is_from_signal(error: BaseException) -> bool:
    """
    Say whether a signal handler raised an exception that our own code or a plugin's was passed on.

    Python calls a handler with the frame that it interrupted, which in the traceback stands right before the handler's.
    The handler that raises KeyboardInterrupt has no frame: where a frame has not said ``raise`` itself, it is that one.
    """
    place, before = error.__traceback__, None
    last = place
    while place is not None:
        if before is not None and _was_given(place, before):
            return True
        last, before, place = place, place, place.tb_next
    return isinstance(error, KeyboardInterrupt) and last is not None and not _says_raise(last)


def is_from_signal_here(error: BaseException) -> bool:
    """
    Say whether it interrupted the very function that catches it, and not one that this had called.

    Between two instructions that can only be after a call of a function written in C, which has done its work.
    """
    place = error.__traceback__
    if place is None:
        return False
    inner = place.tb_next
    return is_from_signal(error) and (inner is None or _was_given(inner, place))


def _was_given(inner: TracebackType, outer: TracebackType) -> bool:
    """
    Say whether the function of `inner` has the frame of `outer` for an argument.
    """
    code, values = inner.tb_frame.f_code, inner.tb_frame.f_locals
    given = [values.get(name) for name in code.co_varnames[: code.co_argcount]]
    if code.co_flags & _VARARGS:
        given += values.get(code.co_varnames[code.co_argcount + code.co_kwonlyargcount]) or ()
    return any(value is outer.tb_frame for value in given)


def _says_raise(place: TracebackType) -> bool:
    try:
        from opcode import opmap
    except (ImportError, OSError):  # no descriptor is left
        return False
    return place.tb_frame.f_code.co_code[place.tb_lasti] == opmap["RAISE_VARARGS"]
