"""Walls: pages that stand before the page that was asked for, recognised whatever their status.

A sign must be one that only the wall has: ordinary pages load the same companies' scripts (Cloudflare's
``challenge-platform/scripts/jsd``, DataDome's ``tags.js``, ``_Incapsula_Resource?SWJIYLWA``, a captcha for a form),
and hide a login form. Titles are compared from their beginning, because people search for "captcha jobs" too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

_HEAD = 80_000  # characters of a page that are looked at: walls are short, and say so at once
_TITLE = re.compile(r"<title[^>]*>([^<]*)</title>", re.IGNORECASE)
_HEADERS = {
    "cf-mitigated": (re.compile("challenge|block", re.IGNORECASE), "Cloudflare's challenge"),
    "x-amzn-waf-action": (re.compile("challenge|captcha|block", re.IGNORECASE), "AWS WAF's challenge"),
}
_SIGNS = (
    ("Cloudflare's challenge", r"_cf_chl_opt|/cdn-cgi/challenge-platform/h/\w+/orchestrate/|\bid=[\"']?cf-(?:challenge|error-details)\b"),
    ("Cloudflare's challenge", r"class=[\"'][^\"'<>]*\bcf-error-(?:overview|details)\b"),
    ("DataDome's challenge", r"\bdd\s*=\s*\{[^}]{0,800}captcha-delivery\.com|//geo\.captcha-delivery\.com/(?:captcha|interstitial)"),
    ("DataDome's challenge", r"<script[^>]+//ct\.captcha-delivery\.com/\w+\.js"),
    ("PerimeterX's challenge", r"<[^>]+\bid=[\"']?px-captcha\b|//captcha\.px-c(?:dn|loud)\.net/"),
    ("Akamai's refusal", r"errors\.edgesuite\.net/\d|<title>\s*access denied\s*</title>.{0,2000}reference\s*(?:#|&#35;)\s*\w+\.\w+"),
    ("Akamai's challenge", r"/_sec/cp_challenge/|\bid=[\"']?sec-if-cpt-container\b|<meta[^>]+refresh[^>]+[?&]bm-verify="),
    ("Incapsula's challenge", r"_Incapsula_Resource\?[^\"'<>]*incident_id|Incapsula incident ID"),
    ("AWS WAF's challenge", r"window\.gokuProps\s*=|AwsWafIntegration\.checkForceRefresh"),
    ("Sucuri's refusal", r"<title>\s*Sucuri WebSite Firewall"),
    ("F5's refusal", r"The requested URL was rejected\. Please consult with your administrator"),
    (
        "LinkedIn's login page",
        r"<meta[^>]*(?:\bname=[\"']pageKey[\"'][^>]*\bcontent=[\"']|\bcontent=[\"'])(?:auth_wall|d_checkpoint|uas-|registration|d_registration)",
    ),
    ("LinkedIn's login page", r"\blocation(?:\.href)?\s*=[^;]{0,300}/authwall\b"),
)
_TITLES = {
    "Cloudflare's challenge": """
        just a moment|attention required|un momento|um momento|un instant|einen augenblick|(?:nur )?einen moment(?:,? bitte)?
        een (?:ogenblik|moment)(?: geduld)?|(?:bare )?et øjeblik|ett ögonblick|et øyeblikk|hetkinen|chwileczkę|moment(?: prosím)?|okamžik
        o clipă|egy pillanat|bir dakika(?: lütfen)?|один момент|подождите|зачекайте|一瞬お待ちください|しばらくお待ちください|请稍候|請稍候
        잠시만 기다리(?:세요|십시오)|لحظة(?: واحدة)?|một chút|tunggu sebentar""",
    "PerimeterX's challenge": "access to this page has been denied|human challenge",
    "Incapsula's challenge": "pardon our interruption",
    "a captcha": """
        (?:h|re)?captcha(?: solve page)?|security (?:check|verification)|sicherheitsüberprüfung|sicherheitsabfrage|contrôle de sécurité
        vérification de sécurité|control de seguridad|verificación de seguridad|verificação de segurança|controllo di sicurezza
        beveiligingscontrole|are you (?:a )?(?:human|robot)|robot (?:check|or human)
        (?:please )?(?:verify|confirm|prove)(?: that)? you(?:['’]re| are) (?:a )?human|making sure you(?:['’]re| are) not a bot
        (?:human |bot |captcha |additional )?verification(?: required)?|(?:bot|browser) (?:check|challenge)
        authenticating|challenge validation|checking your browser|unusual traffic""",
    "a refusal": """
        access (?:denied|blocked)|accès refusé|zugriff verweigert|acceso denegado|accesso negato|(?:403 )?forbidden|(?:request )?blocked
        (?:sorry, )?you have been blocked""",
    "a login page": """
        sign ?in|sign ?up|log ?in|log in or sign up|join linkedin|join now|linkedin login|anmelden|einloggen|inloggen|s[’']identifier
        s[’']inscrire|se connecter|connexion|iniciar sesión|inicio de sesión|accedi|entrar|zaloguj się""",
    "a page that asks for consent": """
        before you continue(?: to [\\w ]+)?|bevor sie (?:zu )?\\w+ (?:weitergehen|fortfahren)|avant d[’']accéder à \\w+
        (?:cookie|privacy) (?:consent|gate|wall)
        """,
}
_WALLS = tuple((name, re.compile(sign, re.IGNORECASE | re.DOTALL)) for name, sign in _SIGNS)
_WALL_TITLES = tuple(
    (name, re.compile(rf"\s*(?:{'|'.join(line.strip() for line in words.strip().splitlines())})\s*[.!?…]*\s*(?:$|[-–—|:,])", re.IGNORECASE))
    for name, words in _TITLES.items()
)
_LOGIN = re.compile(r"/(?:authwall|uas|checkpoint|login|log-in|signin|sign-in|signup|sign-up|account/login|auth|challenge)(?:/|$)")
_CONSENT = re.compile(r"consent\.|guce\.|myprivacy\.")


def wall(url: str, body: str, headers: Mapping[str, str] | None = None) -> str:
    """What wall a page is, in a few words; empty if it is none that we know. Header names in lower case."""
    for name, (sign, what) in _HEADERS.items():
        if headers and sign.search(headers.get(name, "")):
            return what
    parts = urlsplit(url)
    if _LOGIN.match(parts.path):
        return "a login page"
    if _CONSENT.match(parts.hostname or ""):
        return "a page that asks for consent"
    head = body[:_HEAD]
    title = _TITLE.search(head)
    said = html.unescape(title[1]) if title else ""
    return next(
        (what for what, sign in _WALLS if sign.search(head)),
        next((what for what, words in _WALL_TITLES if words.match(said)), ""),
    )
