"""
The carbon intensity of electricity by country; made by benchmarks/intensity.py, not by hand.

Source: Ember, "Yearly Electricity Data", https://ember-energy.org/data/yearly-electricity-data/, CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). Changed: only the latest year of each country is here. Grams of CO2
equivalent per kWh generated in the country, over the whole life of plants and fuels, for 100 years; imports and losses
of the grid are not in them.
"""

from greensdk_carbon.data import named

DATE = "2025-08-03"
"""When these were published."""

SOURCE = f"Ember, Yearly Electricity Data ({DATE}), average of the country, CC BY 4.0"

_COUNTRIES = """
ABW=550/2022; AFG=123.71/2023; AGO=167.22/2023; ALB=24.42/2023; ARE=467.51/2024; ARG=344.83/2024; ARM=243.52/2024;
ASM=647.06/2023; ATG=611.11/2023; AUS=553.76/2024; AUT=102.62/2024; AZE=632.89/2024; BDI=230.77/2023; BEL=117.58/2024;
BEN=590/2023; BFA=554.91/2023; BGD=694.63/2024; BGR=264.21/2024; BHR=902.41/2023; BHS=653.66/2022; BIH=638.05/2024;
BLR=323.63/2024; BLZ=155.56/2023; BOL=468.02/2024; BRA=106.06/2024; BRB=600/2023; BRN=892.67/2023; BTN=24.19/2023;
BWA=849.42/2023; CAN=184.99/2024; CHE=36.72/2024; CHL=265.52/2024; CHN=557.5/2024; CIV=393.53/2023; CMR=285.71/2023;
COD=27.04/2023; COG=713.73/2023; COK=250/2022; COL=285.8/2024; COM=642.86/2023; CPV=480/2022; CRI=63.01/2024;
CUB=638.98/2023; CYM=642.86/2023; CYP=512.24/2024; CZE=413.86/2024; DEU=342.06/2024; DJI=450/2023; DMA=600/2023;
DNK=143.3/2024; DOM=565.97/2024; DZA=633.65/2023; ECU=209.7/2024; EGY=574.5/2024; ERI=590.91/2023; ESP=146.15/2024;
EST=341.02/2024; ETH=23.55/2023; FIN=72.25/2024; FJI=278.26/2023; FLK=1000/2022; FRA=44.18/2024; FRO=354.17/2022;
GAB=429.47/2023; GBR=215.79/2024; GEO=143.06/2024; GHA=452.86/2023; GIN=182.72/2023; GLP=493.9/2022; GMB=666.67/2023;
GNB=625/2022; GNQ=605.1/2023; GRC=319.76/2024; GRD=666.67/2022; GRL=111.11/2022; GTM=272.66/2023; GUF=204.08/2022;
GUM=611.11/2022; GUY=634.33/2023; HKG=681.99/2023; HND=289.5/2023; HRV=174.48/2024; HTI=534.65/2022; HUN=182.82/2024;
IDN=682.43/2023; IND=708.96/2024; IRL=279.79/2024; IRN=648.68/2024; IRQ=689.4/2023; ISL=28.33/2023; ISR=567.26/2023;
ITA=287.75/2024; JAM=561.25/2022; JOR=539.21/2022; JPN=483.73/2024; KAZ=801.79/2024; KEN=84.83/2024; KGZ=152.65/2024;
KHM=497.46/2024; KIR=500/2022; KNA=636.36/2022; KOR=415.65/2024; KWT=637.24/2024; LAO=232.12/2023; LBN=369.47/2023;
LBR=435.9/2023; LBY=830.53/2023; LCA=650/2022; LKA=509.78/2022; LSO=20.83/2022; LTU=139.34/2024; LUX=134.62/2024;
LVA=136.22/2024; MAC=448.98/2022; MAR=577.65/2024; MDA=629.56/2024; MDG=477.27/2022; MDV=611.77/2023; MEX=483.14/2024;
MKD=568.97/2024; MLI=394.5/2023; MLT=484.16/2024; MMR=569.69/2024; MNE=413.51/2024; MNG=784.01/2024; MOZ=127.81/2023;
MRT=481.71/2022; MSR=1000/2022; MTQ=516.78/2022; MUS=633.03/2023; MWI=54.65/2022; MYS=604.43/2024; NAM=47.62/2023;
NCL=585.76/2022; NER=687.5/2023; NGA=507.85/2024; NIC=288.33/2023; NLD=252.7/2024; NOR=30.75/2024; NPL=23.36/2022;
NRU=750/2023; NZL=120.11/2024; OMN=545.33/2024; PAK=398.61/2024; PAN=258.74/2023; PER=263.27/2024; PHL=613.38/2024;
PNG=513.74/2023; POL=614.98/2024; PRI=664.53/2024; PRK=344.26/2022; PRT=111.8/2024; PRY=24.86/2023; PSE=460.78/2022;
PYF=436.62/2022; QAT=602.83/2024; REU=525.22/2022; ROU=245.55/2024; RUS=446.17/2024; RWA=301.89/2023; SAU=691.95/2024;
SDN=214.33/2023; SEN=535.4/2023; SGP=498.74/2024; SLB=636.36/2023; SLE=47.62/2023; SLV=99.29/2024; SOM=523.81/2023;
SPM=600/2022; SRB=670.8/2024; SSD=610.17/2023; STP=555.56/2022; SUR=383.18/2023; SVK=96.49/2024; SVN=227.11/2024;
SWE=35.89/2024; SWZ=142.86/2023; SYC=571.43/2023; SYR=682.27/2022; TCA=653.85/2023; TCD=615.39/2022; TGO=478.26/2023;
THA=555.43/2024; TJK=98.7/2024; TKM=1306.3/2023; TON=571.43/2023; TTO=682.11/2023; TUN=560.25/2024; TUR=469.7/2024;
TWN=635.15/2024; TZA=371.59/2023; UGA=57.39/2022; UKR=250.47/2022; URY=96.7/2024; USA=383.55/2024; UZB=1121.18/2023;
VCT=600/2023; VEN=180.25/2023; VGB=647.06/2023; VIR=641.79/2023; VNM=486.13/2024; VUT=500/2023; WSM=400/2023;
XKX=958.72/2024; YEM=586.32/2023; ZAF=713.9/2024; ZMB=111/2023; ZWE=298.44/2023
"""

