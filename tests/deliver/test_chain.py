"""
Chained files: whoever changes, removes, inserts or moves a line is found out.
"""

from __future__ import annotations

import multiprocessing
import os
from hashlib import sha256

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from greensdk.cli import cli
from greensdk.deliver import chain
from greensdk.deliver.sinks import JsonlSink
from greensdk.errors import SinkError
from greensdk.logs.verify import check
from greensdk.measure.record import blank


def record_of(name):
    """
    Return a record whose label is `name`.
    """
    return {**blank(), "record_id": "0" * 32, "started_at": "2026-01-01T00:00:00Z", "label": name}


def written(path, names):
    """
    Write one chained record for each name, and return the file's lines.
    """
    sink = JsonlSink(str(path), chain=True)
    for name in names:
        sink.emit(record_of(name))
    sink.close()
    return path.read_bytes().splitlines(keepends=True)


def faults(lines):
    """
    Return the numbers of the lines whose link is broken.
    """
    return [number for number, fault, _ in check(enumerate(lines, 1)) if fault]


def verified(*arguments):
    """
    Return exit code and output of ``greensdk verify``.
    """
    done = CliRunner().invoke(cli, ["verify", *map(str, arguments)], standalone_mode=False)
    return done.return_value, done.output


def write_many(path, name):
    """
    Write 20 chained records; what each of several processes does.
    """
    written(path, [f"{name}-{number}" for number in range(20)])


class TestWriting:
    """
    What a chained file looks like.
    """

    def test_the_first_line_carries_the_digest_of_nothing_and_each_other_that_of_the_one_before(self, tmp_path):
        """
        Anybody can check it with sha256sum: the newline is not part of what is digested.
        """
        first, second = written(tmp_path / "log.jsonl", ["a", "b"])

        assert f'"previous_digest":"{sha256().hexdigest()}"'.encode() in first
        assert f'"previous_digest":"{sha256(first.rstrip()).hexdigest()}"'.encode() in second

    def test_the_record_itself_is_left_as_it_was(self, tmp_path):
        """
        Other sinks get the same dict.
        """
        record = record_of("a")
        JsonlSink(str(tmp_path / "log.jsonl"), chain=True).emit(record)

        assert "previous_digest" not in record

    @pytest.mark.parametrize("size", [1, chain.BLOCK_BYTES - 1, chain.BLOCK_BYTES, 3 * chain.BLOCK_BYTES])
    def test_a_line_may_be_longer_than_what_is_read_at_once(self, tmp_path, size):
        """
        The line before is found whole, however long it is.
        """
        assert [] == faults(written(tmp_path / "log.jsonl", ["a" * size, "b", "c" * size, "d"]))

    def test_a_later_process_goes_on_with_the_chain(self, tmp_path):
        """
        Opening a file again does not begin a new chain.
        """
        written(tmp_path / "log.jsonl", ["a", "b"])

        assert [] == faults(written(tmp_path / "log.jsonl", ["c"]))

    def test_processes_that_write_at_once_make_one_chain(self, tmp_path):
        """
        A lock on the file itself puts them in order.
        """
        path = tmp_path / "log.jsonl"
        context = multiprocessing.get_context("fork")
        writers = [context.Process(target=write_many, args=(path, name)) for name in "abcd"]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        lines = path.read_bytes().splitlines(keepends=True)

        assert (80, []) == (len(lines), faults(lines))

    def test_a_line_that_a_full_disk_cut_short_is_not_glued_to(self, tmp_path):
        """
        The next one stands on a line of its own, and carries the digest of what is left of the cut one.
        """
        path = tmp_path / "log.jsonl"
        first, second = written(path, ["a", "b"])
        path.write_bytes(first + second[:40])
        lines = written(path, ["c"])

        assert second[:40] + b"\n" == lines[1]
        assert [2] == faults(lines)

    def test_a_descriptor_that_is_gone_is_the_sinks_error(self, tmp_path):
        """
        As with any other file: the record goes to the spool.
        """
        sink = JsonlSink(str(tmp_path / "log.jsonl"), chain=True)
        sink.close()

        with pytest.raises(SinkError, match=r"log\.jsonl: Bad file descriptor"):
            sink.emit(record_of("a"))


