"""
Lithops on Kubernetes: pods that know where they are and may read what they measure.

The client's side only; what a pod says of itself is in :mod:`greensdk_lithops.pod`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def prepare(executor: Any, energy: MutableMapping[str, Any]) -> None:
    """
    Have the worker pods of an executor equipped as the table ``k8s`` of its energy settings says.

    Args:
        executor: A ``FunctionExecutor`` whose backend is Kubernetes.
        energy: Its settings; the table is taken out, and what follows from it for the monitors is put in.

    Raises:
        ConfigError: A key of the table is unknown or wrong, or this Lithops does not let its pods be changed.
    """
    from greensdk_lithops.k8s.seam import equip_workers
    from greensdk_lithops.k8s.settings import read

    table = energy.pop("k8s", None)
    settings = read(table)
    for name, keys in settings.tables().items():
        energy[name] = {**keys, **energy.get(name, {})}
    equip_workers(executor.compute_handler.backend, settings, asked=table is not None)
