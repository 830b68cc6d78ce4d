"""
Records with known numbers, for what reads them.
"""

from __future__ import annotations

from greensdk.deliver.lines import encode
from greensdk.measure.record import blank


def call(number, joules=1.0, **changes):
    """
    Return a good record of a call of one second; with no joules, `changes` say why.
    """
    if joules is None:
        known = {}
    else:
        known = {
            "energy_j": joules,
            "energy_low_j": joules / 2,
            "energy_high_j": joules * 2,
            "energy_self_j": joules,
            "energy_source": "rapl",
            "energy_quality": "attributed",
            "energy_boundary": "package",
        }
    return {
        **blank(),
        "record_id": f"{number:032x}",
        "function": "f",
        "started_at": "2026-01-31T12:00:00.500000Z",
        "duration_s": 1.0,
        "cpu_s": 0.5,
        **known,
        "host": {"host_id": "host", "arch": "x86_64"},
        **changes,
    }


def reading(joules, **changes):
    """
    Return one meter's word: the call took half of the machine's joules, and its cores a quarter of the package's.
    """
    return {
        "monitor": "rapl",
        "scope": "machine",
        "quality": "measured",
        "boundary": "package",
        "energy_j": 2 * joules,
        "call_j": joules,
        "low_j": None,
        "high_j": None,
        "domains": {"package-0": 2 * joules, "core-0": joules / 2},
        "meter_id": "boot:rapl",
        "reason": None,
        "attributes": {"start_uj": {"package-0": 7}},
        **changes,
    }


def lithops(call_id, **changes):
    """
    Return where a call of a job ran.
    """
    return {"backend": "localhost", "executor_id": "ab12-0", "job_id": "M000", "call_id": call_id, **changes}


def write(path, *records, end=b""):
    """
    Write a log, `end` behind its last line, and return its path.
    """
    path.write_bytes(b"".join(map(encode, records)) + end)
    return str(path)
