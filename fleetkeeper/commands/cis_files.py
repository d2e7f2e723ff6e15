"""`fleetkeeper cis --stack FILE`: sections 4 and 5 of the benchmark from files, without any server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fleetkeeper.exit_codes import Exit, worst_exit
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.search import find_inventory
from fleetkeeper.readers.compose.document import LARGEST_BYTES, ComposeFileError, read_compose
from fleetkeeper.readers.docker.dockerfile import Dockerfile, DockerfileError, read_dockerfile
from fleetkeeper.topics import registry
from fleetkeeper.topics.benchmark.files.judged_files import (
    FileRequest,
    GivenFile,
    JudgedFile,
    judge_dockerfile,
    judge_stack,
)
from fleetkeeper.topics.benchmark.files.statements import HERE
from fleetkeeper.untrusted import one_line

FILES = "files"
WITHOUT_SERVERS = f"""
nodes: {{{HERE}: {{connection: local}}}}
services: {{none: files are judged}}
backups: {{none: files are judged}}
certificates: {{none: files are judged}}
"""


@dataclass(frozen=True)
class GivenFiles:
    """The files of one call, as they were given."""

    stacks: tuple[Path, ...] = ()
    composes: tuple[Path, ...] = ()
    dockerfiles: tuple[Path, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return (*self.stacks, *self.composes, *self.dockerfiles)


def request_about_files(hosts: str | None, edition: str | None, level: str | None, *, strict: bool) -> FileRequest:
    """What is asked of files: by the inventory, if it is named, else edition 1.8 and level 1.

    Raises UsageError for an inventory that does without the benchmark.
    """
    plain = registry.load_inventory(Path(FILES), WITHOUT_SERVERS)
    inventory = registry.load_inventory(find_inventory(hosts)) if hosts else plain
    policy = inventory.wanted_benchmark.asked_for(edition, level)
    request = inventory.model_copy(update={"benchmark": policy, "nodes": plain.nodes})
    return FileRequest(as_inventory(request), datetime.now(UTC), strict)


def as_inventory(inventory: object) -> Inventory:
    """The same inventory, which pydantic copies as what it is."""
    assert isinstance(inventory, Inventory)
    return inventory


def judge_files(given: GivenFiles, request: FileRequest) -> list[JudgedFile]:
    """What each file says. One that cannot be read is said to be unread, with its line."""
    builds: dict[Path, Dockerfile] = {}
    judged: list[JudgedFile] = []
    for path in given.dockerfiles:
        try:
            builds[path.resolve()] = dockerfile = read_dockerfile(bounded_content(path))
            judged.append(judge_dockerfile(str(path), dockerfile, request))
        except (DockerfileError, OSError) as why:
            judged.append(unread_file(path, why))
    for path in (*given.stacks, *given.composes):
        try:
            document = read_compose(bounded_content(path))
            file = GivenFile(str(path), document, path in given.stacks, os.environ, builds)
            judged.append(judge_services(file, request))
        except (ComposeFileError, OSError) as why:
            judged.append(unread_file(path, why))
    return sorted(judged, key=lambda file: [str(path) for path in given.paths].index(file.path))


def judge_services(file: GivenFile, request: FileRequest) -> JudgedFile:
    """What a stack or Compose file says. Raises ComposeFileError for one without services."""
    if not file.document.mapping("services"):
        raise ComposeFileError(1, "there are no services in it")
    return judge_stack(file, request)


def bounded_content(path: Path) -> bytes:
    """The content of a file, of which at most one byte more than is allowed is read. Raises OSError."""
    with path.open("rb") as file:
        return file.read(LARGEST_BYTES + 1)


def unread_file(path: Path, why: ComposeFileError | DockerfileError | OSError) -> JudgedFile:
    """The result for a file that cannot be read."""
    line, what = (1, why.strerror or str(why)) if isinstance(why, OSError) else (why.line, why.what)
    return JudgedFile(str(path), unread=True, problem=(line, what))


def exit_code_of_files(files: Sequence[JudgedFile]) -> Exit:
    """Something in a file could not be read, something is wrong that counts, or neither."""
    wrong = any(placed.counts for file in files for placed in file.open)
    reasons = ((wrong, Exit.FINDINGS_REMAIN), (any(file.unread for file in files), Exit.NOT_ALL_SEEN))
    return worst_exit(code for applies, code in reasons if applies)


def finding_lines(files: Sequence[JudgedFile]) -> Iterator[str]:
    """A line for each open finding, `FILE:LINE: WHAT`, as compilers print them, and for each file that is unread."""
    for file in files:
        if file.problem:
            yield one_line(f"{file.path}:{file.problem[0]}: unknown: {file.problem[1]}")
        for placed in file.open:
            kind = "" if placed.counts else "warning: "
            yield one_line(f"{file.path}:{placed.line}: {kind}{placed.finding.saw}; {placed.finding.want}")


def write_sarif(path: Path, given: GivenFiles, files: Sequence[JudgedFile], now: datetime) -> None:
    """Write what is open in the files as SARIF.

    Raises UsageError for a file that is in no repository, OSError where it cannot be written.
    """
    from fleetkeeper.reports.file_sarif import files_sarif
    from fleetkeeper.reports.results import write_results
    from fleetkeeper.reports.sarif import uri_in_repository

    uris = {str(each): uri_in_repository(each) for each in given.paths}
    write_results(path, files_sarif(files, uris, registry.RULES, now, exit_code_of_files(files)))
