"""The steps of remedies for certificates: certbot once, with its reason; nginx tested, reloaded and compared.

Scripts are constant; values come as arguments. certbot prints neither keys nor tokens, so its output may be shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetkeeper.looking.fleet import raise_if_unobservable
from fleetkeeper.topics.certificates.facts import ServedCertificate
from fleetkeeper.topics.certificates.served_certificate import View, fingerprint
from fleetkeeper.topics.certificates.tls_probes import options
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import shown_command
from remediate.steps import AnyStep, Require, Run, RunInContainer

RUN_CERTBOT = "remediate/remedies/certificates/scripts/run_certbot.sh"
TEST_NGINX = "remediate/remedies/certificates/scripts/test_nginx.sh"
RELOAD_NGINX = "remediate/remedies/certificates/scripts/reload_nginx.sh"
COMPARE_SERVED = "remediate/remedies/certificates/scripts/compare_served.sh"
PRINT_SERVED = "remediate/remedies/certificates/scripts/print_served.sh"
NO_CERTBOT_RUNS = "remediate/remedies/certificates/scripts/no_certbot_runs.sh"

RELOADED = "a reload of nginx: open connections are served to their end"
NOT_UNDONE = "a renewal and a reload cannot be undone, and need not be: the old certificate stays in its archive"
HOOK = "/etc/letsencrypt/renewal-hooks/deploy/fleetkeeper-reload"
MARK = "# Set up by fleetkeeper: what was renewed is served."

CHANGED_NOTHING = (1, 75)


@dataclass(frozen=True)
class ServingContainer:
    """The node and the container that serve the certificate's name, with the steps of remedies there."""

    view: View

    def inside(self, script: str, words: tuple[str, ...], says: str, **more: object) -> RunInContainer:
        """The step that runs a script in the container as root; what it prints on failure is harmless, and shown.

        `more` are further fields of RunInContainer. Nothing is run here.
        """
        view = self.view
        line = ("sh", "-c", script, "fleetkeeper", *words)
        return RunInContainer(
            view.node,
            view.container.id,
            line,
            view.service,
            "0",
            says=says,
            tells=True,
            **more,  # type: ignore[arg-type]
        )

    def certbot(self, *words: str, says: str) -> RunInContainer:
        """The step that runs certbot once, since the authority counts attempts. The plan shows all of its words.

        Nothing is run here. Raises Untrusted for words that no shell can take.
        """
        given = (self.view.inside.certbot or "certbot", *words)
        says = f"{says}, one attempt: {shown_command(('certbot', *words))}"
        return self.inside(load_script(RUN_CERTBOT), given, says, unchanged=CHANGED_NOTHING, limit=300.0)

    def reload(self, served: ServedCertificate, path: str) -> tuple[AnyStep, ...]:
        """Three steps: test the configuration, reload nginx, and compare what is served with the file `path`.

        Nothing is reloaded while the configuration is broken. The comparison waits for up to 15 s.
        """
        view = self.view
        return (
            self.inside(load_script(TEST_NGINX), (), "test nginx' configuration (nginx -t)", changes=False),
            self.inside(load_script(RELOAD_NGINX), (), "reload nginx (nginx -s reload)"),
            Run(
                view.node,
                (
                    "sh",
                    "-c",
                    load_script(COMPARE_SERVED),
                    "fleetkeeper",
                    *self.address(served),
                    path,
                    *options(view.certificate),
                ),
                says=f"compare what port {served.port} serves with {path}, for up to 15 s",
                changes=False,
                tells=True,
            ),
        )

    def address(self, served: ServedCertificate) -> tuple[str, str, str]:
        """(container id, HOST:PORT on the node, port in the container), as the scripts take them."""
        host = f"[{served.host}]" if ":" in served.host else served.host
        return self.view.container.id, f"{host}:{served.port}", str(served.inside or served.port)

    def still_served(self, served: ServedCertificate) -> Require:
        """The condition that the port serves the certificate that was seen.

        Another remedy, or somebody else, may have been quicker. Raises Unobservable when the port gave no certificate,
        or could not be seen.
        """
        view = self.view
        chain = raise_if_unobservable(served.chain)
        if not chain:
            raise Unobservable(f"port {served.port} gave no certificate", node=view.node)
        return Require(
            view.node,
            ("sh", "-c", load_script(PRINT_SERVED), "fleetkeeper", *self.address(served), *options(view.certificate)),
            because=f"port {served.port} serves the certificate that was seen",
            answer=fingerprint(chain),
        )

    def no_other_certbot(self) -> Require:
        """The condition that no other certbot runs in the container."""
        words = ("docker", "exec", "-u", "0", self.view.container.id, "sh", "-c", load_script(NO_CERTBOT_RUNS))
        return Require(self.view.node, words, because=f"no other certbot is running in {self.view.service}", answer="")
