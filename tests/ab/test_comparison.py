"""
The sentence that a comparison allows, and the gates.
"""

import pytest

from greensdk.ab.comparison import Comparison


def comparison(ratios, by="cpu", source="psutil-tdp", runs=1, least=0.02, **others):
    """
    Return a comparison of pairs with these ratios, and further keys of b with a's at 1.
    """
    made = Comparison("a", "b", by, source, runs, least)
    made.seconds = 9.0
    for place, ratio in enumerate(ratios):
        made.samples_a.append({by: 1.0, **dict.fromkeys(others, 1.0)})
        made.samples_b.append({by: ratio, **others})
        made.order.append((1, -1)[place % 2])
    return made


SCATTER = (0.99, 1.01, 1.0, 0.995, 1.005, 1.0, 0.99, 1.01, 1.0, 0.995, 1.005, 1.0, 1.0)


def test_a_difference_is_told_with_its_interval_and_how_it_is_known():
    """
    The words of a real difference, by a meter.
    """
    found = comparison([0.84 * each for each in SCATTER], by="active", source="rapl")
    assert (
        "b takes 0.84x [0.835, 0.845] the energy above rest of a, 13 pairs, 9 s, rapl; the difference is real"
        == str(found)
    )
    assert "pass" == found.gate(0.9)


def test_a_model_says_that_it_sees_nothing_else():
    """
    Joules of a model are its CPU seconds.
    """
    found = comparison([0.84 * each for each in SCATTER], runs=5)
    assert "13 pairs of 5 calls, 9 s, psutil-tdp; the difference is real" in str(found)
    assert "psutil-tdp is a model of CPU seconds: it gives the energies the same ratio" in str(found)


def test_equal_things_are_told_to_be_equal():
    """
    Within what can be seen.
    """
    found = comparison(SCATTER, by="time")
    assert str(found).startswith("a and b take the same time to within 0.")
    assert ["same", "pass", "fail"] == [found.word, found.gate(1.1), found.gate(0.9)]


def test_what_can_not_be_told_says_what_would_help():
    """
    A scatter of 20% hides 2%.
    """
    wide = [0.8, 1.25, 0.9, 1.1, 1.0, 1.0, 0.85, 1.15]
    found = comparison(wide)
    assert str(found).startswith("no difference larger than ")
    assert "2% is out of reach here" in str(found)
    assert ["open", "unclear"] == [found.word, found.gate(1.05)]
    assert "more pairs would show 10%" in str(comparison(wide, least=0.1))


def test_a_few_heavy_calls_are_told_and_never_same():
    """
    The many are equal, the sums are not.
    """
    found = comparison([1.0, 1.001] * 9 + [30.0, 30.0])
    assert "open" == found.word
    assert "but summed up it is 3.9x: a few calls weigh more than the many" in str(found)


def test_two_questions_with_two_answers_are_both_told():
    """
    b works less and then sleeps: less energy above rest, more of the machine.
    """
    found = comparison([0.8 * each for each in SCATTER], by="active", source="rapl", machine=1.2)
    assert "until it is done the machine takes 1.2x [1.2, 1.2] the energy" in str(found)


def test_as_plain_values_it_has_everything():
    """
    For JSON: ratio, interval, pairs, the other measures, every sample.
    """
    found = comparison([0.8 * each for each in SCATTER], time=0.9).to_dict()
    assert ["differs", 13, 0.9] == [found["word"], found["pairs"], pytest.approx(found["others"]["time"]["ratio"])]
    assert 13 == len(found["samples"]["a"])
    assert found["low"] < found["ratio"] < found["high"]
