"""Words and signs that stand around counts on pages, in some thirty languages: the tables of `crawlers.counts`."""

from __future__ import annotations

import re
import unicodedata

from storage.model import Bound

CJK = "\u3005-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
LETTERS = r"[^\s\d!-@\[-`{-~\u00a1-\u00bf\u2010-\u2027\u3000-\u3004\u3008-\u301f]"  # with vowel signs, which \w leaves out
OPENING, CLOSING = '([{"“„”«»‹›「『【《•·|¡¿:', ")]}\"“”»«›」』】》'.,;:!?|•·"
COUNTERS = ("", *" +件个個条條名人份余多以超명개건이")  # what may follow 万 so that it is no part of a name
SYMBOLS = dict.fromkeys(">≥≧⩾≳+", Bound.AT_LEAST) | dict.fromkeys("~≈≃≅≒∼", Bound.ESTIMATE)
SAME = str.maketrans({**dict.fromkeys("’‘ʼ′", "'"), **dict.fromkeys("٬،⹁", ","), "～": "〜"})  # 〜100 is "up to 100" in Japanese

# What a figure is multiplied by, from CLDR's compact forms; a stem takes up to four letters more.
_STEMS = {
    1e3: "thousand tausend duizend tusen tusind tuhat tysi tisíc tisuć tisoč hiljad tūkstan tūksto þúsund millier тысяч тисяч хиляд хиљад"
    " χιλιάδ",
    1e6: "millio millió millión millón millone miljo milijon milijun milió milio milhão milhõ milyon milljón"
    " миллион милион мільйон мільён εκατομμύρι",
    1e9: "milliard milliárd miljard milijard miliard miliárd milyar milljarð миллиард милиард милијард мільярд δισεκατομμύρι",
}
_WORDS = {
    1e3: "k mil mila mille mie mii tsd tys tis tuh tūkst ezer ribu nghìn тыс тис хил хиљ χιλ мың ألف آلاف هزار אלף हज़ार พัน 千 천",
    1e4: "หมื่น 万 萬 만",
    1e5: "lakh lakhs lac लाख แสน",
    1e6: "M mio mln milj juta triệu млн εκ مليون ملايين میلیون מיליון ล้าน 百万 百萬 백만",
    1e7: "crore crores करोड़ क॰ 千万 千萬 천만",
    1e8: "億 亿 억",
    1e9: "mrd mld mlrd tỷ млрд δισ مليار میلیارد מיליארד अरब",
}
# Words that are another number, or none, elsewhere (m: million, thousand, metres; billion: nine noughts or twelve), and
# words for thousands of languages that are not read here: with them the figure is refused.
_UNCLEAR = (
    "m md mi mia mill mn bin b bn t tn tr bi bio bln tri billion billions billionen billón billones bilion bilhão bilhões biliões"
    " trillion trillions hundred hundreds dozen dozens cent cents cientos centenas douzaines hundert dutzend сотен 百 백 mm l cr jt rb"
    " duisend tûzen dousend düüsen dausend tuusig tsg dsd dt td tús þ tysac mijë hilj milles mile mhìle mìle mìltean míle mhíle mìg mìgia"
    " millares miler milers miu millia migghiaru taúzan hezar ming müň kun libo miliad viliad mioin mion mió milhãu miliwn miliun miliuna"
    " miliuni miliuns milyan míliọn mílíọ̀nù miliãu míl millean mhillean milliún mhilliún milljuhn milljuhne isigidi inkulungwane alaf afe"
    " mano kilu tuhháát duhát duháhat rèbu èwu yuta hjar ẹgbẹ̀rún melyun мең миң мянга илј илјада илјади мил тыһ тыһыынча мөл мөлүйүөн"
    " эзар пин ҳазор ҳзр м сая ह हजार करोड कोटी लख दशलक्ष रोजा के एम مىڭ مىليون ملين ھزار ہزار لاکھ کروڑ минг wagim wagimen imelyunen"
    " umilyun túsund hozar milleanan ɛgbɛ̀rún निजुत ريبو ميلليون"
)
# In other scripts (Bengali, Tamil, Armenian …) any word after the figure might be such a word.
SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "THAI", "CJK", "HIRAGANA", "KATAKANA", "HANGUL")


