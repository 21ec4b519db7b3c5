"""Walls: pages that stand before the page that was asked for, recognised whatever their status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

_HEAD = 60_000  # characters of a page that are looked at: walls are short, and say so at once
_MARKS = (
    (
        "Cloudflare's challenge",
        re.compile(
            r"<title>\s*(just a moment|attention required|un momento|einen moment)|_cf_chl_opt|/cdn-cgi/challenge-platform/h/", re.I
        ),
    ),
    ("DataDome's challenge", re.compile(r"captcha-delivery\.com|geo\.captcha-delivery", re.I)),
    ("PerimeterX's challenge", re.compile(r"px-captcha|perimeterx\.net/[^\"']*captcha", re.I)),
    ("Akamai's refusal", re.compile(r"<title>\s*access denied\s*</title>.*errors\.edgesuite\.net", re.I | re.S)),
    ("Incapsula's challenge", re.compile(r"_Incapsula_Resource[^>]*incident_id|Incapsula incident ID", re.I)),
    (
        "a captcha",
        re.compile(r"<title>[^<]*(security check|captcha|are you a robot|robot check|verify you are human|verification required)", re.I),
    ),
    (
        "a login page",
        re.compile(r"<title>\s*(sign in|sign up|log ?in|linkedin login|join linkedin|security verification)\b[^<]*</title>", re.I),
    ),
)
_LOGIN = re.compile(r"/(authwall|uas/login|checkpoint|login|signup|account/login|challenge)(/|$)")


def wall(url: str, body: str, headers: Mapping[str, str] | None = None) -> str:
    """What wall a page is, in a few words; empty if it is none that we know. Header names in lower case."""
    said = headers or {}
    if said.get("cf-mitigated") == "challenge":
        return "Cloudflare's challenge"
    if "x-datadome" in said and "captcha" in body[:_HEAD]:
        return "DataDome's challenge"
    if _LOGIN.search(urlsplit(url).path):
        return "a login page"
    head = body[:_HEAD]
    return next((name for name, mark in _MARKS if mark.search(head)), "")
