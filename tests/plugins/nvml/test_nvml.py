"""
GPUs: what they counted, and whose it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import nvml_kit
import pytest
from greensdk_nvml.users import BESIDE, CONTAINER, ENDED, UNKNOWN, Users
from hypothesis import given
from hypothesis import strategies as st
from nvml_kit import Gpu, Library, machine

from greensdk import capture
from greensdk.errors import MonitorUnavailable
from greensdk.testing import FakeClock, check_monitor, tracked_by
from greensdk.testing.conformance import check_reading

ME, OTHER = os.getpid(), 2**22 + 7


@pytest.fixture
def root(tmp_path):
    """
    An empty folder, which becomes the machine's root.
    """
    return tmp_path


def made(root, *gpus):
    """
    Return a monitor on these GPUs, and a clock of the test.
    """
    monitor = machine(root, *gpus)
    monitor.clock = clock = FakeClock()
    return monitor, clock


def window(root, *gpus, spent_mj=5000, seconds=1.0, container=False):
    """
    Return the reading of a window in which the first GPU counts so many millijoules.
    """
    return nvml_kit.window(machine(root, *gpus, container=container), [spent_mj, *[0] * (len(gpus) - 1)], seconds)


class TestOwners:
    """
    CPU time says nothing here.
    """

    def test_a_gpu_of_ours_alone_is_ours(self, root):
        """
        All that it drew, its rest as well.
        """
        gpu = Gpu()
        gpu.compute = [ME]
        found = window(root, gpu)

        assert (5.0, 5.0, None) == (found["energy_j"], found["call_j"], found["reason"])
        assert ("gpu", "machine", "measured") == (found["boundary"], found["scope"], found["quality"])
        assert pytest.approx(5.0 * 0.0684, rel=1e-3) == found["high_j"] - found["call_j"]

    def test_a_gpu_of_others_is_not_ours(self, root):
        """
        Nor an unused one.
        """
        gpu, idle = Gpu(), Gpu("idle")
        gpu.graphics = [OTHER]
        found = window(root, gpu, idle)

        assert (5.0, 0.0) == (found["energy_j"], found["call_j"])
        assert {"gpu-0": 0.0, "gpu-1": 0.0} == found["attributes"]["shares"]

    def test_a_gpu_with_others_is_shared_by_use(self, root):
        """
        As the driver's samples tell.
        """
        gpu = Gpu()
        gpu.compute, gpu.used = [ME, OTHER], [(ME, 30), (OTHER, 60), (ME, 30)]

        assert 2.5 == window(root, gpu)["call_j"]

    @pytest.mark.parametrize(
        "used", [[], [(ME, 0), (OTHER, 0)], RuntimeError("Not Supported")], ids=["none", "idle", "refused"]
    )
    def test_without_samples_the_owner_is_unknown(self, root, used):
        """
        The joules of the GPU are there, with the reason why none are the call's.
        """
        gpu = Gpu()
        gpu.compute, gpu.used = [ME, OTHER], used
        found = window(root, gpu)

        assert (5.0, None, UNKNOWN) == (found["energy_j"], found["call_j"], found["reason"])

    def test_children_are_ours(self, root):
        """
        A worker that a call has started.
        """
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            gpu = Gpu()
            gpu.compute = [child.pid]
            assert 5.0 == window(root, gpu)["call_j"]
        finally:
            child.communicate(b"\n")

    def test_a_child_that_has_ended_leaves_the_owner_unknown(self, root):
        """
        It is on no list any more; 0 J would be a lie.
        """
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        gpu = Gpu()
        gpu.used = [(child.pid, 95)]

        found = window(root, gpu)

        assert (5.0, None, ENDED) == tuple(found[key] for key in ("energy_j", "call_j", "reason"))

    def test_another_that_has_ended_is_not_us(self, root):
        """
        We are alone on the list, and were not.
        """
        gpu = Gpu()
        gpu.compute, gpu.used = [ME], [(ME, 10), (OTHER, 90)]

        found = window(root, gpu)

        assert (None, ENDED) == tuple(found[key] for key in ("call_j", "reason"))

    @pytest.mark.parametrize(("value", "expected"), [(6, 5.0), (3, 5.0)])
    def test_alone_on_the_list_no_samples_are_needed(self, root, value, expected):
        """
        NVML_ERROR_NOT_FOUND says that there are none in the window, NVML_ERROR_NOT_SUPPORTED that there never are.
        """
        error = RuntimeError("NVML")
        error.value = value
        gpu = Gpu()
        gpu.compute, gpu.used = [ME], error

        assert expected == window(root, gpu)["call_j"]

    @staticmethod
    def overlap(root, gpu, inner):
        """
        Return what two calls read, of which the second runs inside the first or beside it.
        """
        monitor, clock = made(root, gpu)
        both = threading.Barrier(2)

        def beside():
            both.wait()
            gpu.mj += 4000
            clock.advance(1.0)
            both.wait()

        def one():
            gpu.mj += 4000
            clock.advance(1.0)

        with capture() as records:
            if inner:
                tracked_by(monitor)(tracked_by(monitor)(one))()
            else:
                threads = [threading.Thread(target=tracked_by(monitor)(beside)) for _ in range(2)]
                [thread.start() for thread in threads]
                [thread.join() for thread in threads]
        return [record["readings"][0] for record in records]

    def test_calls_beside_each_other_do_not_both_take_the_gpu(self, root):
        """
        16 J would be handed out of 8: the driver tells processes apart, not calls.
        """
        gpu = Gpu()
        gpu.compute = [ME]

        found = self.overlap(root, gpu, inner=False)

        assert [(8.0, None, BESIDE)] * 2 == [(each["energy_j"], each["call_j"], each["reason"]) for each in found]

    def test_a_call_inside_another_is_in_its_joules(self, root):
        """
        Energy is inclusive.
        """
        gpu = Gpu()
        gpu.compute = [ME]

        assert [4.0, 4.0] == [each["call_j"] for each in self.overlap(root, gpu, inner=True)]

    def test_in_a_container_the_owner_is_unknown(self, root):
        """
        Its pids are not the machine's.
        """
        gpu = Gpu()
        gpu.compute = [ME]

        found = window(root, gpu, container=True)

        assert (5.0, None, CONTAINER) == tuple(found[key] for key in ("energy_j", "call_j", "reason"))

    def test_without_proc_the_owner_is_unknown(self):
        """
        Rather than a guess.
        """
        assert ({}, CONTAINER) == Users(Library(), [], "/nonexistent").shares(0)

    def test_the_window_leaves_the_share_as_it_is(self, root):
        """
        Through a real call: no CPU share is taken.
        """
        gpu = Gpu()
        gpu.compute = [ME]
        monitor, clock = made(root, gpu)

        def work():
            gpu.mj += 8000
            clock.advance(1.0)

        with capture() as records:
            tracked_by(monitor)(work)()
        found = records[0]["readings"][0]

        assert 8.0 == found["energy_j"]
        assert found["call_j"] in {8.0, None}
        assert (found["call_j"] is None) == (found["reason"] == CONTAINER)


class TestCounters:
    """
    What can go wrong with them.
    """

    def test_a_lost_gpu_does_not_stop_the_others(self, root):
        """
        It is None, with the driver's words.
        """
        gpu, lost = Gpu(), Gpu("lost")
        gpu.compute = [ME]
        lost.mj = RuntimeError("GPU is lost")
        found = window(root, gpu, lost)

        assert (5.0, {"gpu-0": 5.0, "gpu-1": None}) == (found["call_j"], found["domains"])
        assert {"gpu-1": "GPU is lost"} == found["attributes"]["reasons"]

    def test_a_window_does_not_survive_a_close(self, root):
        """
        Nor another opening, on other handles.
        """
        monitor, _ = made(root, Gpu())
        with pytest.raises(RuntimeError, match="nvml is not open"):
            monitor.start()
        for again in (monitor.open, monitor.close):
            monitor.open()
            token = monitor.start()
            again()
            with pytest.raises(RuntimeError, match="closed or reopened"):
                monitor.stop(token)

    def test_no_joules_need_no_owner(self, root):
        """
        0 J are 0 J, whoever used the GPU.
        """
        monitor, clock = made(root, Gpu())
        metrics = monitor.open()
        monitor._users.namespace = "/nonexistent"
        token = monitor.start()
        clock.advance(1.0)
        found = monitor.stop(token)
        monitor.close()

        check_reading(monitor, found, metrics)
        assert (0.0, 0.0, None) == (found["energy_j"], found["call_j"], found["reason"])

    def test_a_driver_that_was_loaded_anew_has_no_number(self, root):
        """
        Its counter began at 0.
        """
        found = window(root, Gpu(), spent_mj=-900)

        assert found["energy_j"] is None
        assert "gpu-0: the counter went back from 1000 to 100 mJ: the driver was reloaded" == found["reason"]

    def test_a_short_window_has_no_number(self, root):
        """
        The counter may not have moved.
        """
        found = window(root, Gpu(), seconds=0.05)

        assert (None, {"gpu-0": None}) == (found["energy_j"], found["domains"])
        assert "the window is shorter than the GPU's update interval of 100 ms" == found["reason"]

    @given(st.lists(st.integers(0, 5_000_000), min_size=1, max_size=8))
    def test_gpus_are_added(self, tmp_path_factory, amounts):
        """
        Each is a domain.
        """
        gpus = [Gpu(str(number)) for number in range(len(amounts))]
        found = nvml_kit.window(machine(tmp_path_factory.mktemp("gpus"), *gpus), amounts)

        assert pytest.approx(sum(amounts) / 1000) == found["energy_j"]
        assert [pytest.approx(mj / 1000) for mj in amounts] == list(found["domains"].values())


class TestProbe:
    """
    What can be measured, and why not.
    """

    def test_without_a_driver_it_is_one_look(self, tmp_path):
        """
        The library is not imported.
        """
        found = subprocess.run(
            [sys.executable, "-c", "import sys, greensdk_nvml as n\n"
             f"print(n.NvmlMonitor(root={str(tmp_path)!r}).probe().reason, 'pynvml' in sys.modules)"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip

        assert f"there is no {tmp_path}/dev/nvidiactl: no NVIDIA driver is loaded False\n" == found.stdout

    def test_a_driver_that_does_not_answer_has_a_reason(self, root):
        """
        Its own words.
        """
        monitor, _ = made(root)
        monitor.nvml.error = RuntimeError("Driver/library version mismatch")

        assert "the driver can't be asked: Driver/library version mismatch" == monitor.probe().reason

    def test_a_gpu_before_volta_has_a_reason(self, root):
        """
        It has no counter.
        """
        old = Gpu()
        old.mj = RuntimeError("Not Supported")
        monitor, _ = made(root, old)

        assert "it does from the Volta generation on" in monitor.probe().reason
        with pytest.raises(MonitorUnavailable, match="Volta"):
            monitor.open()

    def test_no_gpu_at_all_has_a_reason(self, root):
        """
        CUDA_VISIBLE_DEVICES does not hide them from the driver, a container does.
        """
        assert "the driver shows no GPU to this process" == made(root)[0].probe().reason

    def test_it_keeps_to_the_contract(self, root):
        """
        And leaves the library as often as it enters.
        """
        monitor, _ = made(root, Gpu(), Gpu("second"))

        assert ["gpu-0", "gpu-1"] == [metric.name for metric in check_monitor(monitor)]
        assert 0 == monitor.nvml.entered

    def test_a_forked_child_does_not_leave_for_its_parent(self, root):
        """
        The handles are the parent's.
        """
        monitor, _ = made(root, Gpu())
        monitor.open()
        pid = os.fork()
        if pid == 0:
            monitor.close()
            os._exit(monitor.nvml.entered)
        _, status = os.waitpid(pid, 0)
        monitor.close()

        assert (1, 0) == (os.waitstatus_to_exitcode(status), monitor.nvml.entered)


def test_a_grace_hopper_module_is_named_for_what_its_counter_holds(tmp_path):
    """
    CPU and memory too, so that the package is not added to it.
    """
    assert "package+dram+gpu" == window(tmp_path, Gpu("NVIDIA GH200 480GB"))["boundary"]
