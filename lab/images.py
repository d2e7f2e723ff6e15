"""The lab's images: one per directory under `lab/images`, built by the engine from the base image."""

import time
from concurrent.futures import ThreadPoolExecutor

from lab.engine import Engine
from lab.names import BASE, LAB, PREFIX, image_tag
from lab.shell import say

NODE = "node"
ACME = "acme"


def image_names() -> list[str]:
    """Every image that the lab is made of."""
    return sorted(path.parent.name for path in (LAB / "images").glob("*/Dockerfile"))


def for_services() -> list[str]:
    """The tags of what runs inside the nodes."""
    return [image_tag(name) for name in image_names() if name not in (NODE, ACME)]


def build_images(engine: Engine) -> None:
    """Build what has changed; BuildKit finds the rest in its cache."""
    with ThreadPoolExecutor(len(image_names())) as pool:
        list(pool.map(lambda name: build_one(engine, name), image_names()))


def build_one(engine: Engine, name: str) -> None:
    words = ["--quiet", "--network=host", "--build-arg", f"BASE={BASE}", "--tag", image_tag(name)]
    began = time.monotonic()
    engine.ask("build", *words, str(LAB / "images" / name), limit=600, hint=f"see lab/images/{name}/Dockerfile")
    if (took := time.monotonic() - began) >= 5:
        say(f"built {image_tag(name)}: {took:.0f} s")


def images_fingerprint(engine: Engine) -> str:
    """Changes when any image that goes into the nodes changes, or is called otherwise."""
    printed = engine.ask("image", "inspect", "--format", "{{.RepoTags}}{{.Id}}", *for_services())
    return " ".join(printed.split())


def remove_images(engine: Engine) -> None:
    """Remove every image of the lab; what BuildKit keeps of a machine's own engine is left to its owner."""
    tags = engine.ask("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={PREFIX}/*").split()
    if tags:
        engine.ask("image", "rm", "--force", *tags)
