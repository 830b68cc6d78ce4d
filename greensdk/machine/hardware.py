"""
Which machine and which CPU this is.

:func:`describe` is cheap enough for every process (a handful of small files, no child process, standard
library only); :func:`identify` asks py-cpuinfo, which takes a second, and is for ``greensdk doctor`` alone.
What nothing tells is None, never a guess.

:func:`classify` sorts a CPU's name into one of `CPU_CLASSES`:

==============  ===========================================================================
class           names
==============  ===========================================================================
intel-server    Xeon with a model number
intel-client    Core, Pentium, Celeron, Atom, N-series
amd-server      EPYC and Opteron with a model number
amd-client      Ryzen, Threadripper, Athlon, A-series, FX
apple           Apple silicon, also under Rosetta (``VirtualApple``)
graviton        AWS Graviton
ampere          Ampere Altra and AmpereOne
arm-server      Neoverse, Cobalt, Kunpeng, ThunderX, A64FX of any other maker
arm-client      Cortex, Raspberry Pi, Snapdragon, Oryon, Carmel
masked-intel    an Intel name without a model number, as hypervisors show (Lambda, GCP, QEMU)
masked-amd      the same for AMD (``AMD EPYC``, ``AMD EPYC-Rome Processor``)
unknown         everything else
==============  ===========================================================================
"""

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypedDict

CPU_CLASSES = (
    "intel-server",
    "intel-client",
    "amd-server",
    "amd-client",
    "apple",
    "graviton",
    "ampere",
    "arm-server",
    "arm-client",
    "masked-intel",
    "masked-amd",
    "unknown",
)

# The first words found decide, so a maker's special names stand above its general ones.
_CLASS_WORDS = (
    ("apple", ("apple",)),
    ("graviton", ("graviton",)),
    ("ampere", ("ampere", "altra")),
    ("arm-server", ("neoverse", "cobalt", "kunpeng", "thunderx", "a64fx")),
    ("arm-client", ("cortex", "raspberry pi", "snapdragon", "oryon", "carmel")),
    ("amd-server", ("epyc", "opteron")),
    ("amd-client", ("ryzen", "threadripper", "athlon", "amd a", "amd pro a", "amd fx", "amd e1", "amd e2", "amd e-")),
    ("amd-client", ("phenom", "sempron", "turion", "amd custom apu")),
    ("intel-server", ("xeon",)),
    ("intel-client", ("intel core", "intel n", "intel processor", "intel atom", "pentium", "celeron")),
)

# What hypervisors put where the name was, without a maker in it: QEMU's qemu64, kvm64 and Westmere, DigitalOcean.
_NAMELESS = ("virtual cpu", "kvm processor", "westmere e56xx", "do-regular", "do-premium")
_VENDORS = {"GenuineIntel": "masked-intel", "AuthenticAMD": "masked-amd"}
_VIRTUAL_PRODUCTS = (
    "amazon ec2",
    "google compute engine",
    "kvm",
    "qemu",
    "bochs",
    "vmware",
    "virtualbox",
    "virtual machine",
    "openstack",
    "hvm domu",
    "parallels",
    "droplet",
    "apple virtualization",
)
_host_ids: dict[str, str] = {}


class Host(TypedDict):
    """
    What :func:`describe` tells.

    Keys:
        host_id: See :func:`host_id`.
        boot_id: See :func:`boot_id`.
        os: ``linux`` or ``darwin``, as `sys.platform`.
        arch: ``x86_64``, ``aarch64``, ``arm64``, as the kernel says.
        cpu_model: The CPU's name as the machine tells it; on ARM made from the part number.
        cpu_class: One of `CPU_CLASSES`.
        cpus_logical: Hardware threads of the machine, not those this process may run on.
        cpus_physical: Cores.
        sockets: Packages; on a virtual machine what the hypervisor pretends.
        memory_bytes: RAM of the machine.
        virtualised: True in a virtual machine, False on bare metal, None when nothing tells.
    """

    host_id: str
    boot_id: str | None
    os: str
    arch: str
    cpu_model: str | None
    cpu_class: str
    cpus_logical: int | None
    cpus_physical: int | None
    sockets: int | None
    memory_bytes: int | None
    virtualised: bool | None


