"""Sends what is due, and never twice: digests of the schedule's last period, alerts, by mail and webhook.

Blocking: a daemon calls `send_due` in a thread. What is to be sent is committed with its digests before the first byte
leaves; what comes of each sending is committed at once. A process that dies is followed by one that goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import cached_property

from sqlalchemy import Connection, func, select

from crawlers.locks import alone_on
from crawlers.settings import program_version
from scheduler import digests as making
from scheduler import letters
from scheduler.config import Config
from scheduler.config_mail import Mailing
from scheduler.digest_periods import Period, latest
from scheduler.letters import Issue
from scheduler.publishing import publish
from storage import digests, schema, sendings
from storage.digests import Kept
from storage.grips import FIRM, Grip
from storage.journal import Journal
from storage.lookups import head
from storage.model import UptakeError, UsageError
from storage.periods import HOUR, day
from storage.sendings import Sending, Standing
from trends.digest_html import Chart
from trends.digest_model import Digest
from trends.handing import Answer, Before, Told, Unreachable
from trends.mail import Envelope, Letter, build, message_id
from trends.mail_server import Post

LOCK = "digest"
MAIL, WEBHOOK = "mail", "webhook"
FIRST, LONGEST = 300, 6 * HOUR  # until another try; doubled at each
MOST_TRIES = 30  # for a recipient whom the server puts off: about six days, as mail servers do
logger = logging.getLogger(__name__)
_LATEST = 2**62


@dataclass(frozen=True, slots=True)
class Sent:
    """What a pass came to: what was made, every sending that it touched, and what stood in the way, in plain words."""

    period: str = ""
    made: tuple[Kept, ...] = ()
    sendings: tuple[Sending, ...] = ()
    troubles: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return not self.troubles and all(s.state is Standing.SENT for s in self.sendings)


@dataclass
class Sender:
    """One pass over what is due. Holds the lock on sending of its store."""

    journal: Journal
    settings: Config
    now: int
    environment: Mapping[str, str]
    grip: Grip = FIRM
    sequence: int | None = None  # the knowledge that digests are made from; None: all that there is
    troubles: list[str] = field(default_factory=list)
    touched: dict[int, Sending] = field(default_factory=dict)
    _drawn: dict[int, tuple[Chart, ...]] = field(default_factory=dict)  # by id of a digest: drawing takes seconds

    @cached_property
    def webhook(self) -> str:
        return self.settings.digest.webhook(self.environment)

    def plan_digests(self, period: Period, present: int) -> list[Kept]:
        """Make and keep the period's digests, and note who gets them, in one transaction. Gives those that are new."""
        baskets = self.settings.digest.baskets
        with self.journal.read() as connection:
            there = {b for b in baskets if digests.find(connection, digests.DIGEST, b, period.key) is not None}
            missing = [b for b in baskets if b not in there]
            made = []
            if missing:
                known = making.know(connection, self.settings, making.View(present, self._known(connection), before=_LATEST))
                made = [making.make(connection, self.settings, known, b, period.key, self._again(period.key, b)) for b in missing]
        with self.journal.write(now=self.now) as tx:
            new = making.store(tx, self.settings, made) if made else []
            kept = [digests.find(tx.connection, digests.DIGEST, b, period.key) for b in baskets]
            self._plan(tx, digests.DIGEST, period.key, [k for k in kept if k is not None], self.settings.digest.readers)
        return new

    def plan_alerts(self) -> list[Kept]:
        """The same for what cannot wait. An alert is remembered as a digest is, and so told once."""
        assert self.settings.alerts is not None
        period = day(self.now)
        alerts, told = self.settings.alerts, []
        with self.journal.read() as connection:
            known = making.know(connection, self.settings, making.View(self.now, self._known(connection), before=_LATEST))
        for basket in self.settings.digest.baskets:
            with self.journal.read() as connection:
                earlier = sum(k.period.startswith(period) for k in digests.listed(connection, basket=basket) if k.kind == digests.ALERT)
                key = f"{period}-{earlier + 1}" if earlier else period
                made = making.make_alert(connection, self.settings, known, basket, key, self._again(key, basket))
            if made is not None:
                readers = {basket: alerts.to or self.settings.digest.readers.get(basket, ())}
                with self.journal.write(now=self.now) as tx:
                    kept = making.store(tx, self.settings, [made], digests.ALERT)
                    self._plan(tx, digests.ALERT, f"{basket} {key}", kept, readers)
                told += kept
        return told

    def _known(self, connection: Connection) -> int:
        return head(connection) if self.sequence is None else self.sequence

    def _again(self, period: str, basket: str) -> str:
        return f"uptake digest --verify {period}" + (f" --basket {basket}" if len(self.settings.baskets) > 1 else "")

    def _plan(self, tx, kind: str, period: str, kept: Sequence[Kept], readers: Mapping[str, Sequence[str]]) -> None:  # type: ignore[no-untyped-def]
        by_reader: dict[str, list[int]] = {}
        for k in kept:
            for reader in readers.get(k.basket, ()):
                by_reader.setdefault(reader, []).append(k.id)
        mailing = self.settings.mail
        if mailing is not None:
            rows = {r: (ids, message_id(mailing.sender, kind, period, r)) for r, ids in by_reader.items()}
            sendings.plan(tx, kind, period, MAIL, rows, now=self.now)
        elif by_reader:
            self.troubles.append("there are readers, but no [mail] section that says through which server they are reached")
        if self.webhook and kept:
            row = {WEBHOOK: ([k.id for k in kept], message_id("uptake@webhook.invalid", kind, period, WEBHOOK))}
            sendings.plan(tx, kind, period, WEBHOOK, row, now=self.now)

    def hand_over(self, waiting: Sequence[Sending]) -> None:
        """Try all of these, those of a way that cannot be reached later."""
        mails, hooks = ([s for s in waiting if s.way == way] for way in (MAIL, WEBHOOK))
        if mails:
            self._trying(mails, self._mail)
        for hook in hooks:
            self._trying([hook], self._hook)

    def _trying(self, waiting: list[Sending], way: Callable[[list[Sending]], None]) -> None:
        """What has not left when a way breaks down is tried later; what may have left stays as it is noted."""
        try:
            way(waiting)
        except (Unreachable, UptakeError) as error:
            self.troubles.append(str(error))
            logger.warning("sending: %s", error)
            for sending in waiting:
                if sending.id not in self.touched:
                    self._put_off(sending, str(error), (Standing.PLANNED,))

    def _mail(self, waiting: list[Sending]) -> None:
        mailing = self.settings.mail
        if mailing is None:
            raise UsageError("mail is waiting to be sent, but there is no [mail] section any more")
        written: dict[tuple[int, ...], tuple[Issue, Letter]] = {}
        with Post(mailing.server(self.environment), mailing.sender) as post:
            for sending in waiting:
                if sending.digests not in written:  # not before a server is there: drawing takes seconds, and it may be away for a week
                    issue = self.issue(sending.digests)
                    written[sending.digests] = issue, letters.letter(issue, self.settings)
                    post.resume()
                message = self._message(sending, mailing, *written[sending.digests])
                self._note(sending, post.hand_over(message, sending.recipient, self._begin(sending)))

    def _message(self, sending: Sending, mailing: Mailing, issue: Issue, letter: Letter) -> EmailMessage:
        names = "-".join(d.basket for d in issue.digests), ", ".join(d.title for d in issue.digests)
        leave = mailing.unsubscribe, mailing.unsubscribe_url
        return build(letter, Envelope(mailing.sender, sending.recipient, sending.message_id, self.now, *names, *leave))

    def _hook(self, waiting: list[Sending]) -> None:
        from trends.webhook import post

        if not self.webhook:
            raise UsageError("a digest is waiting for the webhook, but its address is not set any more")
        for sending in waiting:
            content = letters.document(self.issue(sending.digests, charts=False), self.settings)
            self._note(sending, post(self.webhook, content, sending.message_id, self._begin(sending), version=program_version()))

    def issue(self, ids: Sequence[int], *, charts: bool = True) -> Issue:
        with self.journal.read() as connection:
            kept = [k for k in (digests.get(connection, i) for i in ids) if k is not None]
            for k in kept:
                if charts and k.id not in self._drawn:
                    self._drawn[k.id] = tuple(making.charts_of(connection, self.settings, k))
        shown = tuple(self._drawn[k.id] if charts else () for k in kept)
        return Issue(tuple(Digest.from_dict(k.document) for k in kept), shown, max(k.sequence for k in kept))

    def _begin(self, sending: Sending) -> Before:
        def begin() -> bool:
            with self.journal.write(now=self.now) as tx:
                self.grip.guard(tx.connection)
                return sendings.begin(tx, sending, now=self.now)

        return begin

    def _note(self, sending: Sending, told: Told) -> None:
        """Commit what came of one sending."""
        if told.answer is Answer.LATER and sending.attempts < MOST_TRIES:
            self._put_off(sending, told.words, (Standing.PLANNED, Standing.HANDING))
            return
        states = {Answer.SENT: Standing.SENT, Answer.UNCERTAIN: Standing.UNCERTAIN, Answer.REFUSED: Standing.REFUSED}
        with self.journal.write(now=self.now) as tx:
            if told.answer is not Answer.TAKEN:
                sendings.end(tx, sending, states.get(told.answer, Standing.REFUSED), now=self.now, reason=told.words)
            self._touch(sendings.get(tx.connection, sending.id))

    def _put_off(self, sending: Sending, words: str, states: Sequence[Standing]) -> None:
        wait = min(FIRST * 2 ** min(sending.attempts, 10), LONGEST)
        with self.journal.write(now=self.now) as tx:
            sendings.later(tx, sending, self.now + wait, states, now=self.now, reason=words)
            self._touch(sendings.get(tx.connection, sending.id))

    def _touch(self, sending: Sending) -> None:
        self.touched[sending.id] = sending
        logger.info("%s %s to %s: %s %s", sending.kind, sending.period, sending.recipient, sending.state, sending.reason)


