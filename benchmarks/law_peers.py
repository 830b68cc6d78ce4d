"""
The other libraries, each by the calls that its documentation names for one stretch of code.

All of them promise the joules of the machine between two moments, and keep that promise; none promises to share these
among stretches that overlap. What is compared is what a user gets who adds them up.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from inspect import iscoroutinefunction
from itertools import count
from typing import Any, NamedTuple

Begin = Callable[[], Any]
End = Callable[[Any], float]
Track = Callable[[Callable[..., Any]], Callable[..., Any]]


class Bracket(NamedTuple):
    """
    How a library measures a stretch.

    Attributes:
        begin: Begins it, and returns what `end` needs.
        end: Ends it, and returns the joules of the processor package.
    """

    begin: Begin
    end: End


def pyrapl() -> Bracket:
    import pyRAPL

    pyRAPL.setup()

    def begin() -> Any:
        measurement = pyRAPL.Measurement("law")
        measurement.begin()
        return measurement

    def end(measurement: Any) -> float:
        measurement.end()
        return sum(measurement.result.pkg) / 1e6

    return Bracket(begin, end)


def pyjoules() -> Bracket:
    from pyJoules.device import DeviceFactory
    from pyJoules.device.rapl_device import RaplPackageDomain
    from pyJoules.energy_meter import EnergyMeter

    def begin() -> Any:
        # A meter of each stretch's own: pyJoules' meters are not for several threads.
        meter = EnergyMeter(DeviceFactory.create_devices([RaplPackageDomain(0)]))
        meter.start()
        return meter

    def end(meter: Any) -> float:
        meter.stop()
        return sum(sum(sample.energy.values()) for sample in meter.get_trace()) / 1e6

    return Bracket(begin, end)


CODECARBON = {"country_iso_code": "ESP", "save_to_file": False, "log_level": "critical", "allow_multiple_runs": True}


def codecarbon() -> Bracket:
    from codecarbon import OfflineEmissionsTracker

    def begin() -> Any:
        tracker = OfflineEmissionsTracker(**CODECARBON)
        tracker.start()
        return tracker

    def end(tracker: Any) -> float:
        tracker.stop()
        return tracker.final_emissions_data.cpu_energy * 3.6e6  # from kWh

    end(begin())  # the first looks for hardware for a second
    return Bracket(begin, end)


def zeus() -> Bracket:
    from zeus.monitor import ZeusMonitor

    monitor = ZeusMonitor(gpu_indices=[], cpu_indices=[0])
    numbers = count()

    def begin() -> str:
        key = f"law {next(numbers)}"
        monitor.begin_window(key, sync_execution=False)
        return key

    def end(key: str) -> float:
        return sum(monitor.end_window(key, sync_execution=False).cpu_energy.values())

    return Bracket(begin, end)


PEERS = {"pyRAPL": pyrapl, "pyJoules": pyjoules, "codecarbon": codecarbon, "zeus": zeus}


def peer_tool(name: str, log: str) -> Track:
    """
    Return a decorator that measures with a library, and writes when and how much to the file `log`.
    """
    return partial(_bracketed, PEERS[name](), partial(_note, log))


def _bracketed(bracket: Bracket, note: Callable[[int, int, float], None], function: Callable[..., Any]) -> Any:
    if iscoroutinefunction(function):

        @wraps(function)
        async def wrapper(*args: Any) -> Any:
            token, began_ns = bracket.begin(), time.monotonic_ns()
            result = await function(*args)
            ended_ns = time.monotonic_ns()
            note(began_ns, ended_ns, bracket.end(token))
            return result

        return wrapper

    @wraps(function)
    def plain(*args: Any) -> Any:
        token, began_ns = bracket.begin(), time.monotonic_ns()
        result = function(*args)
        ended_ns = time.monotonic_ns()
        note(began_ns, ended_ns, bracket.end(token))
        return result

    return plain


def _note(log: str, began_ns: int, ended_ns: int, joules: float) -> None:
    line = json.dumps({"began_ns": began_ns, "ended_ns": ended_ns, "joules": joules})
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, f"{line}\n".encode())
    os.close(fd)


def pyrapl_decorator(add: Callable[[float], None]) -> Track:
    import pyRAPL
    from pyRAPL.outputs import Output

    class Sum(Output):
        def add(self, result: Any) -> None:
            add(sum(result.pkg) / 1e6)

    pyRAPL.setup()
    return pyRAPL.measureit(output=Sum())


def pyjoules_decorator(add: Callable[[float], None]) -> Track:
    from pyJoules.device.rapl_device import RaplPackageDomain
    from pyJoules.energy_meter import measure_energy
    from pyJoules.handler import EnergyHandler

    class Sum(EnergyHandler):
        def process(self, trace: Any) -> None:
            add(sum(sum(sample.energy.values()) for sample in trace) / 1e6)

    return measure_energy(handler=Sum(), domains=[RaplPackageDomain(0)])


def codecarbon_decorator(add: Callable[[float], None]) -> Track:
    from codecarbon import track_emissions
    from codecarbon.output import BaseOutput

    class Sum(BaseOutput):
        def out(self, total: Any, _delta: Any) -> None:
            add(total.cpu_energy * 3.6e6)

    return track_emissions(offline=True, output_handlers=[Sum()], **CODECARBON)


DECORATORS = {"pyRAPL": pyrapl_decorator, "pyJoules": pyjoules_decorator, "codecarbon": codecarbon_decorator}
"""zeus has none."""


def decorator_tool(name: str, log: str) -> Track:
    """
    Return the library's own decorator; when the coroutine itself began and ended goes to the file `log` as well.
    """
    track = DECORATORS[name](partial(_note, log, 0, 0))

    def decorate(function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def timed(*args: Any) -> Any:
            began_ns = time.monotonic_ns()
            result = await function(*args)
            _note(log, began_ns, time.monotonic_ns(), 0.0)
            return result

        return track(timed)

    return decorate
