"""
``greensdk calibrate --reference``: a model of the machine against a meter that somebody reads.
"""

from __future__ import annotations

import os
import time
from statistics import fmean

import click

from greensdk.errors import GreensdkError
from greensdk.machine.hardware import host_id, text_of

BATTERY = "battery"
SUPPLIES = "/sys/class/power_supply"
WALL = "wall"


def refer(reference: str, path: str, seconds: int, as_json: bool) -> None:
    """
    Measure for some seconds, keep the reading beside the model's watts, and say what comes of it.

    Raises:
        GreensdkError: It is no number above 0, there is no battery that runs down, or no model of the wall.
    """
    from greensdk.cli import show
    from greensdk.cli.models import said
    from greensdk.machine.calibration import add_reference

    given_w = None if reference == BATTERY else _watts(reference)
    monitor, model_w, read_w = _watch(seconds, given_w, quiet=as_json)
    source = "battery" if given_w is None else "given by hand"
    found = add_reference(path, host_id(), monitor, read_w, model_w, source)
    if as_json:
        show.json({"path": path, "monitor": monitor, "watts": read_w, "model_w": model_w, **found.as_dict()})
        return
    click.echo(f"{monitor}: {model_w:.3g} W at the wall by the model, {read_w:.3g} W by the reference")
    click.echo(f"from now on {found.words}")
    said(path)


def battery_w(root: str = SUPPLIES) -> float:
    """
    Return the watts that all batteries together give now.

    ``power_now`` is in microwatts, ``current_now`` and ``voltage_now`` in microamperes and microvolts: Linux,
    Documentation/ABI/testing/sysfs-class-power.

    Raises:
        GreensdkError: No battery runs down.
    """
    try:
        supplies = sorted(os.listdir(root))
    except OSError:
        supplies = []
    batteries = [each for each in supplies if text_of(root, each, "type") == "Battery"]
    if not batteries:
        raise GreensdkError(f"calibrate: no battery under {root}; give the watts of a plug meter: --reference WATTS")
    draining = [each for each in batteries if text_of(root, each, "status") == "Discharging"]
    watts = sum(_battery_w(root, each) for each in draining)
    if not watts > 0:
        raise GreensdkError("calibrate: no battery runs down: pull the plug, wait a minute, and repeat it")
    return watts


def _battery_w(root: str, name: str) -> float:
    power = text_of(root, name, "power_now")
    if power:
        return abs(float(power)) / 1e6
    current, voltage = text_of(root, name, "current_now"), text_of(root, name, "voltage_now")
    return abs(float(current)) * float(voltage) / 1e12 if current and voltage else 0.0


def _watts(text: str) -> float:
    try:
        watts = float(text)
    except ValueError:
        watts = 0.0
    if not 0.0 < watts < float("inf"):
        raise GreensdkError(f"calibrate: --reference is {text!r}, and must be watts above 0, or {BATTERY}")
    return watts


def _watch(seconds: int, given_w: float | None, quiet: bool) -> tuple[str, float, float]:
    """Return whose model it is, its mean watts at the wall, and those of the reference."""
    from rich.progress import track

    from greensdk.cli.models import WINDOW_S, listed, modelled

    models = modelled(os.devnull)
    read_w, model_w, monitor = [], [], ""
    for _ in track(range(max(1, round(seconds / WINDOW_S))), "beside the reference", disable=quiet, transient=True):
        read_w.append(battery_w() if given_w is None else given_w)
        tokens = [model.start() for model in models]
        time.sleep(WINDOW_S)
        readings = [each for model, token in zip(models, tokens, strict=True) for each in listed(model.stop(token))]
        wall = [each for each in readings if each["boundary"] == WALL and each["energy_j"]]
        if not wall:
            raise GreensdkError("calibrate: no model of the machine's wall works here; `greensdk doctor` says why")
        monitor = wall[0]["monitor"]
        model_w.append((wall[0]["energy_j"] or 0.0) / WINDOW_S)
    return monitor, fmean(model_w), fmean(read_w)
