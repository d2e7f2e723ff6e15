"""The base image of everything in the lab: Debian bookworm, from whatever this machine can reach.

No registry may be reachable. What the machine has is taken first, then a minimal Debian is made from the machine's
own package sources, then one short pull is tried. The machine's certificates and package settings are laid on top, so
that builds reach what the machine reaches; they stay in images on this machine.
"""

import os
import shutil
import tempfile
from pathlib import Path

from lab.engine import Engine
from lab.names import BASE, PREFIX
from lab.shell import run, step

ORIGIN = f"{PREFIX}/origin:latest"
ON_THE_MACHINE = ("debian:bookworm-slim", "debian:bookworm")
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
DROPPED = (
    "path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/lintian/*",
)  # fmt: skip
APT_MATTERS = ("Acquire::http", "Acquire::Check-", "Acquire::Allow", "Acquire::ForceIPv", "Acquire::Retries")
APT_OURS = """\
APT::Install-Recommends "false";
Acquire::Languages "none";
Binary::apt::APT::Keep-Downloaded-Packages "true";
"""
HINT = "make `debian:bookworm-slim` available to Docker (docker pull), or run on Debian with mmdebstrap installed"


def ensure(engine: Engine) -> None:
    """Make `fleetkeeper-lab/base:latest`, unless the engine has it."""
    if engine.has_image(BASE):
        return
    origin = next((tag for tag in (*ON_THE_MACHINE, ORIGIN) if engine.has_image(tag)), None) or make(engine)
    with step("laying this machine's certificates and package settings on the base image"):
        dress(engine, origin)


def make(engine: Engine) -> str:
    if shutil.which("mmdebstrap") and os.geteuid() == 0 and debian_sources():
        with step("making a minimal Debian from this machine's package sources (about a minute)"):
            bootstrap(engine)
        return ORIGIN
    with step(f"pulling {ON_THE_MACHINE[0]}"):
        engine.ask("pull", "--quiet", ON_THE_MACHINE[0], limit=90, hint=HINT)
    return ON_THE_MACHINE[0]


def debian_sources() -> list[Path]:
    """The machine's own files of package sources that speak of bookworm."""
    found = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    return [path for path in found if path.is_file() and is_debian(path.read_text(errors="replace"))]


def is_debian(text: str) -> bool:
    """Whether these are sources of Debian bookworm itself, in either of apt's two formats.

    >>> is_debian("deb http://mirror.example/debian bookworm main\\n")
    True
    >>> is_debian("Types: deb\\nURIs: http://mirror.example/debian\\nSuites: bookworm bookworm-updates\\n")
    True
    >>> is_debian("deb https://vendor.example/apt vendor-bookworm main\\n")
    False
    """
    lines = (line.split() for line in text.splitlines() if not line.lstrip().startswith("#"))
    return any(words[0] in ("deb", "Suites:") and "bookworm" in words for words in lines if words)


def bootstrap(engine: Engine) -> None:
    """Make a minimal Debian with mmdebstrap and hand it to `docker import`."""
    options = ["--quiet", "--variant=minbase", "--include=ca-certificates", *(f"--dpkgopt={rule}" for rule in DROPPED)]
    with tempfile.NamedTemporaryFile(suffix=".tar") as tar:
        words = ["mmdebstrap", *options, "bookworm", tar.name, *map(str, debian_sources())]
        run(words, limit=400, hint=HINT)
        engine.ask("import", tar.name, ORIGIN, limit=120)


def dress(engine: Engine, origin: str) -> None:
    with tempfile.TemporaryDirectory() as work:
        context = Path(work)
        overlay(context / "machine")
        (context / "Dockerfile").write_text(
            f"FROM {origin}\n{forget_sources()}COPY machine/ /\nENV PIP_CERT={BUNDLE} PIP_DISABLE_PIP_VERSION_CHECK=1\n"
        )
        engine.ask("build", "--quiet", "--network=host", "--tag", BASE, work, limit=120)


def forget_sources() -> str:
    """The machine's own sources take the place of the origin's, where it has some."""
    return "RUN rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*\n" if debian_sources() else ""


def overlay(root: Path) -> None:
    """What the machine uses to reach packages: its CA bundle, apt's options, and its Debian sources."""
    copy(BUNDLE, root)
    if not debian_sources():
        return
    write(root / "etc/apt/apt.conf.d/90lab", apt_settings())
    for path in debian_sources():
        copy(path, root)


def apt_settings() -> str:
    """The settings of the machine's apt that decide where packages come from and over what."""
    dump = run(["apt-config", "dump"]).splitlines()
    kept = [line for line in dump if line.startswith(APT_MATTERS) and not line.endswith(' "";')]
    return "".join(f"{line}\n" for line in kept) + APT_OURS


def copy(path: Path, root: Path) -> None:
    if path.is_file():
        write(root / path.relative_to("/"), path.read_text(errors="replace"))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
