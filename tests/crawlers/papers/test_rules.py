"""Rules as data, and how a text is searched."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.keywords import Keywords
from crawlers.papers.affiliations import Group
from crawlers.papers.mentions import Reader, counted, left_out, mentioned, of_group, readable, without_references
from crawlers.papers.rules import load
from storage.model import UsageError

RULES = load()
PYTORCH = ["pytorch", "allennlp", "opennmt-py", "torchvision"]
# The sixteen published versions: date, keywords of PyTorch and of TensorFlow, exclusive, groups left out (facts of He 2019)
VERSIONS = """\
he-2019-06-24,pytorch allennlp opennmt-py torchvision,tensorflow opennmt-tf,no,facebook google
he-2019-09-04,pytorch allennlp opennmt-py torchvision huggingface fairseq,tensorflow opennmt-tf,yes,facebook google
he-2019-09-04-google-kept,pytorch allennlp opennmt-py torchvision huggingface fairseq,tensorflow opennmt-tf,yes,facebook
he-2019,pytorch allennlp opennmt-py torchvision huggingface fairseq,tensorflow opennmt-tf,yes,facebook google
he-2019-10-03,pytorch allennlp opennmt-py torchvision huggingface fairseq,tensorflow opennmt-tf,yes,facebook google
he-2019-10-10,pytorch allennlp opennmt-py torchvision huggingface fairseq,tensorflow opennmt-tf,yes,facebook google
he-2019-10-10-addresses,pytorch allennlp opennmt-py torchvision huggingface fairseq,tensorflow opennmt-tf,yes,@fb.com @google.com
he-2019-10-24,pytorch allennlp opennmt-py torchvision fairseq,tensorflow opennmt-tf,yes,@fb.com @google.com
he-2019-addresses,pytorch allennlp opennmt-py torchvision fairseq,tensorflow opennmt-tf,yes,@fb.com @google.com
he-2020-04-26,pytorch allennlp opennmt-py torchvision fairseq,tensorflow opennmt-tf keras,yes,@fb.com @google.com
he-2020-06-10,pytorch allennlp opennmt-py torchvision fairseq,tensorflow opennmt-tf keras,yes,@fb.com @google.com
he-2020-07-28,pytorch allennlp opennmt-py torchvision fairseq,tensorflow opennmt-tf keras,yes,
he-2020-10-22,pytorch allennlp opennmt-py torchvision fairseq,tensorflow opennmt-tf keras,yes,
he-2021-01-10,pytorch allennlp opennmt-py torchvision fairseq,tensorflow opennmt-tf keras,yes,
he-2021-02-12,pytorch allennlp opennmt-py torchvision fairseq,tensorflow opennmt-tf keras,yes,
he-2021-10-22,pytorch allennlp opennmt-py torchvision fairseq,tensorflow opennmt-tf keras,yes,
"""
SIGNS = {"facebook": {"facebook ai research", "fb.com"}, "google": {"google.com", "google brain"}}


def test_the_article_and_its_fifteen_other_versions_are_there() -> None:
    rows = list(csv.reader(io.StringIO(VERSIONS)))
    assert [r for r in RULES.rules if r.startswith("he-")] == [row[0] for row in rows]
    for name, pytorch, tensorflow, exclusive, groups in rows:
        rule = RULES.rules[name]
        assert rule.keywords == {"pytorch": tuple(pytorch.split()), "tensorflow": tuple(tensorflow.split())}
        assert rule.exclusive is (exclusive == "yes")
        phrases = [set(RULES.groups[g].phrases) for g in rule.leave_out]
        assert phrases == [SIGNS.get(g, {g}) for g in groups.split()]
        assert re.search(r"He 2019, commit [0-9a-f]{7} of \d{4}-\d\d-\d\d$", rule.citation)
    assert len({r.citation for r in RULES.rules.values() if r.name.startswith("he-")}) == 16


def facts(text: str, front: str = "University of Example", affiliations: tuple[str, ...] = (), topics: dict[str, Keywords] | None = None):
    return Reader(topics or {}, list(RULES.rules.values()), RULES.groups, ["google", "meta"]).read(front, text, affiliations)


@pytest.mark.parametrize(
    ("text", "front", "expected"),
    [
        ("We use PyTorch.", "", {"he-2019": "pytorch", "he-2019-06-24": "pytorch"}),
        ("We use pytorch3d and TORCHVISION.", "", {"he-2019": "pytorch"}),  # as a keyword search finds it
        ("PyTorch and TensorFlow", "", {"he-2019": "", "he-2019-06-24": "pytorch tensorflow", "he-2020-07-28": ""}),
        ("Keras", "", {"he-2019": "", "he-2020-04-26": "tensorflow"}),
        ("HuggingFace", "", {"he-2019": "pytorch", "he-2019-addresses": "", "he-2019-06-24": ""}),
        ("PyTorch", "Google Brain", {"he-2019": "", "he-2019-09-04-google-kept": "pytorch", "he-2019-addresses": "pytorch"}),
        ("PyTorch", "{a, b}@google.com", {"he-2019": "", "he-2019-addresses": "", "he-2020-07-28": "pytorch"}),
        ("PyTorch", "Facebook AI Re-\nsearch", {"he-2019": "", "he-2019-09-04-google-kept": "", "he-2019-addresses": "pytorch"}),
        ("PyTorch at google.com", "", {"he-2019": "pytorch"}),  # not on the first page
        ("nothing", "", {"he-2019": ""}),
    ],
)
def test_the_rules_decide_as_they_say(text: str, front: str, expected: dict[str, str]) -> None:
    found = facts(text, front)
    assert {name: " ".join(sorted(counted(found, RULES.rules[name]))) for name in expected} == expected


def test_exclusive_looks_only_at_the_topics_that_are_compared() -> None:
    topics = {t: Keywords((t,)) for t in ("jax", "flax", "numpy")}
    found = facts("JAX and Flax with NumPy", topics=topics)
    rule = RULES.rules["exclusive"]
    assert counted(found, rule, frozenset({"jax", "flax"})) == set()
    assert counted(found, rule, frozenset({"jax", "torch"})) == {"jax"}
    assert mentioned(found, rule) == {"jax", "flax", "numpy"}


def test_groups_are_recognised_on_the_first_page_and_in_listings_as_words() -> None:
    assert of_group(facts("", "Meta AI, Menlo Park"), "meta")
    assert not of_group(facts("", "meta aided learning, notgoogle.com"), "meta")
    assert not of_group(facts("", "meta aided learning, notgoogle.com"), "google")
    assert of_group(facts("", "x", ("Google DeepMind",)), "google")
    assert not left_out(facts("", "x", ("Google Brain",)), RULES.rules["he-2019"])
    assert Group("g", ("@fb.com",)).inside("a@fb.com", plain=False)


# How a text is searched


@pytest.mark.parametrize("mark", ["-\n", "- \n", "-\r\n", "\u00ad\n", "\u2010\n", "\ufffe", "\x02", "-\n  "])
@pytest.mark.parametrize(
    ("first", "second", "word"), [("Py", "Torch", "pytorch"), ("scikit", "learn", "scikit-learn"), ("fl", "ax", "flax")]
)
def test_a_word_across_a_lines_end_is_found(first: str, second: str, word: str, mark: str) -> None:
    text = f"All of it was made with {first}{mark}{second} on one machine."
    assert Keywords((word,)).matches(readable(text))


def test_a_word_behind_a_broken_one_is_not_cut() -> None:
    text = "x" * 37 + "jax pre-\nsented " + "y" * 10
    assert not Keywords(("jax",)).matches(readable(text))
    assert Keywords(("opennmt-py",)).matches(readable("with OpenNMT-\npy " + "and " * 30))


@given(st.text(alphabet="ab -\n\u00ad\ufb01", max_size=200))
def test_reading_never_fails_and_loses_no_letter(text: str) -> None:
    found = readable(text)
    letters = {"a": 1, "b": 1, "\ufb01": 2}
    assert sum(c in "abfi" for c in found) >= sum(letters.get(c, 0) for c in text)


@pytest.mark.parametrize(
    "heading", ["References", "REFERENCES", "7 References", "7. References", "VII. REFERENCES", "Bibliography", "  References  "]
)
def test_references_are_cut_to_the_appendix(heading: str) -> None:
    text = f"References are listed below.\nWe use JAX.\n{heading}\n[1] PyTorch.\nA Appendix\nWe use Flax."
    cut = without_references(text)
    assert "PyTorch" not in cut
    assert "JAX" in cut
    assert "Flax" in cut
    assert without_references("no such list") == "no such list"


# A file of one's own


def test_own_rules_join_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        '[affiliations.acme]\nphrases = ["acme labs"]\n'
        '[rules.mine]\nlike = "he-2019"\nleave_out = ["acme"]\nrecognised = ["listing", "text"]\n'
        '[rules.words]\n[rules.words.keywords]\njax = ["jax"]\n'
    )
    rules = load(path)
    mine = rules.rules["mine"]
    assert mine.keywords == RULES.rules["he-2019"].keywords
    assert mine.leave_out == ("acme",)
    assert set(RULES.rules) < set(rules.rules)
    assert rules.digest != RULES.digest
    reader = Reader({}, [mine, rules.rules["words"]], rules.groups)
    assert left_out(reader.read("", "x ACME Labs y"), mine)
    assert left_out(reader.read("", "x", ["Acme Labs"]), mine)
    assert not left_out(reader.read("acme labs", "x"), mine)
    assert mentioned(reader.read("", "jaxlib"), rules.rules["words"]) == set()
    assert mentioned(reader.read("", "JAX"), rules.rules["words"]) == {"jax"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[rules.x]\nkeyword = 1", "unknown key 'keyword'"),
        ("[rules.x]\nexclusive = 1", "true or false"),
        ("[rules.x]\nleave_out = ['acme']", "no group 'acme'"),
        ("[rules.x]\nlike = 'y'", "no rule 'y'"),
        ("[rules.x]\nlike = 'z'\n[rules.z]\nlike = 'x'", "leads back"),
        ("[rules.x]\nrecognised = 'page'", "first_page"),
        ("[rules.X]\n", "lower case"),
        ("[rules.x.keywords]\njax = []", "list of phrases"),
        ("[other]\n", "unknown section"),
        ("x", "rules.toml"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        load(path)