COUNTRIES = {code: (float(text[:-5]), int(text[-4:])) for code, text in named(_COUNTRIES).items()}
"""ISO 3166-1 alpha-3 to (grams per kWh, year)."""

_NAMES = """
ABW=Aruba; AFG=Afghanistan; AGO=Angola; ALB=Albania; ARE=United Arab Emirates; ARG=Argentina; ARM=Armenia; ASM=American
Samoa; ATG=Antigua and Barbuda; AUS=Australia; AUT=Austria; AZE=Azerbaijan; BDI=Burundi; BEL=Belgium; BEN=Benin;
BFA=Burkina Faso; BGD=Bangladesh; BGR=Bulgaria; BHR=Bahrain; BHS=Bahamas; BIH=Bosnia Herzegovina; BLR=Belarus;
BLZ=Belize; BOL=Bolivia; BRA=Brazil; BRB=Barbados; BRN=Brunei Darussalam; BTN=Bhutan; BWA=Botswana; CAN=Canada;
CHE=Switzerland; CHL=Chile; CHN=China; CIV=Cote d'Ivoire; CMR=Cameroon; COD=Congo (DRC); COG=Congo; COK=Cook Islands
(the); COL=Colombia; COM=Comoros; CPV=Cabo Verde; CRI=Costa Rica; CUB=Cuba; CYM=Cayman Islands; CYP=Cyprus; CZE=Czechia;
DEU=Germany; DJI=Djibouti; DMA=Dominica; DNK=Denmark; DOM=Dominican Republic; DZA=Algeria; ECU=Ecuador; EGY=Egypt;
ERI=Eritrea; ESP=Spain; EST=Estonia; ETH=Ethiopia; FIN=Finland; FJI=Fiji; FLK=Falkland Islands [Malvinas]; FRA=France;
FRO=Faroe Islands; GAB=Gabon; GBR=United Kingdom; GEO=Georgia; GHA=Ghana; GIN=Guinea; GLP=Guadeloupe; GMB=Gambia;
GNB=Guinea-Bissau; GNQ=Equatorial Guinea; GRC=Greece; GRD=Grenada; GRL=Greenland; GTM=Guatemala; GUF=French Guiana;
GUM=Guam; GUY=Guyana; HKG=Hong Kong (SAR of China); HND=Honduras; HRV=Croatia; HTI=Haiti; HUN=Hungary; IDN=Indonesia;
IND=India; IRL=Ireland; IRN=Iran; IRQ=Iraq; ISL=Iceland; ISR=Israel; ITA=Italy; JAM=Jamaica; JOR=Jordan; JPN=Japan;
KAZ=Kazakhstan; KEN=Kenya; KGZ=Kyrgyzstan; KHM=Cambodia; KIR=Kiribati; KNA=Saint Kitts and Nevis; KOR=South Korea;
KWT=Kuwait; LAO=Lao; LBN=Lebanon; LBR=Liberia; LBY=Libya; LCA=Saint Lucia; LKA=Sri Lanka; LSO=Lesotho; LTU=Lithuania;
LUX=Luxembourg; LVA=Latvia; MAC=Macao (SAR of China); MAR=Morocco; MDA=Moldova; MDG=Madagascar; MDV=Maldives;
MEX=Mexico; MKD=North Macedonia; MLI=Mali; MLT=Malta; MMR=Myanmar; MNE=Montenegro; MNG=Mongolia; MOZ=Mozambique;
MRT=Mauritania; MSR=Montserrat; MTQ=Martinique; MUS=Mauritius; MWI=Malawi; MYS=Malaysia; NAM=Namibia; NCL=New Caledonia;
NER=Niger; NGA=Nigeria; NIC=Nicaragua; NLD=Netherlands; NOR=Norway; NPL=Nepal; NRU=Nauru; NZL=New Zealand; OMN=Oman;
PAK=Pakistan; PAN=Panama; PER=Peru; PHL=The Philippines; PNG=Papua New Guinea; POL=Poland; PRI=Puerto Rico; PRK=North
Korea; PRT=Portugal; PRY=Paraguay; PSE=Palestine (State of); PYF=French Polynesia; QAT=Qatar; REU=Reunion; ROU=Romania;
RUS=Russia; RWA=Rwanda; SAU=Saudi Arabia; SDN=Sudan; SEN=Senegal; SGP=Singapore; SLB=Solomon Islands; SLE=Sierra Leone;
SLV=El Salvador; SOM=Somalia; SPM=Saint Pierre and Miquelon; SRB=Serbia; SSD=South Sudan; STP=Sao Tome and Principe;
SUR=Suriname; SVK=Slovakia; SVN=Slovenia; SWE=Sweden; SWZ=Eswatini; SYC=Seychelles; SYR=Syria; TCA=Turks and Caicos
Islands; TCD=Chad; TGO=Togo; THA=Thailand; TJK=Tajikistan; TKM=Turkmenistan; TON=Tonga; TTO=Trinidad and Tobago;
TUN=Tunisia; TUR=Türkiye; TWN=Taiwan (China); TZA=Tanzania (the United Republic of); UGA=Uganda; UKR=Ukraine;
URY=Uruguay; USA=United States; UZB=Uzbekistan; VCT=Saint Vincent and the Grenadines; VEN=Venezuela; VGB=Virgin Islands
(British); VIR=Virgin Islands (U.S.); VNM=Viet Nam; VUT=Vanuatu; WSM=Samoa; XKX=Kosovo; YEM=Yemen; ZAF=South Africa;
ZMB=Zambia; ZWE=Zimbabwe
"""

NAMES = named(_NAMES)
"""ISO 3166-1 alpha-3 to Ember's name of the country."""
