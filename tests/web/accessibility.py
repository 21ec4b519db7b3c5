"""What keeps people from reading a page, found in the browser: the serious findings of the usual checkers.

Names of what can be operated, labels, texts for pictures, one first heading and no level left out, one main part, table heads,
contrast by WCAG 2.2 (4.5:1, large text 3:1), unique ids, what keys reach, and a mark on what has the focus.
"""

from __future__ import annotations

from playwright.sync_api import Page

_CHECK = """
() => {
  const found = [];
  const visible = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && e.getClientRects().length > 0;
  const say = (what, e) => found.push(`${what}: ${e.outerHTML.slice(0, 140)}`);
  const text = (id) => document.getElementById(id)?.textContent || "";
  const named = (e) => (e.getAttribute("aria-labelledby") || "").split(" ").map(text).join(" ");
  const label = (e) => (e.getAttribute("aria-label") || named(e)
    || [...(e.labels || [])].map((l) => l.textContent).join(" ") || e.textContent || e.title || e.alt || "").trim();

  if (!document.documentElement.lang) found.push("the page has no language");
  if (!document.title.trim()) found.push("the page has no title");
  if (document.querySelectorAll("main").length !== 1) found.push("the page has not one main part");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids)) if (ids.filter((i) => i === id).length > 1) found.push(`the id ${id} stands twice`);
  for (const e of document.querySelectorAll("a[href],button,input:not([type=hidden]),select,summary"))
    if (visible(e)) {
      if (!label(e)) say("it has no name", e);
      if (e.tabIndex < 0) say("keys do not reach it", e);
    }
  for (const e of document.querySelectorAll("input:not([type=hidden]):not([type=submit]),select,textarea"))
    if (!e.labels?.length && !e.getAttribute("aria-label")) say("it has no label", e);
  for (const e of document.querySelectorAll("img:not([alt]),svg[role=img]:not([aria-label])")) say("a picture without words", e);
  for (const e of document.querySelectorAll("[role=img],[role=region],nav,fieldset"))
    if (!label(e) && !e.querySelector("legend")) say("a part without a name", e);
  for (const e of document.querySelectorAll("[aria-labelledby],[aria-describedby]"))
    for (const id of (e.getAttribute("aria-labelledby") || e.getAttribute("aria-describedby")).split(" "))
      if (!document.getElementById(id)) say(`it names ${id}, which is not there`, e);
  for (const e of document.querySelectorAll("table")) if (visible(e) && !e.querySelector("th[scope]")) say("a table without heads", e);
  for (const e of document.querySelectorAll("[tabindex]")) if (e.tabIndex > 0) say("it jumps the queue", e);

  let level = 0;
  const headings = [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].filter(visible);
  if (headings.filter((h) => h.tagName === "H1").length !== 1) found.push("there is not one first heading");
  for (const h of headings) {
    const mine = +h.tagName[1];
    if (mine > level + 1) say("a level of headings is left out", h);
    level = mine;
  }

  const rgb = (text) => { const m = text.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
  const linear = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (c) => { const [r, g, b] = c.map(linear); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3]));
  const behind = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) {
      const c = rgb(getComputedStyle(at).backgroundColor);
      if (c[3] > 0) layers.push(c);
      if (c[3] === 1) break;
    }
    let c = matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
    for (const layer of layers.reverse()) c = over(layer, c);
    return c;
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  for (let node = words.nextNode(); node; node = words.nextNode()) {
    const e = node.parentElement;
    if (!node.textContent.trim() || seen.has(e) || !visible(e)) continue;
    if (e.closest("[aria-hidden=true],script,noscript,option,.sr,canvas")) continue;
    seen.add(e);
    const style = getComputedStyle(e), back = behind(e), front = over(rgb(style.color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) say(`contrast ${ratio.toFixed(2)}`, e);
  }

  for (const e of document.querySelectorAll("a[href],button,select,summary,input[type=date],[tabindex='0']")) {
    if (!visible(e)) continue;
    e.focus({ focusVisible: true, preventScroll: true });
    if (document.activeElement !== e) { say("it cannot have the focus", e); continue; }
    const style = getComputedStyle(e);
    if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) === 0) say("the focus is not seen", e);
    e.blur();
  }
  return found;
}
"""


def faults(page: Page) -> list[str]:
    """What is wrong with the page that the browser shows, a sentence each; nothing where all is well."""
    found: list[str] = page.evaluate(_CHECK)
    return found
