"""
Many small objects, or growing logs, turned into Parquet: each record once, whenever it is stopped and started again.

A batch of lines is written to a hidden folder first. Then one file says, as it appears, that the batch is done: which
sources it has taken, how far, and which files it has made. Then these are moved to their places. Whoever starts after
a crash finishes the moves of batches that were done, and forgets those that were not.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from greensdk.errors import GreensdkError
from greensdk.logs import parquet
from greensdk.logs.read import PARQUET, Problem, files, is_uri, numbered, parse, removed, streams

STATE = "_greensdk"
"""Names that begin with an underscore are passed over by Hive, Athena, Trino and Spark."""
STAGED = ".staged"
BATCH_RECORDS = 50_000
BATCH_BYTES = 100_000_000
BY = ("day", "host")


class Done(NamedTuple):
    """
    What came of it.

    Attributes:
        records: How many were written.
        copies: How many lines held a record that is there already.
        sources: The files and objects whose records are all there now, those that were taken before included.
    """

    records: int
    copies: int
    sources: list[str]


def compact(source: str, target: str, by: tuple[str, ...] = BY, *, skip: Callable[[Problem], Any]) -> Done:
    """
    Add the records of a source that are not there yet to a folder of Parquet files.

    Args:
        source: As for :func:`greensdk.logs.read`. Of a file that still grows, whole lines are taken, the others next
            time; objects in storage never change.
        target: The folder.
        by: What it is partitioned by: ``day``, ``host``, or keys of a record.
        skip: Called with each line that is no record; it is left out.

    Raises:
        RecordError: There is no such source, or it can't be read.
        GreensdkError: Somebody else is at it.
    """
    with _held(target) as state:
        return _Compaction(target, state, by, skip).run(source)


def remove(source: str, done: Done) -> int:
    """
    Delete what has been compacted, and return how many files or objects.

    Raises:
        RecordError: They can't be deleted.
    """
    if is_uri(source):
        return removed(source, done.sources)
    found = [os.path.abspath(path) for path in files(source) if not path.endswith(PARQUET)]
    gone = [path for path in found if path in done.sources]
    for path in gone:
        os.unlink(path)
    return len(gone)


class _Compaction:
    def __init__(self, target: str, state: str, by: tuple[str, ...], skip: Callable[[Problem], Any]) -> None:
        self.target, self.state, self.by, self.skip = target, state, by, skip
        self.number = 0
        self.behind: dict[str, int] = {}
        self.written = self.taken = 0
        self.is_new = False
        self.bad: set[str] = set()
        self.batch: dict[tuple[Any, bool], bytes] = {}
        self.bytes = 0
        self._recover()

    def run(self, source: str) -> Done:
        for name, first, file in self._sources(source):
            self._take(name, first, file)
        self._write()
        return Done(self.written, self.taken - self.written, [name for name in self.behind if name not in self.bad])

    def _recover(self) -> None:
        """
        Finish what was done, and remove what was not.
        """
        commits = sorted(name for name in os.listdir(self.state) if name.endswith(".json"))
        for name in commits:
            with open(os.path.join(self.state, name), encoding="utf-8") as file:
                commit = json.load(file)
            if commit["by"] != list(self.by):
                by = ",".join(commit["by"])
                raise GreensdkError(f"{self.target}: is partitioned by {by}: --by {by}, or another folder")
            self.behind |= commit["sources"]
            self._move(name.removesuffix(".json"), commit["files"])
            self.number = int(name.removesuffix(".json")) + 1
        for name in os.listdir(self.state):
            if name.endswith((STAGED, ".part")):
                path = os.path.join(self.state, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def _sources(self, source: str) -> Iterator[tuple[str, int, BinaryIO]]:
        """
        Yield what has not been read to its end, and from which byte on it is new.
        """
        if is_uri(source):
            yield from ((name, 0, file) for name, file in streams(source, without=self.behind))
            return
        own = os.path.abspath(self.target) + os.sep
        for path in files(source):
            name = os.path.abspath(path)
            behind, grows = self.behind.get(name), path.endswith(".jsonl")
            if name.startswith(own) or (behind is not None and (not grows or behind == os.path.getsize(path))):
                continue
            for _, file in streams(path):
                if behind:
                    file.seek(behind)
                yield name, behind or 0, file

    def _take(self, name: str, first: int, file: BinaryIO) -> None:
        grows = bool(first) or (name.endswith(".jsonl") and not is_uri(name))
        behind = first
        for number, text in numbered(name, file):
            if grows and not text.endswith(b"\n"):
                break  # somebody is writing it
            behind = file.tell() if grows else 0
            line = text.rstrip(b"\n") + b"\n"
            record = parse(line)
            if isinstance(record, str) or not isinstance(record.get("record_id"), str):
                self.skip(Problem(name, number, record if isinstance(record, str) else "record_id: is missing"))
                self.bad.add(name)
                continue
            self.taken += 1
            self.batch[record["record_id"], record.get("status") == "interim"] = line
            self.bytes += len(line)
        self.is_new |= self.behind.get(name) != behind
        self.behind[name] = behind
        if len(self.batch) >= BATCH_RECORDS or self.bytes >= BATCH_BYTES:
            self._write()

    def _write(self) -> None:
        """
        Write a batch, say that it is done, and move its files to their places.
        """
        if not self.is_new:
            return
        name = f"{self.number:08}"
        staged = os.path.join(self.state, f"{name}{STAGED}")
        os.makedirs(staged)
        if self.batch:
            lines = os.path.join(self.state, f"{name}.part")
            with open(lines, "wb") as file:
                file.writelines(self.batch.values())
            self.written += parquet.write(lines, staged, f"part-{name}", self.by, _parquet_files(self.target))
            os.unlink(lines)
        made = [os.path.relpath(path, staged) for path in _parquet_files(staged)]
        commit = os.path.join(self.state, f"{name}.json")
        with open(f"{commit}.part", "w", encoding="utf-8") as text:
            json.dump({"by": self.by, "sources": self.behind, "files": made}, text)
            text.flush()
            os.fsync(text.fileno())
        os.replace(f"{commit}.part", commit)
        self._move(name, made)
        if self.number:  # each says what all before it have taken
            os.unlink(os.path.join(self.state, f"{self.number - 1:08}.json"))
        self.number += 1
        self.batch, self.bytes, self.is_new = {}, 0, False

    def _move(self, name: str, made: list[str]) -> None:
        staged = os.path.join(self.state, f"{name}{STAGED}")
        for path in made:
            here, there = os.path.join(staged, path), os.path.join(self.target, path)
            if os.path.exists(here):
                os.makedirs(os.path.dirname(there), exist_ok=True)
                os.replace(here, there)
        shutil.rmtree(staged, ignore_errors=True)


def _parquet_files(folder: str) -> list[str]:
    found = []
    for here, folders, names in os.walk(folder):
        if STATE in folders:
            folders.remove(STATE)
        found += [os.path.join(here, name) for name in names if name.endswith(PARQUET)]
    return sorted(found)


@contextmanager
def _held(target: str) -> Iterator[str]:
    """
    Yield the folder of the state, which nobody else uses meanwhile; the kernel lets go of it when this process ends.
    """
    state = os.path.join(target, STATE)
    os.makedirs(state, exist_ok=True)
    with open(os.path.join(state, "lock"), "ab") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise GreensdkError(f"{target}: another greensdk compact is writing to it") from error
        yield state
