"""
Checking fast is checking right: the quick look turns down everything that the slow one does.
"""

from __future__ import annotations

import copy
import gzip
import json
import threading
import time

import orjson
import pytest
import shelf_kit
from hypothesis import given
from hypothesis import strategies as st

from greensdk import capture, energy_tracked
from greensdk.configure import builtin
from greensdk.errors import RecordError
from greensdk.logs import check, decoder, pieces, read, verdicts
from greensdk.logs.read import parse
from greensdk.schema.check import problems
from greensdk.schema.fields import FIELDS

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["ok", "machine", "greensdk.record/1", "greensdk.record/2", "2026-01-01T00:00:00Z", "", 3.0, -0.0]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def good():
    """
    Return a real record with everything in it.
    """

    @energy_tracked(sink="memory:", resources="full", monitors=["psutil-tdp"], sample_every_s=0.005)
    def work():
        time.sleep(0.04)

    with capture() as records:
        work()
    return orjson.loads(orjson.dumps(records[0]))


RECORD = good()
PATHS = sorted({name.replace("[]", "").replace(".*", "") for name in FIELDS})


def is_good(line):
    """
    Say what the slow path says.
    """
    record = parse(line)
    return isinstance(record, dict) and not problems(record)


def changed(record, path, change):
    """
    Return a copy of a record with one key changed by a function of its holder and its name.
    """
    made = copy.deepcopy(record)
    *way, last = path.split(".")
    holder = made
    for key in way:
        holder = holder.get(key) if isinstance(holder, dict) else None
        holder = holder[0] if isinstance(holder, list) and holder else holder
    if isinstance(holder, dict):
        change(holder, last)
    return made


class TestQuickLook:
    """
    Against the checker that speaks in words.
    """

    look = staticmethod(decoder.quick_look())

    def test_a_real_record_passes_at_a_glance(self):
        """
        Else nothing is gained.
        """
        assert self.look(orjson.dumps(RECORD))

    @given(path=st.sampled_from(PATHS), value=VALUES)
    def test_whatever_passes_is_good(self, path, value):
        """
        Any key with any value.
        """
        made = changed(RECORD, path, lambda holder, key: holder.__setitem__(key, value))
        line = json.dumps(made).encode()

        assert not self.look(line) or is_good(line)

    @given(path=st.sampled_from(PATHS))
    def test_whatever_is_missing_is_missed(self, path):
        """
        Any key left out.
        """
        line = orjson.dumps(changed(RECORD, path, lambda holder, key: holder.pop(key, None)))

        assert not self.look(line) or is_good(line)

    @given(place=st.integers(0, 3000), byte=st.binary(min_size=1, max_size=2))
    def test_a_changed_byte_is_judged_alike(self, place, byte):
        """
        Broken JSON, broken UTF-8, other numbers.
        """
        line = orjson.dumps(RECORD)
        place %= len(line)
        broken = line[:place] + byte + line[place + 1 :]

        assert not self.look(broken) or is_good(broken)

    @pytest.mark.parametrize("text", [b'"\\ud800"', b'"\xff"', b"NaN", b"1e999", b"01", b"[" * 2000])
    def test_what_json_forbids_in_unknown_keys_is_turned_down(self, text):
        """
        Keys that no table names are passed over, but not unread.
        """
        line = orjson.dumps(RECORD)[:-1] + b',"later":' + text + b"}"

        assert not self.look(line) or is_good(line)


class TestPieces:
    """
    Large files.
    """

    def test_pieces_say_the_same_as_the_whole(self, tmp_path, monkeypatch):
        """
        Line numbers too, wherever the cuts fall; blank lines and a torn end included.
        """
        line, path = orjson.dumps(RECORD) + b"\n", tmp_path / "e.jsonl"
        bad = line.replace(b'"status":"ok"', b'"status":"fine"')
        path.write_bytes(b"".join(bad if number % 7 == 3 else line + b"\n" for number in range(60)) + line[:50])
        whole = [str(problem) for problem in check(path)]
        sums = [sum(column) for column in zip(*((each.good, each.bad) for each in verdicts(path)), strict=True)]
        monkeypatch.setattr(pieces, "PARALLEL_BYTES", 1)
        monkeypatch.setattr(pieces, "PIECE_BYTES", 5_000)
        monkeypatch.setattr(threading, "active_count", lambda: 1)  # other tests' libraries leave threads
        found = list(verdicts(path))

        assert whole == [str(problem) for each in found for problem in each.problems]
        assert sums == [sum(each.good for each in found), sum(each.bad for each in found)]
        assert 1 < len(found)
        assert [51, 10] == sums

    def test_lines_longer_than_a_piece_are_whole(self, tmp_path, monkeypatch):
        """
        A cut falls behind a line, never into one.
        """
        path = tmp_path / "e.jsonl"
        path.write_bytes(orjson.dumps({**RECORD, "label": "x" * 3_000}) + b"\n" + orjson.dumps(RECORD) + b"\n")
        monkeypatch.setattr(pieces, "PARALLEL_BYTES", 1)
        monkeypatch.setattr(pieces, "PIECE_BYTES", 500)

        assert 2 == sum(each.good for each in verdicts(path))


class TestStorage:
    """
    Sources that are no files.
    """

    def test_what_a_sink_has_stored_is_read_back_through_it(self, monkeypatch):
        """
        Of any scheme whose sink can do that, compressed or not; names are those that it gives.
        """
        line = orjson.dumps(RECORD) + b"\n"
        monkeypatch.setitem(builtin.SINKS, "shelf", "shelf_kit:ShelfSink")
        monkeypatch.setattr(shelf_kit, "SHELF", {"a/1.jsonl": line + b"x\n", "a/2.jsonl.gz": gzip.compress(line)})

        assert ["shelf://a/1.jsonl:2"] == [str(problem).partition(": ")[0] for problem in check("shelf://a")]
        assert 2 == len(list(read("shelf://a", skip=lambda _: None)))

    @pytest.mark.parametrize(
        ("uri", "text"), [("nowhere://x", "no sink knows nowhere:"), ("stdout:", "can't be read back from there")]
    )
    def test_where_nothing_can_be_read_back_is_one_line(self, uri, text):
        """
        With the URI.
        """
        with pytest.raises(RecordError, match=f"{uri}: .*{text}"):
            list(read(uri))
