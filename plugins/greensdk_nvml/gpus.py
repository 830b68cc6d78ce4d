"""
Which GPUs the driver shows, what each counts, and why one counts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from greensdk.machine.signals import is_from_signal
from greensdk.monitor import Availability

MILLI = 1e-3
NOT_SUPPORTED = "Not Supported"
"""What the library calls NVML_ERROR_NOT_SUPPORTED."""

TOO_OLD = "the driver does not count this GPU's energy: it does from the Volta generation on"
NEVER = "the counter stands at 0: it has never counted, as in a virtual GPU"

STUCK_UPDATES = 20
"""A GPU draws watts even when it is idle: a counter that stood still for so many updates is stuck."""

MOST_TIMES, SLACK_S = 5.0, 1.0
"""
A number above this many times the limit that the driver enforces, for the window and a second, is refused: the counter
jumped, or the clock stood still meanwhile. Peaks above the limit last milliseconds.
"""


class Gpu(NamedTuple):
    """
    One GPU.

    Attributes:
        key: Its name in readings: ``gpu-0``, by the driver's number.
        handle: What the library knows it by.
        name: Its product name.
        uuid: Its identity.
        limit_w: The power limit that the driver enforces; None where it shows none.
        is_divided: It is divided into instances (MIG), which share its counter.
    """

    key: str
    handle: Any
    name: str
    uuid: str
    limit_w: float | None
    is_divided: bool


def find(nvml: Any) -> tuple[list[Gpu], dict[str, str]]:
    """
    Return the GPUs that can be asked, and why the others can't, by their names in readings.
    """
    found: list[Gpu] = []
    lost: dict[str, str] = {}
    for number in range(nvml.nvmlDeviceGetCount()):
        key = f"gpu-{number}"
        try:
            found.append(_gpu(nvml, key, nvml.nvmlDeviceGetHandleByIndex(number)))
        except Exception as error:  # forbidden to this user, or fallen off the bus
            lost[key] = str(error)
    return found, lost


def _gpu(nvml: Any, key: str, handle: Any) -> Gpu:
    name, uuid = (_text(ask(handle)) for ask in (nvml.nvmlDeviceGetName, nvml.nvmlDeviceGetUUID))
    limit_mw = _answer(nvml, "nvmlDeviceGetEnforcedPowerLimit", handle)
    mode = _answer(nvml, "nvmlDeviceGetMigMode", handle)
    return Gpu(key, handle, name, uuid, limit_mw * MILLI if limit_mw else None, bool(mode and mode[0]))


def _answer(nvml: Any, question: str, handle: Any) -> Any:
    try:
        return getattr(nvml, question)(handle)
    except Exception:  # older than the library, or without the feature
        return None


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def energy_mj(nvml: Any, handle: Any) -> int | str:
    """
    Return a counter in millijoules, or why it can't be read.
    """
    try:
        return int(nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
    except Exception as error:
        if is_from_signal(error):
            raise
        return TOO_OLD if str(error) == NOT_SUPPORTED else str(error)


Snapshot = tuple[int, list[int | str]]
"""All counters at one moment: when, in nanoseconds, and the millijoules of each GPU, or why it could not be read."""


def counted(
    gpus: Sequence[Gpu], opened: Snapshot, before: Snapshot, after: Snapshot, update_ns: float
) -> tuple[dict[str, float | None], dict[str, str]]:
    """
    Return the joules of each GPU in a window, and why those that are None are unknown. A counter that shows what it did
    when it was `opened` has stood still since.
    """
    found: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    (opened_ns, zeros), (began_ns, firsts), (ended_ns, lasts) = opened, before, after
    elapsed_ns = ended_ns - began_ns
    for gpu, zero, first, last in zip(gpus, zeros, firsts, lasts, strict=True):
        if isinstance(first, str) or isinstance(last, str):
            why = first if isinstance(first, str) else str(last)
        else:
            stood_ns = ended_ns - opened_ns if zero == last else elapsed_ns
            why = _why_not(gpu, last - first, last, elapsed_ns, stood_ns >= STUCK_UPDATES * update_ns > 0)
        found[gpu.key] = None if why else (int(last) - int(first)) * MILLI
        if why:
            reasons[gpu.key] = why
    return found, reasons


def _why_not(gpu: Gpu, mj: int, last: int, elapsed_ns: int, is_stuck: bool) -> str:
    elapsed_s, joules = elapsed_ns / 1e9, mj * MILLI
    if mj < 0:
        return f"the counter went back from {last - mj} to {last} mJ: the driver was reloaded"
    if not last:
        return NEVER
    if not mj and is_stuck:
        return f"the counter did not move for {STUCK_UPDATES} updates or more: it is stuck"
    if gpu.limit_w and joules > MOST_TIMES * gpu.limit_w * (elapsed_s + SLACK_S):
        return f"{joules:.6g} J in {elapsed_s:.3g} s can't be drawn under a limit of {gpu.limit_w:g} W: it jumped"
    return ""


def judge(lost: dict[str, str], values: Sequence[int | str]) -> Availability:
    """
    Say whether a GPU counts its energy, and if none does, why.
    """
    if any(isinstance(value, int) for value in values):
        return Availability(True)
    reasons = [*lost.values(), *map(str, values)]
    return Availability(False, "; ".join(dict.fromkeys(reasons)) or "the driver shows no GPU to this process")
