"""
Stand-ins for a meter and for time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from greensdk.monitor import CALL, MACHINE, MEASURED, Availability, CpuTime, Metric, Reading, reading


class FakeClock:
    """
    A clock that stands still until a test moves it. Calling it gives nanoseconds.
    """

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_ns = round(now_s * 1e9)

    def __call__(self) -> int:
        """
        Return the time in nanoseconds.
        """
        return self.now_ns

    def advance(self, seconds: float) -> None:
        """
        Let `seconds` go by.
        """
        self.now_ns += round(seconds * 1e9)


class FakeCpuClock:
    """
    A CPU clock that counts the same in every window.

    Args:
        name: Its name.
        tree_s: CPU seconds of this process's tree; None for a clock that can't tell.
        host_s: CPU seconds of the machine.
        fail_in: ``start`` or ``cpu_time``: the method that raises.
        attributes: What else it has counted.
    """

    cheap = True

    def __init__(
        self,
        name: str = "clock",
        *,
        tree_s: float | None = 1.0,
        host_s: float = 4.0,
        fail_in: str = "",
        attributes: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.counted = CpuTime(tree_s, host_s, 0.0, dict(attributes))
        self.fail_in = fail_in

    def probe(self) -> Availability:
        """
        It works everywhere.
        """
        return Availability(True)

    def open(self) -> Sequence[Metric]:
        """
        Name the one metric.
        """
        return (Metric("tree", "s", "cpu", CALL, MEASURED, "What the script says."),)

    def start(self) -> Any:
        """
        Return nothing of use.
        """
        self._may_fail("start")
        return None

    def cpu_time(self, token: Any) -> CpuTime:  # noqa: ARG002 - the contract's
        """
        Return what the script says.
        """
        self._may_fail("cpu_time")
        return self.counted

    def close(self) -> None:
        """
        Give nothing back.
        """

    def _may_fail(self, method: str) -> None:
        if method == self.fail_in:
            raise OSError(f"no {method}, as the test asked for")


class FakeMonitor:
    """
    A monitor whose numbers are in a script.

    Args:
        name: Its name; also that of its one domain.
        joules: What the windows read, in the order in which they start; the last value is repeated. None is a
            window without a number.
        scope: Of the readings.
        quality: Of the readings.
        boundary: Of the readings.
        cheap: Whether ``monitors="auto"`` takes it.
        max_window_s: Longest window without a poll.
        available: What :meth:`probe` answers.
        fail_in: Names of the methods that raise.
        error: What they raise, an exception or its class, BaseException too.
        calls: A list that gets ``(name, method)`` of every call; several monitors may share one.
    """

    def __init__(
        self,
        name: str = "fake",
        *,
        joules: float | Sequence[float | None] | None = 1.0,
        scope: str = MACHINE,
        quality: str = MEASURED,
        boundary: str = "package",
        cheap: bool = True,
        max_window_s: float | None = None,
        available: Availability = Availability(True),  # noqa: B008 - immutable
        fail_in: Collection[str] = (),
        error: BaseException | type[BaseException] = RuntimeError("as the test asked for"),  # noqa: B008 - only raised
        calls: list[tuple[str, str]] | None = None,
    ) -> None:
        self.name = name
        self.joules = list(joules) if isinstance(joules, Sequence) else [joules]
        self.scope = scope
        self.quality = quality
        self.boundary = boundary
        self.cheap = cheap
        self.max_window_s = max_window_s
        self.available = available
        self.fail_in = fail_in
        self.error = error
        self.calls: list[tuple[str, str]] = [] if calls is None else calls
        self._windows = 0

    def count(self, method: str) -> int:
        """
        Return how often `method` was called.
        """
        return self.calls.count((self.name, method))

    def probe(self) -> Availability:
        """
        Answer what the test said.
        """
        self._called("probe")
        return self.available

    def open(self) -> Sequence[Metric]:
        """
        Name the one domain.
        """
        self._called("open")
        return (Metric(self.name, "J", "package", self.scope, self.quality, "What the script says."),)

    def start(self) -> Any:
        """
        Return the window's place in the script.
        """
        self._called("start")
        self._windows += 1
        return self._windows - 1

    def stop(self, token: Any) -> Reading:
        """
        Read the script.
        """
        self._called("stop")
        energy_j = self.joules[min(token, len(self.joules) - 1)]
        return reading(
            self.name,
            scope=self.scope,
            quality=self.quality,
            boundary=self.boundary,
            energy_j=energy_j,
            energy_low_j=energy_j,
            energy_high_j=energy_j,
            domains={self.name: energy_j},
            meter_id=f"script:{self.name}",
            reason=None if energy_j is not None else "the script has no number here",
        )

    def poll(self) -> None:
        """
        Note nothing.
        """
        self._called("poll")

    def close(self) -> None:
        """
        Give nothing back.
        """
        self._called("close")

    def _called(self, method: str) -> None:
        self.calls.append((self.name, method))
        if method in self.fail_in:
            raise self.error
