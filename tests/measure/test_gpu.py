"""
Work that is still running on a GPU when a function returns: waited for on request, and named where it is not.

torch, cupy and jax are stand-ins behind their own names. Their GPU takes work at once and does it when somebody
waits, which takes time on a clock, and joules on a counter, that the test reads.
"""

from __future__ import annotations

import asyncio
import ctypes
import doctest
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import pytest
from nvml_kit import machine, ours

import greensdk
from greensdk import capture
from greensdk.measure import gpu as gpu_module
from greensdk.measure.gpu import CAPTURING, NOT_ASKED, TRACING, gpu_sync
from greensdk.schema.check import problems
from greensdk.testing import FakeClock, FakeMonitor, tracked_by


class Device:
    """
    A GPU with work before it.
    """

    def __init__(self, gpu, clock):
        self.gpu = gpu
        self.clock = clock
        self.waits = 0
        self.pending_j = 0.0

    def launch(self, joules):
        """
        Hand over a kernel, and go on.
        """
        self.pending_j += joules

    def end(self):
        """
        Do all of it: a watt is drawn for a second.
        """
        self.waits += 1
        self.gpu.mj += round(self.pending_j * 1000)
        self.clock.advance(self.pending_j / 100)
        self.pending_j = 0.0


@pytest.fixture
def nvml(tmp_path):
    """
    The meter of one GPU that this process uses.
    """
    (tmp_path / "gpu").mkdir()
    monitor = machine(tmp_path / "gpu", ours("H200"))
    monitor.clock = FakeClock()
    return monitor


@pytest.fixture
def device(nvml):
    """
    That GPU.
    """
    return Device(nvml.nvml.gpus[0], nvml.clock)


def torch_of(device, *, initialized=True, capturing=False, forked=False):
    """
    What of torch is asked.
    """
    torch = ModuleType("torch")
    torch.cuda = SimpleNamespace(
        is_initialized=lambda: initialized,
        is_current_stream_capturing=lambda: capturing,
        _is_in_bad_fork=lambda: forked,
        device_count=lambda: 1,
        synchronize=lambda _: device.end(),
    )
    return torch


def cupy_of(device, *, context=1, capturing=False):
    """
    What of cupy is asked.
    """

    def current():
        if context is None:
            raise RuntimeError("CUDA_ERROR_NOT_INITIALIZED: initialization error")
        return context

    cupy = ModuleType("cupy")
    cupy.cuda = SimpleNamespace(
        driver=SimpleNamespace(ctxGetCurrent=current),
        get_current_stream=lambda: SimpleNamespace(is_capturing=lambda: capturing),
        runtime=SimpleNamespace(getDeviceCount=lambda: 1),
        Device=lambda _: SimpleNamespace(synchronize=device.end),
    )
    return cupy


def jax_of(device, monkeypatch, *, initialized=True, platform="gpu", clean=True):
    """
    What of jax is asked.
    """
    jax = ModuleType("jax")
    jax.local_devices = lambda: [SimpleNamespace(platform=platform)]
    jax.device_put = lambda value, device: value
    jax.block_until_ready = lambda values: device.end() or values
    bridge = SimpleNamespace(backends_are_initialized=lambda: initialized)
    monkeypatch.setitem(sys.modules, "jax._src.xla_bridge", bridge)
    monkeypatch.setitem(sys.modules, "jax._src.core", SimpleNamespace(trace_state_clean=lambda: clean))
    return jax


def record_of(nvml, work, **options):
    """
    The record of a call.
    """
    with capture() as records:
        tracked_by(nvml, **options)(work)()
    assert [] == problems(records[-1])
    return records[-1]


def kernel(device, joules=50.0, seconds=0.5):
    """
    A function that hands a kernel over, and returns before it has ended.
    """

    def work():
        device.clock.advance(seconds)
        device.launch(joules)

    return work


