"""What nodes print about certificates: handshakes, containers, nginx' configuration, schedules; real, and garbage."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleetkeeper.readers import nginx
from fleetkeeper.readers.nginx import site_of
from fleetkeeper.topics.certificates import node_commands, parse, tls_probes
from fleetkeeper.topics.certificates.facts import ServedCertificate
from fleetkeeper.topics.certificates.rules.validity import public_key_digest
from fleetkeeper.topics.certificates.tls_probes import TlsEndpoint
from fleetkeeper.transport.commands import Output
from fleetkeeper.transport.script_files import load_script
from tests.example_fleets.certificates import GOOD, LEAF, NAME
from tests.pure.topics.certificates.test_observation import CHALLENGES, cut_output, place, sites_or_reason


def run_command(command: object, **more: object) -> Output:
    done = subprocess.run(command.words, capture_output=True, check=False, **more)  # type: ignore[attr-defined]
    return Output(done.returncode, done.stdout, done.stderr, command=str(command))


@contextmanager
def start_server(
    tmp_path: Path, *, oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2, answer: bytes = b""
) -> Iterator[int]:
    """A TLS server on a loopback port that gives the good chain, and `answer` to whoever asks something."""
    (tmp_path / "chain.pem").write_text("".join(GOOD))
    kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(LEAF.key.private_bytes(*kind))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    if oldest < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = oldest
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening, context, answer), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def serve(listening: socket.socket, context: ssl.SSLContext, answer: bytes) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                if answer and secure.recv(4096):
                    secure.sendall(answer)
        except OSError:
            connection.close()


def questions_asked(at: TlsEndpoint) -> ServedCertificate:
    return tls_probes.served(at, {probe.on_node: run_command(probe.on_node) for probe in tls_probes.probes_of(at)})


def test_a_real_handshake_gives_the_whole_chain_leaf_first(tmp_path: Path) -> None:
    with start_server(tmp_path) as port:
        seen = questions_asked(place(port))
    assert (seen.chain, seen.protocol, seen.old, seen.refused) == (GOOD, "TLSv1.3", (), "")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_a_real_server_that_still_speaks_old_protocols_is_found_out(tmp_path: Path) -> None:
    with start_server(tmp_path, oldest=ssl.TLSVersion.TLSv1) as port:
        assert questions_asked(place(port)).old == ("TLS 1.1",)


@pytest.mark.parametrize(
    ("header", "age"),
    [("Strict-Transport-Security: max-age=63072000; includeSubDomains\r\n", 63072000), ("X-Other: 1\r\n", None)],
)
def test_a_real_answer_is_read_for_hsts(header: str, age: int | None, tmp_path: Path) -> None:
    answer = f"HTTP/1.1 200 OK\r\n{header}Connection: close\r\n\r\nhello".encode()
    with start_server(tmp_path, answer=answer) as port:
        assert questions_asked(place(port, ", hsts: true")).hsts == age


def test_a_port_where_nothing_listens_is_closed_and_no_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert questions_asked(place(port)).refused == "closed"


def test_a_port_that_speaks_something_else_does_not_speak_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=rude, args=(listening,), daemon=True).start()
        seen = questions_asked(place(listening.getsockname()[1]))
        listening.shutdown(socket.SHUT_RDWR)
    assert (seen.refused, seen.chain) == ("not TLS", ())


def rude(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>400</html>")


@contextmanager
def running_nginx(folder: Path, dump: str) -> Iterator[dict[str, str]]:
    """An nginx that runs, and prints this configuration when asked for it. Gives the environment to find it in."""
    (folder / "dump").write_text(dump)
    (folder / "nginx").write_text(f'#!/bin/sh\n[ "$1" = -T ] && exec cat {folder}/dump\necho runs\nread -r nothing\n')
    (folder / "nginx").chmod(0o755)
    with subprocess.Popen([folder / "nginx"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"runs\n"
        yield {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}
        process.kill()


def look_inside(env: dict[str, str], *words: str, before: tuple[str, ...] = ()) -> str:
    command = (
        *before,
        "sh",
        "-c",
        load_script("fleetkeeper/topics/certificates/scripts/look_inside.sh"),
        node_commands.MARK,
        *words,
    )
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout


def test_the_script_itself_prints_certificates_and_public_halves_and_no_private_key(tmp_path: Path) -> None:
    """Run on this machine's own tools, with a file that holds key and certificate together."""
    kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private = LEAF.key.private_bytes(*kind).decode()
    (tmp_path / "both.pem").write_text(private + GOOD[0] + GOOD[1])
    server = "server { ssl_certificate both.pem; ssl_certificate_key both.pem; }"
    dump = f"# configuration file {tmp_path}/n.conf:\n{server}\n"
    with running_nginx(tmp_path, dump) as env:
        inside = look_inside(env)
    assert "PRIVATE" not in inside
    seen = parse.parse(inside, "id", "nginx")
    assert [file.chain for file in seen.files if file.path == f"{tmp_path}/both.pem"] == [GOOD]
    assert [key.public for key in seen.keys if key.path == f"{tmp_path}/both.pem"] == [
        public_key_digest(LEAF.certificate)
    ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda certificate: certificate[:300] + "\n",
        lambda certificate: certificate[:300],
        lambda certificate: certificate.replace("-----END", " -----END"),
        lambda certificate: certificate.replace("CERTIFICATE-----\n", "CERTIFICATE----\n"),
        lambda certificate: certificate.replace("\n", "\r"),
        lambda certificate: certificate.replace("\n", "\n  "),
        lambda certificate: "-----BEGIN CERTIFICATE-----\npassword: hunter2\n",
    ],
    ids=["cut", "cut in a line", "end indented", "end damaged", "other line ends", "indented", "no certificate"],
)
@pytest.mark.parametrize("shell", [("sh",), ("busybox", "sh")], ids=" ".join)
def test_of_a_certificate_that_does_not_end_nothing_behind_it_leaves_the_node(
    damage: Callable[[str], str], shell: tuple[str, ...], tmp_path: Path
) -> None:
    kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private = LEAF.key.private_bytes(*kind).decode()
    (tmp_path / "both.pem").write_bytes((damage(GOOD[0]) + private).encode())
    words = (
        *shell,
        "-c",
        load_script("fleetkeeper/topics/certificates/scripts/look_inside.sh"),
        node_commands.MARK,
        f"{tmp_path}/both.pem",
    )
    stdout = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert f"file {tmp_path}/both.pem" in stdout
    assert not any(line in stdout for line in private.split("\n")[1:-2])
    assert "hunter2" not in stdout


