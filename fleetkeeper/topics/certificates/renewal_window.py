"""How long before its end certbot renews a certificate, and how long a schedule may let it wait.

Source: https://eff-certbot.readthedocs.io/en/stable/using.html#renewing-certificates and certbot's changelog: 30 days
before the end; from 4.0 on with a third of the lifetime left, or half of one below ten days; `renew_before_expiry` in
the lineage's file says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from fleetkeeper.inventory.units import show_duration
from fleetkeeper.readers.cron.due_times import longest_gap
from fleetkeeper.readers.pki.chain_problems import lifetime
from fleetkeeper.topics.certificates.facts import Lineage, Renewal
from fleetkeeper.topics.certificates.served_certificate import leaf_of
from fleetkeeper.transport.commands import Unobservable

USUAL = timedelta(days=30)
SHORT = timedelta(days=10)
SPAN = re.compile(r"(\d{1,5})(?:\.0)? ?(h|hours?|d|days?|w|weeks?|months?|y|years?|)")
HOURS = {"h": 1, "d": 24, "w": 7 * 24, "m": 30 * 24, "y": 365 * 24, "": 24}


def renewal_window(lineage: Lineage | None) -> timedelta:
    """The time before a certificate's end in which certbot renews it; 30 days without a lineage.

    Raises Unobservable for a `renew_before_expiry` that is not understood, and a certificate that cannot be read.
    """
    if lineage is None:
        return USUAL
    if lineage.renew_before:
        match = SPAN.fullmatch(lineage.renew_before.strip().lower())
        if match is None:
            raise Unobservable("what renew_before_expiry in the lineage's file means is not understood")
        return timedelta(hours=int(match[1]) * HOURS[match[2][:1]])
    major = re.match("[0-9]{1,4}", lineage.version)
    if major is None or int(major[0]) < 4 or not lineage.chain:
        return USUAL
    whole = lifetime(leaf_of(lineage.chain))
    return whole / 2 if whole < SHORT else whole / 3


def too_rare(renewal: Renewal, lineage: Lineage | None) -> str:
    """Why a renewal may come too late for a certificate, as the end of a sentence; "" where it comes in time.

    One that renews what is not due has the whole lifetime. Raises Unobservable as `renewal_window`.
    """
    window = time_for(renewal, lineage) if renewal.gap else renewal.gap
    if renewal.gap <= window:
        return ""
    return (
        f"it is due too rarely: up to {show_duration(renewal.gap)} pass, and certbot renews in the last "
        f"{show_duration(window)}"
    )


def time_for(renewal: Renewal, lineage: Lineage | None) -> timedelta:
    """The time in which a renewal must come. Raises Unobservable as `renewal_window`."""
    if renewal.forced and lineage is not None and lineage.chain:
        return lifetime(leaf_of(lineage.chain))
    return renewal_window(lineage)


def often_enough(renewals: Sequence[Renewal], lineage: Lineage | None) -> bool:
    """Whether renewals that each come too rarely are due often enough together: on the 1st and on the 15th.

    Raises Unobservable as `renewal_window`.
    """
    times = sorted({renewal.times for renewal in renewals} - {""})
    return len(times) > 1 and longest_gap(*times) <= min(time_for(renewal, lineage) for renewal in renewals)