def _table(text: str) -> list[str]:
    return unicodedata.normalize("NFKC", text).split()


FACTORS = {word: factor for factor, words in _WORDS.items() for word in _table(words)} | dict.fromkeys(_table(_UNCLEAR), 0.0)
STEM = {factor: re.compile(f"(?:{'|'.join(_table(words))}){LETTERS}{{0,4}}") for factor, words in _STEMS.items()}
UNSPACED_FACTOR = re.compile(f"({'|'.join(sorted((w for w in FACTORS if re.match(f'[{CJK}]', w)), key=len, reverse=True))})(.?)")


def phrases(table: str) -> str:
    """A pattern of phrases, separated by commas, that stand alone as words (in Chinese, Japanese, Korean: anywhere)."""
    words = [" ".join(_table(phrase)) for phrase in table.split(",")]
    return "|".join(re.escape(w) if re.match(f"[{CJK}]", w) else rf"(?<!\w){re.escape(w)}(?!\w)" for w in words)


LIMIT = re.compile(
    "[<≤≦⩽≲≮≯〜]|"
    + phrases(
        "less than,fewer than,under,below,up to,at most,max,maximum,lt,no,not,never,without,weniger als,unter,bis,bis zu,höchstens,nicht,"
        "kein,keine,moins de,jusqu'à,au plus,au maximum,pas,ne,menos de,hasta,máximo,como mucho,meno di,fino a,al massimo,massimo,non,"
        "até,não,minder dan,tot,hooguit,maximaal,niet,mniej niż,do,maksymalnie,nie,mindre än,upp till,högst,inte,mindre end,op til,højst,"
        "ikke,mindre enn,opptil,inntil,alle,enintään,méně než,menej ako,nejvýše,legfeljebb,kevesebb mint,mai puțin de,până la,"
        "λιγότερο από,έως,менее,меньше,менше,до,не,максимум,en fazla,en çok,أقل من,حتى,لا,अधिकतम,פחות מ,עד,少于,少於,不到,不足,"
        "不超过,不超過,最多,至多,没有,沒有,最大,第,최대"
    )
)
_LESS = "or less,or fewer,at most,max,maximum,oder weniger,ou moins,o menos,ou menos,o meno,of minder,lub mniej,eller mindre,eller färre,"
_LESS += "или менее,или меньше,أو أقل,से कम,तक"
LIMIT_AFTER = re.compile(rf"\s?[{CJK}]{{0,2}}?\s?(?:以下|以内|以內|未満|未满|弱|이하|미만)|'[dt][ea]n az\b|\s?(?:{phrases(_LESS)})")
ABOUT = phrases(
    "about,approx,approximately,around,roughly,some,circa,ca,c,estimated,almost,nearly,close to,rund,etwa,ungefähr,zirka,fast,knapp,"
    "environ,presque,près de,à peu près,cerca de,alrededor de,aproximadamente,unos,unas,casi,quase,quasi,circa,cerca di,ongeveer,"
    "bijna,około,ok,prawie,omkring,ungefär,cirka,nästan,næsten,nesten,noin,lähes,asi,přibližně,téměř,körülbelül,kb,majdnem,"
    "aproximativ,aproape,περίπου,σχεδόν,около,примерно,приблизительно,почти,близько,приблизно,майже,yaklaşık,neredeyse,حوالي,نحو,"
    "تقريبا,लगभग,करीब,בערך,כ,環,约,約,大约,大約,近,およそ,ほぼ,약,대략,거의"
)
MORE = phrases(
    "more than,over,above,at least,greater than,gt,min,minimum,mehr als,über,mindestens,plus de,+ de,au moins,más de,al menos,"
    "por lo menos,mais de,pelo menos,più di,oltre,almeno,meer dan,ruim,minstens,ponad,więcej niż,co najmniej,mer än,över,minst,"
    "mere end,mindst,mer enn,yli,vähintään,více než,přes,nejméně,viac ako,vyše,több mint,legalább,peste,mai mult de,πάνω από,"
    "περισσότερα από,более,больше,свыше,більше,понад,en az,أكثر من,על,מעל,יותר מ,超过,超過,至少,多于,多於,少なくとも,최소"
)
ABOUT_BEFORE, MORE_BEFORE, KNOWN = re.compile(ABOUT), re.compile(MORE), re.compile(f"(?:{ABOUT}|{MORE}|[\\s.:]|[{OPENING}])*+")
ABOUT_AFTER = re.compile(
    rf"\s?[{CJK}]{{0,2}}?(?:左右|上下|前後|前后|程度|ほど|くらい|정도|내외)|\W{{0,2}}"
    rf"(?:{phrases('or so,approx,approximately,estimated,ca,circa')})"
)
MORE_AFTER = re.compile(
    rf"^\s?[{CJK}]{{0,2}}?\s?(?:以上|超|余り|多|余|이상|넘)|^'[dt][ea]n fazla\b|"
    + phrases(
        "or more,and more,& more,and counting,& counting,plus,oder mehr,und mehr,et plus,ou plus,o más,y más,ou mais,e mais,o più,"
        "e oltre,e più,of meer,en meer,lub więcej,i więcej,eller fler,eller flere,eller mer,eller mere,och fler,og flere,tai enemmän,"
        "ja enemmän,nebo více,a více,a viac,vagy több,sau mai mult,sau mai multe,ή περισσότερα,или более,и более,или больше,и больше,"
        "або більше,і більше,veya daha fazla,ve üzeri,أو أكثر,या अधिक,से अधिक,से ज़्यादा,או יותר"
    )
)
_PAGE = "page,pages,seite,seiten,pagina,página,páginas,pagine,pág,strona,strony,stron,sida,sidor,side,sider,sivu,strana,stránka,oldal,"
_PAGE += "страница,страниц,сторінка,sayfa,صفحة,पृष्ठ,页,頁,ページ,페이지"
SHOWING = re.compile(f"(?:{phrases(_PAGE + ',showing,displaying,viewing,affichage,zeige,anzeige,mostrando,results,jobs')}|\\W)*+")
PAGES = re.compile(phrases(_PAGE))
NO_COUNT_UNIT = re.compile(
    r"[年月日号號時时点點分秒位週周天歳岁页頁]|ページ|小时|小時|(?:년|월|일|시간|시|분|초|주|개월|페이지)(?:\W|전|$)|(?:"
    + phrases(
        "s,sec,secs,second,seconds,min,mins,minute,minutes,h,hr,hrs,hour,hours,d,day,days,week,weeks,month,months,yr,yrs,year,years,am,"
        "pm,tag,tage,tagen,stunde,stunden,woche,wochen,monat,monate,monaten,jahr,jahre,jahren,uhr,jour,jours,heure,heures,semaine,"
        "semaines,mois,an,ans,día,días,dia,dias,hora,horas,semana,semanas,mes,meses,mês,año,años,ano,anos,giorno,giorni,ora,ore,"
        "settimana,settimane,mesi,anno,anni,dag,dagen,dagar,dage,dager,uur,weken,maanden,jaar,år,dzień,dni,godzin,lat,день,дня,дней,час,"
        "часа,часов,лет,gün,saat,january,february,march,april,may,june,july,august,september,october,november,december,jan,feb,mar,apr,"
        "jun,jul,aug,sep,oct,nov,dec,januar,februar,märz,mai,juni,juli,oktober,dezember,janvier,février,mars,avril,juin,juillet,août,"
        "septembre,octobre,novembre,décembre,usd,eur,gbp,percent,km,miles," + _PAGE
    )
    + ")"
)
