"""
Thermal design power of CPU parts: one line a part, exact names only.

``"normalised name": (TDP in watts, hardware threads, source)``. The name is what
:func:`greensdk_psutil_tdp.tdp.normalise` makes of the brand string. To add a part, copy the two numbers from
the maker's page and add a line. The watts of all but two were compared with codecarbon's cpu_power.csv (MIT) as well.
For Intel's newer mobile parts ARK names the "Processor Base Power", which their turbo exceeds.
Apple publishes no TDP, so no Apple part stands here.
"""

from __future__ import annotations

ARK = "Intel ARK, ark.intel.com"
AMD = "AMD product page, amd.com/en/products/specifications/processors.html"
# Parts made for one cloud have no page of their own. The watts are those of codecarbon's cpu_power.csv (MIT), the
# threads follow from the largest instance: 8259CL 96 vCPUs on two sockets (m5.metal), 7R13 192 (m6a.metal).
CLOUD = "codecarbon data/hardware/cpu_power.csv (MIT) and the provider's instance table"

PARTS: dict[str, tuple[float, int, str]] = {
    # Cloud parts
    "amd epyc 7b12": (240, 128, CLOUD),
    "amd epyc 7r13": (225, 96, CLOUD),
    "intel xeon e5-2686 v4": (145, 36, CLOUD),
    "intel xeon platinum 8124m": (240, 36, CLOUD),
    "intel xeon platinum 8171m": (165, 52, CLOUD),
    "intel xeon platinum 8175m": (240, 48, CLOUD),
    "intel xeon platinum 8259cl": (210, 48, CLOUD),
    "intel xeon platinum 8272cl": (195, 52, CLOUD),
    "intel xeon platinum 8275cl": (240, 48, CLOUD),
    "intel xeon platinum 8375c": (300, 64, CLOUD),
    # AMD servers
    "amd epyc 7452": (155, 64, AMD),
    "amd epyc 7501": (170, 64, AMD),
    "amd epyc 7543": (225, 64, AMD),
    "amd epyc 7551": (180, 64, AMD),
    "amd epyc 7551p": (180, 64, AMD),
    "amd epyc 7702p": (200, 128, AMD),
    "amd epyc 7742": (225, 128, AMD),
    "amd epyc 7763": (280, 128, AMD),
    "amd epyc 7773x": (280, 128, AMD),
    "amd epyc 8024p": (90, 16, AMD),
    "amd epyc 9374f": (320, 64, AMD),
    "amd epyc 9554": (360, 128, AMD),
    "amd epyc 9654": (360, 192, AMD),
    "amd epyc 9754": (360, 256, AMD),
    # AMD desktops and laptops
    "amd ryzen 5 3600": (65, 12, AMD),
    "amd ryzen 5 5600x": (65, 12, AMD),
    "amd ryzen 7 3700x": (65, 16, AMD),
    "amd ryzen 7 5800u": (15, 16, AMD),
    "amd ryzen 7 5800x": (105, 16, AMD),
    "amd ryzen 7 7700x": (105, 16, AMD),
    "amd ryzen 7 7840u": (28, 16, AMD),
    "amd ryzen 7 pro 5850u": (15, 16, AMD),
    "amd ryzen 7 pro 6850u": (28, 16, AMD),
    "amd ryzen 9 3900x": (105, 24, AMD),
    "amd ryzen 9 3950x": (105, 32, AMD),
    "amd ryzen 9 5900x": (105, 24, AMD),
    "amd ryzen 9 5950x": (105, 32, AMD),
    "amd ryzen 9 7950x": (170, 32, AMD),
    "amd ryzen 9 9950x": (170, 32, AMD),
    "amd ryzen threadripper 1950x": (180, 32, AMD),
    "amd ryzen threadripper 3970x": (280, 64, AMD),
    # Intel servers
    "intel xeon d-1541": (45, 16, ARK),
    "intel xeon e-2288g": (95, 16, ARK),
    "intel xeon e-2388g": (95, 16, ARK),
    "intel xeon e3-1240 v2": (69, 8, ARK),
    "intel xeon e5-2620 v3": (85, 12, ARK),
    "intel xeon e5-2650 v4": (105, 24, ARK),
    "intel xeon e5-2670 v3": (120, 24, ARK),
    "intel xeon e5-2680 v2": (115, 20, ARK),
    "intel xeon e5-2680 v3": (120, 24, ARK),
    "intel xeon e5-2680 v4": (120, 28, ARK),
    "intel xeon e5-2690 v4": (135, 28, ARK),
    "intel xeon e5-2699 v4": (145, 44, ARK),
    "intel xeon gold 5118": (105, 24, ARK),
    "intel xeon gold 5218": (125, 32, ARK),
    "intel xeon gold 6130": (125, 32, ARK),
    "intel xeon gold 6140": (140, 36, ARK),
    "intel xeon gold 6226r": (150, 32, ARK),
    "intel xeon gold 6230": (125, 40, ARK),
    "intel xeon gold 6238r": (165, 56, ARK),
    "intel xeon gold 6248": (150, 40, ARK),
    "intel xeon gold 6248r": (205, 48, ARK),
    "intel xeon gold 6314u": (205, 64, ARK),
    "intel xeon gold 6338": (205, 64, ARK),
    "intel xeon gold 6430": (270, 64, ARK),
    "intel xeon platinum 8160": (150, 48, ARK),
    "intel xeon platinum 8168": (205, 48, ARK),
    "intel xeon platinum 8176": (165, 56, ARK),
    "intel xeon platinum 8276l": (165, 56, ARK),
    "intel xeon platinum 8360y": (250, 72, ARK),
    "intel xeon platinum 8380": (270, 80, ARK),
    "intel xeon platinum 8480+": (350, 112, ARK),
    "intel xeon platinum 8592+": (350, 128, ARK),
    "intel xeon silver 4114": (85, 20, ARK),
    "intel xeon silver 4214": (85, 24, ARK),
    # Intel desktops and laptops
    "intel core i5-6600": (65, 4, ARK),
    "intel core i5-8250u": (15, 8, ARK),
    "intel core i7-6700": (65, 8, ARK),
    "intel core i7-7700": (65, 8, ARK),
    "intel core i7-8550u": (15, 8, ARK),
    "intel core i7-8565u": (15, 8, ARK),
    "intel core i7-8700": (65, 12, ARK),
    "intel core i7-9700k": (95, 8, ARK),
    "intel core i7-10510u": (15, 8, ARK),
    "intel core i7-10700": (65, 16, ARK),
    "intel core i7-1165g7": (28, 8, ARK),
    "intel core i7-12700h": (45, 20, ARK),
    "intel core i7-1360p": (28, 16, ARK),
    "intel core i7-1365u": (15, 12, ARK),
    "intel core i9-9900k": (95, 16, ARK),
    "intel core i9-10900k": (125, 20, ARK),
    "intel core i9-13900k": (125, 32, ARK),
    "intel core ultra 7 155h": (28, 22, ARK),
    "intel n100": (6, 4, ARK),
}

