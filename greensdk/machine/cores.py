"""
The names behind a CPU's numbers: ARM cores by their part number, x86 microarchitectures by family and model.

Only machines whose kernel gives no name load this module, and those who ask for the microarchitecture.
"""

# Implementer and part number of MIDR_EL1: Arm's technical reference manuals, and Linux,
# arch/arm64/include/asm/cputype.h. Apple's Ultra parts answer as their Max halves: see APPLE_SOCS.
_ARM_PARTS = {
    0x41: {
        0xB76: "ARM ARM1176",
        0xC07: "ARM Cortex-A7",
        0xC08: "ARM Cortex-A8",
        0xC09: "ARM Cortex-A9",
        0xC0F: "ARM Cortex-A15",
        0xD03: "ARM Cortex-A53",
        0xD04: "ARM Cortex-A35",
        0xD05: "ARM Cortex-A55",
        0xD07: "ARM Cortex-A57",
        0xD08: "ARM Cortex-A72",
        0xD09: "ARM Cortex-A73",
        0xD0A: "ARM Cortex-A75",
        0xD0B: "ARM Cortex-A76",
        0xD0C: "ARM Neoverse-N1",
        0xD0D: "ARM Cortex-A77",
        0xD40: "ARM Neoverse-V1",
        0xD41: "ARM Cortex-A78",
        0xD42: "ARM Cortex-A78AE",
        0xD44: "ARM Cortex-X1",
        0xD46: "ARM Cortex-A510",
        0xD47: "ARM Cortex-A710",
        0xD48: "ARM Cortex-X2",
        0xD49: "ARM Neoverse-N2",
        0xD4A: "ARM Neoverse-E1",
        0xD4B: "ARM Cortex-A78C",
        0xD4C: "ARM Cortex-X1C",
        0xD4D: "ARM Cortex-A715",
        0xD4E: "ARM Cortex-X3",
        0xD4F: "ARM Neoverse-V2",
        0xD80: "ARM Cortex-A520",
        0xD81: "ARM Cortex-A720",
        0xD82: "ARM Cortex-X4",
        0xD84: "ARM Neoverse-V3",
        0xD85: "ARM Cortex-X925",
        0xD87: "ARM Cortex-A725",
        0xD8E: "ARM Neoverse-N3",
    },
    0x43: {0x0A1: "Cavium ThunderX", 0x0AF: "Cavium ThunderX2"},
    0x46: {0x001: "Fujitsu A64FX"},
    0x48: {0xD01: "HiSilicon Kunpeng 920"},
    0x4E: {0x004: "NVIDIA Carmel"},
    0x61: {
        0x022: "Apple M1",
        0x023: "Apple M1",
        0x024: "Apple M1 Pro",
        0x025: "Apple M1 Pro",
        0x028: "Apple M1 Max",
        0x029: "Apple M1 Max",
        0x032: "Apple M2",
        0x033: "Apple M2",
        0x034: "Apple M2 Pro",
        0x035: "Apple M2 Pro",
        0x038: "Apple M2 Max",
        0x039: "Apple M2 Max",
    },
    0x6D: {0xD49: "Microsoft Azure Cobalt 100"},
    0xC0: {0xAC3: "Ampere AmpereOne", 0xAC4: "Ampere AmpereOne"},
}
_ARM_MAKERS = {0x41: "ARM", 0x43: "Cavium", 0x46: "Fujitsu", 0x48: "HiSilicon", 0x4E: "NVIDIA", 0x51: "Qualcomm"}
_ARM_MAKERS |= {0x61: "Apple", 0x6D: "Microsoft", 0xC0: "Ampere"}

# Linux, Documentation/devicetree/bindings/arm/apple.yaml.
_APPLE_SOCS = {
    "apple,t8103": "Apple M1",
    "apple,t6000": "Apple M1 Pro",
    "apple,t6001": "Apple M1 Max",
    "apple,t6002": "Apple M1 Ultra",
    "apple,t8112": "Apple M2",
    "apple,t6020": "Apple M2 Pro",
    "apple,t6021": "Apple M2 Max",
    "apple,t6022": "Apple M2 Ultra",
}

# Which core is in which Graviton: aws.amazon.com/ec2/graviton and the AWS Graviton technical guide.
_GRAVITON = {"ARM Cortex-A72": "", "ARM Neoverse-N1": "2", "ARM Neoverse-V1": "3", "ARM Neoverse-V2": "4"}
_GRAVITON_3E = ("c7gn", "hpc7g")

