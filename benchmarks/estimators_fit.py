"""
Fits the wall model, and says how far off it is for CPU families that it has not seen.

Least squares of the logarithms (an error of x2 weighs like one of x0.5), with a soft loss, since a few servers are
configured unlike all others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from estimators_data import LOADS, Server, column, measured_w
from greensdk_psutil_tdp.era import MODERN
from greensdk_psutil_tdp.power import AGED_BEFORE, AWAKE_FROM
from scipy.optimize import least_squares

EXPONENT = 1.5
"""Fixed: left free it comes out between 1.3 and 1.6, by the families that are left out, and no better."""

SOFT = 0.3
QUANTILES = (0.04, 0.96)
"""Four of a hundred on either side: with so few families, those of 5 and 95 % hold 86 % of new ones."""

Model = Callable[[Any, Sequence[Server]], Any]
Key = Callable[[Server], str]

WALL_START = (0.2, 0.7, 0.3, 0.6, 0.7)


def wall(values: Any, rows: Sequence[Server], tdp_w: Any = None) -> Any:
    """
    The watts of servers from 2017; `values` are AWAKE, DYNAMIC, MEMORY_W, ASLEEP, DESKTOP and, if given, AGE_W.
    """
    awake, dynamic, memory, asleep, desktop, age = (*values, 0.0)[:6]
    total_w = column(rows, "sockets") * column(rows, "tdp_w") if tdp_w is None else tdp_w
    years = np.maximum(0.0, AGED_BEFORE - column(rows, "year"))
    base = awake * total_w + memory * column(rows, "memory_gb") + age * column(rows, "sockets") * years
    woken = asleep + (1.0 - asleep) * np.minimum(1.0, LOADS / AWAKE_FROM)
    kind = np.where(column(rows, "desktop") > 0, desktop, 1.0)
    return base * woken + dynamic * kind * total_w * LOADS**EXPONENT


def old(values: Any) -> Model:
    """
    The same for older servers: only the sixth number is free.
    """
    return lambda age, rows: wall((*values, age[0]), rows)


def by_threads(values: Any) -> Model:
    """
    The same where the TDP is not known: watts a thread for each maker's servers and, third, for desktops.
    """

    def model(thread_w: Any, rows: Sequence[Server]) -> Any:
        intel, amd, desktop = thread_w
        each = [desktop if row.desktop else amd if row.maker == "amd" else intel for row in rows]
        return wall(values, rows, column(rows, "threads") * np.array(each)[:, None])

    return model


def fit(model: Model, start: Sequence[float], rows: Sequence[Server]) -> Any:
    """
    Return the numbers that suit the rows best.
    """
    logs = np.log(measured_w(rows))

    def off(values: Any) -> Any:
        return (np.log(np.maximum(model(values, rows), 1e-3)) - logs).ravel()

    return least_squares(off, start, loss="soft_l1", f_scale=SOFT).x


def left_out(model: Model, start: Sequence[float], rows: Sequence[Server], key: Key) -> Any:
    """
    Return the watts that the model gives to each group of rows when it was fitted on all others.
    """
    found = np.zeros((len(rows), len(LOADS)))
    groups = np.array([key(row) for row in rows])
    for group in sorted(set(groups)):
        inside = np.flatnonzero(groups == group)
        others = [row for row, name in zip(rows, groups, strict=True) if name != group]
        found[inside] = model(fit(model, start, others), [rows[index] for index in inside])
    return found


def factors(predicted: Any, measured: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    """
    Return the factors that hold 90 % of truth over prediction: from 10 % load up, and at rest.
    """
    ratio = np.log(measured / predicted)
    busy, rest = np.quantile(ratio[:, 1:], QUANTILES), np.quantile(ratio[:, 0], QUANTILES)
    return tuple(np.exp(busy)), tuple(np.exp(rest))  # type: ignore[return-value]


def inside(predicted: Any, rows: Sequence[Server]) -> Any:
    """
    Say of each number whether it lies in its interval, made from the errors of all other families.
    """
    measured = measured_w(rows)
    hit = np.zeros(measured.shape, dtype=bool)
    families = np.array([row.family for row in rows])
    for family in sorted(set(families)):
        here = families == family
        busy, rest = factors(predicted[~here], measured[~here])
        low, high = (np.array([rest[end], *[busy[end]] * 10]) for end in (0, 1))
        hit[here] = (predicted[here] * low <= measured[here]) & (measured[here] <= predicted[here] * high)
    return hit


def thread_growth(rows: Sequence[Server], thread_w: dict[str, float]) -> float:
    """
    Return by what factor the TDP of one hardware thread was higher for each year before 2017.

    Args:
        rows: Older servers.
        thread_w: Watts a thread from 2017 on, by maker.
    """
    years = MODERN - column(rows, "year")[:, 0]
    each_w = (column(rows, "sockets") * column(rows, "tdp_w") / column(rows, "threads"))[:, 0]
    logs = np.log(each_w / [thread_w[row.maker] for row in rows])
    return float(np.exp((logs * years).sum() / (years**2).sum()))
