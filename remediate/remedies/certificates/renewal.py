"""Remedies for what a renewal needs: a lineage, an account, an entry in cron, a hook that reloads the server."""

from __future__ import annotations

from collections.abc import Callable

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.certificates import issuing
from fleetkeeper.topics.certificates.facts import Lineage
from fleetkeeper.topics.certificates.policy import Acme
from fleetkeeper.topics.certificates.renewal_schedule import BLOCK
from fleetkeeper.topics.certificates.rules import reload, renewal
from fleetkeeper.topics.certificates.served_certificate import (
    View,
    certificate_of,
    lineages_of,
    newest_lineage,
    views_of,
)
from fleetkeeper.topics.containers.placement import service_of
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import Untrusted, installed_word, shown_command
from remediate.plan import ForAPerson, Plan
from remediate.remedies.certificates.certbot import HOOK, MARK, ServingContainer
from remediate.remedies.schedules.crontab_lines import (
    CANNOT_BE_INSTALLED,
    certbot_path,
    crontab_line,
    docker_client,
    filter_options,
    foreign_lines_answer,
    lines_of_others,
)
from remediate.remedies.schedules.line_forms import RENEWAL, fill_form
from remediate.steps import EditCrontab, Require, RunInContainer

REGISTER_ACCOUNT = "remediate/remedies/certificates/scripts/register_account.sh"
WRITE_HOOK = "remediate/remedies/certificates/scripts/write_hook.sh"

Answer = Plan | ForAPerson


def prepare_renewal(finding: Finding, fleet: Fleet) -> Answer:
    """Bring about what a renewal needs: lineage, account, schedule, reload hook. The rest a person must do.

    Disturbs: nothing. Way back: crontab and hook as they were; a certificate or an account that was got stays.

    Raises Unobservable when the container or the crontab was not seen.
    """
    view = view_of(finding, fleet)
    if isinstance(view, ForAPerson):
        return view
    answers: dict[str, Callable[[View, Finding], Answer]] = {
        renewal.WANT_LINEAGE: first_issue,
        issuing.WANT_ACCOUNT: lambda view, finding: lost_account(view, newest_lineage(lineages_of(view)), finding),
        renewal.WANT_SCHEDULE: crontab_plan,
        reload.WANT_RELOAD: reload_hook_plan,
        renewal.WANT_VOLUME: volume_instructions,
    }
    answer = answers.get(finding.want)
    return answer(view, finding) if answer else ForAPerson("only a person can mend this", finding.hint)


def view_of(finding: Finding, fleet: Fleet) -> View | ForAPerson:
    """The one container on the finding's node that serves the certificate, or why there is not exactly one.

    Raises Unobservable while one could not be seen.
    """
    certificate = certificate_of(fleet, Subject("certificate", finding.subject))
    if not finding.node and finding.about != certificate.name:
        return ForAPerson("what answers there is no container of this fleet, so nothing here can mend it", finding.hint)
    present = [view for view in views_of(fleet, certificate) if view.node == finding.node]
    if len(present) != 1:
        where = finding.node or "any node"
        return ForAPerson(f"{len(present)} containers serve {certificate.name} on {where}: one is wanted", finding.hint)
    return present[0]


def on_node(view: View, *words: str) -> str:
    """A command in the container, as text that a person can copy. Raises Untrusted for words that no shell can take."""
    return f"on {view.node}: `{shown_command(('docker', 'exec', view.container.id[:12], *words))}`"


def not_reloadable(view: View) -> ForAPerson | None:
    """Why nginx must not be reloaded: it would refuse its configuration, and goes on with the old one (case 54).

    Also when the container has no nginx. None when it can be reloaded.
    """
    server = view.inside.nginx
    if server is None:
        return ForAPerson(f"{view.service} runs no nginx, and nothing else is reloaded here", "renew it by hand")
    if server.broken:
        return ForAPerson(
            f"nginx refuses its configuration: {server.broken}",
            "mend that first (`nginx -t` in the container); do not restart it: the old configuration goes on serving",
        )
    return None


