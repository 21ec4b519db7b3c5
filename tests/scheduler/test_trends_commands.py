"""``uptake trends claims`` and ``uptake trends venues`` as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

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


def test_the_chart_of_the_article_is_drawn_from_the_starting_history_and_names_every_venue(
    history: Path, look_at: Here, tmp_path: Path
) -> None:
    look_at(history)
    picture, raster = tmp_path / "charts" / "venues.svg", tmp_path / "venues.PNG"
    ran = uptake("trends", "venues", "--from", "2018", "--to", "2019", "--output", str(picture))
    assert f"chart: {picture}" in ran.out
    assert "CVPR   82→280" in ran.out
    found = ElementTree.parse(picture)
    texts = ["".join(node.itertext()) for node in found.iter("{http://www.w3.org/2000/svg}text")]
    ratios = {"NAACL 3.14:1", "ACL 3.12:1", "CVPR 2.24:1", "ICLR 1.35:1", "ICML 1.30:1"}
    early = {"EMNLP ’18 1.42:1", "ECCV ’18 1.02:1", "NeurIPS ’18 1:1.29", "ICCV ’17 1:14.00"}
    assert ratios | early <= set(texts)
    document = json.loads(uptake("trends", "venues", "--from", "2018", "--to", "2019", "--json", "--output", str(raster)).out)
    assert set(document["series"]) == {text.partition(" ")[0] for text in ratios | early}
    assert raster.read_bytes().startswith(b"\x89PNG")


def test_a_chart_ends_where_the_table_ends(history: Path, look_at: Here, tmp_path: Path) -> None:
    look_at(history)
    picture = tmp_path / "venues.svg"
    assert uptake("trends", "venues", "--from", "2017", "--to", "2018", "--output", str(picture)).code == 0
    assert "CVPR 1:1.41" in picture.read_text(encoding="utf-8")
    assert "2.24:1" not in picture.read_text(encoding="utf-8")


def test_slips_of_the_pen_are_answered_in_one_sentence(history: Path, look_at: Here) -> None:
    look_at(history)
    for arguments, told in {
        ("--from", "2019", "--to", "2018"): "--from must be a year before --to",
        ("--from", "soon", "--to", "2018"): "--from: 'soon' is not a year",
        ("--from", "2018", "--to", "2019", "--output", "v.pdf"): "--output: v.pdf is neither .svg nor .png",
        ("--from", "2018", "--to", "2019", "--output", "/dev/null/v.svg"): "cannot write the chart /dev/null/v.svg",
        ("--from", "2014", "--to", "2015", "--output", "v.svg"): "there is no share to draw",
        ("--from", "2018", "--to", "2019", "--rule", "mine"): "nothing was counted by 'mine'; there are: he-2019",
    }.items():
        ran = uptake("trends", "venues", *arguments)
        assert ran.code == (1 if "cannot" in told else 2), ran.err
        assert told in ran.err
    assert uptake("trends").code == 0
    assert "Deep-learning frameworks" in uptake("trends", "--until", "2026-04-06").out
