"""
Cores and hardware threads of parts whose watts are in the generated tables: a guest has its threads' share of a socket.

Written by hand from Intel ARK (https://ark.intel.com) and AMD's product pages (https://www.amd.com/en/products/
specifications/processors.html) as of November 2026; facts, without a licence. ``benchmarks/cpu_table.py --ark``
compares them with a list of ARK's. Most of AMD's parts print their cores into their names, and are not here.

``LINES``: family to ``;=CORES/THREADS;name;name;``, as in the generated tables.
"""

LINES = {
    "xeon": """
;=2/4;e3-1220l;e3-1220l v2;e3-1220l v3;e5-2637;=4/4;e3-1220;e3-1225;e3-1220 v2;e3-1225 v2;e3-1220 v3;e3-1225 v3;
;e3-1226 v3;e3-1220 v5;e3-1225 v5;e3-1220 v6;e3-1225 v6;e-2104g;e-2124;e-2124g;e-2224;e-2224g;e-2314;e-2324g;e-2414;
;e5-1603;e5-1607;e5-1603 v3;e5-1607 v3;e5-1603 v4;e5-1607 v4;e5-2403;e5-2407;e5-2603;e5-2609;e5-2403 v2;e5-2407 v2;
;e5-2603 v2;e5-2609 v2;e5504;e5506;e5603;e5606;e5607;=4/8;silver 4112;gold 5122;gold 5222;platinum 8156;platinum 8256;
;e3-1230;e3-1235;e3-1240;e3-1245;e3-1270;e3-1275;e3-1280;e3-1290;e3-1230 v2;e3-1240 v2;e3-1245 v2;e3-1265l v2;
;e3-1270 v2;e3-1275 v2;e3-1280 v2;e3-1290 v2;e3-1230 v3;e3-1231 v3;e3-1240 v3;e3-1241 v3;e3-1245 v3;e3-1246 v3;
;e3-1265l v3;e3-1268l v3;e3-1270 v3;e3-1271 v3;e3-1275 v3;e3-1276 v3;e3-1280 v3;e3-1281 v3;e3-1285 v3;e3-1286 v3;
;e3-1265l v4;e3-1285 v4;e3-1285l v4;e3-1230 v5;e3-1240 v5;e3-1240l v5;e3-1245 v5;e3-1260l v5;e3-1270 v5;e3-1275 v5;
;e3-1280 v5;e3-1505m v5;e3-1535m v5;e3-1575m v5;e3-1585 v5;e3-1585l v5;e3-1230 v6;e3-1240 v6;e3-1245 v6;e3-1270 v6;
;e3-1275 v6;e3-1280 v6;e3-1285 v6;e3-1505m v6;e3-1535m v6;e-2134;e-2144g;e-2174g;e-2234;e-2244g;e-2274g;e-2334;e-2374g;
;e-2434;e5-1410;e5-1620;e5-1620 v2;e5-1620 v3;e5-1620 v4;e5-1630 v3;e5-1630 v4;e5-2637 v2;e5-2637 v3;e5-2637 v4;e5-2643;
;e5-2623 v3;e5-2623 v4;d-1520;d-1521;d-2123it;w-2123;w-2125;w-2223;w-2225;e5520;e5530;e5540;x5550;x5560;x5570;e5620;
;e5630;e5640;x5667;x5677;x5687;=6/6;bronze 3104;bronze 3204;e-2126g;e-2226g;e-2226ge;e5-2603 v3;e5-2609 v3;e5-2603 v4;
;=6/12;gold 6128;e-2136;e-2146g;e-2176g;e-2186g;e-2236;e-2246g;e-2276g;e-2286g;e-2336;e-2356g;e-2386g;e-2436;e-2456;
;e-2486;e5-1650;e5-1650 v2;e5-1650 v3;e5-1650 v4;e5-2420;e5-2430;e5-2430 v2;e5-2420 v2;e5-2440;e5-2620;e5-2630;e5-2640;
;e5-2667;e5-2620 v2;e5-2630 v2;e5-2643 v2;e5-2643 v3;e5-2643 v4;e5-2620 v3;d-1528;d-1531;e5645;e5649;x5650;x5660;x5670;
;x5675;x5680;x5690;l5640;w-2133;w-2135;w-2235;w-1250;w-1250p;w-1350;w-1350p;=8/8;bronze 3106;bronze 3206r;bronze 3408u;
;bronze 3508u;e5-2609 v4;=8/16;silver 4108;silver 4109t;silver 4110;silver 4208;silver 4209t;silver 4215;silver 4215r;
;silver 4309y;silver 4509y;gold 5217;gold 5315y;gold 5415+;gold 5515+;gold 6134;gold 6134m;gold 6144;gold 6234;
;gold 6244;gold 6250;gold 6250l;gold 6334;gold 6434;gold 6434h;platinum 8356h;6507p;6732p;6315p;e-2278g;e-2278ge;
;e-2288g;e-2378;e-2378g;e-2388g;e-2468;e-2478;e-2488;e5-1660 v3;e5-1680 v3;e5-1660 v4;e5-1680 v4;e5-2450;e5-2470;
;e5-2450 v2;e5-2650;e5-2650l;e5-2660;e5-2665;e5-2670;e5-2680;e5-2687w;e5-2689;e5-2690;e5-2640 v2;e5-2650 v2;e5-2667 v2;
;e5-2673 v2;e5-2687w v2;e5-2630 v3;e5-2630l v3;e5-2640 v3;e5-2667 v3;e5-2620 v4;e5-2667 v4;e5-4650;d-1537;d-1539;d-1540;
;d-1541;d-1548;d-2141i;x7550;x7560;w-2145;w-2245;w-1270;w-1270p;w-1370;w-1370p;w-1390;w-1390p;w-3223;w-3225;gold 6534;
;=10/20;silver 4114;silver 4114t;silver 4210;silver 4210r;silver 4210t;silver 4310t;silver 4410t;silver 4510t;gold 5115;
;gold 5215;gold 5215l;gold 5215m;gold 5215r;e5-2660 v2;e5-2670 v2;e5-2680 v2;e5-2690 v2;e5-2650l v2;e5-2470 v2;
;e5-2650 v3;e5-2660 v3;e5-2687w v3;e5-2630 v4;e5-2630l v4;e5-2640 v4;e7-4850;e7-4860;e7-4870;e7-8867l;e7-8870;
;e5-2666 v3;w-2155;w-2255;w-1290;w-1290p;e7-2870;e7-2860;e7-2850;e7-8850;e7-8860;=12/24;silver 4116;silver 4116t;
;silver 4214;silver 4214r;silver 4214y;silver 4310;silver 4410y;silver 4510;gold 5118;gold 6126;gold 6126t;gold 6126f;
;gold 6136;gold 6146;gold 6226;gold 6246;gold 6256;gold 5317;platinum 8158;e5-2695 v2;e5-2697 v2;e5-2651 v2;e5-2696 v2;
;e5-2650l v3;e5-2670 v3;e5-2673 v3;e5-2676 v3;e5-2678 v3;e5-2680 v3;e5-2690 v3;e5-2650 v4;e5-2687w v4;e5-4657l v2;
;d-1557;d-1559;d-2166nt;w-2265;w-3235;w-3323;platinum 8151;e7-4830 v3;e5-4650 v3;e5-4640 v3;e5-4640 v4;=14/28;gold 5117;
;gold 5117f;gold 5119t;gold 5120;gold 5120t;gold 6132;e5-2683 v3;e5-2695 v3;e5-2697 v3;e5-2650l v4;e5-2660 v4;
;e5-2680 v4;e5-2690 v4;w-2175;w-2275;e7-4850 v3;e7-4830 v4;e5-4650 v4;=15/30;e7-4890 v2;e7-8880 v2;e7-8890 v2;
;e7-4880 v2;e7-4870 v2;e7-8870 v2;=16/32;silver 4216;silver 4216r;silver 4314;silver 4514y;gold 5218;gold 5218b;
;gold 5218n;gold 5218t;gold 5416s;gold 6130;gold 6130t;gold 6130f;gold 6142;gold 6142m;gold 6142f;gold 6226r;gold 6242;
;gold 6246r;gold 6326;gold 6346;gold 6426y;gold 6444y;gold 6526y;gold 6544y;platinum 8153;platinum 8253;platinum 8444h;
;6517p;6724p;e5-2698 v3;e5-2682 v4;e5-2683 v4;e5-2697a v4;d-1571;d-1577;d-1587;d-2183it;w-3245;w-3245m;w-3335;
;gold 6208u;gold 6328h;gold 6328hl;e7-8860 v3;e7-8867 v3;e5-4667 v3;e5-4660 v4;e7-4850 v4;=18/36;gold 5220;gold 5220s;
;gold 5220t;gold 6139;gold 6140;gold 6140m;gold 6150;gold 6154;gold 6240;gold 6240c;gold 6240l;gold 6240m;gold 6240y;
;gold 6254;platinum 8124m;e5-2696 v3;e5-2699 v3;e5-2686 v4;e5-2695 v4;e5-2697 v4;e7-8880 v3;e7-8890 v3;e7-8870 v3;
;e5-4669 v3;w-2195;w-2295;gold 6354;gold 6416h;platinum 8354h;e7-8860 v4;e7-8867 v4;e5-4667 v4;gold 5318h;=20/40;
;silver 4316;silver 4416+;gold 5218r;gold 5320t;gold 6133;gold 6138;gold 6138t;gold 6138f;gold 6138p;gold 6145;
;gold 6148;gold 6148f;gold 6210u;gold 6230;gold 6230n;gold 6230t;gold 6242r;gold 6248;e5-2673 v4;e5-2698 v4;e7-8870 v4;
;gold 6222v;gold 6209u;gold 5423n;gold 5433n;=22/44;gold 6152;gold 6238;gold 6238l;gold 6238m;gold 6238t;gold 6161;
;e5-2696 v4;e5-2699 v4;e5-2699a v4;e7-8880 v4;e5-4669 v4;=24/48;gold 5220r;gold 5318s;gold 5318y;gold 5411n;gold 5412u;
;gold 5418y;gold 6212u;gold 6240r;gold 6248r;gold 6252;gold 6252n;gold 6262v;gold 6312u;gold 6336y;gold 6338t;gold 6342;
;gold 6348h;gold 6418h;gold 6442y;gold 6542y;gold 6423n;platinum 8160;platinum 8160m;platinum 8160t;platinum 8160f;
;platinum 8160h;platinum 8163;platinum 8168;platinum 8174;platinum 8175m;platinum 8255c;platinum 8259cl;platinum 8259l;
;platinum 8260;platinum 8260l;platinum 8260m;platinum 8260y;platinum 8268;platinum 8274;platinum 8275cl;platinum 8360h;
;6520p;6527p;6728p;e7-8890 v4;e7-8894 v4;w-3265;w-3265m;w-3345;silver 4516y+;platinum 8360hl;gold 5318n;gold 5418n;
;=26/52;gold 5320;gold 6230r;gold 6278c;platinum 8164;platinum 8167m;platinum 8170;platinum 8170m;platinum 8171m;
;platinum 8172m;platinum 8269cy;platinum 8270;platinum 8272cl;platinum 8179m;=28/56;gold 5420+;gold 5520+;gold 5512u;
;gold 6238r;gold 6258r;gold 6330;gold 6330n;gold 6348;platinum 8173m;platinum 8176;platinum 8176m;platinum 8176f;
;platinum 8180;platinum 8180m;platinum 8273cl;platinum 8276;platinum 8276l;platinum 8276m;platinum 8280;platinum 8280l;
;platinum 8280m;platinum 8376h;platinum 8376hl;platinum 8380h;platinum 8380hl;w-3175x;w-3275;w-3275m;platinum 8450h;
;=32/64;gold 6314u;gold 6338;gold 6338n;gold 6414u;gold 6421n;gold 6428n;gold 6430;gold 6438m;gold 6438n;gold 6438y+;
;gold 6448h;gold 6448y;gold 6454s;gold 6530;gold 6538n;gold 6538y+;gold 6548n;gold 6548y+;platinum 8352m;platinum 8352s;
;platinum 8352y;platinum 8358;platinum 8358p;platinum 8362;platinum 8369b;platinum 8370c;platinum 8375c;platinum 8454h;
;platinum 8462y+;platinum 8562y+;platinum 9221;platinum 9222;6530p;6730p;6737p;max 9462;w-3365;gold 6458q;gold 6558q;
;=36/72;gold 6554s;platinum 8351n;platinum 8352v;platinum 8360y;platinum 8373c;platinum 8452y;=38/76;platinum 8368;
;platinum 8368q;w-3375;=40/80;platinum 8380;platinum 8460h;platinum 8460y+;max 9460;=44/88;platinum 8458p;=48/96;
;platinum 8461v;platinum 8468;platinum 8468h;platinum 8468v;platinum 8474c;platinum 8558;platinum 8558p;platinum 8558u;
;platinum 8488c;platinum 9242;max 9468;platinum 8568y+;=52/104;platinum 8470;platinum 8470n;platinum 8470q;
;platinum 8473c;platinum 8570;max 9470;platinum 8471n;platinum 8571n;=56/112;platinum 8480+;platinum 8480c;
;platinum 8481c;platinum 9282;max 9480;=60/120;platinum 8490h;platinum 8580;platinum 8581c;platinum 8581v;=64/64;6710e;
;=64/128;platinum 8592+;platinum 8592v;6760p;6761p;6767p;platinum 8593q;=72/144;6952p;=86/172;6787p;6781p;=96/96;6740e;
;=96/192;6972p;=112/112;6746e;=120/240;6979p;=128/128;6756e;=128/256;6980p;=144/144;6766e;6780e;
""",
    "core": """
;=2/4;i3-2100;i3-2120;i3-3220;i3-3240;i3-4130;i3-4150;i3-4160;i3-4170;i3-6100;i3-6100t;i3-7100;i3-7100t;i3-7300;
;i5-4200u;i5-4300u;i7-4500u;i7-4600u;i5-5200u;i5-5300u;i7-5500u;i7-5600u;i5-6200u;i5-6300u;i7-6500u;i7-6600u;i5-7200u;
;i5-7300u;i7-7500u;i7-7600u;i3-8130u;i3-10110u;=4/4;i5-2400;i5-2500;i5-2500k;i5-3470;i5-3570;i5-3570k;i5-4460;i5-4570;
;i5-4590;i5-4670;i5-4670k;i5-4690;i5-4690k;i5-6400;i5-6500;i5-6500t;i5-6600;i5-6600k;i5-7400;i5-7500;i5-7500t;i5-7600;
;i5-7600k;i3-8100;i3-8100t;i3-8300;i3-8350k;i3-9100;i3-9100f;i3-9300;=4/8;i7-2600;i7-2600k;i7-2700k;i7-3770;i7-3770k;
;i7-4770;i7-4770k;i7-4790;i7-4790k;i7-6700;i7-6700k;i7-6700hq;i7-6820hq;i7-7700;i7-7700k;i7-7700hq;i7-8550u;i7-8565u;
;i7-8650u;i7-8665u;i5-8250u;i5-8350u;i5-8265u;i5-8365u;i7-10510u;i7-10610u;i5-10210u;i5-10310u;i5-10300h;i7-1065g7;
;i5-1035g1;i5-1035g4;i3-10100;i3-10105;i3-10100f;i3-10100t;=6/6;i5-8400;i5-8400t;i5-8500;i5-8500t;i5-8600;i5-8600k;
;i5-9400;i5-9400f;i5-9500;i5-9500t;i5-9600;i5-9600k;i5-9600kf;=6/12;i7-8700;i7-8700k;i7-8700t;i7-8086k;i7-8750h;
;i7-8850h;i7-9750h;i7-9850h;i7-10750h;i7-10850h;i7-10710u;i5-10400;i5-10400f;i5-10400t;i5-10500;i5-10500t;i5-10600;
;i5-10600k;i5-10600kf;i7-3930k;i7-4930k;i7-5820k;i7-5930k;i7-6800k;i7-6850k;i7-7800x;=8/8;i7-9700;i7-9700f;i7-9700k;
;i7-9700kf;i7-9700t;=8/16;i9-9900;i9-9900k;i9-9900kf;i9-9900ks;i9-9900t;i9-9880h;i9-9980hk;i7-10700;i7-10700f;i7-10700k;
;i7-10700kf;i7-10700t;i7-10875h;i9-10980hk;i7-5960x;i7-6900k;i7-7820x;i7-9800x;=10/20;i9-10850k;i9-10900;i9-10900f;
;i9-10900k;i9-10900kf;i9-10900t;i7-6950x;i9-7900x;i9-9820x;i9-9900x;i9-10900x;=12/24;i9-7920x;i9-9920x;i9-10920x;=14/28;
;i9-7940x;i9-9940x;i9-10940x;=16/32;i9-7960x;i9-9960x;=18/36;i9-7980xe;i9-9980xe;i9-10980xe;
""",
    "ryzen": """
;=2/4;3 2200u;3 3200u;3 3250u;3 3250c;=4/4;3 2200g;3 2200ge;3 3200g;3 3200ge;3 pro 2200g;3 pro 3200g;3 2300u;3 3300u;
;3 1200;3 1300;3 1300x;3 2300x;=4/8;5 2400g;5 2400ge;5 3400g;5 3400ge;5 pro 2400g;5 pro 3400g;5 2500u;5 3500u;5 3550h;
;5 3450u;7 2700u;7 3700u;7 3750h;5 pro 2500u;5 pro 3500u;7 pro 2700u;7 pro 3700u;3 4300g;3 4300ge;3 4300u;3 pro 4350g;
;3 5300g;3 5300ge;3 pro 5350g;3 5300u;3 5400u;3 5425u;3 7320u;5 7520u;3 7330u;3 pro 7330u;3 7440u;3 8440u;3 8300g;3 210;
;embedded v1605b;embedded v1756b;embedded v1807b;=6/6;5 3500;5 3500x;5 4500u;=6/12;5 4600g;5 4600ge;5 4600u;5 4600h;
;5 4600hs;5 pro 4650g;5 pro 4650ge;5 pro 4650u;5 5500u;5 5600g;5 5600ge;5 5600gt;5 5500gt;5 pro 5650g;5 pro 5650ge;
;5 5600u;5 5560u;5 5625u;5 5600h;5 5600hs;5 pro 5650u;5 pro 5675u;5 6600u;5 6600h;5 6600hs;5 pro 6650u;5 pro 6650h;
;5 7530u;5 pro 7530u;5 7430u;5 7535u;5 7535hs;5 7540u;5 7545u;5 7640u;5 7640hs;5 8540u;5 8640u;5 8640hs;5 8645hs;
;5 pro 8540u;5 pro 8640u;5 pro 8640hs;5 8500g;5 8600g;5 8500ge;5 pro 8500g;5 pro 8600g;5 220;5 230;5 240;ai 5 340;
;ai 5 pro 340;ai max pro 380;z1;5 7645hx;=8/8;7 4700u;=8/16;7 4700g;7 4700ge;7 pro 4750g;7 pro 4750ge;7 4800u;7 4800h;
;7 4800hs;7 pro 4750u;9 4900h;9 4900hs;7 5700g;7 5700ge;7 pro 5750g;7 pro 5750ge;7 5700u;7 5800u;7 5825u;7 5800h;
;7 5800hs;7 pro 5850u;7 pro 5875u;9 5900hx;9 5900hs;9 5980hx;9 5980hs;7 6800u;7 6800h;7 6800hs;7 pro 6850u;7 pro 6850h;
;7 pro 6850hs;9 6900hx;9 6900hs;9 6980hx;7 7730u;7 pro 7730u;7 7735u;7 7735hs;7 7840u;7 7840hs;9 7940hs;7 8840u;
;7 8840hs;7 8845hs;9 8945hs;7 pro 8840u;7 pro 8840hs;7 pro 8845hs;9 pro 8945hs;7 8700g;7 pro 8700g;7 pro 8700ge;7 250;
;7 260;9 270;z1 extreme;ai 7 350;ai 7 pro 350;ai max 385;ai max pro 385;z2 extreme;7 7745hx;7 7840hx;7 8745hx;=10/20;
;ai 9 365;=12/24;ai 9 hx 370;ai 9 hx 375;ai 9 hx pro 370;ai 9 hx pro 375;ai max 390;ai max pro 390;9 7845hx;=16/32;
;ai max+ 395;ai max+ pro 395;9 7945hx;9 7945hx3d;9 9955hx;9 9955hx3d;
""",
}
