"""
What to run: predictions with their intervals, and the choices that nothing beats, as sections of a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from greensdk.report.page.html import Html, joined, name_of, table, tag
from greensdk.report.page.plots import COLOURS, INK, PAPER, legend, picture, unit_ticks
from greensdk.report.page.units import amount, several
from greensdk.report.page.view import KINDS, View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from greensdk.advisor import Advice
    from greensdk.advisor.advice import StageAdvice, WorkflowAdvice
    from greensdk.advisor.plan import Option, Plan

MOST_RECORDS = 20_000
"""A report of more makes no predictions: fitting would take longer than everything else on the page."""

LEAST_COUNTS = 4
"""Worker counts that the advisor wants."""

QUANTITIES = (("time", "s", "time_s"), ("energy", "J", "energy_j"), ("cost", "USD", "usd"))
EXPLAINED = (
    "Dots are runs that were measured. Lines are what the model predicts for any number of workers in between, shades "
    "where a new run would lie nine times in ten. The ring is the choice."
)


def recommended(view: View) -> Html | None:
    """
    Show what to run where the records hold a sweep over worker counts and the advisor's libraries are installed.
    """
    records = view.report.counted
    if len(records) > MOST_RECORDS or not _has_sweep(records):
        return None
    try:
        from greensdk.advisor import advise

        advice = advise(records)
    except Exception:  # a page about calls is worth showing without it, and `greensdk advise` tells why
        return None
    parts = [part for part in map(workflow, advice.workflows) if part]
    return joined([tag("h2", "What to run"), *parts]) if parts else None


def _has_sweep(records: Iterable[Any]) -> bool:
    jobs: dict[Any, dict[Any, int]] = {}
    for record in records:
        worker = record.get("worker") or {}
        if worker.get("job_id") is not None:
            calls = jobs.setdefault(record.get("function"), {})
            job = worker.get("executor_id"), worker["job_id"]
            calls[job] = calls.get(job, 0) + 1
    return any(len(set(calls.values())) >= LEAST_COUNTS for calls in jobs.values())


def sections(advice: Advice) -> Iterator[Html]:
    """
    Yield a section for each workflow, and one for what else is to be said.
    """
    yield from (part for part in map(workflow, advice.workflows) if part)
    if advice.remarks:
        yield joined([tag("h2", "Remarks"), tag("ul", *(tag("li", remark) for remark in advice.remarks))])


def workflow(each: WorkflowAdvice) -> Html | None:
    """
    Show the choice of one workflow, its stages' curves, and what nothing beats.
    """
    place = ", ".join(part for part in (each.backend, each.arch) if part)
    parts: list[Any] = [tag("h3", name_of(each.name), f" ({place})" if place else "")]
    plan = each.plan
    if plan is not None and plan.choice is not None:
        parts += [_choice(plan), _options(plan)]
    elif each.reason:
        parts.append(tag("p", tag("strong", "No recommendation: "), name_of(each.reason, 600)))
    for stage in each.stages:
        if stage.points:
            parts.append(_curves(stage, plan))
    if plan is not None and len(plan.pareto) > 1 and all(option.energy_j is not None for option in plan.ranked):
        parts.append(_front(plan))
    if plan is not None and plan.remarks:
        parts.append(tag("ul", *(tag("li", name_of(remark, 600)) for remark in plan.remarks)))
    return joined(parts)


def _choice(plan: Plan) -> Html:
    sure = (
        ""
        if plan.confidence is None
        else f" Nothing else is better by more than 5 % in {100 * plan.confidence:.0f} % of fits."
    )
    limits = [f"within {plan.deadline_s:g} s"] if plan.deadline_s is not None else []
    limits += [f"for at most {plan.budget_usd:g} USD"] if plan.budget_usd is not None else []
    return tag("p", f"For the least {plan.objective}{' ' if limits else ''}{' '.join(limits)}.{sure}")


def _options(plan: Plan) -> Html:
    assert plan.choice is not None
    rows = [_row("choice", plan.choice), *(_row("next best", option) for option in plan.alternatives)]
    for name, some in plan.profile_next.items():
        rows += [
            ["profile next", joined([name_of(name), f": {_config(one.workers, one.memory_mb)}"]), "", "", ""]
            for one in some
        ]
    return table(
        "The choice, what comes after it, and what to measure next",
        ["", "what", "time", "energy", "cost"],
        rows,
        words=2,
    )


def _row(kind: str, option: Option) -> list[Any]:
    whats = [
        joined([name_of(name), f": {_config(*config)}"]) if len(option.configs) > 1 else _config(*config)
        for name, config in option.configs.items()
    ]
    dollars = "-" if option.usd is None else amount(option.usd, "USD")
    joules = "-" if option.energy_j is None else amount(option.energy_j, "J")
    return [kind, joined(_between(whats)), amount(option.time_s, "s"), joules, dollars]


def _between(parts: Sequence[Any]) -> Iterator[Any]:
    for place, part in enumerate(parts):
        yield "; " if place else ""
        yield part


def _config(workers: int, memory_mb: float | None) -> str:
    return several(workers, "worker") + ("" if memory_mb is None else f" of {memory_mb:g} MB")


def _curves(stage: StageAdvice, plan: Plan | None) -> Html:
    """
    Show what a stage takes by number of workers, a line for each memory size.
    """
    sizes = sorted({point.memory_mb for point in stage.points}, key=lambda size: size or 0.0)
    shown = [part for part in QUANTITIES if any(getattr(point, part[2], None) is not None for point in _all(stage))]
    chosen = None if plan is None or plan.choice is None else plan.choice.configs.get(stage.profile.stage)

    def draw(figure: Figure, narrow: bool) -> None:
        axes = figure.subplots(len(shown) if narrow else 1, 1 if narrow else len(shown), squeeze=False).ravel()
        for axis, (what, unit, key) in zip(axes, shown, strict=True):
            for place, size in enumerate(sizes):
                _draw(axis, stage, size, key, COLOURS[min(place, KINDS)])
            _ring(axis, stage, chosen, key)
            counts = sorted({point.workers for point in stage.points})
            axis.set_xscale("log")
            axis.set_xticks(counts, [str(count) for count in counts])
            axis.minorticks_off()
            axis.set_ylim(bottom=0.0)
            unit_ticks(axis.yaxis, unit)
            axis.set_xlabel("workers")
            axis.set_title(f"{what} ({unit})")

    keys = [
        (f"box c{min(place, KINDS)}", "any memory" if size is None else f"{size:g} MB")
        for place, size in enumerate(sizes)
    ]
    alt = f"{' and '.join(part[0] for part in shown)} by number of workers, measured and predicted"
    told = EXPLAINED if stage.model else f"Dots are runs that were measured. {stage.reason}"
    name = f"advice-{stage.profile.digest[:8]}"
    return joined(
        [
            tag("h4", name_of(stage.profile.stage)),
            tag("p", told),
            legend(keys),
            picture(name, alt, 300.0 + 120.0 * (len(shown) > 2), draw),
        ]
    )


def _all(stage: StageAdvice) -> list[Any]:
    return [*stage.points, *(prediction for curve in stage.curves.values() for prediction in curve)]


def _draw(axis: Any, stage: StageAdvice, size: float | None, key: str, colour: str) -> None:
    curve = [one for one in stage.curves.get(size, ()) if getattr(one, key) is not None]
    stem = key.removesuffix("_s").removesuffix("_j")
    unit = key.removeprefix(stem)
    counts = [one.workers for one in curve]
    if curve:
        low, high = ([getattr(one, f"{stem}_{end}{unit}") for one in curve] for end in ("low", "high"))
        axis.fill_between(counts, low, high, color=colour, alpha=0.18, linewidth=0)
        axis.plot(counts, [getattr(one, key) for one in curve], color=colour, linewidth=1.6)
    points = [(p.workers, getattr(p, key, None)) for p in stage.points if p.memory_mb == size]
    known = [(count, value) for count, value in points if value is not None]
    axis.plot(
        [count for count, _ in known],
        [value for _, value in known],
        "o",
        color=colour,
        markeredgecolor=PAPER,
        markersize=5.5,
    )


def _ring(axis: Any, stage: StageAdvice, chosen: Any, key: str) -> None:
    if chosen is None:
        return
    count, size = chosen
    found = next((one for one in stage.curves.get(size, ()) if one.workers == count), None)
    value = None if found is None else getattr(found, key)
    if value is not None:
        axis.plot(
            [count], [value], "o", markersize=13, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.4
        )


def _front(plan: Plan) -> Html:
    """
    Show time against energy of everything that was looked at.
    """

    def draw(figure: Figure, narrow: bool) -> None:  # noqa: ARG001 - as all of them are called
        axis = figure.subplots()
        axis.plot(
            [o.time_s for o in plan.ranked],
            [o.energy_j or 0.0 for o in plan.ranked],
            ".",
            color=COLOURS[KINDS],
            alpha=0.6,
        )
        best = sorted(plan.pareto, key=lambda option: option.time_s)
        axis.plot(
            [o.time_s for o in best], [o.energy_j or 0.0 for o in best], "o-", color=COLOURS[0], markeredgecolor=PAPER
        )
        assert plan.choice is not None
        ring: dict[str, Any] = {
            "markersize": 13,
            "markerfacecolor": "none",
            "markeredgecolor": INK,
            "markeredgewidth": 1.4,
        }
        axis.plot([plan.choice.time_s], [plan.choice.energy_j or 0.0], "o", **ring)
        axis.set_xlim(left=0.0)
        axis.set_ylim(bottom=0.0)
        unit_ticks(axis.xaxis, "s")
        unit_ticks(axis.yaxis, "J")
        axis.set_xlabel("time (s)")
        axis.set_title("energy (J)")

    keys = [
        ("box c0", "beaten by none in time, energy and cost at once"),
        (f"box c{KINDS}", "everything else looked at"),
    ]
    alt = f"energy over time of {len(plan.ranked)} choices, {len(plan.pareto)} of them beaten by none"
    return joined([tag("h4", "Energy against time"), legend(keys), picture("advice-front", alt, 300.0, draw)])