@pytest.fixture(params=["torch", "cupy", "jax"])
def library(request, device, monkeypatch):
    """
    One of the libraries, imported and in use.
    """
    name = request.param
    made = jax_of(device, monkeypatch) if name == "jax" else {"torch": torch_of, "cupy": cupy_of}[name](device)
    monkeypatch.setitem(sys.modules, name, made)
    return name


def test_with_the_option_a_call_has_its_kernels_joules(nvml, device, library):
    """
    And none of those of the call before it.
    """
    device.launch(7.0)  # somebody's before
    found = record_of(nvml, kernel(device), gpu_sync=True)

    assert pytest.approx(50) == found["energy_j"]
    assert ([library], None) == (found["gpu_sync"]["libraries"], found["gpu_sync"]["reason"])
    assert found["gpu_sync"]["waited_s"] >= 0


def test_without_it_the_record_says_that_work_may_lie_outside(nvml, device, library):
    """
    The joules come to the next call.
    """
    found = record_of(nvml, kernel(device))

    assert 0.0 == found["energy_j"]
    assert 0 == device.waits
    assert {"libraries": [library], "waited_s": None, "reason": NOT_ASKED} == found["gpu_sync"]


def test_where_no_library_is_imported_nothing_is_said_or_imported(nvml, device):
    """
    With the option and without.
    """
    for option in (True, False):
        assert record_of(nvml, kernel(device), gpu_sync=option)["gpu_sync"] is None
    assert not {"torch", "cupy", "jax"} & sys.modules.keys()


@pytest.mark.parametrize("name", ["torch", "cupy", "jax"])
def test_a_library_that_has_used_no_gpu_is_left_alone(nvml, device, monkeypatch, name):
    """
    Waiting would make a context on the GPU.
    """
    made = {
        "torch": lambda: torch_of(device, initialized=False),
        "cupy": lambda: cupy_of(device, context=None),
        "jax": lambda: jax_of(device, monkeypatch, initialized=False),
    }[name]()
    monkeypatch.setitem(sys.modules, name, made)
    found = record_of(nvml, kernel(device), gpu_sync=True)

    assert (None, 0) == (found["gpu_sync"], device.waits)
    assert record_of(nvml, kernel(device))["gpu_sync"] is None


def test_jax_on_cpus_alone_is_left_alone(device, monkeypatch):
    """
    Its CPU is no GPU.
    """
    monkeypatch.setitem(sys.modules, "jax", jax_of(device, monkeypatch, platform="cpu"))

    assert (None, 0) == (gpu_sync(), device.waits)


@pytest.mark.parametrize("name", ["torch", "cupy", "jax"])
def test_no_wait_under_the_capture_of_a_graph_or_a_trace(device, monkeypatch, name):
    """
    It would break the capture; the record says that there was none.
    """
    made = {
        "torch": lambda: torch_of(device, capturing=True),
        "cupy": lambda: cupy_of(device, capturing=True),
        "jax": lambda: jax_of(device, monkeypatch, clean=False),
    }[name]()
    monkeypatch.setitem(sys.modules, name, made)
    why = TRACING if name == "jax" else CAPTURING

    assert {"libraries": [], "waited_s": None, "reason": why} == gpu_sync()
    assert 0 == device.waits


def test_torch_in_a_child_that_was_forked_too_late_is_left_alone(device, monkeypatch):
    """
    CUDA raises there.
    """
    monkeypatch.setitem(sys.modules, "torch", torch_of(device, forked=True))

    assert (None, 0) == (gpu_sync(), device.waits)


@pytest.mark.parametrize("name", ["cupy", "jax"])
def test_a_forked_child_does_not_wait_with_what_its_parent_had_imported(device, monkeypatch, name):
    """
    Neither survives a fork.
    """
    made = cupy_of(device) if name == "cupy" else jax_of(device, monkeypatch)
    monkeypatch.setitem(sys.modules, name, made)
    pid = os.fork()
    if not pid:
        said = gpu_sync()
        os._exit(0 if said["reason"] == gpu_module.FORKED.format(name) and not device.waits else 1)

    assert 0 == os.waitpid(pid, 0)[1]
    assert [name] == gpu_sync()["libraries"]


