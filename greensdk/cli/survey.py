"""
What can be measured on this machine: the facts that ``greensdk doctor`` prints.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from greensdk import version
from greensdk.cli.extras import EXTRAS, missing
from greensdk.cli.show import count
from greensdk.configure import builtin
from greensdk.configure.config import layers, resolve
from greensdk.configure.plugins import load_plugins, switches
from greensdk.configure.settings import Table, checked_table
from greensdk.configure.targets import ALL, AUTO, is_disabled, load
from greensdk.configure.uris import path_of, scheme_of
from greensdk.deliver import spool
from greensdk.errors import masked
from greensdk.machine import hardware
from greensdk.measure.cputime import find_host_clock

if TYPE_CHECKING:
    from greensdk.configure.plugins import Plugins
    from greensdk.configure.registry import Offer

Tables = Mapping[str, Table]


class Probed(NamedTuple):
    """
    The outcome of probing one monitor.

    Attributes:
        row: Whether it works, the reason if not, and the fix.
        cheap: Whether ``monitors="auto"`` uses it.
        basis: For an estimator: what its numbers are based on, by boundary.
    """

    row: dict[str, Any]
    cheap: bool = False
    basis: Mapping[str, str] = {}


def survey() -> dict[str, Any]:
    """
    Probe everything: ``host``, ``monitors``, ``sinks``, ``adapters``, ``primary``, ``basis``, ``notes``,
    ``calibration`` and ``config``.

    Raises:
        ConfigError: The configuration is invalid.
    """
    resolved = resolve({})  # report an invalid configuration before any hardware is touched
    for _, target, table in resolved["enrichers"]:
        _make(target, table)
    values, tables, where = layers({}, os.environ, ".")
    plugins = load_plugins()
    probed = dict(_probe_all(plugins, tables, values["monitors"]))
    monitors = [{"name": name, **each.row} for name, each in probed.items()]
    return {
        "host": _host(),
        "monitors": [*monitors, *_broken(plugins)],
        "sinks": [*_sinks(values.get("sink"), plugins), *_spooled()],
        "adapters": [_adapter(name, offer, when) for name, (offer, when) in plugins.registry.adapters.items()],
        "primary": _primary(probed, values),
        "basis": {name: dict(each.basis) for name, each in probed.items() if each.basis},
        "notes": _notes(),
        "calibration": _calibration(values.get("calibration")),
        "config": _config(values, tables, where),
    }


def _make(target: str, table: Mapping[str, Any]) -> None:
    """Make an enricher as a runtime would, so that it checks its table."""
    try:
        enrich = load(target)
    except ImportError:
        return  # `greensdk plugins` reports it
    if isinstance(enrich, type):
        enrich(**table)


def _notes() -> list[str]:
    """Return warnings about missing bytecode, and about outdated price and carbon tables."""
    notes = _bytecode()
    for target in builtin.ENRICHERS.values():
        notes += load(f"{target.partition(':')[0]}:notes")()
    return notes


def _bytecode() -> list[str]:
    """
    Return a warning if importing greensdk, which has happened by now, has left no bytecode.
    """
    code = version.__spec__.cached if version.__spec__ else None
    if code is None or os.path.exists(code):
        return []
    folder = os.path.dirname(os.path.dirname(version.__file__))
    return [
        "greensdk has no bytecode here and writes none, so each new process compiles it: run "
        f"`python -m compileall -q {folder}` where it is installed, such as in the image (uv: UV_COMPILE_BYTECODE=1)"
    ]


def _calibration(path: str | None) -> dict[str, Any]:
    """
    Return the idle watts that active_j is computed from, or the reason for none, and the scales by reference meters.
    """
    from greensdk.machine.calibration import load, references
    from greensdk.machine.hardware import calibration_path

    file = path or calibration_path()
    idle_w, reason = load(file, hardware.host_id())
    scales = {name: each.as_dict() for name, each in references(file, hardware.host_id()).items()}
    return {"path": file, "idle_w": idle_w, "reason": reason, "references": scales}


def _row(ok: bool, reason: str = "", fix: str = "") -> dict[str, Any]:
    return {"ok": ok, "reason": reason, "fix": fix}


def _host() -> dict[str, Any]:
    clock, no_clock = find_host_clock()
    if clock:
        clock.close()
    facts = {
        **hardware.describe(),
        "cpu_microarch": hardware.microarch(),
        "host_clock": clock.name if clock else None,
        "host_clock_reason": no_clock,
    }
    try:
        return {**facts, "cpuid": hardware.identify()}
    except Exception as error:  # py-cpuinfo runs a child process, which a sandbox may forbid
        return {**facts, "cpuid": {"reason": f"{type(error).__name__}: {error}"}}


def _probe_all(plugins: Plugins, tables: Tables, wanted: Any) -> Iterator[tuple[str, Probed]]:
    """Yield the outcome for every registered monitor and every configured ``module:attribute``."""
    offers = dict(plugins.registry.monitors)
    named = [] if isinstance(wanted, str) else [name for name in wanted if name not in offers]
    allowed, dropped = switches(os.environ)
    for name, offer in offers.items():
        if name in dropped or (allowed is not None and name not in allowed and offer.plugin not in allowed):
            yield name, Probed(_row(False, "switched off by GREENSDK_DISABLE or GREENSDK_PLUGINS"))
        else:
            yield name, _probe(name, offer.target, offer.config, tables)
    for name in named:
        yield name, _probe(name, name, name, tables)


def _probe(name: str, target: str, config: str, tables: Tables) -> Probed:
    try:
        source = load(target)
    except BaseException as error:  # any failure is this monitor's row and must not end the survey
        return Probed(_row(False, f"can't be imported: {type(error).__name__}: {error}"))
    keywords = checked_table(name, config, tables.get(name, {}))
    try:
        source = source(**keywords)
        ok, reason, fix = source.probe()
        return Probed(_row(bool(ok), reason, fix), bool(source.cheap), _basis(source) if ok else {})
    except BaseException as error:
        return Probed(_row(False, f"probe failed: {type(error).__name__}: {error}"))


def _basis(source: Any) -> Mapping[str, str]:
    """Return what an estimator's numbers rest on, which it knows when it is open; nothing for what has a meter."""
    if not hasattr(source, "basis"):
        return {}
    source.open()
    source.close()
    return dict(source.basis)


