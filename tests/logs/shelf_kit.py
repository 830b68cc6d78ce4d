"""
A sink from which records can be read back, without a server.
"""

from __future__ import annotations

import io

SHELF: dict[str, bytes] = {}


class ShelfSink:
    """
    Gives out what lies on the shelf.
    """

    def __init__(self, uri):
        self.uri = uri

    @classmethod
    def stored(cls, uri):
        """
        Yield name and stream of everything there.
        """
        for name, body in sorted(SHELF.items()):
            yield f"shelf://{name}", io.BytesIO(body)
