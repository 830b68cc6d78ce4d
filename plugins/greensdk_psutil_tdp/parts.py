"""
CPU parts checked by hand: one line a part, exact names only. They win over all other tables.

``"normalised name": (TDP in watts, cores, hardware threads, year of launch, source)``, all of one socket; None where
the maker doesn't say or where parts of one name differ. The name is what
:func:`greensdk_psutil_tdp.names.normalise` makes of the brand string. To add a part, copy the numbers from the maker's
page and add a line: facts, without a licence, each with its source; as of November 2026. The watts of nearly all of
Intel's and AMD's were compared with codecarbon's cpu_power.csv (MIT).
"""

from __future__ import annotations

Part = tuple[float | None, int | None, int | None, int | None, str]

ARK = "Intel ARK, ark.intel.com"
AMD = "AMD product page, amd.com/en/products/specifications/processors.html"
# Parts made for one cloud have no page of their own. The watts are those of codecarbon's cpu_power.csv (MIT), the
# threads follow from the largest instance: 8259CL 96 vCPUs on two sockets (m5.metal), 7R13 192 (m6a.metal).
CLOUD = "codecarbon data/hardware/cpu_power.csv (MIT) and the provider's instance table"
INSTANCES = "the provider's instance table; no TDP is published"
# What those say who have measured or resold these parts; the makers publish nothing.
KIN = "no TDP is published; that of the part on sale which it is a variant of"
TEADS = "no TDP is published; Teads' AWS EC2 dataset (B. Davy, 2021)"
# The Q32-17 takes 45 to 58 W, the more with all memory channels full.
ALTRA = "Ampere's list as printed by heise.de/-4794196, 2020-06"
ALTRA_MAX = "hardwareluxx.de, Ampere Altra Max, 2021-09"
# "Apple doesn't advertise any TDP": A. Frumusanu, "Apple's M1 Pro, M1 Max SoCs Investigated", anandtech.com/show/17024.
APPLE = "Apple technical specifications, support.apple.com/docs; no TDP is published"

