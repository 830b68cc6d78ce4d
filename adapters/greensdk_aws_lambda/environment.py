"""
What a Lambda tells a function of itself: its environment, and the runtime client that called the handler.
"""

from __future__ import annotations

import os
import sys


def function() -> dict[str, str | None]:
    """
    Return the function's name and version; None stands for what Lambda does not tell.
    """
    return {
        "function_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
        "function_version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION"),
    }


def request_id() -> str | None:
    """
    Return the id of this invocation, which the log's START, END and REPORT lines carry; None if unknown.

    AWS' runtime client keeps it for its own log lines, in a global of this name since it has been published.
    """
    client = sys.modules.get("awslambdaric.bootstrap")
    found = getattr(client, "_GLOBAL_AWS_REQUEST_ID", None)
    return found if isinstance(found, str) else None


def trace_root(header: str | None = None) -> str | None:
    """
    Return the ``Root`` of X-Ray's tracing header, by default this invocation's; None where there is none.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader

    Example:
        >>> trace_root("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
        '1-5759e988-bd862e3fe1be46a994272793'
    """
    text = os.environ.get("_X_AMZN_TRACE_ID", "") if header is None else header
    fields = (part.strip().partition("=") for part in text.split(";"))
    return next((value for key, _, value in fields if key == "Root" and value), None)
