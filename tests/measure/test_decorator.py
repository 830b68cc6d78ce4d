"""
A decorated function is still the function it was: kind, signature, name, result, exception, pickle.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import pickle

import cloudpickle
import pytest

from greensdk import ConfigError, capture, energy_tracked, track

tracked = energy_tracked(sink="memory:")


@tracked
def add(x: int, y: int = 2) -> int:
    """Add two numbers."""
    return x + y


@tracked
def fail(error: BaseException) -> None:
    """Raise `error`."""
    raise error


@tracked
async def add_later(x: int, y: int = 2) -> int:
    """
    Add after a turn of the loop.
    """
    await asyncio.sleep(0)
    return x + y


@tracked
def count_up(n: int):
    """
    Count, and return what was sent in between.
    """
    got = []
    for i in range(n):
        sent = yield i
        got.append(sent)
    return got


@tracked
async def count_later(n: int):
    """
    Count, with a turn of the loop before each number.
    """
    for i in range(n):
        await asyncio.sleep(0)
        yield i


class Shop:
    """
    Methods of every kind.
    """

    @tracked
    def price(self, n: int) -> int:
        """
        A method.
        """
        return n * self.unit()

    @staticmethod
    @tracked
    def unit() -> int:
        """
        Tracked inside staticmethod.
        """
        return 3

    @tracked
    @staticmethod
    def twice(n: int) -> int:
        """
        Tracked outside staticmethod.
        """
        return 2 * n

    @classmethod
    @tracked
    def name(cls) -> str:
        """
        Tracked inside classmethod.
        """
        return cls.__name__

    @tracked
    @classmethod
    def also_name(cls) -> str:
        """
        Tracked outside classmethod.
        """
        return cls.__name__

    def __call__(self, n: int) -> int:
        """
        An object that can be called.
        """
        return n + 100


class AsyncShop:
    """
    Called, it gives a coroutine.
    """

    async def __call__(self, n: int) -> int:
        """
        An object whose call is a coroutine.
        """
        return n + 200


def functions(records) -> list[str]:
    """
    The last part of each record's function.
    """
    return [record["function"].rpartition(".")[2] for record in records]


def test_a_function_returns_what_it_did():
    """
    Positional, keyword and default arguments arrive; the result is the function's own.
    """
    assert 3 == add(1)
    assert 9 == add(4, y=5)


def test_bare_and_called_decorator_do_the_same():
    """
    ``@energy_tracked`` and ``@energy_tracked(...)`` both give a measured function.
    """
    with capture() as records:
        assert 6 == energy_tracked(sum)([1, 2, 3])
        assert 5 == tracked(lambda: 5)()

    assert ["<lambda>"] == functions(records)


@pytest.mark.parametrize(
    ("function", "question"),
    [
        (add, inspect.isfunction),
        (add_later, inspect.iscoroutinefunction),
        (count_up, inspect.isgeneratorfunction),
        (count_later, inspect.isasyncgenfunction),
    ],
)
def test_kind_stays_true(function, question):
    """
    inspect gives the same answer for the wrapper as for the function in it.
    """
    assert question(function)
    assert question(function.__wrapped__)


def test_looks_stay_true():
    """
    Name, docstring, module and signature are the function's.
    """
    assert "add" == add.__name__
    assert "Add two numbers." == add.__doc__
    assert __name__ == add.__module__
    assert inspect.signature(add.__wrapped__) == inspect.signature(add)


def test_coroutine_gives_its_result():
    """
    Awaiting the tracked coroutine function gives what the function returns.
    """
    with capture() as records:
        assert 7 == asyncio.run(add_later(3, y=4))

    assert [("add_later", "ok", "steps")] == [
        (name, record["status"], record["cpu_source"]) for name, record in zip(functions(records), records, strict=True)
    ]


def test_generator_is_driven_through():
    """
    Values sent into a tracked generator arrive, and its return value comes out.
    """

    @tracked
    def outer():
        return (yield from count_up(2))

    it = outer()
    assert 0 == next(it)
    assert 1 == it.send("a")
    with pytest.raises(StopIteration) as end:
        it.send("b")
    assert ["a", "b"] == end.value.value


def test_generator_accepts_throw():
    """
    An exception thrown into a tracked generator reaches its body, which may go on.
    """

    @tracked
    def patient():
        try:
            yield 1
        except KeyError:
            yield 2

    it = patient()
    assert 1 == next(it)
    assert 2 == it.throw(KeyError("x"))
    with capture() as records:
        assert [] == list(it)
    assert ["ok"] == [record["status"] for record in records]


def test_closing_a_generator_is_recorded_as_cancelled():
    """
    A generator closed half way leaves one record, cancelled by GeneratorExit.
    """
    it = count_up(5)
    next(it)
    with capture() as records:
        it.close()

    assert [("cancelled", "GeneratorExit")] == [(r["status"], r["error_type"]) for r in records]


def test_async_generator_is_driven_through():
    """
    An async generator yields everything, takes sends and throws, and can be closed early.
    """

    @tracked
    async def echo():
        got = yield "first"
        try:
            yield got
        except KeyError:
            yield "caught"

    async def drive():
        every = [i async for i in count_later(3)]
        it = echo()
        talk = [await anext(it), await it.asend("hello"), await it.athrow(KeyError())]
        await it.aclose()
        return every, talk

    with capture() as records:
        assert ([0, 1, 2], ["first", "hello", "caught"]) == asyncio.run(drive())

    assert [("ok", None), ("cancelled", "GeneratorExit")] == [(r["status"], r["error_type"]) for r in records]


def test_cancelling_a_task_is_recorded_as_cancelled():
    """
    CancelledError passes through a tracked coroutine untouched and is what the record says.
    """

    @tracked
    async def forever():
        await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(forever())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with capture() as records:
        asyncio.run(main())

    assert [("cancelled", "CancelledError")] == [(r["status"], r["error_type"]) for r in records]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_exceptions_are_recorded_and_reraised_untouched(error):
    """
    The very exception object comes out, and the record names its class.
    """
    with capture() as records, pytest.raises(type(error)) as raised:
        fail(error)

    assert error is raised.value
    assert [type(error).__name__] == [record["error_type"] for record in records]
    assert records[0]["status"] in {"error", "cancelled"}


def test_traceback_ends_in_the_function():
    """
    The innermost frame of the traceback is the user's, so that a debugger opens where it went wrong.
    """
    with pytest.raises(ValueError, match="here") as raised:
        fail(ValueError("here"))

    assert "fail" == raised.traceback[-1].name


def test_methods_of_every_kind():
    """
    Methods, static methods and class methods work in both orders of the decorators.
    """
    shop = Shop()
    with capture() as records:
        assert (12, 10, "Shop", "Shop") == (shop.price(4), Shop.twice(5), shop.name(), Shop.also_name())

    assert ["unit", "price", "twice", "name", "also_name"] == functions(records)
    assert f"{__name__}.Shop.price" == records[1]["function"]


def test_partials_and_callable_objects():
    """
    A partial keeps its function's name, an object that can be called its class's.
    """
    part = tracked(functools.partial(add.__wrapped__, y=10))
    shop = tracked(Shop())
    later = tracked(AsyncShop())
    with capture() as records:
        assert (11, 101, 201) == (part(1), shop(1), asyncio.run(later(1)))

    assert ["add", "Shop", "AsyncShop"] == functions(records)
    assert ("add", "Shop") == (part.__name__, shop.__name__)
    assert inspect.iscoroutinefunction(later)


@pytest.mark.parametrize("builtin", [abs, str.upper, "x".join, len])
def test_functions_written_in_c_pass_through(builtin):
    """
    They can't be wrapped so that they travel, and come back as they are.
    """
    assert builtin is tracked(builtin)


@pytest.mark.parametrize("thing", [Shop, 5])
def test_what_is_no_function_is_refused_in_one_line(thing):
    """
    Classes and non-callables are a ConfigError at decoration, naming what was given.
    """
    with pytest.raises(ConfigError, match=r"^energy_tracked.*(Shop|5)"):
        energy_tracked(thing)


def test_wrong_arguments_are_refused_at_decoration():
    """
    A value of the wrong kind is reported before any call.
    """
    with pytest.raises(ConfigError, match="resources = 'lots'"):
        energy_tracked(resources="lots")
    with pytest.raises(ConfigError, match="unknown key 'monitor'; did you mean 'monitors'"):
        energy_tracked(monitor=["rapl"])


def test_double_wrapping_is_recognised():
    """
    Decorating twice gives one record a call; further arguments are merged into the first decoration's.
    """
    again = energy_tracked(add)
    relabelled = energy_tracked(label="named")(add)
    with capture() as records:
        assert (3, 3) == (again(1), relabelled(1))

    assert add is again
    assert [None, "named"] == [record["label"] for record in records]


def test_recursion_nests():
    """
    Each level of a recursive function is the child of the one above.
    """

    @tracked
    def down(n):
        return 0 if n == 0 else 1 + down(n - 1)

    with capture() as records:
        assert 3 == down(3)

    inner_first = sorted(records, key=lambda record: -record["depth"])
    assert [3, 2, 1, 0] == [record["depth"] for record in inner_first]
    assert [r["record_id"] for r in inner_first[1:]] + [None] == [r["parent_id"] for r in inner_first]


def test_pickles_by_name():
    """
    pickle sends a module-level tracked function by reference.
    """
    assert add is pickle.loads(pickle.dumps(add))


def test_travels_by_value_even_after_it_has_run():
    """
    cloudpickle can send a tracked closure by value, bound or not; there it binds itself anew.
    """
    offset = 5

    @tracked
    def shifted(x):
        return x + offset

    fresh = cloudpickle.dumps(shifted)
    shifted(1)
    used = cloudpickle.dumps(shifted)

    with capture() as records:
        assert [6, 6] == [cloudpickle.loads(data)(1) for data in (fresh, used)]
    assert 2 == len(records)


def test_track_measures_a_block():
    """
    The block's record is there afterwards, with its label, and its errors pass through.
    """
    with track("load", sink="memory:") as call:
        assert ("unmeasured", None) == (call.record["status"], call.energy_j)
        sum(range(1000))
    assert ("load", None, "ok") == (call.record["label"], call.record["function"], call.record["status"])

    with pytest.raises(ZeroDivisionError), track("broken", sink="memory:") as broken:
        1 / 0  # noqa: B018
    assert "ZeroDivisionError" == broken.record["error_type"]


def test_blocks_with_tags_of_their_own_share_a_runtime():
    """
    A loop over blocks with changing tags opens its monitors and sinks once.
    """
    runtimes = set()
    for step in range(5):
        with track("step", sink="memory:", tags={"step": step}) as call:
            runtimes.add(id(call._blocks[-1].window.runtime))
        assert {"step": step} == call.record["tags"]

    assert 1 == len(runtimes)


def test_track_is_a_parent():
    """
    Calls inside a block are its children.
    """
    with capture() as records, track("around", sink="memory:") as call:
        add(1)

    assert [call.record["record_id"]] == [r["parent_id"] for r in records if r["function"]]


def test_captures_nest_and_end():
    """
    An inner capture sees its own time only; after the block nothing is added.
    """
    with capture() as outer:
        add(1)
        with capture() as inner:
            add(2)
    add(3)

    assert (2, 1) == (len(outer), len(inner))


def test_switched_off(monkeypatch):
    """
    With GREENSDK_DISABLED=1 functions of every kind work and leave no record.
    """
    monkeypatch.setenv("GREENSDK_DISABLED", "1")
    plain, later = tracked(add.__wrapped__), tracked(add_later.__wrapped__)
    items, items_later = tracked(count_up.__wrapped__), tracked(count_later.__wrapped__)

    async def collect():
        return [i async for i in items_later(2)]

    with capture() as records:
        assert (3, 3) == (plain(1), asyncio.run(later(1)))
        assert ([0, 1], [0, 1]) == (list(items(2)), asyncio.run(collect()))
        with track("block", sink="memory:") as call:
            pass
    assert ([], "unmeasured", None) == (records, call.record["status"], call.energy_j)


def test_coroutine_never_awaited_leaves_no_record():
    """
    Making a coroutine or generator is not calling it: the window opens with the first step.
    """
    with capture() as records:
        count_up(3)
        made = add_later(1)
        made.close()

    assert [] == records
