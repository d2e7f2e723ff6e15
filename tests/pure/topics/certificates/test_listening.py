"""Ports for TLS that nobody wrote down, and ports that were published for TLS and do not speak it, are warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject, subjects_of
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.certificates.listening.facts import Facts, TlsPort
from fleetkeeper.topics.certificates.listening.observe import addresses_of, observe, published_for_tls
from fleetkeeper.topics.certificates.listening.parse import parse_listeners, parse_owners, parse_speech
from fleetkeeper.topics.containers.facts import Container, Port
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.registry import RULES, load_inventory
from fleetkeeper.transport.commands import Output, Unobservable

WEB, EDGE = "c" * 64, "e" * 64
TEXT = """\
nodes: {{a: {{connection: local}}, b: {{address: 192.0.2.7}}}}
services:
  web: {{name: shop/web}}
  edge: {{name: edge}}
backups: {{none: a test}}
certificates: {certificates}
"""
NONE = "{none: nothing was seen that serves TLS}"
LABELS = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
HTTPS = Port(443, host=443)
AMQPS = Port(5671, host=5671)
NGINX = Container(WEB, "shop-web-1", labels=LABELS, ports=(HTTPS, AMQPS), pid=5)
TRAEFIK = Container(EDGE, "edge", pid=6)


def named(service: str, more: str = "") -> str:
    return f"[{{name: shop.example.org, service: {service}{more}}}]"


def verdict_about(*ports: TlsPort, certificates: str = NONE, on_b: Sequence[TlsPort] = (), **facts: Any) -> Verdict:
    """What the rule says about ports of node a (and b)."""
    inventory = load_inventory(Path("mine.yml"), TEXT.format(certificates=certificates))
    seen: dict[tuple[str, str], Any] = {
        ("a", "listening"): facts.get("listening", Facts(ports)),
        ("a", "containers"): facts.get("containers", Containers("present", (NGINX, TRAEFIK))),
        ("b", "listening"): Facts(tuple(on_b)),
        ("b", "containers"): Containers("absent"),
    }
    rule = RULES["certificates.cover_every_tls_port"]
    [subject] = subjects_of(rule, inventory)
    return judge_subject(rule, Fleet(inventory, datetime(2026, 11, 30, tzinfo=UTC), seen), subject)


PUBLISHED = TlsPort(443, (WEB,))
ON_NODE = TlsPort(443, programs=("nginx",))
HOST_NETWORK = TlsPort(443, programs=("traefik",), containers=(EDGE,))
HIDDEN = TlsPort(8443)
MESH = TlsPort(443, programs=("dockerd",))


@pytest.mark.parametrize(
    ("port", "who"),
    [
        (PUBLISHED, "shop-web-1 serves TLS on 443"),
        (ON_NODE, "nginx on the node serves TLS on 443"),
        (HOST_NETWORK, "edge serves TLS on 443"),
        (HIDDEN, "a program that this account may not see serves TLS on 8443"),
        (MESH, "a service of the swarm serves TLS on 443"),
    ],
)
def test_tls_that_the_inventory_does_not_name_is_a_warning_that_says_who_serves_it(port: TlsPort, who: str) -> None:
    verdict = verdict_about(port)
    [warning] = verdict.warnings
    assert verdict.outcome is Outcome.HOLDS
    assert warning.saw == f"{who}, and `certificates` does not name it"


@pytest.mark.parametrize(
    ("port", "certificates"),
    [
        (PUBLISHED, named("web")),
        (PUBLISHED, named("web", ", ports: [443]")),
        (HOST_NETWORK, named("edge")),
        (ON_NODE, named("web", ", ports: [443]")),
        (MESH, named("web")),
        (replace(MESH, port=8443), named("web", ", ports: [8443]")),
    ],
)
def test_what_a_certificate_of_the_inventory_names_is_no_warning(port: TlsPort, certificates: str) -> None:
    assert verdict_about(port, certificates=certificates).warnings == ()


def test_another_port_or_service_is_not_named_by_it() -> None:
    assert verdict_about(PUBLISHED, certificates=named("edge")).warnings
    assert verdict_about(PUBLISHED, certificates=named("web", ", ports: [8443]")).warnings
    assert verdict_about(ON_NODE, certificates=named("web")).warnings


@pytest.mark.parametrize(
    ("speaks", "words"),
    [
        ("plain", "answers without TLS"),
        ("silent", "takes the connection and answers nothing"),
        ("closed", "takes no connection"),
    ],
)
def test_a_published_port_for_tls_that_speaks_none_is_a_warning_also_where_the_service_is_named(
    speaks: Any, words: str
) -> None:
    port = TlsPort(5671, (WEB,), speaks=speaks)
    for certificates in (NONE, named("web")):
        [warning] = verdict_about(port, certificates=certificates).warnings
        assert warning.saw == f"shop-web-1 publishes 5671, a port for TLS, and {words}"


def test_a_program_of_the_node_that_never_spoke_tls_is_nobody_s_business() -> None:
    assert verdict_about(TlsPort(443, programs=("sshd",), speaks="plain")).warnings == ()


def test_a_port_of_the_mesh_is_said_once_for_all_members() -> None:
    assert [warning.node for warning in verdict_about(MESH, on_b=[MESH]).warnings] == ["a"]
    plain = replace(MESH, speaks="plain")
    assert len(verdict_about(plain, on_b=[plain]).warnings) == 1
    assert len(verdict_about(ON_NODE, on_b=[ON_NODE]).warnings) == 2


def test_what_could_not_be_seen_is_unknown_unless_the_inventory_names_it() -> None:
    unseen = replace(PUBLISHED, speaks=Unobservable("no openssl"))
    assert verdict_about(unseen).outcome is Outcome.UNKNOWN
    assert verdict_about(unseen, certificates=named("web")).outcome is Outcome.HOLDS
    for dark in ({"listening": Unobservable("dark")}, {"containers": Unobservable("dark")}):
        assert verdict_about(PUBLISHED, **dark).outcome is Outcome.UNKNOWN
    assert verdict_about(listening=Facts(Unobservable("dark"))).outcome is Outcome.UNKNOWN


def test_ports_are_for_tls_by_their_number_on_either_side_and_not_on_a_loopback_address() -> None:
    ports = (
        Port(443, host=10443), Port(8080, host=443), Port(80, host=80), Port(8443), Port(853, "udp", host=853),
        Port(993, host_ip="127.0.0.1", host=993), Port(995, host_ip="192.0.2.9", host=995),
    )  # fmt: skip
    container = replace(NGINX, ports=ports)
    assert sorted(published_for_tls([container])) == [443, 995, 10443]
    assert published_for_tls([replace(container, state="exited")]) == {}
    assert addresses_of([container])[995] == "192.0.2.9"


LINES = b"""\
   0: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 71 1 ffff 100 0 0 10 0
   1: 0100007F:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 72 1 ffff 100 0 0 10 0
   0: 00000000000000000000000000000000:20FB 00000000000000000000000000000000:0000 0A 0:0 00:00000000 0 0 0 73 1 f
   1: 00000000000000000000000001000000:20FB 00000000000000000000000000000000:0000 0A 0:0 00:00000000 0 0 0 74 1 f
   2: 0000000000000000FFFF00000100007F:20FB 00000000000000000000000000000000:0000 0A 0:0 00:00000000 0 0 0 75 1 f
   9: nonsense
