"""
A call's joules where several meters each count a part of the machine: package, memory, GPU.

The GPU is a stand-in behind the library's own calls; what it draws is what a test adds to its counter.
"""

from __future__ import annotations

import doctest
import os
import sys

import pytest
from greensdk_rapl import RaplMonitor
from hypothesis import given
from hypothesis import strategies as st
from nvml_kit import Gpu, machine, ours

from greensdk import capture, track
from greensdk.measure import primaries as module
from greensdk.measure.attribution import attribute, choose, quality_of
from greensdk.measure.parts import added, by_part
from greensdk.monitor import ATTRIBUTED, CALL, ESTIMATED, MACHINE, MEASURED, reading
from greensdk.report import EnergyReport
from greensdk.schema import primary as primary_module
from greensdk.schema.check import problems
from greensdk.schema.flat import energy
from greensdk.schema.primary import GPU, PARTS, has_gpu, parts_in, primaries_of
from greensdk.schema.widest import widest_of
from greensdk.testing import FakeClock, FakeMonitor, tracked_by

RANKS = {"rapl": 0, "perf": 1, "psutil-tdp": 2}


def primaries(readings, ranks, boundary=None):
    """
    What stands for a call with these readings.
    """
    return module.primaries(choose(readings, ranks, boundary), readings, ranks, boundary)


def said(monitor, boundary, joules, quality=MEASURED, **more):
    """
    A reading of a call, with an interval of 10% to either side.
    """
    known = {} if joules is None else {"energy_low_j": 0.9 * joules, "energy_high_j": 1.1 * joules}
    why = more.pop("reason", None if joules is not None else "unreadable")
    made = reading(
        monitor, scope=CALL, quality=quality, boundary=boundary, energy_j=joules, reason=why, **known, **more
    )
    attribute(made, None)
    return made


@pytest.fixture
def gpu():
    """
    A GPU that this process alone uses.
    """
    return ours("H200")


@pytest.fixture
def box(tree, tmp_path, gpu):
    """
    The meters of a machine with RAPL and this GPU, on clocks that a test moves.
    """
    tree.package(0).dram()
    (tmp_path / "gpu").mkdir()
    rapl, nvml = RaplMonitor(root=tree.root), machine(tmp_path / "gpu", gpu)
    rapl.clock = nvml.clock = FakeClock()
    return rapl, nvml


def record_of(monitors, inside, **options):
    """
    The record of a call in which `inside` happens.
    """
    with capture() as records:
        tracked_by(*monitors, **options)(inside)()
    assert [] == problems(records[0])
    return records[0]


def spend(box, tree, gpu, cpu_j=2.0, dram_j=1.0, gpu_j=300.0, seconds=1.0):
    """
    A function in which the meters count so many joules, and the thread is busy.
    """

    def work():
        sum(range(300_000))
        tree.zones["package-0"].add_j(cpu_j)
        tree.zones["dram-0"].add_j(dram_j)
        gpu.mj += round(gpu_j * 1000)
        box[0].clock.advance(seconds)

    return work


