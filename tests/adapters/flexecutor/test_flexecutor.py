"""
FlexExecutor's profiles: the same to the last byte, with energy in them where it is known.
"""

from __future__ import annotations

import dataclasses
import json

import pytest
from greensdk_flexecutor import METRICS, Configuration, Profile, energy_of, export, import_, with_energy
from hypothesis import given
from hypothesis import strategies as st

from greensdk.errors import RecordError
from greensdk.measure.record import blank
from greensdk.schema.check import problems

SECONDS = st.floats(0, 1e4, allow_nan=False)


@st.composite
def profiles(draw):
    """
    Profiles as FlexExecutor writes them.
    """
    found = {}
    for _ in range(draw(st.integers(0, 4))):
        workers, reps = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        key = str((draw(st.sampled_from([1, 0.5, 2])), draw(st.sampled_from([512, 1024, 1769.0])), workers))
        table = st.lists(st.lists(SECONDS, min_size=workers, max_size=workers), min_size=reps, max_size=reps)
        found[key] = {name: draw(table) for name in METRICS[:4]}
    return found


def call(job, number, **more):
    """
    Return the record of call `number` of a job.
    """
    worker = {
        "executor_id": "e",
        "job_id": job,
        "call_id": str(number),
        "memory_mb": 1024.0,
        "stage": "split",
        "workflow": "video",
    }
    record = {
        **blank(),
        "record_id": f"{job}{number}".ljust(32, "0"),
        "started_at": "2026-01-01T00:00:00Z",
        "function": "f",
    }
    return {**record, "duration_s": 2.0 + number, "energy_j": 5.0, "energy_source": "rapl", "worker": worker, **more}


class TestFiles:
    """
    Reading and writing.
    """

    @given(rows=profiles())
    def test_a_file_of_flexecutor_comes_out_as_it_went_in(self, tmp_path_factory, rows):
        """
        To the last byte: keys as texts of tuples, an indent of four, floats as Python writes them.
        """
        folder = tmp_path_factory.mktemp("flex")
        with (folder / "in.json").open("w") as file:
            json.dump(rows, file, indent=4)
        Profile(folder / "in.json").write(folder / "out.json")

        assert (folder / "in.json").read_bytes() == (folder / "out.json").read_bytes()

    def test_a_repetition_is_added_to_its_configuration(self):
        """
        Whether memory is written as 1024 or as 1024.0.
        """
        profile = Profile()
        profile.add((1, 1024, 2), compute=[1.0, 2.0])
        profile.add((1.0, 1024.0, 2), compute=[3.0, 4.0])

        assert [Configuration(1, 1024, 2)] == profile.configurations()
        assert {"compute": [[1.0, 2.0], [3.0, 4.0]]} == profile.reps((1, 1024, 2))

    def test_energy_that_came_later_is_null_before(self):
        """
        Not 0, and every metric has as many repetitions as the others.
        """
        profile = Profile()
        profile.add((1, 1024, 2), compute=[1.0, 2.0])
        profile.add((1, 1024, 2), compute=[1.0, 2.0], energy=[5.0, 6.0])
        profile.add((1, 1024, 2), compute=[1.0, 2.0])

        assert [[None, None], [5.0, 6.0], [None, None]] == profile.reps((1, 1024, 2))["energy"]

    def test_a_configuration_that_never_ran_has_nothing(self):
        """
        An empty dict, no error.
        """
        assert {} == Profile().reps((1, 1, 1))

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("nonsense", "not JSON"),
            ("[]", "expected an object"),
            ('{"a": {}}', r"key 'a': expected '\(cpu, memory, workers\)'"),
            ('{"(1, 2)": {}}', "expected '"),
            ('{"(1, 2, 3)": {"read": 5}}', "expected lists of lists"),
        ],
    )
    def test_another_file_is_refused_in_one_line(self, tmp_path, text, problem):
        """
        With its name.
        """
        path = tmp_path / "p.json"
        path.write_text(text)

        with pytest.raises(RecordError, match=rf"p\.json: .*{problem}"):
            Profile(path)

    def test_a_missing_file_is_one_line(self, tmp_path):
        """
        What the system says.
        """
        with pytest.raises(RecordError, match="No such file"):
            Profile(tmp_path / "none.json")


