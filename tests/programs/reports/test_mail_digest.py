"""The mail of a night, handed to programs that take it as sendmail does."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes, policy
from pathlib import Path
from types import SimpleNamespace

import pytest

from fleetkeeper.inventory.load import InventoryError
from fleetkeeper.inventory.mail_policy import MailDigest
from fleetkeeper.inventory.owners import Person
from fleetkeeper.reports.history import Memory, compare_findings
from fleetkeeper.reports.issue_run import send_to_mail
from fleetkeeper.reports.mail_digest import MOST_LINES, hand_to_sendmail
from fleetkeeper.topics.registry import load_inventory
from tests.programs.reports.test_heartbeat import INVENTORY
from tests.pure.reports.test_history import make_finding, make_item

SECRET = "mail-canary-31c9"
PROGRAM = """#!/bin/sh
number=$(ls {folder} | wc -l); printf '%s\\n' "$@" > {folder}/$number.arguments; env > {folder}/$number.environment
cat > {folder}/$number.mail; exit {status}
"""
"""Takes a mail as sendmail does, and keeps it with its arguments and environment."""


class MailNights:
    """Whole audits of one inventory, one after the other, whose mails are kept in files."""

    def __init__(self, folder: Path, say: str = "rule") -> None:
        self.folder, self.memory, self.number = folder, Memory(), 0
        self.mails = folder / "mails"
        self.mails.mkdir()
        self.program = folder / "sendmail"
        self.take_mails(0)
        fields = {"to": ["ops@example.org"], "from": "audit@example.org", "program": str(self.program), "say": say}
        self.inventory = SimpleNamespace(
            name="lab",
            path="/lab.yml",
            waivers=(),
            people={"web": Person(mail="web@example.org"), "dba": Person(mail="-oQ/tmp x"), "ops": Person()},
            mail_digest=MailDigest.model_validate_json(json.dumps(fields)),
        )

    def take_mails(self, status: int) -> None:
        self.program.write_text(PROGRAM.format(folder=self.mails, status=status))
        self.program.chmod(0o755)

    def audit(self, *nodes: str, day: int = 0, owner: str = "web", **more: str) -> str:
        self.number = day or self.number + 1
        now = f"2026-11-{self.number:02}T03:00:00+00:00"
        findings = [make_finding(node=node, owner=owner, **more) for node in nodes]
        items = [make_item(*findings, kind="service", promise="Backups are fresh.")]
        changes = compare_findings("lab", items, self.memory, now)
        self.memory = Memory(now, (*changes.new, *changes.old, *changes.unseen), changes.rules, changes.reminded)
        return send_to_mail(self.folder, self.inventory, changes, items)  # type: ignore[arg-type]

    def sent(self) -> list[tuple[str, str]]:
        """Subject and text of each mail."""
        paths = sorted(self.mails.glob("*.mail"), key=lambda path: int(path.stem))
        messages = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
        return [(message["Subject"], message.get_content()) for message in messages]


@pytest.fixture
def nights(tmp_path: Path) -> MailNights:
    return MailNights(tmp_path)


def test_a_mail_says_what_is_new_and_gone_and_there_is_none_when_nothing_changed(nights: MailNights) -> None:
    assert [nights.audit("a"), nights.audit("a"), nights.audit("a", "b"), nights.audit("b")] == [""] * 4
    subjects, texts = zip(*nights.sent(), strict=True)
    assert subjects == (
        "fleetkeeper lab: 1 finding open on day one",
        "fleetkeeper lab: 1 new",
        "fleetkeeper lab: 1 gone",
    )
    assert texts[0].startswith(
        "web\n  new        backups.are_fresh [postgres]: Backups are fresh. (since 2026-11-01)\n"
    )
    assert "  gone       backups.are_fresh [postgres]: Backups are fresh. (judged again without it)" in texts[2]


def test_what_comes_back_is_new_again(nights: MailNights) -> None:
    for nodes in ((), ("a",), (), ("a",)):
        assert nights.audit(*nodes) == ""
    assert [subject for subject, _ in nights.sent()] == [
        "fleetkeeper lab: 1 new",
        "fleetkeeper lab: 1 gone",
        "fleetkeeper lab: 1 new",
    ]


def test_once_a_week_it_says_what_is_still_red_and_since_when(nights: MailNights) -> None:
    for day in range(1, 23):
        assert nights.audit("a", day=day) == ""
    subjects = [subject for subject, _ in nights.sent()]
    assert subjects == ["fleetkeeper lab: 1 finding open on day one", *["fleetkeeper lab: 1 still red"] * 3]
    assert "still red  backups.are_fresh [postgres]: Backups are fresh. (since 2026-11-01)" in nights.sent()[1][1]


def test_a_mail_that_was_not_taken_is_said_and_comes_with_the_next_night(nights: MailNights) -> None:
    nights.audit()
    nights.take_mails(75)
    assert nights.audit("a") == f"mail: the digest was not sent: {nights.program} ended with 75"
    nights.program.unlink()
    assert nights.audit("a", "b").endswith("sendmail: no such file or directory")
    nights.take_mails(0)
    for path in nights.mails.iterdir():
        path.unlink()
    assert nights.audit("a", "b") == ""
    assert [subject for subject, _ in nights.sent()] == ["fleetkeeper lab: 2 new"]


def test_it_is_grouped_by_owner_and_each_of_them_gets_it(nights: MailNights) -> None:
    nights.audit()
    nights.audit("a", owner="web")
    nights.audit("a", "b", owner="dba")
    texts = [text for _, text in nights.sent()]
    assert texts[0].startswith("web\n")
    assert texts[1].startswith("dba\n")
    arguments = [path.read_text().splitlines() for path in sorted(nights.mails.glob("*.arguments"))]
    assert arguments[0] == ["-oi", "-f", "audit@example.org", "--", "ops@example.org", "web@example.org"]
    assert arguments[1][-1] == "ops@example.org", "what is no address is no argument"


def test_a_mail_names_no_host_unless_asked_and_no_secret_reaches_the_program(
    nights: MailNights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_TOKEN", SECRET)
    for number, say in enumerate(("rule", "all")):
        nights.inventory.mail_digest = nights.inventory.mail_digest.model_copy(update={"say": say})
        assert nights.audit(*["host-7"] * (number + 1), saw="x\nSubject: hostile\x1b[31m\ud800") == ""
    first, second = (text for _, text in nights.sent())
    assert "host-7" not in first
    assert "node: host-7" in second
    assert "x\\nSubject: hostile\\x1b[31m" in second
    written = b"".join(path.read_bytes() for path in nights.folder.rglob("*") if path.is_file())
    assert SECRET.encode() not in written


def test_a_mail_of_ten_thousand_findings_is_short(nights: MailNights) -> None:
    nights.audit()
    assert nights.audit(*(f"n{number}" for number in range(10_000))) == ""
    [(subject, text)] = nights.sent()
    assert subject == "fleetkeeper lab: 10000 new"
    assert MOST_LINES < len(text.splitlines()) < MOST_LINES + 10
    assert "more lines" in text
    assert nights.audit(*(f"n{number}" for number in range(10_000))) == ""
    assert len(nights.sent()) == 1


def test_a_program_that_hangs_is_ended(nights: MailNights) -> None:
    nights.program.write_text("#!/bin/sh\nsleep 60 & wait\n")
    began = time.monotonic()
    trouble = hand_to_sendmail(nights.inventory.mail_digest, ["ops@example.org"], b"x", patience=0.4)
    assert trouble.endswith("took longer than 0.4 s")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{to: []}", "to"),
        ("{to: ['-oQ/tmp']}", "to"),
        ("{to: ['a@b.org, c@d.org']}", "to"),
        ('{to: ["a@b.org\\nBcc: c"]}', "to"),
        ("{to: [ops], from: '-f'}", "from"),
        ("{to: [ops], program: sendmail}", "program"),
        ("{to: [ops], says: all}", "says"),
    ],
)
def test_a_typo_in_mail_digest_is_said_with_file_and_line(tmp_path: Path, written: str, words: str) -> None:
    with pytest.raises(InventoryError, match=r"a\.yml:6") as refused:
        load_inventory(tmp_path / "a.yml", f"{INVENTORY}mail_digest: {written}\n")
    assert words in str(refused.value)


class SmtpServer:
    """A server that takes one mail after the other, as RFC 5321 says, and keeps recipients and text."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.recipients: list[str] = []
        self.text = b""
        threading.Thread(target=self.take_mails, daemon=True).start()

    def take_mails(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                with connection, connection.makefile("rwb", buffering=0) as stream:
                    self.take_mail(stream)

    def take_mail(self, stream) -> None:  # type: ignore[no-untyped-def]
        stream.write(b"220 test\r\n")
        while line := stream.readline():
            word = line.strip().upper()
            if word.startswith(b"RCPT"):
                self.recipients.append(line.decode().strip())
            if word == b"DATA":
                stream.write(b"354 go on\r\n")
                while (text := stream.readline()) not in (b".\r\n", b""):
                    self.text += text
            stream.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    server = SmtpServer()
    yield server
    server.listening.close()


@pytest.mark.skipif(not shutil.which("msmtp"), reason="no msmtp here: apt-get install msmtp")
def test_msmtp_takes_it_as_sendmail_does(nights: MailNights, smtp: SmtpServer) -> None:
    settings = nights.folder / "msmtprc"
    settings.write_text(
        f"account default\nhost 127.0.0.1\nport {smtp.port}\nauth off\ntls off\nfrom audit@example.org\n"
    )
    settings.chmod(0o600)
    nights.program.write_text(f'#!/bin/sh\nexec {shutil.which("msmtp")} -C {settings} "$@"\n')
    nights.audit()
    assert nights.audit("a") == ""
    assert smtp.recipients == ["RCPT TO:<ops@example.org>", "RCPT TO:<web@example.org>"]
    message = message_from_bytes(smtp.text, policy=policy.default)
    assert message["Subject"] == "fleetkeeper lab: 1 new"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().startswith("web\r\n")
