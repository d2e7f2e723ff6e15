"""The steps of remedies for certificates: certbot once, with its reason; nginx tested, reloaded and compared.

Scripts are constant; values come as arguments. certbot prints neither keys nor tokens, so its words may be shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleetkeeper.looking.facts import seen
from fleetkeeper.topics.certificates.facts import Served
from fleetkeeper.topics.certificates.served_certificate import View, fingerprint
from fleetkeeper.topics.certificates.tls_probes import options
from fleetkeeper.topics.containers.observation import DOCKER
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import shown_command
from remediate.steps import AnyStep, Require, Run, RunInContainer

RELOADED = "a reload of nginx: open connections are served to their end"
NOT_UNDONE = "a renewal and a reload cannot be undone, and need not be: the old certificate stays in its archive"
HOOK = "/etc/letsencrypt/renewal-hooks/deploy/fleetkeeper-reload"
MARK = "# Set up by fleetkeeper: what was renewed is served."

# The words of certbot as arguments. Waiting for another certbot asks the authority nothing: it is no second attempt.
# What certbot keeps is compared, since it may also fail after it has renewed.
CERTBOT = r"""
export LC_ALL=C
kept() { cd /etc/letsencrypt 2>/dev/null && ls -lnR accounts archive live renewal 2>/dev/null; }
before=$(kept)
tries=13
while :; do
  said=$("$@" 2>&1); rc=$?
  case $said in *'nother instance of Certbot is already running'*) ;; *) break ;; esac
  tries=$((tries - 1))
  if [ "$tries" -eq 0 ]; then
    echo 'another certbot is running, and has been for a minute: nothing was done; run this again when it has ended' >&2
    exit 75
  fi
  sleep 5
done
if [ "$rc" -eq 0 ]; then
  case $said in
  *'not yet due'* | *'not due for renewal'*) echo 'certbot finds it not due, and left it as it is' >&2 ;;
  esac
  exit 0
fi
error=$(printf '%s\n' "$said" | sed -n 's/^.*with error: *//p' | head -n 1)
detail=$(printf '%s\n' "$said" | sed -n 's/^ *Detail: *//p' | head -n 1)
if [ -z "$error$detail" ]; then
  error=$(printf '%s\n' "$said" | grep -v -e '^Saving debug log' -e '^Ask for help' -e '^- - ' -e '^$' | tail -n 1)
fi
printf 'certbot: %s%s\n' "$error" "${detail:+ ($detail)}" | cut -c 1-400 >&2
[ "$(kept)" = "$before" ] || exit 70
exit 1
"""
CHANGED_NOTHING = (1, 75)

# What counts is the [emerg] line; the last one only says that the test failed.
TEST = r"""
export LC_ALL=C
said=$(nginx -t 2>&1) && exit 0
printf '%s\n' "$said" | grep -E '\[(emerg|alert|crit)\]' | head -n 1 >&2
exit 1
"""

# nginx says "signal process started" on standard error when all is well.
RELOAD = r"""
export LC_ALL=C
said=$(nginx -s reload 2>&1) && exit 0
printf '%s\n' "$said" | tail -n 1 >&2
exit 1
"""

ASK = (
    DOCKER
    + r"""
export LC_ALL=C
id=$1 where=$2 inside=$3; shift 3
openssl_() { openssl "$@"; }
if ! command -v openssl >/dev/null 2>&1; then
  where=127.0.0.1:$inside
  openssl_() { docker exec -i -u 0 "$id" openssl "$@"; }
fi
leaf() { openssl_ x509 -noout -fingerprint -sha256; }
served() { openssl_ s_client -connect "$where" "$@" </dev/null 2>/dev/null | leaf; }
plain() { sed 's/^.*=//;s/://g' | tr A-F a-f; }
"""
)

# $1 container, $2 address:port, $3 port in the container, then options of s_client: prints the leaf's SHA-256
SERVED = ASK + 'served "$@" | plain\n'

# $1 to $3 as above, $4 path in the container, then options of s_client
COMPARE = (
    ASK
    + r"""
path=$1; shift
disk=$(docker exec -u 0 "$id" cat "$path" | leaf)
[ -n "$disk" ] || { echo "$path could not be read" >&2; exit 1; }
tries=15
until [ "$(served "$@")" = "$disk" ]; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || { echo "$where still serves another certificate than $path" >&2; exit 1; }
  sleep 1
