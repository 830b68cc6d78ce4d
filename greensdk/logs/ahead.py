"""
Objects in storage are small and far away: the next ones are fetched while one is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

READERS = 32
"""Requests that are on their way at once. More help little: what is left is the client's own CPU time."""

Item = TypeVar("Item")
Found = TypeVar("Found")


def fetched(fetch: Callable[[Item], Found], items: Iterable[Item], readers: int = READERS) -> Iterator[Found]:
    """
    Yield what is fetched for each item, in their order. No more than `readers` wait to be taken.

    Args:
        fetch: Gets one; called in several threads at once.
        items: For example keys; taken in the caller's thread.
        readers: How many threads.

    Raises:
        Exception: What `fetch` raises, at the item's turn.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[Future[Found]] = deque()
    pool = ThreadPoolExecutor(readers, "greensdk-read")
    try:
        for item in items:
            waiting.append(pool.submit(fetch, item))
            if len(waiting) == readers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
