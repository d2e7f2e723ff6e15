"""Whether a condition of a script is met: yes, no, or not to be told; with the words for a person."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Truth:
    """Whether something is so: True, False, or None where that cannot be told; `why` is the reason, for a person.

    `expected`: it is a program that was not asked, and succeeds when all goes well. `returns`, where it says that a
    script ends: it is by `return`, which ends only a function or a file; that it leaves a loop: only this turn of it.
    """

    value: bool | None
    why: str = ""
    expected: bool = False
    returns: bool = False


YES, NO = Truth(True), Truth(False)


def both(first: Truth, second: Truth) -> Truth:
    """Whether both are so: the first that is not is the result, else the first that cannot be told.

    >>> both(YES, Truth(None, "who knows")).why, both(Truth(None), Truth(False, "it is off")).why
    ('who knows', 'it is off')
    """
    decided = next((truth for value in (False, None) for truth in (first, second) if truth.value is value), None)
    if decided is None:
        decided = second if not first.why else first
    returns = decided.value is not False and (first.returns or second.returns)
    return decided if decided.returns is returns else replace(decided, returns=returns)


def either(first: Truth, second: Truth) -> Truth:
    """Whether one of the two is so: the first that is decides, else the first that cannot be told."""
    if {first.value, second.value} == {None} and first.returns is not second.returns:
        return replace(first, returns=False)
    for value in (True, None):
        for truth in (first, second):
            if truth.value is value:
                return truth
    return second


def opposite(truth: Truth) -> Truth:
    """Whether it is not so; the reason stays the same. What cannot be told stays so."""
    return truth if truth.value is None else replace(truth, value=not truth.value)
