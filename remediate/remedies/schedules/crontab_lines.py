"""Lines that we install in a node's crontab: made of constants, of the inventory, and of names in their closed form.

Text of a node comes in as names that `installed_word` accepts, or as members of a closed set; with anything else no
line is made, and the plan is for a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleetkeeper.inventory.units import count_of
from fleetkeeper.readers.cron.crontab import BLANKS, LONGEST_COMMAND, escape_command, parse
from fleetkeeper.readers.docker.labels import COMPOSE_PROJECT, COMPOSE_SERVICE, SWARM_SERVICE
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.untrusted import Untrusted, installed_word, is_shown, one_line, one_of, shell_word
from remediate.plan import ForAPerson
from remediate.remedies.schedules.line_forms import CERTBOTS, DOCKERS, is_installed_form

CANNOT_BE_INSTALLED = "write the line yourself, or give it a plain name"


def crontab_line(times: str, command: str) -> str:
    """One line of a crontab that runs `command`, a script of /bin/sh, with `%` escaped as cron requires.

    `times` are the five fields. Raises Untrusted when cron would not take it, or when it holds what does not show.
    """
    times = " ".join(times.split())
    line = f"{times} {escape_command(command)}"
    if not all(map(is_shown, line)):
        raise Untrusted(f"the line would hold a character that does not show: {one_line(line)[:200]}")
    if len(escape_command(command).encode()) > LONGEST_COMMAND:
        raise Untrusted(f"the line would be longer than the {LONGEST_COMMAND} bytes that cron takes")
    read = parse(f"{line}\n".encode(), system=False)
    if (
        len(BLANKS.split(times)) != 5
        or read.problems
        or [job.command for job in read.jobs] != [escape_command(command)]
    ):
        raise Untrusted(f"cron would read another line than this: {one_line(line)[:200]}")
    return line


def lines_of_others(block: Sequence[str] | None, command: str = "") -> tuple[str, ...]:
    """The lines between marks of ours that are none of ours: somebody has put them there, or changed ours.

    Ours is one line that we install, or have installed, for this `command` of a backup; a second is somebody's.

    >>> lines_of_others(["0 3 * * * /root/pay-the-bills"])
    ('0 3 * * * /root/pay-the-bills',)
    """
    ours = next((number for number, line in enumerate(block or ()) if is_installed_form(line, command)), None)
    return tuple(line for number, line in enumerate(block or ()) if number != ours)


def foreign_lines_answer(others: Sequence[str], node: str) -> ForAPerson:
    """The answer for lines of `others` between our marks on that node: a person moves them out."""
    return ForAPerson(
        f"{count_of(len(others), 'line')} between the marks of fleetkeeper in root's crontab on {node} "
        f"{'is' if len(others) == 1 else 'are'} somebody's own, changed by hand, or made for another backup command",
        "move what is yours out of the marks, take out the rest there (`sudo crontab -e`), then look again",
    )


def docker_client(paths: Iterable[str]) -> str:
    """The path of docker's client for a line, the usual place first, among `paths` of the node. `docker` without any.

    Raises Untrusted when it is in no place that is known here.

    >>> docker_client(("/bin/docker", "/usr/bin/docker")), docker_client(())
    ('/usr/bin/docker', 'docker')
    """
    present = list(paths)
    match = next((path for path in DOCKERS if path in present), None)
    return match or (one_of(present[0], DOCKERS, "the path of docker") if present else "docker")


def certbot_path(path: str) -> str:
    """`path`, the certbot of a container, for a line. Raises Untrusted when it is none of CERTBOTS."""
    return one_of(path, CERTBOTS, "the path of certbot in the container")


def filter_options(container: Container) -> str:
    """The options of `docker ps` that find the containers of this service and of no other, as shell text.

    Raises Untrusted as `container_filters` does.

    >>> filter_options(Container("4f", "a.b"))
    "--filter 'name=^/a[.]b$'"
    """
    return " ".join(f"--filter {shell_word(container_filter)}" for container_filter in container_filters(container))


def container_filters(container: Container) -> list[str]:
    """The filters of `docker ps` that find the containers of this service and of no other.

    An image brings labels of its own: the swarm's label counts only where the container's name, which no image
    chooses, is that of a task of it. Raises Untrusted where the two do not agree, and for names that are not plain.
    That of the name for a container of neither swarm nor Compose.
    """
    swarm, compose = container.label(SWARM_SERVICE), container.label(COMPOSE_SERVICE)
    if swarm:
        if not container.swarm_service:
            raise Untrusted(
                f"{one_line(container.name)} has the label {SWARM_SERVICE} of {one_line(swarm[:60])}, and its name is "
                "none of a task of it: the label may come from its image"
            )
        return [f"label={SWARM_SERVICE}={installed_word(swarm, 'the name of its swarm service')}"]
    if compose:
        project = installed_word(container.label(COMPOSE_PROJECT), "the name of its Compose project")
        service = installed_word(compose, "the name of its Compose service")
        return [f"label={COMPOSE_PROJECT}={project}", f"label={COMPOSE_SERVICE}={service}"]
    name = installed_word(container.name, "the name of the container")
    return [f"name=^/{name.replace('.', '[.]')}$"]
