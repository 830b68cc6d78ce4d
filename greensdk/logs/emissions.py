"""
codecarbon's ``emissions.csv``, in and out.

The columns are those of codecarbon 3.3 (``codecarbon/output_methods/emissions_data.py`` of
https://github.com/mlco2/codecarbon): energies in kWh, emissions in kg of CO2e, powers in W. What is unknown is empty,
never 0.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from math import isfinite
from typing import Any

from greensdk.logs.columns import cells, harmless
from greensdk.logs.read import Problem, lines
from greensdk.measure.record import blank, rfc3339
from greensdk.monitor import ESTIMATED
from greensdk.schema.primary import DRAM, GPU, PACKAGE

NAME = "codecarbon"
J_PER_KWH = 3.6e6
COLUMNS = [
    "timestamp",
    "project_name",
    "run_id",
    "experiment_id",
    "duration",
    "emissions",
    "emissions_rate",
    "cpu_power",
    "gpu_power",
    "ram_power",
    "cpu_energy",
    "gpu_energy",
    "ram_energy",
    "energy_consumed",
    "water_consumed",
    "country_name",
    "country_iso_code",
    "region",
    "cloud_provider",
    "cloud_region",
    "os",
    "python_version",
    "codecarbon_version",
    "cpu_count",
    "cpu_model",
    "gpu_count",
    "gpu_model",
    "longitude",
    "latitude",
    "ram_total_size",
    "tracking_mode",
    "on_cloud",
    "pue",
    "wue",
]
PARTS = {"cpu": PACKAGE, "ram": DRAM, "gpu": GPU}
"""The names of the parts there, and here."""
WHOLE_MACHINE = "codecarbon counts the whole machine, unless its tracking_mode is process; its RAM is a constant power"


def export(records: Iterable[Mapping[str, Any]], path: str) -> int:
    """
    Write a row for each call. Rows of calls inside others hold joules that the outer one's row holds as well.

    Args:
        records: In any order.
        path: The file to write.

    Returns:
        How many rows were written.
    """
    count = 0
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for record in records:
            count += 1
            writer.writerow({name: harmless(value) for name, value in row_of(record).items()})
    return count


def row_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a record in codecarbon's columns and units; None where greensdk does not know.
    """
    seconds, joules, host = record["duration_s"], record["energy_j"], record.get("host") or {}
    carbon, parts = record.get("carbon") or {}, _parts_j(record)
    grams, memory = carbon.get("g_co2e"), host.get("memory_bytes")
    kg = None if grams is None else grams / 1e3
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    for name, part in PARTS.items():
        known_j = parts.get(part)
        row[f"{name}_energy"] = _kwh(known_j)
        row[f"{name}_power"] = known_j / seconds if known_j is not None and seconds else None
    row |= {
        "timestamp": record["started_at"],
        "project_name": record["label"] or record["function"],
        "run_id": record["record_id"],
        "experiment_id": record["parent_id"],
        "duration": seconds,
        "emissions": kg,
        "emissions_rate": kg / seconds if kg is not None and seconds else None,
        "energy_consumed": _kwh(joules),
        "country_iso_code": carbon.get("country"),
        "region": carbon.get("region"),
        "cloud_provider": carbon.get("provider"),
        "os": host.get("os"),
        "cpu_count": host.get("cpus_logical"),
        "cpu_model": host.get("cpu_model"),
        "ram_total_size": None if memory is None else memory / 2**30,
        "tracking_mode": "process",
        "pue": carbon.get("pue"),
    }
    return row


def _kwh(joules: float | None) -> float | None:
    return None if joules is None else joules / J_PER_KWH


def _parts_j(record: Mapping[str, Any]) -> Mapping[str, float | None]:
    """
    Return the joules of each part; a reading of the package alone is a part, too.
    """
    if parts := record.get("energy_parts_j"):
        return {part: parts.get(part) for part in PARTS.values()}
    boundary = record.get("energy_boundary")
    return {str(boundary): record["energy_j"]} if boundary in PARTS.values() else {}


def import_(path: str, skip: Callable[[Problem], Any]) -> Iterator[dict[str, Any]]:
    """
    Yield a record for each row.

    Args:
        path: ``emissions.csv``, of any version with the columns ``timestamp`` and ``energy_consumed``.
        skip: Called with each row that can't be read.

    Raises:
        RecordError: The file can't be read.
    """
    header: list[str] | None = None
    for file, number, line in lines(path):
        found = cells(line.decode("utf-8-sig", "replace").rstrip("\r\n"))
        if header is None:
            header = found
            continue
        try:
            yield _record(dict(zip(header, found, strict=False)))
        except KeyError as error:
            skip(Problem(file, number, f"{error.args[0]}: is missing"))
        except ValueError as error:
            skip(Problem(file, number, str(error)))


def _record(row: Mapping[str, str]) -> dict[str, Any]:
    """
    Raises:
        KeyError: A column is missing.
        ValueError: One holds something else.
    """
    joules, seconds = _joules(row, "energy_consumed"), _number(row, "duration")
    parts = {part: _joules(row, f"{name}_energy") for name, part in PARTS.items()}
    known = [part for part in PARTS.values() if parts[part]]
    boundary = "+".join(part for part in (PACKAGE, DRAM, GPU) if part in known) or "unknown"
    grams = _number(row, "emissions")
    name, run = row.get("project_name") or NAME, row.get("run_id") or ""
    identity = f"{NAME}/{run}/{row['timestamp']}/{name}/{row['energy_consumed']}"
    reading = {
        "monitor": NAME,
        "scope": "call",
        "quality": ESTIMATED,
        "boundary": boundary,
        "energy_j": joules,
        "call_j": joules,
        "low_j": None,
        "high_j": None,
        "domains": {part: parts[part] for part in known},
        "meter_id": None,
        "reason": None,
        "attributes": {key: row[key] for key in ("tracking_mode", "codecarbon_version") if row.get(key)},
    }
    ended_s = _seconds(row["timestamp"])
    return {
        **blank(),
        "record_id": sha256(identity.encode()).hexdigest()[:32],
        "function": name,
        "label": name,
        "started_at": rfc3339(ended_s - (seconds or 0.0)),
        "duration_s": seconds,
        "energy_j": joules,
        "energy_self_j": joules,
        "energy_per_run_j": joules,
        "energy_source": NAME,
        "energy_quality": ESTIMATED,
        "energy_boundary": boundary,
        "reason": WHOLE_MACHINE,
        "host": {key: row[name] for key, name in (("cpu_model", "cpu_model"), ("os", "os")) if row.get(name)},
        "carbon": {} if grams is None else {"g_co2e": grams * 1e3},
        "readings": [reading],
    }


def _joules(row: Mapping[str, str], name: str) -> float | None:
    kwh = _number(row, name)
    return None if kwh is None else kwh * J_PER_KWH


def _number(row: Mapping[str, str], name: str) -> float | None:
    text = row[name] if name == "energy_consumed" else row.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value) or value < 0:
        raise ValueError(f"{name}: expected a number from 0 on, found {text!r:.60}")
    return value


def _seconds(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"timestamp: expected a time, found {text!r:.60}") from None
