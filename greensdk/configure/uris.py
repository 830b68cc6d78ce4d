"""
The URIs that name sinks: which part is the scheme, which the path of a file.
"""

from __future__ import annotations


def scheme_of(uri: str) -> str:
    """
    Return the scheme of a sink's URI; ``file`` for a bare path (also ``C:\\x``, whose scheme would be one letter).

    Example:
        >>> scheme_of("s3://bucket/x"), scheme_of("runs/energy.jsonl"), scheme_of("stdout:")
        ('s3', 'file', 'stdout')
    """
    head, colon, _ = uri.partition(":")
    return head if colon and len(head) > 1 and "/" not in head else "file"


def path_of(uri: str) -> str:
    """
    Return the path in a ``file:`` URI or bare path.

    Example:
        >>> path_of("file:///tmp/a.jsonl"), path_of("file:a.jsonl"), path_of("a.jsonl")
        ('/tmp/a.jsonl', 'a.jsonl', 'a.jsonl')
    """
    path = uri.removeprefix("file:") if scheme_of(uri) == "file" else uri
    return path.removeprefix("//") if path.startswith("///") else path
