"""One mail to the operator when a trouble begins, through the server of ``[mail]``."""

from __future__ import annotations

import html
import socket
from collections.abc import Mapping, Sequence

from scheduler.config import Config
from scheduler.troubles import Trouble
from storage.model import UptakeError
from storage.periods import iso
from trends.handing import Answer, Unreachable
from trends.mail import Envelope, Letter, build, message_id
from trends.mail_server import Post


def letter(troubles: Sequence[Trouble], now: int, host: str) -> Letter:
    """What began to be wrong, in plain words; the grave ones first."""
    ordered = sorted(troubles, key=lambda t: not t.grave)
    first = ordered[0].text.partition(":")[0]
    more = f" and {len(ordered) - 1} more" if len(ordered) > 1 else ""
    head = f"Uptake on {host} has a trouble since {iso(now)}:"
    foot = "This is told once, when it begins. How it stands: `uptake status`, or /healthz. Nothing that was measured is lost."
    text = "\n".join([head, "", *(f"- {t.text}" for t in ordered), "", foot, ""])
    items = "".join(f"<li>{html.escape(t.text)}</li>" for t in ordered)
    page = f'<!doctype html><html lang="en"><body><p>{html.escape(head)}</p><ul>{items}</ul><p>{html.escape(foot)}</p></body></html>'
    return Letter(f"Uptake: {first}{more}", text, page)


def tell(settings: Config, troubles: Sequence[Trouble], environment: Mapping[str, str], now: int) -> None:
    """Send it to each address of ``[daemon] tell``; blocking. Raises `UptakeError` if it could not be handed over."""
    mailing = settings.mail
    if mailing is None or not settings.daemon.tell or not troubles:
        return
    content = letter(troubles, now, socket.gethostname())
    key = f"{now} {' '.join(t.key for t in troubles)}"
    refused = []
    try:
        with Post(mailing.server(environment), mailing.sender) as post:
            for address in settings.daemon.tell:
                envelope = Envelope(mailing.sender, address, message_id(mailing.sender, "trouble", key, address), now)
                told = post.hand_over(build(content, envelope), address, lambda: True)
                if told.answer is not Answer.SENT:
                    refused.append(f"{address}: {told.words}")
    except Unreachable as error:
        raise UptakeError(str(error)) from error
    if refused:
        raise UptakeError("; ".join(refused))


__all__ = ["letter", "tell"]
