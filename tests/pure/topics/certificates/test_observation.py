"""What nodes print about certificates: handshakes, containers, nginx' configuration, schedules; real, and garbage."""

from __future__ import annotations

import subprocess
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fleetkeeper.inventory.problems import InventoryError
from fleetkeeper.readers import nginx, tls_handshakes
from fleetkeeper.readers.cron.own_crontab import read_own_crontab
from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.readers.cron.snapshot import read as printed_schedules
from fleetkeeper.readers.docker.labels import SWARM_SERVICE
from fleetkeeper.readers.nginx import site_of
from fleetkeeper.topics.certificates import observe, parse, renewal_schedule, tls_probes
from fleetkeeper.topics.certificates.facts import ContainerFiles, ServedCertificate
from fleetkeeper.topics.certificates.policy import Certificate, Policy
from fleetkeeper.topics.certificates.renewal_scripts import NodeSurroundings
from fleetkeeper.topics.certificates.rules.validity import public_key_digest
from fleetkeeper.topics.certificates.tls_probes import Probe, TlsEndpoint
from fleetkeeper.topics.containers.facts import Container, Port
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.transport.script_files import load_script
from tests.example_fleets.certificates import GOOD, LEAF, NAME, make_inventory


def place(port: int, policy: str = "", name: str = NAME) -> TlsEndpoint:
    [certificate] = make_inventory(policy).section(Policy).certificates
    return TlsEndpoint(certificate.model_copy(update={"name": name}), "4f" * 32, "127.0.0.1", port, 443)


@pytest.mark.parametrize("rc", [124, 137])
def test_a_port_that_says_nothing_within_the_limit_is_unknown(rc: int) -> None:
    with pytest.raises(Unobservable, match="10 s"):
        tls_handshakes.handshake(Output(rc, b"CONNECTED(00000003)\n", command="TLS handshake"))


def test_a_node_without_openssl_asks_through_the_container() -> None:
    at = place(443)
    asking = observe.ask_for_certificates([], tls_probes.probes_of(at))
    first = next(asking)
    second = asking.send([Output(tls_handshakes.NO_OPENSSL, command="TLS handshake")] * len(first))
    assert all(command.words[:2] == ("sh", "-c") and command.words[4] == "4f" * 32 for command in second)
    with pytest.raises(StopIteration) as done:
        asking.send([Output(tls_handshakes.NO_OPENSSL, command="TLS handshake")] * len(second))
    seen = tls_probes.served(at, done.value.value)
    assert isinstance(seen.chain, Unobservable)
    assert "openssl" in seen.chain.why


def test_an_old_protocol_that_openssl_itself_cannot_speak_is_unknown() -> None:
    with pytest.raises(Unobservable):
        tls_handshakes.old_protocols(Output(1, b"s_client: Unknown option: -no_tls1_2\n", command="x"))


def test_an_alert_of_any_kind_is_a_refusal_of_the_old_protocol() -> None:
    text = b"...:tlsv1 alert protocol version:...:SSL alert number 70\nNew, (NONE), Cipher is (NONE)\n"
    assert tls_handshakes.old_protocols(Output(1, text, command="x")) == ()


@given(st.text(max_size=300), st.integers(0, 255))
def test_any_output_of_a_handshake_is_read_or_unobservable(text: str, rc: int) -> None:
    answer = Output(rc, text.encode("utf-8", "surrogatepass"), command="TLS handshake")
    seen = tls_probes.answer_of_endpoint(ServedCertificate(NAME, "id", 443), {"now": answer, "old": answer})
    assert seen.chain == () or isinstance(seen.chain, Unobservable)
    assert seen.chain or seen.refused


@given(st.text(alphabet="-BEGINCRTFAD ENabc123+/=\n", max_size=400))
def test_any_text_around_certificates_gives_only_whole_ones(text: str) -> None:
    match = tls_handshakes.pem_certificates(text + "\n" + GOOD[0] + text)
    assert GOOD[0] in match


