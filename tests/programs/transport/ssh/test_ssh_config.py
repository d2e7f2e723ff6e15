"""The user's own SSH set-up, as `ssh -G` resolves it and as we read it."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.ssh import ssh_config
from fleetkeeper.transport.ssh.jump_hosts import chain_hops, parse_hop
from fleetkeeper.transport.ssh.ssh_config import override_target, resolve_target, same_for_all_hosts, without_ssh
from fleetkeeper.transport.ssh.ssh_target import SshRequest, SshTarget, expand_tokens, parse

HOME = str(Path("~").expanduser())
needs_ssh = pytest.mark.skipif(not shutil.which("ssh"), reason="no OpenSSH client here")


@pytest.fixture
def config(tmp_path):
    """Writes a configuration; its path."""

    def write(text: str) -> str:
        path = tmp_path / "config"
        path.write_text(text)
        return str(path)

    return write


@needs_ssh
def test_without_configuration_a_host_is_itself(config):
    route = resolve_target(SshRequest("db.example.org"), config(""))
    assert (route.host, route.port, route.user) == ("db.example.org", 22, getpass.getuser())
    assert f"{HOME}/.ssh/id_ed25519" in route.identities
    assert f"{HOME}/.ssh/known_hosts" in route.known_hosts
    assert "/etc/ssh/ssh_known_hosts" in route.known_hosts
    assert (route.jumps, route.proxy_command, route.alias) == ((), "", "")


@needs_ssh
def test_case_21_aliases_match_and_include_are_followed(config, tmp_path):
    (tmp_path / "more").write_text(
        "Host db\n  HostName 192.0.2.7\n  Port 2222\nMatch user ops\n  ProxyJump gate,x@inner:33\n"
    )
    file = config(f"Include {tmp_path}/more\n")
    route = resolve_target(SshRequest("db", user="ops"), file)
    assert (route.host, route.port, route.user, route.jumps) == ("192.0.2.7", 2222, "ops", ("gate", "x@inner:33"))
    assert resolve_target(SshRequest("db", user="other"), file).jumps == ()


@needs_ssh
def test_the_inventory_goes_before_the_configuration(config, tmp_path):
    file = config("Host *\n  User ops\n  Port 2222\n  IdentityFile /k/one\n")
    route = resolve_target(SshRequest("db", user="me", port=33, identity="/k/two"), file)
    assert (route.user, route.port, route.identities, route.explicit_identity) == ("me", 33, ("/k/two",), True)


@needs_ssh
def test_one_question_serves_all_hosts_that_are_alike(config, monkeypatch):
    file = config("Host *\n  User ops\n  Port 2222\n")
    question: list[str] = []
    ask = ssh_config.ask_ssh.__wrapped__
    monkeypatch.setattr(ssh_config, "ask_ssh", lambda host, *more: question.append(host) or ask(host, *more))
    ways = [resolve_target(SshRequest(name), file) for name in ("a", "b.example", "::1")]
    assert [(path.host, path.port, path.user) for path in ways] == [
        (name, 2222, "ops") for name in ("a", "b.example", "::1")
    ]
    assert set(question) == {ssh_config.PLACEHOLDER}


@needs_ssh
@pytest.mark.parametrize("name", ["db", "db.example.org", "192.0.2.1", "::1"])
@pytest.mark.parametrize(
    "text",
    [
        "Host *\n  User ops\n  Port 2222\n  IdentityFile ~/.ssh/deploy\n",
        "User x\nHashKnownHosts yes\n",
        "#   ProxyCommand ssh -q -W %h:%p gateway\n\n  # Host db\nUser x\n",  # as in Debian's own file
    ],
)
@pytest.mark.parametrize(("user", "port"), [(None, None), ("me", 33)])
def test_the_shared_answer_is_the_one_that_ssh_gives_for_the_host_itself(config, text, name, user, port):
    file = config(text)
    assert same_for_all_hosts((file,))
    options = ("-oUser=me", "-oPort=33") if user else ()
    assert resolve_target(SshRequest(name, user, port), file) == parse(ssh_config.ask_ssh(name, options, file), name)


@needs_ssh
@pytest.mark.parametrize(
    ("text", "variable"), [("User x\n", "SSH_AUTH_SOCK"), ("IdentityAgent $MINE\n", "MINE"), ("User x\n", "HOME")]
)
def test_what_is_read_once_for_all_hosts_is_read_again_where_the_environment_changed(
    config, monkeypatch, text, variable
):
    file = config(text)
    monkeypatch.setenv(variable, "/one")
    first = resolve_target(SshRequest("a"), file)
    monkeypatch.setenv(variable, "/two")
    second = resolve_target(SshRequest("b"), file)
    assert (first.address, first.host, second.address, second.host) == ("a", "a", "b", "b")
    assert (first.agent, first.identities) != (second.agent, second.identities)
    ssh_config.ask_ssh.cache_clear()
    assert second == parse(ssh_config.ask_ssh("b", (), file), "b")


@pytest.mark.parametrize(
    "text",
    [
        "Host db\n  Port 1\n",
        "Match exec true\n  Port 1\n",
        "HostName %h.example.org\n",
        "IdentityFile ~/.ssh/%h\n",
        "host=db\n",
        "CanonicalizeHostname yes\n",
        "Include {folder}/more\n",
    ],
)
def test_a_configuration_that_tells_hosts_apart_is_asked_for_each(config, tmp_path, text):
    (tmp_path / "more").write_text("Host db\n  Port 1\n")
    assert not same_for_all_hosts((config(text.replace("{folder}", str(tmp_path))),))


def test_tokens_and_variables_are_expanded(monkeypatch):
    monkeypatch.setenv("WHERE", "/keys")
    route = SshTarget("db", "192.0.2.7", 2222, "ops")
    assert expand_tokens("${WHERE}/%h-%n-%p-%r-%%", route) == "/keys/192.0.2.7-db-2222-ops-%"
    assert expand_tokens("%d/%u/%l/%i", route) == f"{HOME}/{getpass.getuser()}/{socket.gethostname()}/{os.getuid()}"


def test_a_token_that_only_ssh_can_expand_is_said():
    with pytest.raises(Unobservable) as why:
        expand_tokens("/run/%C", SshTarget("db", "192.0.2.7", 22, "ops"))
    assert "connection: ssh" in why.value.hint


@pytest.mark.parametrize(
    ("said", "socket_path"),
    [
        ("none", ""),
        ("SSH_AUTH_SOCK", "/run/mine"),
        ("$OTHER", "/run/other"),
        ("~/agent", f"{HOME}/agent"),
        ("${OTHER}", "/run/other"),
    ],
)
def test_the_agent_is_the_one_that_the_configuration_names(monkeypatch, said, socket_path):
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/mine")
    monkeypatch.setenv("OTHER", "/run/other")
    assert parse(f"hostname a\nidentityagent {said}\n", "a").agent == socket_path


@pytest.mark.parametrize(
    ("ticket", "told"), [("FILE:/x", ("GSSAPIAuthentication", "PKCS11Provider")), ("", ("PKCS11Provider",))]
)
def test_kerberos_is_named_where_there_is_a_ticket(monkeypatch, ticket, told):
    monkeypatch.setenv("KRB5CCNAME", ticket)
    text = "hostname a\ngssapiauthentication yes\nhostbasedauthentication no\npkcs11provider /x.so\n"
    assert parse(text, "a").untried == told


def test_none_means_none():
    route = parse("hostname a\nproxyjump none\nproxycommand none\nidentityfile none\nuserknownhostsfile none\n", "a")
    assert (route.jumps, route.proxy_command, route.identities, route.known_hosts) == ((), "", (), ())


def test_a_proxy_command_has_its_tokens_expanded():
    assert parse("hostname a\nport 33\nproxycommand nc %h %p\n", "a").proxy_command == "nc a 33"


@needs_ssh
def test_a_configuration_that_ssh_cannot_read_is_unknown(config):
    with pytest.raises(Unobservable, match="SSH configuration cannot be read"):
        resolve_target(SshRequest("db"), config("Host db\n  NoSuchKeyword yes\n"))


@pytest.mark.parametrize("address", ["-oProxyCommand=id", "-x"])
def test_case_1_an_address_with_a_dash_is_refused(address):
    with pytest.raises(Unobservable, match="dash"):
        resolve_target(SshRequest(address))


def test_without_openssh_a_plain_configuration_is_still_read(config):
    route = without_ssh("db", config("Host db\n  HostName 192.0.2.7\n  User ops\n  Port 2222\n"))
    assert (route.host, route.user, route.port) == ("192.0.2.7", "ops", 2222)
    assert f"{HOME}/.ssh/known_hosts" in route.known_hosts
    assert f"{HOME}/.ssh/id_ed25519" in route.identities


@pytest.mark.parametrize("keyword", ["Include x", "Match all", "CanonicalizeHostname yes"])
def test_without_openssh_what_cannot_be_followed_is_said(config, keyword):
    with pytest.raises(Unobservable) as why:
        without_ssh("db", config(f"{keyword}\n"))
    assert keyword.split()[0].lower() in str(why.value)
    assert "install the OpenSSH client" in why.value.hint


def test_jump_hosts_are_written_as_for_ssh_j():
    assert parse_hop("ops@gate:2222") == SshRequest("gate", "ops", 2222)
    assert parse_hop("ssh://ops@[2001:db8::1]:2222") == SshRequest("2001:db8::1", "ops", 2222)
    assert parse_hop("gate") == SshRequest("gate")
    last = chain_hops(["a", "b"])
    assert (last.asked.address, last.before.asked.address, last.before.before) == ("b", "a", None)


@pytest.mark.parametrize("spec", ["", "-oX", "a b:c", "ops@-x", "gate:port"])
def test_case_1_a_jump_host_that_is_none_is_refused(spec):
    with pytest.raises(Unobservable):
        parse_hop(spec)


def test_an_identity_with_a_tilde_is_expanded():
    assert override_target(SshTarget("a", "a", 22, "x"), SshRequest("a", identity="~/k")).identities == (f"{HOME}/k",)
    route = SshTarget("a", "a", 22, "x", identities=("/k",))
    assert override_target(route, SshRequest("a")) == replace(route)