ODD_FILES = """# configuration file PLACE/n.conf:
http {
    # ssl_certificate commented.pem;
    server {
        listen 443 ssl; # ssl_certificate late.pem;
        ssl_certificate
            "a b.pem";	ssl_certificate_key	key.pem ;
        ssl_certificate ${ssl_server_name}/c.pem; ssl_certificate "data:$inline";
    }
    server { listen 443 ssl; server_name x; ssl_certificate 'd.pem'; ssl_certificate $by_map; }
}
"""


def test_the_script_reads_every_file_that_the_configuration_names_however_it_is_written(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    for name in ("a b.pem", f"{NAME}/c.pem", "d.pem", "commented.pem", "late.pem"):
        (tmp_path / name).write_text(GOOD[0])
    with running_nginx(tmp_path, ODD_FILES.replace("PLACE", str(tmp_path))) as env:
        inside = look_inside(env, NAME, f"{tmp_path}/late.pem", "other.example.org")
    seen = parse.parse(inside, "id", "nginx")
    match = {
        file.path.removeprefix(f"{tmp_path}/"): bool(file.chain) for file in seen.files if "/etc/" not in file.path
    }
    assert match.pop("late.pem"), "the inventory's own file"
    assert match == {"a b.pem": True, f"{NAME}/c.pem": True, "other.example.org/c.pem": False, "d.pem": True}
    assert [key.path for key in seen.keys if "/etc/" not in key.path] == [f"{tmp_path}/key.pem"]
    assert seen.nginx is not None
    site = site_of(seen.nginx.sites, NAME, 443)
    assert site is not None
    assert [path.removeprefix(f"{tmp_path}/") for path in site.certificates[:2]] == ["a b.pem", f"{NAME}/c.pem"]


AWKS = [awk for awk in (("mawk",), ("gawk",), ("original-awk",), ("busybox", "awk"), ("awk",)) if shutil.which(awk[0])]
each_awk = pytest.mark.parametrize("awk", AWKS, ids=" ".join)


SECRET = "Basic cm9vdDpodW50ZXIy"
SECRETS = f"""# configuration file /etc/nginx/nginx.conf:
user {SECRET}; # {SECRET}
env PASSWORD="{SECRET}";
http {{
  map $x $y {{ "{SECRET}" "a;b}}c"; default '{SECRET}'; }}
  include /etc/nginx/conf.d/*.conf;
  log_format x '{SECRET} {{ ssl_certificate /no.pem; }}';
  server {{
    listen 443 ssl; server_name a.example "b{{c}}" ~^(?<n>.+)\\.example$;
    ssl_certificate /c.pem; ssl_certificate_key "data:{SECRET}"; ssl_certificate
      "/d e.pem";
    ssl_password_file /{SECRET}; if ($arg_x = "{SECRET}") {{ return 403 "{SECRET}"; }}
    location /{SECRET}/.well-known/acme-challenge/ {{ root /var/www; proxy_pass http://{SECRET}@up; }}
    location ~ "\\.(a|{SECRET})$" {{ alias /srv; proxy_set_header Authorization "{SECRET}"; }}
    set $z "{SECRET}
{SECRET}"; proxy_set_header X \\"{SECRET};
  }}
}}
# configuration file /etc/nginx/conf.d/a.conf:
server {{ listen 8443 ssl; ssl_certificate
  e.pem; add_header X "{SECRET}"; }}
"""


@each_awk
def test_of_nginx_configuration_only_what_is_about_tls_leaves_the_node(awk: tuple[str, ...]) -> None:
    printed = cut_output(awk, SECRETS)
    assert not {word for word in SECRET.split() if word in printed}
    assert nginx.read_configuration(0, printed) == nginx.read_configuration(
        0, SECRETS.replace(f'"data:{SECRET}"', "data:")
    )
    assert {location for site in nginx.read_configuration(0, printed).sites for location in site.places} == {
        "/etc/nginx/nginx.conf:9",
        "/etc/nginx/conf.d/a.conf:1",
    }


@each_awk
@pytest.mark.parametrize(
    "text", [CHALLENGES, ODD_FILES, ODD_FILES.replace("\n", "\r\n"), "", "# configuration file /x:\n"]
)
def test_a_cut_configuration_says_what_the_whole_one_says(awk: tuple[str, ...], text: str) -> None:
    assert nginx.read_configuration(0, cut_output(awk, text)) == nginx.read_configuration(0, text)


PIECES = st.sampled_from(
    [
        *("server {", "http {", "location /.well-known/x {", "}", " ;", "\n", "# c { ; }\n", "listen 443 ssl;", "\\"),
        *(
            "server_name a b;",
            "ssl_certificate /c.pem;",
            "ssl_certificate_key 'k;{}.pem';",
            'x "y\n{',
            '"',
            "'",
            "${v}",
        ),
        *(
            "root /r;",
            "alias\n /a;",
            "proxy_pass http://x;",
            "include y/*.conf;",
            "if ($x ~ y) {",
            "a#b",
            "$",
            "{",
            "ssl on;",
        ),
    ]
)


@given(st.lists(PIECES, max_size=14))
@example(["server {", '"', "listen 443 ssl;"])
@settings(deadline=None)
def test_however_a_configuration_is_written_what_is_cut_says_the_same(pieces: list[str]) -> None:
    text = "# configuration file /etc/nginx/nginx.conf:\n" + " ".join(pieces) + "\n"
    assert sites_or_reason(cut_output(AWKS[0], text)) == sites_or_reason(text)


def test_an_nginx_that_does_not_run_is_not_started(tmp_path: Path) -> None:
    """It would make what it lacks: a log, a file for its process number, directories."""
    (tmp_path / "nginx").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "nginx").chmod(0o755)
    if os.getuid():
        pytest.skip("only root may make a namespace of processes here: another nginx may run on this machine")
    alone = ("unshare", "--pid", "--fork", "--mount-proc")
    inside = look_inside({"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}, before=alone)
    assert not (tmp_path / "started").exists()
    assert parse.parse(inside, "id", "nginx").nginx is None
