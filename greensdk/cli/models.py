"""
The models of the whole machine, read like meters, and the place where what is measured about them is kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from greensdk.measure.cputime import HostClock
    from greensdk.monitor import Estimator, Reading

WINDOW_S = 1.0


class Modelled:
    """
    An estimator of the whole machine, read like a meter.
    """

    def __init__(self, estimator: Estimator, clock: HostClock) -> None:
        self.name = estimator.name
        self._estimator = estimator
        self._clock = clock

    def start(self) -> tuple[float, float]:
        """
        Read both clocks.
        """
        return time.perf_counter(), self._clock.read()

    def stop(self, token: tuple[float, float]) -> Reading | Sequence[Reading]:
        """
        Return what the model says of the seconds since.
        """
        from greensdk.monitor import Usage

        duration_s, host_cpu_s = time.perf_counter() - token[0], self._clock.read() - token[1]
        return self._estimator.estimate(Usage(duration_s, None, host_cpu_s, self._clock.name))


def modelled(calibration: str | None = None) -> list[Modelled]:
    """
    Return the estimators that a call would be measured with, scaled by a calibration file (None: the configured one).
    """
    from greensdk.measure.cputime import host_clock
    from greensdk.measure.slots import slot_for

    clock = host_clock()
    own = {} if calibration is None else {"calibration": calibration}
    estimators = slot_for({"sink": [], **own}).open().estimators
    return [Modelled(each, clock) for each in estimators] if clock else []


def listed(made: Reading | Sequence[Reading]) -> Sequence[Reading]:
    """
    Return one reading, or several, as several.
    """
    return made if isinstance(made, (list, tuple)) else [cast("Reading", made)]


def said(path: str) -> None:
    """
    Tell where a calibration is kept, and how to use it from there.
    """
    click.echo(f"kept in {path}")
    if path != place():
        click.echo(f'to use it: calibration = "{path}" in the configuration, or GREENSDK_CALIBRATION={path}')


def place() -> str:
    """
    Return the configured place of the calibration.
    """
    from greensdk.configure.config import layers
    from greensdk.machine.hardware import calibration_path

    return str(layers({}, os.environ, ".").values.get("calibration") or calibration_path())