class TestOneCall:
    """
    What a record says on a machine with a GPU.
    """

    def test_a_job_on_a_gpu_has_the_joules_of_all_parts(self, box, tree, gpu):
        """
        300 J of the GPU, and its share of the package and its memory.
        """
        found = record_of(box, spend(box, tree, gpu))
        parts = found["energy_parts_j"]
        share = found["cpu_share"]

        assert ("package+dram+gpu", "rapl+nvml", "attributed") == tuple(
            found[key] for key in ("energy_boundary", "energy_source", "energy_quality")
        )
        assert {"package": pytest.approx(2 * share), "dram": pytest.approx(share), "gpu": pytest.approx(300)} == parts
        assert pytest.approx(sum(parts.values())) == found["energy_j"]
        assert found["reason"] is None

    def test_the_interval_is_the_widest_that_its_parts_can_make(self, box, tree, gpu):
        """
        End by end.
        """
        found = record_of(box, spend(box, tree, gpu))
        readings = primaries_of(found)

        assert ["rapl", "nvml"] == [each["monitor"] for each in readings]
        assert pytest.approx(sum(each["low_j"] for each in readings)) == found["energy_low_j"]
        assert pytest.approx(sum(each["high_j"] for each in readings)) == found["energy_high_j"]

    @pytest.mark.parametrize(("boundary", "source"), [("package+dram", "rapl"), ("gpu", "nvml")])
    def test_a_boundary_that_was_asked_for_is_alone(self, box, tree, gpu, boundary, source):
        """
        Whatever else was counted.
        """
        found = record_of(box, spend(box, tree, gpu), boundary=boundary)

        assert (boundary, source, None) == tuple(
            found[key] for key in ("energy_boundary", "energy_source", "energy_parts_j")
        )

    def test_a_sum_can_be_asked_for_too(self, box, tree, gpu):
        """
        And is there only when every part of it is.
        """
        whole = record_of(box, spend(box, tree, gpu), boundary="package+dram+gpu")
        wall = record_of(box, spend(box, tree, gpu), boundary="wall")

        assert "rapl+nvml" == whole["energy_source"]
        assert wall["energy_j"] is None
        assert "other boundary than asked for" in wall["reason"]

    @pytest.mark.parametrize("boundary", ["package", "dram", "package+gpu"])
    def test_of_a_meter_of_more_the_parts_that_were_asked_for_are_taken(self, box, tree, gpu, boundary):
        """
        RAPL tells the package from the memory.
        """
        part = record_of(box, spend(box, tree, gpu), boundary=boundary)
        machine_j = {"package": 2.0 * part["cpu_share"], "dram": part["cpu_share"], "gpu": 300.0}

        assert boundary == part["energy_boundary"]
        assert pytest.approx(sum(map(machine_j.get, boundary.split("+")))) == part["energy_j"]
        assert part["energy_low_j"] < part["energy_j"] < part["energy_high_j"]
        assert pytest.approx(part["energy_j"]) == EnergyReport([part]).energy_j

    @pytest.mark.parametrize("seconds", [1.0, 0.01])
    def test_a_call_that_never_touched_the_gpu_has_nothing_of_its_idle_watts(self, box, tree, gpu, seconds):
        """
        Nor a reason, even where its window is shorter than the counter's step: the driver lists no process of ours.
        """
        gpu.compute = []
        found = record_of(box, spend(box, tree, gpu, gpu_j=70.0, seconds=seconds))

        assert 0.0 == found["energy_parts_j"]["gpu"]
        assert found["energy_j"] <= 3.0
        assert found["reason"] is None

    def test_a_stranger_on_the_gpu_costs_this_call_nothing(self, box, tree, gpu):
        """
        Only its own processes count.
        """
        gpu.compute = [1]
        found = record_of(box, spend(box, tree, gpu))

        assert 0.0 == found["energy_parts_j"]["gpu"]

    def test_a_part_that_is_unknown_is_said_beside_the_number(self, box, tree, gpu):
        """
        Two processes on the GPU, and a driver that does not tell them apart.
        """
        gpu.compute = [os.getpid(), 1]
        found = record_of(box, spend(box, tree, gpu))

        assert ("package+dram", "rapl", None) == tuple(
            found[key] for key in ("energy_boundary", "energy_source", "energy_parts_j")
        )
        assert found["energy_j"] > 0
        assert found["reason"].startswith("without gpu: nvml: other processes use the GPU too")

    def test_a_monitor_that_breaks_leaves_its_part_out_with_the_reason(self, box, tree, gpu):
        """
        A driver that is gone in the middle of a call.
        """
        work = spend(box, tree, gpu)

        def broken():
            work()
            box[1].close()

        found = record_of(box, broken)

        assert "package+dram" == found["energy_boundary"]
        assert "without gpu: nvml: stop: RuntimeError" in found["reason"]

    def test_memory_that_can_not_be_read_is_said_too(self, box, tree, gpu):
        """
        The sum is the package and the GPU then.
        """
        work = spend(box, tree, gpu)

        def unreadable():
            work()
            tree.zones["dram-0"].file.write_text("broken")

        found = record_of(box, unreadable)

        assert "package+gpu" == found["energy_boundary"]
        assert found["reason"].startswith("without dram-0: ")

    def test_an_outer_call_has_its_own_joules_of_every_part(self, box, tree, gpu):
        """
        What the GPU did for the inner call is not the outer's.
        """
        track = tracked_by(*box)
        inner = track(spend(box, tree, gpu, gpu_j=200.0))

        def outer():
            inner()
            spend(box, tree, gpu, gpu_j=100.0)()

        with capture() as records:
            track(outer)()
        below, above = records

        assert pytest.approx(300) == above["energy_parts_j"]["gpu"]
        assert pytest.approx(above["energy_j"] - below["energy_j"], abs=1e-6) == above["energy_self_j"]

    def test_flat_keys_have_both_monitors(self, box, tree, gpu):
        """
        And the package's joules under the package's name.
        """
        found = record_of(box, spend(box, tree, gpu))
        flat = energy(found)

        assert "rapl+nvml" == flat["worker_func_energy_method_used"]
        assert "rapl:package+dram:attributed+nvml:gpu:attributed" == flat["worker_func_energy_source"]
        assert pytest.approx(found["energy_parts_j"]["package"]) == flat["worker_func_energy_pkg"]

    def test_without_a_gpu_there_is_one_reading_and_no_sum(self, tree):
        """
        As ever.
        """
        tree.package(0)
        found = record_of([RaplMonitor(root=tree.root)], lambda: sum(range(300_000)))

        assert (None, None) == (found["energy_parts_j"], found["gpu_sync"])


