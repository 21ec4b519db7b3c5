"""Speaking SMTP with one server, step by step, so that for every message it is known whether it can have left.

Up to the server's "go ahead" (354) nothing has left and everything may be tried again. From the first byte of the
message to the server's answer it is uncertain; the caller commits that before, in ``before``.
"""

from __future__ import annotations

import base64
import logging
import re
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from types import TracebackType

from trends.handing import Answer, Before, Told, Unreachable
from trends.mail import bare

STARTTLS, TLS, NONE = "starttls", "tls", "none"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in. The password is never shown: not in errors, not in logs, not in `repr`."""

    host: str
    port: int
    security: str = STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""  # the authority of a server of one's own
    timeout: float = 60.0  # seconds for each step

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


class Post:
    """One connection. Entering it raises `Unreachable`; several messages may go through it."""

    def __init__(self, server: Server, sender: str) -> None:
        self._server = server
        self._sender = bare(sender)
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Post:
        try:
            self._smtp = self._connected()
        except _TROUBLE as error:
            raise Unreachable(self._words(error)) from None  # the cause may hold what was sent, the password included
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except _TROUBLE:
                self._smtp.close()

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        name = socket.gethostname()
        me = name if "." in name else self._sender.rpartition("@")[2]  # the full name's look-up can take a minute
        context = _context(server) if server.security != NONE else None
        smtp: smtplib.SMTP
        if server.security == TLS:
            smtp = smtplib.SMTP_SSL(server.host, server.port, me, timeout=server.timeout, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, me, timeout=server.timeout)
        try:
            if server.security == STARTTLS:
                smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
            if server.user:
                smtp.login(server.user, server.password)
        except BaseException:
            smtp.close()
            raise
        logger.info("connected to %s (%s%s)", server.name, server.security, ", logged in" if server.user else "")
        return smtp

    def resume(self) -> None:
        """After a pause, in which the server may have hung up: connect once more if it has. Raises `Unreachable`."""
        assert self._smtp is not None, "use it as a context manager"
        with suppress(*_TROUBLE):
            if self._smtp.noop()[0] == 250:
                return
        self._smtp.close()
        self.__enter__()

    def hand_over(self, message: EmailMessage, recipient: str, before: Before) -> Told:
        """Give one message for one recipient to the server. Raises `Unreachable` if the connection broke before it left."""
        smtp = self._smtp
        assert smtp is not None, "use it as a context manager"
        to = bare(recipient)
        utf8 = not (to + self._sender).isascii()
        if utf8 and not smtp.has_extn("smtputf8"):
            return Told(Answer.REFUSED, f"{self._server.name} cannot carry an address with such letters before the @")
        content = _ended(message.as_bytes(policy=SMTPUTF8 if utf8 else SMTP))
        try:
            refused = self._prepare(smtp, to, content, utf8)
            if refused is not None:
                return refused
        except _TROUBLE as error:
            raise Unreachable(self._words(error)) from None
        ready = False
        try:
            ready = before()
        finally:
            if not ready:
                smtp.close()  # the server waits for a message: hanging up is the only way not to give it one
        if not ready:
            return Told(Answer.TAKEN, "another process is sending it")
        try:
            code, answer = self._leave(smtp, content)
        except _TROUBLE as error:
            return Told(Answer.UNCERTAIN, f"{self._server.name} got the message and did not answer ({_reason(error)}); it may have arrived")
        if code // 100 == 2:
            return Told(Answer.SENT, self._said(code, answer))
        return Told(_later_or_never(code), self._said(code, answer))

    def _leave(self, smtp: smtplib.SMTP, content: bytes) -> tuple[int, bytes]:
        smtp.send(content)
        return smtp.getreply()

    def _prepare(self, smtp: smtplib.SMTP, to: str, content: bytes, utf8: bool) -> Told | None:
        """Everything before the message itself; None: the server waits for it."""
        options = [*([f"size={len(content)}"] if smtp.has_extn("size") else []), *(["SMTPUTF8"] if utf8 else [])]
        code, answer = smtp.mail(self._sender, options)
        if code == 552:
            return self._no(smtp, Answer.REFUSED, code, answer, "the message is too large for it")
        if code // 100 != 2:  # of the sender, not of the recipient: mended in the config, then tried again
            return self._no(smtp, Answer.LATER, code, answer, f"it does not take mail from {self._sender}")
        code, answer = smtp.rcpt(to)
        if code // 100 != 2:
            return self._no(smtp, _later_or_never(code), code, answer, "")
        code, answer = smtp.docmd("DATA")
        if code != 354:
            return self._no(smtp, _later_or_never(code), code, answer, "")
        return None

    def _no(self, smtp: smtplib.SMTP, kind: Answer, code: int, answer: bytes, why: str) -> Told:
        if code == 421:
            raise smtplib.SMTPServerDisconnected(self._said(code, answer))
        smtp.rset()
        return Told(kind, f"{why}: {self._said(code, answer)}" if why else self._said(code, answer))

    def _said(self, code: int, answer: bytes | str) -> str:
        text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        return self._without_secrets(f"{self._server.host} said {code} {' '.join(text.split())}"[:300].rstrip())

    def _without_secrets(self, text: str) -> str:
        """A server may repeat what it was sent."""
        server = self._server
        if server.password:
            plain = f"\0{server.user}\0{server.password}"
            for secret in (server.password, *(base64.b64encode(s.encode()).decode() for s in (plain, server.password))):
                text = text.replace(secret, "…")
        return text

    def _words(self, error: BaseException) -> str:
        server, place = self._server, self._server.name
        match error:
            case ssl.SSLCertVerificationError():
                remedy = "name the right host, or with ca_file the authority that signed it"
                return f"the certificate of {place} cannot be trusted ({error.verify_message}); {remedy} under [mail]"
            case ssl.SSLError():
                return f'{place} does not speak TLS as expected ({_reason(error)}); try security = "starttls" or "tls" under [mail]'
            case smtplib.SMTPAuthenticationError():
                said = self._said(error.smtp_code, error.smtp_error)
                return f"{place} does not accept user {server.user!r} with this password: {said}"
            case smtplib.SMTPNotSupportedError() if server.security == STARTTLS and "STARTTLS" in str(error):
                return f'{place} offers no STARTTLS; set security = "tls" under [mail] if its port speaks TLS from the start'
            case smtplib.SMTPNotSupportedError() | smtplib.SMTPException(args=("No suitable authentication method found.",)):
                return f"{place} offers no login; leave user out under [mail], or name another port"
            case smtplib.SMTPResponseException():
                return f"{place} is not ready: {self._said(error.smtp_code, error.smtp_error)}"
            case UnicodeError():
                return "user or password has a character that this login cannot carry"
            case socket.gaierror():
                return f"there is no mail server {server.host!r}: its name is not known here"
            case ConnectionRefusedError():
                return f"nothing answers at {place}: the connection was refused"
            case TimeoutError():
                return f"{place} did not answer within {server.timeout:g} s"
            case _:
                return self._without_secrets(f"the connection to {place} broke: {_reason(error)}")


# What can go wrong between two programs: the network, TLS, the protocol, letters that it has no way to carry.
_TROUBLE = (OSError, smtplib.SMTPException, UnicodeError)


def _context(server: Server) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=server.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(f"[mail] ca_file: cannot use {server.ca_file}: {_reason(error)}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _later_or_never(code: int) -> Answer:
    return Answer.REFUSED if code // 100 == 5 else Answer.LATER


def _reason(error: BaseException) -> str:
    return " ".join(str(getattr(error, "strerror", None) or getattr(error, "reason", None) or error or type(error).__name__).split())[:200]


def _ended(content: bytes) -> bytes:
    """Lines that begin with a dot get another (RFC 5321, 4.5.2), and the end is marked."""
    lines = re.sub(rb"(?m)^\.", b"..", re.sub(rb"\r\n|\r|\n", b"\r\n", content))
    return lines + (b"" if lines.endswith(b"\r\n") else b"\r\n") + b".\r\n"
