"""
Keys: the same records always get the same one, different ones never.
"""

from __future__ import annotations

import pytest
from greensdk_s3.access import place_of
from hypothesis import given
from hypothesis import strategies as st

from greensdk.deliver.keys import base_of, folder_of, key_of

NAMES = st.text("abcdef0123456789", min_size=1, max_size=12)
PREFIXES = st.sampled_from(["", "runs", "runs/today"])
CALLS = st.fixed_dictionaries(
    {
        "adapter": st.just("lithops"),
        "executor_id": NAMES,
        "job_id": NAMES,
        "call_id": st.from_regex(r"[0-9]{5}", fullmatch=True),
        "activation_id": NAMES,
    }
)
RECORDS = st.fixed_dictionaries(
    {
        "record_id": NAMES,
        "worker": st.none() | CALLS,
        "host": st.fixed_dictionaries({}, optional={"host_id": st.none() | NAMES}),
    }
)


@given(PREFIXES, RECORDS, st.integers(0, 9), st.booleans())
def test_a_key_depends_on_nothing_but_the_record_and_its_place(prefix, record, number, in_call):
    """
    It lies under the prefix, is a key that every store takes, and names records.
    """
    key = key_of(prefix, record, number, in_call=in_call)

    assert key == key_of(prefix, {**record, "label": "x", "duration_s": 3}, number, in_call=in_call)
    assert key.startswith(f"{prefix}/" if prefix else "")
    assert "//" not in f"/{key}"
    assert key.endswith(".jsonl")


@given(PREFIXES, st.lists(RECORDS, min_size=2, max_size=2, unique_by=lambda record: record["record_id"]))
def test_two_batches_outside_of_a_call_never_share_a_key(prefix, records):
    """
    The first record's id is in it.
    """
    first, second = (key_of(prefix, record, 0, in_call=False) for record in records)

    assert first != second


@given(PREFIXES, RECORDS.filter(lambda record: record["worker"]), st.lists(st.integers(0, 99), unique=True))
def test_the_objects_of_one_call_are_numbered(prefix, record, numbers):
    """
    The first has no number, and a repetition of the call finds its key taken.
    """
    keys = {key_of(prefix, record, number, in_call=True) for number in numbers}

    assert len(numbers) == len(keys)
    assert f"{base_of(prefix, record)}.jsonl" == key_of(prefix, record, 0, in_call=True)
    worker = record["worker"]
    assert all(key.startswith(folder_of(prefix, worker["executor_id"], worker["job_id"])) for key in keys)


@pytest.mark.parametrize(
    ("worker", "key"),
    [
        ({"adapter": "lambda", "call_id": None, "function_name": "f", "activation_id": "a"}, "p/lambda/f/a.jsonl"),
        ({"adapter": "lambda", "call_id": None, "activation_id": "a"}, "p/lambda/unknown/a.jsonl"),
        ({"adapter": "lambda", "call_id": None, "activation_id": None}, "p/local/h/r.jsonl"),
        ({"adapter": "pod", "call_id": None, "activation_id": None}, "p/local/h/r.jsonl"),
        (None, "p/local/h/r.jsonl"),
    ],
)
def test_a_function_that_lithops_did_not_call_has_its_own_folder(worker, key):
    """
    Where its invocation is known.
    """
    assert key == key_of("p", {"record_id": "r", "worker": worker, "host": {"host_id": "h"}}, 0, in_call=True)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://b", ("b", "")),
        ("s3://b/", ("b", "")),
        ("s3://b/x/y/", ("b", "x/y")),
        ("s3:b/x", ("b", "x")),
        ("s3://My_bucket.v1/x", ("My_bucket.v1", "x")),
    ],
)
def test_slashes_around_the_prefix_make_no_difference(uri, place):
    """
    Keys have none at their beginning, and one between their parts.
    """
    assert place == place_of(uri)
