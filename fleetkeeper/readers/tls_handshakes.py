"""Parsing of the output of `openssl s_client` about one handshake. Written for OpenSSL 1.0 to 3 and LibreSSL."""

from __future__ import annotations

import re
from typing import Literal

from fleetkeeper.readers.lines import split_lines
from fleetkeeper.transport.commands import Output, Unobservable

PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----")
CIPHER = re.compile(r"Cipher is (?!\(NONE\))(\S+)")
SESSION = re.compile(r"^ *Protocol *: *(\S+)", re.MULTILINE)
NEW = re.compile(r"^New, ([A-Za-z0-9./]+), Cipher is", re.MULTILINE)
NAMES = {"TLSv1": "TLS 1.0", "TLSv1.0": "TLS 1.0", "TLSv1.1": "TLS 1.1", "SSLv3": "SSL 3"}
TIME_UP = frozenset({124, 137, 143})
NO_TOOL = "there is no `openssl` to make a handshake with, neither on the node nor in the container"
PLAIN = ("wrong version number", "packet length too long", "unknown protocol", "http request", "record layer failure")
ENDED = ("unexpected eof", "write:errno=", "read:errno=", "ssl handshake failure", "connection reset")
CLIENT = ("unknown option", "no protocols available", "no ciphers available", "usage:", "unrecognized flag")


def sent_chain(text: str) -> tuple[str, ...]:
    """The certificates (PEM) that the server sent, leaf first: between `Certificate chain` and `Server certificate`.

    () when there are none.
    """
    _, began, rest = text.partition("Certificate chain")
    sent, ended, _ = rest.partition("Server certificate")
    return tuple(pem(match) for match in PEM.findall(sent)) if began and ended else ()


def pem_certificates(text: str) -> tuple[str, ...]:
    """All certificates in a text, as PEM, in their order; () without any."""
    return tuple(pem(match) for match in PEM.findall(text))


def pem(match: str) -> str:
    """A PEM certificate without blanks around its lines."""
    return "\n".join(line.strip() for line in split_lines(match) if line.strip()) + "\n"


def handshake(answer: Output) -> tuple[tuple[str, ...], str]:
    """The certificates (PEM, leaf first) and the protocol of a handshake; () and "" when the server made none.

    Raises Unobservable when that is not known: no openssl, no answer of the command, or the time limit was reached.
    """
    text = printed(answer)
    sent = sent_chain(text)
    if not sent and answer.rc in TIME_UP:
        raise Unobservable("the port took the connection and said nothing within 10 s")
    return sent, protocol(text) if sent else ""


def protocol(text: str) -> str:
    """The protocol of a handshake as openssl names it; "" when it is not printed.

    The line `New, …` has that of the cipher, so the session's own line is preferred.

    >>> protocol("New, TLSv1.0, Cipher is ECDHE-RSA-AES256-SHA\\nSSL-Session:\\n    Protocol  : TLSv1.1\\n")
    'TLSv1.1'
    """
    made = SESSION.search(text) or NEW.search(text)
    return made[1] if made else ""


def printed(answer: Output) -> str:
    """Standard output, whatever the exit status.

    Raises Unobservable when the command was lost, or there is no openssl.
    """
    if answer.rc == NO_OPENSSL:
        raise Unobservable(NO_TOOL, hint="install openssl on the node")
    return answer.text(range(256))


def refusal_kind(text: str) -> Refused:
    """Why there was no handshake. Raises Unobservable when openssl's message is not a known one.

    "closed": nothing listens; "alert": TLS refused it; "not TLS"; "refused": it ended without a word.

    >>> refusal_kind("connect:errno=111\\n"), refusal_kind("... ssl3_get_record:wrong version number:...")
    ('closed', 'not TLS')
    >>> refusal_kind("...:SSL routines:ssl3_read_bytes:tlsv1 unrecognized name:...:SSL alert number 112")
    'alert'
    """
    low = text.lower()
    if "connection refused" in low or "connect:errno=111" in low:
        return "closed"
    if "alert number" in low:
        return "alert"
    if any(sign in low for sign in PLAIN):
        return "not TLS"
    if any(sign in low for sign in ENDED) or "no peer certificate available" in low:
        return "refused"
    raise Unobservable(f"openssl could not make a handshake: {last_text_line(text) or 'it said nothing'}")


def openssl_error(text: str) -> str:
    """The text of the first error that openssl printed, without addresses and source files; else its last line.

    >>> printed = "4007:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../ssl/record.c:350:"
    >>> openssl_error(printed + "\\nCONNECTED")
    'wrong version number'
    """
    for line in split_lines(text):
        parts = line.split(":")
        if ":error:" in line and len(parts) > 5:
            return parts[5].strip()[:100]
    return last_text_line(text)


def last_text_line(text: str) -> str:
    """The last line with other characters than blanks and dashes, at most 200 characters; "" when there is none."""
    lines = [line for line in split_lines(text) if line.strip(" -")]
    return lines[-1][:200] if lines else ""


def old_protocols(answer: Output) -> tuple[str, ...]:
    """The protocol below TLS 1.2 with which a handshake succeeded, as the only item; () when none did.

    As people write it ("TLS 1.0", "SSL 3"), else openssl's own word. The server may support further old ones.

    Raises Unobservable when the node's openssl does not support those protocols itself, and at the time limit.
    """
    text = printed(answer)
    if CIPHER.search(text):
        named = protocol(text) or "an old protocol"
        return (NAMES.get(named, named),)
    if any(sign in text.lower() for sign in CLIENT):
        raise Unobservable("the node's openssl does not speak the old protocols, so it cannot try them")
    if answer.rc in TIME_UP:
        raise Unobservable("no answer to a handshake with an old protocol within 10 s")
    return ()


def max_age(answer: Output) -> int | None:
    """The max-age of Strict-Transport-Security (RFC 6797, 6.1), in seconds; None without that header or number.

    The first such header counts. Raises Unobservable when the answer is not HTTP. Raises Unobservable too where
    `printed` does.

    >>> max_age(Output(0, b"HTTP/1.1 200 OK\\r\\nStrict-Transport-Security: max-age=31536000; preload\\r\\n\\r\\nx"))
    31536000
    """
    head = printed(answer).replace("\r\n", "\n").partition("\n\n")[0]
    if not head.startswith("HTTP/"):
        raise Unobservable("the server did not answer an HTTPS request")
    fields = (line.partition(":") for line in head.split("\n")[1:])
    values = [value for name, _, value in fields if name.strip().lower() == "strict-transport-security"]
    ages = re.findall(r'max-age\s*=\s*"?([0-9]{1,12})', values[0], re.IGNORECASE) if values else []
    return int(ages[0]) if ages else None


def status(answer: Output) -> int:
    """The HTTP status of a request for a challenge; 0 when there is no answer.

    Raises Unobservable when the node has no program for the request, or it printed no status.
    """
    if answer.rc == NO_OPENSSL:
        raise Unobservable("the node has neither curl nor bash nor nc to make an HTTP request with")
    text = answer.text().strip()
    if not re.fullmatch(r"[0-9]{3}", text):
        raise Unobservable(f"the HTTP request gave no status: {text[:60] or 'nothing'}")
    return int(text)


Refused = Literal["", "not TLS", "closed", "refused", "alert", "unresolved", "unreachable"]

NO_OPENSSL = 69