def test_case_73_a_server_cannot_forge_the_chain_after_its_end() -> None:
    text = f"Certificate chain\n 0 s:x\n{GOOD[0]}---\nServer certificate\n{GOOD[1]}DONE\nCertificate chain\n{GOOD[1]}"
    assert tls_handshakes.sent_chain(text) == (GOOD[0],)


# where


NGINX = Container(
    "4f" * 32,
    "rodan_nginx.1.x",
    labels={SWARM_SERVICE: "rodan_nginx"},
    ports=(
        Port(80, host=80),
        Port(443, host=8443),
        Port(5671, host=5671, host_ip="192.0.2.1"),
        Port(53, "udp", host=53),
    ),
)


def test_every_published_port_but_http_is_asked_where_it_is_published() -> None:
    match = [
        (item.host, item.port, item.inside)
        for item in tls_probes.tls_endpoints(NGINX, make_inventory().section(Policy).certificates)
    ]
    assert match == [("127.0.0.1", 8443, 443), ("192.0.2.1", 5671, 5671)]


def test_the_policy_s_ports_are_asked_alone_and_443_where_nothing_is_published() -> None:
    assert [
        item.port
        for item in tls_probes.tls_endpoints(NGINX, make_inventory(", ports: [8443]").section(Policy).certificates)
    ] == [8443]
    assert [
        item.port
        for item in tls_probes.tls_endpoints(Container("a", "b"), make_inventory().section(Policy).certificates)
    ] == [443]


def test_an_ip_address_is_asked_without_a_server_name() -> None:
    command = Probe(place(443, name="192.0.2.7")).on_node
    assert "-noservername" in command.words
    assert "-servername" not in command.words


@pytest.mark.parametrize("name", ["-connect", "a b", "a;b", "$(x)", "*.example.org", "A.example.org", "a\nb", "1.2.3"])
def test_case_2_a_name_that_could_mean_something_else_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a name"):
        Certificate(name=name, service="nginx")


# nginx

DUMP = """nginx: the configuration file /etc/nginx/nginx.conf syntax is ok
# configuration file /etc/nginx/nginx.conf:
http {
    # server { listen 443 ssl; server_name commented.org; }
    ssl_certificate_key /keys/shared.pem;
    include /etc/nginx/conf.d/*.conf;
}
stream { server { listen 5671 ssl; ssl_certificate mq.pem; ssl_certificate_key mq.key; } }

# configuration file /etc/nginx/conf.d/a.conf:
server {
    listen 443 ssl http2 default_server; listen [::]:443 ssl;
    server_name a.example.org "www.a.example.org";
    include snippets/a.conf;
    location ~ "^/x{2}" { set $a ${b}c; return 301 https://$host; }
}
server { listen 80; server_name a.example.org; }
server { listen 443 ssl; server_name *.example.org; ssl_certificate /wild.pem; }

# configuration file /etc/nginx/snippets/a.conf:
ssl_certificate /a.pem;
"""


def test_a_dump_of_nginx_is_read_with_its_includes_and_what_is_inherited() -> None:
    sites = nginx.read_configuration(0, DUMP).sites
    assert [(site.names, site.ports, site.certificates, site.keys) for site in sites] == [
        (("a.example.org", "www.a.example.org"), (443,), ("/a.pem",), ("/keys/shared.pem",)),
        (("*.example.org",), (443,), ("/wild.pem",), ("/keys/shared.pem",)),
        ((), (5671,), ("/etc/nginx/mq.pem",), ("/etc/nginx/mq.key",)),
    ]


@pytest.mark.parametrize(
    ("name", "port", "file"),
    [
        ("a.example.org", 443, "/a.pem"),
        ("b.example.org", 443, "/wild.pem"),
        ("elsewhere.org", 443, "/a.pem"),
        ("a.example.org", 5671, "/etc/nginx/mq.pem"),
    ],
)
def test_the_site_for_a_name_is_chosen_as_nginx_chooses_it(name: str, port: int, file: str) -> None:
    site = site_of(nginx.read_configuration(0, DUMP).sites, name, port)
    assert site is not None
    assert site.certificates == (file,)


