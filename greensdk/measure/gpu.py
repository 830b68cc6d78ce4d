"""
Work that a GPU still has to do when the function that asked for it returns.

torch, cupy and jax hand kernels over and go on. What has not ended when a call's meters are read is in the next call's
joules. :func:`gpu_sync` waits for it; each library is looked for in ``sys.modules`` and never imported, and a GPU that
has not been used stays untouched: a context on it would take hundreds of megabytes of its memory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from greensdk.errors import describe
from greensdk.machine.signals import is_from_signal

if TYPE_CHECKING:
    from greensdk.schema.types import GpuSync

NOT_ASKED = "kernels that were still running at the end are not in the joules: gpu_sync=True waits for them"
FORKED = "this process was forked after {} was imported, which its GPU work does not survive"
NO_GPUS = frozenset({"cpu", "tpu"})
CAPTURING = "a CUDA graph is being captured, in which nothing may wait"
TRACING = "jax is tracing a function, in which nothing runs yet"


class Cannot(Exception):
    """
    A library must not be waited for at this moment.
    """


def torch_waiters(torch: Any) -> Iterator[Callable[[], object]]:
    """
    Yield a function that waits for each GPU that torch has used.

    None before its first use of a GPU, nor in a child that was forked after it: CUDA does not survive that ("Poison
    fork in multiprocessing", PyTorch's documentation).

    Raises:
        Cannot: A graph is being captured.
    """
    cuda = torch.cuda
    if not cuda.is_initialized() or getattr(cuda, "_is_in_bad_fork", bool)():
        return
    if getattr(cuda, "is_current_stream_capturing", bool)():
        raise Cannot(CAPTURING)
    for number in filter(has_context, range(cuda.device_count())):
        yield partial(cuda.synchronize, number)


def cupy_waiters(cupy: Any) -> Iterator[Callable[[], object]]:
    """
    Yield a function that waits for each GPU that this process has used; none where this thread has used none.

    Raises:
        Cannot: The process was forked, or a graph is being captured.
    """
    context = getattr(getattr(cupy.cuda, "driver", None), "ctxGetCurrent", lambda: True)
    try:
        if not context():
            return
    except Exception:  # CUDA_ERROR_NOT_INITIALIZED
        return
    if "cupy" in _forked_with:
        raise Cannot(FORKED.format("cupy"))
    stream = getattr(cupy.cuda, "get_current_stream", lambda: None)()
    if getattr(stream, "is_capturing", bool)():
        raise Cannot(CAPTURING)
    for number in filter(has_context, range(cupy.cuda.runtime.getDeviceCount())):
        yield cupy.cuda.Device(number).synchronize


def jax_waiters(jax: Any) -> Iterator[Callable[[], object]]:
    """
    Yield a function that waits for all GPUs of jax: each runs what it is given in order, so what comes last ends last.

    Raises:
        Cannot: A function is being traced, or the process was forked.
    """
    bridge, core = (sys.modules.get(f"jax._src.{name}") for name in ("xla_bridge", "core"))
    if not getattr(bridge, "backends_are_initialized", lambda: True)():
        return
    if "jax" in _forked_with:
        raise Cannot(FORKED.format("jax"))
    devices = getattr(jax, "local_devices", None) or jax.devices
    gpus = [device for device in devices() if getattr(device, "platform", "gpu") not in NO_GPUS]
    if gpus and not getattr(core, "trace_state_clean", lambda: True)():
        raise Cannot(TRACING)
    if gpus:
        yield lambda: jax.block_until_ready([jax.device_put(0.0, device=gpu) + 0 for gpu in gpus])


def has_context(number: int) -> bool:
    """
    Say whether this process has used a GPU through CUDA's runtime; where the driver can't be asked, it may have.

    Waiting for an unused one would make its context (CUDA 12.0 release notes: cudaSetDevice does).
    """
    from ctypes import CDLL, byref, c_int, c_uint

    try:
        driver = CDLL("libcuda.so.1", mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        flags, active = c_uint(), c_int()
        failed = driver.cuDevicePrimaryCtxGetState(c_int(number), byref(flags), byref(active))
    except (OSError, AttributeError):  # it is no library of this process, or the system is not Linux
        return True
    return not failed and bool(active.value)


WAITERS: dict[str, Callable[[Any], Iterator[Callable[[], object]]]] = {
    "torch": torch_waiters,
    "cupy": cupy_waiters,
    "jax": jax_waiters,
}


def loaded() -> list[str]:
    """
    Return which of the libraries this process has imported.
    """
    modules = sys.modules
    return [name for name in WAITERS if modules.get(name) is not None]


def gpu_sync() -> GpuSync | None:
    """
    Wait until the GPUs have done what torch, cupy and jax have given them.

    Returns:
        The libraries that were waited for, the seconds that it took, and why one of them was not waited for; None
        where none of them is imported or has used a GPU.

    Example:
        >>> gpu_sync() is None  # nothing of the kind is imported here
        True
    """
    began_ns = perf_counter_ns()
    names: list[str] = []
    reasons: list[str] = []
    for name in loaded():
        try:
            for waiter in WAITERS[name](sys.modules[name]):
                waiter()
                names += [name] * (name not in names)
        except Cannot as why:
            reasons.append(str(why))
        except BaseException as error:  # the library's, or a kernel's that failed before: the user meets it later
            if is_from_signal(error):
                raise
            reasons.append(f"{name}: {describe(error)}")
    if not names and not reasons:
        return None
    waited_s = (perf_counter_ns() - began_ns) * 1e-9 if names else None
    return {"libraries": names, "waited_s": waited_s, "reason": "; ".join(reasons) or None}


def not_asked() -> GpuSync | None:
    """
    Return what a record says where nothing waits; None where no library is imported that has used a GPU.
    """
    names = [name for name in loaded() if _has_started(name)]
    return {"libraries": names, "waited_s": None, "reason": NOT_ASKED} if names else None


def _has_started(name: str) -> bool:
    """
    Say whether a library has used a GPU; one that does not answer may have.
    """
    try:
        return next(WAITERS[name](sys.modules[name]), None) is not None
    except Exception:
        return True


class Waiting:
    """
    Waits before a call begins, so that earlier work is not in its joules, and before it ends.
    """

    begin = staticmethod(gpu_sync)
    end = staticmethod(gpu_sync)


class Watching:
    """
    Waits for nothing, and says at the end that work may be left.
    """

    end = staticmethod(not_asked)

    @staticmethod
    def begin() -> None:
        """
        Nothing is waited for.
        """


_forked_with: frozenset[str] = frozenset()


def _after_fork() -> None:
    global _forked_with
    _forked_with = frozenset(loaded())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
