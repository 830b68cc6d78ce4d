"""
PowerAPI's power reports, in and out.

A report says how many watts a target (a container, a cgroup, the machine) took on average since its sensor's last
tick. PowerAPI writes it as a line of JSON, ``{"timestamp", "sensor", "target", "metadata", "power"}``, or as a row of
CSV; times are ISO 8601, in older versions milliseconds since 1970 (https://github.com/powerapi-ng/powerapi,
``src/powerapi/report/power_report.py`` and ``src/powerapi/database/{json,csv}/codecs.py``).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from greensdk.logs.columns import cells, harmless
from greensdk.logs.read import Problem, lines
from greensdk.measure.record import blank, rfc3339
from greensdk.monitor import ESTIMATED, MEASURED

NAME = "powerapi"
COLUMNS = ("timestamp", "sensor", "target", "power")
METER = "rapl"
"""The target under which SmartWatts repeats what RAPL itself said; all other targets are a model's."""

FIRST = "the first report of its sensor: nothing says how long it is about"
BOUNDARIES = {"cpu": "package", "dram": "dram"}


LIST_BYTES = 1 << 28
"""The longest line, 256 MiB: all reports of a file may be one JSON list."""


class Report(NamedTuple):
    """
    One power report.

    Attributes:
        place: Where it stands: file and line.
        sensor: Who measured.
        at_s: The end of what it is about, in seconds since 1970.
        target: What it is about.
        power_w: Mean power.
        metadata: Whatever else the formula says.
        duration_s: The metadata's ``duration_s``.
    """

    place: tuple[str, int]
    sensor: str
    at_s: float
    target: str
    power_w: float
    metadata: Mapping[str, Any]
    duration_s: float | None


def import_(path: str, skip: Callable[[Problem], Any]) -> Iterator[dict[str, Any]]:
    """
    Yield a record for each report: the target's joules since the tick before.

    The window of a report begins with the sensor's tick before it, and where its metadata has ``duration_s``, that
    long before its end. Without either its energy is null.

    Args:
        path: CSV with a header, lines of JSON, or one JSON list.
        skip: Called with each line that is no power report.

    Raises:
        RecordError: The file can't be read.
    """
    reports = sorted(_reports(path, skip), key=attrgetter("sensor", "at_s"))
    for _, of_sensor in groupby(reports, attrgetter("sensor")):
        last_s = None
        for at_s, tick in groupby(of_sensor, attrgetter("at_s")):
            for report in tick:
                yield _record(report, report.duration_s or (None if last_s is None else at_s - last_s))
            last_s = at_s


def _record(report: Report, duration_s: float | None) -> dict[str, Any]:
    joules = None if duration_s is None else report.power_w * duration_s
    quality = MEASURED if report.target == METER else ESTIMATED
    boundary = str(report.metadata.get("boundary") or BOUNDARIES.get(str(report.metadata.get("scope")), "unknown"))
    identity = f"{NAME}/{report.sensor}/{report.target}/{report.at_s!r}/{sorted(report.metadata.items())}"
    known = joules is not None
    return {
        **blank(),
        "record_id": sha256(identity.encode()).hexdigest()[:32],
        "function": report.target,
        "label": report.target,
        "tags": {"sensor": report.sensor, "target": report.target},
        "started_at": rfc3339(report.at_s - (duration_s or 0)),
        "duration_s": duration_s,
        "energy_j": joules,
        "energy_self_j": joules,
        "energy_per_run_j": joules,
        "energy_source": NAME if known else None,
        "energy_quality": quality if known else None,
        "energy_boundary": boundary if known else None,
        "reason": None if known else FIRST,
        "host": {"host_id": report.sensor},
        "readings": [
            {
                "monitor": NAME,
                "scope": "call",
                "quality": quality,
                "boundary": boundary,
                "energy_j": joules,
                "call_j": joules,
                "low_j": None,
                "high_j": None,
                "domains": {},
                "meter_id": f"{report.sensor}:{NAME}",
                "reason": None if known else FIRST,
                "attributes": {"power_w": report.power_w, **report.metadata},
            }
        ],
    }