# Linux, arch/x86/include/asm/intel-family.h: models of family 6.
_INTEL = {
    0x1A: "Nehalem-EP",
    0x2A: "Sandy Bridge",
    0x2C: "Westmere-EP",
    0x2D: "Sandy Bridge-EP",
    0x3A: "Ivy Bridge",
    0x3C: "Haswell",
    0x3D: "Broadwell",
    0x3E: "Ivy Bridge-EP",
    0x3F: "Haswell-EP",
    0x45: "Haswell",
    0x46: "Haswell",
    0x47: "Broadwell",
    0x4E: "Skylake",
    0x4F: "Broadwell-EP",
    0x56: "Broadwell-DE",
    0x5E: "Skylake",
    0x6A: "Ice Lake-SP",
    0x6C: "Ice Lake-D",
    0x7D: "Ice Lake",
    0x7E: "Ice Lake",
    0x8C: "Tiger Lake",
    0x8D: "Tiger Lake",
    0x8E: "Kaby Lake",
    0x8F: "Sapphire Rapids",
    0x97: "Alder Lake",
    0x9A: "Alder Lake",
    0x9E: "Kaby Lake",
    0xA5: "Comet Lake",
    0xA6: "Comet Lake",
    0xA7: "Rocket Lake",
    0xAD: "Granite Rapids",
    0xAE: "Granite Rapids-D",
    0xAF: "Sierra Forest",
    0xB7: "Raptor Lake",
    0xBA: "Raptor Lake",
    0xBD: "Lunar Lake",
    0xBE: "Alder Lake-N",
    0xBF: "Raptor Lake",
    0xCF: "Emerald Rapids",
}
# The same file: one model number for three generations, which the stepping tells apart.
_SKYLAKE_SP = ((0, "Skylake-SP"), (5, "Cascade Lake-SP"), (10, "Cooper Lake-SP"))

# Linux, arch/x86/kernel/cpu/amd.c: family, first and last model.
_AMD = (
    (0x17, 0x00, 0x2F, "Zen"),
    (0x17, 0x30, 0x4F, "Zen 2"),
    (0x17, 0x50, 0x5F, "Zen"),
    (0x17, 0x60, 0xAF, "Zen 2"),
    (0x19, 0x00, 0x0F, "Zen 3"),
    (0x19, 0x10, 0x1F, "Zen 4"),
    (0x19, 0x20, 0x5F, "Zen 3"),
    (0x19, 0x60, 0xAF, "Zen 4"),
    (0x1A, 0x00, 0x2F, "Zen 5"),
    (0x1A, 0x40, 0x4F, "Zen 5"),
    (0x1A, 0x60, 0x7F, "Zen 5"),
)


def arm_core(maker: int, part: int) -> str:
    """
    Name an ARM core; one that is not known keeps its numbers.
    """
    return _ARM_PARTS.get(maker, {}).get(part) or f"{_ARM_MAKERS.get(maker, f'maker {maker:#x}')} part {part:#x}"


def apple_soc(compatible: str) -> str | None:
    """
    Name Apple's part from the device tree's ``compatible``, whose entries end in NUL.
    """
    return next((_APPLE_SOCS[entry] for entry in compatible.split("\0") if entry in _APPLE_SOCS), None)


def graviton(core: str, instance: str) -> str:
    """
    Name the Graviton of an EC2 instance; the core as it is where neither core nor instance type tell.

    Args:
        core: What :func:`arm_core` says.
        instance: The instance type, as in ``m7g.large``. AWS counts instances of its own CPUs from ``6g``, the
            second Graviton, on; it helps where the core is newer than this table.
    """
    kind = instance.partition(".")[0]
    generation = _GRAVITON.get(core)
    if generation is None:
        letters = kind.lstrip("abcdefghijklmnopqrstuvwxyz")
        if not (letters[:1] in tuple("6789") and letters[1:2] == "g"):
            return core
        generation = str(int(letters[0]) - 4)
    return f"AWS Graviton{generation}{'E' if kind in _GRAVITON_3E else ''} ({core})"


def x86_microarch(vendor: str, family: int, model: int, stepping: int) -> str | None:
    """
    Name the microarchitecture behind CPUID's numbers; None where the table doesn't tell.

    >>> x86_microarch("AuthenticAMD", 26, 2, 1)
    'Zen 5'
    """
    if vendor == "AuthenticAMD":
        return next((name for fam, first, last, name in _AMD if fam == family and first <= model <= last), None)
    if vendor != "GenuineIntel" or family != 6:
        return None
    if model == 0x55:
        return next(name for first, name in reversed(_SKYLAKE_SP) if stepping >= first)
    return _INTEL.get(model)
