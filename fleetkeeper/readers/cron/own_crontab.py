"""The crontab that we may edit: that of the account itself, root's when we are root."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from fleetkeeper.readers.cron.crontab import MOST_LINES, parse
from fleetkeeper.readers.cron.crontab_files import body
from fleetkeeper.readers.cron.snapshot import Snapshot, SnapshotFile
from fleetkeeper.readers.marked_blocks import BlockError, block_lines
from fleetkeeper.transport.commands import Output, Unobservable


@dataclass(frozen=True)
class Crontab:
    """An account's own crontab.

    `digest` is the SHA-256 (hex) of the output of `crontab -l`, or `absent`. `block` are our own lines in it, None when
    there is no block. `trouble` is why it cannot be edited usefully (e.g. cron ignores the whole of it), "" when it
    can.
    """

    account: str = "root"
    digest: str = "absent"
    block: tuple[str, ...] | None = None
    trouble: str = ""


ROOT_HAS_NONE = Crontab()


def read_own_crontab(own: Output, printed: Snapshot, mark: str) -> Crontab | Unobservable:
    """The crontab that `crontab -l` printed (`own`), with the block of that mark, or why it is unknown.

    `printed` says whose it is (`account`), and has its file, where that was read, to compare with.
    "no crontab for" is an empty one; every other failure is not (case 22). With broken marks it has no block, and
    `trouble` says so. Nothing is raised for a failure of the command; Unobservable for a newer version's mark is in
    `trouble` too.
    """
    account = printed.one("account")
    if own.rc == 127:
        return Unobservable("there is no crontab command on this node", "install cron")
    if own.rc == 1 and b"no crontab for" in own.err and not own.out:
        return Crontab(account)
    try:
        own.text()
    except Unobservable as why:
        return why
    try:
        lines, marks = block_lines(own.out, mark), ""
    except BlockError as odd:
        lines, marks = None, str(odd)
    return Crontab(account, sha256(own.out).hexdigest(), lines, marks or why_not_editable(own.out, spooled(printed)))


def spooled(printed: Snapshot) -> SnapshotFile | None:
    """The file of the crontab of `account`, which the snapshot names; None when it was not read."""
    places = [file for file in printed.files if file.kind == "user" and file.name == printed.one("account")]
    return places[0] if places else None


def why_not_editable(content: bytes, file: SnapshotFile | None) -> str:
    """Why this crontab cannot be edited usefully; "" when it can. `content` is the output of `crontab -l`.

    `file` is the crontab's own, to be compared with that; None, where it was not read, is no reason. That is so for a
    line or an end that cron does not take, one too long to be read or installed, and for what `crontab -l` hides.
    """
    table = parse(content, system=False)
    if table.problems:
        return f"cron ignores the whole crontab for its line {table.problems[0].line} ({table.problems[0].why})"
    if table.lines > MOST_LINES:
        return f"crontab(1) does not install one with more than {MOST_LINES} lines"
    if table.unread:
        return f"it is larger than what is read here (from line {table.unread} on)"
    if table.unended:
        return "cron ignores the whole crontab, since its last line does not end with a newline"
    return "" if file is None else hidden_part(body(file), content)


def hidden_part(held: bytes, listed: bytes) -> str:
    """What `crontab -l` does not print of a crontab's file, and an edit would therefore lose; "" when it prints all.

    `held` is the file's content, `listed` what `crontab -l` printed.

    >>> hidden_part(b"# a\\n1 1 * * * x\\n", b"1 1 * * * x\\n")
    '`crontab -l` does not show all of it: its first comment lines would be lost'
    """
    if held == listed:
        return ""
    lost = held.removesuffix(listed)
    if lost != held and all(line.startswith(b"#") for line in lost.split(b"\n")[:-1]):
        # Debian's `crontab -l` leaves out three leading comment lines, its own or not.
        return "`crontab -l` does not show all of it: its first comment lines would be lost"
    if held.replace(b"\r", b"") == listed.replace(b"\r", b""):
        return "its lines end with carriage returns, which `crontab -l` does not show as they are"
    return "`crontab -l` does not show what its file holds"
