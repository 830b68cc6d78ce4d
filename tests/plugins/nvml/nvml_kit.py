"""
A stand-in for NVIDIA's library: the functions that the monitor calls, with GPUs that a test drives.

It stands for hardware that is not here; ``tests/plugins/nvml/test_gpu.py`` runs where a GPU is.
"""

import os
from types import SimpleNamespace

from greensdk_nvml import NvmlMonitor


class Gpu:
    """
    One GPU: its counter, who is on it, how busy they had it, and what it refuses.
    """

    def __init__(self, name="H200", mj=1000):
        self.name = name
        self.uuid = f"GPU-{name}"
        self.mj = mj
        self.compute = []
        self.graphics = []
        self.used = []
        self.limit_mw = 700_000
        self.mig = [0, 0]
        self.forbidden = None
        self.lost = None


class Library:
    """
    The functions of ``pynvml`` that are used.
    """

    def __init__(self, *gpus):
        self.gpus = list(gpus)
        self.entered = 0
        self.error = None

    def nvmlInit(self):
        """
        Enter.
        """
        if self.error:
            raise self.error
        self.entered += 1

    def nvmlShutdown(self):
        """
        Leave.
        """
        self.entered -= 1

    def nvmlDeviceGetCount(self):
        """
        How many GPUs there are.
        """
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):
        """
        One of them.
        """
        if self.gpus[index].forbidden:
            raise self.gpus[index].forbidden
        return self.gpus[index]

    def nvmlDeviceGetName(self, gpu):
        """
        Its name; older versions of the library give bytes.
        """
        if gpu.lost:
            raise gpu.lost
        return gpu.name.encode()

    def nvmlDeviceGetUUID(self, gpu):
        """
        Its id.
        """
        return gpu.uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu):
        """
        Millijoules since the driver was loaded.
        """
        if isinstance(gpu.mj, Exception):
            raise gpu.mj
        return gpu.mj

    def nvmlDeviceGetEnforcedPowerLimit(self, gpu):
        """
        Milliwatts.
        """
        return gpu.limit_mw

    def nvmlDeviceGetMigMode(self, gpu):
        """
        Whether it is divided into instances, and will be after the next reset.
        """
        return gpu.mig

    def nvmlDeviceGetComputeRunningProcesses(self, gpu):
        """
        Who computes.
        """
        return [SimpleNamespace(pid=pid) for pid in gpu.compute]

    def nvmlDeviceGetGraphicsRunningProcesses(self, gpu):
        """
        Who draws.
        """
        return [SimpleNamespace(pid=pid) for pid in gpu.graphics]

    def nvmlDeviceGetProcessUtilization(self, gpu, since_us):
        """
        How busy each process had it.
        """
        if isinstance(gpu.used, Exception):
            raise gpu.used
        return [SimpleNamespace(pid=pid, smUtil=percent) for pid, percent in gpu.used]


def machine(root, *gpus, container=False):
    """
    Return a monitor on these GPUs, below a folder that stands for the machine's root.
    """
    (root / "dev").mkdir()
    (root / "dev" / "nvidiactl").touch()
    (root / "ns").symlink_to(f"pid:[{4026532000 if container else 4026531836}]")
    monitor = NvmlMonitor(root=str(root))
    monitor.nvml = Library(*gpus)
    monitor.namespace = str(root / "ns")
    return monitor


def window(monitor, spent_mj, seconds=1.0):
    """
    The reading of a window in which each GPU counts so many millijoules.
    """
    from meter_kit import opened

    with opened(monitor) as (_, clock):
        token = monitor.start()
        for gpu, mj in zip(monitor.nvml.gpus, spent_mj, strict=True):
            if isinstance(gpu.mj, int):
                gpu.mj += mj
        clock.advance(seconds)
        return monitor.stop(token)


def ours(name, mj=1000):
    """
    A GPU that this process alone uses.
    """
    gpu = Gpu(name, mj)
    gpu.compute = [os.getpid()]
    return gpu