class TestChecking:
    """
    What is found out.
    """

    @given(names=st.lists(st.text(max_size=20), max_size=8))
    def test_an_untouched_chain_is_whole(self, tmp_path_factory, names):
        """
        Whatever its records say.
        """
        path = tmp_path_factory.mktemp("chain") / "log.jsonl"

        assert [] == faults(written(path, names))

    @given(data=st.data(), length=st.integers(2, 6))
    def test_a_change_shows_in_the_line_after_it(self, tmp_path_factory, data, length):
        """
        One byte is enough.
        """
        lines = written(tmp_path_factory.mktemp("chain") / "log.jsonl", ["joules"] * length)
        place = data.draw(st.integers(0, length - 2))
        lines[place] = lines[place].replace(b"joules", b"Joules")

        assert [place + 2] == faults(lines)

    @given(place=st.integers(0, 3))
    def test_a_line_that_is_missing_shows(self, tmp_path_factory, place):
        """
        Anywhere but at the end.
        """
        lines = written(tmp_path_factory.mktemp("chain") / "log.jsonl", "abcde")
        del lines[place]

        assert [place + 1] == faults(lines)

    @given(order=st.permutations(range(5)).filter(lambda order: order != [0, 1, 2, 3, 4]))
    def test_another_order_shows(self, tmp_path_factory, order):
        """
        No permutation but the right one is whole.
        """
        lines = written(tmp_path_factory.mktemp("chain") / "log.jsonl", "abcde")

        assert [] != faults([lines[place] for place in order])


class TestCommand:
    """
    ``greensdk verify``.
    """

    def test_a_whole_file_is_said_to_be_whole_with_its_last_digest(self, tmp_path):
        """
        The digest is what one keeps elsewhere.
        """
        path = tmp_path / "log.jsonl"
        lines = written(path, "abc")
        digest = sha256(lines[-1].rstrip()).hexdigest()

        assert (0, f"{path}: 3 lines, 0 broken links, last digest {digest}\n") == verified(path)
        assert 0 == verified("--last", digest[:16], path)[0]

    def test_a_cut_end_shows_beside_the_digest_that_was_kept(self, tmp_path):
        """
        Without it the shorter file is a whole chain of its own.
        """
        path = tmp_path / "log.jsonl"
        lines = written(path, "abc")
        path.write_bytes(b"".join(lines[:2]))

        assert 0 == verified(path)[0]
        code, text = verified("--last", sha256(lines[-1].rstrip()).hexdigest(), path)
        assert 1 == code
        assert "lines were removed or added at the end" in text

    def test_a_broken_link_is_one_line_with_its_place(self, tmp_path):
        """
        File, number and what is wrong; exit code 1.
        """
        path = tmp_path / "log.jsonl"
        lines = written(path, "abc")
        path.write_bytes(lines[0].replace(b'"a"', b'"x"') + lines[1] + lines[2])
        code, text = verified(path)

        assert 1 == code
        assert f"{path}:2: previous_digest:" in text
        assert "a line was changed, removed or inserted" in text

    def test_a_file_that_was_never_chained_is_not_called_whole(self, tmp_path):
        """
        The reader gets the reason, once.
        """
        path = tmp_path / "log.jsonl"
        for name in "abc":
            JsonlSink(str(path)).emit(record_of(name))
        code, text = verified(path)
        why, sums = text.splitlines()

        assert 1 == code
        assert f"{path}:1: previous_digest: is missing: the file is not chained from here" == why
        assert "3 lines, 3 broken links" in sums

    def test_one_digest_fits_one_file(self, tmp_path):
        """
        Two files and one digest are a mistake of the person.
        """
        for name in "ab":
            written(tmp_path / f"{name}.jsonl", "a")

        done = CliRunner().invoke(cli, ["verify", "--last", "00", str(tmp_path)])
        assert 2 == done.exit_code
        assert "--last takes one file, not 2" in done.output

    def test_the_setting_reaches_the_file(self, tmp_path):
        """
        GREENSDK_FILE_CHAIN=1 is all that a person has to say.
        """
        import subprocess
        import sys

        code = "from greensdk import energy_tracked\n@energy_tracked(monitors=[])\ndef work(): pass\nwork(); work()"
        environment = {**os.environ, "GREENSDK_FILE_CHAIN": "1", "TMPDIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)

        assert 0 == verified(tmp_path / "energy.jsonl")[0]
