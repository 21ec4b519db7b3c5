"""Walls are recognised whatever their status and language; ordinary pages, which load the same companies' scripts, are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crawlers.walls import wall

CAPTURES = Path(os.environ.get("UPTAKE_CAPTURES", Path(__file__).parents[2].parent / "shared" / "captures"))
WALLED = {"challenge_just-a-moment.html"}


def page(title: str = "", body: str = "", head: str = "") -> str:
    return f"<!DOCTYPE html><html><head><title>{title}</title>{head}</head><body>{body}</body></html>"


@pytest.mark.parametrize(
    ("what", "html"),
    [
        ("Cloudflare", page("Just a moment...")),
        ("Cloudflare", page("Nur einen Moment…")),
        ("Cloudflare", page("Un instant…")),
        ("Cloudflare", page("Un momento…")),
        ("Cloudflare", page("Een ogenblik geduld...")),
        ("Cloudflare", page("しばらくお待ちください...")),
        ("Cloudflare", page("请稍候…")),
        ("Cloudflare", page("Один момент…")),
        ("Cloudflare", page("Attention Required! | Cloudflare")),
        ("Cloudflare", page("example.org", "<script>(function(){window._cf_chl_opt={cvId:'3'};}())</script>")),
        ("Cloudflare", page("example.org", "<script src='/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1?ray=1'></script>")),
        ("Cloudflare", page("Oops", '<div id="cf-error-details"><h1>Error 1020</h1></div>')),
        ("DataDome", page("example.org", "<script>var dd={'rt':'c','cid':'AHr','host':'geo.captcha-delivery.com'}</script>")),
        ("DataDome", '{"url":"https://geo.captcha-delivery.com/captcha/?initialCid=AHr"}'),
        ("DataDome", page("x", '<script data-cfasync="false" src="https://ct.captcha-delivery.com/c.js"></script>')),
        ("PerimeterX", page("Access to this page has been denied.", '<div id="px-captcha"></div>')),
        ("PerimeterX", page("x", '<script src="https://captcha.px-cdn.net/PX1/captcha.js"></script>')),
        (
            "Akamai",
            "<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>No.<P>Reference #18.2d<P>https://errors.edgesuite.net/18.2d</BODY>",
        ),
        ("Akamai", page("", "", '<meta http-equiv="refresh" content="5; URL=\'/jobs?bm-verify=AAQ\'">')),
        ("Incapsula", '<html><body><iframe src="/_Incapsula_Resource?SWUDNSAI=31&xinfo=1&incident_id=48"></iframe></body></html>'),
        ("Incapsula", page("Pardon Our Interruption...")),
        ("AWS WAF", page("", "<script>window.gokuProps = {'key':'AQ'};</script>")),
        ("captcha", page("Security Check - Indeed.com")),
        ("captcha", page("hCaptcha solve page")),
        ("captcha", page("Authenticating...")),
        ("captcha", page("Robot or human?")),
        ("captcha", page("Making sure you&#39;re not a bot!")),
        ("captcha", page("Additional Verification Required")),
        ("refusal", page("Access denied")),
        ("refusal", page("Sorry, you have been blocked | example.org")),
        ("login", page("LinkedIn Login, Sign in | LinkedIn")),
        ("login", page("Sign Up | LinkedIn")),
        ("login", page("S’identifier | LinkedIn")),
        ("login", page("Anmelden | LinkedIn")),
        ("login", page("x", head='<meta name="pageKey" content="auth_wall_desktop_jserp">')),
        ("login", page("x", head='<meta content="d_checkpoint_lg_consumerLogin" name="pageKey"/>')),
        ("login", "<script>window.onload = function() { window.location.href = 'https://' + d + '/authwall?trk=' + t; }</script>"),
        ("consent", page("Before you continue to Google Search")),
    ],
)
def test_walls_are_recognised(what: str, html: str) -> None:
    assert what.lower() in wall("https://www.example.org/jobs?q=pytorch", html).lower()


@pytest.mark.parametrize(
    ("what", "url"),
    [
        ("a login page", "https://www.linkedin.com/authwall?trk=gf&sessionRedirect=https%3A%2F%2Fwww.linkedin.com%2Fjobs%2Fsearch"),
        ("a login page", "https://www.linkedin.com/uas/login?session_redirect=x"),
        ("a login page", "https://www.linkedin.com/checkpoint/challenge/x"),
        ("a login page", "https://secure.indeed.com/account/login"),
        ("a page that asks for consent", "https://consent.google.com/ml?continue=x"),
    ],
)
def test_walls_are_recognised_by_where_they_are(what: str, url: str) -> None:
    assert wall(url, page("Jobs")) == what


@pytest.mark.parametrize(
    ("what", "headers"),
    [("Cloudflare's challenge", {"cf-mitigated": "challenge"}), ("AWS WAF's challenge", {"x-amzn-waf-action": "captcha"})],
)
def test_walls_are_recognised_by_their_heads(what: str, headers: dict[str, str]) -> None:
    assert wall("https://www.example.org/", "", headers) == what
    assert wall("https://www.example.org/", page("Jobs"), {"server": "cloudflare", "x-datadome": "protected"}) == ""


@pytest.mark.parametrize(
    "html",
    [
        page(
            "Pytorch jobs",
            "<script>var a=document.createElement('script');a.src='/cdn-cgi/challenge-platform/scripts/jsd/main.js';</script>",
        ),
        page("Pytorch jobs", "<script src='/cdn-cgi/challenge-platform/h/b/scripts/jsd/1/main.js'></script>"),
        page("react | Monster.com", head='<script async src="https://datadome.monster.com/tags.js"></script>'),
        page("jobs", head='<link rel="preconnect" href="https://geo.captcha-delivery.com">'),
        page("jobs", head='<script src="/_Incapsula_Resource?SWJIYLWA=719d34d31c8e3a6e6fffd425f7e032f3"></script>'),
        page("jobs", head='<script src="https://client.perimeterx.net/PX1/main.min.js"></script>'),
        page("jobs", head='<script src="https://x.edge.sdk.awswaf.com/x/challenge.js" defer></script>'),
        page(
            "jobs",
            head='<script src="https://www.google.com/recaptcha/api.js"></script><script src="https://challenges.cloudflare.com/turnstile/v0/api.js">',
        ),
        page("12 Captcha Jobs in India"),
        page("Security Check Officer Jobs, Employment | Indeed"),
        page("Login Jobs in Berlin"),
        page("Sign Installer jobs"),
        page(
            "97 Pytorch jobs in Remote", '<form action="https://www.linkedin.com/uas/login-submit"><input name="session_password"></form>'
        ),
        page("x", '<a href="https://www.linkedin.com/authwall?trk=x">Join</a>', '<meta name="pageKey" content="d_jobs_guest_search">'),
        page("(3) pytorch Jobs | LinkedIn"),
        "",
        "{}",
    ],
)
def test_ordinary_pages_are_no_walls(html: str) -> None:
    assert wall("https://www.example.org/jobs/search?q=login", html) == ""


def test_no_good_capture_is_a_wall() -> None:
    if not CAPTURES.is_dir():
        pytest.skip(f"no captures at {CAPTURES}; UPTAKE_CAPTURES may name them")
    found = {
        path.name: wall("", path.read_text(encoding="utf-8", errors="replace")) for path in sorted(CAPTURES.glob("*/*")) if path.is_file()
    }
    assert {name for name, what in found.items() if what} == WALLED & set(found)
