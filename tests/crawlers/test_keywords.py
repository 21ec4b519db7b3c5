"""The keyword matcher: what a person means by a name, found in running text."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.keywords import Keywords, Matcher, plain, single_blanks
from storage.model import UsageError

NAMES = [
    "C",
    "C++",
    "C#",
    ".NET",
    "Go",
    "R",
    "Next.js",
    "Node.js",
    "F#",
    "PyTorch/XLA",
    "PyTorch",
    "machine learning",
    "機械学習",
    "Яндекс",
]


def found(name: object, text: str) -> bool:
    one = Keywords.read(name)
    assert Matcher({"it": one}).match(text) == ({"it"} if one.matches(text) else set())
    return one.matches(text)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("C", ["C", "C, C++ and Rust", "C/C++", "in C.", "(C)", "C & assembly", "C's undefined behaviour", "C and D"]),
        ("C++", ["C++", "modern C++17", "c++", "C/C++, Rust", "C++.", "Ｃ＋＋"]),
        ("C#", ["C#", "c#", "C#/.NET", "C# 12", "C♯"]),
        (".NET", [".NET", ".net core", "C#/.NET", "(.NET)", ".NET8", "C#.NET"]),
        ("Go", ["Go", "Go/Rust", "We use Go.", "in Go, Python"]),
        ("R", ["R", "R, Python", "Python/R", "Python & R", "(R)", "R 4.3"]),
        ("Next.js", ["Next.js", "next.js 14", "React/Next.js."]),
        ("Node.js", ["Node.js", "node.js,"]),
        ("F#", ["F#", "f#"]),
        ("PyTorch/XLA", ["PyTorch/XLA", "pytorch/xla on TPU"]),
        (
            "PyTorch",
            [
                "PyTorch",
                "PYTORCH",
                "pytorch-based",
                "(PyTorch)",
                "Py\u00adTorch",
                "PyTorchを使う",
                "“PyTorch”",
                "pytorch.org",
                "PyTorch/XLA",
            ],
        ),
        ("machine learning", ["Machine  learning", "machine\n learning", "machine\u00a0learning", "machine\u2003learning"]),
        ("機械学習", ["機械学習エンジニア", "機械学習"]),
        ("Яндекс", ["в Яндекс", "ЯНДЕКС"]),
        ("naïve bayes", ["Nai\u0308ve Bayes"]),
    ],
)
def test_a_name_is_found_as_people_write_it(name: str, texts: list[str]) -> None:
    assert [t for t in texts if not found(name, t)] == []


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("C", ["C++", "C#", "C++17", "R&C", "C-level", "Objective-C", "vitamin c", "C.V.", "C$120k", "CC", "C'mon", "café C_x", "B.C."]),
        ("C++", ["C", "C#", "C+", "ABC++", "C++x"]),
        ("C#", ["C", "C++", "C #", "ABC#"]),
        (".NET", ["slideshare.net", "ASP.NET", "NET", ".NETwork", "internet"]),
        ("Go", ["go", "golang", "GO!", "Google", "let's go", "ago"]),
        ("R", ["R&D", "R & D", "r", "HR", "R$ 5.000", "Rust", "U.R.L", "R-squared"]),
        ("Next.js", ["NextXjs", "next", "Next js", "Next.json"]),
        ("PyTorch", ["PyTorchX", "my_pytorch", "pytorch2", "py torch", "épytorch"]),
        ("PyTorch/XLA", ["PyTorch", "PyTorch XLA"]),
        ("machine learning", ["machinelearning", "machine-learning", "machine learnings"]),
    ],
)
def test_a_name_is_not_found_in_something_else(name: str, texts: list[str]) -> None:
    assert [t for t in texts if found(name, t)] == []


def test_names_of_one_or_two_letters_match_as_written_unless_told_otherwise() -> None:
    assert not found("Go", "we go to lunch")
    assert found("go", "Go is used")
    assert found({"any": ["Go"], "case": False}, "python, go")
    assert not found({"any": ["REST"], "case": True}, "the rest of us")
    assert found({"any": ["REST"], "case": True}, "REST and gRPC")


def test_an_excluded_phrase_that_holds_a_name_is_passed_over_and_the_text_may_match_elsewhere() -> None:
    go = {"any": ["Go", "golang"], "not": ["go-to-market", "go to"]}
    assert not found(go, "Own our Go-to-market. Go to example.org")
    assert found(go, "Own our Go-To-Market tooling, written in Go")
    assert not found({"any": ["C"], "not": ["C level"], "case": True}, "C level sales")
    assert not found({"any": ["machine learning"], "not": ["machine learning rate"]}, "the machine learning rate")


def test_an_excluded_phrase_that_holds_no_name_excludes_the_whole_text() -> None:
    jax = {"any": ["JAX"], "not": ["Jacksonville"]}
    assert not found(jax, "JAX, the airport of Jacksonville; JAX again")
    assert found(jax, "JAX on TPU")


@pytest.mark.parametrize(
    ("value", "terms"),
    [
        ("pytorch", ("pytorch",)),
        ('"pytorch"', ("pytorch",)),
        (['"machine  learning"', "ML", "ml"], ("machine learning", "ML")),
        ({"any": ["“Go”", "golang"], "not": ["go to"]}, ("Go", "golang")),
    ],
)
def test_an_expression_is_read_in_every_form(value: object, terms: tuple[str, ...]) -> None:
    assert Keywords.read(value).terms() == terms


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "topics.go.jobs is empty"),
        ("", "no letter or digit"),
        ("++", "no letter or digit"),
        (["go", 3], "holds 3"),
        (7, "is 7"),
        (None, "is None"),
        ('a "b" c', "quotes"),
        ('"open', "quotes"),
        ({"not": ["x"]}, "any is missing"),
        ({"any": ["x"], "all": ["y"]}, "no key 'all'"),
        ({"any": ["x"], "case": "yes"}, "topics.go.jobs.case"),
        ({"any": ["x"], "not": [""]}, "topics.go.jobs.not"),
        ({"any": []}, "topics.go.jobs.any is empty"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_place(value: object, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as error:
        Keywords.read(value, "topics.go.jobs")
    assert "topics.go.jobs" in str(error.value)


def test_simple_expressions_are_those_that_any_search_reads_alike() -> None:
    assert [n for n in NAMES if Keywords.read(n).simple] == ["PyTorch", "machine learning", "機械学習", "Яндекс"]
    assert not Keywords.read(["a b", "c d"]).simple
    assert not Keywords.read({"any": ["pytorch"], "not": ["pytorch lightning"]}).simple


WORDS = st.sampled_from([*NAMES, "go", "r&d", "Jacksonville", "go-to-market", "é", "_", "+", "#", ".", "、を", "İ", "ß", "x", "ſ", "K"])
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", "", ",", "/", "\n", "\u00a0", "-", "'s ", "(", ") "])), max_size=12).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)


@given(TEXTS | st.text(max_size=40))
def test_many_topics_at_once_are_found_exactly_as_each_alone(text: str) -> None:
    topics = {n: Keywords.read([n, f"{n} framework"]) for n in NAMES} | {
        "go2": Keywords.read({"any": ["Go"], "not": ["go-to-market", "x"]})
    }
    expected = {key for key, words in topics.items() if words.matches(text)}
    assert Matcher(topics).match(text) == expected
    crowd = {f"crowd{n}": Keywords((f"crowd{n}",)) for n in range(100)}  # so many that the text is taken apart
    assert Matcher(topics | crowd).match(text) == expected
    one = {"go": Keywords(("Go",))}  # so few that it is not
    assert Matcher(one).match(text) == {key for key, words in one.items() if words.matches(text)}


@settings(deadline=None)
@given(st.sampled_from(NAMES), st.text(max_size=10), st.text(max_size=10))
def test_a_name_between_blanks_is_always_found(name: str, before: str, after: str) -> None:
    after = after.lstrip(" \t&")  # "R & D" is not R
    if plain("x " + after)[2:3] not in {"&", ""} or not after:
        assert found(name, f"{before} : {name} ; {after}")


@settings(deadline=None)
@given(st.sampled_from(NAMES), st.sampled_from("axZß9_é"))
def test_a_name_glued_to_a_letter_is_never_found(name: str, letter: str) -> None:
    if name != "機械学習":
        assert not found(name, letter + name)
        if letter != "9":  # a version: C++17
            assert not found(name, name + letter)


def test_every_kind_of_white_space_becomes_one_blank() -> None:
    for code in range(sys.maxunicode + 1):
        said = unicodedata.normalize("NFKC", f" \n a{chr(code)} \t b{chr(code)}")
        assert single_blanks(said) == " ".join(said.split()), hex(code)


@given(st.text())
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert plain(plain(text)) == plain(text)
