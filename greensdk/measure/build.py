"""
From a specification to an open runtime: the cold half of :mod:`greensdk.measure.runtime`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from math import inf
from typing import TYPE_CHECKING, Any, cast

from greensdk.configure import builtin
from greensdk.errors import ConfigError
from greensdk.machine import hardware
from greensdk.machine.calibration import default_path
from greensdk.machine.calibration import load as load_calibration
from greensdk.machine.identity import identity
from greensdk.measure.attribution import NOTHING, Primary
from greensdk.measure.cputime import HostClock, host_clock
from greensdk.measure.runtime import load, open_source
from greensdk.monitor import CpuClock, Estimator, Monitor
from greensdk.version import __version__

if TYPE_CHECKING:
    from greensdk.deliver.sinks import Sink
    from greensdk.measure.runtime import Runtime
    from greensdk.sample.sampler import Sampler

NAMED, AUTO, ALL = "named", "auto", "all"
"""Why a monitor is in the list: asked for by name, because it works and is cheap, or because it works."""

NONE_ASKED = "clocks only: no monitor was asked for"
NONE_WORKS = "no monitor can measure here; `greensdk doctor` tells why"

SPEC_VARIABLE = "GREENSDK_SPEC"
"""
Where an adapter leaves the client's resolved specification for its workers, as JSON. ``by_name`` in it holds
pairs of a decoration's own arguments and what they came to, for functions that travel as their name.
"""

PLAIN = frozenset(
    {
        "order",
        "label",
        "tags",
        "boundary",
        "resources",
        "calibration",
        "strict",
        "sample_every_s",
        "checkpoint_s",
        "signals",
    }
)
"""The keys that are the same before and after resolving."""


def build(runtime: Runtime) -> None:
    """
    Fill `runtime` from its specification, the configuration and the place we run in.

    Raises:
        ConfigError: A setting is wrong.
    """
    settings = settle(runtime.spec)
    adapter = _adapter(settings)
    runtime.missing = dict(settings.get("missing") or {})
    runtime.failures.clear()
    runtime.spooled = 0
    runtime.label = settings.get("label")
    runtime.tags = dict(settings.get("tags") or {})
    runtime.boundary = settings.get("boundary")
    runtime.strict = bool(settings.get("strict"))
    runtime.resources = settings.get("resources") or _detail(settings, adapter)
    runtime.process = identity()
    runtime.worker = adapter.worker() if adapter else None
    runtime.worker_now = getattr(adapter, "call", None)
    runtime.probe = _probe() if runtime.resources == "full" else None
    _sample(runtime, settings.get("sample_every_s") or getattr(adapter, "sample_every_s", None))
    _watch(runtime, settings.get("checkpoint_s"), bool(settings.get("signals")))
    runtime.counts = bool(settings["sources"]) or runtime.resources != "none"
    runtime.ranks = {name: place for place, name in enumerate(settings.get("order") or ())}
    _open_sources(runtime, settings["sources"])
    runtime.calibration = load_calibration(settings.get("calibration") or default_path(), runtime.host.get("host_id"))
    runtime.host_clock = _clock() if settings["sources"] and runtime.cpu_clock is None else None
    runtime.enrichers = tuple((name, _enricher(*row)) for name, *row in _enrichers(settings))
    runtime.sinks = tuple(_open_sinks(settings, adapter))
    runtime.config_digest = settings.get("config_digest")
    runtime.plugins = _versions(runtime, settings.get("versions") or {})


def _versions(runtime: Runtime, foreign: Mapping[str, str | None]) -> dict[str, str | None]:
    """
    Return the version of each monitor, estimator, clock and enricher that is open; first-party ones have ours.
    """
    sources = [*runtime.monitors, *runtime.estimators, *filter(None, [runtime.cpu_clock])]
    names = [*(source.name for source in sources), *(name for name, _ in runtime.enrichers)]
    ours = {*builtin.MONITORS, *builtin.ENRICHERS}
    return {name: __version__ if name in ours else foreign.get(name) for name in names}


def settle(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return `spec` with everything decided: as it is when a client has resolved it, else from the configuration.

    Raises:
        ConfigError: A setting is wrong.
    """
    if "sources" in spec:
        return spec
    if handed := os.environ.get(SPEC_VARIABLE):
        import json

        base = json.loads(handed)
        for own, resolved in base.pop("by_name", ()):
            if own == spec:
                return cast("dict[str, Any]", resolved)
        if spec.keys() <= PLAIN:
            return {**base, **spec}
    from greensdk.configure.config import resolve

    return resolve(spec)


def _detail(settings: Mapping[str, Any], adapter: Any) -> str:
    """
    Return how much to say of resources where nobody has said it: clocks only means clocks only.
    """
    if adapter is not None:
        return str(adapter.resources)
    return "light" if settings["sources"] else "none"