def test_a_site_says_where_its_certificates_are_named() -> None:
    """The line is nginx's own: `# configuration file …:` is no line of the file."""
    sites = nginx.read_configuration(0, DUMP).sites
    assert [site.places for site in sites] == [
        ("/etc/nginx/snippets/a.conf:1",),
        ("/etc/nginx/conf.d/a.conf:8",),
        ("/etc/nginx/nginx.conf:6",),
    ]


ODD = """# configuration file /etc/nginx/nginx.conf:
http {
    server { listen 443 ssl default_server; ssl_reject_handshake on; }
    server {
        listen [::]:443 ipv6only=on;
        listen 443;
        server_name v.example.org;
        ssl_certificate "/keys/with space.pem";
        ssl_certificate /keys/rsa.pem; ssl_certificate_key /keys/rsa.key;
    }
    server { listen 443 ssl; server_name .vars.org; ssl_certificate /keys/$ssl_server_name.pem; }
    server { listen 443 ssl; server_name .map.org; ssl_certificate $by_map; }
    server { listen 127.0.0.1:8443; server_name v.example.org; ssl on; ssl_certificate old.pem; }
    server { listen 80; server_name plain.org; return 301 https://$host$request_uri; }
    server { listen unix:/run/n.sock; server_name sock.org; }
}
"""


def test_one_ssl_is_enough_for_every_server_that_listens_on_the_port() -> None:
    """nginx: "the ssl parameter" belongs to the socket, and all servers on it share it."""
    sites = nginx.read_configuration(0, ODD).sites
    assert [(site.names, site.ports) for site in sites] == [
        ((), (443,)),
        (("v.example.org",), (443,)),
        ((".vars.org",), (443,)),
        ((".map.org",), (443,)),
        (("v.example.org",), (8443,)),
    ]


@pytest.mark.parametrize(
    ("name", "port", "files"),
    [
        ("v.example.org", 443, ("/keys/with space.pem", "/keys/rsa.pem")),
        ("v.example.org", 8443, ("/etc/nginx/old.pem",)),
        ("a.vars.org", 443, ("/keys/a.vars.org.pem",)),
        ("a.map.org", 443, ("/etc/nginx/$by_map",)),
        ("unknown.org", 443, ()),
    ],
)
def test_odd_ways_of_naming_certificates_are_read(name: str, port: int, files: tuple[str, ...]) -> None:
    site = site_of(nginx.read_configuration(0, ODD).sites, name, port)
    assert site is not None
    assert site.certificates == files


def test_no_site_answers_on_a_port_that_nobody_listens_on() -> None:
    assert site_of(nginx.read_configuration(0, DUMP).sites, "a.example.org", 8443) is None


def test_case_54_a_configuration_that_nginx_refuses_is_told_in_its_own_words() -> None:
    text = (
        "nginx: [warn] something\n"
        'nginx: [emerg] cannot load certificate "/x.pem": BIO_new_file() failed\n'
        "nginx: configuration file /etc/nginx/nginx.conf test failed\n"
    )
    assert nginx.read_configuration(1, text).broken == 'cannot load certificate "/x.pem": BIO_new_file() failed'


@given(st.text(max_size=300))
def test_any_configuration_is_read_without_a_crash(text: str) -> None:
    sites_or_reason(f"# configuration file /etc/nginx/nginx.conf:\n{text}")


@pytest.mark.parametrize(
    "text", ["include n.conf; server { listen 443 ssl; }\n", "include n.conf; " * 20, "a { " * 3000]
)
def test_includes_that_go_in_a_circle_and_blocks_without_end_are_unknown(text: str) -> None:
    """The web server refuses them itself: whatever printed that is another program."""
    with pytest.raises(Unobservable, match="nested too deep"):
        nginx.read_configuration(0, f"# configuration file /a/n.conf:\n{text}")


# containers

