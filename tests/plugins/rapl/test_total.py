"""
What adds up, and what a hole costs.
"""

import pytest
from greensdk_rapl.total import add, doubts
from hypothesis import given
from hypothesis import strategies as st

KINDS = ["package", "dram", "core", "uncore", "psys", "other"]

zones = st.lists(st.tuples(st.sampled_from(KINDS), st.one_of(st.none(), st.floats(0.0, 1e6))), max_size=8)


class TestAdd:
    """
    Packages, and their memory where all of it is known.
    """

    @given(zones)
    def test_the_boundary_says_what_is_in_the_sum(self, found):
        """
        Any zones, any holes: the sum is that of the kinds in the boundary, or None with a reason for each package.
        """
        kinds = {f"{kind}-{number}": kind for number, (kind, _) in enumerate(found)}
        amounts = {key: amount for key, (_, amount) in zip(kinds, found, strict=True)}
        reasons = {key: f"why {key}" for key, amount in amounts.items() if amount is None}
        total = add(kinds, amounts, reasons)
        parts = total.boundary.split("+")
        inside = [amounts[key] for key, kind in kinds.items() if kind in parts]

        assert [key for key, kind in kinds.items() if kind == "dram" and amounts[key] is None] == total.missing
        assert (not total.missing and "dram" in kinds.values()) == ("dram" in parts)
        if total.amount is None:
            unknown = [key for key, kind in kinds.items() if kind == "package" and amounts[key] is None]
            assert "; ".join(f"{key}: why {key}" for key in unknown) == total.reason != ""
        else:
            assert (pytest.approx(sum(inside)), None) == (total.amount, total.reason)

    def test_a_zone_that_was_never_read_is_unknown(self):
        """
        Not 0.
        """
        assert (None, "package-0: gone") == add({"package-0": "package"}, {}, {"package-0": "gone"})[::3]


class TestDoubts:
    """
    Numbers that can't be right.
    """

    @given(zones, st.floats(0.0, 100.0))
    def test_what_is_possible_is_not_doubted(self, found, seconds):
        """
        0 J of what may rest, any number of the platform, and up to 1000 W of each part.
        """
        kinds = {f"{kind}-{number}": kind for number, (kind, _) in enumerate(found)}
        joules = {key: amount for key, (_, amount) in zip(kinds, found, strict=True)}
        refused = doubts(kinds, joules, seconds * 1e9, 1e6)

        for key, amount in joules.items():
            part = kinds[key] in {"package", "dram", "core", "uncore"}
            still = amount == 0 and seconds >= 0.02 and kinds[key] in {"package", "dram"}
            jumped = bool(amount) and part and amount > 1000.0 * (seconds + 0.1)
            if amount is None or abs(amount - 1000.0 * (seconds + 0.1)) > 1e-6:
                assert (still or jumped) == (key in refused)
        assert {} == doubts(kinds, joules, seconds * 1e9, 0.0)
