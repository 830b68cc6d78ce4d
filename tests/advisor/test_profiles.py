"""
Records become profiles: one run for each job, each joule once.
"""

from __future__ import annotations

import pytest
from advisor_kit import job, jobs, metered, record
from hypothesis import given
from hypothesis import strategies as st

from greensdk.advisor import profiles
from greensdk.advisor.profile import list_price
from greensdk.errors import ConfigError


def only(records):
    """
    Return the single profile in some records.
    """
    (found,), _ = profiles(records)
    return found


class TestRuns:
    """
    What a run is.
    """

    def test_a_job_is_a_run_with_as_many_workers_as_calls(self):
        """
        The time is the slowest worker's; billed seconds and joules add up.
        """
        calls = job("a", 3, 2.0, 30.0)
        calls[1]["duration_s"] = 5.0

        (point,) = only(calls).points

        assert (3, 5.0, 9.0, 30.0, 15.0, 60.0) == (
            point.workers,
            point.time_s,
            point.billed_s,
            pytest.approx(point.energy_j),
            pytest.approx(point.energy_low_j),
            pytest.approx(point.energy_high_j),
        )

    def test_two_records_of_one_call_are_one_worker(self):
        """
        A call that runs two measured functions, one after the other, takes the seconds of both.
        """
        first, second = record(1, worker={"call_id": "0"}), record(2, worker={"call_id": "0"}, monotonic_s=1.0)

        (point,) = only([first, second]).points

        assert (1, 2.0, 20.0) == (point.workers, point.time_s, point.energy_j)

    @pytest.mark.parametrize(
        ("backend", "boots", "time_s"), [("localhost", "bb", 5.5), ("k8s", "bc", 2.0), ("aws_lambda", "bb", 2.0)]
    )
    def test_waiting_for_a_free_worker_counts_where_one_clock_tells(self, backend, boots, time_s):
        """
        Two calls of 2 s that ran one after the other, 1.5 s apart, took 5.5 s, unless they ran elsewhere.
        """
        calls = job("a", 2, 2.0, 30.0, worker={"backend": backend})
        for call, boot, start_s in zip(calls, boots, (10.0, 13.5), strict=True):
            call["monotonic_s"] = start_s
            call["host"] = {**call["host"], "boot_id": boot}

        assert [(2, time_s, 4.0)] == [(point.workers, point.time_s, point.billed_s) for point in only(calls).points]

    def test_records_outside_of_jobs_count_by_their_tags(self):
        """
        A program whose tags have its number of workers is a run.
        """
        alone = record(1, worker=None, tags={"workers": 4, "memory_mb": "512", "stage": "load", "parents": "a,b"})

        found = only([alone])

        assert ("load", ("a", "b")) == (found.stage, found.parents)
        assert (4, 512.0, 1.0, 4.0) == (
            found.points[0].workers,
            found.points[0].memory_mb,
            found.points[0].time_s,
            found.points[0].billed_s,
        )

    @pytest.mark.parametrize("tags", [{}, {"workers": "many"}, {"workers": 0}, {"workers": 2.5}, {"workers": None}])
    def test_records_without_workers_are_left_out_with_a_remark(self, tags):
        """
        The number of workers is never guessed.
        """
        assert ([], ["1 run left out: neither a job nor a tag 'workers'"]) == profiles(
            [record(1, worker=None, tags=tags)]
        )

    def test_a_job_with_a_failed_call_is_left_out_with_a_remark(self):
        """
        Its time and joules are those of less work.
        """
        broken = job("a", 3, 2.0, 30.0)
        broken[0]["status"] = "lost"

        found, remarks = profiles([*broken, *job("b", 2, 2.0, 30.0, first=10)])

        assert [2] == [point.workers for point in found[0].points]
        assert ["1 run left out: failed or lost calls"] == remarks

    def test_calls_inside_calls_are_no_workers(self):
        """
        They are part of the call around them.
        """
        outer = record(1)
        inner = record(2, parent_id=outer["record_id"], depth=1)

        assert [1] == [point.workers for point in only([outer, inner]).points]


