"""
The Kubernetes pod that a call runs in.
"""

from __future__ import annotations

import os

VARIABLES = {
    "node": "GREENSDK_NODE",
    "namespace": "GREENSDK_NAMESPACE",
    "pod": "HOSTNAME",
    "pod_uid": "GREENSDK_POD_UID",
}
"""Key of the record's ``worker`` block to the variable that the pod's manifest fills by the downward API."""


def pod() -> dict[str, str | None]:
    """
    Return what the variables of this pod tell.
    """
    return {key: os.environ.get(variable) for key, variable in VARIABLES.items()}
