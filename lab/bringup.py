"""Bringing the lab up, seeing whether it is, and taking it down."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from lab import acme, base, disks, images, nodes, setup, swarm
from lab import engine as engines
from lab.engine import Engine
from lab.faults import queues
from lab.names import CACHE, CLONE, NODES, STATE
from lab.shell import LabError, say, step

READY = STATE / "ready"
BROKEN = STATE / "broken"


@contextmanager
def one_at_a_time(what: str = "lock", who: str = "another lab command") -> Iterator[None]:
    """Let one at a time change the lab; tests that break it hold a lock of their own, `alone("tests", …)`."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / what).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for {who} to finish ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def up(take_over: bool = False) -> Engine:
    """Bring the lab up, unless it is; what an interrupted attempt left is cleared first.

    Another clone's lab that runs is refused, or, to `take_over`, taken down.
    """
    engine = engines.ensure_engine()
    if not take_over:
        refuse_other_clone(engine)
    if is_up(engine):
        return engine
    nodes.switch_off(engine)
    forget_lab()
    nodes.check_ports()
    prepare_engine(engine)
    assemble_lab(engine)
    READY.write_text(container_ids(engine))
    return engine


def prepare_engine(engine: Engine) -> None:
    """What stays between two labs: images, and the disk that the nodes' disks are cloned from."""
    engine = engines.with_buildkit(engine)
    base.ensure_base(engine)
    with step("building the images"):
        images.build_images(engine)
    if not disks.is_seeded(engine):
        with step("loading the images into the nodes' disk"):
            disks.seed_disk(engine)


def assemble_lab(engine: Engine) -> None:
    with step("switching on manager, data and vgpu"):
        nodes.make_network(engine)
        acme.start_acme(engine)
        nodes.switch_on(engine)
    with step("joining them in a swarm and deploying the stack"):
        swarm.form_swarm(engine)
        swarm.deploy_stack(engine)
    with step("filling the backup volume, getting a certificate, writing crontabs"):
        setup.furnish_lab(engine)
        swarm.wait_for_services(engine)
    with step("waiting for the workers to consume their queues"):
        queues.wait_for_workers(engine)


def container_ids(engine: Engine) -> str:
    return engine.ask("inspect", "--format", "{{.Id}}", *(node.container for node in NODES))


def is_up(engine: Engine) -> bool:
    """Whether the machines of a complete bring-up by this clone are still there, broken on purpose or not."""
    if not READY.exists() or len(nodes.node_states(engine)) < len(NODES):
        return False
    return READY.read_text() == container_ids(engine) and "exited" not in nodes.node_states(engine).values()


def require_lab() -> Engine:
    """The engine of a lab that is up, for commands that work on one."""
    engine = engines.find_engine()
    if engine is not None:
        refuse_other_clone(engine)
        if is_up(engine):
            return engine
    raise LabError("the lab is not up", "python -m lab up")


def refuse_other_clone(engine: Engine) -> None:
    owner = engines.owner_of_engine(engine)
    if owner and owner != str(CLONE):
        raise LabError(f"the lab of another clone is up: {owner}", "`python -m lab down` takes it down from here too")


def down(purge: bool = False) -> None:
    """Take the lab down, whoever's it is; images and the nodes' disk stay in the cache, unless it is purged."""
    engine = engines.find_engine()
    if engine is None and engines.left_behind():
        engine = engines.start_engine()
    if engine is not None:
        nodes.switch_off(engine)
        if purge:
            disks.remove_disks(engine)
            images.remove_images(engine)
    engines.stop_engine()
    forget_lab()
    if purge:
        shutil.rmtree(engines.DATA_ROOT, ignore_errors=True)


def forget_lab() -> None:
    STATE.mkdir(exist_ok=True)
    for path in (READY, BROKEN):
        path.unlink(missing_ok=True)
