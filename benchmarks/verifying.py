"""How much longer than `gzip -dc | tail` the proof of a dump takes, and how much memory: ≤ 1.3 times, and constant.

`python benchmarks/verifying.py 1300` makes a dump of about that many megabytes (compressed) in a temporary directory.
"""

from __future__ import annotations

import gzip
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fleetkeeper.topics.backups.completeness import parse_verified, verify_command
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.transport.commands import Output

NAME = "backup_2026_01_02T00_00_00.sql.gz"
ROUNDS = 3
MOST = 64 * 1024
"""KiB of address space that each process of the proof may have: more, and it is killed."""
BOUND = ("sh", "-c", f'ulimit -v {MOST}; exec "$@"', "sh")


def dump_text(seed: int) -> Iterator[bytes]:
    """A table of rows as they are in a dump: numbers, times, JSON."""
    dice = random.Random(seed)  # noqa: S311
    yield b"COPY public.t%d (id, a, b) FROM stdin;\n" % seed
    for row in range(200_000):
        yield b'%d\t%x\t2026-01-02 12:00:00\t{"path": "/data/%x", "status": %d}\n' % (
            *(row, dice.getrandbits(96), dice.getrandbits(40), row % 5),
        )
    yield b"\\.\n\n"


def make_dump(path: Path, megabytes: int) -> None:
    """A whole dump of several gzip members, as large as asked for."""
    member = gzip.compress(b"".join(dump_text(1)), 6)
    with path.open("wb") as dump:
        dump.write(gzip.compress(b"--\n-- PostgreSQL database dump\n--\n\n"))
        while dump.tell() < megabytes * 10**6:
            dump.write(member)
        dump.write(gzip.compress(b"--\n-- PostgreSQL database dump complete\n--\n\n"))


def time_command(words: tuple[str, ...]) -> tuple[float, float, bytes]:
    """Seconds on the wall, seconds of processors (which a busy machine does not change much), and what was printed."""
    start, used = time.monotonic(), processor_seconds()
    done = subprocess.run(words, capture_output=True, check=True)
    return time.monotonic() - start, processor_seconds() - used, done.stdout


def processor_seconds() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def main() -> None:
    """Print both times of each round, the ratios of the medians, and the largest process."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, NAME)
        make_dump(path, int(sys.argv[1]) if len(sys.argv) > 1 else 200)
        seen = path.stat()
        file = File(NAME, seen.st_size, seen.st_mtime, seen.st_ino)
        command = verify_command(directory, [file], "sql.gz")
        plain, proof = [], []
        for _ in range(ROUNDS):
            plain.append(time_command(("sh", "-c", 'gzip -dc "$1" | tail', "sh", str(path)))[:2])
            seconds, used, answer = time_command(BOUND + command.words)
            proof.append((seconds, used))
            print(f"gzip | tail {plain[-1][0]:.1f} s, proof {seconds:.1f} s")  # noqa: T201
        [match] = parse_verified(Output(0, answer), [file])
        wall, cpu = (sorted(column)[ROUNDS // 2] for column in zip(*proof, strict=True))
        wall_plain, cpu_plain = (sorted(column)[ROUNDS // 2] for column in zip(*plain, strict=True))
        size = seen.st_size / 10**6
        ratios = f"{wall / wall_plain:.2f} times gzip alone ({cpu / cpu_plain:.2f} times its processor time)"
        print(f"{size:.0f} MB: {match.state}; {ratios}, no process above {MOST >> 10} MiB")  # noqa: T201


if __name__ == "__main__":
    main()
