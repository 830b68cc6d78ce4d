"""
CPU parts checked by hand: exact names only. They win over all other tables.

``LINES``: source to ``;=TDP/CORES/THREADS/YEAR;name;name;``, watts, cores, hardware threads and year of launch of one
socket, as in the generated tables; empty where the maker doesn't say or where parts of one name differ. The name is
what :func:`greensdk_psutil_tdp.table.normalise` makes of the brand string. To add a part, copy the numbers from the
maker's page to those of its source: facts, without a licence; as of November 2026. The watts of nearly all of Intel's
and AMD's were compared with codecarbon's cpu_power.csv (MIT).
"""

ARK = "Intel ARK, ark.intel.com"
AMD = "AMD product page, amd.com/en/products/specifications/processors.html"
# EC2 runs the 9R14 and 9R45 with one thread a core; of the EPYCs, the 9754S alone has one.
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

LINES = {
    CLOUD: """
;=240/64/128/2020;amd epyc 7b12;=225/48/96/2021;amd epyc 7r13;=145/18/36/2016;intel xeon e5-2686 v4;=240/18/36/2017;
;intel xeon platinum 8124m;=165/26/52/2017;intel xeon platinum 8171m;=240/24/48/2017;intel xeon platinum 8175m;
;=210/24/48/2019;intel xeon platinum 8259cl;=195/26/52/2019;intel xeon platinum 8272cl;=240/24/48/2019;
;intel xeon platinum 8275cl;=300/32/64/2021;intel xeon platinum 8375c;
""",
    TEADS: """
;=200/32/64/2018;amd epyc 7571;=280/48/96/2020;amd epyc 7r32;=240/12/24/2020;intel xeon platinum 8252c;
""",
    INSTANCES: """
;=/64/128/2021;amd epyc 7b13;amd epyc 7j13;amd epyc 7v13;=/48/96/2019;amd epyc 7k62;=/64/128/2019;amd epyc 7v12;
;=/96/192/2023;amd epyc 9b14;amd epyc 9j14;=/128/256/2025;amd epyc 9b45;=/96/96/2023;amd epyc 9r14;=/96/96/2025;
;amd epyc 9r45;=/10/20/2014;intel xeon e5-2666 v3;=/12/24/2014;intel xeon e5-2676 v3;=/32/64/2021;
;intel xeon platinum 8369b;=/48/96/2023;intel xeon platinum 8475b;=/48/96/2024;intel xeon platinum 8559c;
;=/56/112/2024;intel xeon platinum 8573c;=/60/120/2024;intel xeon platinum 8581c;=/96/192/2024;intel xeon 6975p-c;
;=/16/16/2018;aws graviton;=/64/64/2020;aws graviton2;=/64/64/2022;aws graviton3;aws graviton3e;=/96/96/2024;
;aws graviton4;google axion;=/192/192/2026;aws graviton5;=/128/128/2021;alibaba yitian 710;
""",
    "AMD: 550 W with the GPU, those of the CPU aren't published": """
;=/24/48/2023;amd instinct mi300a accelerator;
""",
    "no TDP is published; resellers' (codecarbon: 205)": """
;=270/32/64/2021;intel xeon platinum 8370c;
""",
    KIN: """
;=350/52/104/2023;intel xeon platinum 8473c;=350/56/112/2023;intel xeon platinum 8480c;intel xeon platinum 8481c;
""",
    "no TDP is published; what resellers state": """
;=385/48/96/2023;intel xeon platinum 8488c;
""",
    "Microsoft Azure blog, azure.microsoft.com": """
;=/128/128/2024;microsoft azure cobalt 100;
""",
    "NVIDIA Grace CPU Superchip data sheet: 500 W for two, with their memory": """
;=250/72/72/2023;nvidia grace;
""",
    ALTRA: """
;=/80/80/2020;ampere altra;=250/80/80/2020;ampere altra q80-33;=210/80/80/2020;ampere altra q80-30;=175/80/80/2020;
;ampere altra q80-26;=150/80/80/2020;ampere altra q80-23;=195/72/72/2020;ampere altra q72-30;=220/64/64/2020;
;ampere altra q64-33;=180/64/64/2020;ampere altra q64-30;=125/64/64/2020;ampere altra q64-26;=95/64/64/2020;
;ampere altra q64-24;=85/48/48/2020;ampere altra q48-22;=58/32/32/2020;ampere altra q32-17;
""",
    ALTRA_MAX: """
;=/128/128/2021;ampere altra max;=250/128/128/2021;ampere altra max m128-30;
""",
    APPLE: """
;=/8/8/2020;apple m1;=///2021;apple m1 pro;=/10/10/2021;apple m1 max;=/20/20/2022;apple m1 ultra;=/8/8/2022;
;apple m2;=///2023;apple m2 pro;apple m3 pro;apple m3 max;=/12/12/2023;apple m2 max;=/24/24/2023;apple m2 ultra;
;=/8/8/2023;apple m3;=///2025;apple m3 ultra;=///2024;apple m4;apple m4 pro;apple m4 max;
""",
    AMD: """
;=155/32/64/2019;amd epyc 7452;=170/32/64/2017;amd epyc 7501;=225/32/64/2021;amd epyc 7543;=180/32/64/2017;
;amd epyc 7551;amd epyc 7551p;=200/64/128/2019;amd epyc 7702p;=225/64/128/2019;amd epyc 7742;=280/64/128/2021;
;amd epyc 7763;=280/64/128/2022;amd epyc 7773x;=90/8/16/2023;amd epyc 8024p;=320/32/64/2022;amd epyc 9374f;
;=360/64/128/2022;amd epyc 9554;=360/96/192/2022;amd epyc 9654;=360/128/256/2023;amd epyc 9754;=360/128/128/2023;
;amd epyc 9754s;=65/6/12/2019;amd ryzen 5 3600;=65/6/12/2020;amd ryzen 5 5600x;=65/8/16/2019;amd ryzen 7 3700x;
;=15/8/16/2021;amd ryzen 7 5800u;amd ryzen 7 pro 5850u;=105/8/16/2020;amd ryzen 7 5800x;=105/8/16/2022;
;amd ryzen 7 7700x;=28/8/16/2023;amd ryzen 7 7840u;=28/8/16/2022;amd ryzen 7 pro 6850u;=105/12/24/2019;
;amd ryzen 9 3900x;=105/16/32/2019;amd ryzen 9 3950x;=105/12/24/2020;amd ryzen 9 5900x;=105/16/32/2020;
;amd ryzen 9 5950x;=170/16/32/2022;amd ryzen 9 7950x;=170/16/32/2024;amd ryzen 9 9950x;=180/16/32/2017;
;amd ryzen threadripper 1950x;=280/32/64/2019;amd ryzen threadripper 3970x;
""",
    ARK: """
;=45/8/16/2015;intel xeon d-1541;=95/8/16/2019;intel xeon e-2288g;=95/8/16/2021;intel xeon e-2388g;=69/4/8/2012;
;intel xeon e3-1240 v2;=85/6/12/2014;intel xeon e5-2620 v3;=105/12/24/2016;intel xeon e5-2650 v4;=120/12/24/2014;
;intel xeon e5-2670 v3;intel xeon e5-2680 v3;=115/10/20/2013;intel xeon e5-2680 v2;=120/14/28/2016;
;intel xeon e5-2680 v4;=135/14/28/2016;intel xeon e5-2690 v4;=145/22/44/2016;intel xeon e5-2699 v4;=105/12/24/2017;
;intel xeon gold 5118;=125/16/32/2019;intel xeon gold 5218;=125/16/32/2017;intel xeon gold 6130;=140/18/36/2017;
;intel xeon gold 6140;=150/16/32/2020;intel xeon gold 6226r;=125/20/40/2019;intel xeon gold 6230;=165/28/56/2020;
;intel xeon gold 6238r;=150/20/40/2019;intel xeon gold 6248;=205/24/48/2020;intel xeon gold 6248r;=205/32/64/2021;
;intel xeon gold 6314u;intel xeon gold 6338;=270/32/64/2023;intel xeon gold 6430;=150/24/48/2017;
;intel xeon platinum 8160;=205/24/48/2017;intel xeon platinum 8168;=165/28/56/2017;intel xeon platinum 8176;
;=165/28/56/2019;intel xeon platinum 8276l;=250/36/72/2021;intel xeon platinum 8360y;=270/40/80/2021;
;intel xeon platinum 8380;=350/56/112/2023;intel xeon platinum 8480+;=350/64/128/2023;intel xeon platinum 8592+;
;=85/10/20/2017;intel xeon silver 4114;=85/12/24/2019;intel xeon silver 4214;=65/4/4/2015;intel core i5-6600;
;=15/4/8/2017;intel core i5-8250u;intel core i7-8550u;=65/4/8/2015;intel core i7-6700;=65/4/8/2017;
;intel core i7-7700;=15/4/8/2018;intel core i7-8565u;=65/6/12/2017;intel core i7-8700;=95/8/8/2018;
;intel core i7-9700k;=15/4/8/2019;intel core i7-10510u;=65/8/16/2020;intel core i7-10700;=95/8/16/2018;
;intel core i9-9900k;=125/10/20/2020;intel core i9-10900k;
""",
}