class TestRecords:
    """
    To records and back.
    """

    def test_each_worker_of_each_repetition_is_a_good_record(self, tmp_path):
        """
        With stage, workflow, memory, and its seconds of reading, computing and writing together.
        """
        profile = Profile()
        for _ in range(2):
            profile.add(
                (1, 1024, 2),
                read=[0.5, 0.5],
                compute=[1.0, 2.0],
                write=[0.25, 0.25],
                energy=[3.0, None],
                energy_source=["rapl", None],
            )
        (tmp_path / "video").mkdir()
        profile.write(tmp_path / "video" / "split.json")
        records = list(import_(tmp_path / "video" / "split.json"))

        assert [] == [problem for record in records for problem in problems(record)]
        assert [1.75, 2.75, 1.75, 2.75] == [record["duration_s"] for record in records]
        assert [3.0, None, 3.0, None] == [record["energy_j"] for record in records]
        assert {("video", "split", 1024.0, 2)} == {
            tuple(record["worker"][key] for key in ("workflow", "stage", "memory_mb", "calls")) for record in records
        }
        assert 4 == len({record["record_id"] for record in records})

    def test_a_job_is_a_repetition_and_its_calls_are_the_workers(self, tmp_path):
        """
        In the order of their numbers; what a record does not know is null.
        """
        (path,) = export([call("A", 1), call("A", 0), call("B", 0), call("B", 1)], tmp_path)
        profile = Profile(path)

        assert tmp_path / "video" / "split.json" == path
        assert [(1, 1024, 2)] == profile.configurations()
        assert [[2.0, 3.0], [2.0, 3.0]] == profile.reps((1, 1024, 2))["compute"]
        assert [[5.0, 5.0], [5.0, 5.0]] == profile.reps((1, 1024, 2))["energy"]
        assert [[None, None], [None, None]] == profile.reps((1, 1024, 2))["read"]

    def test_what_is_exported_can_be_imported(self, tmp_path):
        """
        Energy and seconds survive.
        """
        (path,) = export([call("A", 0), call("A", 1)], tmp_path)
        profile = Profile(path)

        assert [[5.0, 5.0]] == profile.reps((1, 1024, 2))["energy"]

    def test_names_can_not_leave_the_folder(self, tmp_path):
        """
        A stage may be called anything.
        """
        record = call("A", 0)
        record["worker"] |= {"stage": "../../etc/passwd", "workflow": "..", "call_id": "0"}
        (path,) = export([record], tmp_path / "out")

        assert tmp_path / "out" in path.parents

    def test_records_without_jobs_are_refused(self, tmp_path):
        """
        One line that says what to do.
        """
        with pytest.raises(RecordError, match="run the calls through Lithops"):
            export([blank()], tmp_path)


class TestRecipe:
    """
    FlexExecutor's own profiling, on classes like its own.
    """

    def test_its_classes_learn_two_more_metrics(self):
        """
        Once, however often it is called.
        """

        @dataclasses.dataclass
        class FunctionTimes:
            read: float = 0.0

            @classmethod
            def profile_keys(cls):
                return ["read"]

        class StageFuture:
            stats = ({"worker_func_energy_record": '{"energy_j":7.5,"energy_source":"rapl"}'}, {})

            def get_timings(self):
                return [FunctionTimes(1.0), FunctionTimes(2.0)]

        for _ in range(2):
            with_energy(FunctionTimes, StageFuture)
        found = StageFuture().get_timings()

        assert ["read", "energy", "energy_source"] == FunctionTimes.profile_keys()
        assert [(1.0, 7.5, "rapl"), (2.0, None, None)] == [
            (each.read, each.energy, each.energy_source) for each in found
        ]

    def test_a_call_that_was_not_measured_has_no_energy(self):
        """
        None, not 0.
        """
        assert (None, None) == energy_of({"worker_exec_time": 1.0})
