"""
The names behind a CPU's numbers: ARM cores by their part number, x86 microarchitectures by family and model.

Only machines whose kernel gives no name load this module, and those who ask for the microarchitecture.
"""


def _named(text: str) -> dict[str, str]:
    return dict(entry.split("=") for entry in text.replace("\n", " ").strip().split("; "))


# Implementer (2 hex digits) and part number (3) of MIDR_EL1: Arm's technical reference manuals, and Linux,
# arch/arm64/include/asm/cputype.h. Apple's Ultra parts answer as their Max halves: see APPLE_SOCS.
_ARM_PARTS = _named("""
41b76=ARM ARM1176; 41c07=ARM Cortex-A7; 41c08=ARM Cortex-A8; 41c09=ARM Cortex-A9; 41c0f=ARM Cortex-A15; 41d03=ARM
Cortex-A53; 41d04=ARM Cortex-A35; 41d05=ARM Cortex-A55; 41d07=ARM Cortex-A57; 41d08=ARM Cortex-A72; 41d09=ARM
Cortex-A73; 41d0a=ARM Cortex-A75; 41d0b=ARM Cortex-A76; 41d0c=ARM Neoverse-N1; 41d0d=ARM Cortex-A77; 41d40=ARM
Neoverse-V1; 41d41=ARM Cortex-A78; 41d42=ARM Cortex-A78AE; 41d44=ARM Cortex-X1; 41d46=ARM Cortex-A510; 41d47=ARM
Cortex-A710; 41d48=ARM Cortex-X2; 41d49=ARM Neoverse-N2; 41d4a=ARM Neoverse-E1; 41d4b=ARM Cortex-A78C; 41d4c=ARM
Cortex-X1C; 41d4d=ARM Cortex-A715; 41d4e=ARM Cortex-X3; 41d4f=ARM Neoverse-V2; 41d80=ARM Cortex-A520; 41d81=ARM
Cortex-A720; 41d82=ARM Cortex-X4; 41d84=ARM Neoverse-V3; 41d85=ARM Cortex-X925; 41d87=ARM Cortex-A725; 41d8e=ARM
Neoverse-N3; 42516=Broadcom ThunderX2; 430a1=Cavium ThunderX; 430af=Cavium ThunderX2; 430b8=Marvell ThunderX3;
46001=Fujitsu A64FX; 48d01=HiSilicon Kunpeng 920; 48d02=HiSilicon Kunpeng (HIP09); 48d06=HiSilicon Kunpeng (HIP12);
4e003=NVIDIA Denver 2; 4e004=NVIDIA Carmel; 4e010=NVIDIA Olympus; 50000=APM X-Gene; 50001=Ampere eMAG (X-Gene 3);
51001=Qualcomm Oryon; 51800=Qualcomm Kryo; 51802=Qualcomm Kryo; 51803=Qualcomm Kryo; 51804=Qualcomm Kryo;
51805=Qualcomm Kryo; 61022=Apple M1; 61023=Apple M1; 61024=Apple M1 Pro; 61025=Apple M1 Pro; 61028=Apple M1 Max;
61029=Apple M1 Max; 61032=Apple M2; 61033=Apple M2; 61034=Apple M2 Pro; 61035=Apple M2 Pro; 61038=Apple M2 Max;
61039=Apple M2 Max; 6dd49=Microsoft Azure Cobalt 100; 70303=Phytium FTC310; 70660=Phytium FTC660; 70661=Phytium
FTC661; 70662=Phytium FTC662; 70663=Phytium FTC663; 70664=Phytium FTC664; 70862=Phytium FTC862; c0ac3=Ampere
AmpereOne; c0ac4=Ampere AmpereOne
""")
_ARM_MAKERS = {0x41: "ARM", 0x43: "Cavium", 0x46: "Fujitsu", 0x48: "HiSilicon", 0x4E: "NVIDIA", 0x51: "Qualcomm"}
_ARM_MAKERS |= {0x42: "Broadcom", 0x50: "APM", 0x61: "Apple", 0x6D: "Microsoft", 0x70: "Phytium", 0xC0: "Ampere"}

# Linux, Documentation/devicetree/bindings/arm/apple.yaml.
_APPLE_SOCS = _named("""
apple,t8103=Apple M1; apple,t6000=Apple M1 Pro; apple,t6001=Apple M1 Max; apple,t6002=Apple M1 Ultra;
apple,t8112=Apple M2; apple,t6020=Apple M2 Pro; apple,t6021=Apple M2 Max; apple,t6022=Apple M2 Ultra;
apple,t8122=Apple M3; apple,t6030=Apple M3 Pro; apple,t6031=Apple M3 Max; apple,t6034=Apple M3 Max; apple,t6032=Apple
M3 Ultra; apple,t8132=Apple M4; apple,t6040=Apple M4 Pro; apple,t6041=Apple M4 Max
""")

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

# Linux, arch/x86/include/asm/intel-family.h: models of family 6, in hex.
_INTEL = _named("""
1a=Nehalem-EP; 2a=Sandy Bridge; 2c=Westmere-EP; 2d=Sandy Bridge-EP; 3a=Ivy Bridge; 3c=Haswell; 3d=Broadwell; 3e=Ivy
Bridge-EP; 3f=Haswell-EP; 45=Haswell; 46=Haswell; 47=Broadwell; 4e=Skylake; 4f=Broadwell-EP; 56=Broadwell-DE;
5e=Skylake; 6a=Ice Lake-SP; 6c=Ice Lake-D; 7d=Ice Lake; 7e=Ice Lake; 8c=Tiger Lake; 8d=Tiger Lake; 8e=Kaby Lake;
8f=Sapphire Rapids; 97=Alder Lake; 9a=Alder Lake; 9e=Kaby Lake; a5=Comet Lake; a6=Comet Lake; a7=Rocket Lake;
ad=Granite Rapids; ae=Granite Rapids-D; af=Sierra Forest; b7=Raptor Lake; ba=Raptor Lake; bd=Lunar Lake; be=Alder
Lake-N; bf=Raptor Lake; cf=Emerald Rapids
""")
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
_XEON_MODELS = (0x55, *(int(model, 16) for model, name in _INTEL.items() if name.endswith(_XEON_WORDS)))


def arm_core(maker: int, part: int) -> str:
    """
    Name an ARM core; one that is not known keeps its numbers.
    """
    return _ARM_PARTS.get(f"{maker:02x}{part:03x}") or f"{_ARM_MAKERS.get(maker, f'maker {maker:#x}')} part {part:#x}"


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
    return _INTEL.get(f"{model:02x}")
