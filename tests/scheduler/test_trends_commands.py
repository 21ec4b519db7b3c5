"""``uptake trends claims`` and ``uptake trends venues`` as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema

from tests.scheduler.conftest import uptake

SCHEMA = Path(__file__).parents[2] / "docs" / "summary.schema.json"
Here = Callable[[Path], None]


def test_claims_are_read_by_people_and_as_the_documented_json(history: Path, look_at: Here) -> None:
    look_at(history)
    ran = uptake("trends", "claims", "--until", "2026-04-06", "--basket", "deep-learning")
    assert ran.code == 0
    assert "Claimed\n  PyTorch to TensorFlow, PyPI downloads: 3.86 to 1" in ran.out
    assert "all 11 rose together" in ran.out  # three of them are in another basket
    document = json.loads(uptake("trends", "claims", "--until", "2026-04-06", "--json").out)
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert [basket["basket"] for basket in document["baskets"]] == ["deep-learning", "ml-libraries"]


def test_the_conference_table_of_the_article(history: Path, look_at: Here) -> None:
    look_at(history)
    ran = uptake("trends", "venues", "--from", "2018", "--to", "2019")
    assert ran.code == 0
    assert "CVPR   82→280 +241.46 %  116→125 +7.76 %  979→1,294" in ran.out
    assert "NAACL   12→66 +450.00 %   34→21 −38.24 %    330→451" in ran.out
    assert "ACL: 2017 0 % [0–15], 2018 43 % [31–57], 2019 76 % [68–83]" in ran.out
    document = json.loads(uptake("trends", "venues", "--from", "2018", "--to", "2019", "--json").out)
    assert [row["venue"] for row in document["venues"]] == ["CVPR", "ACL", "ICLR", "ICML", "NAACL"]
    other = json.loads(uptake("trends", "venues", "--from", "2015", "--to", "2016", "--json").out)
    assert {row["venue"] for row in other["venues"]} == {"CVPR", "NeurIPS"}
    assert other["venues"][0]["topics"]["pytorch"]["growth_percent"] is None  # from zero nothing grows by percent


def test_slips_of_the_pen_are_answered_in_one_sentence(history: Path, look_at: Here) -> None:
    look_at(history)
    for arguments, told in {
        ("--from", "2019", "--to", "2018"): "--from must be a year before --to",
        ("--from", "soon", "--to", "2018"): "--from: 'soon' is not a year",
        ("--from", "2018", "--to", "2019", "--rule", "mine"): "nothing was counted by 'mine'; there are: he-2019",
    }.items():
        ran = uptake("trends", "venues", *arguments)
        assert ran.code == 2
        assert told in ran.err
    assert uptake("trends").code == 0
    assert "Deep-learning frameworks" in uptake("trends", "--until", "2026-04-06").out
