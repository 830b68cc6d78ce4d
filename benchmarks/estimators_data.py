"""
The measurements that the estimators are fitted on and judged by.

SPECpower rows are not in this repository: SPEC publishes them for reading and comparing (www.spec.org/power_ssj2008),
and the project ships numbers fitted on them only. The file that is expected has one line a server: ``cpu_brand``,
``cpu_make``, ``architecture``, ``cpu_stem`` (the model without its suffix letters, the family that is left out),
``sockets``, ``threads_total``, ``tdp_w``, ``memory_gb``, ``hw_year``, and the watts ``w_0``, ``w_10`` .. ``w_100``.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from greensdk_psutil_tdp.era import INTEL_CLIENT, MODERN, kind_of, launch_year, peak_of, spelled
from greensdk_psutil_tdp.table import normalise

from greensdk.machine.hardware import classify

LOADS = np.arange(0, 101, 10) / 100
VARIABLE = "GREENSDK_SPECPOWER"
POINTS_VARIABLE = "GREENSDK_RAPL_POINTS"
POINTS_FILE = Path(__file__).with_name("data") / "rapl_points.csv"

TEADS = ((0.0, 0.12), (0.1, 0.32), (0.5, 0.75), (1.0, 1.02))
"""
RAPL package watts over TDP at a load, the average of Intel bare-metal EC2 machines under turbostress: B. Davy,
"Estimating AWS EC2 Instances Power Consumption", medium.com/teads-engineering, 2021.
"""


class Server(NamedTuple):
    """
    One server at its plug.
    """

    cpu: str
    maker: str
    family: str
    architecture: str
    era: str
    sockets: float
    threads: float
    tdp_w: float
    memory_gb: float
    hw_year: int
    year: int
    desktop: bool
    watts: Sequence[float]


class Point(NamedTuple):
    """
    The packages of one machine at one load.

    Attributes:
        part: The CPU model, which is left out as a whole.
        machine: Which machine and run.
        server: Of a server, not of a desktop or laptop.
        kind: As the power model sorts it.
        tdp_w: Of all sockets.
        sockets: Packages.
        peak: As in the power model.
        load: Busy part of all hardware threads.
        watts: What RAPL counted.
        trust: A, B or C; D is left out.
    """

    part: str
    machine: str
    server: bool
    kind: str
    tdp_w: float
    sockets: int
    peak: float
    load: float
    watts: float
    trust: str


def data_file(argument: str | None, *, needed: bool = True) -> Path | None:
    """
    Return the file of SPECpower rows; None where there is none and none was `needed` or named.

    Raises:
        SystemExit: There is none; the text says where such a file comes from.
    """
    named = argument or os.environ.get(VARIABLE)
    path = Path(named or "specpower.csv")
    if path.is_file():
        return path
    if not (named or needed):
        return None
    raise SystemExit(
        f"no SPECpower rows at {path}: give --data FILE or set {VARIABLE}; results are published at "
        "www.spec.org/power_ssj2008, github.com/green-coding-solutions/spec-power-model has them as a table"
    )


def servers(path: Path) -> list[Server]:
    """
    Read all rows.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return [_server(row) for row in csv.DictReader(file)]


def _server(row: dict[str, Any]) -> Server:
    name = normalise(spelled(row["cpu_brand"]))
    hw_year = int(row["hw_year"])
    return Server(
        cpu=row["cpu_brand"],
        maker=row["cpu_make"],
        family=row["cpu_stem"],
        architecture=row["architecture"],
        era=f"{hw_year - (hw_year - MODERN) % 2}",
        sockets=float(row["sockets"]),
        threads=float(row["threads_total"]),
        tdp_w=float(row["tdp_w"] or "nan"),
        memory_gb=float(row["memory_gb"]),
        hw_year=hw_year,
        year=launch_year(name) or hw_year,
        desktop=hw_year >= MODERN and kind_of(name, classify(name), hw_year, 0.0) == INTEL_CLIENT,
        watts=tuple(float(row[f"w_{percent}"]) for percent in range(0, 101, 10)),
    )


def modern(rows: Iterable[Server]) -> list[Server]:
    """
    Servers from 2017 on whose TDP is known.
    """
    return [row for row in rows if row.hw_year >= MODERN and row.tdp_w > 0]


def older(rows: Iterable[Server]) -> list[Server]:
    """
    Servers before; one whose part is younger than itself has a wrong year, and is left out.
    """
    return [row for row in rows if max(row.hw_year, row.year) < MODERN and row.tdp_w > 0]


def column(rows: Sequence[Server], name: str) -> Any:
    """
    Return one attribute of all rows as a column, to be spread over the loads.
    """
    return np.array([getattr(row, name) for row in rows], dtype=float)[:, None]


def measured_w(rows: Sequence[Server]) -> Any:
    """
    Return the measured watts: a line for each server, a column for each load.
    """
    return np.array([row.watts for row in rows])


def points_file(argument: str | None) -> Path:
    """
    Return the file of RAPL against load; the one in ``data`` unless another is named.

    Raises:
        SystemExit: There is no such file.
    """
    path = Path(argument or os.environ.get(POINTS_VARIABLE) or POINTS_FILE)
    if not path.is_file():
        raise SystemExit(f"no RAPL points at {path}: give --points FILE or set {POINTS_VARIABLE}")
    return path


def points(path: Path) -> list[Point]:
    """
    Read RAPL against load: packages whose TDP is known, without the rows that can't be true (trust D).
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["boundary"] == "package" and row["tdp_w"]]
    return [_point(row) for row in rows if row["trust"] != "D"]


def _point(row: dict[str, str]) -> Point:
    server, year, socket_w = row["cls"] == "server", int(row["year"]), float(row["tdp_w"])
    kind = kind_of("", f"{row['vendor']}-{'server' if server else 'client'}", year, socket_w)
    return Point(
        part=row["part"],
        machine=row["machine"],
        server=server,
        kind=kind,
        tdp_w=socket_w * int(row["sockets"]),
        sockets=int(row["sockets"]),
        peak=peak_of(kind, socket_w, year, None, socket_w * int(row["sockets"]) / int(row["threads"])),
        load=float(row["load"]),
        watts=float(row["pkg_w"]),
        trust=row["trust"],
    )
