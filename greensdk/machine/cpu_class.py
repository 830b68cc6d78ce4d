"""
Which class of CPU a name belongs to.

:func:`classify` sorts a CPU's name into one of `CPU_CLASSES`:

==============  ===========================================================================
class           names
==============  ===========================================================================
intel-server    Xeon with a model number
intel-client    Core, Pentium, Celeron, Atom, N-series
amd-server      EPYC, Opteron and Instinct APU with a model number
amd-client      Ryzen, Threadripper, Athlon, A-series, FX, G-series
apple           Apple silicon, also under Rosetta (``VirtualApple``)
graviton        AWS Graviton
ampere          Ampere Altra and AmpereOne
arm-server      Neoverse, Axion, Grace, Cobalt, Yitian, Kunpeng, Phytium, ThunderX, A64FX
arm-client      Cortex, Raspberry Pi, Snapdragon, Oryon, Carmel, all 32-bit ARM
arm             any other ARM
masked-intel    an Intel without a model number: as hypervisors show (Lambda, GCP, QEMU), samples
masked-amd      the same for AMD (``AMD EPYC``, ``AMD EPYC-Rome Processor``)
hygon           Hygon C86, a first EPYC by licence
zhaoxin         Zhaoxin, VIA, Centaur
x86             any other x86
power           IBM POWER
s390x           IBM Z and LinuxONE
riscv           RISC-V
loongarch       Loongson
unknown         everything else, and an x86 name on ARM
==============  ===========================================================================
"""

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
    "arm",
    "masked-intel",
    "masked-amd",
    "hygon",
    "zhaoxin",
    "x86",
    "power",
    "s390x",
    "riscv",
    "loongarch",
    "unknown",
)

# The first words found decide, so a maker's special names stand above its general ones.
_CLASS_WORDS = (
    ("apple", ("apple",)),
    ("graviton", ("graviton",)),
    ("ampere", ("ampere", "altra")),
    ("arm-server", ("neoverse", "axion", "nvidia grace", "nvidia olympus", "cobalt", "yitian", "kunpeng", "phytium")),
    ("arm-server", ("thunderx", "a64fx", "emag", "x-gene")),
    ("arm-client", ("cortex", "raspberry pi", "snapdragon", "oryon", "kryo", "carmel", "denver", "armv6", "armv7")),
    ("hygon", ("hygon", "dhyana")),
    ("zhaoxin", ("zhaoxin", "via ", "centaur")),
    ("power", ("power5", "power6", "power7", "power8", "power9", "power10", "power11")),
    ("s390x", ("ibm/s390",)),
    ("loongarch", ("loongson",)),
    ("amd-server", ("epyc", "opteron", "instinct")),
    ("amd-client", ("ryzen", "threadripper", "athlon", "amd a", "amd pro a", "amd fx", "amd e1", "amd e2", "amd e-")),
    ("amd-client", ("phenom", "sempron", "turion", "amd custom apu", "amd gx-", "amd g-", "amd rx-", "amd embedded")),
    ("amd-client", ("amd 3015", "amd 3020", "amd 4700s", "amd 4800s", "amd c-", "amd geode")),
    ("intel-server", ("xeon",)),
    ("intel-client", ("intel core", "intel n", "intel u3", "intel processor", "intel atom", "pentium", "celeron")),
)

# Where the name tells nothing (QEMU's kvm64, engineering samples): CPUID's vendor, then the architecture.
_VENDORS = {
    "GenuineIntel": "masked-intel",
    "AuthenticAMD": "masked-amd",
    "HygonGenuine": "hygon",
    "CentaurHauls": "zhaoxin",
    "Shanghai": "zhaoxin",
}
_ARCHITECTURES = (
    ("x86", ("x86_64", "amd64", "i386", "i486", "i586", "i686")),
    ("arm", ("aarch64", "arm64")),
    ("arm-client", ("arm",)),
    ("power", ("ppc",)),
    ("s390x", ("s390",)),
    ("riscv", ("riscv",)),
    ("loongarch", ("loongarch",)),
)


def classify(model: str, arch: str = "", vendor: str = "") -> str:
    """
    Sort a CPU's name into one of `CPU_CLASSES`; see the table at the top of this module.

    Args:
        model: The name.
        arch: The kernel's architecture; an x86 name on ARM is that of an emulator's host.
        vendor: ``vendor_id`` of ``/proc/cpuinfo``, which KVM leaves as it is under any name ("Common KVM
            processor") that hides even the maker, and samples have too.
    """
    name = " ".join(model.lower().replace("(r)", " ").replace("(tm)", " ").replace("(c)", " ").split())
    found = next((cls for cls, words in _CLASS_WORDS if any(word in name for word in words)), "")
    if not found:
        by_arch = next((cls for cls, starts in _ARCHITECTURES if arch.startswith(starts)), "unknown")
        found = _VENDORS.get(vendor.strip(), by_arch) if by_arch in ("x86", "unknown") else by_arch
    maker = found.partition("-")[0]
    if maker not in ("intel", "amd"):
        return found
    if arch in ("aarch64", "arm64"):
        return "unknown"
    return found if _has_model_number(name) else f"masked-{maker}"


def _has_model_number(name: str) -> bool:
    # "xeon processor @ 2.50ghz" and "xeon processor (skylake, ibrs)" have none; "xeon e3-12xx v2" is QEMU's.
    words = name.partition("@")[0].partition("(")[0]
    return (sum(c.isdigit() for c in words) > 1 or "ryzen z" in words) and "xx" not in words
