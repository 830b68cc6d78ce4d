"""
Which way of asking perf gives the most: the program, the form of its output, and the widest set of events.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from greensdk.errors import MonitorUnavailable
from greensdk_perf import DEFAULT_ROOT
from greensdk_perf.access import forbidden, paranoid
from greensdk_perf.meter import KINDS, UNIT, key_of, located
from greensdk_perf.parse import by_event, parse
from greensdk_perf.run import PerfFailed, PerfHung, once

FORMS = (("-j",), ("-x,",))
"""JSON has six decimals and two joules beside each other can't be taken for one; perf before 5.18 has fields only."""

PACKAGE = "power/energy-pkg/"


class Choice(NamedTuple):
    """
    What works.

    Attributes:
        form: The arguments that choose the output's form.
        events: The events, in the order of :data:`greensdk_perf.meter.KINDS`; empty if the package is not among them.
        reasons: Why the others don't work.
    """

    form: tuple[str, ...]
    events: tuple[str, ...]
    reasons: Mapping[str, str]


class Perf(NamedTuple):
    """
    How to run perf.

    Attributes:
        program: The words in front of ``stat``.
        environment: What is added to the environment.
        cpus: The CPUs to count on; all of them if empty.
        timeout_s: How long it may take.
    """

    program: tuple[str, ...]
    environment: Mapping[str, str]
    cpus: tuple[int, ...]
    timeout_s: float

    def command(self, form: Sequence[str], events: Sequence[str]) -> list[str]:
        """
        Return the words that count `events` for the whole machine.
        """
        where = ["-C", ",".join(map(str, self.cpus))] if self.cpus else ["-a"]
        return [*self.program, "stat", *form, *where, "--per-socket", "-e", ",".join(events), "--"]


class Setup(NamedTuple):
    """
    What a monitor works with.

    Attributes:
        perf: How to run perf.
        choice: What to ask it.
        packages: The number of each package, as the domains show it.
        keys_of: Event and package, to the domain.
        duplicates: See :func:`greensdk_perf.pmu.places`.
    """

    perf: Perf
    choice: Choice
    packages: tuple[str, ...]
    keys_of: Mapping[tuple[str, str], str]
    duplicates: Mapping[str, str]

    @property
    def command(self) -> list[str]:
        """
        The words of a window, but for the workload.
        """
        return self.perf.command(self.choice.form, self.choice.events)


def find(root: str, program: str, sudo: bool, timeout_s: float) -> Setup:
    """
    Return what works here.

    Raises:
        MonitorUnavailable: There is no perf, or it does not count the package.
    """
    names, places, duplicates = located(root)
    path = shutil.which(program)
    if path is None:
        raise MonitorUnavailable(
            f"there is no program {program} on PATH",
            "sudo apt install linux-perf (Debian), linux-tools-generic (Ubuntu), or perf (Fedora, Arch)",
        )
    perf = way(root, path, sudo, tuple(place.cpu for place in places) if duplicates else (), timeout_s)
    try:
        choice = choose(perf, [f"power/{name}/" for name in names])
    except PerfHung as error:
        raise MonitorUnavailable(str(error)) from error
    if not choice.events:
        raise MonitorUnavailable(choice.reasons[PACKAGE], _help(choice.reasons[PACKAGE], path, sudo))
    packages = tuple(dict.fromkeys(place.suffix.partition("-")[0] for place in places))
    keys_of = {
        (f"power/{name}/", package): key_of(KINDS[name], package, len(packages) > 1)
        for name in names
        for package in packages
    }
    return Setup(perf, choice, packages, keys_of, duplicates)


def way(root: str, path: str, sudo: bool, cpus: tuple[int, ...], timeout_s: float) -> Perf:
    """
    Return how to run perf.
    """
    variables = {"LC_ALL": "C"} | ({"SYSFS_PATH": root} if root != DEFAULT_ROOT else {})
    # sudo hands LC_ALL on, but no SYSFS_PATH; without that, a line in sudoers for perf alone is enough.
    handed = ("env", *(f"{name}={value}" for name, value in variables.items())) if root != DEFAULT_ROOT else ()
    return Perf(("sudo", "-n", *handed, path) if sudo else (path,), variables, cpus, timeout_s)


def _help(reason: str, path: str, sudo: bool) -> str:
    if sudo and "sudo" in reason:
        return f"let sudo run {path} without a password (a NOPASSWD line in sudoers)"
    if "perf_event_paranoid" in reason:
        return f"sudo setcap cap_perfmon=ep {os.path.realpath(path)}, or the setting sudo = true of this plugin"
    return ""


def choose(perf: Perf, events: Sequence[str]) -> Choice:
    """
    Return the widest set of `events` that perf counts together, in the best form that it knows.

    All are tried at once. If perf refuses (one unknown event loses it all of them), the set grows one by one, so that
    the last one tried is known to work as it is. The package stands first: without it, nothing is of use.

    Raises:
        PerfHung: perf does nothing, so that more attempts would be a waste of time.
    """
    last = Choice(FORMS[0], (), {})
    for form in FORMS:
        working, reasons = _try(perf, form, events)
        if not working:
            reasons, working = {}, ()
            for event in events:
                if event != PACKAGE and not working:
                    break
                grown, why = _try(perf, form, (*working, event))
                if event in grown and len(grown) > len(working):
                    working = grown
                else:
                    reasons[event] = why[event]
        last = Choice(form, working, reasons)
        if PACKAGE in working:
            break
    return last if PACKAGE in last.events else last._replace(events=())


def _try(perf: Perf, form: Sequence[str], events: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    try:
        said = once(perf.command(form, events), perf.environment, perf.timeout_s)
    except PerfHung:
        raise
    except PerfFailed as error:
        return (), dict.fromkeys(events, complaint(str(error)))
    reasons = {}
    for event, found in by_event(parse(said), events).items():
        bad = next((each.reason for each in found if each.reason), "")
        odd = next((each.unit for each in found if each.unit != UNIT), "")
        if bad or odd:
            reasons[event] = bad or f"its unit is {odd!r} instead of {UNIT!r}"
    return tuple(event for event in events if event not in reasons), reasons


def complaint(said: str) -> str:
    """
    Return in one line what perf, or sudo, complains about.
    """
    if "perf_event_paranoid" in said:
        return "perf: " + forbidden(paranoid())[0]
    lines = [line.strip(" \t\\_") for line in said.splitlines()]
    useful = [line for line in lines if line and not line.startswith(("Failed to read max cpus", "Error:", "Run '"))]
    pointed = next((line for line in useful if line.startswith(("___", "Cannot find", "unknown term"))), "")
    return pointed or (useful[0] if useful else "perf said nothing")
