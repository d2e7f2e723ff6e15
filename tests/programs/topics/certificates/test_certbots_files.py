"""Certbot's files as the look into a container prints them: configurations, hooks, options and plugins."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleetkeeper.topics.certificates import node_commands, parse
from fleetkeeper.topics.certificates.facts import ContainerFiles, Lineage
from fleetkeeper.topics.certificates.reload_commands import file_effect
from fleetkeeper.transport.script_files import load_script

CONF = """version = 2.1.0
archive_dir = LE/archive/a
cert = LE/live/a/cert.pem
privkey = LE/live/a/privkey.pem
chain = LE/live/a/chain.pem
fullchain = LE/live/a/fullchain.pem
[renewalparams]
account = 3e2f
authenticator = webroot
server = https://acme.example.org/dir
"""
SHELLS = [("sh",), ("busybox", "sh")]
each_shell = pytest.mark.parametrize("shell", SHELLS, ids=" ".join)


class Certbot:
    """A directory of certbot's in place of /etc/letsencrypt, and a folder with programs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.at = folder, folder / "le"
        for part in ("cert", "privkey", "chain", "fullchain"):
            self.write(f"archive/a/{part}1.pem", "x")
            (self.at / "live/a").mkdir(parents=True, exist_ok=True)
            (self.at / f"live/a/{part}.pem").symlink_to(f"../../archive/a/{part}1.pem")
        self.configure(CONF)
        self.programs("nginx")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.at / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        file.chmod(mode)

    def configure(self, text: str, name: str = "a") -> None:
        self.write(f"renewal/{name}.conf", text.replace("LE", str(self.at)))

    def programs(self, *names: str) -> None:
        for name in names:
            program = self.folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)

    def seen(self, *words: str, shell: tuple[str, ...] = ("sh",)) -> ContainerFiles:
        return parse.parse(self.printed(*words, shell=shell), "id", "nginx")

    def printed(self, *words: str, shell: tuple[str, ...] = ("sh",)) -> str:
        script = load_script("fleetkeeper/topics/certificates/scripts/look_inside.sh")
        for own, there in (("/etc/letsencrypt", self.at), ("/etc/crontabs/", f"{self.folder}/crontabs/")):
            script = script.replace(own, str(there))
        script = script.replace("/etc/periodic/", f"{self.folder}/periodic/")
        env = {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "HOME": str(self.folder)}
        done = subprocess.run(
            (*shell, "-c", script, node_commands.MARK, *words), capture_output=True, check=True, env=env
        )
        return done.stdout.decode("utf-8", "replace")

    def lineage(self) -> Lineage:
        [lineage] = self.seen().lineages
        return lineage


@pytest.fixture
def certbot(tmp_path: Path) -> Certbot:
    return Certbot(tmp_path)


TROUBLES = {
    "it is empty": "",
    "it does not name cert": CONF.replace("cert = LE/live/a/cert.pem\n", ""),
    "it has no section [renewalparams]": CONF.partition("[")[0],
    "it names no authenticator": CONF.replace("authenticator = webroot\n", ""),
    "/live/b/chain.pem is not there": CONF.replace("live/a/chain", "live/b/chain"),
    "chain1.pem is no symbolic link into the archive": CONF.replace("live/a/chain.pem", "archive/a/chain1.pem"),
}


def test_a_configuration_that_certbot_skips_says_why(certbot: Certbot) -> None:
    for number, text in enumerate(TROUBLES.values()):
        certbot.configure(text, f"t{number}")
    troubles = {lineage.name: lineage.trouble for lineage in certbot.seen().lineages}
    for number, trouble in enumerate(TROUBLES):
        assert troubles[f"t{number}"][0].endswith(trouble)
    assert troubles["a"] == ()


