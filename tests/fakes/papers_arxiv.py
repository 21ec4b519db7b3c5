"""A model of arXiv's query interface and of its OAI-PMH, over one list of papers."""

from __future__ import annotations

import re
import time as clock
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler
from typing import Any

from scheduler.demo.servers.service import Asked, Raw, Service
from storage.periods import day, read_time

_TERM = re.compile(r'abs:"[^"]*"|abs:[^\s()"]+|cat:[^\s()]+|submittedDate:\[\d+ TO \d+\]')
_ARXIV = {"Content-Type": "application/atom+xml; charset=utf-8"}
_OAI = {"Content-Type": "text/xml; charset=utf-8"}


@dataclass
class Paper:
    id: str
    submitted: int  # epoch seconds
    changed: str  # day of the record's last change
    categories: str
    abstract: str
    deleted: bool = False


class FakeArxiv(Service):
    page = 3  # records
    pause = 0.0  # seconds for each answer

    def __init__(self) -> None:
        super().__init__()
        self.papers: list[Paper] = []
        self.at_once = self.most_at_once = 0

    def submit(self, when: str, abstract: str, categories: str = "cs.LG", changed: str = "", **fields: Any) -> Paper:
        paper = Paper(
            f"26{len(self.papers):02d}.{len(self.papers):05d}", read_time(when), changed or when[:10], categories, abstract, **fields
        )
        self.papers.append(paper)
        return paper

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        clock.sleep(self.pause)
        super().handle(request)
        self.at_once -= 1

    def respond(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/api/query":
            return 200, Raw(self._feed(asked.query).encode(), _ARXIV)
        if asked.path == "/oai":
            return 200, Raw(self._records(asked.query).encode(), _OAI)
        return 404, {}

    # Query interface

    def _feed(self, query: dict[str, str]) -> str:
        found = [p for p in self.papers if not p.deleted and self._matches(query["search_query"], p)]
        entries = "".join(
            f"<entry><id>http://arxiv.org/abs/{p.id}v1</id><title>{p.id}:\n a study</title><summary>{escape(p.abstract)}</summary></entry>"
            for p in sorted(found, key=lambda p: -p.submitted)[: int(query["max_results"])]
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
            f"<title>arXiv Query: {escape(query['search_query'])}</title>"
            '<opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
            f"{len(found)}</opensearch:totalResults>{entries}</feed>"
        )

    def _matches(self, search: str, paper: Paper) -> bool:
        said = _TERM.sub(lambda term: f" {_holds(term[0], paper)} ", search)
        said = re.sub(r"\bANDNOT\b", "and not", said).replace("AND", "and").replace("OR", "or")
        assert re.fullmatch(r"(?:\s|True|False|and|or|not|[()])+", said), search
        return bool(eval(said))

    # OAI-PMH

    def _records(self, query: dict[str, str]) -> str:
        assert query["verb"] == "ListRecords"
        if "resumptionToken" in query:
            name, since, until, start = query["resumptionToken"].split("|")
        else:
            assert query["metadataPrefix"] == "arXiv"
            name, since, until, start = query["set"], query["from"], query.get("until", "9"), "0"
        found = [p for p in self.papers if since <= p.changed <= until and name in _sets(p)]
        if not found:
            return _oai('<error code="noRecordsMatch">No matches</error>')
        here = found[int(start) : int(start) + self.page]
        rest = int(start) + self.page < len(found)
        token = f"<resumptionToken>{f'{name}|{since}|{until}|{int(start) + self.page}' if rest else ''}</resumptionToken>"
        return _oai(f"<ListRecords>{''.join(map(_record, here))}{token}</ListRecords>")


def _holds(term: str, paper: Paper) -> bool:
    field, _, text = term.partition(":")
    if field == "abs":
        words, wanted = (re.findall(r"\w+", t.lower()) for t in (paper.abstract, text))
        return any(words[n : n + len(wanted)] == wanted for n in range(len(words)))
    if field == "cat":
        return any(c == text or (text.endswith("*") and c.startswith(text[:-1])) for c in paper.categories.split())
    low, high = re.findall(r"\d{12}", text)
    when = day(paper.submitted).replace("-", "") + f"{paper.submitted % 86400 // 3600:02d}{paper.submitted % 3600 // 60:02d}"
    return low <= when <= high


def _sets(paper: Paper) -> set[str]:
    found = set()
    for category in paper.categories.split():
        archive, _, part = category.partition(".")
        group = "physics:" if archive in {"hep-th", "astro-ph", "quant-ph"} else ""
        found |= {group + archive, f"{group or archive + ':'}{archive}:{part}"}
    return found


def _oai(inner: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">{inner}</OAI-PMH>'


def _record(paper: Paper) -> str:
    head = f"<identifier>oai:arXiv.org:{paper.id}</identifier><datestamp>{paper.changed}</datestamp>"
    if paper.deleted:
        return f'<record><header status="deleted">{head}</header></record>'
    return (
        f'<record><header>{head}</header><metadata><arXiv xmlns="http://arxiv.org/OAI/arXiv/"><id>{paper.id}</id>'
        f"<created>{day(paper.submitted)}</created><authors><author><keyname>Anybody</keyname></author></authors>"
        f"<categories>{paper.categories}</categories><abstract>  {escape(paper.abstract)}\n</abstract></arXiv></metadata></record>"
    )
