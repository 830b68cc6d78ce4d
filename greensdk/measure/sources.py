"""
The monitors, estimators and CPU clocks of this process: one instance for each class and configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from greensdk.configure.targets import load
from greensdk.errors import ConfigError
from greensdk.measure.faults import describe, is_from_signal

NOT_CHEAP = "not cheap, and not asked for by name"


class Sources:
    """
    Makes, opens and keeps them.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[Any, str]] = {}

    def get(self, target: str, config: Mapping[str, Any], cheap_only: bool = False) -> tuple[Any, str]:
        """
        Return the one instance, opened, and why it can't work ("" if it can).

        Args:
            target: ``module:attribute`` of its class.
            config: Keyword arguments for it.
            cheap_only: Don't open what does not call itself cheap.

        Raises:
            ConfigError: A keyword argument is wrong.
        """
        key = f"{target} {sorted(config.items())!r}"
        made = self._made.get(key)
        if made is None:
            made = _open(target, config, cheap_only)
            if made[1] != NOT_CHEAP:  # another runtime may yet ask for it
                self._made[key] = made
        return made

    def close(self) -> None:
        """
        Close and forget all.
        """
        made, self._made = self._made, {}
        for source, problem in made.values():
            if source is not None and not problem:
                with suppress(Exception):  # it is being thrown away
                    source.close()


def _open(target: str, config: Mapping[str, Any], cheap_only: bool) -> tuple[Any, str]:
    source = None
    try:
        source = load(target)(**config)
        if cheap_only and not source.cheap:
            return source, NOT_CHEAP
        availability = source.probe()
        if not availability.ok:
            return source, "; ".join(filter(None, (availability.reason, availability.fix))) or "can't measure here"
        source.open()
    except ConfigError:
        raise  # the user's mistake, not the machine's lack
    except BaseException as error:
        if is_from_signal(error):
            with suppress(Exception):
                source.close()  # type: ignore[union-attr]
            raise
        return source, describe(error)
    return source, ""
