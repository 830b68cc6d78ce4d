"""
The public names as a type checker sees them in a user's code. Checked by mypy and pyright, never run.

An expected error is ignored by its name; the checkers complain when it does not occur.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, assert_type, overload

from greensdk import Record, capture, energy_tracked, track


@energy_tracked
def add(x: int, *, y: int = 2) -> int:
    return x + y


@energy_tracked(monitors=["rapl"], label="fetch", sink="memory:", tags={"a": 1}, strict=True)
async def fetch(url: str) -> bytes:
    return url.encode()


@energy_tracked
def count(n: int) -> Iterator[int]:
    yield from range(n)


@energy_tracked(resources="full")
async def count_later(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i


@overload
def either(x: int) -> int: ...
@overload
def either(x: str) -> str: ...
@energy_tracked
def either(x: int | str) -> int | str:
    return x


class Shop:
    @energy_tracked
    def price(self, n: int) -> float:
        return n * 1.5

    @staticmethod
    @energy_tracked
    def unit(n: int) -> str:
        return str(n)

    @classmethod
    @energy_tracked
    def make(cls, name: str) -> Shop:
        return cls()

    @energy_tracked
    @staticmethod
    def other_unit(n: int) -> str:
        return str(n)


async def use() -> None:
    assert_type(add(1, y=3), int)
    add("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    add(1, 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert_type(await fetch("x"), bytes)
    fetched: Callable[[str], Coroutine[Any, Any, bytes]] = fetch
    assert_type(await fetched("x"), bytes)
    assert_type(list(count(3)), list[int])
    assert_type([i async for i in count_later(3)], list[int])
    assert_type(either(1), int)
    assert_type(either("1"), str)
    assert_type(Shop().price(2), float)
    assert_type(Shop.unit(1), str)
    assert_type(Shop.make("a"), Shop)
    assert_type(Shop.other_unit(1), str)
    energy_tracked(label=5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


def blocks() -> None:
    with track("load", sink="memory:") as call:
        pass
    assert_type(call.record, Record)
    assert_type(call.record["energy_j"], float | None)
    assert_type(call.energy_j, float | None)
    call.record["enrgy_j"]  # type: ignore[typeddict-item]  # pyright: ignore[reportGeneralTypeIssues]
    with capture() as records:
        add(1)
    assert_type(records, list[Record])
    assert_type(records[0]["readings"][0]["call_j"], float | None)
