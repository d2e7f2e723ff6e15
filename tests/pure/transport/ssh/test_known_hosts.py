"""The index of known_hosts files: the lines that a scan would find, in the order of the file, without the scan."""

from __future__ import annotations

import base64
import hmac

from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.transport.ssh.known_hosts import KnownHost, KnownHosts, matches_host

NAMES = ("a", "b", "a.example", "[a]:2222", "192.0.2.1", "b.a")


def hashed(name: str) -> str:
    salt = b"salt of twenty bytes"
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


SPOILED = ("|1|", "|2|AA==|AA==", "|1|!|AA==", "|1||", "|1|AA==|AA==|", "||", "|1|AA==|AA==", ",", "!a", "a,,b")
HOSTS = st.one_of(
    st.lists(st.sampled_from((*NAMES, "A.Example", "*", "*.a", "?", "!b", "!*.a")), min_size=1).map(",".join),
    st.sampled_from(NAMES).map(hashed),
    st.sampled_from(SPOILED),
    st.text("ab.*?!,|1=", max_size=12),
)


@given(st.lists(HOSTS, max_size=12), st.sets(st.sampled_from((*NAMES, "")), max_size=3))
def test_the_index_finds_what_a_scan_of_all_lines_finds(lines: list[str], names: set[str]) -> None:
    entries = [KnownHost(hosts, "ssh-ed25519", str(location).encode()) for location, hosts in enumerate(lines)]
    scanned = tuple(entry for entry in entries if any(matches_host(entry.hosts, name) for name in names))
    assert KnownHosts(entries).about(names) == scanned


def test_a_hashed_name_is_found() -> None:
    entry = KnownHost(hashed("[a]:2222"), "ssh-ed25519", b"")
    assert KnownHosts([entry]).about(["a", "[a]:2222"]) == (entry,)
    assert KnownHosts([entry]).about(["a"]) == ()
