"""Listings of each family as small hand-written pages: pure parsers."""

from __future__ import annotations

import pytest

from crawlers.papers.editions import Ask, Edition, Listed, NotThereYetError, newest, should_be_there
from crawlers.spiders.papers import acl, cvf, eccv, neurips, pmlr
from storage.model import ParseError, UsageError
from storage.periods import read_time

CVPR = Edition("CVPR", 2026)


def page(body: str) -> bytes:
    return f"<html><head><title>CVPR 2026 Open Access Repository</title></head><body>{body}</body></html>\n".encode()


NEW = """<dl><dt class="ptitle"><br><a href="/content/CVPR2026/html/A_B_CVPR_2026_paper.html">Of &lt;X&gt; &amp; <i>Y</i></a></dt>
<dd><form class="authsearch"><input type="hidden" name="query_author" value="A. Author"></form></dd>
<dd>[<a href="/content/CVPR2026/papers/A_B_CVPR_2026_paper.pdf">pdf</a>] [<a href="/content/CVPR2026/supplemental/A_supp.pdf">supp</a>]
<div class="bibref pre-white-space">@InProceedings{A_2026_CVPR}</div></dd>
<dt class="ptitle"><br><a href="/content/CVPR2026/html/C_CVPR_2026_paper.html">Without one</a></dt><dd>[<a href="#">arXiv</a>]</dd></dl>"""


def test_cvf() -> None:
    assert cvf.first(CVPR) == Ask("/CVPR2026?day=all", "base_url")
    found = cvf.read(page(NEW), CVPR, cvf.first(CVPR))
    assert found.papers == (
        Listed("A_B_CVPR_2026_paper", "Of <X> & Y", "/content/CVPR2026/papers/A_B_CVPR_2026_paper.pdf"),
        Listed("C_CVPR_2026_paper", "Without one", ""),
    )


def test_cvf_of_days() -> None:
    old = Edition("CVPR", 2018)
    assert cvf.first(old).path == "/CVPR2018"
    days = page('<dd><a href="CVPR2018.py?day=2018-06-19">Tue</a></dd><dd><a href="CVPR2018.py?day=2018-06-20">Wed</a></dd>')
    found = cvf.read(days, old, cvf.first(old))
    assert [a.path for a in found.more] == ["/CVPR2018.py?day=2018-06-19", "/CVPR2018.py?day=2018-06-20"]
    every = page('<a href="CVPR2020?day=2020-06-16">Tue</a><a href="CVPR2020?day=all">All</a>')
    assert [a.path for a in cvf.read(every, Edition("CVPR", 2020), Ask("/CVPR2020", "base_url")).more] == ["/CVPR2020?day=all"]
    with pytest.raises(NotThereYetError):
        cvf.read(days, old, found.more[0])  # a day that leads to days again


@pytest.mark.parametrize(
    "body",
    [
        page(NEW)[:-20],  # cut off
        page('<div class="paper"><a href="/content/CVPR2026/html/A_CVPR_2026_paper.html">T</a></div>'),  # another markup
        page('<dl><dt class="ptitle"></dt><dd>[<a href="/x_paper.pdf">pdf</a>]</dd></dl>'),  # no title
        b"<html><body>Service unavailable</body></html>",
    ],
)
def test_cvf_that_changed(body: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        cvf.read(body, CVPR, cvf.first(CVPR))
    assert not isinstance(caught.value, NotThereYetError)


def test_cvf_without_papers_has_not_appeared() -> None:
    with pytest.raises(NotThereYetError):
        cvf.read(page("<dl></dl>"), CVPR, cvf.first(CVPR))


HASH = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("year", "item", "pdf"),
    [
        (
            2025,
            (
                f'<li data-track="conference"><b><a title="paper title" href="/paper_files/paper/2025/hash/{HASH}-Abstract-Conference.html"'
                ">T</a></b></li>"
            ),
            f"/paper_files/paper/2025/file/{HASH}-Paper-Conference.pdf",
        ),
        (
            2023,
            f'<li class="conference"><a title="paper title" href="/paper_files/paper/2023/hash/{HASH}-Abstract-Conference.html">T</a></li>',
            f"/paper_files/paper/2023/file/{HASH}-Paper-Conference.pdf",
        ),
        (
            2019,
            f'<li class="none"><a title="paper title" href="/paper_files/paper/2019/hash/{HASH}-Abstract.html">T</a> <i>A</i></li>',
            f"/paper_files/paper/2019/file/{HASH}-Paper.pdf",
        ),
    ],
)
def test_neurips(year: int, item: str, pdf: str) -> None:
    edition = Edition("NeurIPS", year)
    other = f'<li class="datasets_and_benchmarks_track"><a title="paper title" href="/hash/{"e" * 32}-Abstract-Datasets.html">D</a></li>'
    body = f"<html><body>Proceedings <ul><li><a href='/about'>About</a></li>{item}{other}</ul></body></html>".encode()
    assert neurips.read(body, edition, neurips.first(edition)).papers == (Listed(HASH, "T", pdf),)


def test_neurips_that_changed() -> None:
    edition = Edition("NeurIPS", 2025)
    with pytest.raises(ParseError, match="form"):
        neurips.read(f"<html>Proceedings<a href='/hash/{HASH}-Abstract.html'>T</a></html>".encode(), edition, neurips.first(edition))
    with pytest.raises(ParseError, match="form"):
        neurips.read(b'<html><li><a title="paper title" href="/poster/12">T</a></li></html>', edition, neurips.first(edition))
    with pytest.raises(NotThereYetError):
        neurips.read(b"<html><h1>Electronic Proceedings of NeurIPS</h1></html>", edition, neurips.first(edition))


