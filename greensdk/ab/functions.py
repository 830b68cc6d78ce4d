"""
:func:`compare`: which of several functions takes less.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Any, overload

from greensdk.ab.comparison import BY, Comparison, Sample
from greensdk.ab.pairs import Plan, Side, run
from greensdk.errors import ConfigError

Function = Callable[[], object]


@overload
def compare(f: Function, g: Function, /, **options: Any) -> Comparison: ...
@overload
def compare(f: Function, g: Function, h: Function, /, *more: Function, **options: Any) -> list[Comparison]: ...
def compare(f: Function, g: Function, /, *more: Function, **options: Any) -> Comparison | list[Comparison]:
    """
    Run functions in turns until it is known which of them takes less, and whether the difference is real.

    They are called without arguments (``lambda: work(10)``), and have to be ones that may be run many times. Short ones
    are run many times in each measurement.

    Args:
        f: What the others are compared with.
        g: The other one.
        more: Others; each is compared with `f`.
        options: ``by``: what to compare: ``active`` (joules above the machine's rest), ``call`` (the call's joules),
            ``machine`` (the whole machine's until it is done), ``cpu`` (CPU seconds), ``time``, ``instructions`` (where
            perf counts them); default: what can be told best here, which is CPU seconds where there is only a model.
            ``least``: the difference that matters, 0.02 for 2%. ``precise``: how well a difference has to be known.
            ``budget_s``: seconds after which it ends, 60. ``most``: pairs after which it ends, 100. ``runs``: calls in
            one measurement. ``monitors``: as for :func:`greensdk.energy_tracked`. ``processes``: so many processes one
            after the other, each with its own layout of memory, share the budget (needs fork).

    Returns:
        A comparison: ``str()`` of it is a sentence, ``ratio`` with ``low`` and ``high`` what g takes in units of f.
        With more than two functions, a list.

    Raises:
        ConfigError: An option is unknown or of the wrong kind.

    Example:
        >>> found = compare(lambda: sum(range(10**5)), lambda: sum(range(2 * 10**5)), by="cpu", budget_s=2)
        >>> found.word, found.ratio > 1.3
        ('differs', True)
    """
    from greensdk.configure.targets import is_disabled
    from greensdk.measure.slots import slot_for

    functions = (f, g, *more)
    monitors, processes = options.pop("monitors", None), options.pop("processes", 1)
    plan = _plan(options)
    if wrong := next((each for each in functions if not callable(each)), None):
        raise ConfigError(f"compare: {wrong!r} can't be called; give functions, such as lambda: work(10)")
    settings = {} if monitors is None else {"monitors": monitors}
    if is_disabled():
        raise ConfigError("compare: GREENSDK_DISABLED switches measuring off; nothing was run")
    slot_for({"sink": [], **settings}).open()  # an invalid setting is reported before anything runs
    named = _names(functions)
    sides = [Side(name, measured(function, settings)) for name, function in zip(named, functions, strict=True)]
    if processes == 1:
        found = run(sides, plan)
    else:
        from greensdk.ab.processes import in_processes

        found = in_processes(sides, plan, processes)
    return found if more else found[0]


def _plan(options: Mapping[str, Any]) -> Plan:
    if unknown := sorted(options.keys() - Plan._fields):
        known = ", ".join(sorted((*Plan._fields, "monitors", "processes")))
        raise ConfigError(f"compare: unknown option {unknown[0]!r}; known are {known}")
    plan = Plan(**options)
    if plan.by is not None and plan.by not in BY:
        raise ConfigError(f"compare: by is {plan.by!r}, not one of {', '.join(BY)}")
    for name in ("least", "precise", "budget_s", "most", "runs"):
        value = getattr(plan, name)
        if name == "runs" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise ConfigError(f"compare: {name} is {value!r}, not a number above 0")
    return plan


def _names(functions: tuple[Function, ...]) -> list[str]:
    """Return the functions' names; letters where they have none, or the same."""
    names = [getattr(function, "__name__", "<lambda>") for function in functions]
    if "<lambda>" in names or len(set(names)) < len(names):
        return [chr(ord("a") + place % 26) for place in range(len(functions))]
    return names


def measured(function: Function, settings: Mapping[str, Any]) -> Callable[[int], tuple[Sample, str | None]]:
    """
    Return what measures so many runs of a function in one window.

    Args:
        function: It is called without arguments.
        settings: Arguments of :func:`greensdk.energy_tracked`.
    """
    from greensdk.measure.blocks import capture
    from greensdk.measure.decorator import energy_tracked

    def measure(runs: int) -> tuple[Sample, str | None]:
        tracked = made.get(runs)
        if tracked is None:
            tracked = made[runs] = energy_tracked(sink=[], repeat=runs, **settings)(function)
        gc.collect()
        with capture() as records:
            tracked()
        if not records:
            raise ConfigError("compare: a run was not measured; a warning has said why")
        return sample(records[-1])

    made: dict[int, Any] = {}
    return measure


def sample(record: Mapping[str, Any]) -> tuple[Sample, str | None]:
    """
    Return what one run of a record's call took, and the monitor that its joules are from.
    """
    from greensdk.schema.primary import primaries_of

    parts = [each["energy_j"] for each in primaries_of(record)]
    readings = (reading.get("attributes") or {} for reading in record["readings"])
    taken = {
        "active": record["active_j"],
        "call": record["energy_j"],
        "machine": None if not parts or None in parts else sum(parts),
        "cpu": record["cpu_s"],
        "time": record["duration_s"],
        "instructions": next((each["instructions"] for each in readings if each.get("instructions")), None),
    }
    runs = record["runs"] or 1
    return {by: None if value is None else value / runs for by, value in taken.items()}, record["energy_source"]
