"""
Thermal design power of 1261 parts of AMD. Made by benchmarks/cpu_table.py: change that, not this.

Source: codecarbon 3.3.2, data/hardware/cpu_power.csv, under the MIT licence that stands below; sha256
0fad5224a6c4037311a86f7a2baf578ccd08787a7ba31a930b2e857c74c91b9d. The names were normalised, and some left out.
A module, not a CSV file, because Lithops ships only ``*.py`` to its workers.

``LINES``: family to ``;=WATTS;name;name;=WATTS;name;``. Maker, family and name make the whole name.
"""

# MIT License
#
# Copyright (c) 2019 Mila, BCG Gamma, CometML, Haverford College
# Copyright (c) 2023 Code Carbon NGO
#
# Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
# documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
# rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
# persons to whom the Software is furnished to do so, subject to the following conditions:
#
# The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
# Software.
#
# THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
# WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
# COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
# OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

LINES = {
    "": """
;=4;a4-1200;=6;3015ce;3015e;3020e;a4-9120c;a6-9220c;=8;a4-1250;a4-1350;a6-1450;=9;c-30;c-50;c-60;c-70;e1-2100;e1-2150;
;e1-2200;=10;e1-6010;e1-7010;=15;a10-8700p;a10-9600p;a12-9700p;a4-5000;a4-5050;a4-5100;a4-6210;a4-9120;a4-9125;a6-6310;
;a6-7310;a6-8500p;a6-9210;a6-9220;a6-9225;a8-6410;a8-7410;a8-8600p;a9-9420;a9-9425;e1-2500;e2-3000;e2-3800;e2-6110;
;e2-9010;fx-8800p;=17;a4-4355m;a4-5145m;a6-4455m;a6-5345m;a6-7000;=18;e-240;e-300;e-350;e-450;e1-1200;e1-1500;e2-1800;
;e2-2000;=19;a8-4555m;=20;a10-7300;a8-7100;fx-7500;=25;a10-4655m;a10-5745m;a6-5200;a6-5200m;a8-5545m;a9-9410;=35;
;a10-4600m;a10-5750m;a10-5757m;a10-7400p;a10-9630p;a10-9700e;a12-9730p;a12-9800e;a4-3300m;a4-3305m;a4-3310mx;a4-3320m;
;a4-4300m;a4-5150m;a6-3400m;a6-3420m;a6-4400m;a6-5350m;a6-5357m;a6-9500e;a8-3500m;a8-3520m;a8-4500m;a8-5550m;a8-5557m;
;e2-3000m;fx-7600p;=45;a10-6700t;a10-6790b;a10-6800b;a4-3330mx;a6-3410mx;a6-3430mx;a8-3510mx;a8-3530mx;a8-3550mx;
;a8-6500t;a8-7680;=65;a10-5700;a10-6700;a10-7860k;a10-9700;a12-9800;a4-3300;a4-3400;a4-3420;a4-4000;a4-5300;a4-5300b;
;a4-6300;a4-6320;a4-7210;a4-7300;a6-3500;a6-3600;a6-3620;a6-5400b;a6-5400k;a6-6400b;a6-6400k;a6-6420b;a6-6420k;a6-7400k;
;a6-7470k;a6-9500;a6-9550;a8-3800;a8-3820;a8-5500;a8-5500b;a8-6500;a8-6500b;a8-6600k;a8-7600;a8-9600;e2-3200;e2-7110;
;=95;a10-7700k;a10-7850k;a10-7870k;a10-7890k;a8-7650k;a8-7670k;fx-4100;fx-4120;fx-4150;fx-4300;fx-4320;fx-6100;fx-6120;
;fx-6130;fx-6300;fx-8100;fx-8140;fx-8300;fx-8310;fx-8320e;fx-8370e;=100;a10-5800b;a10-5800k;a10-6790k;a10-6800k;a6-3650;
;a6-3670k;a8-3850;a8-3870k;a8-5600k;a8-7200p;=125;fx-4130;fx-4170;fx-4350;fx-6200;fx-6330;fx-6350;fx-8120;fx-8150;
;fx-8170;fx-8320;fx-8350;fx-8370;=220;fx-9370;fx-9590;
""",
    "a10": """
;=19;pro-7350b;=65;pro-7800b;=95;pro-7850b;
""",
    "a4": """
;=15;pro-3350b;=25;pro-3340b;=65;pro-7300b;pro-7350b;
""",
    "a6": """
;=65;pro-7400b;=100;pro-7050b;
""",
    "a6-9120c": """
;=6;soc;
""",
    "a6-9220c": """
;=6;soc;
""",
    "a8": """
;=65;pro-7600b;=100;pro-7150b;
""",
    "a9-9400": """
;=10;soc;
""",
    "a9-9410": """
;=25;soc;
""",
    "a9-9420": """
;=15;soc;
""",
    "a9-9425": """
;=15;soc;
""",
    "athlon": """
;=6;silver 3050e;=8;64 2000+;=9;64 1500+;=15;300u;64 2600+;64 2650e;gold 3150c;gold 3150u;gold 7220c;gold 7220u;
;pro 200u mobile;pro 300u;pro 300u mobile;pro 3045b;pro 3145b;silver 3050c;silver 3050u;silver 7120c;silver 7120u;=22;
;64 2850e;=25;5150;5350;5370;64 3100+;ii x2 250u;ii x2 260u;ii x2 270u;x2 ql-62;=32;64 2700+;64 2800+;=35;200ge;220ge;
;240ge;3000g;300ge;320ge;64 3500+ ee;64 x2 3800+ ee sff;gold 3150ge;gold pro 3150ge;pro 200ge;pro 300ge;silver 3050ge;
;silver pro 3125ge;x2 ql-60;x2 ql-64;x2 ql-65;x2 ql-67;=38;600;650;=40;700;=45;255e;425e;620e;64 le-1600;64 le-1620;
;64 le-1640;64 le-1640b;64 le-1660;800;ii x2 210e;ii x2 235e;ii x2 240e;ii x2 245e;ii x2 250e;ii x3 400e;ii x3 405e;
;ii x3 415e;ii x3 420e;ii x3 425e;ii x4 600e;ii x4 605e;ii x4 610e;ii x4 615e;ii x4 620e;x2 4050e;x2 4450e;x2 4850e;
;x2 5050e;x2 be-2300;x2 be-2350;x2 be-2400;xp-m 2000+;xp-m 2200+;xp-m 2400+;xp-m 2500+;xp-m 2600+;xp-m 3000+;=47;850;
;=50;900;xp 1700+;=51;xp 1800+;=52;950;=53;xp 1900+;=54;1000;=60;1100;xp 1500+;xp 2000+;=62;64 3000+;=63;1133;xp 1600+;
;xp 2200+;=65;638;64 x2 3600+;64 x2 3600+ ee;64 x2 3800+ ee;64 x2 4000+;64 x2 4000+ ee;64 x2 4200+ ee;64 x2 4400+;
;64 x2 4400+ ee;64 x2 4600+ ee;64 x2 4800+ ee;64 x2 5000+ be;64 x2 5000+ ee;64 x2 5200+ ee;64 x2 5400+;64 x2 5400+ be;
;64 x2 5600+;740;750;gold 3150g;gold pro 3150g;ii x2 215;ii x2 220;ii x2 240;ii x2 245;ii x2 250;ii x2 255;ii x2 260;
;ii x2 265;ii x2 270;ii x2 280;ii x4 638;x4 940;x4 950;x4 970;xp 2400+;=66;1200;=67;64 3400+;=68;1300;xp 2500+;
;xp 2500+ dtr;xp 2600+;xp 2600+ dtr;xp 2700+;xp 2800+ dtr;xp 3000+;xp 3100+;=70;1333;=72;1400;xp 2100+;=74;xp 2800+;=77;
;xp 3200+;=83;64 3200+;=89;64 3300+;64 3600+;64 3700+;64 fx-51;64 fx-53;64 x2 3800+;64 x2 4200+;64 x2 4600+;64 x2 4800+;
;64 x2 5000+;64 x2 5200+;64 x2 5800+;=95;460;860k;ii x3 425;ii x3 435;ii x3 440;ii x3 445;ii x3 450;ii x3 455;ii x3 460;
;ii x4 620;ii x4 630;ii x4 635;ii x4 640;ii x4 645;x2 6500 be;x2 7450;x2 7550;x2 7750 be;x2 7850 be;=100;641;750k;760k;
;ii x4 631;ii x4 641;ii x4 651;ii x4 651k;=104;64 fx-55;64 fx-57;=110;64 fx-60;=125;64 fx-62;64 fx-70;64 fx-72;64 fx-74;
;64 fx-76;64 x2 6000+;64 x2 6400+ be;
""",
    "epyc": """
;=50;embedded 3251;=65;4124p;4244p;4245p;4344p;4345p;4464p;4465p;4545p;=80;8024pn;=90;8024p;=100;8124pn;=105;4364p;=120;
;4484px;4584px;7203;7203p;7232p;7251;7252;7272;7282;8224pn;=125;8124p;9015;9115;=130;7303;7303p;8324pn;=155;7262;7302;
;7302p;7313;7313p;7352;7452;8434pn;=160;8224p;=170;4564p;4565p;4585px;7261;7281;7301;7351;7351p;7401;7401p;7501;=175;
;8534pn;=180;72f3;7402;7402p;7413;7451;7502;7502p;7551;7551p;7601;7f32;8324p;=190;7343;=200;7371;7443;7443p;7513;7532;
;7552;7702;7702p;8434p;8534p;9124;9135;9224;9254;9255;=210;9334;9335;=225;7453;7542;7543;7543p;7642;7643;7643p;7662;
;7713;7713p;7742;7r13;=240;7373x;73f3;7473x;74f3;7663;7663p;7b12;7f52;7f72;=280;7573x;75f3;7763;7773x;7h12;9354;9354p;
;9355;9355p;9534;=290;9454;9454p;9634;=300;9365;9455;9455p;9535;=320;9174f;9175f;9184x;9274f;9275f;9374f;9375f;9384x;
;9645;=340;9734;=360;9474f;9554;9554p;9555;9555p;9654;9654p;9754;9754s;=390;9825;9845;=400;9475f;9565;9575f;9655;9655p;
;9684x;9745;=500;9755;9965;
""",
    "fx": """
;=15;9800p;=35;9830p;=95;6100;
""",
    "mobile": """
;=35;athlon 64 2700+;=62;athlon 64 3000+;athlon 64 3200+;athlon 64 3400+;=82;athlon 64 2800+;athlon 64 3700+;
""",
    "opteron": """
;=17;x1150;=22;x2150;=25;3320 ee;a1120;x2170;=30;140 ee;240 ee;840 ee;=32;a1150;a1170;=35;4256 ee;4310 ee;43cx ee;=40;
;4365;=45;3250 he;3260 he;3350 he;=55;146 he;148 he;246 he;248 he;250 he;846 he;848 he;850 he;x2 260 he;x2 265 he;
;x2 270 he;x2 275 he;x2 860 he;x2 865 he;x2 870 he;x2 875 he;=65;3280;3365;3380;4228 he;4230 he;4274 he;4276 he;4332 he;
;4376 he;43gk he;=67;146;=79;2350 he;=82;142;144;240;840;842;=85;140;150;242;244;246;250;6132 he;6166 he;6262 he;
;6366 he;844;846;848;=89;148;248;850;=92;252;254;852;854;856;=95;4226;4234;4238;4240;4280;4284;4334;4340;4386;x2 265;
;x2 270;x2 275;x2 280;x2 285;x2 290;x2 865;x2 870;x2 875;x2 880;x2 885;x2 890;=99;6338p;6370p;=104;152;154;156;=110;
;x2 165;x2 170;x2 175;x2 180;x2 185;=115;6140;6168;6176;6204;6212;6220;6234;6238;6272;6274;6276;6278;6308;6320;6328;
;6344;6348;6376;6378;6380;=140;6180 se;6282 se;6284 se;6386 se;
""",
    "phenom": """
;=65;ii x3 700e;ii x3 705e;ii x4 900e;ii x4 905e;ii x4 910e;x3 8250e;x3 8450e;x4 9100e;x4 9150e;x4 9350e;x4 9450e;=80;
;ii 555;ii 565;ii 570;ii 965;ii x2 545;ii x2 550;ii x2 550 be;ii x2 555 be;ii x2 560 be;ii x2 565 be;ii x2 570 be;
;ii x2 b53;ii x2 b55;ii x2 b57;=95;ii 1045t;ii 1075t;ii 840;ii 850;ii 960t;ii x3 710;ii x3 715 be;ii x3 720;
;ii x3 720 be;ii x3 740 be;ii x3 b73;ii x3 b75;ii x3 b77;ii x4 650t;ii x4 805;ii x4 810;ii x4 820;ii x4 830;ii x4 840;
;ii x4 840t;ii x4 850;ii x4 910;ii x4 925;ii x4 960t be;ii x4 b93;ii x4 b95;ii x4 b97;ii x6 1035t;ii x6 1045t;x3 8400;
;x3 8450;x3 8550;x3 8600;x3 8650;x3 8750;x3 8750 be;x3 8850;x4 9500;x4 9550;x4 9600;x4 9600 be;x4 9600b;x4 9650;
;x4 9750b;x4 9850b;=125;ii 42 twkr black edition;ii 975;ii 980;ii x4 920;ii x4 940 be;ii x4 955 be;ii x4 970 be;
;ii x4 975 be;ii x4 980 be;ii x6 1065t;ii x6 1075t;ii x6 1090t be;ii x6 1100t be;x4 9850 be;
""",
    "pro": """
;=15;a10-8700b;a10-9700b;a12-8800b;a12-9800b;a4-4350b;a4-5350b;a6-7350b;a6-8350b;a6-8500b;a6-9500b;a8-8600b;a8-9600b;
;=35;a10-8770e;a10-9700e;a10-9730b;a12-8870e;a12-9800e;a12-9830b;a6-8570e;a6-9500e;a8-9630b;=65;a10-8750b;a10-8770;
;a10-9700;a12-8870;a12-9800;a4-8350b;a6-8550b;a6-8570;a6-9500;a8-8650b;a8-9600;=95;a10-8850b;
""",
    "ryzen": """
;=15;3 2200u;3 2300u;3 3200u;3 3250c;3 3250u;3 3300u;3 3350u;3 4300u;3 5125c;3 5300u;3 5400u;3 5425c;3 5425u;3 7320c;
;3 7320u;3 7330u;3 pro 2300u;3 pro 3300u;3 pro 4450u;3 pro 5450u;3 pro 5475u;3 pro 7330u;5 2500u;5 3450u;5 3500c;
;5 3500u;5 3580u;5 3580u microsoft surface edition;5 4500u;5 4600u;5 4680u microsoft surface edition;5 5500u;5 5560u;
;5 5600u;5 5625c;5 5625u;5 7430u;5 7520c;5 7520u;5 7530u;5 pro 2500u;5 pro 3500u;5 pro 4650u;5 pro 5650u;5 pro 5675u;
;5 pro 7530u;7 2700u;7 3700c;7 3700u;7 3780u;7 3780u microsoft surface edition;7 4700u;7 4800u;
;7 4980u microsoft surface edition;7 5700u;7 5800u;7 5825c;7 5825u;7 7730u;7 pro 2700u;7 pro 3700u;7 pro 4750u;
;7 pro 5850u;7 pro 5875u;7 pro 7730u;embedded v1202b;embedded v1605b;=28;3 210;3 7335u;3 7440u;3 8440u;3 pro 210;5 220;
;5 230;5 7535u;5 7540u;5 7545u;5 7640u;5 8540u;5 8640hs;5 8640u;5 pro 220;5 pro 230;5 pro 8540u;5 pro 8640hs;
;5 pro 8640u;7 250;7 7735u;7 7840u;7 8840hs;7 8840u;7 pro 250;7 pro 6860z;7 pro 8840hs;7 pro 8840u;ai 5 340;
;ai 5 pro 340;ai 7 350;ai 7 pro 350;ai 7 pro 360;ai 9 365;ai 9 hx 370;ai 9 hx 375;ai 9 hx pro 370;ai 9 hx pro 375;z1;
;z1 extreme;z2;z2 extreme;z2 go;=35;3 2200ge;3 3200ge;3 4300ge;3 5300ge;3 5305ge;3 8300ge;3 pro 2200ge;3 pro 3200ge;
;3 pro 4350ge;3 pro 4355ge;3 pro 5350ge;3 pro 5355ge;3 pro 8300ge;5 2400ge;5 3400ge;5 3550h;5 4600ge;5 4600hs;5 5600ge;
;5 5600hs;5 5605ge;5 6600hs;5 8500ge;5 pro 2400ge;5 pro 3350ge;5 pro 3400ge;5 pro 4650ge;5 pro 4655ge;5 pro 5650ge;
;5 pro 5655ge;5 pro 6650hs;5 pro 8500ge;5 pro 8600ge;7 3750h;7 4700ge;7 5700ge;7 5705ge;7 5800hs;7 6800hs;7 pro 4750ge;
;7 pro 5750ge;7 pro 5755ge;7 pro 6850hs;7 pro 8700ge;9 4900hs;9 5900hs;9 5980hs;9 6900hs;9 6980hs;9 pro 6950hs;=45;
;5 240;5 2600e;5 2600h;5 4600h;5 5500h;5 5600h;5 6600h;5 7235hs;5 8645hs;5 pro 6650h;5 pro 8645hs;7 260;7 2700e;7 2800h;
;7 4800h;7 4800hs;7 5800h;7 6800h;7 7435hs;7 8845hs;7 pro 6850h;7 pro 8845hs;9 270;9 5900hx;9 5980hx;9 6900hx;9 6980hx;
;9 8945hs;9 pro 6950h;9 pro 8945hs;embedded v1756b;embedded v1807b;=54;5 7533hs;5 7535hs;5 7640hs;7 7735hs;7 7840hs;
;9 4900h;9 7940hs;=55;5 7645hx;7 7745hx;7 7840hx;7 8745hx;7 8840hx;9 7845hx;9 7940hx;9 7945hx;9 7945hx3d;9 8940hx;
;9 8945hx;9 9850hx;9 9955hx;9 9955hx3d;ai max 385;ai max 390;ai max pro 380;ai max pro 385;ai max pro 390;ai max+ 395;
;ai max+ pro 395;=65;3 1200;3 1300;3 1300x;3 2200g;3 2300x;3 3100;3 3200g;3 3300x;3 4100;3 4300g;3 5300g;3 5305g;
;3 8300g;3 pro 1200;3 pro 1300;3 pro 2200g;3 pro 3200g;3 pro 4350g;3 pro 4355g;3 pro 5350g;3 pro 5355g;3 pro 8300g;
;5 1400;5 1500x;5 1600;5 2400g;5 2500x;5 2600;5 3400g;5 3500;5 3500x;5 3600;5 4500;5 4600g;5 5500;5 5500gt;5 5600;
;5 5600g;5 5600gt;5 5600t;5 5600x;5 5600xt;5 5605g;5 7400f;5 7500f;5 7600;5 7600x3d;5 8400f;5 8500g;5 8600g;5 9600;
;5 9600x;5 pro 1500;5 pro 1600;5 pro 2400g;5 pro 2600;5 pro 3350g;5 pro 3400g;5 pro 3600;5 pro 4650g;5 pro 4655g;
;5 pro 5645;5 pro 5650g;5 pro 5655g;5 pro 7645;5 pro 8500g;5 pro 8600g;7 1700;7 2700;7 3700x;7 4700g;7 5700;7 5700g;
;7 5700x;7 5705g;7 5800;7 7700;7 8700f;7 8700g;7 9700x;7 pro 1700;7 pro 2700;7 pro 3700;7 pro 4750g;7 pro 5750g;
;7 pro 5755g;7 pro 5845;7 pro 7745;7 pro 8700g;9 3900;9 5900;9 7900;9 pro 3900;9 pro 5945;9 pro 7945;=95;5 1600x;
;5 2600x;5 3600x;5 3600xt;7 1700x;7 1800x;7 pro 1700x;7 pro 2700x;=105;5 5600x3d;5 7600x;7 2700x;7 2700x anniversary;
;7 3800x;7 3800xt;7 5700x3d;7 5800x;7 5800x3d;7 5800xt;7 7700x;9 3900x;9 3900xt;9 3950x;9 5900x;9 5900xt;9 5950x;=120;
;7 7800x3d;7 9800x3d;9 7900x3d;9 7950x3d;9 9900x;9 9900x3d;=125;threadripper 1900;=140;threadripper 1920;=170;9 7900x;
;9 7950x;9 9950x;9 9950x3d;=180;threadripper 1900x;threadripper 1920x;threadripper 1940;threadripper 1940x;
;threadripper 1950;threadripper 1950x;threadripper 2920x;threadripper 2950x;=250;threadripper 2970wx;
;threadripper 2990wx;=280;threadripper 3960x;threadripper 3970x;threadripper 3980x;threadripper 3990x;
;threadripper pro 3945wx;threadripper pro 3955wx;threadripper pro 3975wx;threadripper pro 3995wx;
;threadripper pro 5945wx;threadripper pro 5955wx;threadripper pro 5965wx;threadripper pro 5975wx;
;threadripper pro 5995wx;=350;threadripper 7960x;threadripper 7970x;threadripper 7980x;threadripper 9960x;
;threadripper 9970x;threadripper 9980x;threadripper pro 7945wx;threadripper pro 7955wx;threadripper pro 7965wx;
;threadripper pro 7975wx;threadripper pro 7985wx;threadripper pro 7995wx;threadripper pro 9945wx;
;threadripper pro 9955wx;threadripper pro 9965wx;threadripper pro 9975wx;threadripper pro 9985wx;
;threadripper pro 9995wx;
""",
    "sempron": """
;=25;2650;3100+;3850;=35;3000+ ee sff;3200+ ee sff;3400+ ee sff;3500+ ee sff;=45;130;140;145;150;180;le-1100;le-1150;
;le-1200;le-1250;le-1300;=62;2200+;2300+;2400+;2500+;2600+;2800+;3000+;3200+;3300+;3400+;3500+;3600+;3800+;=65;x2 2100;
;x2 2200;x2 2300;
""",
    "turion": """
;=22;64 mt-28;64 mt-30;=25;64 mt-32;64 mt-34;64 mt-37;64 mt-40;=31;x2 rm-70;=32;64 ml-28;x2 ultra zm-80;=35;64 ml-30;
;64 ml-32;64 ml-34;64 ml-37;64 ml-40;64 ml-42;64 ml-44;x2 rm-72;x2 rm-74;x2 rm-75;x2 rm-77;x2 ultra zm-82;
;x2 ultra zm-84;x2 ultra zm-85;x2 ultra zm-86;x2 ultra zm-87;x2 ultra zm-88;
""",
}
