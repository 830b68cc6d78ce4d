"""
Settings of worker pods.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from greensdk.configure.settings import checked_table
from greensdk.errors import ConfigError

PLAIN, RESTRICTED, PRIVILEGED = "plain", "restricted", "privileged"
VARIANTS = (PLAIN, RESTRICTED, PRIVILEGED)

HOST_SYSFS = "/host/sys"
"""
Mount point of the node's sysfs in a pod. Not ``/sys``: there, container runtimes hide the counters behind
an empty directory (https://github.com/moby/moby/security/advisories/GHSA-jq35-85cj-fj4p), after mounting the volumes.
"""


@attrs.frozen
class PodSettings:
    """
    The keys of the table ``k8s``.

    Attributes:
        variant: ``plain``: adds only variables with the pod's identity. ``restricted``: also user 1000 without
            capabilities, and the node's energy counters. ``privileged``: root with four capabilities.
        sysfs: Mount point of sysfs on the nodes.
        agent: Whether the nodes run greensdk's agent; the pod joins its group and mounts its directory.
        agent_root: The agent's directory on the nodes.
        group: The agent's group id.
        coarsen_ms: The agent's ``--coarsen``; the pod reads the copies instead of the counters.
        all_privileges: With `variant` ``privileged``: every capability and device instead of four capabilities.
        node_selector: Labels that a node must have.
    """

    variant: str = PLAIN
    sysfs: str = "/sys"
    agent: bool = False
    agent_root: str = "/run/greensdk"
    group: int = 4242
    coarsen_ms: float | None = None
    all_privileges: bool = False
    node_selector: Mapping[str, str] = {}

    @property
    def powercap(self) -> str | None:
        """
        Return the directory of the energy counters in the pod; None if it has none.
        """
        if self.agent and self.coarsen_ms:
            return f"{self.agent_root}/powercap"
        return None if self.variant == PLAIN else f"{HOST_SYSFS}/class/powercap"

    def tables(self) -> dict[str, dict[str, Any]]:
        """
        Return the settings of monitors, one table for each.
        """
        tables: dict[str, dict[str, Any]] = {}
        if self.powercap:
            tables["rapl"] = {"root": self.powercap}
            if self.coarsen_ms:
                tables["rapl"]["update_interval_s"] = self.coarsen_ms / 1e3
        if self.agent and self.agent_root != PodSettings().agent_root:
            tables["ebpf"] = {"root": self.agent_root}
        return tables


def read(table: Mapping[str, Any] | None, where: str = "energy") -> PodSettings:
    """
    Return a table's settings.

    Raises:
        ConfigError: A key is unknown, or a value is invalid.
    """
    rows = {key: (value, where) for key, value in (table or {}).items()}
    settings = PodSettings(**checked_table("k8s", f"{__name__}:PodSettings", rows))
    if settings.variant not in VARIANTS:
        raise ConfigError(f"{where}: [k8s] variant = {settings.variant!r}: expected one of {', '.join(VARIANTS)}")
    if settings.all_privileges and settings.variant != PRIVILEGED:
        raise ConfigError(f"{where}: [k8s] all_privileges needs variant = 'privileged', not {settings.variant!r}")
    if settings.coarsen_ms is not None and not (settings.agent and settings.coarsen_ms >= 1):
        raise ConfigError(f"{where}: [k8s] coarsen_ms needs agent = true, and must be 1 or more")
    for key in ("sysfs", "agent_root"):
        if not getattr(settings, key).startswith("/"):
            raise ConfigError(f"{where}: [k8s] {key} = {getattr(settings, key)!r}: expected an absolute path")
    return settings