class TestWhichReadingsCount:
    """
    The order decides for each part.
    """

    def test_the_best_monitor_of_each_part_is_taken(self):
        """
        Two of the package, two of the GPU.
        """
        readings = [
            said("nvml", "gpu", 5.0),
            said("psutil-tdp", "package", 9.0, ESTIMATED),
            said("rapl", "package", 2.0),
        ]
        found, lacks = primaries([*readings, said("other", "gpu", 7.0)], RANKS)

        assert (["rapl", "nvml"], None) == ([each["monitor"] for each in found], lacks)

    def test_a_wall_stands_alone(self):
        """
        It holds everything already.
        """
        found, lacks = primaries([said("plug", "wall", 50.0), said("nvml", "gpu", 5.0)], {"plug": 0})

        assert (["plug"], None) == ([each["monitor"] for each in found], lacks)

    def test_cores_and_shares_of_servers_add_up_with_nothing(self):
        """
        A core is in a package; the parts of vcpu+memory are unknown.
        """
        for boundary in ("core", "vcpu+memory", "node", "unknown", ""):
            found, _ = primaries([said("rapl", boundary, 50.0), said("nvml", "gpu", 5.0)], RANKS)
            assert ["rapl"] == [each["monitor"] for each in found]

    def test_a_better_monitor_of_a_part_makes_up_for_a_worse_that_failed(self):
        """
        Nothing is missing then.
        """
        readings = [
            said("rapl", "package", None),
            said("psutil-tdp", "package", 3.0, ESTIMATED),
            said("nvml", "gpu", 4.0),
        ]
        found, lacks = primaries(readings, RANKS)

        assert (["psutil-tdp", "nvml"], None) == ([each["monitor"] for each in found], lacks)

    def test_the_weakest_quality_is_the_sums(self):
        """
        An estimate beside a measurement is an estimate, and its model's doubt is not the sum's.
        """
        model = {"model_id": "m", "common_factor_low": 0.5, "common_factor_high": 2.0}
        estimate = said("psutil-tdp", "package", 3.0, ESTIMATED, attributes=model)
        busy, idle = said("nvml", "gpu", 4.0), said("nvml", "gpu", 0.0)

        assert ESTIMATED == quality_of(added([estimate, busy]))
        assert {} == added([estimate, busy])["attributes"]
        assert model == added([estimate, idle])["attributes"]
        assert ATTRIBUTED == quality_of(added([said("a", "package", 1.0, ATTRIBUTED), busy]))

    def test_a_gpu_that_is_only_counted_with_the_package_is_said_to_be_missing(self):
        """
        A Grace Hopper module has one counter. It stands for the call where it comes first.
        """
        readings = [said("rapl", "package", 2.0), said("nvml", "package+dram+gpu", 9.0)]

        assert ("rapl", "without gpu: nvml counts it together with package+dram") == (
            primaries(readings, RANKS)[0][0]["monitor"],
            primaries(readings, RANKS)[1],
        )
        assert "nvml" == primaries(readings, {"nvml": 0})[0][0]["monitor"]

    def test_what_another_monitor_means_by_missing_does_no_harm(self):
        """
        Attributes are anybody's.
        """
        for attributes in ({"missing": 3}, {"missing": "x", "reasons": {}}, {"missing": ["x"], "reasons": None}):
            found, lacks = primaries([said("own", "package", 1.0, attributes=attributes)], {})
            assert (1, None) == (len(found), lacks)

    def test_a_failed_monitor_may_name_its_boundary(self):
        """
        So that a sum says what it lacks.
        """
        broken = FakeMonitor("gpus", joules=1.0, fail_in="stop")
        broken.boundary = "gpu"
        found = record_of([FakeMonitor("cpu", joules=2.0), broken], lambda: None)

        assert found["energy_j"] is not None
        assert found["reason"].startswith("without gpu: gpus: stop: ")


