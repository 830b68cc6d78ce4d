"""
Calls inside calls, added up by name: as a table, and as a tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import starmap
from math import isnan
from typing import Any, NamedTuple

import numpy as np

from greensdk.report.columns import Columns
from greensdk.report.groups import BOUNDARY, SOURCE, Facts, Group, Work
from greensdk.report.inclusion import Counted
from greensdk.report.nested import Nested, levels
from greensdk.report.text import display_name


class Node(NamedTuple):
    """
    The calls of one name in one place of the tree.

    Attributes:
        name: Theirs.
        group: Their sum.
        inside: The calls inside them.
    """

    name: Any
    group: Group
    inside: list[Node]


class Calls(NamedTuple):
    """
    All calls, outer and inner ones.

    Attributes:
        log: Everything.
        counted: Which of it are calls, and which is inside which.
        numbers: What each used.
        parts_j: Joules of each of the log's parts, each meter shared out once.
    """

    log: Columns
    counted: Counted
    numbers: Nested
    parts_j: Any

    def grouped(self, places: Any, names: Sequence[Any]) -> dict[Any, Group]:
        """
        Return a sum for each name, the most joules first; what is inside another call of its name adds no joules.

        Args:
            places: For each call the place of its name.
            names: Each name once.
        """
        sums = self.sums(places, topmost(self.counted.around, places), len(names))
        found = {name: group for name, group in zip(names, sums, strict=True) if group.calls}
        return dict(sorted(found.items(), key=lambda item: -(item[1].energy_j or 0.0)))

    def tree(self, places: Any, names: Sequence[Any]) -> list[Node]:
        """
        Return the calls as a tree: those of one name inside the same node are a node, the most joules first.

        Args:
            places: For each call the place of its name.
            names: Each name once.
        """
        around = self.counted.around
        node = np.full(len(around), -1, np.int64)
        outer_of: list[int] = []
        name_of: list[int] = []
        for some in levels(around):
            outer = np.where(around[some] >= 0, node[around[some]], -1)
            pairs, which = np.unique((outer + 1) << 32 | places[some], return_inverse=True)
            node[some] = which.ravel() + len(outer_of)
            outer_of += ((pairs >> 32) - 1).tolist()
            name_of += (pairs & 0xFFFFFFFF).tolist()
        sums = self.sums(node, np.ones(len(around), bool), len(outer_of))
        nodes = [Node(names[name], group, []) for name, group in zip(name_of, sums, strict=True)]
        roots: list[Node] = []
        for each, outer_place in zip(nodes, outer_of, strict=True):
            (roots if outer_place < 0 else nodes[outer_place].inside).append(each)
        for some_nodes in (roots, *(each.inside for each in nodes)):
            some_nodes.sort(key=lambda each: -(each.group.energy_j or 0.0))
        return roots

    def sums(self, places: Any, is_top: Any, number: int) -> list[Group]:
        """
        Return a sum for each of some places.

        Args:
            places: For each call its place.
            is_top: Which calls are in no other of their place.
            number: How many places there are.
        """
        log, numbers, once = self.log, self.numbers, self.counted.once
        known, own = ~np.isnan(numbers.energy_j), ~np.isnan(numbers.own_j)
        some = is_top & known

        def added(mask: Any, *columns: Any) -> Iterator[list[Any]]:
            """Yield how many calls there are in each place, and the sums of some columns."""
            mine = places[mask]
            yield np.bincount(mine, minlength=number).tolist()
            yield from (np.bincount(mine, values[mask], number).tolist() for values in columns)

        calls = np.bincount(places, minlength=number).tolist()
        counts, *joules = added(some, numbers.energy_j, numbers.low_j, numbers.high_j)
        with_number, own_j = added(own, numbers.own_j)
        _, duration_s, cpu_s = added(is_top, np.nan_to_num(log.rows["duration_s"][once]), np.nan_to_num(numbers.cpu_s))
        columns = [
            calls,
            [every - mine for every, mine in zip(calls, with_number, strict=True)],
            *(_known(each, counts) for each in joules),
            duration_s,
            cpu_s,
            _sources(log, once[own], places[own], number),
            _known(own_j, with_number),
            self._parts(places, some, number),
            self._work(places, is_top, number),
        ]
        return list(starmap(Group, zip(*columns, strict=True)))

    def _parts(self, places: Any, some: Any, number: int) -> list[dict[str, float]]:
        """
        Return the joules of some calls by part, in the ratio that the parts of each have.
        """
        found: list[dict[str, float]] = [{} for _ in range(number)]
        log, parts, rows = self.log, self.log.parts, self.counted.once[some]
        if not len(self.parts_j):
            return found
        every = len(log.rows["facts"])
        place, energy_j = np.full(every, -1), np.zeros(every)
        place[rows], energy_j[rows] = places[some], self.numbers.energy_j[some]
        whole_j, several = np.bincount(parts["row"], self.parts_j, every), np.bincount(parts["row"], minlength=every)
        row = parts["row"]
        ratio = np.divide(self.parts_j, whole_j[row], out=1.0 / several[row], where=whole_j[row] > 0.0)
        boundaries, table = log.rows["facts"], [facts[BOUNDARY] for facts in log.tables["facts"]]
        alone = np.flatnonzero((place >= 0) & (several == 0))
        called = [*log.tables["part"], *map(str, table)]
        kinds = np.concatenate([parts["part"], boundaries[alone] + len(log.tables["part"])])
        joules = np.concatenate([ratio * energy_j[row], energy_j[alone]])
        homes = np.concatenate([place[row], place[alone]])
        for home, kind, part_j in zip(homes.tolist(), kinds.tolist(), joules.tolist(), strict=True):
            if home >= 0:
                found[home][called[kind]] = found[home].get(called[kind], 0.0) + part_j
        return found

    def _work(self, places: Any, is_top: Any, number: int) -> list[dict[str, Work]]:
        """
        Return what each place's calls did, those inside others of it apart: the outer one's joules are of all.
        """
        found: list[dict[str, list[float]]] = [{} for _ in range(number)]
        place_of = {row: place for place, row in enumerate(self.counted.once.tolist())} if self.log.units else {}
        for row, unit, amount in self.log.units:
            call = place_of.get(row)
            if call is None or not is_top[call]:
                continue
            sums = found[places[call]].setdefault(unit, [0.0, 0.0, 0.0])
            energy_j = float(self.numbers.energy_j[call])
            known = 0.0 if isnan(energy_j) else 1.0
            sums[:] = sums[0] + amount, sums[1] + known * amount, sums[2] + (energy_j if known else 0.0)
        return [
            {unit: Work(amount, joules / of if of else None) for unit, (amount, of, joules) in units.items()}
            for units in found
        ]


def names(facts: Facts) -> list[Any]:
    """
    Return what calls with the same facts are called; names of a wrong type as text.
    """
    function, label = map(facts.keys.index, ("function", "label"))
    found = (display_name(each[function], each[label]) for each in facts.table)
    return [name if name is None or isinstance(name, str) else str(name) for name in found]


def _known(values: Sequence[float], numbers: Sequence[int]) -> list[float | None]:
    return [value if number and not isnan(value) else None for value, number in zip(values, numbers, strict=True)]


def _sources(log: Columns, rows: Any, places: Any, number: int) -> list[tuple[str, ...]]:
    found: list[set[str]] = [set() for _ in range(number)]
    table = log.tables["facts"]
    for pair in np.unique(places.astype(np.int64) << 32 | log.rows["facts"][rows]).tolist():
        facts = table[pair & 0xFFFFFFFF]
        found[pair >> 32].add(f"{facts[SOURCE]} ({facts[BOUNDARY]})")
    return [tuple(sorted(each - {"None (None)"})) for each in found]


def topmost(around: Any, places: Any) -> Any:
    """
    Say which calls are inside no call of the same name.
    """
    found = np.ones(len(around), bool)
    ahead, going = around.copy(), np.flatnonzero(around >= 0)
    while len(going):
        found[going[places[ahead[going]] == places[going]]] = False
        going = going[found[going]]
        ahead[going] = around[ahead[going]]
        going = going[ahead[going] >= 0]
    return found


def lines(nodes: Sequence[Node]) -> Iterator[tuple[int, Node]]:
    """
    Yield each node of a tree after the one around it, with how many are around it.
    """
    waiting = [(0, node) for node in nodes[::-1]]
    while waiting:
        depth, node = waiting.pop()
        yield depth, node
        waiting += [(depth + 1, each) for each in node.inside[::-1]]