"""


def test_sockets_on_a_loopback_address_are_left_out() -> None:
    assert [(socket.port, socket.inode) for socket in parse_listeners(Output(0, LINES))] == [(443, 71), (8443, 73)]
    assert list(parse_listeners(Output(1, b""))) == []
    with pytest.raises(Unobservable):
        list(parse_listeners(Output(2, b"", b"no /proc here")))


def test_owners_of_a_socket_may_be_several_and_their_names_anything() -> None:
    owners = parse_owners(Output(0, b"71 nginx\n71 =" + b"a" * 64 + b"\n71 =zz\nx y\n72 a b\n"))
    assert owners == {71: (("nginx", "=zz"), ("a" * 64,)), 72: (("a b",), ())}


CHAIN = b"Certificate chain\n 0 s:x\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\nServer certificate\n"


@pytest.mark.parametrize(
    ("answer", "speaks"),
    [
        (Output(0, CHAIN), "TLS"),
        (Output(1, b"x:error:0A:SSL routines::tlsv1 unrecognized name:a.c:1:SSL alert number 112\n"), "TLS"),
        (Output(1, b"x:error:0A:SSL routines::wrong version number:a.c:1:\n"), "plain"),
        (Output(1, b"x:error:0A:SSL routines::unexpected eof while reading:a.c:1:\n"), "plain"),
        (Output(1, b"connect:errno=111\n"), "closed"),
        (Output(124, b""), "silent"),
    ],
)
def test_what_a_tls_client_meets_is_read_from_its_words(answer: Output, speaks: str) -> None:
    assert parse_speech(answer) == speaks


@pytest.mark.parametrize("answer", [Output(69, b""), Output(1, b"strange words\n")])
def test_a_client_that_is_missing_or_says_what_nobody_knows_leaves_it_unknown(answer: Output) -> None:
    assert isinstance(parse_speech(answer), Unobservable)


def test_a_node_without_such_a_port_is_asked_nothing_more() -> None:
    look = observe(None, None)  # type: ignore[arg-type]
    next(look)
    with pytest.raises(StopIteration) as done:
        look.send([Output(69, b""), Output(1, b"")])
    assert done.value.value == Facts(())


def test_the_owner_of_a_port_is_asked_for_only_where_no_container_publishes_it() -> None:
    look = observe(None, None)  # type: ignore[arg-type]
    next(look)
    asked = look.send([Output(69, b""), Output(0, LINES)])
    assert asked[0].words[-2:] == ("71", "73")
    with pytest.raises(StopIteration) as done:
        look.send([Output(0, b"71 sshd\n73 caddy\n"), Output(124, b""), Output(0, CHAIN)])
    assert done.value.value == Facts(
        (TlsPort(443, programs=("sshd",), speaks="silent"), TlsPort(8443, programs=("caddy",), speaks="TLS"))
    )
