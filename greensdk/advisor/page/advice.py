"""
The recommendation in words, how it was found, and what else there is, as sections of a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from greensdk.advisor.page.curves import band, curves
from greensdk.advisor.page.tradeoffs import config, dollars, known, numbers, tradeoffs, what
from greensdk.report.page.html import LONGEST_REASON, Html, joined, name_of, table, tag
from greensdk.report.page.sums import card
from greensdk.report.page.units import NONE, amount, digits, ratio, several, span
from greensdk.report.page.view import View

if TYPE_CHECKING:
    from greensdk.advisor import Advice, Plan, Prediction, Profile
    from greensdk.advisor.advice import StageAdvice, WorkflowAdvice

MOST_RECORDS = 20_000
"""A report of more makes no predictions: finding the sweeps would take longer than the rest of the page."""

MOST_IN_REPORT = 6
MOST_WORKFLOWS = 25
MOST_STAGES = 12
LEAST_COUNTS = 4
"""Worker counts that the advisor wants."""

WIDE_BAND = 1.05


def recommended(view: View) -> Html | None:
    """
    Show what to run where the records hold a sweep over worker counts and the advisor's libraries are installed.
    """
    if view.total.calls > MOST_RECORDS:
        return None
    title = tag("h2", "Recommended number of workers")
    try:
        parts = _swept(view)
    except ImportError:
        return None
    except Exception as error:  # the rest of the page is worth showing, and `greensdk advise` says more
        parts = [tag("p", f"No prediction could be made: {type(error).__name__}.")]
    return joined([title, *parts]) if parts else None


def _swept(view: View) -> list[Html]:
    from greensdk.advisor.profile import profiles_of

    swept = [each for each in profiles_of(view.report)[0] if _counts(each) >= LEAST_COUNTS]
    if not swept:
        return []
    from greensdk.advisor.advice import advise_on

    homes = len({_home(each) for each in swept})
    has_joules = any(profile.energy_source for profile in swept)
    every = advise_on(_largest(swept), "energy" if has_joules else "time").workflows
    text = "For what ran with four numbers of workers or more"
    text += f": the {len(every)} with the most runs, of {homes}." if homes > len(every) else "."
    return [tag("p", text), *(_workflow(each, place, 3) for place, each in enumerate(every))]


def _counts(profile: Profile) -> int:
    return len({point.workers for point in profile.points})


def _largest(swept: Sequence[Profile]) -> list[Profile]:
    """Return the stages of the workflows with the most runs."""
    runs: dict[Any, int] = {}
    for each in swept:
        runs[_home(each)] = runs.get(_home(each), 0) + len(each.points)
    kept = sorted(runs, key=lambda home: -runs[home])[:MOST_IN_REPORT]
    return [each for each in swept if _home(each) in kept]


def _home(profile: Profile) -> tuple[Any, ...]:
    return profile.workflow or profile.stage, profile.backend, profile.arch


def sections(advice: Advice) -> Iterator[Html]:
    """
    Yield a section for each workflow, and one for what else is to be said.
    """
    for place, each in enumerate(advice.workflows[:MOST_WORKFLOWS]):
        yield _workflow(each, place, 2)
    left = len(advice.workflows) - MOST_WORKFLOWS
    remarks = [*advice.remarks, *[f"{left} more workflows are not shown: give fewer records"] * (left > 0)]
    if not advice.workflows:
        yield joined([tag("h2", "No recommendation"), tag("p", "There are no runs to learn from.")])
    if remarks:
        yield joined([tag("h2", "Remarks"), _remarks(remarks)])


def _remarks(remarks: Sequence[str]) -> Html:
    return tag("ul", *(tag("li", name_of(remark, LONGEST_REASON)) for remark in remarks), class_="remarks")


def _workflow(each: WorkflowAdvice, place: int, level: int) -> Html:
    """Show one workflow: what to run, the curves it rests on, what a gain costs, and where all of it comes from."""
    below = partial(tag, f"h{level + 1}")
    where = ", ".join(part for part in (each.backend, each.arch) if part)
    parts: list[Any] = [tag(f"h{level}", name_of(each.name), *[", on ", name_of(where)] * bool(where))]
    plan, name = each.plan, f"advice-{place}"
    if plan is not None and plan.choice is not None:
        parts += _choice(plan)
    elif each.reason:
        text = "No recommendation: ", name_of(each.reason, LONGEST_REASON), "."
        parts.append(tag("p", tag("strong", text[0]), *text[1:], class_="note"))
    for number, stage in enumerate(each.stages[:MOST_STAGES]):
        parts.append(_stage(stage, plan, below, f"{name}-{number}", alone=len(each.stages) == 1))
    if len(each.stages) > MOST_STAGES:
        parts.append(tag("p", f"{len(each.stages) - MOST_STAGES} more stages are not drawn."))
    if plan is not None:
        parts += filter(None, [tradeoffs(plan, below, f"{name}-front")])
        parts += [below("Remarks"), _remarks(plan.remarks)] if plan.remarks else []
    return joined([*parts, below("Data used"), _origin(each)])


def _choice(plan: Plan) -> list[Html]:
    assert plan.choice is not None
    single = len(plan.stages) == 1
    cards = [_run(plan)]
    for key, said, unit in (("time_s", "time", "s"), ("energy_j", "energy", "J")):
        if key in plan.total:
            middle, low, high = plan.total[key]
            cards.append(card(said, amount(middle, unit), f"90%: {span(low, high, unit)}"))
    if "usd" in plan.total:
        middle, low, high = plan.total["usd"]
        cards.append(card("cost", dollars(middle), f"90%: {digits(low)} – {digits(high)} USD"))
    if plan.confidence is not None:
        more = "of the resampled fits had no alternative more than 5% better"
        cards.append(card("confidence", f"{100 * plan.confidence:.0f}%", more))
    parts = [tag("p", f"Recommended for the {plan.wanted}."), tag("div", *cards, class_="cards")]
    parts += [] if single else [_by_stage(plan)]
    parts += [_next_best(plan)] if plan.alternatives else []
    if not plan.exhaustive:
        parts.append(tag("p", "There are too many combinations to compare them all: a solver found the best."))
    return [*parts, *_measure_next(plan)]


def _run(plan: Plan) -> Html:
    if len(plan.stages) > 1:
        return card("run", several(len(plan.stages), "stage"), "each as the table says")
    (one,) = plan.stages.values()
    size = "" if one.memory_mb is None else f"of {one.memory_mb:,g} MB. "
    return card("run", several(one.workers, "worker"), f"{size}{_seen(one)}")


def _seen(one: Prediction) -> str:
    return "It was measured." if one.measured else "It was not measured: the numbers are predicted."


def _by_stage(plan: Plan) -> Html:
    rows = [
        [
            name_of(name),
            config(one.workers, one.memory_mb),
            amount(one.time_s, "s"),
            span(one.time_low_s, one.time_high_s, "s"),
            amount(one.energy_j, "J"),
            span(one.energy_low_j, one.energy_high_j, "J"),
            dollars(one.usd),
        ]
        for name, one in plan.stages.items()
    ]
    columns = ["stage", "run", "time", "90% interval", "energy", "90% interval", "cost"]
    return table("Recommendation by stage", columns, rows, words=2)


def _next_best(plan: Plan) -> Html:
    """Show the choice and what comes after it."""
    assert plan.choice is not None
    rows = []
    for place, option in enumerate((plan.choice, *plan.alternatives)):
        worse = ratio(option.score / plan.choice.score) if plan.choice.score else NONE
        rows.append([what(option), *numbers(plan, option), worse if place else "recommended"])
    columns = ["run", *known(plan), f"{plan.objective}, relative to the recommendation"]
    return table("Recommendation and alternatives", columns, rows)


def _measure_next(plan: Plan) -> list[Html]:
    found = [
        joined(
            [
                *([] if len(plan.profile_next) == 1 else [name_of(name), ": "]),
                ", ".join(config(one.workers, one.memory_mb) for one in some),
            ]
        )
        for name, some in plan.profile_next.items()
        if some
    ]
    if not found:
        return []
    items = [part for place, each in enumerate(found) for part in ("; " if place else "", each)]
    text = ". These come close to the recommendation, and the model is least certain of them."
    return [tag("p", tag("strong", "Measure next: "), *items, text)]


def _stage(stage: StageAdvice, plan: Plan | None, below: Callable[..., Html], name: str, *, alone: bool) -> Html:
    """Show the curves of a stage, with the words that it takes to read them."""
    title = "Energy and time by number of workers"
    heading = below(title) if alone else below(name_of(stage.profile.stage), f": {title[0].lower()}{title[1:]}")
    if not stage.points:
        return joined([heading, tag("p", name_of(stage.reason, LONGEST_REASON))])
    chosen = None if plan is None else plan.stages.get(stage.profile.stage)
    return joined([heading, tag("p", *_explained(stage, alone)), curves(stage, chosen, name)])


def _explained(stage: StageAdvice, alone: bool) -> Iterator[Any]:
    yield "Each mark is a run that was measured. "
    if stage.model is None:
        if not alone:
            yield joined(["There is no prediction: ", name_of(stage.reason, LONGEST_REASON), "."])
        return
    yield "The lines are predictions; shaded: 90% prediction interval. "
    if stage.model.no_energy:
        yield joined(["There is no prediction of energy: ", name_of(stage.model.no_energy, LONGEST_REASON), ". "])
    low, high = band(stage)
    if high / low > WIDE_BAND:
        yield (
            f"The energy is estimated, and the model's error scales all of it alike: the truth lies between ×{low:.2g} "
            f"and ×{high:.2g} of what is drawn (90%). That changes no ranking, so the shaded interval leaves it out; "
            "intervals in numbers include it."
        )


def _origin(each: WorkflowAdvice) -> Html:
    columns = ["stage", "runs", "worker counts", "time error", "energy error", "method", "records"]
    rows = [
        [
            name_of(stage.profile.stage),
            f"{len(stage.profile.points):,}",
            f"{_counts(stage.profile):,}",
            _missed(stage.model.time.error if stage.model else None),
            _joules_missed(stage),
            name_of(stage.profile.energy_source) if stage.profile.energy_source else NONE,
            tag("span", f"{stage.profile.digest[:12]}…", title=stage.profile.digest) if stage.profile.digest else NONE,
        ]
        for stage in each.stages
    ]
    text: list[Any] = ["The last column names the records: the same ones have the same name. "]
    if any(stage.model for stage in each.stages):
        text += ["Error: the median error on held-out runs, whose worker count or memory size the model had not seen. "]
    prices = {stage.profile.price.source for stage in each.stages if stage.profile.price}
    text += [joined(["Prices: ", *(name_of(source) for source in sorted(prices)), ". "])] * bool(prices)
    return joined(
        [tag("p", *text), table("Runs, and the records they are in", columns, rows, last=2), *_machines(each)]
    )


def _missed(error: float | None) -> str:
    return NONE if error is None else f"{100 * error:.1f}%"


def _joules_missed(stage: StageAdvice) -> str:
    """Return how far joules are off; of meters and estimates of one worker, the model knows the watts."""
    energy = stage.model.energy if stage.model else None
    if energy is None:
        return NONE
    return _missed(energy.surface.error) + ("" if energy.worker is None else " (as watts)")


def _machines(each: WorkflowAdvice) -> Iterator[Html]:
    for stage in each.stages:
        if stage.model and len(stage.model.machines.time) > 1:
            machines = stage.model.machines
            factors = ", ".join(ratio(factor) for name, factor in machines.time.items() if name != machines.reference)
            parts = ["Runs come from ", several(len(machines.time), "machine"), "; all are shown as "]
            text = f" would have run them. The others are {factors} as slow."
            yield tag("p", *parts, name_of(machines.reference), text)