PRINTED = f"""nginx 0
|# configuration file /etc/nginx/nginx.conf:
|http {{ server {{ listen 443 ssl; ssl_certificate {"/etc/letsencrypt/live/a/fullchain.pem"}; }} }}
file /etc/letsencrypt/live/a/fullchain.pem
CHAIN
key /etc/letsencrypt/live/a/privkey.pem
PUBLIC
letsencrypt
renewal a.conf
|version = 2.1.0
|[renewalparams]
|account = 3e2f
|server = https://acme.example.org/dir
|authenticator = webroot
|webroot_path = /var/www/le,
webroot no /var/www/le
renewal b.conf
|# autorenew = True
|autorenew = False
|[renewalparams]
|installer = nginx
live /etc/letsencrypt/live/a/fullchain.pem
CHAIN
key /etc/letsencrypt/live/a/privkey.pem
PUBLIC
live /etc/letsencrypt/live/c/fullchain.pem
!is not there
account accounts/acme.example.org/dir/3e2f/private_key.json
process nginx
process certbot
cron /etc/cron.d/certbot
|# certbot renew in a comment
|0 */12 * * * root test -x /usr/bin/certbot && certbot -q renew
certbot /usr/bin/certbot
end
"""


def indented(text: str) -> str:
    return "".join(f"|{line}\n" for line in text.splitlines()).rstrip("\n")


def a_container(text: str = PRINTED) -> ContainerFiles:
    kind = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    public = LEAF.certificate.public_key().public_bytes(*kind).decode()
    return parse.parse(
        text.replace("CHAIN", indented("".join(GOOD))).replace("PUBLIC", indented(public)), "id", "nginx"
    )


def test_what_a_container_prints_becomes_its_facts() -> None:
    seen = a_container()
    assert [(file.path, file.chain) for file in seen.files] == [
        ("/etc/letsencrypt/live/a/fullchain.pem", GOOD),
        ("/etc/letsencrypt/live/c/fullchain.pem", ()),
    ]
    assert [key.public for key in seen.keys] == [public_key_digest(LEAF.certificate)]
    assert (seen.certbot, seen.busy, seen.letsencrypt) == ("/usr/bin/certbot", True, True)


def test_lineages_are_put_together_from_configuration_and_files() -> None:
    a, b, c = a_container().lineages
    assert (a.name, a.account, a.account_found, a.webroots, a.chain) == (
        "a",
        "3e2f",
        True,
        (("/var/www/le", False),),
        GOOD,
    )
    assert (b.autorenew, b.reloading.here, b.webroots) == (False, True, ())
    assert (c.name, c.configured) == ("c", False)


def test_an_account_that_is_not_on_disk_is_lost() -> None:
    lost = a_container(PRINTED.replace("account accounts/acme.example.org/dir/3e2f", "account accounts/x/dir/ffff"))
    assert [lineage.account_found for lineage in lost.lineages][:2] == [False, True]


def test_debian_s_own_cron_file_counts_only_where_cron_runs_in_the_container() -> None:
    [without] = a_container().renewals
    assert (without.where, without.faults, without.reloading.here) == (
        "/etc/cron.d/certbot",
        ("no cron runs in the container",),
        False,
    )
    [with_cron] = a_container(PRINTED.replace("process nginx", "process cron")).renewals
    assert with_cron.faults == ()


@pytest.mark.parametrize(
    ("part", "days"),
    [
        ("cron /etc/cron.d/certbot\n|0 3 1 * * root certbot renew", 31),
        ("cron /etc/crontabs/root\n|@weekly certbot renew", 7),
        ("cron /etc/crontabs/root\n|MAILTO=x certbot renew", 0),
        ("periodic /etc/periodic/monthly/certbot\n|#!/bin/sh\n|certbot renew", 31),
        ("periodic /etc/cron.daily/certbot\n|#!/bin/sh\n|certbot renew", 1),
    ],
)
def test_how_rarely_a_renewal_in_a_container_is_due_is_known(part: str, days: int) -> None:
    lines = PRINTED.index("cron /etc/cron.d/certbot"), PRINTED.index("certbot /usr/bin/certbot")
    text = f"{PRINTED[: lines[0]]}{part}\n{PRINTED[lines[1] :]}"
    assert [renewal.gap.days for renewal in a_container(text).renewals] == [days]