def _reports(path: str, skip: Callable[[Problem], Any]) -> Iterator[Report]:
    for file, number, found in _rows(path, skip):
        try:
            yield _report((file, number), found)
        except KeyError as error:
            skip(Problem(file, number, f"{error.args[0]}: is missing"))
        except (ValueError, OverflowError, OSError) as error:
            skip(Problem(file, number, str(error)))


def _report(place: tuple[str, int], row: Mapping[str, Any]) -> Report:
    at_s, power_w = _seconds(row["timestamp"]), _number(row["power"])
    if power_w is None or not 0 <= power_w < float("inf"):
        raise ValueError(f"power: expected watts, found {row['power']!r:.60}")
    given = row.get("metadata")
    metadata = dict(given) if isinstance(given, Mapping) else {}
    metadata |= {key: value for key, value in row.items() if key and key not in {*COLUMNS, "metadata"}}
    duration_s = _number(metadata.get("duration_s"))
    if duration_s is not None and not 0 <= duration_s <= at_s:
        raise ValueError(f"metadata.duration_s: expected seconds, found {duration_s!r}")
    return Report(place, str(row["sensor"]), at_s, str(row["target"]), power_w, metadata, duration_s)


def _seconds(value: Any) -> float:
    milliseconds = _number(value)
    if milliseconds is not None:
        return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).timestamp()
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"timestamp: expected a time, found {value!r:.60}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _rows(path: str, skip: Callable[[Problem], Any]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield file, line and contents of each report, be it CSV or JSON."""
    header: list[str] | None = None
    for file, number, line in lines(path, LIST_BYTES):
        text = line.decode("utf-8-sig", "replace").strip()
        if header is None and not text.startswith(("[", "{")):
            header = cells(text)
        elif header is not None:
            yield file, number, dict(zip(header, cells(text), strict=False))
        else:
            yield from ((file, number, each) for each in _objects(file, number, text, skip))


def _objects(file: str, number: int, text: str, skip: Callable[[Problem], Any]) -> list[dict[str, Any]]:
    import orjson

    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        skip(Problem(file, number, f"not JSON: {error.msg}"))
        return []
    each = found if isinstance(found, list) else [found]
    if not all(isinstance(one, dict) for one in each):
        skip(Problem(file, number, "not a power report"))
    return [one for one in each if isinstance(one, dict)]


def export(records: Iterable[Mapping[str, Any]], path: str, *, as_csv: bool) -> tuple[int, int]:
    """
    Write a power report for each call: its mean power, at its end.

    Calls inside other calls are left out, and so is what has no energy or no duration: it has no power.

    Args:
        records: In any order.
        path: The file to write.
        as_csv: CSV with PowerAPI's four columns; otherwise lines of JSON, whose metadata says where the watts come
            from.

    Returns:
        How many calls were written, and how many have no power.
    """
    import orjson

    written = unknown = 0
    with open(path, "wb") as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        if as_csv:
            writer.writerow(COLUMNS)
        for record in records:
            if record.get("parent_id") is not None:
                continue
            report = _power_report(record)
            if report is None:
                unknown += 1
                continue
            written += 1
            if as_csv:
                writer.writerow([harmless(report[name]) for name in COLUMNS])
            else:
                text.write(orjson.dumps(report).decode() + "\n")
    return written, unknown


def _power_report(record: Mapping[str, Any]) -> dict[str, Any] | None:
    joules, duration_s = record.get("energy_j"), record.get("duration_s")
    if joules is None or not duration_s:
        return None
    try:
        ended = datetime.fromisoformat(record["started_at"]) + timedelta(seconds=duration_s)
    except (ValueError, OverflowError):  # no day of the calendar
        return None
    return {
        "timestamp": ended.astimezone(UTC).isoformat(timespec="milliseconds"),
        "sensor": (record.get("host") or {}).get("host_id") or "greensdk",
        "target": record.get("label") or record.get("function") or record["record_id"],
        "metadata": {
            "duration_s": duration_s,
            "record_id": record["record_id"],
            "source": record.get("energy_source"),
            "quality": record.get("energy_quality"),
            "boundary": record.get("energy_boundary"),
        },
        "power": joules / duration_s,
    }
