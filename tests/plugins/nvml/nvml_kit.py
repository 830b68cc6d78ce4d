"""
A stand-in for NVIDIA's library: the functions that the monitor calls, with GPUs that a test drives.

It stands for hardware that is not here; ``tests/plugins/nvml/test_gpu.py`` runs where a GPU is.
"""

from types import SimpleNamespace


class Gpu:
    """
    One GPU: its counter, who is on it, and how busy they had it.
    """

    def __init__(self, name="H200", mj=1000):
        self.name = name
        self.uuid = f"GPU-{name}"
        self.mj = mj
        self.compute = []
        self.graphics = []
        self.used = []


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
        return self.gpus[index]

    def nvmlDeviceGetName(self, gpu):
        """
        Its name; older versions of the library give bytes.
        """
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