def host_id(root: str = "/") -> str:
    """
    Return 16 hex digits that stay the same for this machine and give its machine-id to nobody.

    They are the start of the SHA-256 of the machine-id, or of the host name where there is none (macOS, a
    Lambda, a bare container image). A machine-id that was built into an image is the same in all of its
    containers: `boot_id` tells their machines apart.
    """
    if root not in _host_ids:
        ids = (_text(root, path) for path in ("etc/machine-id", "var/lib/dbus/machine-id"))
        name = next((text for text in ids if len(text) == 32), None) or os.uname().nodename
        _host_ids[root] = _sha256(f"greensdk:{name}")[:16]
    return _host_ids[root]


def boot_id(root: str = "/") -> str | None:
    """
    Return the kernel's id of this boot, which containers share with their machine; None where there is none.
    """
    return _text(root, "proc/sys/kernel/random/boot_id") or None


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


def describe(
    root: str = "/",
    *,
    system: str | None = None,
    arch: str | None = None,
    sysctl: Callable[[str], bytes] = sysctl,
) -> Host:
    """
    Describe this machine in well under a millisecond.

    Args:
        root: Where ``/proc``, ``/sys`` and ``/etc`` are; another folder for a machine that is not here.
        system: The operating system instead of `sys.platform`.
        arch: The architecture instead of the kernel's word.
        sysctl: How macOS is asked.
    """
    system = system or sys.platform
    arch = arch or os.uname().machine
    host: Host = {
        "host_id": host_id(root),
        "boot_id": boot_id(root),
        "os": system,
        "arch": arch,
        "cpu_model": None,
        "cpu_class": "unknown",
        "cpus_logical": None,
        "cpus_physical": None,
        "sockets": None,
        "memory_bytes": None,
        "virtualised": None,
    }
    vendor = _ask_macos(host, sysctl) if system == "darwin" else _read_linux(host, root)
    host["cpu_class"] = classify(host["cpu_model"] or "", arch, vendor)
    return host


def classify(model: str, arch: str = "", vendor: str = "") -> str:
    """
    Sort a CPU's name into one of `CPU_CLASSES`; see the table at the top of this module.

    Args:
        model: The name.
        arch: The kernel's architecture; an x86 name on ARM is that of an emulator's host.
        vendor: ``vendor_id`` of ``/proc/cpuinfo``, which KVM leaves as it is under any name ("Common KVM
            processor") that hides even the maker.
    """
    name = " ".join(model.lower().replace("(r)", " ").replace("(tm)", " ").replace("(c)", " ").split())
    found = next((cls for cls, words in _CLASS_WORDS if any(word in name for word in words)), "unknown")
    if found == "unknown" and any(word in name for word in _NAMELESS):
        found = _VENDORS.get(vendor, "unknown")
    maker = found.partition("-")[0]
    if maker not in ("intel", "amd", "masked"):
        return found
    if arch in ("aarch64", "arm64"):
        return "unknown"
    return found if maker == "masked" or _has_model_number(name) else f"masked-{maker}"


def microarch(root: str = "/") -> str | None:
    """
    Name the microarchitecture, such as ``Zen 5`` or ``Ice Lake-SP``; on ARM the core. None where nothing tells.

    A hypervisor's named CPU ("Intel Xeon Processor (Skylake, IBRS)") has the numbers of that name, whatever is below.
    """
    cpu = _first_cpu(root)
    if "CPU implementer" in cpu:
        return _arm_core(cpu)
    keys = ("cpu family", "model", "stepping")
    if not all(cpu.get(key, "").isdigit() for key in keys):
        return None
    from greensdk.machine.cores import x86_microarch

    family, model, stepping = (int(cpu[key]) for key in keys)
    return x86_microarch(cpu.get("vendor_id", ""), family, model, stepping)


