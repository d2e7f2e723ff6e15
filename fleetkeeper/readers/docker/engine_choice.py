"""Which engine Docker's client asks, by its options, its variables and the context that a script chooses.

Sources: https://docs.docker.com/engine/manage-resources/contexts/ and https://docs.docker.com/reference/cli/docker/:
`--host` and `--context` come before DOCKER_HOST, that before DOCKER_CONTEXT, and all before the context that `docker
context use` stores. The node says which sockets are those of its engine (`own_sockets`): one decision for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleetkeeper.readers.docker.client_options import CLIENTS, GLOBAL_VALUES
from fleetkeeper.readers.shell.options import after_options, attached_option
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.words import Part, Word, literal_text

ELSEWHERE = "it talks to another Docker engine"
SOCKET = "unix://"


@dataclass(frozen=True)
class EngineChoice:
    """Which engine a command asks. `why`: it may be another than the node's own, "" where it is not.

    `made`: the command itself says which, so that what its account has chosen does not count.
    """

    why: str = ""
    made: bool = False


ACCOUNT_S = EngineChoice()
"""Nothing was chosen: the account's own settings decide."""


def engine_choice(settings: Mapping[str, Word], options: Sequence[Word], around: Surroundings) -> EngineChoice:
    """The engine that a client asks with these variables, and options before its verb.

    What is not plain text may be anything. Asks the node, through `around`, what other settings than the account's say.
    """
    host, context, config = (attached_option(options, *names) for names in (HOST, CONTEXT, CONFIG))
    if (host and context) or {"-r", "--remote"} & {literal_text(word) for word in options}:
        return EngineChoice(ELSEWHERE, made=True)
    if not host and not context:
        host, context = variable(settings, "DOCKER_HOST"), variable(settings, "DOCKER_CONTEXT")
    if host:
        return by_host(host, around)
    return by_context(context) if context else by_settings(config or settings_directory(settings), around)


def settings_directory(settings: Mapping[str, Word]) -> Word:
    """The directory of a client's config.json that these variables choose; () where they leave it to the account."""
    home = variable(settings, "HOME")
    return variable(settings, "DOCKER_CONFIG") or ((*home, Part("text", "/.docker")) if home else ())


HOST, CONTEXT, CONFIG = ("-H", "--host", "--url"), ("-c", "--context", "--connection"), ("", "--config")


def variable(settings: Mapping[str, Word], name: str) -> Word | None:
    """The value of a variable that is set to something, or may be; None for any other."""
    value = settings.get(name)
    return value if value is not None and literal_text(value) != "" else None


def by_host(host: Word, around: Surroundings) -> EngineChoice:
    """The choice of a host: a socket of the node's engine, or any other place."""
    text = literal_text(host) or ""
    own = text.startswith(SOCKET) and text.removeprefix(SOCKET) in around.sockets
    return EngineChoice("" if own else ELSEWHERE, made=True)


def by_context(context: Word) -> EngineChoice:
    """The choice of a context by its name: `default` is the engine of the node."""
    return EngineChoice("" if literal_text(context) == "default" else ELSEWHERE, made=True)


def by_settings(directory: Word, around: Surroundings) -> EngineChoice:
    """The choice of what a directory of settings says; an open one without any, and before the node could be asked."""
    endpoint = around.engine_by((literal_text(directory) or "").replace("//", "/")) if directory else None
    if endpoint is None and (not directory or around.user is None):
        return ACCOUNT_S
    if endpoint is None:
        return EngineChoice("which Docker engine it asks cannot be told", made=True)
    return EngineChoice(f"{ELSEWHERE}: {endpoint[:100]}" if endpoint else "", made=True)


def chosen_context(words: Sequence[Word]) -> str | None:
    """The context that `docker context use` with these words stores for what follows; None for any other command.

    `?` for one that is a variable.
    """
    if not words or (literal_text(words[0]) or "").rpartition("/")[2] not in CLIENTS:
        return None
    rest = after_options(words[1:], GLOBAL_VALUES)
    if [literal_text(word) for word in rest[:2]] != ["context", "use"] or len(rest) < 3:
        return None
    return literal_text(rest[2]) or "?"