PARTS: dict[str, Part] = {
    # Cloud parts
    "amd epyc 7b12": (240, 64, 128, 2020, CLOUD),
    "amd epyc 7r13": (225, 48, 96, 2021, CLOUD),
    "intel xeon e5-2686 v4": (145, 18, 36, 2016, CLOUD),
    "intel xeon platinum 8124m": (240, 18, 36, 2017, CLOUD),
    "intel xeon platinum 8171m": (165, 26, 52, 2017, CLOUD),
    "intel xeon platinum 8175m": (240, 24, 48, 2017, CLOUD),
    "intel xeon platinum 8259cl": (210, 24, 48, 2019, CLOUD),
    "intel xeon platinum 8272cl": (195, 26, 52, 2019, CLOUD),
    "intel xeon platinum 8275cl": (240, 24, 48, 2019, CLOUD),
    "intel xeon platinum 8375c": (300, 32, 64, 2021, CLOUD),
    # Cloud parts without published watts. EC2 runs the 9R14 and 9R45 with one thread a core.
    "amd epyc 7571": (200, 32, 64, 2018, TEADS),
    "amd epyc 7r32": (280, 48, 96, 2020, TEADS),
    "amd epyc 7b13": (None, 64, 128, 2021, INSTANCES),
    "amd epyc 7j13": (None, 64, 128, 2021, INSTANCES),
    "amd epyc 7k62": (None, 48, 96, 2019, INSTANCES),
    "amd epyc 7v12": (None, 64, 128, 2019, INSTANCES),
    "amd epyc 7v13": (None, 64, 128, 2021, INSTANCES),
    "amd epyc 9b14": (None, 96, 192, 2023, INSTANCES),
    "amd epyc 9b45": (None, 128, 256, 2025, INSTANCES),
    "amd epyc 9j14": (None, 96, 192, 2023, INSTANCES),
    "amd epyc 9r14": (None, 96, 96, 2023, INSTANCES),
    "amd epyc 9r45": (None, 96, 96, 2025, INSTANCES),
    "amd instinct mi300a accelerator": (
        None,
        24,
        48,
        2023,
        "AMD: 550 W with the GPU, those of the CPU aren't published",
    ),
    "intel xeon e5-2666 v3": (None, 10, 20, 2014, INSTANCES),
    "intel xeon e5-2676 v3": (None, 12, 24, 2014, INSTANCES),
    "intel xeon platinum 8252c": (240, 12, 24, 2020, TEADS),
    "intel xeon platinum 8369b": (None, 32, 64, 2021, INSTANCES),
    "intel xeon platinum 8370c": (270, 32, 64, 2021, "no TDP is published; resellers' (codecarbon: 205)"),
    "intel xeon platinum 8473c": (350, 52, 104, 2023, KIN),
    "intel xeon platinum 8475b": (None, 48, 96, 2023, INSTANCES),
    "intel xeon platinum 8480c": (350, 56, 112, 2023, KIN),
    "intel xeon platinum 8481c": (350, 56, 112, 2023, KIN),
    "intel xeon platinum 8488c": (385, 48, 96, 2023, "no TDP is published; what resellers state"),
    "intel xeon platinum 8559c": (None, 48, 96, 2024, INSTANCES),
    "intel xeon platinum 8573c": (None, 56, 112, 2024, INSTANCES),
    "intel xeon platinum 8581c": (None, 60, 120, 2024, INSTANCES),
    "intel xeon 6975p-c": (None, 96, 192, 2024, INSTANCES),
    "aws graviton": (None, 16, 16, 2018, INSTANCES),
    "aws graviton2": (None, 64, 64, 2020, INSTANCES),
    "aws graviton3": (None, 64, 64, 2022, INSTANCES),
    "aws graviton3e": (None, 64, 64, 2022, INSTANCES),
    "aws graviton4": (None, 96, 96, 2024, INSTANCES),
    "aws graviton5": (None, 192, 192, 2026, INSTANCES),
    "alibaba yitian 710": (None, 128, 128, 2021, INSTANCES),
    "google axion": (None, 96, 96, 2024, INSTANCES),
    "microsoft azure cobalt 100": (None, 128, 128, 2024, "Microsoft Azure blog, azure.microsoft.com"),
    "nvidia grace": (250, 72, 72, 2023, "NVIDIA Grace CPU Superchip data sheet: 500 W for two, with their memory"),
    # Ampere, one thread a core; the kernel tells no model
    "ampere altra": (None, 80, 80, 2020, ALTRA),
    "ampere altra max": (None, 128, 128, 2021, ALTRA_MAX),
    "ampere altra max m128-30": (250, 128, 128, 2021, ALTRA_MAX),
    "ampere altra q80-33": (250, 80, 80, 2020, ALTRA),
    "ampere altra q80-30": (210, 80, 80, 2020, ALTRA),
    "ampere altra q80-26": (175, 80, 80, 2020, ALTRA),
    "ampere altra q80-23": (150, 80, 80, 2020, ALTRA),
    "ampere altra q72-30": (195, 72, 72, 2020, ALTRA),
    "ampere altra q64-33": (220, 64, 64, 2020, ALTRA),
    "ampere altra q64-30": (180, 64, 64, 2020, ALTRA),
    "ampere altra q64-26": (125, 64, 64, 2020, ALTRA),
    "ampere altra q64-24": (95, 64, 64, 2020, ALTRA),
    "ampere altra q48-22": (85, 48, 48, 2020, ALTRA),
    "ampere altra q32-17": (58, 32, 32, 2020, ALTRA),
    # Apple: no TDP exists. Cores where all parts of the name have the same
    "apple m1": (None, 8, 8, 2020, APPLE),
    "apple m1 pro": (None, None, None, 2021, APPLE),
    "apple m1 max": (None, 10, 10, 2021, APPLE),
    "apple m1 ultra": (None, 20, 20, 2022, APPLE),
    "apple m2": (None, 8, 8, 2022, APPLE),
    "apple m2 pro": (None, None, None, 2023, APPLE),
    "apple m2 max": (None, 12, 12, 2023, APPLE),
    "apple m2 ultra": (None, 24, 24, 2023, APPLE),
    "apple m3": (None, 8, 8, 2023, APPLE),
    "apple m3 pro": (None, None, None, 2023, APPLE),
    "apple m3 max": (None, None, None, 2023, APPLE),
    "apple m3 ultra": (None, None, None, 2025, APPLE),
    "apple m4": (None, None, None, 2024, APPLE),
    "apple m4 pro": (None, None, None, 2024, APPLE),
    "apple m4 max": (None, None, None, 2024, APPLE),
    # AMD servers
    "amd epyc 7452": (155, 32, 64, 2019, AMD),
    "amd epyc 7501": (170, 32, 64, 2017, AMD),
    "amd epyc 7543": (225, 32, 64, 2021, AMD),
    "amd epyc 7551": (180, 32, 64, 2017, AMD),
    "amd epyc 7551p": (180, 32, 64, 2017, AMD),
    "amd epyc 7702p": (200, 64, 128, 2019, AMD),
    "amd epyc 7742": (225, 64, 128, 2019, AMD),
    "amd epyc 7763": (280, 64, 128, 2021, AMD),
    "amd epyc 7773x": (280, 64, 128, 2022, AMD),
    "amd epyc 8024p": (90, 8, 16, 2023, AMD),
    "amd epyc 9374f": (320, 32, 64, 2022, AMD),
    "amd epyc 9554": (360, 64, 128, 2022, AMD),
    "amd epyc 9654": (360, 96, 192, 2022, AMD),
    "amd epyc 9754": (360, 128, 256, 2023, AMD),
    # The one EPYC without a second thread
    "amd epyc 9754s": (360, 128, 128, 2023, AMD),
    # AMD desktops and laptops
    "amd ryzen 5 3600": (65, 6, 12, 2019, AMD),
    "amd ryzen 5 5600x": (65, 6, 12, 2020, AMD),
    "amd ryzen 7 3700x": (65, 8, 16, 2019, AMD),
    "amd ryzen 7 5800u": (15, 8, 16, 2021, AMD),
    "amd ryzen 7 5800x": (105, 8, 16, 2020, AMD),
    "amd ryzen 7 7700x": (105, 8, 16, 2022, AMD),
    "amd ryzen 7 7840u": (28, 8, 16, 2023, AMD),
    "amd ryzen 7 pro 5850u": (15, 8, 16, 2021, AMD),
    "amd ryzen 7 pro 6850u": (28, 8, 16, 2022, AMD),
    "amd ryzen 9 3900x": (105, 12, 24, 2019, AMD),
    "amd ryzen 9 3950x": (105, 16, 32, 2019, AMD),
    "amd ryzen 9 5900x": (105, 12, 24, 2020, AMD),
    "amd ryzen 9 5950x": (105, 16, 32, 2020, AMD),
    "amd ryzen 9 7950x": (170, 16, 32, 2022, AMD),
    "amd ryzen 9 9950x": (170, 16, 32, 2024, AMD),
    "amd ryzen threadripper 1950x": (180, 16, 32, 2017, AMD),
    "amd ryzen threadripper 3970x": (280, 32, 64, 2019, AMD),
    # Intel servers
    "intel xeon d-1541": (45, 8, 16, 2015, ARK),
    "intel xeon e-2288g": (95, 8, 16, 2019, ARK),
    "intel xeon e-2388g": (95, 8, 16, 2021, ARK),
    "intel xeon e3-1240 v2": (69, 4, 8, 2012, ARK),
    "intel xeon e5-2620 v3": (85, 6, 12, 2014, ARK),
    "intel xeon e5-2650 v4": (105, 12, 24, 2016, ARK),
    "intel xeon e5-2670 v3": (120, 12, 24, 2014, ARK),
    "intel xeon e5-2680 v2": (115, 10, 20, 2013, ARK),
    "intel xeon e5-2680 v3": (120, 12, 24, 2014, ARK),
    "intel xeon e5-2680 v4": (120, 14, 28, 2016, ARK),
    "intel xeon e5-2690 v4": (135, 14, 28, 2016, ARK),
    "intel xeon e5-2699 v4": (145, 22, 44, 2016, ARK),
    "intel xeon gold 5118": (105, 12, 24, 2017, ARK),
    "intel xeon gold 5218": (125, 16, 32, 2019, ARK),
    "intel xeon gold 6130": (125, 16, 32, 2017, ARK),
    "intel xeon gold 6140": (140, 18, 36, 2017, ARK),
    "intel xeon gold 6226r": (150, 16, 32, 2020, ARK),
    "intel xeon gold 6230": (125, 20, 40, 2019, ARK),
    "intel xeon gold 6238r": (165, 28, 56, 2020, ARK),
    "intel xeon gold 6248": (150, 20, 40, 2019, ARK),
    "intel xeon gold 6248r": (205, 24, 48, 2020, ARK),
    "intel xeon gold 6314u": (205, 32, 64, 2021, ARK),
    "intel xeon gold 6338": (205, 32, 64, 2021, ARK),
    "intel xeon gold 6430": (270, 32, 64, 2023, ARK),
    "intel xeon platinum 8160": (150, 24, 48, 2017, ARK),
    "intel xeon platinum 8168": (205, 24, 48, 2017, ARK),
    "intel xeon platinum 8176": (165, 28, 56, 2017, ARK),
    "intel xeon platinum 8276l": (165, 28, 56, 2019, ARK),
    "intel xeon platinum 8360y": (250, 36, 72, 2021, ARK),
    "intel xeon platinum 8380": (270, 40, 80, 2021, ARK),
    "intel xeon platinum 8480+": (350, 56, 112, 2023, ARK),
    "intel xeon platinum 8592+": (350, 64, 128, 2023, ARK),
    "intel xeon silver 4114": (85, 10, 20, 2017, ARK),
    "intel xeon silver 4214": (85, 12, 24, 2019, ARK),
    # Intel desktops and laptops
    "intel core i5-6600": (65, 4, 4, 2015, ARK),
    "intel core i5-8250u": (15, 4, 8, 2017, ARK),
    "intel core i7-6700": (65, 4, 8, 2015, ARK),
    "intel core i7-7700": (65, 4, 8, 2017, ARK),
    "intel core i7-8550u": (15, 4, 8, 2017, ARK),
    "intel core i7-8565u": (15, 4, 8, 2018, ARK),
    "intel core i7-8700": (65, 6, 12, 2017, ARK),
    "intel core i7-9700k": (95, 8, 8, 2018, ARK),
    "intel core i7-10510u": (15, 4, 8, 2019, ARK),
    "intel core i7-10700": (65, 8, 16, 2020, ARK),
    "intel core i9-9900k": (95, 8, 16, 2018, ARK),
    "intel core i9-10900k": (125, 10, 20, 2020, ARK),
}
