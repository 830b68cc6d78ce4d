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
    0x42: {0x516: "Broadcom ThunderX2"},
    0x43: {0x0A1: "Cavium ThunderX", 0x0AF: "Cavium ThunderX2", 0x0B8: "Marvell ThunderX3"},
    0x46: {0x001: "Fujitsu A64FX"},
    0x48: {0xD01: "HiSilicon Kunpeng 920", 0xD02: "HiSilicon Kunpeng (HIP09)", 0xD06: "HiSilicon Kunpeng (HIP12)"},
    0x4E: {0x003: "NVIDIA Denver 2", 0x004: "NVIDIA Carmel", 0x010: "NVIDIA Olympus"},
    0x50: {0x000: "APM X-Gene", 0x001: "Ampere eMAG (X-Gene 3)"},
    0x51: {
        0x001: "Qualcomm Oryon",
        0x800: "Qualcomm Kryo",
        0x802: "Qualcomm Kryo",
        0x803: "Qualcomm Kryo",
        0x804: "Qualcomm Kryo",
        0x805: "Qualcomm Kryo",
    },
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
    0x70: {
        0x303: "Phytium FTC310",
        0x660: "Phytium FTC660",
        0x661: "Phytium FTC661",
        0x662: "Phytium FTC662",
        0x663: "Phytium FTC663",
        0x664: "Phytium FTC664",
        0x862: "Phytium FTC862",
    },
    0xC0: {0xAC3: "Ampere AmpereOne", 0xAC4: "Ampere AmpereOne"},
}
_ARM_MAKERS = {0x41: "ARM", 0x43: "Cavium", 0x46: "Fujitsu", 0x48: "HiSilicon", 0x4E: "NVIDIA", 0x51: "Qualcomm"}
_ARM_MAKERS |= {0x42: "Broadcom", 0x50: "APM", 0x61: "Apple", 0x6D: "Microsoft", 0x70: "Phytium", 0xC0: "Ampere"}

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
    "apple,t8122": "Apple M3",
    "apple,t6030": "Apple M3 Pro",
    "apple,t6031": "Apple M3 Max",
    "apple,t6034": "Apple M3 Max",
    "apple,t6032": "Apple M3 Ultra",
    "apple,t8132": "Apple M4",
    "apple,t6040": "Apple M4 Pro",
    "apple,t6041": "Apple M4 Max",
}

# Which core is in which Graviton: aws.amazon.com/ec2/graviton and the AWS Graviton technical guide.
_GRAVITON = {"ARM Cortex-A72": "", "ARM Neoverse-N1": "2", "ARM Neoverse-V1": "3", "ARM Neoverse-V2": "4"}
_GRAVITON_3E = ("c7gn", "hpc7g")

# Arm's cores in servers other than AWS's: core, what DMI's vendor and product begin with, part. "" stands for any DMI:
# Altra is the only Neoverse N1 that others sell, and Grace the only V2 outside of Google.
_SERVERS = (
    ("ARM Neoverse-N1", "", "Ampere Altra"),
    ("ARM Neoverse-N2", "alibaba", "Alibaba Yitian 710"),
    ("ARM Neoverse-N2", "microsoft", "Microsoft Azure Cobalt 100"),
    ("ARM Neoverse-V2", "google", "Google Axion"),
    ("ARM Neoverse-N3", "google", "Google Axion"),
    ("ARM Neoverse-V3", "microsoft", "Microsoft Azure Cobalt 200"),
    ("ARM Neoverse-V2", "", "NVIDIA Grace"),
)

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
    (0x19, 0x60, 0x9F, "Zen 4"),
    (0x19, 0xA0, 0xAF, "Zen 4c"),
    (0x1A, 0x00, 0x0F, "Zen 5"),
    (0x1A, 0x10, 0x1F, "Zen 5c"),
    (0x1A, 0x20, 0x2F, "Zen 5"),
    (0x1A, 0x40, 0x4F, "Zen 5"),
    (0x1A, 0x60, 0x7F, "Zen 5"),
)
# Of these, the models that are EPYC or Threadripper; and Intel's that are Xeon.
_SERVER_MODELS = {0x17: (0x01, 0x31), 0x19: (*range(0x20), *range(0xA0, 0xB0)), 0x1A: tuple(range(0x20))}
_XEON_WORDS = ("-EP", "-SP", "-DE", "-D", "Rapids", "Forest")
_XEON_MODELS = (0x55, *(model for model, name in _INTEL.items() if name.endswith(_XEON_WORDS)))


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


def server_of(core: str, dmi: str) -> str:
    """
    Name the part that an ARM core is in, by who made the machine; the core as it is where that says nothing.

    Args:
        core: What :func:`arm_core` says.
        dmi: DMI's vendor and product, in small letters; empty where there is none, as in a Lambda.

    >>> server_of("ARM Neoverse-N1", "google google compute engine"), server_of("ARM Neoverse-N1", "")
    ('Ampere Altra (ARM Neoverse-N1)', 'ARM Neoverse-N1')
    """
    if dmi.startswith("amazon ec2"):
        return graviton(core, dmi.rpartition(" ")[2])
    found = next((part for of, start, part in _SERVERS if of == core and dmi.startswith(start)), "") if dmi else ""
    return f"{found} ({core})" if found else core


def is_client(vendor: str, family: int, model: int) -> bool:
    """
    Whether CPUID's numbers are those of a desktop's or a laptop's part.
    """
    if vendor == "AuthenticAMD":
        return model not in _SERVER_MODELS.get(family, ())
    return vendor == "GenuineIntel" and model not in _XEON_MODELS


def x86_microarch(vendor: str, family: int, model: int, stepping: int) -> str | None:
    """
    Name the microarchitecture behind CPUID's numbers; None where the table doesn't tell.

    >>> x86_microarch("AuthenticAMD", 26, 2, 1)
    'Zen 5'
    """
    if vendor == "HygonGenuine" and family == 0x18:
        return "Zen"  # made by AMD's licence
    if vendor == "AuthenticAMD":
        return next((name for fam, first, last, name in _AMD if fam == family and first <= model <= last), None)
    if vendor != "GenuineIntel" or family != 6:
        return None
    if model == 0x55:
        return next(name for first, name in reversed(_SKYLAKE_SP) if stepping >= first)
    return _INTEL.get(model)