done
ends=$(openssl_ s_client -connect "$where" "$@" </dev/null 2>/dev/null | openssl_ x509 -noout -enddate)
echo "served now: the certificate that ends ${ends#notAfter=}"
"""
)

BUSY = r"""
for process in /proc/[0-9]*; do
  { read -r name <"$process/comm"; } 2>/dev/null || continue
  [ "$name" != certbot ] || exit 1
done
"""

# $1 renewal configuration, $2 directory of the server's accounts, then certbot's words to register one. The new file
# takes the old one's place only if it is the old one but for that line: a program that dies on the way costs nothing.
ACCOUNT = r"""
set -u; export LC_ALL=C
conf=$1 accounts=$2; shift 2
newest() { ls -t "$accounts" 2>/dev/null | head -n 1; }
id=$(newest)
if [ -z "$id" ]; then
  said=$("$@" 2>&1) || { printf '%s\n' "$said" | grep -v -e '^Ask for help' -e '^Saving' | tail -n 1 >&2; exit 1; }
  id=$(newest)
fi
[ -n "$id" ] || { echo "certbot registered, and no account is in $accounts" >&2; exit 1; }
case $id in *[!A-Za-z0-9_.-]*) echo "an account in $accounts has an odd name: nothing was changed" >&2; exit 1 ;; esac
new=$conf.fleetkeeper-new
others() { { grep -v '^account = ' "$1"; [ $? -le 1 ]; } && echo .; }
proven() {
  before=$(others "$conf") && after=$(others "$new") && [ "$before" = "$after" ] && grep -qxF "account = $id" "$new"
}
made() { cp -p "$conf" "$new" && sed "s/^account = .*/account = $id/" "$conf" >"$new"; }
made && proven && mv "$new" "$conf" && [ ! -e "$new" ] ||
  { rm -f "$new"; echo "$conf could not be written with the account $id: it is as it was" >&2; exit 1; }
"""

WRITE_HOOK = r"""
set -eu
text='#!/bin/sh
# Set up by fleetkeeper: what was renewed is served.
exec nginx -s reload'
mkdir -p "${1%/*}"
trap 'rm -f "$1.new"' EXIT
printf '%s\n' "$text" >"$1.new"
chmod 755 "$1.new"
written=$(cat "$1.new" && echo .)
[ "$written" = "$text
." ] || { echo "$1 could not be written whole" >&2; exit 1; }
mv "$1.new" "$1"
"""


@dataclass(frozen=True)
class There:
    """Where a remedy works: the node and the container that serve the name."""

    view: View

    def inside(self, script: str, words: tuple[str, ...], says: str, **more: object) -> RunInContainer:
        """A script in the container, as its root; what it prints on failure is harmless and is shown."""
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
        """Run certbot, once: the authority counts attempts. The plan shows all of its words."""
        given = (self.view.inside.certbot or "certbot", *words)
        says = f"{says}, one attempt: {shown_command(('certbot', *words))}"
        return self.inside(CERTBOT, given, says, unchanged=CHANGED_NOTHING, limit=300.0)

    def reload(self, served: Served, path: str) -> tuple[AnyStep, ...]:
        """Test, reload, and compare what is served: nothing is reloaded while the configuration is broken."""
        view = self.view
        return (
            self.inside(TEST, (), "test nginx' configuration (nginx -t)", changes=False),
            self.inside(RELOAD, (), "reload nginx (nginx -s reload)"),
            Run(
                view.node,
                ("sh", "-c", COMPARE, "fleetkeeper", *self.address(served), path, *options(view.certificate)),
                says=f"compare what port {served.port} serves with {path}, for up to 15 s",
                changes=False,
                tells=True,
            ),
        )

    def address(self, served: Served) -> tuple[str, str, str]:
        host = f"[{served.host}]" if ":" in served.host else served.host
        return self.view.container.id, f"{host}:{served.port}", str(served.inside or served.port)

    def still_served(self, served: Served) -> Require:
        """The port still serves what was seen: another remedy, or somebody else, may have been quicker."""
        view = self.view
        chain = seen(served.chain)
        if not chain:
            raise Unobservable(f"port {served.port} gave no certificate", node=view.node)
        return Require(
            view.node,
            ("sh", "-c", SERVED, "fleetkeeper", *self.address(served), *options(view.certificate)),
            because=f"port {served.port} serves the certificate that was seen",
            answer=fingerprint(chain),
        )

    def no_other_certbot(self) -> Require:
        words = ("docker", "exec", "-u", "0", self.view.container.id, "sh", "-c", BUSY)
        return Require(self.view.node, words, because=f"no other certbot is running in {self.view.service}", answer="")
