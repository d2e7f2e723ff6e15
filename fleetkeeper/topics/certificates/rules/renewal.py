"""The rule that a certificate will be renewed in time, all by itself, and that the server will then serve it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.pki.names import covers
from fleetkeeper.topics.certificates.certbot_options import STAGING
from fleetkeeper.topics.certificates.facts import Lineage, Renewal
from fleetkeeper.topics.certificates.issuing import Words, can_be_issued
from fleetkeeper.topics.certificates.renewal_window import often_enough, too_rare
from fleetkeeper.topics.certificates.rules.reload import forced_findings, reload_findings
from fleetkeeper.topics.certificates.served_certificate import (
    Said,
    View,
    certificate_of,
    each_view,
    lineages_of,
    newest_lineage,
)
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.transport.commands import Unobservable

LETSENCRYPT = "/etc/letsencrypt"
ANONYMOUS = re.compile(r"[0-9a-f]{64}")
LASTING = ("volume", "bind", "nfs", "cluster")
WANT_LINEAGE = "a lineage of certbot for the name"
WANT_SCHEDULE = "certbot renew, twice a day"
WANT_CONFIGURATION = "`nginx -t` succeeds"
WANT_VOLUME = f"{LETSENCRYPT} on a named volume"


def will_renew(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Certbot can renew this certificate, something runs it, the server is reloaded, and a new container keeps it.

    Looked at without renewing: certbot, each part of its configuration for the name, its plugin and account, the
    webroot, whether port 80 answers for challenges and nginx serves files from the webroot; what is scheduled (on the
    node, by a cron in the container, or as the main process of a container with the same files) and which certificate
    and authority its options choose; a reload hooked to it that can run where it runs; nginx' configuration; and
    whether /etc/letsencrypt is on a volume. Hooks that are not understood are unknown. A server that has nothing of
    certbot's is one unknown until the inventory says who renews it (`acme: {none: why}`). `remediate certificates
    rehearse` tries it against the authority's staging server. Source:
    docs/runbook.md, "Renewing certificates"; https://eff-certbot.readthedocs.io/en/stable/using.html.
    """
    require_policy(certificate_of(fleet, subject).acme)
    return each_view(fleet, subject, renewing)


def renewing(view: View) -> Said:
    """The findings about each thing that a renewal needs, in the order in which it needs them.

    An Unobservable for each that could not be seen or is not understood; one alone where the inventory says nothing and
    the container has nothing of certbot's. Raises Unobservable when container or schedules were not seen.
    """
    lineage = newest_lineage(lineages_of(view))
    if view.certificate.acme is None and is_not_certbots(view):
        yield not_certbots(view)
        return
    yield from certbot_findings(view, lineage)
    if lineage is not None and lineage.configured:
        yield from can_be_issued(view, lineage)
    yield from scheduled(view, lineage)
    yield from reloadable(view)
    yield from kept(view)


def is_not_certbots(view: View) -> bool:
    """Whether certbot has nothing to do with this container: it keeps nothing there, and nobody runs it there.

    Traefik, Caddy and Apache's mod_md get their certificates themselves, some of them into a volume of that name;
    acme.sh, lego, dehydrated and people bring theirs. Raises Unobservable when
    container or schedules were not seen.
    """
    inside = view.inside
    kept = inside.nginx is not None and (inside.letsencrypt or mount_of(view.container))
    traces = inside.certbot or inside.lineages or inside.renewals or kept
    named = [path for site in (inside.nginx.sites if inside.nginx else ()) for path in site.certificates]
    if traces or any(path.startswith(LETSENCRYPT) for path in named):
        return False
    return not any(view.container.id in renewal.containers for renewal in all_renewals(view))


def not_certbots(view: View) -> Unobservable:
    """That it is not known who renews a certificate that is not certbot's.

    It is returned, not raised; the hint says what to write. Raises Unobservable when schedules were not seen.
    """
    unclear = next((f" ({item.where} may)" for item in all_renewals(view) if item.unclear and not item.entered), "")
    return Unobservable(
        f"{view.service} has nothing of certbot's, and who renews its certificate is not known{unclear}",
        f"write who does it, for {view.certificate.name}: `acme: {{none: traefik gets it itself}}`; "
        "or `acme:` with what certbot needs to get it",
        view.node,
    )