HOOKS = {
    "plain": ("#!/bin/sh\nnginx -s reload\n", 0o755, True, ""),
    "without a first line": ("nginx -s reload\n", 0o755, True, ""),
    "through env": ("#!/usr/bin/env sh\nset -e\nnginx -t && nginx -s reload\n", 0o755, True, ""),
    "not executable": ("#!/bin/sh\nnginx -s reload\n", 0o644, False, "is not executable"),
    "line ends of Windows": ("#!/bin/sh\r\nnginx -s reload\r\n", 0o755, False, "(CR LF)"),
    "line ends of Windows behind the first": ("#!/bin/sh\nnginx -s reload\r\n", 0o755, False, "(CR LF)"),
    "no interpreter": ("#!/usr/bin/no-such-shell\nnginx -s reload\n", 0o755, False, "needs the interpreter"),
    "no program": ("#!/bin/sh\nrc-service nginx reload\n", 0o755, False, "needs `rc-service`, which is not there"),
    "something else": ("#!/bin/sh\ncp $RENEWED_LINEAGE/fullchain.pem /tmp/mail.pem\n", 0o755, False, "something else"),
}


@each_shell
def test_a_hook_is_a_reload_only_where_it_can_run_as_one(shell: tuple[str, ...], certbot: Certbot) -> None:
    for what, (text, mode, _, _) in HOOKS.items():
        certbot.write(f"renewal-hooks/deploy/{what}.sh", text, mode)
    certbot.write("renewal-hooks/deploy/program", "\x7fELF\0\0nginx", 0o755)
    certbot.write("renewal-hooks/deploy/old~", "#!/bin/sh\nnginx -s reload\n", 0o755)
    around = parse.parse_surroundings(parse.parse_sections(certbot.printed(shell=shell)))
    place = f"{certbot.at}/renewal-hooks/deploy"
    for what, (_, _, here, vain) in HOOKS.items():
        path = f"{place}/{what}.sh"
        reloading = file_effect(path, path, around.files[path], around)
        assert (reloading.here, reloading.unclear) == (here, ()), what
        assert [vain in sentence for sentence in reloading.vain] == ([] if here else [True]), reloading.vain
    assert file_effect("it", "it", around.files[f"{place}/program"], around).unclear
    assert f"{place}/old~" not in around.files


def test_a_hook_that_certbot_wrote_down_is_read(certbot: Certbot) -> None:
    certbot.configure(f"{CONF}renew_hook = nginx -s reload\n")
    assert certbot.lineage().reloading.here
    certbot.configure(f"{CONF}renew_hook = cp a b\n")
    assert certbot.lineage().reloading.vain == ("renew_hook in renewal/a.conf does something else",)


def test_certbot_s_own_options_are_read_where_they_matter_and_nothing_else_is_shown(certbot: Certbot) -> None:
    certbot.write(
        "cli.ini", "email = ops@example.org\ndeploy-hook = nginx -s reload\ndry-run = true\npassword = hunter2\n"
    )
    assert "hunter2" not in certbot.printed()
    around = parse.parse_surroundings(parse.parse_sections(certbot.printed()))
    assert around.ini == ("--deploy-hook=nginx -s reload", "--dry-run")


@each_shell
def test_whether_a_program_or_a_script_is_there_is_asked_by_name(shell: tuple[str, ...], certbot: Certbot) -> None:
    certbot.write("reload.sh", "#!/bin/sh\nnginx -s reload\n", 0o755)
    hooks = (f"{certbot.at}/reload.sh", f"{certbot.at}/gone.sh")
    words = (*(f"hook:{path}" for path in hooks), "my-reload", "nginx")
    around = parse.parse_surroundings(parse.parse_sections(certbot.printed(*words, shell=shell)))
    assert "my-reload" in around.absent
    assert "nginx" not in around.absent
    assert around.files[hooks[0]].text == "#!/bin/sh\nnginx -s reload\n"
    assert around.files[hooks[1]].trouble == "is not there"


