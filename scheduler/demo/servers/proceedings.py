"""A replica of the proceedings: listings in each family's markup, old and new, and PDFs made from flags of each paper."""

from __future__ import annotations

import html
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scheduler.demo.servers.service import Asked, Raw, Service

WORDS = {"pytorch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX", "flax": "flax", "sklearn": "scikit-learn"}
BROKEN = {
    "pytorch": ("Py-", "Torch"),
    "tensorflow": ("Tensor-", "Flow"),
    "jax": ("JA-", "X"),
    "sklearn": ("scikit-", "learn"),
    "flax": ("fl-", "ax"),
}
EMPLOYERS = {
    "meta": "Facebook AI Research, {anna,bert}@fb.com",
    "google": "Google Brain, carla@google.com",
    "mail": "Example Labs, dora@fb.com",  # told by the address alone
    "": "University of Example, emil@example.edu",
}
LIMIT = 95  # characters of a line
_LIGATURES = str.maketrans({"\ufb01": "\x1e", "\ufb02": "\x1f"})


def pdf(pages: Sequence[Sequence[str] | bytes], *, trailer: bytes = b"", more: Sequence[bytes] = ()) -> bytes:
    """A small PDF: text lines by page in Helvetica, with U+FB01 and U+FB02 as glyphs; or a page's compressed contents as they are."""
    encoding = b"<< /Type /Encoding /BaseEncoding /WinAnsiEncoding /Differences [30 /fi /fl] >>"
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding %b >>" % encoding
    objects, kids = [font], []
    parent = 2 * len(pages) + 2
    for lines in pages:
        shown = b"" if isinstance(lines, bytes) else b"BT /F1 9 Tf 11 TL 50 760 Td\n" + b"".join(map(_shown, lines)) + b"ET"
        data = lines if isinstance(lines, bytes) else zlib.compress(shown, 1)
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(data), data))
        box = b"/MediaBox [0 0 612 792] /Resources << /Font << /F1 1 0 R >> >>"
        objects.append(b"<< /Type /Page /Parent %d 0 R %b /Contents %d 0 R >>" % (parent, box, len(objects)))
        kids.append(b"%d 0 R" % len(objects))
    objects.append(b"<< /Type /Pages /Kids [%b] /Count %d >>" % (b" ".join(kids), len(kids)))
    objects.append(b"<< /Type /Catalog /Pages %d 0 R >>" % parent)
    out, places = b"%PDF-1.5\n", []
    for n, body in enumerate([*objects, *more], 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (n, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    root = b"<< /Size %d /Root %d 0 R %b >>" % (len(places) + 1, parent + 1, trailer)
    return out + b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n%b\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, table, root, len(out))


def _shown(line: str) -> bytes:
    text = line.translate(_LIGATURES).encode("cp1252")
    return b"(" + text.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)") + b") Tj T*\n"


def encrypted() -> bytes:
    """A PDF that asks for a password (its keys are made up, so that no password fits)."""
    lock = b"<< /Filter /Standard /V 1 /R 2 /O <%b> /U <%b> /P -44 >>" % (b"41" * 32, b"42" * 32)
    name = b"<00112233445566778899aabbccddeeff>"
    return pdf([["locked"]], trailer=b"/Encrypt 6 0 R /ID [%b %b]" % (name, name), more=[lock])


def bomb(megabytes: int = 600) -> bytes:
    """A PDF of some hundred kilobytes whose page unpacks to far more text than memory."""
    packer, line = zlib.compressobj(9), b"BT /F1 9 Tf 50 700 Td (word word) Tj ET\n" * 26_214
    return pdf([b"".join(packer.compress(line) for _ in range(megabytes)) + packer.flush()])


