"""
Joules of NVIDIA GPUs, from the counters that the driver keeps since it was loaded.

A GPU's joules are not shared out by CPU time. They are a call's where its process, with the processes it has made, is
the only one on the GPU, or by the driver's own account of who used it; else nobody knows, and the reading says so.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from greensdk.monitor import MACHINE, MEASURED, Availability, Metric, Reading, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greensdk_nvml.users import Users

DEVICE = "dev/nvidiactl"
MILLI = 1e-3
RESOLUTION_90 = 1 - 0.1**0.5
"""A counter's age at either end is uniform over one update and independent of the other's; see :mod:`greensdk_rapl`."""

TOO_OLD = "the driver does not count this GPU's energy: it does from the Volta generation on"
NO_LIBRARY = "the Python package nvidia-ml-py is missing"


class NvmlMonitor:
    """
    Energy of every GPU that this process may see.

    Args:
        root: Where ``dev`` is.
        update_interval_s: How often the counters are updated; a shorter window has no number. NVIDIA's manual gives
            none. The makers of Zeus see "approximately every 100 ms" (https://ml.energy/blog, "Thermally Stable
            Profiling"), the manual of PETSc says 20 to 100 ms on newer GPUs (PetscLogGpuEnergyMeter).

    Attributes:
        nvml: The module ``pynvml``; None until it is needed.
        namespace: The link that names this process's PID namespace.
        clock: Gives nanoseconds; a test may put a clock of its own here before the first window.
    """

    name = "nvml"
    cheap = True
    max_window_s: float | None = None

    def __init__(self, *, root: str = "/", update_interval_s: float = 0.1) -> None:
        self.root = root
        self.update_interval_s = update_interval_s
        self.nvml: Any = None
        self.namespace = "/proc/self/ns/pid"
        self.clock: Callable[[], int] = time.perf_counter_ns
        self._pid = 0
        self._handles: list[Any] = []
        self._keys: list[str] = []
        self._facts: dict[str, Any] = {}
        self._users: Users | None = None
        self._meter_id: str | None = None

    def probe(self) -> Availability:
        """
        Say whether a driver counts a GPU's energy. Without a driver that takes one look for its device file.
        """
        device = os.path.join(self.root, DEVICE)
        if not os.path.exists(device):
            return Availability(False, f"there is no {device}: no NVIDIA driver is loaded")
        if self._library() is None:
            return Availability(False, NO_LIBRARY, 'pip install "greensdk[nvml]"')
        try:
            self.nvml.nvmlInit()
        except Exception as error:
            return Availability(False, f"the driver can't be asked: {error}", "nvidia-smi tells more")
        try:
            handles = self._all()
            if not handles:
                return Availability(False, "the driver shows no GPU to this process")
            counting = any(isinstance(self._energy_mj(handle), int) for handle in handles)
            return Availability(counting, "" if counting else TOO_OLD)
        finally:
            self.nvml.nvmlShutdown()

    def open(self) -> Sequence[Metric]:
        """
        Take a handle of every GPU.

        Raises:
            MonitorUnavailable: No GPU counts its energy.
        """
        from greensdk.errors import MonitorUnavailable
        from greensdk_nvml.users import Users

        self.close()
        ok, reason, fix = self.probe()
        if not ok:
            raise MonitorUnavailable(reason, fix)
        self.nvml.nvmlInit()
        self._pid = os.getpid()
        self._handles = self._all()
        self._keys = [f"gpu-{number}" for number in range(len(self._handles))]
        names = [_text(self.nvml.nvmlDeviceGetName(handle)) for handle in self._handles]
        uuids = [_text(self.nvml.nvmlDeviceGetUUID(handle)) for handle in self._handles]
        self._facts = {"names": dict(zip(self._keys, names, strict=True))}
        self._meter_id = f"nvml:{','.join(uuids)}"
        self._users = Users(self.nvml, self._handles, self.namespace)
        return [
            Metric(key, "J", "gpu", MACHINE, MEASURED, f"{name}, all of the board.")
            for key, name in zip(self._keys, names, strict=True)
        ]

    def start(self) -> Any:
        """
        Read every counter.
        """
        if self._users is None:
            raise RuntimeError("nvml is not open")
        from greensdk_nvml.users import calls

        values = [self._energy_mj(handle) for handle in self._handles]
        return self._users, values, self.clock(), time.time_ns() // 1000, calls()

    def stop(self, token: Any) -> Reading:
        """
        Read every counter again, say what it counted, and whose it is.
        """
        from greensdk_nvml.users import BESIDE, is_alone

        opened, before, began_ns, began_us, calls = token
        users = self._users
        if users is None or users is not opened:
            raise RuntimeError("nvml was closed, or opened anew, during the window")
        after = [self._energy_mj(handle) for handle in self._handles]
        elapsed_ns = self.clock() - began_ns
        domains: dict[str, float | None] = {}
        reasons: dict[str, str] = {}
        for key, first, last in zip(self._keys, before, after, strict=True):
            domains[key], why = _counted_j(first, last)
            if why:
                reasons[key] = why
        attributes = {**self._facts, "reasons": reasons} if reasons else self._facts
        known = [joules for joules in domains.values() if joules is not None]
        if elapsed_ns < self.update_interval_s * 1e9:
            text = f"the window is shorter than the GPU's update interval of {self.update_interval_s * 1e3:.3g} ms"
            return self._reading(None, dict.fromkeys(domains), attributes, text)
        if not known:
            return self._reading(None, domains, attributes, "; ".join(f"{key}: {why}" for key, why in reasons.items()))
        shares, reason = users.shares(began_us)
        if not is_alone(calls):
            reason = BESIDE
        return self._shared(domains, sum(known), elapsed_ns, (shares, reason), attributes)

    def poll(self) -> None:
        """
        Do nothing: 64 bits of millijoules don't wrap around.
        """

    def close(self) -> None:
        """
        Leave the library. In a forked child it was never entered: the parent's handles are useless there.
        """
        handles, self._handles = self._handles, []
        self._users = None
        if handles and self._pid == os.getpid():
            self.nvml.nvmlShutdown()

    def _library(self) -> Any:
        if self.nvml is None:
            try:
                import pynvml
            except ImportError:
                return None
            self.nvml = pynvml
        return self.nvml

    def _all(self) -> list[Any]:
        return [self.nvml.nvmlDeviceGetHandleByIndex(each) for each in range(self.nvml.nvmlDeviceGetCount())]

    def _energy_mj(self, handle: Any) -> int | str:
        """
        Return a counter in millijoules, or why it can't be read.
        """
        try:
            return int(self.nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
        except Exception as error:
            return str(error)

    def _shared(
        self,
        domains: dict[str, float | None],
        energy_j: float,
        elapsed_ns: int,
        told: tuple[list[float | None], str],
        attributes: dict[str, Any],
    ) -> Reading:
        shares, reason = told
        attributes = {**attributes, "shares": dict(zip(self._keys, shares, strict=True))}
        if reason and energy_j:  # nothing at all is the same whoever's it is
            return self._reading(energy_j, domains, attributes, reason)
        call_j = sum((domains[key] or 0.0) * (share or 0.0) for key, share in zip(self._keys, shares, strict=True))
        half_j = call_j * RESOLUTION_90 * self.update_interval_s * 1e9 / elapsed_ns
        return self._reading(energy_j, domains, attributes, None, min(call_j, energy_j), half_j)

    def _reading(
        self,
        energy_j: float | None,
        domains: dict[str, float | None],
        attributes: dict[str, Any],
        reason: str | None,
        call_j: float | None = None,
        half_j: float = 0.0,
    ) -> Reading:
        return reading(
            "nvml",
            scope=MACHINE,
            quality=MEASURED,
            boundary="gpu",
            energy_j=energy_j,
            call_j=call_j,
            low_j=None if call_j is None else call_j - half_j,
            high_j=None if call_j is None else call_j + half_j,
            domains=domains,
            meter_id=self._meter_id,
            reason=reason,
            attributes=attributes,
        )


def _counted_j(before: int | str, after: int | str) -> tuple[float | None, str]:
    for value in (before, after):
        if isinstance(value, str):
            return None, value
    assert isinstance(before, int)
    assert isinstance(after, int)
    if after < before:
        return None, f"the counter went back from {before} to {after} mJ: the driver was loaded anew"
    return (after - before) * MILLI, ""


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