def certbot_findings(view: View, lineage: Lineage | None) -> Iterator[Finding]:
    """The findings about a missing certbot, a missing lineage (None) for the name, or one without its configuration.

    Nothing when all three are there. Raises Unobservable when schedules were not seen.
    """
    inside = view.inside
    if not inside.certbot and not working_renewals(view):
        yield Words(
            f"there is no certbot in {view.service}, and nothing else that renews there",
            "certbot where the certificate is",
            "install certbot in the image, or say how it is renewed with `acme: {none: …}` in the inventory",
        ).at(view)
    if lineage is None:
        others = ", ".join(lineage.name for lineage in inside.lineages) or "none at all"
        yield Words(
            f"certbot has no certificate{called(view)} for {view.certificate.name} (it has: {others})",
            WANT_LINEAGE,
            "`remediate` gets one where the inventory says `acme:`; `acme: {none: …}` says that it is not certbot's",
        ).at(view)
    elif not lineage.configured:
        yield Words(
            f"{lineage.path} is there, and /etc/letsencrypt/renewal/{lineage.name}.conf is not",
            "a renewal configuration",
            "certbot cannot renew without it: get it anew with `certbot certonly`, or restore the file",
        ).at(view)


def called(view: View) -> str:
    """The name that the inventory gives to the lineage, as ` called NAME`; else empty."""
    return f" called {view.certificate.lineage}" if view.certificate.lineage else ""


def all_renewals(view: View) -> list[Renewal]:
    """Every renewal (a command that runs certbot) in the container and on the node.

    Raises Unobservable where the node's were not seen.
    """
    return [*view.inside.renewals, *raise_if_unobservable(view.facts.renewals, view.node)]


def scheduled(view: View, lineage: Lineage | None) -> Said:
    """A finding where nothing runs certbot for this container, or nothing reloads the server afterwards.

    An Unobservable where a place that could not be read may run it. Also for a cron that does not run, and for a
    renewal that asks every time. `lineage` is the one for the name, whose hooks may reload (None: there is none).
    Raises Unobservable where the node's renewals, a lineage or nginx' configuration could not be read.
    """
    everything = all_renewals(view)
    working = working_renewals(view)
    near = {view.container.id, *sharing(view, mount_of(view.container))}
    unclear = [item for item in everything if item.unclear and (not item.containers or near & {*item.containers})]
    if not working and unclear:
        yield Unobservable(f"{unclear[0].where} may renew it, but {unclear[0].unclear}", node=view.node)
    elif not working and view.facts.unseen:
        yield Unobservable(f"{view.facts.unseen[0]} could not be read: it may run certbot", node=view.node)
    elif not working:
        yield nothing_scheduled(view, everything)
    else:
        yield from by_cron(view, working)
        yield from forced_findings(view, working)
        yield from reload_findings(view, lineage, working)


def working_renewals(view: View) -> list[Renewal]:
    """The renewals that run certbot on the certificates that this container serves, and come in time.

    Those that come too rarely count where they are due often enough together. Raises Unobservable when containers,
    certificate or the node's renewals were not seen.
    """
    able = [renewal for renewal in all_renewals(view) if works_for(renewal, view)]
    lineage = newest_lineage(lineages_of(view))
    in_time = [renewal for renewal in able if not too_rare(renewal, lineage)]
    return in_time or (able if often_enough(able, lineage) else [])


def works_for(renewal: Renewal, view: View) -> bool:
    """Whether it runs certbot on the certificates that this container serves, and nothing keeps it from doing so.

    False where that is not known; whether it comes in time is not asked. Raises Unobservable when containers or
    certificate were not seen.
    """
    return not (renewal.faults or renewal.unclear) and chooses(renewal, view) and reaches(renewal, view)


def chooses(renewal: Renewal, view: View) -> bool:
    """Whether its options let it renew this certificate, from the authority that issued it.

    Raises Unobservable for a certificate that cannot be read.
    """
    return not other_choice(renewal, view)


def other_choice(renewal: Renewal, view: View) -> str:
    """What its options choose instead of this certificate and its authority, as the end of a sentence; else "".

    Raises Unobservable for a lineage that cannot be read.
    """
    lineage = newest_lineage(lineages_of(view))
    if renewal.lineage and lineage is not None and renewal.lineage != lineage.name:
        return f"it renews {renewal.lineage} alone (--cert-name)"
    if renewal.names and not renewal.lineage and not any(covers(view.certificate.name, name) for name in renewal.names):
        return f"it asks for {', '.join(renewal.names)[:100]}"
    if not renewal.server or (lineage is not None and renewal.server == lineage.server):
        return ""
    if renewal.server == STAGING:
        staging = lineage is not None and STAGING in lineage.server
        return "" if staging else "it asks the staging authority, which no client trusts (--test-cert)"
    return f"it asks another authority, {renewal.server} (--server)" if lineage and lineage.server else ""


