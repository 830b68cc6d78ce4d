"""
Open counters, and what they counted between two reads.

A read of a group leader returns ``{ u64 nr; u64 time_enabled; u64 time_running; u64 value[nr]; }``, see
perf_event_open(2). Counts are 64 bits wide and never wrap around in practice; each begins with 0 when it is opened.
"""

from collections.abc import Iterable, Sequence
from os import close, read
from struct import Struct
from typing import NamedTuple

from greensdk.machine.signals import is_from_signal

Raw = bytes | OSError
"""What a read returned."""

NAMES = 3
"""How many words stand before the values."""


class Group(NamedTuple):
    """
    Counters that one read returns together.

    Attributes:
        fds: Their descriptors, the leader first.
        keys: What each counts, in the order of the values.
        scales: What one count of each is worth.
        words: The layout of a read.
    """

    fds: tuple[int, ...]
    keys: tuple[str, ...]
    scales: tuple[float, ...]
    words: Struct


class Counted(NamedTuple):
    """
    What one group counted between two reads.

    Attributes:
        starts: The values of the first read; empty if there are none.
        stops: Those of the second.
        enabled_ns: Nanoseconds between the reads, on the counters' own clock.
        running_ns: In how many of them the group really counted: fewer if it shared the hardware with others.
        reason: Why the values are unusable; empty if they are not.
    """

    starts: Sequence[int] = ()
    stops: Sequence[int] = ()
    enabled_ns: int = 0
    running_ns: int = 0
    reason: str = ""


class Tally(NamedTuple):
    """
    What all groups counted between two reads.

    Attributes:
        amounts: Counts times scale of each key; None where there is a reason.
        starts: Raw count of each key at the first read; None if it failed.
        stops: The same at the second.
        reasons: Why a key has no amount.
        shares: In what part of the time a key was counted, where that was not always; its amount is scaled up.
        elapsed_ns: Nanoseconds between the reads; 0 if no group was read twice.
    """

    amounts: dict[str, float | None]
    starts: dict[str, int | None]
    stops: dict[str, int | None]
    reasons: dict[str, str]
    shares: dict[str, float]
    elapsed_ns: int


def group(fds: Sequence[int], keys: Sequence[str], scales: Sequence[float]) -> Group:
    """
    Return the group of these counters.
    """
    return Group(tuple(fds), tuple(keys), tuple(scales), Struct(f"={NAMES + len(fds)}Q"))


def release(groups: Iterable[Group]) -> None:
    """
    Close every counter.
    """
    for each in groups:
        for fd in each.fds:
            close(fd)


def read_all(reads: Sequence[tuple[int, int]]) -> list[Raw]:
    """
    Read every leader. Hot.
    """
    try:
        return [read(fd, size) for fd, size in reads]
    except OSError as error:
        if is_from_signal(error):
            raise
        return [_read(fd, size) for fd, size in reads]


def _read(fd: int, size: int) -> Raw:
    try:
        return read(fd, size)
    except OSError as error:
        if is_from_signal(error):
            raise
        return error


def counted(each: Group, before: Raw, after: Raw) -> Counted:
    """
    Return what a group counted between two reads of it.
    """
    for raw, when in ((before, "start"), (after, "stop")):
        if isinstance(raw, OSError):
            return Counted(reason=f"the counter could not be read at {when}: {raw.strerror or raw}")
        if len(raw) != each.words.size:
            # A group that the kernel has taken off the hardware for good reads as an end of file.
            return Counted(reason=f"the counter gave {len(raw)} bytes instead of {each.words.size} at {when}")
    _, enabled, running, *starts = each.words.unpack(before)  # type: ignore[arg-type]
    _, enabled_now, running_now, *stops = each.words.unpack(after)  # type: ignore[arg-type]
    reason = "" if running_now > running else "the counter never ran in the window: others had the hardware"
    return Counted(starts, stops, enabled_now - enabled, running_now - running, reason)


def tally(groups: Sequence[Group], before: Sequence[Raw], after: Sequence[Raw]) -> Tally:
    """
    Return what every counter counted. Hot.
    """
    made = Tally({}, {}, {}, {}, {}, 0)
    amounts, starts, stops, reasons, shares, elapsed_ns = made
    for each, first, last in zip(groups, before, after, strict=True):
        found = counted(each, first, last)
        elapsed_ns = elapsed_ns or found.enabled_ns
        share = 1.0 if found.reason or found.running_ns >= found.enabled_ns else found.running_ns / found.enabled_ns
        for key, scale, start, stop in zip(each.keys, each.scales, found.starts, found.stops, strict=False):
            starts[key], stops[key], amounts[key] = start, stop, None
            if found.reason:
                reasons[key] = found.reason
            elif stop < start:
                reasons[key] = f"the counter went back from {start} to {stop}"
            else:
                amounts[key] = (stop - start) * scale / share
                if share != 1.0:
                    shares[key] = share
        if not found.starts:
            lost = dict.fromkeys(each.keys)
            amounts |= lost
            starts |= lost
            stops |= lost
            reasons |= dict.fromkeys(each.keys, found.reason)
    return made._replace(elapsed_ns=elapsed_ns)
