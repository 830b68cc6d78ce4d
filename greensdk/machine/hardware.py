"""
Which machine and which CPU this is.

:func:`describe` is cheap enough for every process (a handful of small files, no child process, standard
library only); :func:`identify` asks py-cpuinfo, which takes a second, and is for ``greensdk doctor`` alone.
What nothing tells is None, never a guess.

:func:`greensdk.machine.cpu_class.classify` sorts the CPU's name into one of `CPU_CLASSES`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from greensdk.machine.cpu_class import CPU_CLASSES, classify

if TYPE_CHECKING:
    from typing import TypedDict

    class Host(TypedDict):
        """
        What :func:`describe` tells; :mod:`greensdk.schema.fields` says what each key means.
        """

        host_id: str
        boot_id: str | None
        os: str
        arch: str
        cpu_model: str | None
        cpu_class: str
        cpu_generation: str | None
        cpus_logical: int | None
        cpus_physical: int | None
        sockets: int | None
        memory_bytes: int | None
        virtualised: bool | None


__all__ = [
    "CPU_CLASSES",
    "boot_id",
    "classify",
    "describe",
    "host_id",
    "identify",
    "microarch",
    "number_of",
    "read_text",
    "registry",
    "sysctl",
    "text_of",
]

# DMI's vendor and product of virtual machines: hypervisors, and clouds that put their own name there.
_VIRTUAL_PRODUCTS = (
    "amazon ec2", "google compute engine", "alibaba cloud", "tencent cloud", "hetzner vserver", "droplet", "openstack",
    "kvm", "qemu", "bochs", "vmware", "virtualbox", "virtual machine", "hvm domu", "parallels", "apple virtualization",
)  # fmt: skip
_host_ids: dict[str, str] = {}


def host_id(root: str = "/") -> str:
    """
    Return 16 hex digits that stay the same for this machine and do not reveal its machine-id.

    They are the start of the SHA-256 of the machine-id, or of the host name where there is none (macOS, a
    Lambda, a bare container image). A machine-id that was built into an image is the same in all of its
    containers: `boot_id` tells their machines apart.
    """
    if root not in _host_ids:
        ids = (text_of(root, path) for path in ("etc/machine-id", "var/lib/dbus/machine-id"))
        name = next((text for text in ids if len(text) == 32), None) or _node()
        _host_ids[root] = _sha256(f"greensdk:{name}")[:16]
    return _host_ids[root]


def boot_id(root: str = "/") -> str | None:
    """
    Return the kernel's id of this boot, which containers share with their machine; None where there is none.
    """
    return text_of(root, "proc/sys/kernel/random/boot_id") or None


def calibration_path() -> str:
    """
    Return where the file of ``greensdk calibrate`` is when no setting says otherwise: the XDG Base Directory
    Specification's directory for state that is not worth a backup.
    """
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "greensdk", "calibration.json")


def sysctl(name: str) -> bytes:
    """
    Read one macOS sysctl without a child process; empty when there is no such thing here.
    """
    import ctypes

    call = getattr(ctypes.CDLL(None), "sysctlbyname", None)
    size = ctypes.c_size_t(256)
    buffer = ctypes.create_string_buffer(size.value)
    if call is None or call(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0)):
        return b""
    return buffer.raw[: size.value]


def registry(path: str, name: str) -> str:
    """
    Read one text under HKEY_LOCAL_MACHINE; empty when there is no such thing here, nor a registry.
    """
    try:
        import winreg  # type: ignore[import-not-found,unused-ignore]

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:  # type: ignore[attr-defined,unused-ignore]
            return str(winreg.QueryValueEx(key, name)[0])  # type: ignore[attr-defined,unused-ignore]
    except (ImportError, OSError):
        return ""


def describe(
    root: str = "/",
    *,
    system: str | None = None,
    arch: str | None = None,
    sysctl: Callable[[str], bytes] = sysctl,
    registry: Callable[[str, str], str] = registry,
) -> Host:
    """
    Describe this machine in well under a millisecond.

    Args:
        root: Where ``/proc``, ``/sys`` and ``/etc`` are; another folder for a machine that is not here.
        system: The operating system instead of `sys.platform`.
        arch: The architecture instead of the kernel's word.
        sysctl: How macOS is asked.
        registry: How Windows is asked.
    """
    system = system or sys.platform
    arch = arch or _machine()
    host: Host = {
        "host_id": host_id(root),
        "boot_id": boot_id(root),
        "os": system,
        "arch": arch,
        "cpu_model": None,
        "cpu_class": "unknown",
        "cpu_generation": None,
        "cpus_logical": None,
        "cpus_physical": None,
        "sockets": None,
        "memory_bytes": None,
        "virtualised": None,
    }
    if system == "darwin":
        numbers = _ask_macos(host, sysctl)
    elif system == "win32":
        numbers = _ask_windows(host, registry)
    else:
        numbers = _read_linux(host, root)
    host["cpu_class"] = classify(host["cpu_model"] or "", arch, numbers.get("vendor_id", ""))
    if host["cpu_class"] in ("masked-intel", "masked-amd", "hygon"):
        _unmask(host, numbers)
    return host


def microarch(root: str = "/") -> str | None:
    """
    Name the microarchitecture, such as ``Zen 5`` or ``Ice Lake-SP``; on ARM the core. None where nothing tells.

    A hypervisor's named CPU ("Intel Xeon Processor (Skylake, IBRS)") has the numbers of that name, whatever is below.
    """
    cpu = _first_cpu(root)
    return _arm_core(cpu) if "CPU implementer" in cpu else _microarch(cpu)


def identify(get_cpu_info: Callable[[], Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """
    Ask py-cpuinfo, which runs the CPUID instruction in a child process: about a second, for ``doctor`` only. Everything
    but ``reason`` is None where it is missing.
    """
    reason = None
    if get_cpu_info is None:
        try:
            import cpuinfo

            get_cpu_info = cpuinfo.get_cpu_info
        except ImportError:
            reason = 'py-cpuinfo is missing: pip install "py-cpuinfo>=9"'
    info = get_cpu_info() if get_cpu_info else {}
    brand = info.get("brand_raw")
    return {
        "cpu_model": brand,
        "cpu_class": classify(brand, info.get("arch_string_raw", "")) if brand else None,
        "vendor": info.get("vendor_id_raw"),
        "family": info.get("family"),
        "model": info.get("model"),
        "stepping": info.get("stepping"),
        "hz_advertised": (info.get("hz_advertised") or [None])[0],
        "l3_cache_bytes": info.get("l3_cache_size"),
        "reason": reason,
    }


def read_text(*path: str) -> str:
    """
    Return the beginning of a small file of the kernel's, without blanks around it.

    Raises:
        OSError: It can't be read.
    """
    # One read of at most 8 KB: the whole /proc/cpuinfo of a machine with 128 CPUs takes milliseconds to make.
    fd = os.open(os.path.join(*path), os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        return os.read(fd, 8192).decode("utf-8", "replace").strip("\0 \t\n")
    finally:
        os.close(fd)


def text_of(*path: str) -> str:
    """
    Return the same; empty where it can't be read.
    """
    try:
        return read_text(*path)
    except OSError:
        return ""


def number_of(*path: str) -> int | None:
    """
    Return the number in such a file; None where there is none.
    """
    try:
        return int(text_of(*path))
    except ValueError:
        return None


def cpus_in(text: str) -> list[int]:
    """
    Return the numbers of a list as the kernel writes it (Documentation/admin-guide/cputopology.rst).

    Example:
        >>> cpus_in("0-3,8")
        [0, 1, 2, 3, 8]

    Raises:
        ValueError: It is no such list.
    """
    parts = [part.partition("-") for part in text.strip().split(",") if part]
    return [cpu for low, _, high in parts for cpu in range(int(low), int(high or low) + 1)]


def _microarch(cpu: Mapping[str, str]) -> str | None:
    keys = ("cpu family", "model", "stepping")
    if not all(cpu.get(key, "").isdigit() for key in keys):
        return None
    from greensdk.machine.cores import x86_microarch

    family, model, stepping = (int(cpu[key]) for key in keys)
    return x86_microarch(cpu.get("vendor_id", ""), family, model, stepping)


def _unmask(host: Host, cpu: Mapping[str, str]) -> None:
    # On bare metal the numbers are true: a sample or a nameless part of client silicon is recognised.
    host["cpu_generation"] = _microarch(cpu)
    if host["virtualised"] is False and host["cpu_generation"] and "xeon" not in (host["cpu_model"] or "").lower():
        from greensdk.machine.cores import is_client

        if is_client(cpu["vendor_id"], int(cpu["cpu family"]), int(cpu["model"])):
            host["cpu_class"] = host["cpu_class"].replace("masked-", "") + "-client"


def _sha256(text: str) -> str:
    # hashlib loads OpenSSL, 2 ms; the interpreter's own module, which `random` uses too, is there at once.
    for module in ("_sha2", "_sha256", "hashlib"):
        try:
            return str(import_module(module).sha256(text.encode()).hexdigest())
        except ImportError:
            continue
    raise ImportError("this interpreter has no SHA-256")


def _node() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def _machine() -> str:
    return os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "").lower()


def _ask_windows(host: Host, ask: Callable[[str, str], str]) -> dict[str, str]:
    # Fills in the host and returns CPUID's numbers, which Windows has as "Intel64 Family 6 Model 154 Stepping 3".
    cpu, bios = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0", r"HARDWARE\DESCRIPTION\System\BIOS"
    words = ask(cpu, "Identifier").lower().split()
    numbers = dict(zip(words[1::2], words[2::2], strict=False))
    product = f"{ask(bios, 'SystemManufacturer')} {ask(bios, 'SystemProductName')}".strip().lower()
    host["cpu_model"] = " ".join(ask(cpu, "ProcessorNameString").split()) or None
    host["cpus_logical"] = os.cpu_count()
    host["virtualised"] = any(each in product for each in _VIRTUAL_PRODUCTS) if product else None
    vendor = ask(cpu, "VendorIdentifier").strip()
    return {"vendor_id": vendor, "cpu family": numbers.get("family", ""), **numbers}


def _ask_macos(host: Host, ask: Callable[[str], bytes]) -> dict[str, str]:
    # Fills in the host. CPUID's numbers are of no use: a Mac tells its CPU's name.
    def number(name: str) -> int | None:
        return int.from_bytes(ask(name), "little") or None

    host["boot_id"] = ask("kern.bootsessionuuid").rstrip(b"\0").decode() or None
    host["cpu_model"] = ask("machdep.cpu.brand_string").rstrip(b"\0").decode() or None
    host["cpus_logical"] = number("hw.logicalcpu")
    host["cpus_physical"] = number("hw.physicalcpu")
    host["sockets"] = number("hw.packages")
    host["memory_bytes"] = number("hw.memsize")
    virtual = ask("kern.hv_vmm_present")
    host["virtualised"] = any(virtual) if virtual else None
    return {}


def _read_linux(host: Host, root: str) -> dict[str, str]:
    # Fills in the host and returns what the kernel says of the first CPU.
    cpu = _first_cpu(root)
    dmi = f"{text_of(root, 'sys/class/dmi/id/sys_vendor')} {text_of(root, 'sys/class/dmi/id/product_name')}".lower()
    logical = _count(text_of(root, "sys/devices/system/cpu/online")) or (os.cpu_count() if root == "/" else None)
    memory = text_of(root, "proc/meminfo").partition("MemTotal:")[2].split()
    host["cpu_model"] = _model(root, cpu, dmi)
    host["cpus_logical"] = logical
    host["cpus_physical"], host["sockets"] = _cores_and_sockets(root, cpu, logical)
    host["memory_bytes"] = int(memory[0]) * 1024 if memory else None
    host["virtualised"] = _virtualised(root, cpu, dmi)
    return cpu


def _first_cpu(root: str) -> dict[str, str]:
    block = text_of(root, "proc/cpuinfo").partition("\n\n")[0]
    pairs = (line.partition(":") for line in block.splitlines())
    return {key.strip(): " ".join(value.split()) for key, _, value in pairs}


def _model(root: str, cpu: Mapping[str, str], dmi: str) -> str | None:
    if "CPU implementer" not in cpu:
        # "Model Name" on LoongArch, "cpu" on POWER, "uarch" on RISC-V, and "IBM/S390" as vendor
        names = (cpu.get(key) for key in ("model name", "Model Name", "cpu", "uarch"))
        return next((name for name in names if name), None) or (cpu["vendor_id"] if "# processors" in cpu else None)
    board = text_of(root, "proc/device-tree/model")
    if board.startswith("Raspberry Pi"):
        return board
    from greensdk.machine.cores import apple_soc, server_of

    core = _arm_core(cpu)
    if core.startswith("Apple"):
        return apple_soc(text_of(root, "proc/device-tree/compatible")) or core
    return server_of(core, dmi.strip())


def _arm_core(cpu: Mapping[str, str]) -> str:
    from greensdk.machine.cores import arm_core

    return arm_core(int(cpu["CPU implementer"], 16), int(cpu.get("CPU part", "0"), 16))


def _cores_and_sockets(root: str, cpu: Mapping[str, str], logical: int | None) -> tuple[int | None, int | None]:
    if "siblings" in cpu:
        threads, cores = int(cpu["siblings"]), int(cpu.get("cpu cores", "0"))
        return _exact(logical, threads, cores), _exact(logical, threads)
    topology = "sys/devices/system/cpu/cpu0/topology"
    core, package = (_count(text_of(root, f"{topology}/{kind}_siblings_list")) for kind in ("thread", "core"))
    return _exact(logical, core), _exact(logical, package)


def _exact(logical: int | None, per: int | None, times: int = 1) -> int | None:
    # CPUs that are offline or hidden leave a remainder: then the files don't tell the machine's number.
    return logical * times // per or None if logical and per and logical % per == 0 else None


def _count(cpus: str) -> int | None:
    with suppress(ValueError):
        return len(cpus_in(cpus)) or None
    return None


def _virtualised(root: str, cpu: Mapping[str, str], dmi: str) -> bool | None:
    # CPUID leaf 1, ECX bit 31 is 0 on every real x86 and 1 under a hypervisor: the kernel shows it as a flag.
    if "hypervisor" in cpu.get("flags", "").split() or text_of(root, "sys/hypervisor/type"):
        return True
    if "flags" in cpu or ".metal" in dmi:
        return False
    if text_of(root, "proc/device-tree/hypervisor/compatible"):
        return True
    return True if any(product in dmi for product in _VIRTUAL_PRODUCTS) else None
