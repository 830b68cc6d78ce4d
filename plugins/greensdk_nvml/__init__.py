"""
Joules of NVIDIA GPUs, from the counters that the driver keeps since it was loaded.

A GPU's joules are not shared out by CPU time. They are a call's where its process, with the processes it has made, is
the only one on the GPU, or by the driver's own account of who used it; else the reading says that they are unknown.
A GPU that can't be counted (forbidden, lost, without a counter) costs its own joules only.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from greensdk.monitor import MACHINE, MEASURED, RESOLUTION_90, Availability, Metric, Reading, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greensdk_nvml.gpus import Gpu, Snapshot
    from greensdk_nvml.users import Users

DEVICE = "dev/nvidiactl"

IS_MODULE, MODULE = "GH200", "package+dram+gpu"
"""
Of a GPU of this name the counter is that of its whole module, CPU and memory included
(https://github.com/ml-energy/zeus/pull/172).
"""

NO_LIBRARY = "the GPU's energy is unknown without the Python package nvidia-ml-py"
NO_GPU = "none"
"""The boundary where there is no GPU, and so no energy that is missing."""


class NvmlMonitor:
    """
    Energy of every GPU that this process may see.

    Args:
        root: Where ``dev`` is.
        update_interval_s: How often the counters are updated. The energy of a shorter window is unknown. NVIDIA's
            manual gives none. The makers of Zeus see "approximately every 100 ms" (https://ml.energy/blog, "Thermally
            Stable Profiling"), the manual of PETSc says 20 to 100 ms on newer GPUs (PetscLogGpuEnergyMeter).

    Attributes:
        nvml: The module ``pynvml``; None until it is needed.
        boundary: What its readings hold, also those that fail.
        namespace: The link that names this process's PID namespace.
        clock: Gives nanoseconds; a test may put a clock of its own here before the first window.
    """

    name = "nvml"
    boundary = "gpu"
    cheap = True
    max_window_s: float | None = None

    def __init__(self, *, root: str = "/", update_interval_s: float = 0.1) -> None:
        self.root = root
        self.update_interval_s = update_interval_s
        self.nvml: Any = None
        self.namespace = "/proc/self/ns/pid"
        self.clock: Callable[[], int] = time.perf_counter_ns
        self._pid = 0
        self._gpus: list[Gpu] = []
        self._lost: dict[str, str] = {}
        self._keys: list[str] = []
        self._scale_j: dict[str, float] = {}
        self._facts: dict[str, Any] = {}
        self._users: Users | None = None
        self._meter_id: str | None = None

    def probe(self) -> Availability:
        """
        Say whether a driver counts a GPU's energy. Without a driver that takes one look for its device file.
        """
        device = os.path.join(self.root, DEVICE)
        if not os.path.exists(device):
            self.boundary = NO_GPU
            return Availability(False, f"there is no {device}: no NVIDIA driver is loaded")
        if self._library() is None:
            return Availability(False, NO_LIBRARY, 'pip install "greensdk[nvml]"')
        try:
            self.nvml.nvmlInit()
        except Exception as error:
            return Availability(False, f"the driver can't be asked: {error}", "nvidia-smi says more")
        from greensdk_nvml.gpus import energy_mj, find, judge

        try:
            gpus, lost = find(self.nvml)
            self.boundary = NvmlMonitor.boundary if gpus or lost else NO_GPU
            return judge(lost, [energy_mj(self.nvml, gpu.handle) for gpu in gpus])
        except Exception as error:
            return Availability(False, f"the driver can't be asked: {error}", "nvidia-smi says more")
        finally:
            self.nvml.nvmlShutdown()

    def open(self) -> Sequence[Metric]:
        """
        Take a handle of every GPU.

        Raises:
            MonitorUnavailable: No GPU counts its energy.
        """
        from greensdk.errors import MonitorUnavailable
        from greensdk_nvml.gpus import MILLI, energy_mj, find
        from greensdk_nvml.users import Users

        self.close()
        ok, reason, fix = self.probe()
        if not ok:
            raise MonitorUnavailable(reason, fix)
        self.nvml.nvmlInit()
        try:
            self._gpus, self._lost = find(self.nvml)
        except BaseException:
            self.nvml.nvmlShutdown()
            raise
        self._pid = os.getpid()
        self._counters = [partial(energy_mj, self.nvml, gpu.handle) for gpu in self._gpus]
        self._opened = self._read()
        names = {gpu.key: gpu.name for gpu in self._gpus}
        self._facts = {"names": names}
        self.boundary = MODULE if any(IS_MODULE in name for name in names.values()) else NvmlMonitor.boundary
        self._keys = list(names)
        self._scale_j = dict.fromkeys(names, MILLI)
        self._meter_id = f"nvml:{','.join(gpu.uuid for gpu in self._gpus)}"
        self._users = Users(self.nvml, self._gpus, self.namespace)
        named = names | dict.fromkeys(self._lost, "a GPU that can't be asked")
        return [
            Metric(key, "J", "gpu", MACHINE, MEASURED, f"{name}, all of the board.")
            for key, name in sorted(named.items())
        ]

    def start(self) -> Any:
        """
        Read every counter.
        """
        if self._users is None:
            raise RuntimeError("nvml is not open")
        from greensdk_nvml.users import calls

        return self._users, self._read(), time.time_ns() // 1000, calls()

    def stop(self, token: Any) -> Reading:
        """
        Read every counter again, say what it counted, and whose it is.
        """
        from greensdk_nvml.gpus import counted
        from greensdk_nvml.users import BESIDE, is_alone, is_unused

        opened, before, began_us, calls = token
        users = self._users
        if users is None or users is not opened:
            raise RuntimeError("nvml was closed or reopened during the window")
        after = self._read()
        elapsed_ns, update_ns = after[0] - before[0], self.update_interval_s * 1e9
        domains, reasons = counted(self._gpus, self._opened, before, after, update_ns)
        if self._lost:
            domains, reasons = domains | dict.fromkeys(self._lost), {**self._lost, **reasons}
        shares, unknown = users.shares(began_us)
        attributes = {**self._facts, "shares": shares}
        if reasons:
            attributes |= {"reasons": reasons, "missing": sorted(reasons)}
        known = [joules for joules in domains.values() if joules is not None]
        if elapsed_ns < update_ns:
            text = f"the window is shorter than the GPU's update interval of {self.update_interval_s * 1e3:.3g} ms"
            return self._reading(None, dict.fromkeys(domains), attributes, text)
        if not known:
            return self._reading(None, domains, attributes, "; ".join(f"{key}: {why}" for key, why in reasons.items()))
        counts = {"start_counts": dict(zip(self._keys, before[1], strict=True)), "scale_j": self._scale_j}
        alone = "" if is_unused(shares) or is_alone(calls) else BESIDE
        return self._shared(domains, sum(known), elapsed_ns, (shares, alone or unknown), attributes | counts)

    def _read(self) -> Snapshot:
        values = [read() for read in self._counters]
        return self.clock(), values

    def poll(self) -> None:
        """
        Do nothing: 64 bits of millijoules don't wrap around.
        """

    def close(self) -> None:
        """
        Leave the library. In a forked child it was never entered: the parent's handles are useless there.
        """
        opened, self._users = self._users, None
        self._gpus, self._lost = [], {}
        if opened is not None and self._pid == os.getpid():
            self.nvml.nvmlShutdown()

    def _library(self) -> Any:
        if self.nvml is None:
            try:
                import pynvml
            except ImportError:
                return None
            self.nvml = pynvml
        return self.nvml

    def _shared(
        self,
        domains: dict[str, float | None],
        energy_j: float,
        elapsed_ns: int,
        account: tuple[dict[str, float | None], str],
        attributes: dict[str, Any],
    ) -> Reading:
        """Return the reading of a window in which GPUs counted, with the part of them that is the call's."""
        shares, reason = account
        used = [key for key, share in shares.items() if domains[key] is None and share != 0]
        if used and not reason:
            reasons = attributes["reasons"]
            reason = "; ".join(f"{key}, which this process uses: {reasons[key]}" for key in used)
            return self._reading(energy_j or None, domains, attributes, reason)
        if reason and energy_j:  # 0 J need no owner
            return self._reading(energy_j, domains, attributes, reason)
        call_j = sum((domains[key] or 0.0) * (share or 0.0) for key, share in shares.items())
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
            boundary=self.boundary,
            energy_j=energy_j,
            call_j=call_j,
            low_j=None if call_j is None else call_j - half_j,
            high_j=None if call_j is None else call_j + half_j,
            domains=domains,
            meter_id=self._meter_id,
            reason=reason,
            attributes=attributes,
        )