@dataclass
class Paper:
    """One paper, and what was planted in it."""

    id: str
    title: str = "A Paper"
    body: frozenset[str] = frozenset()  # topics that its text names
    references: frozenset[str] = frozenset()  # topics that only its references name
    employer: str = ""  # a key of EMPLOYERS
    broken: bool = False  # words stand across a line's end
    pages: int = 2
    raw: bytes | None = None  # a PDF of another kind
    linked: bool = True
    volume: str = "long"  # of the ACL Anthology
    day: str = "2018-06-19"  # of the old listings of CVF

    @property
    def says(self) -> frozenset[str]:
        return self.body | self.references

    def pdf(self) -> bytes:
        return self.raw if self.raw is not None else pdf(self._lines())

    def _lines(self) -> list[list[str]]:
        filler = ["we learn a model of the data and show that it does as well as any that came before it"] * 12
        front = [self.title, EMPLOYERS[self.employer], "Abstract", "The ef\ufb01cient \ufb02ow of this paper is as usual.", *filler]
        said: list[str] = []
        for topic in sorted(self.body):
            if self.broken:
                first, second = BROKEN[topic]
                said += [f"All of our experiments were made with {first}", f"{second} on one machine."]
            else:
                said.append("We use " + WORDS.get(topic, topic.title()).replace("fl", "\ufb02") + " for all experiments.")
        middle = [[*filler, "google.com is named here, far from the authors."] for _ in range(self.pages - 2)]
        last = [*filler, *said, "References", "[1] A. Author. A book on books. 2015."]
        last += [
            f"[{n}] B. Author. {WORDS.get(topic, topic.title())}: a framework. 2019." for n, topic in enumerate(sorted(self.references), 2)
        ]
        return [front, *middle, last]


@dataclass
class Proceedings:
    """One edition, with its own form of listing."""

    papers: list[Paper] = field(default_factory=list)
    old: bool = False  # the form of earlier years
    appeared: bool = True


