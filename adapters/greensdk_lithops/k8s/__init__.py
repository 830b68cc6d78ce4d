"""
Lithops on Kubernetes: worker pods with identity, energy counters and the rights to read them.

This is the client; the worker's part is in :mod:`greensdk_lithops.pod`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def prepare(executor: Any, energy: MutableMapping[str, Any]) -> None:
    """
    Make an executor equip its worker pods according to the table ``k8s`` of its energy settings.

    Raises:
        ConfigError: A key of the table is unknown or invalid, or this Lithops can't change its pods.
    """
    from greensdk_lithops.k8s.seam import equip_workers
    from greensdk_lithops.k8s.settings import read

    table = energy.pop("k8s", None)
    settings = read(table)
    for name, keys in settings.tables().items():
        energy[name] = {**keys, **energy.get(name, {})}
    equip_workers(executor.compute_handler.backend, settings, asked=table is not None)
