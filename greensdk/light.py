"""
``NamedTuple``, ``Protocol`` and ``TypedDict`` as :mod:`typing` has them for checkers, without what making their classes
costs: a quarter of a millisecond for each named tuple, in each worker that is started for a call.

Used as ``if TYPE_CHECKING: from typing import NamedTuple``, ``else: from greensdk.light import NamedTuple``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any


class _Fields(type):
    """
    Makes properties of a class's annotations.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        made: Any = super().__new__(cls, name, bases, {**namespace, "__slots__": ()})
        made._fields = tuple(made.__annotations__)
        made.__match_args__ = made._fields  # type: ignore[misc]
        made._field_defaults = {field: namespace[field] for field in made._fields if field in namespace}
        for number, field in enumerate(made._fields):
            setattr(made, field, property(itemgetter(number)))
        return made


class NamedTuple(tuple[Any, ...], metaclass=_Fields):
    """
    A tuple whose items have names.
    """

    if TYPE_CHECKING:
        _fields: tuple[str, ...]
        _field_defaults: dict[str, Any]

    def __new__(cls, *values: Any, **named: Any) -> Any:
        """
        Make one of values in order and by name.

        Raises:
            TypeError: One is missing, unknown, or given twice.
        """
        if named or len(values) != len(cls._fields):
            values = cls._filled(values, named)
        return tuple.__new__(cls, values)

    @classmethod
    def _filled(cls, values: Sequence[Any], named: Mapping[str, Any]) -> tuple[Any, ...]:
        fields = cls._fields
        first = dict(zip(fields, values, strict=False))
        given = {**cls._field_defaults, **first, **named}
        if len(values) > len(fields) or given.keys() != set(fields) or not first.keys().isdisjoint(named):
            raise TypeError(f"{cls.__name__} takes {', '.join(fields)}; got {len(values)} values and {sorted(named)}")
        return tuple([given[field] for field in fields])

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def _replace(self, **named: Any) -> Any:
        return type(self)(**{**self._asdict(), **named})

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._asdict().items())})"


class _Shape(type):
    """
    Makes ``isinstance`` look for a protocol's members.
    """

    def __instancecheck__(cls, instance: object) -> bool:
        if Protocol not in cls.__bases__:
            return super().__instancecheck__(instance)
        members = {name for each in cls.__mro__[:-2] for name in (*each.__annotations__, *vars(each))}
        return all(name.startswith("_") or hasattr(instance, name) for name in members)


class Protocol(metaclass=_Shape):
    """
    What a class of any other family may be, too.
    """


def runtime_checkable(of: type) -> type:
    """
    Return a protocol, which can be looked for anyway.
    """
    return of


TypedDict = dict
