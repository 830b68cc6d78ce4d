"""
What a worker pod gets.
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
Where a pod sees the energy counters of its node. Not at their usual place: container runtimes put an empty directory
over ``/sys/devices/virtual/powercap`` (https://github.com/moby/moby/security/advisories/GHSA-jq35-85cj-fj4p), and they
do so after they have mounted the pod's volumes.
"""


@attrs.frozen
class PodSettings:
    """
    The keys of the table ``k8s``.

    Attributes:
        variant: ``plain``: the pod learns its names, nothing else is changed. ``restricted``: besides, user 1000
            without a capability, who sees the node's energy counters. ``privileged``: root with four capabilities.
        sysfs: Where the nodes have their sysfs.
        agent: The nodes run greensdk's agent; the pod joins its group and sees its directory.
        agent_root: The agent's directory on the nodes.
        group: The agent's group, a number.
        coarsen_ms: The agent was started with ``--coarsen``; the pod reads the copies instead of the counters.
        all_privileges: With `variant` ``privileged``: every capability and device instead of four capabilities.
        node_selector: Labels that a node must have for the pod to run there.
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
        Return where the pod finds energy counters; None where it sees none.
        """
        if self.agent and self.coarsen_ms:
            return f"{self.agent_root}/powercap"
        return None if self.variant == PLAIN else f"{HOST_SYSFS}/class/powercap"

    def tables(self) -> dict[str, dict[str, Any]]:
        """
        Return what the monitors have to be told, one table for each.
        """
        found: dict[str, dict[str, Any]] = {}
        if self.powercap:
            found["rapl"] = {"root": self.powercap}
            if self.coarsen_ms:
                found["rapl"]["update_interval_s"] = self.coarsen_ms / 1e3
        if self.agent and self.agent_root != PodSettings().agent_root:
            found["ebpf"] = {"root": self.agent_root}
        return found


def read(table: Mapping[str, Any] | None, where: str = "energy") -> PodSettings:
    """
    Return a table's settings.

    Raises:
        ConfigError: A key is unknown, or a value wrong.
    """
    rows = {key: (value, where) for key, value in (table or {}).items()}
    settings = PodSettings(**checked_table("k8s", f"{__name__}:PodSettings", rows))
    if settings.variant not in VARIANTS:
        raise ConfigError(f"{where}: [k8s] variant = {settings.variant!r}: expected one of {', '.join(VARIANTS)}")
    if settings.all_privileges and settings.variant != PRIVILEGED:
        raise ConfigError(f"{where}: [k8s] all_privileges goes with variant = 'privileged', not {settings.variant!r}")
    if settings.coarsen_ms is not None and not (settings.agent and settings.coarsen_ms >= 1):
        raise ConfigError(f"{where}: [k8s] coarsen_ms goes with agent = true, and is 1 or more")
    for key in ("sysfs", "agent_root"):
        if not getattr(settings, key).startswith("/"):
            raise ConfigError(f"{where}: [k8s] {key} = {getattr(settings, key)!r}: expected an absolute path")
    return settings
