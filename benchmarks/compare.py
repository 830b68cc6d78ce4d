"""
Does `greensdk compare` tell the truth? Its errors on the noise of this machine.

Measurements of unchanged functions are recorded, alone and beside a process that burns a core now and then, with a
package meter whose counter follows the machine's load, and with the model alone. Trials deal consecutive ones out to a
and b, multiply those of b by a true ratio, and run the method on them as it stands.

    python -m benchmarks.compare [--trials 200] [--samples 300]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from math import log
from pathlib import Path
from statistics import fmean, median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "kit"))

import law_kit

from greensdk.ab.comparison import Sample
from greensdk.ab.functions import measured
from greensdk.ab.pairs import SAMPLE_S, Plan, Side, best, run
from greensdk.testing import PowercapTree

NEIGHBOUR = """
import random, sys, time
draw, end = random.Random(7), time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    until = time.monotonic() + draw.expovariate(1.0)
    while time.monotonic() < min(until, end):
        sum(i * i for i in range(20_000))
    time.sleep(max(0.0, min(draw.expovariate(0.5), end - time.monotonic())))
"""
RATIOS = (1.0, 0.95, 0.9, 0.8)
MOST = 68
IDLE_W, BUSY_W = 10.0, 8.0
HEADS = ("differs", "wrong way", "same", "open", "bias %", "holds", "pairs", "seconds")

DOCUMENT = json.dumps([{"id": i, "name": f"n{i}", "v": [i, i / 3, str(i)]} for i in range(1500)])
FLOATS = [random.Random(1).random() for _ in range(150_000)]


def loop() -> int:
    """
    The interpreter, and nothing else.
    """
    return sum(i * i for i in range(200_000))


def sort() -> list[float]:
    """
    Memory, too.
    """
    return sorted(FLOATS)


def parse() -> None:
    """
    C code and many objects.
    """
    for _ in range(6):
        json.loads(DOCUMENT)


@contextlib.contextmanager
def neighbour(wanted: bool, seconds: float) -> Iterator[None]:
    """
    Have another process burn a core now and then.
    """
    if not wanted:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR, str(seconds)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def meter(name: str) -> Iterator[dict[str, object]]:
    """
    Hand out the arguments with which that meter is used.
    """
    if name == "model":
        yield {"monitors": ["psutil-tdp"]}
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = PowercapTree(folder)
        tree.package(0)
        with law_kit.turning(tree, {"package-0": law_kit.Power(IDLE_W, BUSY_W)}):
            yield {"monitors": ["rapl"], "plugins": {"rapl": {"root": str(tree.root)}}}


def recorded(name: str, beside: bool, samples: int) -> tuple[str, list[list[Sample]]]:
    """
    Measure each function so many times, and return what is compared by default, with the measurements.
    """
    series = []
    by = "cpu"
    with meter(name) as settings, neighbour(beside, 10_000):
        for function in (loop, sort, parse):
            began = time.perf_counter()
            function()
            runs = max(1, round(SAMPLE_S / (time.perf_counter() - began)))
            side = measured(function, settings)
            first, source = side(runs)
            by = best(first, source, ("psutil-tdp",))
            series.append([side(runs)[0] for _ in range(samples)])
    return by, series


def trial(samples: Sequence[Sample], by: str, true: float, draw: random.Random) -> tuple[str, float, bool, int]:
    """
    Run the method on consecutive measurements.

    Returns:
        Its word, the error of ln(ratio), whether the interval holds the truth, and the number of pairs.
    """
    start = draw.randrange(len(samples) - 2 * MOST - 4)
    places = count(start)

    def side(factor: float, _: int) -> tuple[Sample, str]:
        sample = samples[next(places)]
        return {key: None if value is None else value * factor for key, value in sample.items()}, "recorded"

    plan = Plan(by=by, budget_s=1e9, most=MOST, runs=1, seed=draw.randrange(1 << 30))
    (found,) = run([Side("a", partial(side, 1.0)), Side("b", partial(side, true))], plan)
    assert found.low is not None
    assert found.high is not None
    return found.word, log((found.ratio or 1.0) / true), found.low <= true <= found.high, found.pairs


def row(series: Sequence[Sequence[Sample]], by: str, true: float, trials: int, draw: random.Random) -> list[float]:
    """
    Return the columns of the table.
    """
    found = [trial(draw.choice(series), by, true, draw) for _ in range(trials)]
    words = [word for word, *_ in found]
    wrong = [word == "differs" and (log(true) + error) * log(true) < 0 for word, error, *_ in found]
    pairs = median(n for *_, n in found)
    shares: Callable[[str], float] = lambda word: words.count(word) / trials  # noqa: E731
    bias = 100 * fmean(error for _, error, *_ in found)
    holds = fmean(holds for _, _, holds, _ in found)
    return [shares("differs"), fmean(wrong), shares("same"), shares("open"), bias, holds, pairs, 2 * SAMPLE_S * pairs]


def main() -> None:
    """
    Record, try, and print.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--samples", type=int, default=300, help=f"measurements of each function, more than {2 * MOST}")
    asked = parser.parse_args()
    draw = random.Random(3)
    for name in ("model", "rapl"):
        for beside in (False, True):
            by, series = recorded(name, beside, asked.samples)
            print(f"{name}, by {by}, {'beside a neighbour' if beside else 'alone'}, {asked.trials} trials each")
            print(f"{'true':>6}" + "".join(f"{head:>10}" for head in HEADS))
            for true in RATIOS:
                cells = row(series, by, true, asked.trials, draw)
                print(f"{true:6.2f}" + "".join(f"{cell:10.3g}" for cell in cells))
            print()


if __name__ == "__main__":
    main()
