"""What a fault is."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.engine import Engine


@dataclass(frozen=True)
class Fault:
    """One way in which the lab can be broken, and how it is made whole again.

    `numbers` are those of the CIS Docker Benchmark, edition 1.8, that it breaks.
    """

    description: str
    break_: Callable[[Engine], None]
    mend: Callable[[Engine], None]
    numbers: tuple[str, ...] = ()
