"""The certificate authority of the lab: Let's Encrypt's test server, beside the nodes as the real one is."""

from lab.engine import Engine
from lab.images import ACME as DIRECTORY
from lab.names import ACME, ACME_ADDRESS, ACME_NAME, CA, CLONE, CLONE_LABEL, LABEL, MANAGER, NETWORK, SITE, image_tag
from lab.shell import wait_until

ROOTS = "/var/lib/acme/ca.pem"


def start_acme(engine: Engine) -> None:
    engine.ask(
        "run", "--detach", "--init", "--pull=never", f"--name={ACME}",
        f"--label={LABEL}", f"--label={CLONE_LABEL}={CLONE}", f"--network={NETWORK}", f"--ip={ACME_ADDRESS}",
        f"--network-alias={ACME_NAME}", f"--add-host={SITE}:{MANAGER.address}", "--dns=127.0.0.1", image_tag(DIRECTORY),
    )  # fmt: skip


def keep_roots(engine: Engine) -> None:
    """Write the roots that this authority's certificates lead to into `.lab/ca.pem`."""
    made = ("exec", ACME, "test", "-s", ROOTS)
    wait_until(lambda: engine.attempt(*made).returncode == 0, "the lab's certificate authority", limit=30)
    CA.write_text(engine.ask("exec", ACME, "cat", ROOTS))


def sign_aged(engine: Engine, request: str, begin: float, end: float) -> str:
    """A chain for a certificate request, valid from `begin` to `end`, in days from now."""
    # The image takes what `date` takes before the word "days".
    begin_end = [f"{round(days * 24 * 60)} minutes 0" for days in (begin, end)]
    return engine.ask("exec", "--interactive", ACME, "age", "--", *begin_end, given=request.encode())