def test_a_kernel_that_failed_is_the_users_to_meet(nvml, device, monkeypatch):
    """
    Waiting meets it first: it is noted, and the function's result reaches its caller.
    """
    torch = torch_of(device)

    def synchronize(_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    torch.cuda.synchronize = synchronize
    monkeypatch.setitem(sys.modules, "torch", torch)
    with capture() as records:
        assert 42 == tracked_by(nvml, gpu_sync=True)(lambda: 42)()

    assert "torch: RuntimeError: CUDA error" in records[0]["gpu_sync"]["reason"]


def test_an_interrupt_in_the_wait_reaches_the_user_after_the_record(nvml, device, monkeypatch):
    """
    The wait is not taken up again.
    """
    torch = torch_of(device)
    ending = []

    def synchronize(_):
        if ending:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)

    torch.cuda.synchronize = synchronize
    monkeypatch.setitem(sys.modules, "torch", torch)
    with capture() as records, pytest.raises(KeyboardInterrupt):
        tracked_by(nvml, gpu_sync=True)(lambda: ending.append(1))()

    assert "the wait was interrupted" == records[0]["gpu_sync"]["reason"]


def test_coroutines_wait_when_they_end(device, monkeypatch):
    """
    Their loop stands still meanwhile.
    """
    monkeypatch.setitem(sys.modules, "torch", torch_of(device))

    @greensdk.energy_tracked(sink="memory:", monitors=[], gpu_sync=True)
    async def work():
        await asyncio.sleep(0)
        kernel(device)()

    with capture() as records:
        asyncio.run(work())

    assert (0.0, ["torch"]) == (device.pending_j, records[0]["gpu_sync"]["libraries"])


def test_the_option_is_a_setting_like_any_other(device, monkeypatch):
    """
    As an argument and as a variable; and the function waits where it is called.
    """
    monkeypatch.setitem(sys.modules, "torch", torch_of(device))
    with greensdk.track("a", sink="memory:", monitors=[], gpu_sync=True) as asked:
        pass
    monkeypatch.setenv("GREENSDK_GPU_SYNC", "yes")
    with greensdk.track("b", sink="memory:", monitors=[]) as by_variable:
        pass

    assert ["torch"] == asked.record["gpu_sync"]["libraries"] == by_variable.record["gpu_sync"]["libraries"]
    assert ["torch"] == greensdk.gpu_sync()["libraries"]


def test_where_nothing_counts_a_gpu_nothing_is_looked_for(device, monkeypatch):
    """
    The measured path is what it was.
    """
    monkeypatch.setitem(sys.modules, "torch", torch_of(device))
    with capture() as records:
        tracked_by(FakeMonitor("cpu", joules=1.0))(lambda: None)()

    assert records[0]["gpu_sync"] is None


@contextmanager
def driver_library(folder, active):
    """
    A library of the driver's name in this process, which says which GPUs have a context.
    """
    source = folder / "cuda.c"
    source.write_text(
        "int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active)\n"
        f"{{ *flags = 0; *active = device == {active}; return 0; }}\n"
    )
    path = folder / "libcuda.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", path, source], check=True)
    library = ctypes.CDLL(str(path))
    try:
        yield
    finally:
        ctypes.CDLL(None).dlclose(ctypes.c_void_p(library._handle))


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
def test_only_gpus_that_have_a_context_are_waited_for(tmp_path, device, monkeypatch):
    """
    The driver is asked, where it is a library of this process.
    """
    torch = torch_of(device)
    torch.cuda.device_count = lambda: 3
    waited = []
    torch.cuda.synchronize = waited.append
    monkeypatch.setitem(sys.modules, "torch", torch)
    with driver_library(tmp_path, active=1):
        gpu_sync()

    assert [1] == waited


def test_examples_in_docstrings_run():
    """
    Every ``>>>`` prints what stands below it.
    """
    assert 0 == doctest.testmod(gpu_module).failed
