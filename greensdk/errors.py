"""
The exceptions that greensdk raises where a person can act on them, and its warnings where it raises none.

.. code-block:: text

    GreensdkError
    ├── ConfigError          a setting is wrong: which one, where it stands, what would be right
    ├── PluginError          a plugin could not be loaded; ``plugin`` names the culprit
    ├── MonitorUnavailable   a monitor can't measure here; ``reason`` and ``fix`` say why and what helps
    ├── SinkError            a record could not be handed over
    ├── RecordError          a line is not a record
    ├── Abandoned            a block was never ended; in records only, as ``error_type``
    └── Terminated           a signal ended the call; in records only, as ``error_type``

None of them ever leaves a measured call: there they become texts in ``record["errors"]``.
"""

from __future__ import annotations

import os
from _thread import RLock
from _warnings import warn_explicit  # of which `warnings` is made, and which needs no import when nothing can be opened

SECRETS = ("auth", "cred", "key", "pass", "pwd", "secret", "sig", "token")
"""What the name of a query's parameter has in it, whose value is masked."""


def masked(text: str) -> str:
    """
    Return a text with ``***`` in place of the user names, passwords and tokens in its URIs.

    Example:
        >>> masked("can't reach https://me:hunter2@host/x?token=abc&n=1: refused")
        "can't reach https://***@host/x?token=***&n=1: refused"
    """
    if ":" not in text or not ("@" in text or "=" in text):
        return text
    return " ".join(_masked(word) if ":" in word else word for word in text.split(" "))


def _masked(word: str) -> str:
    scheme, _, rest = word.partition(":")
    rest, question, query = rest.partition("?") if "@" not in word.partition("?")[2] else (rest, "", "")
    user, at, host = rest.rpartition("@")
    slashes = "//" if rest.startswith("//") else ""
    # An "@" behind a slash is part of a path, unless a password has a slash in it.
    if at and (":" in user or "/" not in user.removeprefix("//")):
        rest = f"{slashes}***@{host}"
    pairs = (pair.partition("=") for pair in query.split("&"))
    hidden = (name + is_ + ("***" if is_ and _is_secret(name) else value) for name, is_, value in pairs)
    return f"{scheme}:{rest}{question}{'&'.join(hidden)}"


def _is_secret(name: str) -> bool:
    return any(part in name.lower() for part in SECRETS)


class GreensdkError(Exception):
    """
    Base of every exception that greensdk raises on purpose. Its text shows no password of a URI.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*(masked(each) if isinstance(each, str) else each for each in args))


class ConfigError(GreensdkError):
    """
    A setting is unknown or has a value of the wrong kind.
    """


class PluginError(GreensdkError):
    """
    A plugin could not be imported, or does not keep to its hooks.

    Attributes:
        plugin: The name under which the plugin was to be registered.
    """

    def __init__(self, plugin: str, message: str) -> None:
        super().__init__(f"{plugin}: {message}")
        self.plugin = plugin


class MonitorUnavailable(GreensdkError):
    """
    A monitor can't measure on this machine.

    Attributes:
        reason: What is missing.
        fix: A command or a setting that a person can apply; may be empty.
    """

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(f"{reason}; {fix}" if fix else reason)
        self.reason = reason
        self.fix = fix


class SinkError(GreensdkError):
    """
    A sink can't take records: it can't be opened, or a write failed.
    """


class RecordError(GreensdkError):
    """
    A line does not hold a greensdk record.
    """


class Abandoned(GreensdkError):
    """
    Nobody ended a block. It is never raised: it is the record's ``error_type``, beside the status ``lost``.
    """


class Terminated(GreensdkError):
    """
    A signal (SIGTERM, SIGHUP, a typed interrupt) ended the call. It is never raised: it is the record's ``error_type``.
    """


TEXT_LIMIT = 1000
"""Characters of an exception's text that are kept."""

warned: set[str] = set()
"""What this process has been warned of already."""

_writing = RLock()


def keep_threads_silent() -> None:
    """
    Wait for the warning that another thread is writing, and let none write another one: the process ends.

    The interpreter aborts if it ends while a thread holds standard error (``_enter_buffered_busy`` in CPython's
    Modules/_io/bufferedio.c).
    """
    _writing.acquire()


def _after_fork() -> None:
    global _writing
    _writing = RLock()  # a thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def warn_once(text: str, about: str = "") -> None:
    """
    Warn of one thing once per process, in one line; where warnings are errors, stay silent rather than raise.

    Args:
        text: The line; passwords in it are masked.
        about: What it is about, so that another text about it is no second warning; empty for the text itself.
    """
    with _writing:
        if (about or text) in warned:
            return
        warned.add(about or text)
        try:
            # No line of ours is to blame, and which of the user's calls came first says nothing.
            warn_explicit(masked(text), RuntimeWarning, "<greensdk>", 1)
        except RuntimeWarning:
            return


def describe(error: BaseException) -> str:
    """
    Return class and text of an exception in one short text, also where its own ``str()`` fails.
    """
    text = str(error) if has_text(error) else "(its text can't be read)"
    return f"{type(error).__name__}: {text}"[:TEXT_LIMIT]


def has_text(error: BaseException) -> bool:
    """
    Say whether ``str()`` of an exception works.
    """
    try:
        str(error)
    except Exception:
        return False
    return True