def test_a_loop_that_runs_certbot_is_a_schedule() -> None:
    loop = "loop sh\n|sh -c while :; do certbot renew --deploy-hook 'nginx -s reload'; sleep 12h; done\ncertbot /usr"
    assert [
        (renewal.where, renewal.reloading.here)
        for renewal in a_container(PRINTED.replace("certbot /usr", loop)).renewals
    ][1:] == [("the process sh", True)]


def test_a_certbot_that_happens_to_run_is_no_schedule() -> None:
    once = "loop certbot\n|/usr/bin/python3 /usr/bin/certbot renew --pre-hook 'sleep 9'\ncertbot /usr"
    shell = "loop sh\n|sh -c certbot renew && nginx -s reload\ncertbot /usr"
    for running in (once, shell):
        assert len(a_container(PRINTED.replace("certbot /usr", running)).renewals) == 1


@pytest.mark.parametrize("cut", [0, 10, 200, len(PRINTED) - 2])
def test_output_that_was_cut_short_is_unobservable(cut: int) -> None:
    with pytest.raises(Unobservable):
        parse.parse(PRINTED[:cut], "id", "nginx")


@given(st.text(alphabet="|!\nabc keynginx 01/.", max_size=200))
def test_any_output_of_a_container_is_read_or_unobservable(text: str) -> None:
    with suppress(Unobservable):
        parse.parse(f"{text}\nend\n", "id", "nginx")


CHALLENGES = """# configuration file /etc/nginx/nginx.conf:
http {
    server {
        listen 80;
        location ^~ /.well-known/acme-challenge/ { root /var/www/le; }
        location / { proxy_pass http://a; }
    }
    server { listen 443 ssl; root /srv/site/; location /img { alias /srv/img; } }
}
"""


@pytest.mark.parametrize(
    ("old", "new", "roots"),
    [
        ("", "", ("/srv/img", "/srv/site/", "/var/www/le")),
        ("root /var/www/le;", "proxy_pass http://certbot;", None),
        ("root /var/www/le;", "root $webroot;", None),
        ("root /var/www/le;", "root html;", None),
        ("root /var/www/le;", "return 403;", ("/srv/img", "/srv/site/")),
    ],
)
def test_the_directories_that_nginx_serves_files_from_are_read(
    old: str, new: str, roots: tuple[str, ...] | None
) -> None:
    assert nginx.read_configuration(0, CHALLENGES.replace(old, new)).roots == roots


def cut_output(awk: tuple[str, ...], dump: str) -> str:
    """What leaves a node of a configuration."""
    words = [*awk, load_script("fleetkeeper/topics/certificates/scripts/nginx_tls.awk")]
    return subprocess.run(words, input=dump, capture_output=True, text=True, check=True, errors="replace").stdout


def sites_or_reason(text: str) -> object:
    """What a configuration says about TLS, or why it cannot be read."""
    try:
        return nginx.read_configuration(0, text).sites
    except Unobservable as why:
        return why.why


# schedules

NODE = NodeSurroundings([NGINX])
SWARM = "docker exec $(docker ps -q -f label=com.docker.swarm.service.name=rodan_nginx)"


def crontab_with(
    *lines: str, kind: str = "user", path: str = "/var/spool/cron/crontabs/root", mode: str = "600"
) -> str:
    body = "".join(f"|{line}\n" for line in lines)
    return f"uid 0 root\nfile {kind} 0 0 {mode} 1 1700000000 4 {path}\n{body}\naccount root\nend\n"


