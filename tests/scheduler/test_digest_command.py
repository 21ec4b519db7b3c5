"""``uptake digest`` as it is typed, over the starting history and over a store that sends."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.letters import MONDAY, READERS, store
from tests.fakes.mailbox import Mailbox
from tests.scheduler.conftest import uptake
from trends import charts


@pytest.fixture(autouse=True)
def quick_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "png", lambda *_args, **_options: b"\x89PNG\r\n\x1a\n")


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with readers and no server yet, on the Monday on which the digest is due."""
    store(tmp_path)
    monkeypatch.setattr("time.time", lambda: MONDAY + 60)
    monkeypatch.setenv("UPTAKE_CONFIG", str(tmp_path / "uptake.toml"))
    monkeypatch.delenv("UPTAKE_DIGEST_WEBHOOK", raising=False)
    return tmp_path


# From the starting history


def test_the_starting_history_has_the_ratio_the_crossing_the_withheld_claim_and_what_is_blind(
    history: Path, look_at: Callable[[Path], None]
) -> None:
    look_at(history)
    ran = uptake("digest", "--until", "2026-04-06", "--basket", "deep-learning")
    assert ran.code == 0
    said = " ".join(ran.out.split())
    assert said.startswith("Deep-learning frameworks, 6 April 2026: PyTorch to TensorFlow")
    for part in ("3.86 to 1 (87.3 M : 22.7 M); 2.02 a year ago", "It crossed 1 in March 2024", "JAX 19.2 M, Keras 18.4 M", "Not confirmed"):
        assert part in said
    for part in ("PyTorch +10,256, TensorFlow +5,484: 1.87 to 1 (1.56 before)", "all 11 rose together", "median +26 %", "two of five"):
        assert part in said
    for part in ("since May 2024", "JAX: GitHub stars since April 2024", "since May 2023"):
        assert part in said
    assert "uptake digest --until 2026-04-06 --basket deep-learning" in said
    assert sum(line[:1].isdigit() for line in ran.out.splitlines()) <= 7
    assert uptake("digest", "--until", "2026-04-06", "--basket", "deep-learning").out == ran.out, "nothing is remembered of a preview"


def test_it_is_one_json_document_and_files(history: Path, look_at: Callable[[Path], None], tmp_path: Path) -> None:
    look_at(history)
    document = uptake("digest", "--until", "2026-04-06", "--json").json
    assert [d["basket"] for d in document["digests"]] == ["deep-learning", "ml-libraries"]
    line = document["digests"][0]["lines"][0]
    assert line["claims"]
    assert all(link["url"].startswith("https://") for link in line["links"])
    written = uptake("digest", "--until", "2026-04-06", "--output", tmp_path / "out", "--json").json["files"]
    assert sorted(Path(p).name for p in written) == sorted(
        f"2026-04-06-{b}.{s}" for b in ("deep-learning", "ml-libraries") for s in ("html", "json", "md", "txt")
    )
    for path in written:
        assert "PyTorch" in Path(path).read_text(encoding="utf-8") or "ml-libraries" in path


# On its way


def test_sending_listing_and_verifying_are_told_in_plain_words(letters: Path) -> None:
    with Mailbox(refuse={READERS[1]}) as box:
        store(letters, box.section(letters))
        ran = uptake("digest", "--send")
        assert ran.code == 1
        assert f"  {READERS[0]}: sent; 127.0.0.1 said 250 2.0.0 queued\n" in ran.out
        assert f"  {READERS[1]}: REFUSED; 127.0.0.1 said 550 5.1.1 there is no such mailbox\n" in ran.out
        box.refuse = set()
        again = uptake("digest", "--send", "--json")
        assert (again.code, [s["recipient"] for s in again.json["sendings"]]) == (0, [READERS[1]])
        assert uptake("digest", "--send").out == "nothing to send: the digest of 2026-04-06 has gone to 2 readers\n"
    listed = uptake("digest", "--list")
    assert "2026-04-06" in listed.out
    assert listed.out.count("sent") == 2
    [row] = uptake("digest", "--list", "--json").json["digests"]
    assert {s["state"] for s in row["sendings"]} == {"sent"}
    for name in ("1", "2026-04-06"):
        ran = uptake("digest", "--verify", name)
        assert ran.code == 0
        assert ran.out.endswith("Digest 1 of 2026-04-06 was made again: it is the same.\n")
    assert uptake("digest", "--verify", "1", "--json").json["same"] is True


def test_a_server_that_is_down_loses_nothing_and_says_so(letters: Path) -> None:
    with Mailbox() as box:
        store(letters, box.section(letters, port=1))
        ran = uptake("digest", "--send")
        assert ran.code == 1
        assert "uptake: nothing answers at 127.0.0.1:1: the connection was refused" in ran.err
        assert "Nothing is lost: `uptake digest --send` tries those alone again." in ran.err
        store(letters, box.section(letters))
        assert uptake("digest", "--send").code == 0
        assert box.counts == dict.fromkeys(READERS, 1)


def test_a_trial_goes_to_one_address_and_is_not_remembered(letters: Path) -> None:
    with Mailbox(refuse={"gone@example.org"}) as box:
        store(letters, box.section(letters))
        ran = uptake("digest", "--test", "me@example.org")
        assert (ran.code, ran.out) == (0, "me@example.org: sent; 127.0.0.1 said 250 2.0.0 queued\n")
        assert uptake("digest", "--test", "gone@example.org").code == 1
        assert str(box.arrived[0][1]["Subject"]).startswith("[test] Libraries, 6 April 2026")
        assert uptake("digest", "--list").out.startswith("No digest was sent yet.")
        assert uptake("digest", "--send").code == 0
        assert box.counts == {"me@example.org": 1} | dict.fromkeys(READERS, 1)


def test_the_digest_as_of_a_day_is_what_was_known_then(letters: Path) -> None:
    early = uptake("digest", "--as-of", "2026-04-01", "--json").json
    assert early["sequence"] == 0
    assert "no figures are known" in early["digests"][0]["lines"][0]["text"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--send", "--list"), "--send and --list do not go together"),
        (("--send", "--until", "2026-04-06"), "--send sends what the schedule says"),
        (("--verify", "7"), "there is no stored digest '7': none was sent yet"),
        (("--test", "me@example.org"), "there is no [mail] section"),
        (("--basket", "lib"), "--basket: there is no basket 'lib'; did you mean 'libs'?"),
        (("--until", "soon"), "--until: 'soon' is not a time"),
    ],
)
def test_a_wrong_use_is_one_sentence(letters: Path, words: tuple[str, ...], said: str) -> None:
    ran = uptake("digest", *words)
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""


def test_a_basket_with_hardly_any_figures_has_a_sensible_digest(letters: Path) -> None:
    shutil.rmtree(letters / "data")
    (letters / "x.csv").write_text(
        "time,source,metric,topic,labels,value,bound,observed_at,citation\n"
        + "".join(f"2026-0{m}-01,made,github.stars,alpha,,{v},exact,,a page\n" for m, v in ((1, 0), (2, 0), (3, 0))),
        encoding="utf-8",
    )
    assert uptake("import", letters / "x.csv").code == 0
    ran = uptake("digest")
    assert ran.code == 0
    assert "nan" not in ran.out.lower()
    assert "inf" not in ran.out.lower().replace("information", "")
    json.loads(uptake("digest", "--json").out)
