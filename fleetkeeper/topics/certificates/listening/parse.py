"""Facts from /proc/net/tcp, from the owners of sockets, and from handshakes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers import tls_handshakes
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.topics.certificates.listening.facts import Speech
from fleetkeeper.transport.commands import Output, Unobservable

LISTENER = re.compile(r" *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) 0+:0000 0A (?:\S+ +){5}(\d+)(?: .*)?", re.ASCII)
LOOPBACK = (re.compile("[0-9A-F]{6}7F"), re.compile("0{24}01000000"), re.compile("0{16}FFFF0000[0-9A-F]{6}7F"))
CONTAINER_ID = re.compile(r"=([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True)
class ListeningSocket:
    """One TCP socket that listens on an address which other machines may reach; `address` is empty for all."""

    port: int
    inode: int
    address: str = ""


def parse_listeners(output: Output) -> Iterator[ListeningSocket]:
    """The sockets that listen, from lines of /proc/net/tcp and tcp6 (proc(5)); not those on a loopback address.

    >>> line = b"  1: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 f 100"
    >>> list(parse_listeners(Output(0, line)))
    [ListeningSocket(port=443, inode=77, address='')]

    Raises Unobservable when neither file could be read.
    """
    for line in split_lines(output.text({0, 1, 2} if output.out else {0, 1})):
        match = LISTENER.fullmatch(line)
        if match and not any(address.fullmatch(match[1]) for address in LOOPBACK):
            yield ListeningSocket(int(match[2], 16), int(match[3]), address_in(match[1]))


def address_in(written: str) -> str:
    """An address of /proc/net/tcp, as s_client takes it; empty for every address of the node.

    The kernel prints words of four bytes in the order of the machine, little-endian ones here.

    >>> address_in("0100A8C0"), address_in("00000000"), address_in("B80D0120000000000000000001000000")
    ('192.168.0.1', '', '[2001:db8::1]')
    """
    packed = b"".join(bytes.fromhex(written[start : start + 8])[::-1] for start in range(0, len(written), 8))
    address = ipaddress.ip_address(packed)
    if address.is_unspecified:
        return ""
    return str(address) if address.version == 4 else f"[{address}]"


def parse_owners(output: Output) -> dict[int, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The programs that hold each socket and the containers they run in, by its inode.

    Lines that make no sense, and sockets without a program, are left out. Raises Unobservable when the command failed.
    Each value is (programs, ids of containers).

    >>> parse_owners(Output(0, b"77 nginx\\n77 nginx\\n77 =" + b"a" * 64 + b"\\n"))[77][0]
    ('nginx',)
    """
    programs: dict[int, list[str]] = {}
    containers: dict[int, list[str]] = {}
    for line in split_lines(output.text()):
        inode, _, word = line.partition(" ")
        if inode.isascii() and inode.isdigit() and word:
            match = CONTAINER_ID.fullmatch(word)
            (containers if match else programs).setdefault(int(inode), []).append(match[1] if match else word)
    return {
        inode: (tuple(dict.fromkeys(names)), tuple(dict.fromkeys(containers.get(inode, ()))))
        for inode, names in programs.items()
    }


def parse_speech(output: Output) -> Speech | Unobservable:
    """What a TLS client met, from the output of one handshake; Unobservable where it could not try."""
    if output.rc in tls_handshakes.TIME_UP:
        return "silent"
    return or_why(lambda: speech_in(tls_handshakes.printed(output)))


def speech_in(text: str) -> Speech:
    """What the text of one handshake shows: "TLS" for a certificate or an alert, "closed", and "plain" for all else.

    Raises Unobservable when openssl's message is not a known one.
    """
    if tls_handshakes.sent_chain(text):
        return "TLS"
    kind = tls_handshakes.refusal_kind(text)
    return "TLS" if kind == "alert" else "closed" if kind == "closed" else "plain"