MEDIAN = "median and 5 to 95 % of the class's lines in PARTS"
CLOUD_MEDIAN = "median and 5 to 95 % of the Intel cloud parts in PARTS"
# CCF gives an EPYC 2's 1.69 W to a vCPU of Graviton2, Teads' data set 2.39 W (both estimates): their geometric mean.
GRAVITON = "cloudcarbonfootprint.org coefficients and Teads' AWS EC2 dataset"
# Q32-17 to Q80-33, eleven parts of 1.5 to 3.4 W a core, median 2.2: Ampere's list as printed by heise.de/-4794196.
ALTRA = "Ampere Altra part list, 2020"
# powermetrics, ten performance cores of an M4 Pro busy: 32 W; efficiency cores take far less. H. Oakley, "M4 Pro full
# on", eclecticlight.co, 2025-01-22.
M4_PRO = "powermetrics on an M4 Pro, eclecticlight.co 2025-01-22"
# Board at idle 2.1 W, four busy cores (and GPU) 6.41 W: "Thermal testing Raspberry Pi 4", raspberrypi.org, 2019-11-28.
PI4 = "Raspberry Pi 4 at idle and under load, raspberrypi.org 2019-11-28"

# class: (watts per hardware thread, low and high factor that hold 90 % of its parts, source)
CLASS_DEFAULTS: dict[str, tuple[float, float, float, str]] = {
    "intel-server": (4.1, 0.7, 1.7, MEDIAN),
    "intel-client": (3.5, 0.35, 3.6, MEDIAN),
    "amd-server": (2.4, 0.6, 2.2, MEDIAN),
    "amd-client": (4.4, 0.2, 1.6, MEDIAN),
    "masked-intel": (4.5, 0.7, 1.4, CLOUD_MEDIAN),
    "masked-amd": (2.4, 0.6, 2.2, MEDIAN),
    "graviton": (2.0, 0.5, 2.0, GRAVITON),
    "ampere": (2.2, 0.65, 1.6, ALTRA),
    "arm-server": (2.2, 0.5, 2.0, ALTRA),
    "apple": (3.2, 0.3, 1.6, M4_PRO),
    "arm-client": (1.1, 0.4, 4.0, PI4),
}
