"""
Codes and names of countries: ISO 3166-1 (https://www.iso.org/iso-3166-country-codes.html), as of February 2026.

Written by hand; the codes are facts, without a licence. Most names are in `data.countries`, as Ember spells them.
"""

from greensdk_carbon.data import named

ALPHA_2 = """
ABWAW AFGAF AGOAO AIAAI ALAAX ALBAL ANDAD AREAE ARGAR ARMAM ASMAS ATAAQ ATFTF ATGAG AUSAU AUTAT AZEAZ BDIBI BELBE
BENBJ BESBQ BFABF BGDBD BGRBG BHRBH BHSBS BIHBA BLMBL BLRBY BLZBZ BMUBM BOLBO BRABR BRBBB BRNBN BTNBT BVTBV BWABW
CAFCF CANCA CCKCC CHECH CHLCL CHNCN CIVCI CMRCM CODCD COGCG COKCK COLCO COMKM CPVCV CRICR CUBCU CUWCW CXRCX CYMKY
CYPCY CZECZ DEUDE DJIDJ DMADM DNKDK DOMDO DZADZ ECUEC EGYEG ERIER ESHEH ESPES ESTEE ETHET FINFI FJIFJ FLKFK FRAFR
FROFO FSMFM GABGA GBRGB GEOGE GGYGG GHAGH GIBGI GINGN GLPGP GMBGM GNBGW GNQGQ GRCGR GRDGD GRLGL GTMGT GUFGF GUMGU
GUYGY HKGHK HMDHM HNDHN HRVHR HTIHT HUNHU IDNID IMNIM INDIN IOTIO IRLIE IRNIR IRQIQ ISLIS ISRIL ITAIT JAMJM JEYJE
JORJO JPNJP KAZKZ KENKE KGZKG KHMKH KIRKI KNAKN KORKR KWTKW LAOLA LBNLB LBRLR LBYLY LCALC LIELI LKALK LSOLS LTULT
LUXLU LVALV MACMO MAFMF MARMA MCOMC MDAMD MDGMG MDVMV MEXMX MHLMH MKDMK MLIML MLTMT MMRMM MNEME MNGMN MNPMP MOZMZ
MRTMR MSRMS MTQMQ MUSMU MWIMW MYSMY MYTYT NAMNA NCLNC NERNE NFKNF NGANG NICNI NIUNU NLDNL NORNO NPLNP NRUNR NZLNZ
OMNOM PAKPK PANPA PCNPN PERPE PHLPH PLWPW PNGPG POLPL PRIPR PRKKP PRTPT PRYPY PSEPS PYFPF QATQA REURE ROURO RUSRU
RWARW SAUSA SDNSD SENSN SGPSG SGSGS SHNSH SJMSJ SLBSB SLESL SLVSV SMRSM SOMSO SPMPM SRBRS SSDSS STPST SURSR SVKSK
SVNSI SWESE SWZSZ SXMSX SYCSC SYRSY TCATC TCDTD TGOTG THATH TJKTJ TKLTK TKMTM TLSTL TONTO TTOTT TUNTN TURTR TUVTV
TWNTW TZATZ UGAUG UKRUA UMIUM URYUY USAUS UZBUZ VATVA VCTVC VENVE VGBVG VIRVI VNMVN VUTVU WLFWF WSMWS XKXXK YEMYE
ZAFZA ZMBZM ZWEZW
"""
"""Three letters, and the two for the same country; XKX and XK are Kosovo's, which ISO leaves to its users."""

_WITHOUT_FIGURE = """
AIA=Anguilla; ALA=Åland Islands; AND=Andorra; ATA=Antarctica; ATF=French Southern Territories; BES=Bonaire; BLM=Saint
Barthélemy; BMU=Bermuda; BVT=Bouvet Island; CAF=Central African Republic; CCK=Cocos; CUW=Curaçao; CXR=Christmas Island;
ESH=Western Sahara; FSM=Micronesia; GGY=Guernsey; GIB=Gibraltar; HMD=Heard Island and McDonald Islands; IMN=Isle of Man;
IOT=British Indian Ocean Territory; JEY=Jersey; LIE=Liechtenstein; MAF=Saint Martin; MCO=Monaco; MHL=Marshall Islands;
MNP=Northern Mariana Islands; MYT=Mayotte; NFK=Norfolk Island; NIU=Niue; PCN=Pitcairn; PLW=Palau; SGS=South Georgia and
the South Sandwich Islands; SHN=Saint Helena; SJM=Svalbard and Jan Mayen; SMR=San Marino; SXM=Sint Maarten; TKL=Tokelau;
TLS=Timor-Leste; TUV=Tuvalu; UMI=United States Minor Outlying Islands; VAT=Holy See; WLF=Wallis and Futuna
"""

WITHOUT_FIGURE = named(_WITHOUT_FIGURE)
"""Countries of which Ember publishes no intensity."""

_ALIASES = """
uk=GBR; great britain=GBR; england=GBR; scotland=GBR; wales=GBR; northern ireland=GBR; united states of america=USA;
america=USA; korea=KOR; republic of korea=KOR; dprk=PRK; russian federation=RUS; viet nam=VNM; turkey=TUR; turkiye=TUR;
czech republic=CZE; holland=NLD; ivory coast=CIV; macedonia=MKD; swaziland=SWZ; burma=MMR; cape verde=CPV; east
timor=TLS; holy see=VAT; vatican=VAT; uae=ARE; bosnia and herzegovina=BIH; congo kinshasa=COD; democratic republic of
the congo=COD; dr congo=COD; republic of the congo=COG; laos=LAO; palestine=PSE; macau=MAC; el=GRC
"""

ALIASES = named(_ALIASES)
"""Other names and codes that people write, in small letters without accents."""