def test_pmlr() -> None:
    icml = Edition("ICML", 2025)
    assert pmlr.first(icml) == Ask("/v267/", "pmlr")
    item = """<div class="paper"><p class="title">On  <i>X</i></p><p class="details"><span class="authors">A</span></p>
    <p class="links">[<a href="https://proceedings.mlr.press/v267/a25a.html">abs</a>]
    [<a href="https://raw.githubusercontent.com/mlresearch/v267/main/assets/a25a/a25a.pdf" target="_blank">Download PDF</a>]
    [<a href="https://openreview.net/forum?id=x">OpenReview</a>]</p></div>"""
    found = pmlr.read(f"<html>{item}</html>".encode(), icml, pmlr.first(icml)).papers
    assert found == (Listed("a25a", "On X", "https://raw.githubusercontent.com/mlresearch/v267/main/assets/a25a/a25a.pdf"),)


def test_pmlr_finds_the_volume() -> None:
    index = b"""<html><ul><li><a href="v299"><b>Volume 299</b></a> Proceedings of ICML 2026 Workshops</li>
    <li><a href="/v301/">Volume 301</a> Proceedings of the 43rd International Conference on Machine Learning, 2026</li></ul></html>"""
    assert pmlr.read(index, Edition("ICML", 2026), Ask("/", "pmlr")).more == (Ask("/v301/", "pmlr"),)
    with pytest.raises(NotThereYetError):
        pmlr.read(index, Edition("ICML", 2027), Ask("/", "pmlr"))
    with pytest.raises(ParseError, match="names none"):
        pmlr.read(b"<html><ul></ul></html>", Edition("ICML", 2026), Ask("/", "pmlr"))


def test_acl() -> None:
    acl25 = Edition("ACL", 2025)
    assert acl.first(acl25) == Ask("/data/xml/2025.acl.xml", "acl")
    body = b"""<?xml version='1.0' encoding='UTF-8'?><collection id="2025.acl"><volume id="long"><meta><booktitle>B</booktitle></meta>
    <frontmatter><url hash="1">2025.acl-long.0</url></frontmatter>
    <paper id="1"><title>Of <fixed-case>X</fixed-case></title><author><first>A</first><last>B</last><affiliation>Example Labs</affiliation>
    </author><author><first>C</first><affiliation>Example Labs</affiliation></author><pdf hash="2"/></paper></volume>
    <volume id="short"><paper id="7"><title>S</title><url hash="3">2025.acl-short.7</url></paper></volume>
    <volume id="demo"><paper id="1"><title>D</title></paper></volume></collection>"""
    assert acl.read(body, acl25, acl.first(acl25)).papers == (
        Listed("2025.acl-long.1", "Of X", "https://aclanthology.org/2025.acl-long.1.pdf", ("Example Labs",)),
        Listed("2025.acl-short.7", "S", "https://aclanthology.org/2025.acl-short.7.pdf"),
    )
    for broken in (body[:-30], b"<html></html>", body.replace(b"long", b"x").replace(b"short", b"y")):
        with pytest.raises(ParseError):
            acl.read(broken, acl25, acl.first(acl25))


def test_acl_until_2019() -> None:
    edition = Edition("ACL", 2019)
    assert acl.first(edition).path == "/data/xml/P19.xml"
    body = b"""<collection id="P19"><volume id="1"><paper id="0"><title>Front</title></paper><paper id="1"><title>T</title>
    <url>P19-1001</url></paper></volume><volume id="2"><paper id="1"><title>Student</title></paper></volume></collection>"""
    assert acl.read(body, edition, acl.first(edition)).papers == (Listed("P19-1001", "T", "https://aclanthology.org/P19-1001.pdf"),)


def test_eccv() -> None:
    edition = Edition("ECCV", 2024)
    items = "".join(
        f"<dt class='ptitle'><br><a href=papers/eccv_{year}/papers_ECCV/html/{n}_ECCV_{year}_paper.php>T{n}</a></dt><dd>A, B</dd>"
        f"<dd>[<a href='papers/eccv_{year}/papers_ECCV/papers/{n:05d}.pdf'>pdf</a>]</dd>"
        for year, n in ((2024, 4), (2022, 4), (2024, 9))
    )
    body = f"<html><body><dl>{items}</dl></body></html>".encode()
    assert [(p.id, p.title, p.pdf) for p in eccv.read(body, edition, eccv.first(edition)).papers] == [
        ("00004", "T4", "papers/eccv_2024/papers_ECCV/papers/00004.pdf"),
        ("00009", "T9", "papers/eccv_2024/papers_ECCV/papers/00009.pdf"),
    ]
    with pytest.raises(NotThereYetError):
        eccv.read(body, Edition("ECCV", 2026), eccv.first(edition))


# Editions


def test_an_edition_is_read_as_people_write_it() -> None:
    assert Edition.read("cvpr 2026") == CVPR
    assert Edition.read("NeurIPS-2025") == Edition("NeurIPS", 2025)
    assert str(CVPR) == "CVPR 2026"
    for wrong in ("CVPR", "2026", "KDD 2026", 2026, "CVPR 26"):
        with pytest.raises(UsageError):
            Edition.read(wrong)


def test_an_edition_is_expected_when_its_papers_should_be_there() -> None:
    neurips25, eccv25 = Edition("NeurIPS", 2025), Edition("ECCV", 2025)
    assert not should_be_there(neurips25, read_time("2025-12-31"))
    assert should_be_there(neurips25, read_time("2026-01-01"))
    assert not should_be_there(eccv25, read_time("2027-01-01"))  # held in even years
    assert newest(read_time("2026-07-01"), ["CVPR", "ICCV"]) == [CVPR, Edition("ICCV", 2025)]
    assert newest(read_time("2026-06-30"), ["CVPR"]) == [Edition("CVPR", 2025)]
