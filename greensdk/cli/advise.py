"""
``greensdk advise``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from greensdk.cli import show
from greensdk.errors import ConfigError

if TYPE_CHECKING:
    from greensdk.advisor import Advice
    from greensdk.advisor.advice import WorkflowAdvice
    from greensdk.advisor.plan import Option, Plan


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--objective",
    default="energy",
    metavar="WHAT",
    help="energy (default), time, cost, edp (energy times time), or weights such as energy=0.5,time=0.5.",
)
@click.option("--deadline", type=float, metavar="S", help="Maximum time in seconds.")
@click.option("--budget", type=float, metavar="USD", help="Maximum cost in US dollars.")
@click.option("--risk", type=float, metavar="P", help="Probability with which a limit may be exceeded, such as 0.05.")
@click.option("--workers", metavar="N,N,...", help="Worker counts to consider, instead of the whole measured range.")
@click.option("--region", help="Use AWS Lambda's prices in this region instead of those in the records.")
@click.option(
    "--save",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the models to this folder.",
)
@click.option(
    "--html", "page", type=click.Path(path_type=Path, dir_okay=False), metavar="PAGE", help="Write an HTML page."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def advise(
    sources: tuple[str, ...],
    objective: str,
    deadline: float | None,
    budget: float | None,
    risk: float | None,
    workers: str | None,
    region: str | None,
    save: Path | None,
    page: Path | None,
    as_json: bool,
) -> None:
    """
    Recommend a number of workers and a memory size.

    SOURCE is a file of JSON lines (also .gz), a folder, a glob, or - for standard input, with the records of a sweep:
    at least four worker counts of the same function. Recommendations stay within the measured range.
    """
    from greensdk.cli.extras import need
    from greensdk.cli.report import spare_logs
    from greensdk.logs import Problem

    need("scipy", "greensdk advise")
    need("msgspec", "greensdk advise")
    if page is not None:
        need("matplotlib", "greensdk advise --html")
        spare_logs(str(page), sources)
    from greensdk.advisor import advise as ask
    from greensdk.report.source import usable

    problems: list[Problem] = []
    records = list(usable(sources, problems.append))
    advice = ask(
        records,
        objective,
        deadline_s=deadline,
        budget_usd=budget,
        risk=risk,
        workers=_counts(workers),
        prices=_prices(region),
        date=_today(),
    )
    if save:
        _save(advice, save)
    if page is not None:
        _write(advice, page, sources, len(records))
    if as_json:
        show.json({**advice.to_dict(), "unreadable_lines": len(problems)})
    else:
        for line in _lines(advice, problems):
            click.echo(line)
    _insist(advice)


def _counts(text: str | None) -> list[int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) for part in parts):
        raise ConfigError(f"--workers {text!r}: expected numbers such as 1,2,4,8")
    return [int(part) for part in parts]


def _prices(region: str | None) -> Any:
    if region is None:
        return None
    from greensdk.advisor.profile import list_price

    return lambda arch: list_price(region, arch)


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().isoformat()


def _save(advice: Advice, folder: Path) -> None:
    import re

    folder.mkdir(parents=True, exist_ok=True)
    for workflow in advice.workflows:
        for stage in workflow.stages:
            if stage.model:
                profile = stage.profile
                parts = (profile.workflow, profile.stage, profile.backend, profile.arch)
                name = re.sub(r"[^A-Za-z0-9_.-]+", "-", "_".join(part for part in parts if part))
                (folder / f"{name}.json").write_text(stage.model.to_json() + "\n")


def _write(advice: Advice, path: Path, sources: tuple[str, ...], records: int) -> None:
    from greensdk.advisor.page.advice import sections
    from greensdk.report.page import document
    from greensdk.report.page.units import several
    from greensdk.report.text import shown

    about = f"From {several(records, 'record')} of {', '.join(map(shown, sources))}, created on {_today()}."
    path.write_text(
        document("Recommended number of workers", "Recommended number of workers", about, sections(advice)),
        encoding="utf-8",
    )
    click.echo(f"page: {path}", err=True)


def _insist(advice: Advice) -> None:
    from greensdk.advisor import CannotAdvise

    if any(each.plan and each.plan.choice for each in advice.workflows):
        return
    reasons = [each.reason for each in advice.workflows if each.reason]
    raise CannotAdvise("; ".join(reasons or advice.remarks or ["no usable records"]))


def _lines(advice: Advice, problems: list[Any]) -> Iterator[str]:
    chosen = [each for each in advice.workflows if each.plan and each.plan.choice]
    for each in chosen:
        yield from _workflow(each)
    if chosen:
        yield from (each.reason for each in advice.workflows if each.reason)
        yield from advice.remarks
    if problems:
        yield f"{show.count(len(problems), 'unreadable line')}, first: {problems[0]}"


def _workflow(each: WorkflowAdvice) -> Iterator[str]:
    plan = each.plan
    assert plan
    assert plan.choice
    location = ", ".join(part for part in (each.backend, each.arch) if part)
    runs = sum(len(stage.points) for stage in each.stages)
    yield f"{each.name}{f' ({location})' if location else ''}: {show.count(runs, 'run')}, {plan.wanted}"
    yield from _aligned(_rows(plan))
    if plan.confidence is not None:
        yield f"confidence: {plan.confidence:.0%} of resampled fits have no alternative more than 5% better"
    for option in plan.alternatives:
        yield f"alternative: {_configs(option)}: {_totals(option)}"
    for name, predictions in plan.profile_next.items():
        from greensdk.advisor.plan import label

        yield f"measure next: {name} " + ", ".join(label((one.workers, one.memory_mb)) for one in predictions)
    yield from plan.remarks
    sources = {stage.profile.energy_source for stage in each.stages if stage.profile.energy_source}
    if sources:
        yield f"energy from {', '.join(sorted(sources))}"
    yield ""


def _rows(plan: Plan) -> list[list[str]]:
    rows = [["stage", "workers", "memory MB", "seconds (90%)", "joules (90%)", "USD"]]
    for name, one in plan.stages.items():
        size = "-" if one.memory_mb is None else f"{one.memory_mb:g}"
        seconds = _ends(one.time_s, one.time_low_s, one.time_high_s)
        joules = _ends(one.energy_j, one.energy_low_j, one.energy_high_j)
        rows.append([name, str(one.workers), size, seconds, joules, _ends(one.usd)])
    if len(rows) > 2:
        whole = [_ends(*plan.total.get(key, (None,))) for key in ("time_s", "energy_j")]
        rows.append(["total", "", "", *whole, _ends(*plan.total.get("usd", (None,))[:1])])
    return rows


def _ends(value: float | None, low: float | None = None, high: float | None = None) -> str:
    if value is None:
        return "-"
    from greensdk.schema.text import digits

    return digits(value) + ("" if low is None or high is None else f" [{digits(low)}, {digits(high)}]")


def _aligned(rows: list[list[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _configs(option: Option) -> str:
    from greensdk.advisor.plan import label

    if len(option.configs) == 1:
        return label(next(iter(option.configs.values())))
    return ", ".join(f"{name} {label(config)}" for name, config in option.configs.items())


def _totals(option: Option) -> str:
    from greensdk.schema.text import digits

    parts = [f"{digits(option.time_s)} s"]
    if option.energy_j is not None:
        parts.append(f"{digits(option.energy_j)} J")
    if option.usd is not None:
        parts.append(f"{digits(option.usd)} USD")
    return ", ".join(parts)