def _sample(runtime: Runtime, every_s: float | None) -> None:
    runtime.sample_every_s = every_s
    if every_s is not None:
        _sampler(runtime)


def _sampler(runtime: Runtime) -> Sampler:
    if runtime.sampler is None:
        from greensdk.sample.sampler import Sampler

        type(runtime).sampler = Sampler()
    assert runtime.sampler is not None
    return runtime.sampler


def _watch(runtime: Runtime, checkpoint_s: float | None, signals: bool) -> None:
    runtime.checkpoint_s, runtime.signals = checkpoint_s, signals
    if signals or checkpoint_s is not None:
        from greensdk.measure.checkpoints import Checkpoints

        sampler = _sampler(runtime)
        sampler.checkpoints = sampler.checkpoints or Checkpoints()


@cache
def _clock() -> HostClock | None:
    return host_clock()


def _adapter(settings: Mapping[str, Any]) -> Any:
    for target, when in settings.get("adapters") or builtin.ADAPTERS.values():
        if when in os.environ:
            return load(target)(settings)
    return None


def _probe() -> Any:
    from greensdk.machine.resources import ResourceProbe

    probe = ResourceProbe()
    return probe if probe.available else None


def _open_sources(runtime: Runtime, sources: Iterable[Any]) -> None:
    monitors: list[Monitor] = []
    estimators: list[Estimator] = []
    clocks: list[CpuClock] = []
    runtime.host = dict.fromkeys(("tdp_w", "tdp_source")) | hardware.describe()
    for name, target, config, mode in sources:
        if mode == AUTO and not config and builtin.is_absent(name):
            continue
        source, problem = open_source(target, config, cheap_only=mode == AUTO)
        if mode == NAMED and problem:
            runtime.missing[name] = problem
        if problem or (mode == AUTO and not source.cheap):
            continue
        runtime.host.update(getattr(source, "host_facts", {}))
        if hasattr(source, "estimate"):
            estimators.append(source)
        else:
            (clocks if hasattr(source, "cpu_time") else monitors).append(source)
    monitors.sort(key=lambda monitor: monitor.cheap)
    if not (monitors or estimators or clocks or runtime.missing):
        runtime.nothing = Primary(*NOTHING[:-1], NONE_WORKS if sources else NONE_ASKED)
    runtime.monitors = tuple(monitors)
    runtime.backwards = tuple(reversed(monitors))
    runtime.estimators = tuple(estimators)
    runtime.cpu_clock = clocks[0] if clocks else None
    limits = [m.max_window_s for m in monitors if m.max_window_s is not None]
    runtime.poll_every_s = min(limits, default=inf)
    runtime.poll_due_ns = 0.0 if limits else inf
    runtime.listen(bool(limits) and not runtime.is_eager())


def _enrichers(settings: Mapping[str, Any]) -> list[list[Any]]:
    """
    Return what adds its fields to each record; in a Lambda, whose prices are published, the cost without being asked.
    """
    asked = list(settings.get("enrichers") or ())
    if builtin.LAMBDA in os.environ and all(name != "cost" for name, *_ in asked):
        asked.append(["cost", builtin.ENRICHERS["cost"], {}])
    return asked


def _enricher(target: str, config: Mapping[str, Any]) -> Callable[..., Any]:
    """
    Return the function behind a ``greensdk_enrich``, with its plugin's table where it takes that.
    """
    import inspect

    try:
        enrich: Callable[..., Any] = load(target)
        if isinstance(enrich, type):
            return cast("Callable[..., Any]", enrich(**config))
    except ConfigError:
        raise  # somebody's mistake
    except BaseException as error:
        return partial(_refuse, error)
    return partial(enrich, config=config) if "config" in inspect.signature(enrich).parameters else enrich


def _refuse(error: BaseException, **_: Any) -> None:
    raise error


def _open_sinks(settings: Mapping[str, Any], adapter: Any) -> Iterable[tuple[str, Sink]]:
    wanted = settings.get("sinks")
    if adapter is not None:
        yield from adapter.sinks(settings)
    elif wanted is None:
        wanted = settings.get("default_sinks") or [("energy.jsonl", builtin.SINKS["file"], {})]
    for uri, target, config in wanted or ():
        try:
            yield uri, load(target)(uri, **config)
        except Exception as error:
            yield uri, Unopened(uri, error)


class Unopened:
    """
    Stands for a sink that could not be opened: every record goes to the spool with the reason.
    """

    def __init__(self, uri: str, error: Exception) -> None:
        self.uri = uri
        self.error = error

    def emit(self, record: Mapping[str, Any]) -> None:  # noqa: ARG002 - the contract's
        """
        Refuse, with the reason the sink gave.
        """
        raise self.error

    def flush(self) -> None:
        """
        Nothing is held back.
        """

    def close(self) -> None:
        """
        Nothing is open.
        """