def test_no_file_that_is_no_script_is_shown(certbot: Certbot) -> None:
    certbot.write("secret", "hunter2\n", 0o755)
    certbot.write("key", "#!/bin/sh\nhunter2\n", 0o600)
    assert "hunter2" not in certbot.printed(f"hook:{certbot.at}/secret", f"hook:{certbot.at}/key")


def test_a_script_that_is_not_asked_for_as_a_hook_is_not_shown(certbot: Certbot) -> None:
    certbot.write("reload.sh", "#!/bin/sh\nhunter2\n", 0o755)
    assert "hunter2" in certbot.printed(f"hook:{certbot.at}/reload.sh")
    assert "hunter2" not in certbot.printed(f"{certbot.at}/reload.sh")


@each_shell
def test_the_plugins_beside_certbot_are_listed_by_their_own_lists(shell: tuple[str, ...], certbot: Certbot) -> None:
    assert certbot.seen(shell=shell).plugins is None
    certbot.programs("certbot")
    (certbot.folder / "bin/certbot").write_text(f"#!{certbot.folder}/bin/python3\n")
    packages = certbot.folder / "lib/python3.11/site-packages"
    lists = {
        "certbot": "[certbot.plugins]\nmanual = c:M\nwebroot = c:W\n\n[console_scripts]\ncertbot = x:y\n",
        "certbot_dns_ovh": "[certbot.plugins]\ndns-ovh = certbot_dns_ovh:A\n",
        "other": "[console_scripts]\nother = other:main\n",
    }
    for name, text in lists.items():
        (packages / f"{name}-1.dist-info").mkdir(parents=True)
        (packages / f"{name}-1.dist-info/entry_points.txt").write_text(text)
    assert certbot.seen(shell=shell).plugins == ("dns-ovh", "manual", "webroot")


@each_shell
def test_what_a_cron_in_the_container_runs_is_followed_into_its_scripts(
    shell: tuple[str, ...], certbot: Certbot
) -> None:
    folder, reload = certbot.folder, "certbot renew --deploy-hook 'nginx -s reload'"
    certbot.write(
        "../crontabs/root", f"# certbot\n0 3 * * * {folder}/a.sh\n1 3 * * * sh {folder}/b\n5 5 * * * x hunter2\n"
    )
    certbot.write("../a.sh", f"#!/bin/sh\nif [ -f /on ]; then\n  {reload}\nfi\n", 0o755)
    certbot.write("../b", f"#!/bin/sh\n{reload}\n")
    certbot.write("../periodic/daily/le", f"#!/bin/sh\n{reload}\n", 0o755)
    certbot.write("../periodic/daily/le.sh", f"#!/bin/sh\n{reload}\n", 0o755)
    certbot.write("../periodic/daily/other", "#!/bin/sh\nhunter2\n", 0o755)
    printed = certbot.printed(shell=shell)
    assert "hunter2" not in printed
    renewals = parse.parse(printed.replace("end\n", "process crond\nend\n"), "id", "nginx").renewals
    found = {(item.where.rpartition("/")[2], bool(item.unclear), bool(item.faults)) for item in renewals if item.inside}
    assert {("root", True, False), ("root", False, False), ("le", False, False), ("le.sh", False, True)} <= found


@each_shell
def test_a_script_that_loops_beside_the_server_is_read(shell: tuple[str, ...], certbot: Certbot) -> None:
    certbot.write("../loop.sh", "while :; do\n  sleep 40 & wait $!\n  certbot renew && nginx -s reload\ndone\n")
    with subprocess.Popen(["sh", "-u", "loop.sh"], cwd=certbot.folder, stdout=subprocess.DEVNULL) as loop:
        renewals = certbot.seen(shell=shell).renewals
        loop.kill()
    own = [item for item in renewals if item.where == f"the process {certbot.folder}/loop.sh"]
    assert [(item.inside, item.reloading.here, item.faults, item.unclear) for item in own] == [(True, True, (), "")]