def send_due(
    journal: Journal,
    settings: Config,
    *,
    now: int,
    environment: Mapping[str, str],
    by_hand: bool = False,
    alerts: bool = False,
    sequence: int | None = None,
) -> Sent:
    """Make what is due and hand over what is waiting. Safe to call at any time, and again.

    The schedule's last period is due if the journal was there by then; ``by_hand``, it is due in any case, and what was
    refused is tried again. ``alerts`` looks for what cannot wait, which takes as long as making a digest: after a
    collection, not each minute. Another process that is sending is left to it. ``sequence``: what was written later is not
    known to the digests, for who makes them while the journal is written on.
    """
    with alone_on(journal, LOCK) as grip:
        if grip is None:
            return Sent(troubles=("another process of Uptake is sending just now",))
        sender = Sender(journal, settings, now, environment, grip, sequence)
        with journal.write(now=now) as tx:
            grip.guard(tx.connection)
            died = sendings.bury(tx, now=now)
            sender.touched |= {s.id: sendings.get(tx.connection, s.id) for s in died}
        period = latest(settings.digest.schedule, settings.digest.timezone, now)
        if period is None and by_hand:
            raise UsageError(f"[digest] schedule: {settings.digest.schedule!r} had no time in the last two years")
        made: list[Kept] = []
        if period is not None and settings.digest.baskets:
            born = _born(journal)
            if by_hand or born <= period.time:
                made += sender.plan_digests(period, period.time if born <= period.time else now)
        if alerts and settings.alerts is not None:
            made += sender.plan_alerts()
        waiting = _waiting(journal, now, period.key if by_hand and period else None)
        sender.hand_over(waiting)
        files = publish(journal, settings, sender.issue, made, period)
        touched = tuple(sender.touched[i] for i in sorted(sender.touched))
        return Sent(period.key if period else "", tuple(made), touched, tuple(dict.fromkeys(sender.troubles)), files)


def _born(journal: Journal) -> int:
    """When anything was noted for the first time, in epoch seconds."""
    with journal.read() as connection:
        first = connection.scalar(select(func.min(schema.commits.c.recorded_at)))
    return _LATEST if first is None else int(first)


def _waiting(journal: Journal, now: int, period: str | None) -> list[Sending]:
    """What may be tried now; by hand (``period``) everything that is planned, and what was refused of that period."""
    if period is None:
        with journal.read() as connection:
            return sendings.listed(connection, due=now)
    with journal.write(now=now) as tx:
        for refused in sendings.listed(tx.connection, kind=digests.DIGEST, period=period, states=(Standing.REFUSED,)):
            sendings.again(tx, refused, now=now)
        return sendings.listed(tx.connection, states=(Standing.PLANNED,))
