"""The pages in a real browser: choose, look closer, trace, download, log in; with keys alone, in the dark, on a phone.

Where a folder is named in UPTAKE_SCREENSHOTS, pictures of all that was seen are left there; in UPTAKE_PICTURES those of the README
and of docs/api.md (`make pictures`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from tests.web.accessibility import faults
from tests.web.site import TOKEN, Site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
STARS = quote('github.stars{topic="alpha"}')
LOOKS = {
    "home": "/",
    "basket": "/baskets/toys?series=github.stars",
    "index": "/baskets/toys?series=github.stars&scale=indexed&from=2025-09-01",
    "odd": "/baskets/odd?series=github.stars",
    "topic": "/topics/alpha",
    "series": f"/series?name={STARS}",
    "number": f"/number?series={STARS}",
    "coverage": "/coverage",
    "sources": "/sources",
    "digests": "/digests",
    "conferences": "/conferences",
    "api": "/api",
}


PICTURES = {  # name -> the site, where there, light or dark, how much of it, and words that must be seen
    "web-home": ("spring", "/", "light", 900, "ratio +69 % a year [50 to 93]"),
    "web-basket": (
        "spring",
        "/baskets/deep-learning?series=pypi.downloads_30d&scale=share&from=2022-01-01",
        "dark",
        1010,
        "Bands are 95 % intervals",
    ),
    "web-number": ("site", f"/number?series={STARS}", "light", 1010, '"stargazers_count": 3597'),
    "web-coverage": ("site", "/coverage", "dark", 800, "What could not be measured"),
}


@pytest.fixture(scope="module")
def browser(
    site: Site, locked: Site, spring: Site
) -> Iterator[Browser]:  # these are made first: while Playwright is open, no other loop can run here
    with sync_playwright() as playwright:
        try:
            made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        except Error as error:
            pytest.skip(f"chromium does not start here: {str(error).splitlines()[0]}")
        yield made
        made.close()


class Tab:
    """A page that notes what a well-behaved one never does."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.site, self.page, self.asked, self.complaints = site, context.new_page(), list[str](), list[str]()
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))

    def open(self, path: str) -> Page:
        self.page.goto(self.site.url + path)
        if self.page.locator("#chart").count():
            self.page.wait_for_selector("#chart[data-drawn]", timeout=30_000)
        return self.page

    def check(self) -> None:
        assert not self.complaints
        assert {urlsplit(url).netloc for url in self.asked if not url.startswith("data:")} == {urlsplit(self.site.url).netloc}
        assert self.page.evaluate("window.owned") is None


