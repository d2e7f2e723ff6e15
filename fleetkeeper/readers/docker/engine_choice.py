"""Which engine Docker's client asks, by the variables that a command gets and the context that a script chooses.

Source: https://docs.docker.com/engine/manage-resources/contexts/: DOCKER_HOST comes before DOCKER_CONTEXT, and both
before the context that `docker context use` stores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleetkeeper.readers.docker.client_options import CLIENTS, GLOBAL_VALUES
from fleetkeeper.readers.shell.options import after_options
from fleetkeeper.readers.shell.script_state import ExecutedCommand
from fleetkeeper.readers.shell.words import Word, literal_text

OWN_SOCKET = re.compile(r"unix:///(?:var/)?run/docker\.sock")
ELSEWHERE = "it talks to another Docker engine"


def other_engine(command: ExecutedCommand) -> str:
    """Why a command of Docker's client may ask another engine than the node's own, by its variables; "" if it does not.

    A variable that is not known may hold anything.
    """
    host, context = (command.settings.get(name) for name in ("DOCKER_HOST", "DOCKER_CONTEXT"))
    if host and (text := literal_text(host)) != "":
        return "" if text is not None and OWN_SOCKET.fullmatch(text) else ELSEWHERE
    return ELSEWHERE if context and literal_text(context) not in ("", "default") else ""


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