def first_issue(view: View, finding: Finding) -> Answer:
    """The plan that gets a certificate that certbot does not have yet, as `acme` in the inventory says; or why not.

    That is: the inventory has no webroot, there is no certbot, or nginx cannot be reloaded. nginx' configuration stays.
    Raises Untrusted for a name that no shell can take.
    """
    acme = view.certificate.acme
    if not isinstance(acme, Acme) or not acme.webroot:
        return ForAPerson(
            f"certbot does not know {view.certificate.name}, and the inventory does not say how to get it",
            "write `acme: {agree_tos: true, webroot: /var/www/letsencrypt, email: …}` for it, or run "
            f"`{shown_command(('certbot', 'certonly', '-d', view.certificate.name))}` in {view.service}",
        )
    if not view.inside.certbot:
        return ForAPerson(f"there is no certbot in {view.service}", finding.hint)
    if refused := not_reloadable(view):
        return refused
    name = view.certificate.lineage or view.certificate.name
    domains = [word for host in (view.certificate.name, *acme.names) for word in ("--domain", host)]
    words = ("certonly", "--non-interactive", "--cert-name", name, *domains, "--webroot", "-w", acme.webroot)
    server = ServingContainer(view)
    return Plan(
        steps=(
            server.certbot(
                *words,
                *account_options(acme),
                "--deploy-hook",
                "nginx -s reload",
                says=f"get a certificate for {view.certificate.name}",
            ),
        ),
        undo=f"`{shown_command(('certbot', 'delete', '--cert-name', name))}` in {view.service}",
        success=f"certbot keeps a certificate for {view.certificate.name}, on a fresh look",
        requires=(server.no_other_certbot(),),
        notes=(f"nginx serves it once its `ssl_certificate` is /etc/letsencrypt/live/{name}/fullchain.pem",),
    )


def account_options(acme: Acme) -> tuple[str, ...]:
    """Options of certbot: the terms are agreed to, the e-mail address (or none), and the server."""
    server = ("--server", acme.server) if acme.server else ()
    who = ("--email", acme.email, "--no-eff-email") if acme.email else ("--register-unsafely-without-email",)
    return ("--agree-tos", *who, *server)


def lost_account(view: View, lineage: Lineage | None, finding: Finding) -> Answer:
    """The plan that uses another account of the same server, or registers one, for the renewal; or why not.

    Without a lineage (None) a person must act. So must one where `registration_step` says why not.
    """
    if lineage is None:
        return ForAPerson("certbot has no lineage for the name", finding.hint)
    matches = registration_step(view, lineage)
    if isinstance(matches, ForAPerson):
        return matches
    step, require = matches
    return Plan(
        steps=(step,),
        undo="none: the old account's key is gone; the new one does no harm",
        success="the account of the renewal is on disk, on a fresh look",
        requires=(require, ServingContainer(view).no_other_certbot()),
    )


def registration_step(view: View, lineage: Lineage) -> tuple[RunInContainer, Require] | ForAPerson:
    """The step that registers an account, and the condition before it.

    Nothing is run here. ForAPerson if the inventory does not allow it, or the lineage does not name its server.
    """
    acme = view.certificate.acme
    if not lineage.server.startswith("https://"):
        return ForAPerson("which server the account belongs to is not known", "see `server =` in the configuration")
    if not isinstance(acme, Acme):
        return ForAPerson(
            f"the ACME account that renews {lineage.name} is gone, and the inventory does not allow a new one",
            "restore /etc/letsencrypt/accounts from a copy, or write `acme: {agree_tos: true, email: …}` for it",
        )
    server = ServingContainer(view)
    conf = f"/etc/letsencrypt/renewal/{lineage.name}.conf"
    accounts = f"/etc/letsencrypt/accounts/{lineage.server.removeprefix('https://')}"
    agreed = account_options(acme.model_copy(update={"server": lineage.server}))
    register = (view.inside.certbot or "certbot", "register", "--non-interactive", *agreed)
    says = f"register a new ACME account with {lineage.server}, and name it in {conf}"
    words = ("docker", "exec", "-u", "0", view.container.id, "grep", "-cx", f"account = {lineage.account}", conf)
    named = Require(view.node, words, because=f"the account {lineage.account[:12]} is named in {conf}", answer="1")
    return server.inside(load_script(REGISTER_ACCOUNT), (conf, accounts, *register), says, limit=120.0), named