class FakeProceedings(Service):
    """All families on one server, each below its endpoint's name."""

    def __init__(self) -> None:
        super().__init__()
        self.editions: dict[str, Proceedings] = {}
        self.volumes = {"ICML 2025": "267", "ICML 2026": "299"}

    def add(self, edition: str, papers: Iterable[Paper], *, old: bool = False, appeared: bool = True) -> list[Paper]:
        self.editions[edition] = Proceedings(list(papers), old, appeared)
        return self.editions[edition].papers

    @property
    def endpoints(self) -> dict[str, str]:
        names = ("ecva", "neurips", "iclr", "pmlr", "pmlr_files", "acl", "acl_files")
        return {"base_url": f"{self.url}/cvf", **{name: f"{self.url}/{name}" for name in names}}

    def pdfs(self) -> list[Asked]:
        return [a for a in self.asked() if a.path.endswith(".pdf")]

    def respond(self, asked: Asked) -> tuple[int, Any]:
        _, family, *rest = asked.path.split("/")
        if asked.path.endswith(".pdf"):
            name = rest[-1]
            for edition in self.editions.values():
                for paper in edition.papers:
                    if name in {f"{paper.id}.pdf", f"{paper.id}-Paper-Conference.pdf", f"{paper.id}-Paper.pdf"}:
                        return 200, Raw(paper.pdf(), {"Content-Type": "application/pdf"})
            return 404, Raw(b"no such paper")
        page = getattr(self, f"_{family}")("/".join(rest), asked.query)
        return (404, Raw(b"<html>not found</html>")) if page is None else (200, Raw(page.encode()))

    def _at(self, edition: str) -> Proceedings | None:
        return self.editions.get(edition)

    def _cvf(self, path: str, query: dict[str, str]) -> str | None:
        name = path.removesuffix(".py")
        found = self._at(f"{name[:-4]} {name[-4:]}")
        if found is None:
            return None
        head = "<html><head><title>Open Access Repository</title></head><body>"
        if found.old and "day" not in query:
            days = sorted({p.day for p in found.papers})
            return head + "".join(f'<dd><a href="{name}.py?day={d}">{d}</a></dd>' for d in days) + "</body></html>"
        shown = [p for p in found.papers if found.appeared and (not found.old or p.day == query["day"])]
        root = f"content_{name[:-4].lower()}_{name[-4:]}" if found.old else f"/content/{name}"
        items = []
        for p in shown:
            link = f'[<a href="{root}/papers/{p.id}.pdf">pdf</a>]' if p.linked else ""
            form = "".join(f'<form class="authsearch"><input name="query_author" value="{a}"></form>' for a in ("A. Author",))
            items.append(
                f'<dt class="ptitle"><br><a href="{root}/html/{p.id}.html">{html.escape(p.title)}</a></dt><dd>{form}</dd>'
                f'<dd>{link} [<a href="{root}/supplemental/{p.id}_supp.pdf">supp</a>]</dd>'
            )
        return head + "<dl>" + "\n".join(items) + "</dl></body></html>"

    def _neurips(self, path: str, _query: dict[str, str], venue: str = "NeurIPS") -> str | None:
        year = path.rpartition("/")[2]
        found = self._at(f"{venue} {year}")
        if found is None or not found.appeared:
            return None
        items = []
        for p in found.papers:
            tail = "" if int(year) < 2022 else "-Conference"
            link = f'<a title="paper title" href="/paper_files/paper/{year}/hash/{p.id}-Abstract{tail}.html">{html.escape(p.title)}</a>'
            if found.old:
                items.append(f'<li class="{"conference" if tail else "none"}">{link} <i>A. Author, B. Author</i></li>')
            else:
                items.append(
                    f'<li data-track="conference"><div class="paper-content">{link}<span class="paper-authors">A</span></div></li>'
                )
        track = "datasets_and_benchmarks_track"
        other = f"/paper_files/paper/{year}/hash/{'f' * 32}-Abstract-Datasets_and_Benchmarks_Track.html"
        items.append(f'<li data-track="{track}" class="{track}"><a title="paper title" href="{other}">A Data Set</a></li>')
        return f'<html><body><h4>Proceedings</h4><ul class="paper-list">{"".join(items)}</ul></body></html>'

    def _iclr(self, path: str, query: dict[str, str]) -> str | None:
        return self._neurips(path, query, "ICLR")

    def _pmlr(self, path: str, _query: dict[str, str]) -> str | None:
        if not path.strip("/"):
            rows = [
                f'<li><a href="v{v}"><b>Volume {v}</b></a> Proceedings of {e}</li>' for e, v in self.volumes.items() if e in self.editions
            ]
            rows.append('<li><a href="v1"><b>Volume 1</b></a> Proceedings of a Workshop at ICML 2026</li>')
            return f"<html><body><h1>Proceedings of Machine Learning Research</h1><ul>{''.join(rows)}</ul></body></html>"
        edition = next((e for e, v in self.volumes.items() if path.strip("/") == f"v{v}"), "")
        found = self._at(edition)
        if found is None:
            return None
        items = []
        for p in found.papers:
            new = int(edition[-4:]) > 2025
            root = (
                f"https://raw.githubusercontent.com/mlresearch/v{self.volumes[edition]}/main/assets"
                if new
                else "https://proceedings.mlr.press/v267"
            )
            items.append(
                f'<div class="paper"><p class="title">{html.escape(p.title)}</p>'
                '<p class="details"><span class="authors">A. Author</span></p>'
                f'<p class="links">[<a href="https://proceedings.mlr.press/{p.id}.html">abs</a>]'
                f'[<a href="{root}/{p.id}/{p.id}.pdf">Download PDF</a>]'
                f'[<a href="{root}/{p.id}/{p.id}-supp.pdf">Supplementary PDF</a>]</p></div>'
            )
        return f"<html><body><h1>Proceedings of Machine Learning Research</h1>{''.join(items)}</body></html>"

    def _acl(self, path: str, _query: dict[str, str]) -> str | None:
        name = path.rpartition("/")[2].removesuffix(".xml")
        letters = {"P": "ACL", "D": "EMNLP", "N": "NAACL"}
        edition = f"{letters[name[0]]} 20{name[1:]}" if name[0] in letters else f"{name[5:].upper()} {name[:4]}"
        found = self._at(edition)
        if found is None:
            return None
        volumes: dict[str, list[str]] = {}
        for p in found.papers:
            number = p.id[-3:].lstrip("0") if name[0] in letters else p.id.rpartition(".")[2]
            job = f"<affiliation>{EMPLOYERS[p.employer].partition(',')[0]}</affiliation>" if not found.old else ""
            author = f"<author><first>A</first><last>Author</last>{job}</author>"
            url = f'<url hash="0">{p.id}</url>' if found.old else ""
            volumes.setdefault(p.volume, []).append(f'<paper id="{number}"><title>{html.escape(p.title)}</title>{author}{url}</paper>')
        parts = [f'<volume id="{v}"><frontmatter><url>x</url></frontmatter>{"".join(items)}</volume>' for v, items in volumes.items()]
        return f'<?xml version="1.0" encoding="UTF-8"?><collection id="{name}">{"".join(parts)}</collection>'

    def _ecva(self, _path: str, _query: dict[str, str]) -> str | None:
        parts = []
        for edition, found in self.editions.items():
            venue, year = edition.split()
            for p in found.papers if venue == "ECCV" else ():
                root = f"papers/eccv_{year}/papers_ECCV"
                parts.append(
                    f'<dt class="ptitle"><br><a href={root}/html/{p.id}_ECCV_{year}_paper.php>{html.escape(p.title)}</a></dt>'
                    f"<dd>A. Author</dd><dd>[<a href='{root}/papers/{p.id}.pdf'>pdf</a>]</dd>"
                )
        return f"<html><body><dl>{''.join(parts)}</dl></body></html>"