names = st.sampled_from(["a", "b", "c"])
boundaries = st.sampled_from(
    ["package", "dram", "gpu", "package+dram", "package+gpu", "dram+gpu", "package+dram+gpu", "wall", "core", "unknown"]
)
amounts = st.none() | st.floats(0, 1e6)


def once(readings):
    """
    Readings of which none counts a part that an earlier one of the same monitor counts.
    """
    kept = []
    for each in readings:
        parts = parts_in(each["boundary"])
        if not any(parts & parts_in(other["boundary"]) for other in kept if other["monitor"] == each["monitor"]):
            kept.append(each)
    return kept


layouts = st.lists(st.builds(said, names, boundaries, amounts), min_size=1, max_size=6).map(once)


@given(readings=layouts, order=st.permutations(["a", "b", "c"]))
def test_a_sum_counts_no_part_twice_and_is_found_again_by_its_names(readings, order):
    """
    Whatever monitors give: its parts are disjoint, its joules theirs, and each reader finds the same readings.
    """
    found, _ = primaries(readings, {name: rank for rank, name in enumerate(order)})
    if not found:
        assert all(each["call_j"] is None for each in readings)
        return
    whole = added(found) if len(found) > 1 else found[0]
    record = {"energy_source": whole["monitor"], "energy_boundary": whole["boundary"], "readings": readings}
    record["energy_parts_j"] = by_part(found) if len(found) > 1 else None

    if len(found) > 1:
        every = [part for each in found for part in parts_in(each["boundary"])]
        assert len(every) == len(set(every))
        assert set(every) <= set(PARTS)
        assert pytest.approx(whole["call_j"]) == sum(by_part(found).values())
        assert whole["low_j"] <= whole["call_j"] * (1 + 1e-9)
        assert whole["high_j"] >= whole["call_j"] * (1 - 1e-9)
    seen = primaries_of(record)
    assert {(each["monitor"], each["boundary"]) for each in seen} == {
        (each["monitor"], each["boundary"]) for each in found
    }


@given(readings=layouts)
def test_every_part_with_a_number_is_in_the_sum(readings):
    """
    Unless the best reading is of a boundary that adds up with no other.
    """
    found, lacks = primaries(readings, {})
    covered = {part for each in found for part in parts_in(each["boundary"])}
    if found and covered:
        left = [each for each in readings if not covered & parts_in(each["boundary"]) and parts_in(each["boundary"])]
        assert all(each["call_j"] is None for each in left)
        is_held = any(has_gpu(each["boundary"]) for each in readings) and GPU not in covered
        assert bool(left or is_held) == bool(lacks)


