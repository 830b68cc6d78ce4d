"""
Processes that are killed at random moments while they record calls; see test_kills.py.

    python killed.py PLACE NUMBER

Each is a fork that says after each call that it has returned. What was said to be recorded must be found afterwards.
Prints as JSON how many calls were acknowledged, and how often each of these is found.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from warnings import simplefilter

from greensdk.calls import Call, bind
from greensdk.deliver import spool
from greensdk.deliver.outbox import Limits, Outbox
from greensdk.logs.read import parse

STORE = Path("store")


class Store:
    """
    A sink of objects as S3 has them: written whole or not at all, never twice, and every third answer is lost.
    """

    def __init__(self, uri):
        self.outbox = Outbox(uri, lambda record, _: record["record_id"], self.deliver, Limits(records=20, age_s=0.002))
        self.emit = self.outbox.put

    def deliver(self, key, body):
        """
        Put an object; the client may not learn that it was.
        """
        new = STORE / f"{os.getpid()}-{time.monotonic_ns()}.new"
        new.write_bytes(body.read())
        if (STORE / key).exists():
            new.unlink()
        else:
            new.rename(STORE / key)
        if random.random() < 1 / 3:
            raise ConnectionResetError("the answer is lost")

    def flush(self):
        """
        Deliver all.
        """
        self.outbox.flush()

    def close(self):
        """
        Deliver all, and end.
        """
        self.outbox.finish()


class Refusing:
    """
    A sink that takes nothing: all is kept in the spool.
    """

    def __init__(self, uri):
        self.uri = uri

    def emit(self, record):
        """
        Refuse.
        """
        raise OSError("no")

    def flush(self):
        """
        Nothing is held back.
        """

    close = flush


SINKS = {
    "file": ["energy.jsonl", "greensdk.sink:JsonlSink", {}],
    "spool": ["refusing:", "killed:Refusing", {}],
    "store": ["store:", "killed:Store", {}],
}


def calls(place, number, said):
    """
    Record calls until killed, saying the number of each that has returned.
    """
    random.seed()
    for each in range(1_000_000):
        spec = {"sources": [], "sinks": [SINKS[place]], "label": None, "tags": {}}
        work = WORK.setdefault(place, bind(Call, lambda: None, spec))
        work.subject.label = f"{number}-{each}"
        work.subject.runtime = None
        work()
        os.write(said, b".")


WORK = {}


def kill_one(place, number):
    """
    Kill one process in the middle, and return how many calls it has acknowledged.
    """
    heard, said = os.pipe()
    child = os.fork()
    if not child:
        os.close(heard)
        try:
            calls(place, number, said)
        finally:
            os._exit(1)
    os.close(said)
    found = os.read(heard, 1)
    time.sleep(random.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(heard, 65536):
        found += more
    os.close(heard)
    return len(found)


def lines(place):
    """
    Yield all lines that are there in the end.
    """
    if place == "file":
        yield from Path("energy.jsonl").read_bytes().splitlines(keepends=True)
    elif place == "spool":
        for path, _, _ in spool.waiting():
            yield from path.read_bytes().splitlines(keepends=True)
    else:
        sink = Store("store:")
        while spool.waiting():
            sink.flush()
        for path in STORE.iterdir():
            if path.suffix != ".new":  # whoever was to rename it is dead
                yield from path.read_bytes().splitlines(keepends=True)


def main():
    """
    Do what the command line says.
    """
    simplefilter("ignore")
    place, number = sys.argv[1], int(sys.argv[2])
    random.seed(place)
    STORE.mkdir()
    acknowledged = {f"{run}-{each}" for run in range(number) for each in range(kill_one(place, run))}
    found = [record["label"] for record in map(parse, lines(place)) if isinstance(record, dict)]  # the rest is torn
    times = Counter(found)
    print(
        json.dumps(
            {
                "acknowledged": len(acknowledged),
                "lost": len(acknowledged - times.keys()),
                "doubled": sum(count > 1 for count in times.values()),
                "unacknowledged": len(times.keys() - acknowledged),
            }
        )
    )


if __name__ == "__main__":
    sys.modules["killed"] = sys.modules["__main__"]
    main()
