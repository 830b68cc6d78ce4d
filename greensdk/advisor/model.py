"""
A fitted stage, and the file that keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import attrs
import numpy as np

from greensdk.advisor.machines import Machines, arrays, compare, normalised
from greensdk.advisor.profile import Point, Price, Profile
from greensdk.advisor.surface import MEMBERS, RATE, SHARED, TIME, Surface, fit_surface
from greensdk.errors import GreensdkError
from greensdk.version import __version__

SCHEMA = "greensdk.model/1"

LEAST_WORKER_COUNTS = 4
MOST_SPREAD = 2.0
"""Repetitions of a configuration that differ by more, in the median configuration, contradict each other."""

MOST_ERROR = 0.5
"""A model that misses what it did not see by more, in the median configuration, is none."""

Config = tuple[int, float | None]


class Chance(NamedTuple):
    """
    What the bootstrap draws by.
    """

    seed: int
    members: int


class CannotAdvise(GreensdkError):
    """
    The records don't carry what was asked; the text says why, in one line.
    """


@attrs.frozen(eq=False)
class Energy:
    """
    What tells a stage's joules.

    Attributes:
        surface: Joules of a shared meter; or watts of one worker.
        worker: The seconds of the mean worker, which these go with; None for a shared meter.
        low: The lower end of the estimator's interval as a part of its joules; 1 where they were measured.
        high: The same for the upper end.
    """

    surface: Surface
    worker: Surface | None
    low: float
    high: float


@attrs.frozen(eq=False)
class Model:
    """
    A fitted stage.

    Attributes:
        profile: What it was fitted to.
        seed: Of the bootstrap.
        members: How many fits it made.
        date: Of the fit, as its caller says.
        machines: How the machines compare.
        points: The runs, as the reference machine would have made them.
        time: Seconds.
        worker: Seconds of the mean worker.
        energy: Joules; None if there is no model of them.
        no_energy: Why not.
    """

    profile: Profile
    seed: int
    members: int
    date: str | None
    machines: Machines
    points: tuple[Point, ...]
    time: Surface
    worker: Surface
    energy: Energy | None
    no_energy: str | None

    @property
    def configs(self) -> tuple[Config, ...]:
        """
        What was measured.
        """
        return tuple(sorted({(point.workers, point.memory_mb) for point in self.points}, key=_order))

    def to_json(self) -> str:
        """
        Return the model as a file: where it comes from, its runs, its coefficients.
        """
        return json.dumps(
            {
                "schema": SCHEMA,
                "greensdk": __version__,
                "date": self.date,
                "records_digest": self.profile.digest,
                "seed": self.seed,
                "members": self.members,
                "profile": attrs.asdict(self.profile),
                "machines": attrs.asdict(self.machines),
                "time": _plain(self.time),
                "energy": self.energy and _plain(self.energy.surface),
            },
            indent=1,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """
        Return the model in a file: fitted to its runs again, and compared with the coefficients that stand there.

        Raises:
            CannotAdvise: The file is no such model, or this version of greensdk makes another one of its runs.
        """
        try:
            data = json.loads(text)
            if data["schema"] != SCHEMA:
                raise CannotAdvise(f"the model is {data['schema']!r}: expected {SCHEMA!r}")
            profile, told, seed = _profile(data["profile"]), data["time"], data["seed"]
            members, date = data["members"], data["date"]
        except (ValueError, KeyError, TypeError) as error:
            raise CannotAdvise(f"this is no model file: {error}") from error
        model = fit(profile, seed=seed, date=date, least=1, strict=False, members=members)
        now = _plain(model.time)
        if not all(np.allclose(now[key], told[key], rtol=1e-6, atol=1e-9) for key in ("weights", "coefficients")):
            raise CannotAdvise(f"the model was made by greensdk {data['greensdk']}, which fits otherwise: fit it again")
        return cls(**{field.name: getattr(model, field.name) for field in attrs.fields(Model)})


def fit(
    profile: Profile,
    *,
    seed: int = 0,
    date: str | None = None,
    least: int = LEAST_WORKER_COUNTS,
    strict: bool = True,
    members: int = MEMBERS,
) -> Model:
    """
    Fit a stage.

    Args:
        profile: Its runs.
        seed: Of the bootstrap: the same seed gives the same intervals.
        date: Kept in the model.
        least: How many worker counts must have been measured.
        strict: Refuse runs that contradict each other.
        members: How many fits the bootstrap makes.

    Raises:
        CannotAdvise: The runs are too few, or contradict each other.
    """
    points, machines = _comparable(profile, least)
    cells = _cells(points)
    spread = _spread(cells, lambda point: point.time_s)
    if strict and spread > MOST_SPREAD:
        raise CannotAdvise(
            f"{profile.name}: repetitions of one configuration differ by x{spread:.2g} in time: "
            "no number could be trusted"
        )
    chance = Chance(seed, members)
    time = _surface(TIME, cells, lambda point: point.time_s, chance)
    if strict and time.error > MOST_ERROR:
        raise CannotAdvise(
            f"{profile.name}: the model misses the times of configurations it has not seen by {time.error:.0%} "
            "(median): the runs contradict each other"
        )
    same = all(point.billed_s == point.workers * point.time_s for point in points)
    worker = time if same else _surface(TIME, cells, lambda point: point.billed_s / point.workers, chance)
    energy, why = _energy(profile, points, worker, chance, strict)
    return Model(profile, seed, members, date, machines, tuple(points), time, worker, energy, why)


def _comparable(profile: Profile, least: int) -> tuple[list[Point], Machines]:
    sized = [point for point in profile.points if point.memory_mb is not None]
    points = sized or list(profile.points)
    if not points:
        raise CannotAdvise(f"{profile.name}: no runs")
    machines = compare(points)
    points = normalised(points, machines)
    counts = sorted({point.workers for point in points})
    if len(counts) < least:
        measured = ", ".join(map(str, counts))
        raise CannotAdvise(
            f"{profile.name}: {len(counts)} worker count{'s' * (len(counts) > 1)} measured ({measured}): "
            f"at least {least} are needed"
        )
    return points, machines


Cells = dict[Config, list[Point]]


def _cells(points: Iterable[Point]) -> Cells:
    cells: Cells = {}
    for point in points:
        cells.setdefault((point.workers, point.memory_mb), []).append(point)
    # A drawn repetition is a place in this list: the order in which the runs came must not matter.
    return {
        config: sorted(cells[config], key=lambda point: (point.time_s, point.billed_s, point.energy_j or 0.0))
        for config in sorted(cells, key=_order)
    }


def _order(config: Config) -> tuple[int, float]:
    return config[0], config[1] or 0.0


def _surface(kind: str, cells: Cells, value: Any, chance: Chance) -> Surface:
    p, m = arrays([runs[0] for runs in cells.values()])
    return fit_surface(kind, p, m, [np.array([value(run) for run in runs]) for runs in cells.values()], *chance)


def _spread(cells: Cells, value: Any) -> float:
    repeated = [[value(run) for run in runs] for runs in cells.values() if len(runs) > 1]
    return float(np.median([max(each) / min(each) for each in repeated])) if repeated else 1.0


def _energy(
    profile: Profile, points: Sequence[Point], worker: Surface, chance: Chance, strict: bool
) -> tuple[Energy | None, str | None]:
    known = [point for point in points if point.energy_j]
    counts = {point.workers for point in known}
    if len(counts) < min(LEAST_WORKER_COUNTS, len({point.workers for point in points})):
        return None, f"joules are known for {len(counts)} worker counts: at least {LEAST_WORKER_COUNTS} are needed"
    cells = _cells(known)
    spread = _spread(cells, lambda point: point.energy_j)
    if strict and spread > MOST_SPREAD:
        return None, f"joules of one configuration differ by x{spread:.2g}"
    if profile.shared_meter:
        surface, of_worker = _surface(SHARED, cells, lambda point: point.energy_j, chance), None
        low = high = 1.0
    else:
        of_worker = worker
        if len(known) < len(points):
            of_worker = _surface(TIME, cells, lambda point: point.billed_s / point.workers, chance)
        surface = _surface(RATE, cells, lambda point: point.energy_j / point.billed_s, chance)
        low, high = (_ratio(known, end) for end in ("energy_low_j", "energy_high_j"))
    if strict and surface.error > MOST_ERROR:
        return None, f"the model misses the joules of configurations it has not seen by {surface.error:.0%} (median)"
    return Energy(surface, of_worker, low, high), None


def _ratio(points: Iterable[Point], end: str) -> float:
    ratios = [getattr(point, end) / point.energy_j for point in points if point.energy_j and getattr(point, end)]
    return float(np.median(ratios)) if ratios else 1.0


def _plain(surface: Surface) -> dict[str, Any]:
    best = surface.best
    return {
        "kind": surface.kind,
        "k": list(best.ks),
        "weights": best.weights.tolist(),
        "coefficients": [each.tolist() for each in best.coefficients],
        "median_error": surface.error,
    }


def _profile(data: Mapping[str, Any]) -> Profile:
    known = {
        **data,
        "points": tuple(Point(**point) for point in data["points"]),
        "price": Price(**data["price"]) if data["price"] else None,
        "parents": tuple(data["parents"]),
        "remarks": tuple(data["remarks"]),
    }
    return Profile(**known)