class TestWidest:
    """
    What grams and the price of electricity rest on.
    """

    def of(self, *readings, **more):
        """
        The widest joules of a record whose energy is the sum of its parts.
        """
        found, _ = primaries(readings, RANKS)
        whole = added(found) if len(found) > 1 else found[0]
        ends = {"energy_low_j": whole["low_j"], "energy_high_j": whole["high_j"]}
        return widest_of(
            {"energy_j": whole["call_j"], **ends, "energy_boundary": whole["boundary"], "readings": readings, **more}
        )

    def test_without_a_wall_it_is_the_sum_of_parts(self):
        """
        Named as the record names it.
        """
        assert (7.0, "package+gpu") == self.of(said("rapl", "package", 3.0), said("nvml", "gpu", 4.0))[::3]

    def test_a_model_of_the_wall_gets_the_gpus_joules_on_top(self):
        """
        It rests on the CPUs' load.
        """
        wall = said("psutil-tdp", "wall", 5.0, ESTIMATED)
        found = self.of(said("rapl", "package", 3.0), wall, said("nvml", "gpu", 300.0))

        assert (305.0, pytest.approx(274.5), pytest.approx(335.5), "wall+gpu") == found
        assert (5.0, "wall") == self.of(said("rapl", "package", 3.0), wall, said("nvml", "gpu", 0.0))[::3]

    def test_a_meter_at_the_wall_holds_the_gpu_already(self):
        """
        Its joules go to calls by CPU time: those of the GPU are taken out, and the call's own put in.
        """
        wall = said("plug", "wall", 1000.0) | {"scope": MACHINE, "call_j": 100.0, "low_j": 100.0, "high_j": 100.0}
        gpu = said("nvml", "gpu", 600.0) | {"scope": MACHINE, "call_j": 500.0, "low_j": 500.0, "high_j": 500.0}
        found = self.of(said("rapl", "package", 3.0), wall, gpu)

        assert (540.0, 540.0, 540.0, "wall") == found  # a tenth of the 400 J that are no GPU's, and the call's 500

    def test_a_wall_below_its_parts_is_not_believed(self):
        """
        The model is wrong then.
        """
        assert (3.0, "package") == self.of(said("rapl", "package", 3.0), said("psutil-tdp", "wall", 1.0, ESTIMATED))[
            ::3
        ]

    def test_old_records_and_other_tools_have_what_they_say(self):
        """
        No readings, no parts.
        """
        assert (3.0, None, None, "package") == widest_of({"energy_j": 3.0, "energy_boundary": "package"})
        assert (None, None, None, None) == widest_of({})
        assert (3.0, "vcpu+memory") == self.of(said("rapl", "vcpu+memory", 3.0), said("tdp", "wall", 9.0, ESTIMATED))[
            ::3
        ]


def test_examples_in_docstrings_run():
    """
    Every ``>>>`` prints what stands below it.
    """
    assert 0 == doctest.testmod(primary_module).failed


def test_a_gpu_without_the_python_package_is_said_to_be_missing_and_what_helps(tmp_path, monkeypatch):
    """
    Though nobody has asked for it by name. Without a driver nothing is missing.
    """
    monkeypatch.setitem(sys.modules, "pynvml", None)
    found = {}
    for name in ("driver", "none"):
        root = tmp_path / name
        (root / "dev").mkdir(parents=True)
        if name == "driver":
            (root / "dev" / "nvidiactl").touch()
        with track(name, sink="memory:", monitors="auto", plugins={"nvml": {"root": str(root)}}) as call:
            sum(range(100_000))
        found[name] = call.record

    assert "without gpu: nvml: " in found["driver"]["reason"]
    assert 'pip install "greensdk[nvml]"' in found["driver"]["errors"]["nvml"]
    assert (None, {}) == (found["none"]["reason"], found["none"]["errors"])


def test_a_gpu_of_which_nothing_is_known_says_so_in_a_container(tree, tmp_path):
    """
    Pids of the machine are not those of a container.
    """
    tree.package(0)
    root = tmp_path / "gpu"
    root.mkdir()
    nvml = machine(root, Gpu(), container=True)
    rapl = RaplMonitor(root=tree.root)
    rapl.clock = nvml.clock = clock = FakeClock()
    gpu = nvml.nvml.gpus[0]

    def work():
        gpu.mj += 1000
        tree.zones["package-0"].add_j(1.0)
        clock.advance(1.0)

    found = record_of([rapl, nvml], work)

    assert found["reason"].startswith("without gpu: nvml: the driver gives pids of the machine")
