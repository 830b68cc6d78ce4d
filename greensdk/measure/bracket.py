"""
The meters around a call: read before and after, shared out, and turned into readings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greensdk.errors import describe
from greensdk.machine.signals import is_from_signal
from greensdk.measure.attribution import IDLE_HOST, attribute, by_clock
from greensdk.measure.state import Frame
from greensdk.monitor import MACHINE, MEASURED, CpuTime, Reading, Usage, reading

if TYPE_CHECKING:
    from greensdk.measure.attribution import Share
    from greensdk.measure.runtime import Runtime
    from greensdk.monitor import CpuClock


class Bracket(Frame):
    """
    The half of a window that knows monitors: whatever they raise becomes a text in the record.

    Attributes:
        runtime: Whose monitors.
        errors: The record's: what went wrong, by plugin.
        strict_error: What is to be raised after the call, where the user has asked for that.
        unshared: Why the machine's joules can't be shared out; empty where nothing speaks against it.
        host0_s: What the machine's CPU clock showed at the beginning.
        entered_ns: When measuring began.
    """

    __slots__ = ("clock_token", "errors", "host0_s", "runtime", "strict_error", "tokens", "unshared")

    runtime: Runtime
    errors: dict[str, str]
    strict_error: BaseException | None
    unshared: str
    host0_s: float | None
    entered_ns: int

    def start_meters(self) -> None:
        """
        Read every meter, the cheapest last.
        """
        runtime = self.runtime
        host_clock, cpu_clock = runtime.host_clock, runtime.cpu_clock
        self.host0_s = None
        if host_clock is not None:
            try:
                self.host0_s = host_clock.read()
            except (OSError, ValueError) as error:
                self.fault(host_clock.name, "read", error)
        self.clock_token: Any = None if cpu_clock is None else self._start(cpu_clock)
        self.tokens: list[Any] = []
        for monitor in runtime.monitors:
            try:
                self.tokens.append(monitor.start())
            except BaseException as error:  # a plugin's SystemExit is no more ours to raise than its OSError
                self.tokens.append(self.fault(monitor.name, "start", error))

    def _start(self, clock: CpuClock) -> Any:
        try:
            return clock.start()
        except BaseException as error:
            return self.fault(clock.name, "start", error)

    def read_host(self) -> tuple[CpuTime | None, float | None, float]:
        """
        Return what the CPU clock counted, the busy CPU seconds of the machine, and what they may be off by.
        """
        cpu_clock, host_clock = self.runtime.cpu_clock, self.runtime.host_clock
        if cpu_clock is not None:
            counted = self._count(cpu_clock)
            if counted is None:
                return None, None, 0.0
            self.host0_s = counted.host_start_s
            return counted, counted.host_s, counted.resolution_s
        if host_clock is None or self.host0_s is None:
            return None, None, 0.0
        try:
            return None, host_clock.read() - self.host0_s, host_clock.resolution_s
        except (OSError, ValueError) as error:
            self.fault(host_clock.name, "read", error)
            return None, None, 0.0

    def _count(self, clock: CpuClock) -> CpuTime | None:
        if isinstance(self.clock_token, BaseException):
            return None
        try:
            counted = clock.cpu_time(self.clock_token)
            check_counted(counted)
            return counted
        except BaseException as error:
            self.fault(clock.name, "cpu_time", error)
            return None

    def stop_meters(self) -> list[Reading]:
        """
        Read every meter again, in reverse, so that the cheapest, which started last, has the tightest bracket.

        After a signal handler has raised in it, it can be done again.
        """
        readings: list[Reading] = []
        number = len(self.tokens)
        for monitor in self.runtime.backwards:
            number -= 1
            token = self.tokens[number]
            if isinstance(token, BaseException):
                readings.append(failed(monitor.name, self.errors[monitor.name], monitor))
                continue
            try:
                readings.append(monitor.stop(token))
            except BaseException as error:
                self.fault(monitor.name, "stop", error)
                readings.append(failed(monitor.name, self.errors[monitor.name], monitor))
        readings.reverse()
        return readings

    def share_out(self, readings: list[Reading], share: Share | None, usage: Usage, counted: CpuTime | None) -> None:
        """
        Give each of the monitors' readings its call's part, and add those of the estimators and of the CPU clock.
        """
        runtime = self.runtime
        why_not = self.unshared or (runtime.no_clock if usage.host_cpu_s is None else IDLE_HOST)
        meters: list[Reading] = []
        for number, each in enumerate(readings):
            try:
                if attribute(each, share, why_not):
                    meters.append(each)
            except BaseException as error:  # not a reading: the plugin's fault, and no other's
                monitor = runtime.monitors[number]
                self.fault(monitor.name, "stop", error)
                readings[number] = failed(monitor.name, self.errors[monitor.name], monitor)
        for estimator in runtime.estimators:
            try:
                made = estimator.estimate(usage)
                several = [made] if isinstance(made, dict) else list(made)
                meters += [each for each in several if attribute(each, share, why_not)]
                readings += several
            except BaseException as error:
                self.fault(estimator.name, "estimate", error)
                readings.append(failed(estimator.name, self.errors[estimator.name]))
        if runtime.cpu_clock is not None:
            name = runtime.cpu_clock.name
            readings.append(
                failed(name, self.errors[name])
                if counted is None
                else by_clock(name, meters, runtime.ranks, runtime.boundary, counted.attributes)
            )
        for name, (reason, source) in runtime.missing.items():
            self.errors[name] = reason
            readings.append(failed(name, reason, source))
        if runtime.poller is not None and runtime.poller.errors:
            self._note_polls(runtime.poller.errors)

    def _note_polls(self, errors: dict[str, tuple[str, int]]) -> None:
        """
        Note the polls that failed during this window, also where a later one worked.
        """
        for name, (text, at_ns) in errors.copy().items():
            if at_ns >= self.entered_ns:
                self.errors[name] = "; ".join(filter(None, (self.errors.get(name), text)))

    def fault(self, monitor: str, method: str, error: BaseException) -> BaseException:
        """
        Note what a plugin has raised, and return it.

        Raises:
            BaseException: `error` itself, where a signal handler of the user's has raised it.
        """
        if is_from_signal(error):
            raise error
        self.errors[monitor] = f"{method}: {describe(error)}"
        if not self.runtime.strict:
            error.__traceback__ = None  # a plugin may raise one object again and again, and each time it gets longer
        elif self.strict_error is None:
            self.strict_error = error
        return error


def check_counted(counted: Any) -> None:
    """
    Raises:
        TypeError: It is no CpuTime, or holds no seconds.
    """
    if not isinstance(counted, CpuTime) or not isinstance(counted.attributes, dict):
        raise TypeError(f"expected a CpuTime, found {counted!r:.60}")
    known = [each for each in (counted.tree_s, counted.host_start_s) if each is not None]
    for value in (counted.host_s, counted.resolution_s, *known):
        if value.__class__ not in (float, int) or not -MOST_S < value < MOST_S:
            raise TypeError(f"expected seconds in a CpuTime, found {value!r:.60}")


MOST_S = 1e15
"""No clock shows more: 30 million years."""


def failed(monitor: str, reason: str, source: object = None) -> Reading:
    """
    Return the reading of a monitor that has none, of the boundary that the monitor names as an attribute, if it does.
    """
    boundary = getattr(source, "boundary", None)
    boundary = boundary if isinstance(boundary, str) else "unknown"
    return reading(monitor, scope=MACHINE, quality=MEASURED, boundary=boundary, energy_j=None, reason=reason)
