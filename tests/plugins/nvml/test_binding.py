"""
The monitor on the real nvidia-ml-py: C functions of this file stand in for the driver's library alone.

So that what the binding does with structures, sizes and error codes is its own doing.
"""

from __future__ import annotations

import ctypes
import os
import time

import pytest
from greensdk_nvml import NvmlMonitor
from greensdk_nvml.users import UNKNOWN

from greensdk.testing import FakeClock, check_monitor

SUCCESS, NOT_SUPPORTED, NOT_FOUND, TOO_SMALL, LOST = 0, 3, 6, 7, 15
"""nvmlReturn_t of nvml.h."""

pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed: pip install nvidia-ml-py")


class Driver:
    """
    One GPU behind the C interface.

    Attributes:
        mj: Its counter.
        error: What reading it returns.
        pids: Who is on it.
        used: Samples of use, (pid, percent).
    """

    def __init__(self):
        self.mj, self.error, self.pids, self.used = 1000, SUCCESS, [], []
        pointer, uint = ctypes.c_void_p, ctypes.c_uint
        self.nvmlInitWithFlags = self._c(lambda flags: SUCCESS, uint)
        self.nvmlShutdown = self._c(lambda: SUCCESS)
        self.nvmlDeviceGetCount_v2 = self._c(self._count, pointer)
        self.nvmlDeviceGetHandleByIndex_v2 = self._c(self._handle, uint, pointer)
        self.nvmlDeviceGetName = self._c(self._text(b"NVIDIA H200"), pointer, pointer, uint)
        self.nvmlDeviceGetUUID = self._c(self._text(b"GPU-1"), pointer, pointer, uint)
        self.nvmlErrorString = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_int)(lambda code: b"error %d" % code)
        self.nvmlDeviceGetTotalEnergyConsumption = self._c(self._energy, pointer, pointer)
        self.nvmlDeviceGetComputeRunningProcesses_v3 = self._c(self._processes, pointer, pointer, pointer)
        self.nvmlDeviceGetGraphicsRunningProcesses_v3 = self._c(self._no_process, pointer, pointer, pointer)
        self.nvmlDeviceGetProcessUtilization = self._c(self._use, pointer, pointer, pointer, ctypes.c_ulonglong)

    @staticmethod
    def _c(function, *types):
        return ctypes.CFUNCTYPE(ctypes.c_int, *types)(function)

    @staticmethod
    def _put(address, value, kind=ctypes.c_uint):
        ctypes.cast(address, ctypes.POINTER(kind))[0] = value

    def _count(self, number):
        self._put(number, 1)
        return SUCCESS

    def _handle(self, index, handle):
        self._put(handle, 0xBEEF, ctypes.c_void_p)
        return SUCCESS

    def _text(self, text):
        def answer(handle, buffer, size):
            ctypes.memmove(buffer, text + b"\0", len(text) + 1)
            return SUCCESS

        return answer

    def _energy(self, handle, mj):
        assert handle == 0xBEEF
        self._put(mj, self.mj, ctypes.c_ulonglong)
        return self.error

    def _no_process(self, handle, count, array):
        self._put(count, 0)
        return SUCCESS

    def _processes(self, handle, count, array):
        if not self.pids:
            return self._no_process(handle, count, array)
        if array is None:
            self._put(count, len(self.pids))
            return TOO_SMALL
        self._put(count, len(self.pids))
        found = ctypes.cast(array, ctypes.POINTER(pynvml.c_nvmlProcessInfo_v3_t))
        for place, pid in enumerate(self.pids):
            found[place].pid = pid
        return SUCCESS

    def _use(self, handle, array, count, since_us):
        # Microseconds since 1970, and of this window.
        assert 0 <= time.time_ns() // 1000 - since_us < 60_000_000
        if isinstance(self.used, int):
            return self.used
        if array is None:
            self._put(count, len(self.used))
            return TOO_SMALL
        found = ctypes.cast(array, ctypes.POINTER(pynvml.c_nvmlProcessUtilizationSample_t))
        for place, (pid, percent) in enumerate(self.used):
            found[place].pid, found[place].smUtil, found[place].timeStamp = pid, percent, since_us + 1
        return SUCCESS


@pytest.fixture
def driver(monkeypatch):
    """
    The stand-in, in the place where the binding keeps the library.
    """
    made = Driver()
    monkeypatch.setattr(pynvml, "nvmlLib", made)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    return made


@pytest.fixture
def monitor(driver, tmp_path):
    """
    The monitor, which imports the binding by itself.
    """
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidiactl").touch()
    (tmp_path / "ns").symlink_to("pid:[4026531836]")
    made = NvmlMonitor(root=str(tmp_path))
    made.namespace = str(tmp_path / "ns")
    made.clock = FakeClock()
    yield made
    made.close()


def window(monitor, driver):
    """
    The reading of a second in which the GPU counts 5 J.
    """
    monitor.open()
    token = monitor.start()
    driver.mj += 5000
    monitor.clock.advance(1.0)
    return monitor.stop(token)


@pytest.mark.parametrize(
    ("others", "used", "call_j", "reason"),
    [
        ([], NOT_FOUND, 5.0, None),
        ([], NOT_SUPPORTED, 5.0, None),
        ([2**22 + 7], "30 to 10", 3.75, None),
        ([2**22 + 7], NOT_FOUND, None, UNKNOWN),
        ([2**22 + 7], NOT_SUPPORTED, None, UNKNOWN),
    ],
)
def test_whose_the_joules_are(monitor, driver, others, used, call_j, reason):
    """
    Lists, samples and error codes come through the binding as the monitor expects them.
    """
    driver.pids = [os.getpid(), *others]
    driver.used = [(os.getpid(), 30), (others[0], 10)] if isinstance(used, str) else used

    found = window(monitor, driver)

    assert (5.0, call_j, reason) == tuple(found[key] for key in ("energy_j", "call_j", "reason"))
    assert {"gpu-0": "NVIDIA H200"} == found["attributes"]["names"]


def test_a_lost_gpu_has_the_bindings_words(monitor, driver):
    """
    Its error text, not a number.
    """
    monitor.open()
    token = monitor.start()
    driver.error = LOST
    monitor.clock.advance(1.0)
    found = monitor.stop(token)

    assert (None, {"gpu-0": None}, "gpu-0: GPU is lost") == tuple(
        found[key] for key in ("energy_j", "domains", "reason")
    )


def test_a_gpu_without_a_counter_has_a_reason(monitor, driver):
    """
    NVML_ERROR_NOT_SUPPORTED, as before Volta.
    """
    driver.error = NOT_SUPPORTED

    assert "Volta" in monitor.probe().reason


def test_it_keeps_to_the_contract(monitor, driver):
    """
    Through its whole life.
    """
    driver.pids = [os.getpid()]

    assert ["gpu-0"] == [metric.name for metric in check_monitor(monitor)]
