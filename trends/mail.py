"""A mail message: plain text, HTML, pictures by content id, and the headers that mailing lists owe their readers."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses

from storage.model import UsageError
from storage.periods import moment
from trends import wording

MOST_HTML = 100_000  # bytes; Gmail cuts a message's HTML off at 102 KB
_SUBJECT = 150  # characters


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG that the HTML shows as ``cid:NAME``; ``alt`` says what is seen in it."""

    name: str
    png: bytes
    alt: str
    width: int  # CSS pixels


@dataclass(frozen=True, slots=True)
class Letter:
    """What is said, whoever it goes to."""

    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """To whom, from whom, under which id. ``date`` is epoch seconds; the list is what readers filter and leave by."""

    sender: str
    recipient: str
    message_id: str
    date: int
    list_key: str = ""
    list_title: str = ""
    unsubscribe: str = ""  # a mailto: address; without one the sender's
    unsubscribe_url: str = ""  # https, answers RFC 8058's one click


def message_id(sender: str, kind: str, period: str, recipient: str) -> str:
    """The same for the same period and recipient, so that a mail server can drop a second copy too."""
    digest = hashlib.sha256("\0".join([kind, period, recipient.casefold(), bare(sender).casefold()]).encode()).hexdigest()
    return f"<{kind}.{digest[:32]}@{address(sender).domain}>"


def build(letter: Letter, envelope: Envelope) -> EmailMessage:
    """The message. Raises `UsageError` for an address that is none, or HTML that mail programs would cut off."""
    size = len(letter.html.encode())
    if size > MOST_HTML:
        raise UsageError(f"the digest is {size:,} bytes of HTML; mail programs cut it off at {MOST_HTML:,}: name fewer baskets")
    message = EmailMessage(policy=SMTP)
    message["Subject"] = wording.one_line(letter.subject, _SUBJECT)
    message["From"] = address(envelope.sender)
    message["To"] = address(envelope.recipient)
    message["Date"] = format_datetime(moment(envelope.date))
    message["Message-ID"] = envelope.message_id
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = "en"
    _list_headers(message, envelope)
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    html = list(message.iter_parts())[1]
    assert isinstance(html, EmailMessage)
    for picture in letter.pictures:
        html.add_related(picture.png, "image", "png", cid=f"<{picture.name}>", disposition="inline", filename=f"{picture.name}.png")
    return message


def _list_headers(message: EmailMessage, envelope: Envelope) -> None:
    sender = address(envelope.sender)
    if envelope.list_key:
        key = re.sub(r"[^a-z0-9-]+", "-", envelope.list_key.lower()).strip("-") or "digest"
        title = wording.one_line(envelope.list_title, 60)
        # A phrase of plain letters: an encoded word breaks the filters of some mail programs.
        phrase = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().replace('"', "").replace("\\", "").strip()
        message["List-Id"] = f'"{phrase}" <{key}.uptake.{sender.domain}>' if phrase else f"<{key}.uptake.{sender.domain}>"
    mailto = envelope.unsubscribe or f"mailto:{sender.addr_spec}?subject=unsubscribe"
    ways = [f"<{mailto}>", *([f"<{envelope.unsubscribe_url}>"] if envelope.unsubscribe_url else [])]
    message["List-Unsubscribe"] = ", ".join(ways)
    if envelope.unsubscribe_url.startswith("https://"):
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def address(text: str) -> Address:
    """``Name <local@domain>`` or ``local@domain``. Raises `UsageError`."""
    wrong = UsageError(f"{text!r} is not a mail address; write one like team@example.org")
    found = getaddresses([text])
    if len(found) != 1 or any(unicodedata.category(c) == "Cc" for c in text):
        raise wrong
    local, _, domain = found[0][1].rpartition("@")
    if not local or not re.fullmatch(r"[^\s@<>,;]+", domain) or re.search(r"[\s@<>,;]", local):
        raise wrong
    try:
        ascii_domain = domain.encode("idna").decode()
        if local.isascii():
            return Address(found[0][0], addr_spec=f"{local}@{ascii_domain}")
        return Address(found[0][0], local, ascii_domain)  # the parser of the standard library knows no such letters
    except (ValueError, IndexError, MessageError) as error:
        raise wrong from error


def bare(text: str) -> str:
    """An address without its name, as the server wants it."""
    return address(text).addr_spec


def distinct(addresses: Sequence[str]) -> list[str]:
    """Bare addresses, each once, whatever its case."""
    return list({bare(a).casefold(): bare(a) for a in reversed(addresses)}.values())[::-1]