def identify(get_cpu_info: Callable[[], Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """
    Ask py-cpuinfo, which runs the CPUID instruction in a child process: about a second, for ``doctor`` only.

    Returns:
        ``cpu_model``, ``cpu_class``, ``vendor``, ``family``, ``model``, ``stepping``, ``hz_advertised``,
        ``l3_cache_bytes``, and ``reason`` when py-cpuinfo is missing (all others are None then).
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


def _has_model_number(name: str) -> bool:
    # "xeon processor @ 2.50ghz" and "xeon processor (skylake, ibrs)" have none; "xeon e3-12xx v2" is QEMU's.
    words = name.partition("@")[0].partition("(")[0]
    return (sum(c.isdigit() for c in words) > 1 or "ryzen z" in words) and "xx" not in words


def _text(root: str, path: str) -> str:
    # One read of at most 8 KB: the whole /proc/cpuinfo of a machine with 128 CPUs takes milliseconds to make.
    try:
        fd = os.open(os.path.join(root, path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(fd, 8192).decode("utf-8", "replace").strip("\0 \n")
    except OSError:
        return ""
    finally:
        os.close(fd)


def _sha256(text: str) -> str:
    # hashlib loads OpenSSL, 2 ms; the interpreter's own module, which `random` uses too, is there at once.
    for module in ("_sha2", "_sha256", "hashlib"):
        try:
            return str(import_module(module).sha256(text.encode()).hexdigest())
        except ImportError:
            continue
    raise ImportError("this interpreter has no SHA-256")


def _ask_macos(host: Host, ask: Callable[[str], bytes]) -> str:
    # Fills in the host and returns the maker's id, of which macOS has none on ARM and no need on Intel.
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
    return ""


def _read_linux(host: Host, root: str) -> str:
    # Fills in the host and returns the maker's id.
    cpu = _first_cpu(root)
    dmi = f"{_text(root, 'sys/class/dmi/id/sys_vendor')} {_text(root, 'sys/class/dmi/id/product_name')}".lower()
    logical = _count(_text(root, "sys/devices/system/cpu/online")) or (os.cpu_count() if root == "/" else None)
    memory = _text(root, "proc/meminfo").partition("MemTotal:")[2].split()
    host["cpu_model"] = _model(root, cpu, dmi)
    host["cpus_logical"] = logical
    host["cpus_physical"], host["sockets"] = _cores_and_sockets(root, cpu, logical)
    host["memory_bytes"] = int(memory[0]) * 1024 if memory else None
    host["virtualised"] = _virtualised(root, cpu, dmi)
    return cpu.get("vendor_id", "")


def _first_cpu(root: str) -> dict[str, str]:
    block = _text(root, "proc/cpuinfo").partition("\n\n")[0]
    pairs = (line.partition(":") for line in block.splitlines())
    return {key.strip(): " ".join(value.split()) for key, _, value in pairs}


def _model(root: str, cpu: Mapping[str, str], dmi: str) -> str | None:
    if "CPU implementer" not in cpu:
        return cpu.get("model name") or cpu.get("cpu")
    board = _text(root, "proc/device-tree/model")
    if board.startswith("Raspberry Pi"):
        return board
    from greensdk.machine.cores import apple_soc, graviton

    core = _arm_core(cpu)
    if core.startswith("Apple"):
        return apple_soc(_text(root, "proc/device-tree/compatible")) or core
    vendor, _, instance = dmi.rpartition(" ")
    return graviton(core, instance) if vendor == "amazon ec2" else core


def _arm_core(cpu: Mapping[str, str]) -> str:
    from greensdk.machine.cores import arm_core

    return arm_core(int(cpu["CPU implementer"], 16), int(cpu.get("CPU part", "0"), 16))


def _cores_and_sockets(root: str, cpu: Mapping[str, str], logical: int | None) -> tuple[int | None, int | None]:
    if "siblings" in cpu:
        threads, cores = int(cpu["siblings"]), int(cpu.get("cpu cores", "0"))
        return _exact(logical, threads, cores), _exact(logical, threads)
    topology = "sys/devices/system/cpu/cpu0/topology"
    core, package = (_count(_text(root, f"{topology}/{kind}_siblings_list")) for kind in ("thread", "core"))
    return _exact(logical, core), _exact(logical, package)


def _exact(logical: int | None, per: int | None, times: int = 1) -> int | None:
    # CPUs that are offline or hidden leave a remainder: then the files don't tell the machine's number.
    return logical * times // per or None if logical and per and logical % per == 0 else None


def _count(cpus: str) -> int | None:
    # The kernel's CPU list format, "0-3,8": Documentation/admin-guide/cputopology.rst.
    try:
        ends = [[int(end) for end in part.split("-")] for part in cpus.split(",")]
    except ValueError:
        return None
    return sum(end[-1] - end[0] + 1 for end in ends)


def _virtualised(root: str, cpu: Mapping[str, str], dmi: str) -> bool | None:
    # CPUID leaf 1, ECX bit 31 is 0 on every real x86 and 1 under a hypervisor: the kernel shows it as a flag.
    if "hypervisor" in cpu.get("flags", "").split() or _text(root, "sys/hypervisor/type"):
        return True
    if "flags" in cpu or dmi.endswith(".metal"):
        return False
    if _text(root, "proc/device-tree/hypervisor/compatible"):
        return True
    return True if any(product in dmi for product in _VIRTUAL_PRODUCTS) else None
