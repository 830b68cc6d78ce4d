"""
What one process tells another to import: targets, as ``module:attribute``, and whole specifications of them.

A resolved specification has everything decided, as plain JSON data that another process can build its runtime from.

A client sends it to its workers, and either may be of a neighbouring version. So its lists stay positional, as the
first release wrote them, and whatever is added goes to their ends or under a key of its own; :class:`Part` gives their
items names, here and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypedDict

    class Resolved(TypedDict, total=False):
        """
        The keys of a resolved specification; the plain ones mean what they mean in the configuration.

        Keys:
            sources: Name, target, keyword arguments and `NAMED`, `AUTO` or `ALL`, of each monitor to try.
            sinks: URI, target and keyword arguments; None for what is usual where the function runs.
            default_sinks: The same, where nothing else is usual.
            adapters: Target, and the environment variable that says whether it applies.
            enrichers: Name, target and the plugin's table.
            missing: Name to reason of each monitor that was asked for and is switched off.
            versions: Name to version of third parties' plugins.
            config_digest: See :func:`greensdk.configure.config.digest`.
            by_name: In ``GREENSDK_SPEC`` only: pairs of a decoration's arguments and what they were resolved to.
        """

        sources: list[Sequence[Any]]
        sinks: list[Sequence[Any]] | None
        default_sinks: list[Sequence[Any]]
        adapters: list[Sequence[str]]
        enrichers: list[Sequence[Any]]
        missing: dict[str, str]
        versions: dict[str, str]
        config_digest: str
        by_name: list[Sequence[dict[str, Any]]]
        order: list[str]
        label: str | None
        tags: dict[str, Any]
        boundary: str | None
        resources: str
        calibration: str
        gpu_sync: bool
        strict: bool
        sample_every_s: float | None
        checkpoint_s: float | None
        signals: bool
        repeat: int
        every_s: float


NAMED, AUTO, ALL = "named", "auto", "all"
"""Why a monitor is in the list: asked for by name, because it works and is cheap, or because it works."""

SPEC_VARIABLE = "GREENSDK_SPEC"
"""
Where an adapter leaves the client's resolved specification for its workers, as JSON. ``by_name`` in it holds
pairs of a decoration's own arguments and what they came to, for functions that travel as their name.
"""

PLAIN = frozenset(
    "order label tags boundary resources calibration gpu_sync strict sample_every_s checkpoint_s signals".split()  # noqa: SIM905
)
"""The keys that are the same before and after resolving."""

MANY_RUNS = frozenset({"repeat", "every_s"})
"""
Arguments that put more than one run of a function into a record. No file or variable may set them for all functions.
"""

DISABLED = "GREENSDK_DISABLED"


def is_disabled() -> bool:
    """
    Say whether the environment switches measuring off.
    """
    return os.environ.get(DISABLED, "").lower() not in {"", "0", "false", "no", "off"}


class Part:
    """
    One plugin in a resolved specification.

    Attributes:
        name: The monitor's or enricher's name, or the sink's URI.
        target: ``module:attribute`` of its class or function.
        config: Keyword arguments for it.
        why: Of a monitor: `NAMED`, `AUTO` or `ALL`.
    """

    __slots__ = ("config", "name", "target", "why")

    def __init__(self, name: str, target: str, config: dict[str, Any], why: str = NAMED, *_later: Any) -> None:
        self.name = name
        self.target = target
        self.config = config
        self.why = why


def parts(rows: Iterable[Sequence[Any]] | None) -> list[Part]:
    """
    Return the items of one of the lists.
    """
    return [Part(*row) for row in rows or ()]


def load(target: str) -> Any:
    """
    Import ``module:attribute``.

    Raises:
        ImportError: There is no such module, or it has no such attribute.
    """
    module, _, attribute = target.partition(":")
    try:
        return getattr(__import__(module, fromlist=[attribute]), attribute)
    except AttributeError as error:
        raise ImportError(f"{module} has no {attribute!r}") from error
