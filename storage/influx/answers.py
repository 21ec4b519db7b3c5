"""What a server's refusal means, in plain words with the remedy, and what is to be done about it. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum, auto

from storage.influx.address import Address


class Remedy(Enum):
    """What helps."""

    WAIT = auto()  # the server is away or busy: the same again later
    SHRINK = auto()  # less at once
    SPLIT = auto()  # some point of the batch is refused: find it
    CONFIGURE = auto()  # a person must change something; looked at again later
    GO_ON = auto()  # the server took what it keeps, and never will take the rest


@dataclass(frozen=True, slots=True)
class Trouble:
    """``retry_after`` are seconds that the server asks for; ``dropped`` is how many points of the batch it left out, where it says so."""

    remedy: Remedy
    words: str
    retry_after: float | None = None
    dropped: int | None = None
    denied: bool = False  # the token is not known, or may not do it
    at_once: bool = False  # smaller pieces can be tried without waiting


class Refused(Exception):  # noqa: N818  # an answer, not an error of the program
    """A request that did not end with a yes."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.words)
        self.trouble = trouble


_DROPPED = re.compile(r"dropped=(\d+)")
_CONFLICT = re.compile(
    r'field \\?"(?P<field>[^"\\]+)\\?" on measurement \\?"(?P<measurement>[^"\\]+)\\?" is type \w+, already exists as type (?P<type>\w+)'
)


def of_status(address: Address, status: int, body: str, headers: dict[str, str], now: float) -> Trouble:
    """The trouble of an answer other than 2xx. ``headers`` has names in small letters."""
    said = message(body)
    told = said.lower()
    where = f"InfluxDB at {address.url}"
    asked = retry_after(headers.get("retry-after", ""), now)
    match status:
        case 401:
            words = f"{where} does not accept the token; set UPTAKE_INFLUXDB_TOKEN, or token_file under [influxdb], to one that may write"
            return Trouble(Remedy.CONFIGURE, f"{words} to the bucket {address.bucket!r}", denied=True)
        case 403:
            words = f"the token may not use the bucket {address.bucket!r} of {where}; give it the right to write"
            return Trouble(Remedy.CONFIGURE, words, denied=True)
        case 404 if "org" in told and "not found" in told:
            return Trouble(Remedy.CONFIGURE, f"{where} has no organisation {address.org!r}; correct org under [influxdb]")
        case 404 if "not found" in told and ("bucket" in told or "database" in told):
            words = f"{where} has no bucket {address.bucket!r}; `uptake influx setup` makes it, or correct bucket under [influxdb]"
            return Trouble(Remedy.CONFIGURE, words)
        case 413:
            return Trouble(Remedy.SHRINK, f"{where} takes no requests of this size (HTTP 413)", at_once=True)
        case 429:
            return Trouble(Remedy.WAIT, f"{where} asks to slow down (HTTP 429)", asked)
        case 400 | 422:
            return _points(address, said)
        case _ if "no space left" in told or "disk full" in told or "disk quota" in told:
            return Trouble(Remedy.WAIT, f"the disk of {where} is full", asked)
        case _ if status >= 500 or status == 408:
            return Trouble(Remedy.WAIT, f"{where} is not well (HTTP {status}{': ' + said if said else ''})", asked)
    words = f"what answers at {address.url} is no InfluxDB that takes lines (HTTP {status}); correct url under [influxdb]"
    return Trouble(Remedy.CONFIGURE, words)


def _points(address: Address, said: str) -> Trouble:
    found = _DROPPED.search(said)
    dropped = int(found[1]) if found else None
    if "retention policy" in said or "retention period" in said:
        words = f"the bucket {address.bucket!r} does not keep figures that old; `uptake influx setup` lets it keep all"
        words += ", then: uptake influx resend --all"
        return Trouble(Remedy.GO_ON, words, dropped=dropped)
    if conflict := _CONFLICT.search(said):
        words = (
            f"the field {conflict['field']!r} of {conflict['measurement']!r} holds values of the type {conflict['type']} in the bucket"
            f" {address.bucket!r}, and figures are written as float: another program writes there, or did; give Uptake a bucket of its own"
        )
        return Trouble(Remedy.SPLIT, words, dropped=dropped)
    return Trouble(Remedy.SPLIT, f"InfluxDB at {address.url} refuses it: {said or 'without a reason'}", dropped=dropped)


def of_failure(address: Address, error: BaseException) -> Trouble:
    """The trouble of a request that had no answer: the error that urllib3 or the client raised."""
    text = f"{type(error).__name__}: {error}"
    where = f"InfluxDB at {address.url}"
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return Trouble(Remedy.CONFIGURE, _certificate(address, text))
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
        return Trouble(Remedy.CONFIGURE, f"{where} speaks no TLS; write url with http:// under [influxdb]")
    if "SSL" in text:
        return Trouble(Remedy.WAIT, f"the encrypted connection to {where} failed ({_short(text)})")
    if "NameResolution" in text or "getaddrinfo" in text:
        return Trouble(Remedy.WAIT, f"the host of {where} is not known to this machine's name service; check url under [influxdb]")
    if "refused" in text:
        return Trouble(Remedy.WAIT, f"{where} cannot be reached: nothing listens there")
    if "timed out" in text or "Timeout" in text or "timeout" in text:
        return Trouble(Remedy.SHRINK, f"{where} did not answer within {address.timeout:g} s")
    return Trouble(Remedy.WAIT, f"the connection to {where} broke ({_short(text)})")


def _certificate(address: Address, text: str) -> str:
    if "mismatch" in text.lower() or "doesn't match" in text:
        return f"the certificate of {address.url} is for another host; correct url under [influxdb]"
    if "expired" in text:
        return f"the certificate of {address.url} has expired; its operator must renew it"
    return (
        f"the certificate of {address.url} is signed by an authority that this machine does not know;"
        " name the authority's certificate with ca_file under [influxdb]"
    )


def _short(text: str) -> str:
    return " ".join(text.split())[:160]


def message(body: str) -> str:
    """What a server says in an error's body: of JSON its ``message`` or ``error``, else its first line."""
    try:
        found = json.loads(body)
    except ValueError:
        return (body.strip().splitlines() or [""])[0][:300]
    if isinstance(found, dict):
        return str(found.get("message") or found.get("error") or "")[:600]
    return str(found)[:300]


def retry_after(text: str, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, in either of its forms; None without one that can be read."""
    text = text.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now) if text else None
    except ValueError:
        return None