class TestGroups:
    """
    What is kept apart.
    """

    def test_stages_backends_and_architectures_are_kept_apart(self):
        """
        Each is a profile, with its parents.
        """
        arm = {"host": {"host_id": "h", "boot_id": "b", "arch": "aarch64", "cpu_model": "N1"}}
        records = [
            *job("a", 2, 1.0, 1.0, 0, {"workflow": "w", "stage": "one"}),
            *job("b", 2, 1.0, 1.0, 10, {"workflow": "w", "stage": "two", "parents": ["one"]}),
            *job("c", 2, 1.0, 1.0, 20, {"workflow": "w", "stage": "one"}, **arm),
            *job("d", 2, 1.0, 1.0, 30, {"workflow": "w", "stage": "one", "backend": "k8s"}),
        ]

        found, _ = profiles(records)

        assert {
            ("one", "localhost", "x86_64", ()),
            ("two", "localhost", "x86_64", ("one",)),
            ("one", "localhost", "aarch64", ()),
            ("one", "k8s", "x86_64", ()),
        } == {(each.stage, each.backend, each.arch, each.parents) for each in found}

    def test_energy_of_another_meter_is_left_out_with_a_remark(self):
        """
        Numbers of different boundaries are never one curve; seconds stay.
        """
        records = [*job("a", 2, 1.0, 1.0), *job("b", 1, 1.0, 1.0, 10), *job("c", 4, 1.0, 9.0, 20, energy_source="rapl")]

        found = only(records)

        assert [1.0, 1.0, None] == [point.energy_j for point in found.points]
        assert "energy of estimator (vcpu+memory) only; that of other methods is left out" in found.remarks

    def test_the_price_is_the_one_the_records_were_billed_by(self):
        """
        Dollars over GB-seconds; a price that is given replaces it.
        """
        cost = {
            "gb_s": 2.0,
            "compute_usd": 4e-5,
            "requests_usd": 2e-7,
            "price_source": "list",
            "price_date": "2026-01-01",
        }

        found = only(job("a", 2, 1.0, 1.0, cost=cost)).price
        (replaced,), _ = profiles(job("a", 2, 1.0, 1.0, cost=cost), lambda arch: list_price("us-east-1", arch))

        assert (2e-5, 2e-7, "list 2026-01-01") == (found.gb_s_usd, found.request_usd, found.source)
        assert 0.0000166667 == replaced.price.gb_s_usd

    def test_an_unknown_region_is_an_error(self):
        """
        One line says which are known.
        """
        with pytest.raises(ConfigError, match="no AWS Lambda price for mars"):
            list_price("mars", "x86_64")


class TestSharedMeter:
    """
    A meter that all workers read.
    """

    @given(
        workers=st.integers(1, 24),
        meter_j=st.floats(1.0, 1e5),
        late=st.lists(st.floats(0.0, 0.5), min_size=24, max_size=24),
    )
    def test_it_is_never_added_up_per_worker(self, workers, meter_j, late):
        """
        However many workers read it, whenever they begin, the run's joules are never more than it counted.
        """
        calls = [
            metered(
                number,
                1000 + late[number],
                1010.0,
                meter_j * late[number] / 10,
                meter_j,
                worker={"job_id": "a", "call_id": str(number)},
            )
            for number in range(workers)
        ]

        found = only(calls)

        assert found.shared_meter
        assert found.points[0].energy_j <= meter_j * (1 + 1e-9)
        assert found.points[0].energy_j >= 0.9 * meter_j

    def test_two_jobs_at_once_share_it_too(self):
        """
        What one job's calls used is not the other's.
        """
        calls = [
            metered(number, 1000.0, 1010.0, 0.0, 100.0, cpu_s=5.0, worker={"job_id": name, "call_id": "0"})
            for number, name in enumerate("ab")
        ]

        assert [50.0, 50.0] == [pytest.approx(point.energy_j) for point in only(calls).points]


def test_the_digest_is_of_the_records():
    """
    The same records in any order have one digest, others another.
    """
    records = jobs((1, 2), 1)

    assert only(records).digest == only(records[::-1]).digest
    assert only(records).digest != only(records[1:]).digest
