"""
The workloads: correct for any number of workers and any mapper, with checks that can fail.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from fractions import Fraction

import pytest
from greensdk_workloads import NAMES, Tracked, load, mandelbrot, plainly, sentiment, simple, titanic, video, words
from greensdk_workloads.workload import spans, split
from hypothesis import given
from hypothesis import strategies as st

from greensdk.schema.check import problems

TINY = 0.002
HEAVY = {"titanic", "ml", "video"}
EACH = [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in NAMES]
WRONG = {
    "pi": (0, 10),
    "mandelbrot": [b"\0"],
    "sentiment": {},
    "stock": (100.0, 1e-9),
    "words": {"the": 1},
    "sleep": [0.0],
    "prime": (1, 2),
    "costly": 3.0,
    "memory": 0,
    "titanic": {"rows": 0, "tested": 1, "right": 1, "majority": 0},
    "ml": {"ensemble": 0.1, "mean_of_parts": 0.1},
    "video": {"brightest": [], "edges": []},
}


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_result_is_right_for_any_number_of_workers(name, workers):
    """
    One after the other, here.
    """
    workload = load(name)

    assert "" == workload.check(workload.run(plainly, workers, TINY), TINY)


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_result_is_noticed(name):
    """
    A check that can't fail checks nothing.
    """
    assert "" != load(name).check(WRONG[name], TINY)


@pytest.mark.parametrize("name", EACH)
def test_each_call_of_a_tracked_workload_leaves_a_good_record(name):
    """
    One per call, labelled with its stage; the result is still correct.
    """
    workload, mapper = load(name), Tracked(sink="memory:")

    assert "" == workload.check(workload.run(mapper, 2, TINY), TINY)
    assert len(mapper.records) >= 1
    assert [] == [problem for record in mapper.records for problem in problems(record)]
    assert all(record["label"] for record in mapper.records)


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_has_more_of_its_unit_at_a_larger_scale(name):
    """
    Joules per unit need a number of units.
    """
    workload = load(name)

    assert 0 < workload.amount(0.01) < workload.amount(1.0)


def test_waiting_takes_fewer_joules_than_counting():
    """
    Of two calls of the same length, the one that keeps a core busy uses more energy.
    """
    mapper = Tracked(sink="memory:", monitors=["psutil-tdp"])
    load("prime").run(mapper, 1, 0.02)
    (prime,) = mapper.records
    mapper(simple.wait, [(prime["duration_s"],)], "wait")
    _, sleep = mapper.records

    assert sleep["energy_j"] < prime["energy_j"]


@given(total=st.integers(0, 10**9), parts=st.integers(1, 300))
def test_spans_are_neighbours_that_make_up_the_whole(total, parts):
    """
    Nothing is left out or done twice.
    """
    ranges = spans(total, parts)

    assert split(total, parts) == [stop - start for start, stop in ranges]
    assert [0, *(stop for _, stop in ranges)] == [*(start for start, _ in ranges), total]


class TestMandelbrot:
    """
    Tiles.
    """

    def test_tiles_are_the_serial_picture(self):
        """
        To the last pixel, for any cut.
        """
        whole = mandelbrot.tile(0, 24, 24)

        assert whole == [row for start, stop in spans(24, 7) for row in mandelbrot.tile(start, stop, 24)]

    @pytest.mark.parametrize(("column", "row", "steps"), [(24, 15, 255), (0, 0, 0)])
    def test_points_are_inside_or_leave(self, column, row, steps):
        """
        Near 0 nothing ever leaves; the corner -2 - 1.25i leaves at once.
        """
        assert steps == mandelbrot.tile(row, row + 1, 32, 255)[0][column]


class TestWords:
    """
    Counting.
    """

    @given(texts=st.lists(st.text("ab ,.", max_size=30), max_size=5))
    def test_the_parts_sum_to_the_whole(self, texts):
        """
        Where the text is cut between words.
        """
        assert words.count(" ".join(texts)) == words.merge(*map(words.count, texts))

    def test_case_and_punctuation_do_not_matter(self):
        """
        Case and punctuation are ignored.
        """
        assert {"joule": 3} == words.count('Joule, joule. "JOULE"')


class TestSentiment:
    """
    Judging.
    """

    @pytest.mark.parametrize(
        ("text", "opinion"),
        [
            ("The host was lovely.", "positive"),
            ("The bed was not comfortable.", "negative"),
            ("The street was not noisy. The flat was dirty. It was cold.", "negative"),
            ("We stayed for four nights.", "neutral"),
            ("", "neutral"),
        ],
    )
    def test_words_and_not_are_weighed(self, text, opinion):
        """
        "not" reaches to the end of its sentence.
        """
        assert opinion == sentiment.judge(text)

    @given(first=st.integers(0, 10**6))
    def test_a_review_has_its_intended_sentiment(self, first):
        """
        Any of them.
        """
        assert sentiment.opinion(first) == sentiment.judge(sentiment.comment(first))

    def test_quotes_in_comments_survive_the_table(self):
        """
        A comment has quotes and commas, and is one field.
        """
        assert 50 == sum(sentiment.analyse(sentiment.write(0, 50)).values())


class TestSimple:
    """
    Whole numbers and floating point.
    """

    def test_the_largest_prime_below_2500_is_2477(self):
        """
        As in every run of this function so far.
        """
        assert (367, 2477) == simple.primes(0, 2_500)

    @given(limit=st.integers(2_500, 10_000))
    def test_the_sieve_agrees(self, limit):
        """
        Two ways to the same number.
        """
        assert "" == simple.check_prime(simple.primes(0, limit), Fraction(limit, simple.PRIMES_BELOW))

    def test_a_prime_too_many_is_noticed(self):
        """
        Off by one.
        """
        count, largest = simple.primes(0, 2_500)

        assert f"({count + 1}, {largest}) instead of ({count}, {largest})" == simple.check_prime(
            (count + 1, largest), 0
        )


class TestTitanic:
    """
    Passengers.
    """

    def test_six_megabytes_are_89_100_passengers(self):
        """
        As long as the lines of the well-known list.
        """
        assert 6.0e6 == pytest.approx(titanic.PASSENGERS / 2_000 * len(titanic.write(0, 2_000)), rel=0.15)

    def test_passengers_are_the_same_whoever_writes_them(self):
        """
        Two parts are the whole.
        """
        header, *whole = titanic.write(0, 20).splitlines()

        assert whole == titanic.write(0, 7).splitlines()[1:] + titanic.write(7, 20).splitlines()[1:]
        assert list(titanic.COLUMNS) == header.split(",")

    def test_women_survive_more_often_than_men(self):
        """
        As in the list that the shares are from: 74 and 19 of a hundred.
        """
        rows = [line.split(",") for line in titanic.write(0, 4_000).splitlines()[1:]]
        lived, all_ = Counter(), Counter()
        for row in rows:
            sex = row[5]
            all_[sex] += 1
            lived[sex] += int(row[1])

        assert 0.74 == pytest.approx(lived["female"] / all_["female"], abs=0.04)
        assert 0.19 == pytest.approx(lived["male"] / all_["male"], abs=0.05)


class TestVideo:
    """
    Frames.
    """

    def test_sharpening_is_the_convolution_by_hand(self):
        """
        To the last value, mirrored at the border and cut to 0..255.
        """
        import numpy as np

        frame = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        padded = np.pad(frame.astype(int), ((1, 1), (1, 1), (0, 0)), mode="reflect")
        by_hand = sum(
            weight * padded[row : row + 20, column : column + 30]
            for row, weights in enumerate(video.SHARPEN)
            for column, weight in enumerate(weights)
        )

        assert np.array_equal(np.clip(by_hand, 0, 255).astype(np.uint8), video.sharpen(frame))

    def test_the_edge_of_a_bright_half_is_one_column(self):
        """
        Canny thins an edge to one pixel, so that its density is 1 over the width.
        """
        import numpy as np

        frame = np.zeros((40, 50, 3), np.uint8)
        frame[:, 25:] = 200

        assert {"width": 50, "height": 40, "edge_density": 1 / 50} == video.edges(frame)

    def test_the_bright_frame_is_found_in_every_segment(self):
        """
        Cut at ten seconds, each segment has its flash at the same frame.
        """
        segments = video.cut(video.encode(20.0))

        assert [37, 37] == [video.brightest(segment)[0] for segment in segments]


class TestCommand:
    """
    ``python -m greensdk_workloads``.
    """

    def test_it_reports_the_result_and_its_energy(self, tmp_path):
        """
        A correct result is exit code 0.
        """
        command = [sys.executable, "-m", "greensdk_workloads", "prime", "--scale", "0.001", "--workers", "2"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

        assert "6250 numbers in " in done.stdout
        assert "greensdk_workloads.simple.primes" in done.stdout

    def test_an_unknown_workload_is_one_line(self, tmp_path):
        """
        Exit code 2, and the names there are.
        """
        command = [sys.executable, "-m", "greensdk_workloads", "nonsense"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

        assert 2 == done.returncode
        assert "'nonsense' is not one of 'pi'" in done.stderr

    @pytest.mark.slow
    @pytest.mark.parametrize("name", NAMES)
    def test_each_is_correct_through_lithops(self, name, tmp_path):
        """
        Two workers on this machine, every call measured.
        """
        command = [sys.executable, "-m", "greensdk_workloads", name, "--scale", "0.002", "--how", "lithops"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)

        assert (0, "") == (done.returncode, done.stderr.partition("Traceback")[2])
        assert "correct" in done.stdout
        assert "total" in done.stdout
