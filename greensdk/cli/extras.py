"""
Optional libraries, and what to say when one is missing.
"""

from __future__ import annotations

from importlib.util import find_spec

from greensdk.errors import GreensdkError

EXTRAS = {
    "lithops": "lithops",
    "boto3": "s3",
    "duckdb": "report",
    "matplotlib": "report",
    "prometheus_client": "prometheus",
    "opentelemetry": "otel",
    "msgspec": "report",
    "numpy": "report",
    "scipy": "advisor",
    "kubernetes": "k8s",
    "yaml": "k8s",
    "sklearn": "workloads",
    "lightgbm": "workloads",
    "cv2": "workloads",
    "imageio_ffmpeg": "workloads",
}
"""Library to the extra that brings it."""


def missing(library: str) -> str:
    """
    Return the command that installs `library`; empty when it is here.
    """
    try:
        found = find_spec(library) is not None
    except ImportError:  # an import hook may raise instead of finding nothing
        found = False
    return "" if found else f'pip install "greensdk[{EXTRAS[library]}]"'


def need(library: str, what: str) -> None:
    """
    Insist on a library.

    Raises:
        GreensdkError: `library` is missing, which `what` needs.
    """
    if command := missing(library):
        raise GreensdkError(f"{what} needs {library}, which is not installed: {command}")
