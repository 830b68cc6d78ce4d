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
from greensdk_psutil_tdp.era import MODERN, is_desktop, launch_year, spelled
from greensdk_psutil_tdp.names import normalise

from greensdk.machine.hardware import classify

LOADS = np.arange(0, 101, 10) / 100
VARIABLE = "GREENSDK_SPECPOWER"
RAPL_FILE = Path(__file__).with_name("data") / "codecarbon_rapl_vs_load.csv"

SUSPECT = "E5-1240"
"""Labelled as an E3-1240 v2 of 69 W and takes 94: left out."""

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
    One package at one load, in parts of its TDP.
    """

    machine: str
    load: float
    part: float


def data_file(argument: str | None) -> Path:
    """
    Return the file of SPECpower rows.

    Raises:
        SystemExit: There is none; the text says where such a file comes from.
    """
    path = Path(argument or os.environ.get(VARIABLE) or "specpower.csv")
    if not path.is_file():
        raise SystemExit(
            f"no SPECpower rows at {path}: give --data FILE or set {VARIABLE}; results are published at "
            "www.spec.org/power_ssj2008, github.com/green-coding-solutions/spec-power-model has them as a table"
        )
    return path


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
        desktop=is_desktop(name, classify(name)),
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


def rapl_points(path: Path = RAPL_FILE) -> list[Point]:
    """
    Read RAPL against load: codecarbon's machines above 5 % load, and Teads' average.

    At rest codecarbon's readings are 0.2 to 1.4 W: what a start-up of the counter leaves, no package.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"] != SUSPECT and float(row["cpu_load"]) > 5]
    tdps_w = (float(row["tdp"]) * float(row["s"]) for row in rows)
    points = [
        Point(row["file"], float(row["cpu_load"]) / 100, float(row["rapl_power"]) / tdp_w)
        for row, tdp_w in zip(rows, tdps_w, strict=True)
    ]
    return points + [Point("Teads, EC2 bare metal", load, part) for load, part in TEADS]
