"""
Files that hold anything, for every reader that there is: a GreensdkError of one line at most.

``python tests/faults/fuzz.py NAME`` looks further, by hand.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readers_kit import READERS, feed

from greensdk.cli.import_ import SOURCES

BITS = [
    b"",
    b"\0",
    b"\xff\xfe",
    b"[" * 5000,
    b'{"a":' * 5000,
    b"NaN",
    b"1e999",
    b"-",
    b"9" * 5000,
    b"null",
    b"\r\n",
    b'"',
]


@st.composite
def changed(draw, seed: bytes) -> bytes:
    """
    Return a seed in which one to three places hold something else.
    """
    held = seed
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(held)))
        end = draw(st.integers(start, min(len(held), start + 40)))
        held = held[:start] + draw(st.sampled_from(BITS) | st.binary(max_size=8)) + held[end:]
    return held


def test_every_import_is_fuzzed():
    """
    A new one needs a row in the table.
    """
    assert set(SOURCES) <= set(READERS)


@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_what_it_should(tmp_path, name):
    """
    Otherwise what follows would be about nothing.
    """
    feed(name, READERS[name][0], tmp_path)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_reader_takes_anything(name, data):
    """
    The seeds are what tools really write.
    """
    with TemporaryDirectory() as folder:
        feed(name, data.draw(changed(READERS[name][0])), Path(folder))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("held", BITS, ids=lambda held: repr(held[:8]))
def test_a_reader_takes_what_was_hard_once(tmp_path, name, held):
    """
    Each alone, and behind what is right.
    """
    feed(name, held, tmp_path)
    feed(name, READERS[name][0] + held, tmp_path)
