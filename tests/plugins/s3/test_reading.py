"""
Records read back: every object at or below a URI, in order, as a stream; and what is said when there is none.
"""

from __future__ import annotations

import gzip
import json
import os
import time
import tracemalloc

import pytest
from greensdk_lithops.storage import StorageSink
from greensdk_s3 import S3Sink
from s3_kit import Distant

import greensdk
from greensdk import RecordError, track

pytestmark = pytest.mark.slow


@pytest.fixture
def s3(server, monkeypatch):
    """
    The server, and an environment in which every AWS client finds it.
    """
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return server


def put(s3, **objects: bytes) -> None:
    """
    Store objects; ``__`` in a name stands for a slash, ``_`` for a dot.
    """
    client = s3.client()
    for name, data in objects.items():
        client.put_object(Bucket=s3.bucket, Key=name.replace("__", "/").replace("_", "."), Body=data)


def read(uri: str, **config) -> dict[str, bytes]:
    """
    Return everything that is stored there, in the order in which it comes.
    """
    return {name: stream.read() for name, stream in S3Sink.stored(uri, **config)}


def test_what_was_delivered_is_read_back(s3):
    """
    The very records.
    """
    with track("x", monitors=[], sink="s3://results/back", plugins={"s3": {"budget_s": 30}}) as call:
        pass
    greensdk.reset()

    (lines,) = read("s3://results/back").values()
    assert call.record["record_id"] == json.loads(lines)["record_id"]


def test_objects_come_sorted_and_nothing_but_records(s3):
    """
    Folders below, compressed ones as they are, no others, and not those of a folder that only begins alike.
    """
    packed = gzip.compress(b"{}\n")
    put(s3, a__2_jsonl=b"2\n", a__1_jsonl=b"1\n", a__b__3_jsonl_gz=packed, a__x_txt=b"no", ab__4_jsonl=b"4\n")

    found = {"s3://results/a/1.jsonl": b"1\n", "s3://results/a/2.jsonl": b"2\n", "s3://results/a/b/3.jsonl.gz": packed}
    assert found == read("s3://results/a") == read("s3://results/a/")
    assert list(found) == list(read("s3://results/a"))
    assert {"s3://results/a/2.jsonl": b"2\n"} == read("s3://results/a/2.jsonl")
    assert found.keys() < read("s3://results").keys()


def test_a_stream_is_read_line_by_line_and_unpacked(s3):
    """
    Whoever reads needs no more than a file's methods.
    """
    put(s3, lines__1_jsonl_gz=gzip.compress(b"1\n2\n"))
    for _, stream in S3Sink.stored("s3://results/lines"):
        with gzip.open(stream) as lines:
            assert [b"1\n", b"2\n"] == list(lines)


def test_a_large_object_is_never_in_memory(s3):
    """
    60 MB go by in buffers; what is left is the client with its description of S3.
    """
    put(s3, large__1_jsonl=(b"x" * 1023 + b"\n") * 60_000)
    list(S3Sink.stored("s3://results/large"))
    tracemalloc.start()
    try:
        count = sum(1 for _, stream in S3Sink.stored("s3://results/large") for _ in stream)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 60_000 == count
    assert peak_bytes < 30e6


def test_more_objects_than_a_page_of_the_listing(s3):
    """
    S3 lists a thousand at a time; most of these hold no records.
    """
    s3.fill((f"many/{number:04}.{'jsonl' if number in {0, 1005} else 'txt'}" for number in range(1006)), b"x\n")

    assert ["s3://results/many/0000.jsonl", "s3://results/many/1005.jsonl"] == list(read("s3://results/many"))


def test_objects_of_a_distant_server_are_fetched_at_once(s3):
    """
    Many are on their way while one is read, and they come in order all the same.
    """
    s3.fill((f"far/{number:04}.jsonl" for number in range(300)), b"x\n")
    server = Distant(s3, 0.02)
    try:
        found = read("s3://results/far", endpoint=server.endpoint)
    finally:
        server.close()
    assert [f"s3://results/far/{number:04}.jsonl" for number in range(300)] == list(found)
    assert {b"x\n"} == set(found.values())
    assert server.most > 3


def test_objects_are_left_out_and_removed_by_their_names(s3):
    """
    What `greensdk compact` has taken is not fetched again, and deleted when that is asked for.
    """
    s3.fill((f"taken/{number}.jsonl" for number in range(4)), b"x\n")
    names = [f"s3://results/taken/{number}.jsonl" for number in range(4)]
    found = S3Sink.stored("s3://results/taken", without=names[1:3])
    assert [names[0], names[3]] == [name for name, _ in found]
    S3Sink.remove("s3://results/taken", names[:3])
    assert [names[3]] == list(read("s3://results/taken"))