def reload_hook_plan(view: View, finding: Finding) -> Answer:
    """The plan that writes a hook which reloads nginx after each renewal, beside certbot's own files.

    ForAPerson without certbot in the container. Its way back removes the hook while it is ours.
    """
    if not view.inside.certbot:
        return ForAPerson(f"certbot does not run in {view.service}, so a hook there would not be run", finding.hint)
    says = f"write {HOOK}, which runs `nginx -s reload`"
    still = ("grep", "-qxF", MARK, HOOK)
    step = ServingContainer(view).inside(
        load_script(WRITE_HOOK), (HOOK,), says, undo=("rm", "-f", HOOK), undo_while=still
    )
    return Plan(steps=(step,), undo=f"{HOOK} is removed")


def crontab_plan(view: View, finding: Finding) -> Answer:
    """The plan that runs certbot twice a day from the node's crontab, and reloads nginx after a renewal; or why not.

    Raises Unobservable when the crontab was not seen. Not: without certbot, as another account than root, for a crontab
    that cannot be edited, and beside lines of others in our block.
    """
    crontab = raise_if_unobservable(view.facts.crontab, view.node)
    if not view.inside.certbot:
        return ForAPerson(f"there is no certbot in {view.service}", finding.hint)
    if crontab.account != "root":
        return ForAPerson("a crontab is only edited as root: set `sudo: true` for this node", finding.hint)
    if crontab.trouble:
        return ForAPerson(
            f"root's crontab on {view.node} cannot be edited to any good: {crontab.trouble}",
            "mend it with `sudo crontab -e`, then look again",
        )
    if others := lines_of_others(crontab.block):
        return foreign_lines_answer(others, view.node)
    try:
        line = crontab_entry(view)
    except Untrusted as why:
        return ForAPerson(f"no line is written into the crontab of {view.node}: {why}", CANNOT_BE_INSTALLED)
    step = EditCrontab(view.node, "root", BLOCK, (line,), crontab.digest, was=crontab.block or ())
    return Plan(
        steps=(step,),
        disturbance="nothing: certbot runs when it is next due",
        undo="the crontab is put back as it was",
        success=f"an entry on {view.node} that runs certbot in {view.service}, on a fresh look",
    )


def crontab_entry(view: View) -> str:
    """One line of crontab: twice a day, as certbot asks for, in the one container, with a reload after a renewal.

    The minute differs from node to node: authorities ask for that. What certbot prints goes to cron's mail. Raises
    Untrusted when a name or a path of the node may not stand in such a line.
    """
    words = {
        "DOCKER": docker_client(view.facts.docker),
        "FILTERS": filter_options(view.container),
        "CERTBOT": certbot_path(view.inside.certbot),
        "SERVICE": installed_word(view.certificate.service, "the service"),
    }
    return crontab_line(f"{sum(view.node.encode()) % 60} 4,16 * * *", fill_form(RENEWAL, words))


def volume_instructions(view: View, finding: Finding) -> ForAPerson:
    """How to put /etc/letsencrypt on a volume without losing what is in it (DESIGN: nothing unsaved is recreated)."""
    name = service_of(view.fleet, view.certificate.service).name
    save = shown_command(("docker", "cp", f"{view.container.id[:12]}:/etc/letsencrypt", "./letsencrypt-saved"))
    return ForAPerson(
        "recreating the container would lose certificate, key and account: nothing here may do that",
        f"1. on {view.node}: `{save}`\n"
        "2. in the stack file, for the service:\n"
        "     volumes:\n"
        "       - letsencrypt:/etc/letsencrypt\n"
        "   and at its end:\n"
        "     volumes:\n"
        "       letsencrypt:\n"
        "3. make the volume and fill it before you deploy: `docker volume create STACK_letsencrypt`, then copy "
        "./letsencrypt-saved into it\n"
        f"4. deploy, and look again: the new container of {name} must serve the same certificate",
    )