@pytest.fixture
def tab(browser: Browser, site: Site) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    made = Tab(context, site)
    yield made
    made.check()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_can_be_read_by_everybody(browser: Browser, site: Site, scheme: str, size: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    tab = Tab(context, site)
    every = (scheme, size) in {("light", "desktop"), ("dark", "phone")} or "UPTAKE_SCREENSHOTS" in os.environ
    for name in LOOKS if every else ("home", "basket", "number", "coverage"):
        page = tab.open(LOOKS[name])
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the {size}"
        assert faults(page) == [], name
        if folder := os.environ.get("UPTAKE_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{scheme}-{size}.png", full_page=True)
    tab.check()
    context.close()


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_of_the_documentation_show_what_they_are_for(browser: Browser, name: str, request: pytest.FixtureRequest) -> None:
    at, path, scheme, height, words = PICTURES[name]
    viewport = {"width": 1280, "height": height}
    context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    tab = Tab(context, request.getfixturevalue(at))
    page = tab.open(path)
    expect(page.get_by_text(words).first).to_be_in_viewport()
    if folder := os.environ.get("UPTAKE_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")
    tab.check()
    context.close()


def test_what_cannot_be_read_is_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(
        "<html lang=en><title>x</title><main><h1>A</h1><h3>B</h3><p style='color:#999;background:#fff'>pale</p>"
        "<input id=a><img src='data:,'>"
        "<a href=# style='outline:0'>go</a><button></button><a href=# tabindex=-1>far</a><table><tr><td>1</table><b id=a>twice</b></main>"
    )
    found = "; ".join(faults(page))
    for what in (
        "left out",
        "contrast 2.85",
        "no label",
        "without words",
        "focus is not seen",
        "no name",
        "keys do not reach",
        "without heads",
        "stands twice",
    ):
        assert what in found, what
    page.close()


def test_choosing_a_scale_draws_it_and_stands_in_the_address(tab: Tab) -> None:
    page = tab.open("/baskets/toys?series=github.stars")
    expect(page.locator("#chart")).to_have_attribute("data-drawn", "absolute")
    page.get_by_text("Log", exact=True).click()
    expect(page.locator("#chart")).to_have_attribute("data-drawn", "log")
    assert "scale=log" in page.url
    page.reload()
    page.wait_for_selector("#chart[data-drawn=log]")
    page.get_by_text("Index", exact=True).click()
    page.wait_for_url("**scale=indexed**")
    expect(page.get_by_label("100 at", exact=True)).to_be_visible()


def test_what_is_counted_and_who_is_compared_are_chosen(tab: Tab) -> None:
    page = tab.open("/baskets/toys?series=github.stars")
    page.get_by_label("What is counted", exact=True).select_option("github.forks")
    page.wait_for_url("**series=github.forks**")
    expect(page.get_by_role("heading", level=2).first).to_contain_text("forks")
    page = tab.open("/baskets/toys?series=github.stars")
    page.locator("summary", has_text="Topics").click()
    page.get_by_label("Beta", exact=True).uncheck()
    page.wait_for_url("**topic=alpha**")
    assert "Beta" not in page.locator("table").first.inner_text()


def test_a_drag_across_the_chart_looks_closer_and_the_link_keeps_it(tab: Tab) -> None:
    page = tab.open("/baskets/toys?series=github.stars")
    box = page.locator("#chart canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 120)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 140, steps=4)
    page.mouse.up()
    page.wait_for_url("**from=20**")
    first, last = page.get_by_label("From", exact=True).input_value(), page.get_by_label("To", exact=True).input_value()
    assert "2025-06-01" < first < last < "2026-11-20"
    page.wait_for_selector("#chart[data-drawn]")
    page.get_by_role("link", name="All", exact=True).click()
    page.wait_for_url(lambda url: "from=" not in url)


def test_a_number_is_followed_to_its_page(tab: Tab) -> None:
    page = tab.open("/")
    page.get_by_role("link", name="Toys", exact=True).click()
    page.goto(tab.site.url + "/baskets/toys?series=github.stars")
    page.get_by_role("link", name="3,597").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("3,597")
    expect(page.get_by_role("region", name="The lines around the number")).to_contain_text('"stargazers_count": 3597')
    page.get_by_role("link", name="The series").click()
    expect(page.get_by_role("heading", name="How it is counted")).to_be_visible()


def test_what_is_seen_can_be_taken(tab: Tab) -> None:
    page = tab.open("/baskets/toys?series=github.stars&topic=alpha")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV", exact=True).click()
    text = waiting.value.path().read_text(encoding="utf-8")
    assert text.startswith("time,source,metric,topic")
    assert "alpha" in text
    assert "beta" not in text


def test_hostile_pages_and_names_stay_text(tab: Tab) -> None:
    for path in ("/", "/baskets/odd?series=github.stars", "/topics/evil", "/topics/alpha", "/coverage"):
        page = tab.open(path)
        assert page.evaluate("window.owned") is None
        assert page.locator("img[src=x]").count() == 0


def test_keys_alone_suffice(tab: Tab) -> None:
    page = tab.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Toys":
            break
    else:
        pytest.fail("the basket is not among the first things that keys come to")
    page.keyboard.press("Enter")
    page.wait_for_url("**/baskets/toys**")
    tab.open("/baskets/toys?series=github.stars")
    page.get_by_label("What is counted", exact=True).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#chart")).to_have_attribute("data-drawn", "share")
    page.get_by_label("From", exact=True).focus()
    page.keyboard.type("01012026")
    page.wait_for_url("**from=2026-01-01**")


def test_without_scripts_pages_say_the_same(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url + "/baskets/toys?series=github.stars")
    expect(page.get_by_alt_text("Chart of GitHub stars, stars")).to_be_visible()
    page.get_by_label("From", exact=True).fill("2026-01-01")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**from=2026-01-01**")
    expect(page.get_by_role("link", name="3,597")).to_be_visible()
    context.close()


def test_one_logs_in_and_comes_to_where_one_wanted(browser: Browser, locked: Site) -> None:
    locked.now[0] += 1000
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(locked.url + "/topics/alpha")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.get_by_label("Token", exact=True).fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This is not the token")
    assert faults(page) == []
    page.get_by_label("Token", exact=True).fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Alpha")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto(locked.url + "/topics/alpha")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    context.close()