@pytest.mark.parametrize(
    ("uri", "variables", "line"),
    [
        ("s3://results/nothing", {}, "s3://results/nothing: no *.jsonl there"),
        ("s3://results/no.jsonl", {}, "s3://results/no.jsonl: bucket 'results': NoSuchKey: "),
        ("s3://gone/x", {}, "s3://gone/x: there is no bucket 'gone': make it"),
        ("s3://", {}, "s3://: an S3 sink is s3://bucket/prefix"),
        ("s3://other/x", {"AWS_ACCESS_KEY_ID": "readkey"}, "s3://other/x: "),
        ("s3://results/x", {"AWS_SECRET_ACCESS_KEY": "no"}, "s3://results/x: bucket 'results': the secret key does"),
        ("s3://results/x", {"AWS_ACCESS_KEY_ID": ""}, "s3://results/x: bucket 'results': no complete credentials"),
        (
            "s3://results/x",
            {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"},
            "s3://results/x: bucket 'results': Could not",
        ),
    ],
)
def test_what_can_not_be_read_is_told_in_one_line(s3, monkeypatch, uri, variables, line):
    """
    With what helps.
    """
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RecordError) as caught:
        read(uri)

    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_reading_needs_no_right_to_write(s3, monkeypatch):
    """
    And the endpoint may come from the sink's table, whose other keys don't matter.
    """
    put(s3, read__1_jsonl=b"1\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.reader_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.reader_secret)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")

    assert {"s3://results/read/1.jsonl": b"1\n"} == read("s3://results/read", endpoint=s3.endpoint, batch_records=3)


def test_a_connection_that_breaks_off_is_an_error_of_reading(s3):
    """
    As with a file on a disk that fails; never the end of the object.
    """
    put(s3, torn__1_jsonl=b"x" * 5_000_000)
    with pytest.raises(OSError, match="bucket 'results'"):  # noqa: PT012
        for _, stream in S3Sink.stored("s3://results/torn"):
            stream.read(10)
            stream.raw._body._raw_stream._fp.fp.close()
            stream.read()


@pytest.fixture
def lithops_storage(tmp_path, monkeypatch):
    """
    Lithops configured with a folder as its storage; returns its client.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    config = {"lithops": {"backend": "localhost", "storage": "localhost"}, "localhost": {"storage_root": str(tmp_path)}}
    (tmp_path / "lithops.yaml").write_text(json.dumps(config))
    monkeypatch.setenv("LITHOPS_CONFIG_FILE", str(tmp_path / "lithops.yaml"))
    from lithops.storage import Storage

    return Storage()


def test_what_is_in_lithops_storage_is_read_back_in_the_same_way(lithops_storage):
    """
    By prefix or by key; where there is nothing, one line says so.
    """
    # Lithops has one folder for all localhost buckets of a machine.
    place = f"own{time.time_ns()}"
    for name in ("b.jsonl", "a.jsonl.gz", "c.txt"):
        lithops_storage.put_object(lithops_storage.bucket, f"{place}/e/{name}", name.encode())
    lithops_storage.put_object(lithops_storage.bucket, f"{place}0/d.jsonl", b"x")

    found = {name: stream.read() for name, stream in StorageSink.stored(f"lithops://{place}", budget_s=3)}
    below = f"lithops://{place}/e"
    assert {f"{below}/a.jsonl.gz": b"a.jsonl.gz", f"{below}/b.jsonl": b"b.jsonl"} == found
    assert [f"{below}/b.jsonl"] == [name for name, _ in StorageSink.stored(f"{below}/b.jsonl")]
    with pytest.raises(RecordError, match=r"lithops://nothing: no \*\.jsonl in Lithops' localhost bucket"):
        list(StorageSink.stored("lithops://nothing"))


def test_lithops_without_its_configuration_is_one_line(monkeypatch, tmp_path):
    """
    Whatever Lithops itself raises.
    """
    (tmp_path / "lithops.yaml").write_text(json.dumps({"lithops": {"storage": "no_such_storage"}}))
    monkeypatch.setenv("LITHOPS_CONFIG_FILE", str(tmp_path / "lithops.yaml"))

    with pytest.raises(RecordError, match="lithops://x: Lithops' storage: "):
        list(StorageSink.stored("lithops://x"))
