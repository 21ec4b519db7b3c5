"""A real SMTP server (aiosmtpd) in a thread: STARTTLS or TLS with a certificate of its own authority, and a login."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "uptake", "correct horse"


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@dataclass
class Mailbox:
    """What arrived is in ``arrived`` as (recipient, message). What the server answers can be set while it runs."""

    security: str = "starttls"
    login: bool = True
    refuse: set[str] = field(default_factory=set)  # recipients that it does not know
    grey: set[str] = field(default_factory=set)  # recipients whom it puts off once
    refuse_sender: str = ""  # an answer to MAIL
    after_data: str = ""  # an answer instead of the yes
    hang_up: bool = False  # take the message and say nothing
    certificate: trustme.LeafCert | None = None
    arrived: list[tuple[str, EmailMessage]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    sessions: int = 0
    protocols: list[SMTP] = field(default_factory=list)

    def __enter__(self) -> Mailbox:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        context = None
        if self.security != "none":
            import ssl

            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            (self.certificate or authority().issue_cert("localhost", "127.0.0.1")).configure_cert(context)
        tls = context if self.security == "tls" else None
        start = self._loop.create_server(lambda: self._protocol(context), "127.0.0.1", 0, ssl=tls)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        async def stop() -> None:
            self._server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _protocol(self, context: Any) -> SMTP:
        starttls = self.security == "starttls"
        protocol = SMTP(
            self,
            hostname="mail.example.org",
            enable_SMTPUTF8=True,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_require_tls=starttls,
            auth_exclude_mechanism=() if self.login else ("LOGIN", "PLAIN"),
            authenticator=self._authenticate,
            loop=self._loop,
        )
        protocol._auth_required = self.login  # its own option knows only TLS that begins with STARTTLS
        self.protocols.append(protocol)
        return protocol

    def drop(self) -> None:
        """Hang up on everybody, as a server does that has waited too long."""

        async def hang_up() -> None:
            for protocol in self.protocols:
                if isinstance(protocol.transport, asyncio.WriteTransport):
                    protocol.transport.abort()

        asyncio.run_coroutine_threadsafe(hang_up(), self._loop).result(10)

    def _authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    async def handle_EHLO(self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]) -> list[str]:  # noqa: N802
        self.sessions += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if self.refuse_sender:
            return self.refuse_sender
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        if address in self.refuse:
            return "550 5.1.1 there is no such mailbox"
        if address in self.grey:
            self.grey.discard(address)
            return "451 4.7.1 greylisted, come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.after_data:
            answer, self.after_data = self.after_data, ""
            return answer
        assert isinstance(envelope.content, bytes)
        self.raw.append(envelope.content)
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.arrived += [(recipient, message) for recipient in envelope.rcpt_tos]
        if self.hang_up and server.transport is not None:
            server.transport.abort()
        return "250 2.0.0 queued"

    # What came of it

    @property
    def counts(self) -> Counter[str]:
        """How many messages each recipient has."""
        return Counter(recipient for recipient, _ in self.arrived)

    def section(self, folder: Path, **keys: object) -> str:
        """A ``[mail]`` section that leads here; the authority and the password are written beside it."""
        authority().cert_pem.write_to_path(folder / "authority.pem")
        (folder / "mail.password").write_text(f"{PASSWORD}\n", encoding="utf-8")
        values: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.port,
            "security": self.security,
            "from": "Uptake <uptake@example.org>",
        }
        values |= {"ca_file": "authority.pem", "timeout": 5.0}
        values |= {"user": USER, "password_file": "mail.password"} if self.login else {}
        lines = (f"{k} = {_toml(v)}" for k, v in {**values, **keys}.items() if v is not None)
        return "[mail]\n" + "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
