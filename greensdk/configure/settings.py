"""
Which settings there are, of which kind, and what is said about a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from math import inf
from typing import Any

from greensdk.configure.targets import MANY_RUNS, load
from greensdk.errors import ConfigError

KEYS: dict[str, tuple[str, str]] = {
    "monitors": ("names", '"auto", "all", or a list of names; [] measures clocks only'),
    "order": ("list", "which monitor's number stands for the call, best first"),
    "sink": ("list or text", "where records go: a path, a URI, or a list of them"),
    "label": ("text", "a name of your own for the calls"),
    "tags": ("tags", "further names of your own, each to a text, a number or yes/no"),
    "boundary": ("text", 'only a reading of this boundary may stand for the call, for example "package"'),
    "resources": ("detail", '"light" (2 us), "full" (process tree and host through psutil, a millisecond) or "none"'),
    "calibration": ("text", "the file of `greensdk calibrate`, for active_j"),
    "sample_every_s": ("seconds", "power, CPU, memory and I/O once in so many seconds while a call runs, above 0"),
    "checkpoint_s": ("seconds", "an interim record of each call under way once in so many seconds, above 0"),
    "signals": ("yes or no", "leave the records of calls under way when SIGTERM or SIGHUP ends the process"),
    "gpu_sync": ("yes or no", "wait for what torch, cupy and jax have a GPU do, before and at the end of each call"),
    "strict": ("yes or no", "re-raise a monitor's error after the call"),
    "repeat": ("count", "run the function so often in each call, 1 or more"),
    "every_s": ("seconds", "one record for all calls of a thread in so many seconds, above 0"),
}
"""Each key with its kind and its meaning."""

SWITCHES = frozenset(
    f"GREENSDK_{name}"
    for name in ("PLUGINS", "DISABLE", "DISABLED", "SPEC", "PARENT", "NODE", "NAMESPACE", "POD", "POD_UID")
)
"""Variables that are no settings; the last four come from a pod's manifest."""

_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off", ""})


FOR_ONE = "{}: {} is an argument of energy_tracked, for one function, and no setting for all"


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _is_tags(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and (item is None or isinstance(item, str | int | float)) for name, item in value.items()
    )


_KINDS: dict[str, Callable[[Any], bool]] = {
    "names": lambda value: value in ("auto", "all") if isinstance(value, str) else _is_list(value),
    "list": _is_list,
    "list or text": lambda value: isinstance(value, str) or _is_list(value),
    "text": lambda value: isinstance(value, str),
    "tags": _is_tags,
    "detail": lambda value: value in ("none", "light", "full"),
    "count": lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 1,
    "seconds": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < inf,
    "yes or no": lambda value: isinstance(value, bool),
}


def check(where: str, key: str, value: Any) -> Any:
    """
    Return `value` if it is of the right kind for `key`.

    Raises:
        ConfigError: It is not, or there is no such key.
    """
    if key not in KEYS:
        raise ConfigError(unknown(where, key, KEYS))
    kind, meaning = KEYS[key]
    if not _KINDS[kind](value):
        raise ConfigError(f"{where}: {key} = {value!r}: expected {meaning}")
    return list(value) if isinstance(value, tuple) else value


def from_text(where: str, key: str, text: str) -> Any:
    """
    Return the value that an environment variable's text means for `key`.

    Raises:
        ConfigError: It means none.
    """
    kind = KEYS[key][0]
    if key in MANY_RUNS:
        raise ConfigError(FOR_ONE.format(where, key))
    if kind == "yes or no":
        return _boolean(where, text)
    if kind == "seconds":
        with suppress(ValueError):
            return check(where, key, float(text))
    if kind in {"names", "list", "list or text"}:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return parts[0] if len(parts) == 1 and (kind == "list or text" or parts[0] in {"auto", "all"}) else parts
    if kind == "tags":
        pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
        if not all(equals for _, equals, _ in pairs):
            raise ConfigError(f"{where} = {text!r}: expected name=value, name=value")
        return {name.strip(): value.strip() for name, _, value in pairs}
    return check(where, key, text)


def _boolean(where: str, text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ConfigError(f"{where} = {text!r}: expected yes or no")


def unknown(where: str, name: str, known: Iterable[str], kind: str = "key") -> str:
    """
    Return one line about a name that means nothing, with the nearest one that does.
    """
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
    return f"{where}: unknown {kind} {name!r}; {hint}"


Table = Mapping[str, tuple[Any, str]]
"""A plugin's table: key to (value, where it stands)."""


def plain(table: Table) -> dict[str, Any]:
    """
    Return a table without where its values stand.
    """
    return {key: value for key, (value, _) in table.items()}


def checked_table(name: str, target: str, table: Table, skip: int = 0) -> dict[str, Any]:
    """
    Return a plugin's table as keyword arguments.

    Args:
        name: The plugin's name, for messages.
        target: ``module:attribute`` of the class whose keyword arguments are the keys.
        table: Its table.
        skip: How many leading parameters are not the user's (a sink's URI).

    Raises:
        ConfigError: A key is unknown, or its value can't be made into the parameter's type.
    """
    if not table:
        return {}
    try:
        parameters = _parameters(target, skip)
    except BaseException:  # whoever opens it meets the same error, and has a record to put it in
        return plain(table)
    for key, (_, where) in table.items():
        if key not in parameters:
            raise ConfigError(unknown(where, key, parameters, f"key of [{name}]"))
    return {
        key: _coerce(f"{where}: [{name}] {key} = {value!r}", value, parameters[key])
        for key, (value, where) in table.items()
    }


def _parameters(target: str, skip: int) -> dict[str, str]:
    """Return the parameters of a class by name, with their annotations as text."""
    import inspect

    found = list(inspect.signature(load(target)).parameters.values())[skip:]
    named = [p for p in found if p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]
    return {p.name: inspect.formatannotation(p.annotation).strip("'\"") for p in named}


_LISTS = frozenset({"list", "tuple", "Sequence", "Iterable", "Collection", "set", "frozenset"})
_FITS = (
    (bool, frozenset({"bool"})),
    (int, frozenset({"int", "float"})),
    (float, frozenset({"float"})),
    (str, frozenset({"str", "Path"})),
    ((list, tuple), _LISTS),
    (Mapping, frozenset({"dict", "Mapping"})),
)
_KNOWN: frozenset[str] = frozenset({name for _, names in _FITS for name in names})


def _coerce(what: str, value: Any, annotation: str) -> Any:
    """Return `value` as the type in `annotation`; one that names no type known here takes anything."""
    import re

    outer = re.sub(r"\b(?!Optional|Union)(\w+)\[.*?\]", r"\1", annotation)  # of list[str], list
    kinds = _KNOWN.intersection(re.findall(r"\w+", outer))
    if not kinds or value is None:
        return value
    if isinstance(value, str):
        return _read(what, value, kinds, annotation)
    fits: frozenset[str] = next((names for kind, names in _FITS if isinstance(value, kind)), _KNOWN)
    if not kinds & fits:
        raise ConfigError(f"{what}: expected {annotation}")
    return float(value) if isinstance(value, int) and "float" in kinds and "int" not in kinds else value


def _read(what: str, text: str, kinds: frozenset[str], annotation: str) -> Any:
    """Return what a text means, which is all that an environment variable can hold."""
    if kinds & _LISTS:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kinds & {"str", "Path"}:
        return text
    if "bool" in kinds and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    for kind in (int, float):
        if kind.__name__ in kinds:
            with suppress(ValueError):
                return kind(text)
    raise ConfigError(f"{what}: expected {annotation}")
