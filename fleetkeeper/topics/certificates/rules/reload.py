"""The part of certificates.will_renew about what follows: the server is reloaded, and the authority not tired."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.judging.finding import Finding
from fleetkeeper.readers.nginx import for_name
from fleetkeeper.topics.certificates.facts import Lineage, Reloading, Renewal
from fleetkeeper.topics.certificates.issuing import Words
from fleetkeeper.topics.certificates.served_certificate import Said, View, answering
from fleetkeeper.transport.commands import Unobservable

WANT_RELOAD = "a reload hooked to the renewal"
MOST_DUPLICATES = 5
"""How often Let's Encrypt issues the same certificate in a week: https://letsencrypt.org/docs/rate-limits."""


def forced_findings(view: View, working: list[Renewal]) -> Iterator[Finding]:
    """A finding about each renewal that asks for a new certificate every time, and runs more than 5 times a week.

    One of which nobody knows how often it runs (`weekly` is 0) counts as often.
    """
    for renewal in working:
        if renewal.forced and not 0 < renewal.weekly <= MOST_DUPLICATES:
            yield Words(
                f"{renewal.where} asks for a new certificate every time it runs (--force-renewal)",
                "certbot renew without --force-renewal: it renews what is due",
                "take the option out of the line",
                f"authorities issue the same certificate some {MOST_DUPLICATES} times a week, and then none for days",
            ).at(view)


def reload_findings(view: View, lineage: Lineage | None, working: list[Renewal]) -> Said:
    """A finding where nothing reloads the server after a renewal, an Unobservable where that cannot be told.

    Nothing where one of `working` (not empty) does, the main process reloads it, or nginx reads the files anew anyway.
    `lineage` is the one whose hooks run then; None where there is none.
    """
    if view.container.id in view.facts.reloaders or picks_files_itself(view):
        return
    all_effects = [reloading_after(renewal, view, lineage) for renewal in working]
    if any(reloads_view(effect, renewal, view) for effect, renewal in zip(all_effects, working, strict=True)):
        return
    unclear = [text for effect in all_effects for text in effect.unclear]
    if unclear:
        yield Unobservable(
            f"{working[0].where} renews, and whether {view.service} is reloaded cannot be told: {unclear[0]}",
            "`remediate certificates rehearse` tries it; `nginx -s reload` as the hook is understood",
            view.node,
        )
    else:
        yield no_reload(view, working, [text for effect in all_effects for text in effect.vain])


def reloading_after(renewal: Renewal, view: View, lineage: Lineage | None) -> Reloading:
    """What is done about servers after a renewal: by its own line, by renewal-hooks and by the lineage's hooks.

    The last two as they work where certbot runs, and not at all where the renewal's own options put them out, nor the
    last without a lineage (None). Nothing is asked here.
    """
    here = runs_in(renewal, view)
    effects = [renewal.reloading]
    if renewal.directory:
        effects.append(view.inside.reloading if here else view.inside.elsewhere)
    if lineage is not None and not renewal.deploys:
        effects.append(lineage.reloading if here else lineage.elsewhere)
    return Reloading(
        any(effect.here for effect in effects),
        tuple(key for effect in effects for key in effect.containers),
        tuple(text for effect in effects for text in effect.vain),
        tuple(text for effect in effects for text in effect.unclear),
    )


def runs_in(renewal: Renewal, view: View) -> bool:
    """Whether certbot, and so its hooks, run in the very container that serves."""
    return renewal.inside or renewal.containers == (view.container.id,)


def reloads_view(effect: Reloading, renewal: Renewal, view: View) -> bool:
    """Whether hooks reload the server of this container: from within, or by a command on the node that names it."""
    return (effect.here and runs_in(renewal, view)) or view.container.id in effect.containers


def picks_files_itself(view: View) -> bool:
    """Whether nginx names the files by a variable: then it reads them anew for each handshake.

    Source: https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_certificate. False where no site of nginx
    answers. Raises Unobservable where it cannot be told which site does.
    """
    server, name = view.inside.nginx, view.certificate.name
    answers = [site for handshake in view.handshakes if (site := answering(view, handshake))]
    by_variable = [
        for_name(site, name)
        for site in (server.sites if server else ())
        if site.certificates and all("$" in path for path in site.certificates)
    ]
    return bool(answers) and all(site in by_variable for site in answers)


def no_reload(view: View, working: list[Renewal], vain: list[str]) -> Finding:
    """The finding that nothing reloads the server after a renewal. `vain` are sentences about hooks that do not.

    The first three are shown.
    """
    why = f" ({'; '.join(vain[:3])})" if vain else ""
    return Words(
        f"{working[0].where} renews, and nothing reloads {view.service} afterwards{why}",
        WANT_RELOAD,
        "add `--deploy-hook 'nginx -s reload'` to the command that renews",
        "the renewed certificate stays on disk, and the old one is served until it ends",
    ).at(view)
