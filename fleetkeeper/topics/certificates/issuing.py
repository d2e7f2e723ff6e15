"""What an authority needs to issue a new certificate: an account, a place for its challenge, and port 80."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleetkeeper.judging.finding import Finding
from fleetkeeper.topics.certificates.facts import Lineage, Renewal
from fleetkeeper.topics.certificates.served_certificate import Said, View
from fleetkeeper.topics.certificates.tls_probes import HTTP
from fleetkeeper.transport.commands import Unobservable

BUILT_IN = frozenset({"webroot", "standalone", "manual", "null"})
"""The plugins that every certbot has."""
WANT_ACCOUNT = "the account's key under /etc/letsencrypt/accounts"
WHY = "when nobody renews it, every client refuses the site from one minute to the next"


@dataclass(frozen=True)
class Words:
    """The texts of a finding of certificates.will_renew, without the place where it was seen."""

    saw: str
    want: str
    hint: str
    why: str = WHY

    def at(self, view: View) -> Finding:
        """A Finding with these texts, about the certificate and the node of a view."""
        about = view.certificate.name
        return Finding(saw=self.saw, want=self.want, why=self.why, node=view.node, about=about, hint=self.hint)


def can_be_issued(view: View, lineage: Lineage) -> Said:
    """The findings that keep the authority from issuing a new one: account, switch, and a place for its challenge.

    Where certbot skips the configuration, that one alone. An Unobservable for what could not be seen.
    """
    if lineage.trouble:
        yield Words(
            f"certbot skips /etc/letsencrypt/renewal/{lineage.name}.conf: {lineage.trouble[0]}",
            "a renewal configuration that certbot can use",
            "restore the file from a copy, or get the certificate anew: `certbot certonly` with the same --cert-name",
        ).at(view)
        return
    if not lineage.autorenew:
        yield Words(
            f"renewal of {lineage.name} is switched off (autorenew = False)",
            "autorenew = True",
            "see /etc/letsencrypt/renewal",
        ).at(view)
    if not lineage.account_found:
        yield Words(
            f"the ACME account {lineage.account[:12]} that renews {lineage.name} is gone from disk",
            WANT_ACCOUNT,
            "restore it, or register a new one: `remediate` does that where the inventory says `acme:`",
        ).at(view)
    for path, exists in lineage.webroots:
        if not exists:
            yield Words(
                f"the webroot {path} is not there",
                "the directory that certbot writes challenges to",
                f"make it in {view.service}, and keep it in the image",
            ).at(view)
    chosen = next((renewal.authenticator for renewal in renewals_here(view) if renewal.authenticator), "")
    hooked = lineage.hooked or chosen == "manual"
    used = replace(lineage, authenticator=chosen, hooked=hooked) if chosen else lineage
    yield from authenticator_findings(view, used)
    if used.authenticator in ("webroot", "nginx"):
        yield from challenge_findings(view) or unserved_webroots(view, lineage)


def renewals_here(view: View) -> list[Renewal]:
    """The renewals that run certbot in this container; none of the node's where they could not be seen.

    Other lines of the verdict say that.
    """
    renewals = () if isinstance(view.facts.renewals, Unobservable) else view.facts.renewals
    return [
        renewal
        for renewal in (*view.inside.renewals, *renewals)
        if renewal.inside or renewal.containers == (view.container.id,)
    ]


def authenticator_findings(view: View, lineage: Lineage) -> Said:
    """A finding where the way in which the authority is to be convinced cannot work in this container.

    An Unobservable where certbot runs here and its plugins could not be seen. Where certbot runs elsewhere, only what
    the configuration itself shows is judged.
    """
    used = [plugin for plugin in (lineage.authenticator, lineage.installer) if plugin and plugin not in BUILT_IN]
    plugins = view.inside.plugins
    if view.inside.certbot and used and plugins is None:
        yield Unobservable(f"whether certbot has the plugin {used[0]} could not be seen in {view.service}")
    elif view.inside.certbot and plugins is not None:
        for plugin in used:
            if plugin not in plugins:
                yield Words(
                    f"certbot in {view.service} has no plugin {plugin}, with which {lineage.name} is renewed",
                    f"the plugin {plugin} in the image",
                    f"install certbot-{plugin} in the image (it has: {', '.join(plugins)})",
                ).at(view)
    if lineage.authenticator == "manual" and not lineage.hooked:
        yield Words(
            f"{lineage.name} was got by hand (authenticator = manual, without manual_auth_hook)",
            "a way of asking that needs nobody",
            "get it anew with webroot or a DNS plugin, or give `manual` its --manual-auth-hook",
        ).at(view)
    if lineage.authenticator == "standalone" and is_taken(view, lineage):
        yield Words(
            f"certbot's own server (standalone) needs port 80 in {view.service}, and nginx listens there",
            "a way of asking that works while nginx runs",
            "get it anew with webroot (`certbot certonly --webroot -w …`)",
        ).at(view)


def is_taken(view: View, lineage: Lineage) -> bool:
    """Whether port 80 of this container is in use where certbot would listen on it, with nobody who makes room.

    False where that was not seen, where nothing runs certbot in this container, and where a hook is run first.
    """
    published = any(port.host == HTTP and port.container == HTTP for port in view.container.ports)
    answers = (view.facts.http or {}).get(view.certificate.name)
    here = renewals_here(view)
    free = lineage.hooked or lineage.port != HTTP or not here or any(renewal.prepares for renewal in here)
    return bool(published and answers and not isinstance(answers, Unobservable) and view.inside.nginx and not free)


def unserved_webroots(view: View, lineage: Lineage) -> list[Finding]:
    """A finding for each webroot that nginx does not serve.

    Without a challenge in it only the configuration shows that.
    """
    return [
        Words(
            f"nginx serves no files from the webroot {path}",
            "challenges are served from the directory that certbot writes them to",
            f"`location /.well-known/acme-challenge/ {{ root {path}; }}` in the site that listens on port 80",
        ).at(view)
        for path, exists in lineage.webroots
        if exists and not is_served(path, view)
    ]


def is_served(webroot: str, view: View) -> bool:
    """Whether nginx' configuration serves files from a webroot; True where that cannot be determined from it."""
    server = view.inside.nginx
    if server is None or server.broken or server.roots is None or not any(p.host == HTTP for p in view.container.ports):
        return True
    below = f"{webroot.rstrip('/')}/.well-known"
    return any(root.rstrip("/") == webroot.rstrip("/") or root.startswith(below) for root in server.roots)


def challenge_findings(view: View) -> list[Finding | Unobservable]:
    """A finding where port 80 does not answer for challenges, an Unobservable where it was not seen, else nothing.

    The authority asks there (RFC 8555, 8.3), and follows redirects. Not an answer are 401, 403, 500 and more, and none
    at all.
    """
    status = (view.facts.http or {}).get(view.certificate.name)
    if status is None or isinstance(status, Unobservable):
        why = status or Unobservable("port 80 was not asked")
        return [Unobservable(f"whether challenges are answered: {why.why}", why.hint, view.node)]
    if status in (401, 403) or status >= 500 or status == 0:
        text = f"answers {status}" if status else "does not answer"
        saw = f"port 80 {text} for {view.certificate.name}/.well-known/acme-challenge/"
        hint = "the authority asks there: publish port 80, and serve that path from the webroot"
        return [Words(saw, "challenges are served over http", hint).at(view)]
    return []
