"""
Which settings there are, of which kind, and what is said about a wrong one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from greensdk.errors import ConfigError

KEYS: dict[str, tuple[str, str]] = {
    "monitors": ("names", '"auto", "all", or a list of names; [] measures clocks only'),
    "order": ("list", "which monitor's number stands for the call, best first"),
    "sink": ("list or text", "where records go: a path, a URI, or a list of them"),
    "label": ("text", "a name of your own for the calls"),
    "tags": ("table", "further names of your own, key to value"),
    "boundary": ("text", 'only a reading of this boundary may stand for the call, for example "package"'),
    "resources": ("detail", '"light" (2 us), "full" (process tree and host through psutil, a millisecond) or "none"'),
    "strict": ("yes or no", "re-raise a monitor's error after the call"),
}
"""Each key with its kind and its meaning."""

SWITCHES = frozenset({"GREENSDK_PLUGINS", "GREENSDK_DISABLE", "GREENSDK_DISABLED", "GREENSDK_SPEC"})
"""Variables that are no settings."""

_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off", ""})


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


_KINDS = {
    "names": lambda value: value in ("auto", "all") if isinstance(value, str) else _is_list(value),
    "list": _is_list,
    "list or text": lambda value: isinstance(value, str) or _is_list(value),
    "text": lambda value: isinstance(value, str),
    "table": lambda value: isinstance(value, Mapping),
    "detail": lambda value: value in ("none", "light", "full"),
    "yes or no": lambda value: isinstance(value, bool),
}


def check(where: str, key: str, value: Any) -> Any:
    """
    Return `value` if it is of the right kind for `key`.

    Raises:
        ConfigError: It is not.
    """
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
    if kind == "yes or no":
        return _boolean(where, text)
    if kind in {"names", "list", "list or text"}:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return parts[0] if len(parts) == 1 and (kind == "list or text" or parts[0] in {"auto", "all"}) else parts
    if kind == "table":
        pairs = [pair.partition("=") for pair in text.split(",") if pair]
        return {name.strip(): value.strip() for name, _, value in pairs}
    return check("environment", key, text)


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


def checked_table(
    name: str, target: str, table: Mapping[str, tuple[Any, str]], skip: int = 0
) -> dict[str, Any]:
    """
    Return a plugin's table as keyword arguments.

    Args:
        name: The plugin's name, for messages.
        target: ``module:attribute`` of the class whose keyword arguments are the keys.
        table: Key to (value, where it stands).
        skip: How many leading parameters are not the user's (a sink's URI).

    Raises:
        ConfigError: A key is unknown, or its value can't be made into the parameter's type.
    """
    if not table:
        return {}
    parameters = _parameters(target, skip)
    for key, (_, where) in table.items():
        if key not in parameters:
            raise ConfigError(unknown(where.partition(": [")[0], key, parameters, f"key of [{name}]"))
    return {key: _coerce(where, value, parameters[key]) for key, (value, where) in table.items()}


def _parameters(target: str, skip: int) -> dict[str, str]:
    """
    Return the parameters of a class by name, with their annotations as text.
    """
    import inspect

    from greensdk.runtime import load

    found = list(inspect.signature(load(target)).parameters.values())[skip:]
    return {p.name: p.annotation if isinstance(p.annotation, str) else getattr(p.annotation, "__name__", "") for p in found}


def _coerce(where: str, value: Any, annotation: str) -> Any:
    kinds = [part.strip() for part in annotation.split("|")]
    if isinstance(value, bool) and "bool" not in kinds:
        raise ConfigError(f"{where} = {value!r}: expected {annotation}")
    try:
        if "bool" in kinds and isinstance(value, str):
            return _boolean(where, value)
        if "float" in kinds:
            return float(value)
        if "int" in kinds:
            return int(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{where} = {value!r}: expected a number") from None
    return value