def reaches(renewal: Renewal, view: View) -> bool:
    """Whether it runs certbot on the files that this container serves.

    It runs in the container itself, or on the node whose directory is mounted there, or enters exactly one container:
    this one, or one with the same mount. Raises Unobservable when the containers were not seen.
    """
    if renewal.inside:
        return True
    mount = mount_of(view.container)
    if not renewal.entered:
        return mount is not None and mount.type == "bind"
    return len(renewal.containers) == 1 and renewal.containers[0] in {view.container.id, *sharing(view, mount)}


def sharing(view: View, mount: Mount | None) -> Iterable[str]:
    """The ids of the node's containers that mount the source of `mount`, running or not; none without a mount.

    Certbot often runs beside the server, with the same /etc/letsencrypt. Raises Unobservable when the containers were
    not seen.
    """
    from fleetkeeper.topics.containers.facts import Facts as Containers

    containers = view.fleet.of(view.node, Containers).containers
    return (
        container.id
        for container in containers
        if mount and any(other.source == mount.source for other in container.mounts)
    )


def mount_of(container: Container) -> Mount | None:
    """The innermost mount of a container that /etc/letsencrypt is on; None where it is on none."""
    above = [mount for mount in container.mounts if f"{LETSENCRYPT}/".startswith(mount.destination.rstrip("/") + "/")]
    return max(above, key=lambda item: len(item.destination), default=None)


def nothing_scheduled(view: View, everything: list[Renewal]) -> Finding:
    """The finding that nothing runs certbot for this container, with why the first three renewals do not count.

    Raises Unobservable as `vain_because`.
    """
    vain = "; ".join(f"{renewal.where} does not count: {vain_because(renewal, view)}" for renewal in everything[:3])
    return Words(
        f"nothing runs `certbot renew` for {view.service}" + (f" ({vain})" if vain else ""),
        WANT_SCHEDULE,
        "`remediate` installs it in the crontab of the node, with the reload",
    ).at(view)


def vain_because(renewal: Renewal, view: View) -> str:
    """Why a scheduled renewal does nothing for this container, as the end of a sentence; never empty.

    Only for a renewal that is not among `working_renewals`, and whose `unclear` is empty. Raises Unobservable for a
    lineage that cannot be read.
    """
    if renewal.faults:
        return renewal.faults[0]
    if other := other_choice(renewal, view):
        return other
    if renewal.entered and not renewal.containers:
        return "it finds no container"
    if reaches(renewal, view):
        return too_rare(renewal, newest_lineage(lineages_of(view))) or "it does nothing"
    if renewal.entered:
        return "it finds several containers" if len(renewal.containers) > 1 else "it enters another container"
    return f"it runs on the node, and {view.service} does not serve the node's {LETSENCRYPT}"


def by_cron(view: View, working: list[Renewal]) -> Said:
    """A finding where every renewal needs the node's cron, and cron does not run; an Unobservable if that was not seen.

    `working` is not empty. Timers and main processes need no cron.
    """
    outside = [renewal for renewal in working if not renewal.inside and "/" in renewal.where]
    if len(outside) < len(working):
        return
    try:
        runs = raise_if_unobservable(view.facts.cron, view.node)
    except Unobservable as why:
        yield why
        return
    if not runs:
        yield Words(
            f"cron does not run on {view.node}, and {outside[0].where} waits for it",
            "a running cron",
            "see schedules.cron_is_active",
        ).at(view)


def reloadable(view: View) -> Iterator[Finding]:
    """A finding where nginx refuses its own configuration: then no renewal is ever served (case 54).

    Nothing for another server than nginx.
    """
    server = view.inside.nginx
    if server is not None and server.broken:
        yield Words(
            f"nginx refuses its configuration: {server.broken}",
            WANT_CONFIGURATION,
            "mend that line first; the old configuration goes on serving, so do not restart the container",
            "no reload is possible, so a renewed certificate would never be served, and a restart would not come up",
        ).at(view)


def kept(view: View) -> Iterator[Finding]:
    """A finding where a new container would not find certificates and account again (case 58).

    Nothing where there is no /etc/letsencrypt in the container.
    """
    if not view.inside.letsencrypt:
        return
    mount = mount_of(view.container)
    if mount is None or mount.type not in LASTING or ANONYMOUS.fullmatch(mount.name):
        how = "not on a volume" if mount is None else "on a volume without a name" if mount.name else mount.type
        yield Words(
            f"{LETSENCRYPT} in {view.service} is {how}",
            WANT_VOLUME,
            f"in the stack file: `volumes: [letsencrypt:{LETSENCRYPT}]` for the service and `letsencrypt:` at the end. "
            "Copy the directory out first: recreating the container loses certificate, key and account",
            "the next update of the service loses the certificate, its key and the account, and the site is down",
        ).at(view)
