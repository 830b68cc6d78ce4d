"""
Make the fixtures of this folder with the release that is installed: what an older client sends to a newer worker.

Run as ``python make.py`` in an empty working directory: functions of ``__main__`` are pickled by value.
"""

import base64
import json
import sys
from pathlib import Path

import cloudpickle

from greensdk import __version__, energy_tracked
from greensdk.configure.config import resolve

HERE = Path(__file__).parent
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
EVERYTHING = ["rapl", "perf", "ebpf", "hwmon", "nvml", "msr", "perf-stat", "lambda-estimator", "psutil-tdp"]
SINKS = [
    "x.jsonl",
    "stdout:",
    "memory:",
    "lithops://x",
    "s3://bucket/x",
    "prometheus+http://127.0.0.1:1",
    "otlp+http://127.0.0.1:1",
]
RESTING = {"carbon": {}, "cost": {}}


@energy_tracked(monitors=["psutil-tdp"], sink="memory:", label="plain", plugins={"psutil-tdp": {"tdp_w": 65}})
def plain(n):
    return sum(range(n))


@energy_tracked(monitors=["psutil-tdp"], sink="memory:", label="repeated", repeat=3)
def repeated(n):
    return n + 1


@energy_tracked(monitors=["psutil-tdp"], sink="memory:", label="period", every_s=60.0)
def period(n):
    return n + 1


@energy_tracked(monitors=["psutil-tdp"], sink="memory:", label="coroutine")
async def coroutine(n):
    return n + 1


@energy_tracked(monitors=["psutil-tdp"], sink="memory:", label="generator")
def generator(n):
    yield from range(n)


@energy_tracked(monitors=["psutil-tdp"], sink="memory:", label="items")
async def items(n):
    for each in range(n):
        yield each


class Model:
    @energy_tracked(monitors=["psutil-tdp"], sink="memory:", label="method")
    def method(self, n):
        return n + 1


def sent(fn):
    """
    Return `fn` as a client sends it, but without the paths of the machine that this runs on.
    """
    for each in (fn, fn.__wrapped__):
        each.__code__ = each.__code__.replace(co_filename="x.py")
        each.__globals__["__file__"] = "x.py"
    return base64.b64encode(cloudpickle.dumps(fn, protocol=5)).decode()


if __name__ == "__main__":
    wrappers = [plain, repeated, period, coroutine, generator, items, Model.method]
    pickled = {fn.__name__: sent(fn) for fn in wrappers}
    full = resolve({"monitors": EVERYTHING, "sink": SINKS, **RESTING})
    small = resolve({"monitors": ["psutil-tdp"], "sink": "memory:", "label": "from the environment"})
    made = {
        "greensdk": __version__,
        "python": PYTHON,
        "wrappers": pickled,
        "specification": {**small, "by_name": [[{"label": "by name"}, {**small, "label": "by name, resolved"}]]},
        "everything": full,
    }
    (HERE / f"sent-by-{__version__}.json").write_text(json.dumps(made, indent=1) + "\n")