def renewals(text: str) -> list[tuple[str, tuple[str, ...], bool, tuple[str, ...], str]]:
    match = renewal_schedule.renewals_on_node(printed_schedules(text), NODE)
    return [(item.where, item.containers, item.reloading.here, item.faults, item.unclear) for item in match]


def test_an_entry_is_resolved_to_the_container_that_it_enters_now() -> None:
    line = f"25 3,15 * * * {SWARM} certbot renew -q --deploy-hook 'nginx -s reload'"
    assert renewals(crontab_with("MAILTO=ops", line)) == [
        ("/var/spool/cron/crontabs/root:2", (NGINX.id,), True, (), ""),
    ]


def test_a_shell_around_it_and_a_reload_behind_it_are_understood() -> None:
    [match] = renewals(crontab_with(f"0 4 * * * {SWARM} sh -c 'certbot renew -q && nginx -s reload'"))
    assert match[1:4] == ((NGINX.id,), True, ())


def test_faults_of_the_crontab_itself_count() -> None:
    [terminal] = renewals(crontab_with(f"0 4 * * * {SWARM.replace('exec', 'exec -it')} certbot renew"))
    assert "terminal" in terminal[3][0]
    [ignored] = renewals(
        crontab_with("0 4 * * * root certbot renew", kind="system", path="/etc/cron.d/c.bot", mode="644").replace(
            "account", "package cron 3.0pl1-162\naccount"
        )
    )
    assert "dot" in ignored[3][0]


def test_certbot_on_the_node_itself_is_told_from_certbot_in_a_container() -> None:
    [match] = renewal_schedule.renewals_on_node(
        printed_schedules(
            crontab_with("0 4 * * * root certbot renew -q", kind="system", path="/etc/crontab", mode="644")
        ),
        NODE,
    )
    assert (match.entered, match.containers, match.faults) == (False, (), ())


def test_a_container_that_cannot_be_told_is_unclear_and_not_counted() -> None:
    [match] = renewals(crontab_with("0 4 * * * docker exec $(get-container) certbot renew"))
    assert match[4]


def test_other_people_s_lines_and_comments_are_nothing_to_us() -> None:
    assert renewals(crontab_with("0 4 * * * backup --token hunter2", f"# 0 4 * * * {SWARM} certbot renew")) == []


def test_systemd_s_timer_counts_while_it_is_active() -> None:
    timer = "timer Id=certbot.timer\ntimer ActiveState={}\ntimer Unit=certbot.service\ntimer \n"
    service = "service Id=certbot.service\nservice ExecStart={ path=/usr/bin/certbot ; argv[]=/usr/bin/certbot -q renew"
    text = timer + service + " ; ignore_errors=no ; pid=0 }\nservice \naccount root\nend\n"
    assert renewals(text.replace("={}", "=active")) == [("certbot.timer", (), False, (), "")]
    assert renewals(text.replace("={}", "=inactive"))[0][3] == ("is not active",)


def test_case_22_only_no_crontab_for_is_an_empty_one() -> None:
    empty = read_own_crontab(Output(1, b"", b"no crontab for root\n", command="crontab"), Snapshot(), "x")
    assert getattr(empty, "digest", None) == "absent"
    denied = read_own_crontab(Output(1, b"", b"crontab: permission denied\n", command="crontab"), Snapshot(), "x")
    assert isinstance(denied, Unobservable)


# the inventory


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (", outside: {address: 'https://x.org'}", '"https://x.org" is not a name'),
        (", outside: {none: ''}", "is empty"),
        (", starttls: smtp", "should be 'postgres'"),
        (", outside: {adress: x}", 'did you mean "address"?'),
    ],
)
def test_a_mistake_in_one_certificate_is_told_once(policy: str, told: str) -> None:
    with pytest.raises(InventoryError) as wrong:
        make_inventory(policy)
    [problem] = wrong.value.problems
    assert told in str(wrong.value), problem


def test_no_certificate_at_all_has_to_be_said_with_a_reason() -> None:
    with pytest.raises(ValueError, match="no name is in it"):
        TypeAdapter(Policy).validate_python(())