def _broken(plugins: Plugins) -> list[dict[str, Any]]:
    fix = "pip install -U {0}, or GREENSDK_DISABLE={0}"
    return [
        {"name": row.name, **_row(False, f"broken plugin of {row.origin}: {row.error}", fix.format(row.name))}
        for row in plugins.loaded
        if row.error
    ]


def _primary(probed: Mapping[str, Probed], values: Mapping[str, Any]) -> str | None:
    """Return the monitor that provides a call's energy: the first in the configured order that works and is used."""
    wanted = values["monitors"]
    runs = {
        name
        for name, each in probed.items()
        if each.row["ok"] and (wanted == ALL or (each.cheap if wanted == AUTO else name in wanted))
    }
    ranked = [*values["order"], *probed]
    return None if is_disabled() else next((name for name in ranked if name in runs), None)


def _sinks(wanted: Any, plugins: Plugins) -> Iterator[dict[str, Any]]:
    uris = ["energy.jsonl"] if wanted is None else [wanted] if isinstance(wanted, str) else wanted
    for uri in uris:
        scheme = scheme_of(uri)
        if scheme == "file":
            path = os.path.abspath(path_of(uri))
            problem = unwritable(path)
            fix = "set sink, or GREENSDK_SINK, to a writable file" if problem else ""
            yield {"uri": uri, "path": path, **_row(not problem, problem, fix)}
        else:
            yield {"uri": masked(uri), "path": None, **_loads(plugins.registry.sinks.get(scheme), f"sink {scheme!r}")}


def unwritable(path: str) -> str:
    """
    Return why `path` can't be appended to; empty if it can. Creates nothing.
    """
    if os.path.isdir(path):
        return "is a folder"
    if os.path.exists(path):
        return "" if os.access(path, os.W_OK) else "is not writable"
    above = os.path.dirname(path)
    while not os.path.exists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        return f"{above} is not a folder"
    return "" if os.access(above, os.W_OK | os.X_OK) else f"{above} is not writable"


def _loads(offer: Offer | None, what: str) -> dict[str, Any]:
    if offer is None:
        return _row(False, f"no plugin offers the {what}", "greensdk plugins")
    try:
        load(offer.target)
    except BaseException as error:
        return _row(False, f"can't be imported: {type(error).__name__}: {error}")
    return _row(True)


def _spooled() -> list[dict[str, Any]]:
    """Return a row for each file of undelivered records."""
    return [
        {
            "uri": uri,
            "path": str(path),
            **_row(False, f"{count(number, 'record')} not delivered to {uri}", _fix_of(uri, path)),
        }
        for path, uri, number in spool.waiting()
    ]


def _fix_of(uri: str, path: object) -> str:
    if uri.startswith("s3:"):
        return f"delivered by the next run that reaches {uri}"
    return f"cat {path} >> FILE && rm {path}"


def _adapter(name: str, offer: Offer, when: str) -> dict[str, Any]:
    fix = missing(name) if name in EXTRAS else ""
    row = _row(False, f"{name} is not installed", fix) if fix else _loads(offer, f"adapter {name!r}")
    return {"name": name, **row, "active": when in os.environ}


def _config(values: Mapping[str, Any], tables: Tables, where: Mapping[str, str]) -> dict[str, Any]:
    """Return each setting with its value and origin; a plugin's as ``plugin.key``."""
    plain = {key: {"value": _shown(value), "from": where[key]} for key, value in values.items()}
    for name, table in tables.items():
        for key, (value, layer) in table.items():
            plain[f"{name}.{key}"] = {"value": _shown(value), "from": layer}
    return plain


def _shown(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    return masked(value) if isinstance(value, str) else value
