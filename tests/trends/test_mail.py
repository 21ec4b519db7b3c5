"""Messages as mail programs see them, and the conversation with a real server that may refuse at every step."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from storage.model import UsageError
from tests.fakes.mailbox import PASSWORD, USER, Mailbox, authority
from trends.handing import Answer, Told, Unreachable
from trends.mail import Envelope, Letter, Picture, address, build, distinct, message_id
from trends.mail_server import Post, Server

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
LETTER = Letter(
    "Libraries, 6 April 2026: A edges past B", "1. NEW. A.\n.\nend", '<p>A <img src="cid:one"></p>', (Picture("one", PNG, "A chart", 1),)
)
SENDER = "Uptake <uptake@example.org>"
READER = "reader@example.org"


def envelope(recipient: str = READER, **more: str) -> Envelope:
    return Envelope(SENDER, recipient, message_id(SENDER, "digest", "2026-04-06", recipient), 1_775_451_600, **more)


@pytest.fixture
def server(tmp_path: Path) -> Callable[..., Server]:
    """A `Server` value that leads to a mailbox."""

    def to(box: Mailbox, **more: object) -> Server:
        authority().cert_pem.write_to_path(tmp_path / "authority.pem")
        values: dict[str, object] = {"security": box.security, "ca_file": str(tmp_path / "authority.pem"), "timeout": 5.0}
        values |= {"user": USER, "password": PASSWORD} if box.login else {}
        return Server("127.0.0.1", box.port, **(values | more))  # type: ignore[arg-type]

    return to


def hand(server: Server, recipient: str = READER, letter: Letter = LETTER) -> Told:
    with Post(server, SENDER) as post:
        return post.hand_over(build(letter, envelope(recipient)), recipient, lambda: True)


# The message


def test_a_message_has_text_html_and_pictures_that_the_html_names() -> None:
    message = build(LETTER, envelope(list_key="ml", list_title="Libraries"))
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    page, picture = html.iter_parts()
    assert "cid:one" in page.get_content()
    assert (picture["Content-ID"], picture.get_content_disposition()) == ("<one>", "inline")
    assert picture.get_content() == PNG
    assert str(message["List-Id"]) == '"Libraries" <ml.uptake.example.org>'
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_reader_can_leave_by_mail_and_where_configured_by_one_click() -> None:
    plain = build(LETTER, envelope())
    assert plain["List-Unsubscribe"] == "<mailto:uptake@example.org?subject=unsubscribe>"
    assert plain["List-Unsubscribe-Post"] is None
    both = build(LETTER, envelope(unsubscribe="mailto:leave@example.org", unsubscribe_url="https://example.org/leave?list=ml"))
    assert both["List-Unsubscribe"] == "<mailto:leave@example.org>, <https://example.org/leave?list=ml>"
    assert both["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_message_id_is_of_period_and_recipient_and_does_not_tell_them() -> None:
    ids = {
        message_id(SENDER, "digest", period, reader) for period in ("2026-04-06", "2026-04-13") for reader in (READER, "other@example.org")
    }
    assert len(ids) == 4
    assert message_id(SENDER, "digest", "2026-04-06", READER.upper()) in ids
    assert all(i.endswith("@example.org>") and "reader" not in i for i in ids)


@given(st.text(), st.text(min_size=1))
def test_no_title_can_add_a_header_or_break_a_message(title: str, name: str) -> None:
    letter = Letter(title, name, "<p>x</p>")
    message = build(letter, envelope(list_key=name, list_title=title))
    head = message.as_bytes().partition(b"\r\n\r\n")[0]
    allowed = {b"subject", b"from", b"to", b"date", b"message-id", b"auto-submitted", b"content-language", b"content-type", b"mime-version"}
    allowed |= {b"list-id", b"list-unsubscribe"}
    names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n") if line[:1] not in b" \t"}
    assert names <= allowed
    assert all(len(line) <= 998 for line in message.as_bytes().split(b"\r\n"))


def test_html_that_mail_programs_would_cut_off_is_not_sent() -> None:
    with pytest.raises(UsageError, match="mail programs cut it off at 100,000: name fewer baskets"):
        build(Letter("s", "t", "x" * 100_001), envelope())


@pytest.mark.parametrize("text", ["", "nobody", "a@", "@b", "a b@c", "a@b\nBcc: c@d", "a@b, c@d", "a@" + "x" * 70 + ".org"])
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="is not a mail address"):
        address(text)


def test_addresses_are_the_same_whatever_their_case_and_name() -> None:
    assert distinct(["Team <team@example.org>", "TEAM@example.org", "b@bücher.example"]) == ["team@example.org", "b@xn--bcher-kva.example"]


# The conversation


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_message_arrives_over_tls_with_a_login(server: Callable[..., Server], security: str) -> None:
    with Mailbox(security) as box:
        told = hand(server(box))
        assert told.answer is Answer.SENT
        [(recipient, message)] = box.arrived
        assert recipient == READER
        assert message["Subject"] == LETTER.subject
        body = message.get_body(("plain",))
        assert body is not None
        assert body.get_content().splitlines() == ["1. NEW. A.", ".", "end"]


def test_several_messages_go_through_one_connection_and_a_refused_one_stops_no_other(server: Callable[..., Server]) -> None:
    with Mailbox(refuse={"gone@example.org"}, grey={"grey@example.org"}) as box:
        with Post(server(box), SENDER) as post:
            told = {
                r: post.hand_over(build(LETTER, envelope(r)), r, lambda: True)
                for r in ("a@example.org", "gone@example.org", "grey@example.org", "b@example.org")
            }
        assert [t.answer for t in told.values()] == [Answer.SENT, Answer.REFUSED, Answer.LATER, Answer.SENT]
        assert told["gone@example.org"].words == "127.0.0.1 said 550 5.1.1 there is no such mailbox"
        assert box.counts == {"a@example.org": 1, "b@example.org": 1}
        assert hand(server(box), "grey@example.org").answer is Answer.SENT


def test_a_message_that_somebody_else_has_taken_does_not_leave(server: Callable[..., Server]) -> None:
    with Mailbox() as box:
        with Post(server(box), SENDER) as post:
            assert post.hand_over(build(LETTER, envelope()), READER, lambda: False).answer is Answer.TAKEN
        assert box.arrived == []


def test_a_failing_ledger_keeps_the_message_from_leaving(server: Callable[..., Server]) -> None:
    def broken() -> bool:
        raise OSError("the disk is full")

    with Mailbox() as box, Post(server(box), SENDER) as post:
        with pytest.raises(OSError, match="the disk is full"):
            post.hand_over(build(LETTER, envelope()), READER, broken)
        assert box.arrived == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("552 5.3.4 too large", Answer.REFUSED), ("554 5.7.1 looks like spam", Answer.REFUSED), ("452 4.3.1 disk full", Answer.LATER)],
)
def test_a_no_after_the_message_is_a_no(server: Callable[..., Server], answer: str, expected: Answer) -> None:
    with Mailbox(after_data=answer) as box:
        told = hand(server(box))
        assert told.answer is expected
        assert answer in told.words


def test_a_server_that_takes_the_message_and_hangs_up_leaves_it_uncertain(server: Callable[..., Server]) -> None:
    with Mailbox(hang_up=True) as box:
        told = hand(server(box))
        assert told.answer is Answer.UNCERTAIN
        assert "it may have arrived" in told.words
        assert len(box.arrived) == 1


def test_a_sender_who_is_not_taken_is_a_matter_of_the_config_not_of_the_reader(server: Callable[..., Server]) -> None:
    with Mailbox(refuse_sender="553 5.7.1 not your address") as box:
        told = hand(server(box))
        assert told.answer is Answer.LATER
        assert "does not take mail from uptake@example.org" in told.words


def test_what_keeps_a_connection_from_being_made_is_told_with_the_remedy(server: Callable[..., Server], tmp_path: Path) -> None:
    with Mailbox() as box:
        wrong = {
            "no password": (
                server(box, password="battery staple"),
                r"does not accept user 'uptake' with this password: 127.0.0.1 said 535",
            ),
            "strange authority": (
                server(box, ca_file=""),
                r"the certificate of 127.0.0.1:\d+ cannot be trusted \(.+\); name the right host",
            ),
            "no authority": (server(box, ca_file=str(tmp_path / "none.pem")), r"\[mail\] ca_file: cannot use .*none.pem: No such file"),
            "TLS where there is none": (server(box, security="tls"), r'does not speak TLS as expected .*try security = "starttls"'),
            "a password of other letters": (server(box, password="пароль"), "has a character that this login cannot carry"),
        }
        for to, said in wrong.values():
            with pytest.raises(Unreachable, match=said):
                hand(to)
        assert box.arrived == []
    with pytest.raises(Unreachable, match=r"nothing answers at 127.0.0.1:\d+"):
        hand(server(box))


def test_a_certificate_for_another_host_is_not_trusted(server: Callable[..., Server]) -> None:
    with Mailbox(certificate=authority().issue_cert("other.example.org")) as box, pytest.raises(Unreachable, match="cannot be trusted"):
        hand(server(box))


def test_a_certificate_of_another_authority_is_not_trusted(server: Callable[..., Server]) -> None:
    with Mailbox(certificate=trustme.CA().issue_cert("127.0.0.1")) as box, pytest.raises(Unreachable, match="cannot be trusted"):
        hand(server(box))


def test_a_server_without_starttls_never_gets_the_password(server: Callable[..., Server]) -> None:
    with Mailbox("none", login=False) as box:
        with pytest.raises(Unreachable, match='offers no STARTTLS; set security = "tls"'):
            hand(server(box, security="starttls", user=USER, password=PASSWORD))
        with pytest.raises(Unreachable, match="offers no login"):
            hand(server(box, user=USER, password=PASSWORD))
        assert hand(server(box)).answer is Answer.SENT


def test_a_server_that_says_nothing_is_waited_for_only_so_long(server: Callable[..., Server]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unreachable, match=r"timed out|did not answer within"):
        hand(Server("127.0.0.1", silent.getsockname()[1], "none", timeout=0.2))


def test_a_name_that_is_not_known_is_told() -> None:
    with pytest.raises(Unreachable, match=r"there is no mail server 'mail\.invalid': its name is not known here"):
        hand(Server("mail.invalid", 25))


def test_the_password_is_in_no_error_no_log_and_no_repr(server: Callable[..., Server], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = ["battery staple", base64.b64encode(b"\0uptake\0battery staple").decode(), base64.b64encode(b"battery staple").decode()]
    with Mailbox() as box:
        to = server(box, password="battery staple")
        with pytest.raises(Unreachable) as told:
            hand(to)
    chain = [told.value, told.value.__cause__, told.value.__context__ if not told.value.__suppress_context__ else None]
    said = " ".join([*map(repr, chain), repr(to), str(told.value), caplog.text])
    assert not any(secret in said for secret in secrets)


def test_an_address_with_other_letters_goes_by_utf8_mail(server: Callable[..., Server]) -> None:
    with Mailbox() as box:
        assert hand(server(box), "jörg@example.org").answer is Answer.SENT
        assert box.counts == {"jörg@example.org": 1}
