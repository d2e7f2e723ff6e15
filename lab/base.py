"""The base image of everything in the lab: Debian bookworm, from whatever this machine can reach.

No registry may be reachable. What the machine has is taken first, then a minimal Debian is made from the machine's
own package sources, then one short pull is tried. The machine's certificates and package settings are laid on top, so
that builds reach what the machine reaches; they stay in images on this machine.
"""

import os
import re
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
ENVIRONMENT = f"PIP_CERT={BUNDLE} PIP_DISABLE_PIP_VERSION_CHECK=1"
HINT = "make `debian:bookworm-slim` available to Docker (docker pull), or run on Debian with mmdebstrap installed"


def ensure_base(engine: Engine) -> None:
    """Make `fleetkeeper-lab/base:latest`, unless the engine has it."""
    if engine.has_image(BASE):
        return
    origin = next((tag for tag in (*ON_THE_MACHINE, ORIGIN) if engine.has_image(tag)), None) or make_base(engine)
    with step("laying this machine's certificates and package settings on the base image"):
        install_packages(engine, origin)


def make_base(engine: Engine) -> str:
    sources = debian_sources()
    if shutil.which("mmdebstrap") and os.geteuid() == 0 and sources:
        with step("making a minimal Debian from this machine's package sources (about a minute)"):
            bootstrap_debian(engine, sources)
        return ORIGIN
    with step(f"pulling {ON_THE_MACHINE[0]}"):
        engine.ask("pull", "--quiet", ON_THE_MACHINE[0], limit=90, hint=HINT)
    return ON_THE_MACHINE[0]


def debian_sources() -> dict[Path, str]:
    """What the machine's files of package sources say of Debian bookworm itself, by file."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    parts = {path: debian_part(path.read_text(errors="replace")) for path in files if path.is_file()}
    return {path: part for path, part in parts.items() if part}


def debian_part(text: str) -> str:
    """Only the lines, or stanzas, of apt sources that are Debian's own: others want keys that a base has not.

    >>> debian_part("deb http://mirror.example/debian bookworm main\\ndeb https://vendor.example bookworm stable\\n")
    'deb http://mirror.example/debian bookworm main\\n'
    >>> debian_part("Types: deb\\nURIs: http://mirror.example/debian\\nSuites: bookworm\\nComponents: main contrib\\n")
    'Types: deb\\nURIs: http://mirror.example/debian\\nSuites: bookworm\\nComponents: main contrib\\n'
    """
    stanzas = re.search("(?im)^types:", text)
    parts = re.split(r"\n\s*\n", text) if stanzas else text.splitlines()
    return "".join(f"{part.strip()}\n" + "\n" * bool(stanzas and len(parts) > 1) for part in parts if is_debian(part))


def is_debian(source: str) -> bool:
    """Whether one source, a line or a stanza, is of bookworm's main and signed by Debian.

    >>> is_debian("deb [signed-by=/usr/share/keyrings/vendor.gpg] https://vendor.example bookworm main")
    False
    >>> is_debian("deb-src http://mirror.example/debian bookworm main")
    False
    """
    lines = [line for line in source.splitlines() if not line.lstrip().startswith("#")]
    words = " ".join(lines).split()
    signed = re.search(r"(?i)signed-by[:=]\s*([^\s\]]+)", " ".join(lines))
    ours = signed is None or "debian-archive" in signed[1]
    return ours and "deb" in words and "main" in words and any(word.startswith("bookworm") for word in words)


def bootstrap_debian(engine: Engine, sources: dict[Path, str]) -> None:
    """Make a minimal Debian with mmdebstrap and hand it to `docker import`."""
    options = ["--quiet", "--variant=minbase", "--include=ca-certificates", *(f"--dpkgopt={rule}" for rule in DROPPED)]
    with tempfile.TemporaryDirectory() as work:
        files = [put_file(Path(work), path, text) for path, text in sources.items()]
        tar = str(Path(work) / "base.tar")
        run(["mmdebstrap", *options, "bookworm", tar, *map(str, files)], limit=400, hint=HINT)
        engine.ask("import", tar, ORIGIN, limit=120)


def install_packages(engine: Engine, origin: str) -> None:
    with tempfile.TemporaryDirectory() as work:
        context = Path(work)
        overlay_settings(context / "machine")
        forget = "RUN rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*\n" if debian_sources() else ""
        (context / "Dockerfile").write_text(f"FROM {origin}\n{forget}COPY machine/ /\nENV {ENVIRONMENT}\n")
        engine.ask("build", "--quiet", "--network=host", "--tag", BASE, work, limit=120)


def overlay_settings(root: Path) -> None:
    """What the machine uses to reach packages: its CA bundle, apt's options, and its Debian sources."""
    root.mkdir()
    if BUNDLE.is_file():
        put_file(root, BUNDLE, BUNDLE.read_text(errors="replace"))
    put_file(root, Path("/etc/apt/apt.conf.d/90lab"), apt_settings())
    for path, text in debian_sources().items():
        put_file(root, path, text)


def apt_settings() -> str:
    """The settings of the machine's apt that decide where packages come from and over what."""
    dump = run(["apt-config", "dump"]).splitlines() if shutil.which("apt-config") else []
    kept = [line for line in dump if line.startswith(APT_MATTERS) and not line.endswith(' "";')]
    return "".join(f"{line}\n" for line in kept) + APT_OURS


def put_file(root: Path, path: Path, text: str) -> Path:
    """Write a file of the machine below another root; where it lies now."""
    copy = root / path.relative_to("/")
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text)
    return copy
