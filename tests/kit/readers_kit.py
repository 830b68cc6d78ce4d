"""
Every reader of files that others have written, each with something that it reads: what fuzzers change.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from greensdk_flexecutor.profile import energy_of
from greensdk_hwmon.channels import find as find_channels
from greensdk_lithops.rebuild import from_stats
from greensdk_lithops.stats import RECORD_KEY
from greensdk_perf import parse, pmu
from greensdk_rapl.zones import find as find_zones
from records_kit import call

from greensdk.advisor.model import Model
from greensdk.cli.import_ import SOURCES
from greensdk.configure.targets import load
from greensdk.deliver import spool
from greensdk.deliver.lines import encode
from greensdk.errors import GreensdkError
from greensdk.logs import read
from greensdk.logs.validate import check
from greensdk.machine import calibration

Reader = Callable[[bytes, Path], object]
RECORD = encode(call(1))


def from_file(reader: Callable[[str], object], name: str = "in.json") -> Reader:
    """
    Return a reader of bytes that are in a file.
    """

    def read_bytes(held: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(held)
        return reader(str(path))

    return read_bytes


def records(path: str) -> object:
    """
    Read a log as ``report`` and ``validate`` do.
    """
    return list(read(path, skip=lambda _: None)), list(check(path))


def imported(form: str) -> Reader:
    """
    Return the reader of another tool's files.
    """
    import inspect

    import_ = load(SOURCES[form])
    known = {"skip": lambda _: None} if "skip" in inspect.signature(import_).parameters else {}
    return from_file(lambda path: list(import_(path, **known)), "in.csv" if form != "powerapi" else "in.json")


def zones(held: bytes, folder: Path) -> object:
    """
    Find RAPL zones where one's file holds anything.
    """
    zone = folder / "class" / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True, exist_ok=True)
    for name in ("name", "max_energy_range_uj", "energy_uj", "constraint_0_max_power_uw", "constraint_0_name"):
        (zone / name).write_bytes(held)
    (zone / "name").write_bytes(b"package-0\n")
    return find_zones(str(folder))


def events(held: bytes, folder: Path) -> object:
    """
    Read a PMU whose files hold anything.
    """
    home = folder / "bus" / "event_source" / "devices" / "power"
    (home / "events").mkdir(parents=True, exist_ok=True)
    for name in ("type", "cpumask", "events/energy-pkg", "events/energy-pkg.scale", "events/energy-pkg.unit"):
        (home / name).write_bytes(held)
    found = [pmu.events(str(folder))]
    for ask in (lambda: pmu.event(str(folder), "power", "energy-pkg"), lambda: pmu.places(str(folder))):
        try:
            found.append(ask())
        except (OSError, ValueError) as error:  # what open_meter() expects of them
            found.append(error)
    return found


def channels(held: bytes, folder: Path) -> object:
    """
    Find sensors whose files hold anything.
    """
    chip = folder / "class" / "hwmon" / "hwmon0"
    chip.mkdir(parents=True, exist_ok=True)
    for name in ("name", "energy1_input", "energy1_label", "power1_average", "power1_label", "update_interval"):
        (chip / name).write_bytes(held)
    return find_channels(str(folder))


def stats(held: bytes, _: Path) -> object:
    """
    Read what a worker has left in Lithops' statistics.
    """
    text = held.decode("utf-8", "replace")
    try:
        return energy_of({RECORD_KEY: text}), from_stats(SimpleNamespace(stats={RECORD_KEY: text}, call_id="0"))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:  # what records_of() expects of it
        return error


def notes(held: bytes, folder: Path) -> object:
    """
    Look at a spool whose note and lines hold anything.
    """
    place = spool.own_folder(spool.folder())
    (place / "abc.jsonl").write_bytes(held)
    (place / "abc.sink").write_bytes(held)
    return spool.waiting(), folder


READERS: dict[str, tuple[bytes, Reader]] = {
    "records": (RECORD * 2, from_file(records, "in.jsonl")),
    "powerapi": (
        b'[{"timestamp": "2026-01-01T00:00:00Z", "sensor": "s", "target": "t", "power": 1.0, "metadata": {}}]',
        imported("powerapi"),
    ),
    "power-gadget": (
        b"System Time,RDTSC,Elapsed Time (sec),Cumulative Processor Energy_0(Joules)\n"
        b"12:00:00:100,1,0.1,1.8\n12:00:00:200,2,0.2,3.5\nTotal Elapsed Time (sec) = 0.2\n",
        imported("power-gadget"),
    ),
    "flexecutor": (b'{"(1, 1024, 2)": {"read": [[1, 1]], "compute": [[2, 2]]}}', imported("flexecutor")),
    "emissions-csv": (
        b"timestamp,project_name,run_id,duration,emissions,cpu_energy,energy_consumed\n"
        b"2026-11-30T10:00:02,train,5b0fa12a,2.1,3.2e-06,3.58e-06,1.555e-05\n",
        imported("emissions-csv"),
    ),
    "perf": (
        b'{"counter-value": "1.5", "unit": "Joules", "event": "power/energy-pkg/", "event-runtime": 5}\n'
        b"S0,1,12.50,Joules,power/energy-pkg/,50000000,100.00,,\n      1,373.00 Joules power/energy-pkg/\n",
        lambda held, _: parse.parse(held.decode("utf-8", "replace")),
    ),
    "powercap": (b"262143328850\n", zones),
    "PMU": (b"event=0x02\n", events),
    "hwmon": (b"1000\n", channels),
    "Lithops": (json.dumps({"energy_j": 1.0, "readings": [["rapl"]]}).encode(), stats),
    "model": (
        b'{"schema": "greensdk.model/1", "profile": {}, "time": {}, "seed": 0, "members": 1}',
        from_file(lambda path: Model.from_json(Path(path).read_text(errors="replace"))),
    ),
    "calibration": (
        b'{"host_id": "host", "idle": {"rapl package": {"idle_w": 1.0}}}',
        from_file(lambda path: (calibration.load(path, "host"), calibration.references(path, "host"))),
    ),
    "spool": (b"s3://bucket/x\nkey", notes),
}
"""Name to what it reads and how; a reader may raise a :class:`~greensdk.errors.GreensdkError`, and nothing else."""


def feed(name: str, held: bytes, folder: Path) -> None:
    """
    Have a reader read anything.
    """
    try:
        READERS[name][1](held, folder)
    except GreensdkError as error:
        assert "\n" not in str(error).strip(), str(error)  # noqa: PT017 - one line, whatever it is about
