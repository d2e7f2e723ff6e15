"""Faults of the certificate that nginx serves."""

from lab import acme, swarm
from lab.engine import Engine

RENEW = "certbot renew --quiet --no-random-sleep-on-renew && serve-certificate && nginx -s reload"


def age(engine: Engine) -> None:
    """Replace the leaf by one for the same key that began 85 days ago and ends in five."""
    request = swarm.within(engine, "nginx", "csr")
    swarm.within(engine, "nginx", "adopt", given=acme.aged(engine, request, -85, 5).encode())


def renew(engine: Engine) -> None:
    """Let certbot do it, which finds nothing to do when a repair has done it."""
    swarm.within(engine, "nginx", "sh", "-c", RENEW, limit=90)
