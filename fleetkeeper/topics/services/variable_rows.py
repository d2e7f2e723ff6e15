"""The lines of `digest_variables.sh`: names of variables, each with a digest of its value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fleetkeeper.transport.commands import Unobservable

DIGEST = re.compile(r"([0-9a-f]{64})  /dev/fd/([3-9])")
VARIABLE = re.compile(r'([0-9a-z]{1,64})([=?]?) (".*)')
FIRST_DESCRIPTOR = 3


@dataclass(frozen=True)
class VariableRow:
    """A variable of a service or container, whose id is `owner`. `mark` is what the script wrote behind the id.

    `is_set`: it has a value, which may be empty. `digest` is that of its JSON text.
    """

    owner: str
    name: str
    mark: str
    is_set: bool
    digest: str = ""


def variable_rows(rows: Sequence[str]) -> Iterator[VariableRow]:
    """The variables with a digest in the lines of an answer, other lines passed over.

    Raises Unobservable for a name that is no JSON.

    >>> digests = [f"{'0' * 64}  /dev/fd/{number}" for number in range(3, 10)]
    >>> [(row.name, row.mark, row.is_set) for row in variable_rows(['s1 "TAG', 's1= "A B"', *digests])]
    [('TAG', '', True), ('A B', '=', False)]
    """
    batch: list[VariableRow] = []
    digested = False
    for row in rows:
        if digest := DIGEST.fullmatch(row):
            digested, index = True, int(digest[2]) - FIRST_DESCRIPTOR
            if index < len(batch):
                yield replace(batch[index], digest=digest[1])
        elif variable := VARIABLE.fullmatch(row):
            name, is_set = variable_name(variable[3])
            batch = [*([] if digested else batch), VariableRow(variable[1], name, variable[2], is_set)]
            digested = False


def variable_name(text: str) -> tuple[str, bool]:
    """The name of a variable from the beginning of its JSON text, or all of it, and whether a value follows.

    Raises Unobservable for no JSON.

    >>> variable_name('"A B'), variable_name('"A"')
    (('A B', True), ('A', False))
    """
    for whole, is_set in ((f'{text}"', True), (text, False)):
        try:
            return str(json.loads(whole)), is_set
        except ValueError:
            continue
    raise Unobservable("the name of a variable is no JSON")
