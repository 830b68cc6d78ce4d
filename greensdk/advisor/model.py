"""
The fitted model of a stage, and its file format.
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
MAX_SPREAD = 2.0
"""Largest ratio between repetitions in the median configuration; beyond it the runs are refused as contradictory."""

MAX_ERROR = 0.5
"""Largest error on held-out runs in the median configuration; beyond it the model is refused."""

Config = tuple[int, float | None]


class Bootstrap(NamedTuple):
    """
    The parameters of the bootstrap.
    """

    seed: int
    members: int


class CannotAdvise(GreensdkError):
    """
    The records don't support a recommendation; the message gives the reason in one line.
    """


@attrs.frozen(eq=False)
class Energy:
    """
    The energy model of a stage.

    Attributes:
        surface: Joules of a shared meter, or watts of one worker.
        worker: Seconds of the mean worker, to multiply watts by; None for a shared meter.
        low: The lower end of the estimator's interval relative to its estimate; 1 if energy was measured.
        high: The same for the upper end.
    """

    surface: Surface
    worker: Surface | None
    low: float
    high: float


@attrs.frozen(eq=False)
class Model:
    """
    The fitted model of a stage.

    Attributes:
        profile: The profile it was fitted to.
        seed: Seed of the bootstrap.
        members: Number of bootstrap fits.
        date: Date of the fit, as given by the caller.
        machines: The factors between machines.
        points: The runs, scaled to the reference machine.
        time: Model of the wall time.
        worker: Model of the mean worker's time.
        energy: Model of the energy; None if there is none.
        no_energy: Why there is no energy model.
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
        The measured configurations.
        """
        return tuple(sorted({(point.workers, point.memory_mb) for point in self.points}, key=_order))

    def to_json(self) -> str:
        """
        Return the model as JSON: its provenance, runs and coefficients.
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
        Return the model from JSON: refitted to its runs, and compared with the stored coefficients.

        Raises:
            CannotAdvise: The text is not a model, or this version of greensdk fits its runs differently.
        """
        try:
            data = json.loads(text)
            if data["schema"] != SCHEMA:
                raise CannotAdvise(f"the model is {data['schema']!r}: expected {SCHEMA!r}")
            profile, stored, seed = _profile(data["profile"]), data["time"], data["seed"]
            members, date = data["members"], data["date"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CannotAdvise(f"not a model file: {error}") from error
        model = fit(profile, seed=seed, date=date, least=1, strict=False, members=members)
        fitted = _plain(model.time)
        if not all(np.allclose(fitted[key], stored[key], rtol=1e-6, atol=1e-9) for key in ("weights", "coefficients")):
            raise CannotAdvise(
                f"the model was made by greensdk {data['greensdk']}, which fits differently: fit it again"
            )
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
    Fit a model to a stage's runs.

    Args:
        profile: The runs.
        seed: Seed of the bootstrap: the same seed gives the same intervals.
        date: Date to store in the model.
        least: Smallest number of measured worker counts.
        strict: Refuse contradictory runs.
        members: Number of bootstrap fits.

    Raises:
        CannotAdvise: There are too few runs, or they contradict each other.
    """
    points, machines = _comparable(profile, least)
    cells = _cells(points)
    spread = _spread(cells, lambda point: point.time_s)
    if strict and spread > MAX_SPREAD:
        raise CannotAdvise(
            f"{profile.name}: repetitions of one configuration differ by ×{spread:.2g} in time: "
            "no prediction would be reliable"
        )
    bootstrap = Bootstrap(seed, members)
    time = _surface(TIME, cells, lambda point: point.time_s, bootstrap)
    if strict and time.error > MAX_ERROR:
        raise CannotAdvise(
            f"{profile.name}: the median error of predicted times of held-out configurations is {time.error:.0%}: "
            "the runs contradict each other"
        )
    same = all(point.billed_s == point.workers * point.time_s for point in points)
    worker = time if same else _surface(TIME, cells, lambda point: point.billed_s / point.workers, bootstrap)
    energy, why = _energy(profile, points, worker, bootstrap, strict)
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
    # Repetitions are drawn by position, so sort them: results must not depend on the order of the runs.
    return {
        config: sorted(cells[config], key=lambda point: (point.time_s, point.billed_s, point.energy_j or 0.0))
        for config in sorted(cells, key=_order)
    }


def _order(config: Config) -> tuple[int, float]:
    return config[0], config[1] or 0.0


def _surface(kind: str, cells: Cells, value: Any, bootstrap: Bootstrap) -> Surface:
    p, m = arrays([runs[0] for runs in cells.values()])
    return fit_surface(kind, p, m, [np.array([value(run) for run in runs]) for runs in cells.values()], *bootstrap)


def _spread(cells: Cells, value: Any) -> float:
    repeated = [[value(run) for run in runs] for runs in cells.values() if len(runs) > 1]
    return float(np.median([max(each) / min(each) for each in repeated])) if repeated else 1.0


def _energy(
    profile: Profile, points: Sequence[Point], worker: Surface, bootstrap: Bootstrap, strict: bool
) -> tuple[Energy | None, str | None]:
    known = [point for point in points if point.energy_j]
    counts = {point.workers for point in known}
    if len(counts) < min(LEAST_WORKER_COUNTS, len({point.workers for point in points})):
        return (
            None,
            f"energy known for too few worker counts: {len(counts)} of at least {LEAST_WORKER_COUNTS}",
        )
    cells = _cells(known)
    spread = _spread(cells, lambda point: point.energy_j)
    if strict and spread > MAX_SPREAD:
        return None, f"energies of one configuration differ by ×{spread:.2g}"
    if profile.shared_meter:
        surface, of_worker = _surface(SHARED, cells, lambda point: point.energy_j, bootstrap), None
        low = high = 1.0
    else:
        of_worker = worker
        if len(known) < len(points):
            of_worker = _surface(TIME, cells, lambda point: point.billed_s / point.workers, bootstrap)
        surface = _surface(RATE, cells, lambda point: point.energy_j / point.billed_s, bootstrap)
        low, high = (_ratio(known, end) for end in ("energy_low_j", "energy_high_j"))
    if strict and surface.error > MAX_ERROR:
        return None, f"the median error of predicted energies of held-out configurations is {surface.error:.0%}"
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
