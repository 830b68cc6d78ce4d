"""
What an adapter is.

An adapter knows a system that runs functions elsewhere: in its workers it says which worker this is and where
the records go. One is made when a runtime is built in a process where the environment variable is set under which
the adapter was registered (:meth:`greensdk.hookspecs.Registry.adapter`), with the resolved specification as its only
argument. What it raises is noted, and the function runs unmeasured.

Two more members may be there::

    sample_every_s: float | None
    def call(self) -> Mapping[str, Any]: ...

``sample_every_s`` is the sampling period where the user has given none. ``call()`` is asked at the end of every call
for the keys of the record's ``worker`` that differ from one call to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from greensdk.deliver.sinks import Sink


class Adapter(Protocol):
    """
    One place where functions run.
    """

    @property
    def resources(self) -> str:
        """
        How much to record of CPU, memory and I/O there unless the user has said it: ``full``, ``light`` or ``none``.
        """
        ...

    def worker(self) -> Any:
        """
        Return the record's ``worker``: see docs/record.md for its keys; None stands for what is unknown.
        """
        ...

    def sinks(self, settings: Mapping[str, Any]) -> Iterable[tuple[str, Sink]]:
        """
        Return URI and open sink of each place to which records go from here, beside those that the user has named.

        Args:
            settings: The resolved specification; its ``sinks`` are the user's, None where there are none.
        """
        ...
