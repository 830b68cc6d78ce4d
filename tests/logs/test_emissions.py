"""
codecarbon's ``emissions.csv``: what greensdk writes has its columns and units, and what it wrote is read.
"""

from __future__ import annotations

import csv

import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from greensdk.cli import cli
from greensdk.logs.emissions import COLUMNS, import_, row_of
from greensdk.measure.record import blank
from greensdk.schema.check import problems

METER = {"energy_boundary": "package", "energy_source": "rapl", "energy_quality": "attributed"}
NUMBERS = st.none() | st.floats(0, 1e9)

HEAD = (
    "timestamp,project_name,run_id,experiment_id,duration,emissions,emissions_rate,cpu_power,gpu_power,ram_power,"
    "cpu_energy,gpu_energy,ram_energy,energy_consumed\n"
)
ROWS = """2026-11-30T10:00:02,train,5b0fa12a,e1,2.1,3.2e-06,1.5e-06,42.5,0.0,20.0,3.58e-06,0.0,1.197e-05,1.555e-05
2026-11-30T10:00:04,<b>,5b0fa12b,e1,2.1,,,,,,,,,1.0e-06
yesterday,train,5b0fa12c,e1,2.1,,,,,,,,,1.0e-06
2026-11-30T10:00:04,train,5b0fa12d,e1,2.1,,,,,,,,,much
"""


def record(**keys):
    """
    Return a record with some keys.
    """
    made = {**blank(), "record_id": "a" * 32, "started_at": "2026-11-30T10:00:00.000Z", "function": "work"}
    return made | keys


def test_kwh_and_kg_are_joules_and_grams():
    """
    3.6 MJ are a kilowatt-hour; the parts stand in their columns.
    """
    parts = {"package": 2.6e6, "gpu": 1e6}
    row = row_of(
        record(
            energy_j=3.6e6,
            energy_parts_j=parts,
            energy_boundary="package+gpu",
            duration_s=100.0,
            carbon={"g_co2e": 250.0, "country": "ESP"},
        )
    )
    assert [1.0, pytest.approx(2.6 / 3.6), pytest.approx(1 / 3.6), None] == [
        row[name] for name in ("energy_consumed", "cpu_energy", "gpu_energy", "ram_energy")
    ]
    assert [26000.0, 0.25, 0.0025, "ESP"] == [
        row[name] for name in ("cpu_power", "emissions", "emissions_rate", "country_iso_code")
    ]


@given(NUMBERS, NUMBERS, NUMBERS)
def test_what_is_unknown_is_empty_and_never_0(joules, seconds, grams):
    """
    Whatever is missing of a record.
    """
    row = row_of(record(energy_j=joules, duration_s=seconds, carbon={"g_co2e": grams}, energy_boundary="package"))
    assert COLUMNS == list(row)
    assert [joules is None, grams is None] == [row["energy_consumed"] is None, row["emissions"] is None]


def test_what_codecarbon_wrote_is_read(tmp_path):
    """
    Joules by part; rows that can't be read are told and left out.
    """
    path = tmp_path / "emissions.csv"
    path.write_text(HEAD + ROWS)
    told = []
    one, two = import_(str(path), told.append)
    assert [[], []] == [problems(one), problems(two)]
    assert pytest.approx(55.98) == one["energy_j"]
    assert ["package+dram", "train", "estimated", 2.1] == [
        one["energy_boundary"],
        one["label"],
        one["energy_quality"],
        one["duration_s"],
    ]
    assert pytest.approx({"package": 12.888, "dram": 43.092}) == one["readings"][0]["domains"]
    assert ["unknown", {}] == [two["energy_boundary"], two["carbon"]]
    assert [
        "timestamp: expected a time, found 'yesterday'",
        "energy_consumed: expected a number from 0 on, found 'much'",
    ] == [each.text for each in told]


def test_the_commands_take_a_log_there_and_back(tmp_path):
    """
    Joules survive both ways; names that a spreadsheet would run begin with an apostrophe.
    """
    log, table, again = (str(tmp_path / name) for name in ("a.jsonl", "e.csv", "b.jsonl"))
    lines = [record(energy_j=7.2, duration_s=2.0, label="=cmd", **METER)]
    with open(log, "wb") as file:
        file.writelines(orjson.dumps(each) + b"\n" for each in lines)
    exported = CliRunner().invoke(cli, ["export", "--to", "emissions-csv", log, table])
    assert [0, f"{table}: 1 rows\n"] == [exported.exit_code, exported.output]
    with open(table, newline="") as file:
        (row,) = csv.DictReader(file)
    assert ["'=cmd", 2e-06] == [row["project_name"], pytest.approx(float(row["energy_consumed"]))]
    imported = CliRunner().invoke(cli, ["import", "--from", "emissions-csv", table, again])
    assert 0 == imported.exit_code
    with open(again, "rb") as file:
        assert pytest.approx(7.2) == orjson.loads(file.readline())["energy_j"]
