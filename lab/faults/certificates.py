"""Faults of the certificate that nginx serves, and of what renews it.

Each ends with a certificate that the lab's ACME server really issued: `anew` asks for one whatever is there.
"""

from lab import acme, setup, swarm
from lab.engine import Engine
from lab.names import MANAGER
from lab.shell import load_script

WAIT = """
tries=60
while grep -qsx certbot /proc/[0-9]*/comm && [ "$tries" -gt 0 ]; do tries=$((tries - 1)); sleep 1; done
"""
RENEW = "certbot renew --quiet --no-random-sleep-on-renew && serve-certificate && nginx -s reload"
FORCED = 'certbot certonly --quiet --cert-name "$DOMAIN" --domain "$DOMAIN" --force-renewal --renew-with-new-domains'
ANEW = f"{FORCED} && serve-certificate && nginx -s reload"
LIVE = 'cd "/etc/letsencrypt/live/$DOMAIN"; '
OTHER_NAME = (
    LIVE + "openssl req -new -key privkey.pem -subj /CN=other.lab.example -addext subjectAltName=DNS:other.lab.example"
)
SELF_SIGNED = LIVE + (
    'openssl req -x509 -key privkey.pem -days 89 -subj "/CN=$DOMAIN" -addext "subjectAltName=DNS:$DOMAIN" | adopt'
)
LEAF_ALONE = LIVE + "cat cert.pem > fullchain.pem; nginx -s reload"
OTHER_KEY = LIVE + "openssl ecparam -name prime256v1 -genkey -noout > privkey.pem"
NEVER_ISSUED = """
cd /etc/letsencrypt; rm -rf "live/$DOMAIN" "archive/$DOMAIN" "renewal/$DOMAIN.conf" placeholder
serve-certificate && nginx -s reload
"""
SECOND = "second.lab.example"
NO_SECOND_SITE = "rm -rf /etc/nginx/conf.d/second.conf /etc/nginx/second; nginx -s reload"
BREAK_CONFIGURATION = "printf 'sevrer { }\\n' > /etc/nginx/conf.d/zz-broken.conf"
MEND_CONFIGURATION = "rm -f /etc/nginx/conf.d/zz-broken.conf"
LOSE_ACCOUNT = (
    "cd /etc/letsencrypt; [ -d accounts.lost ] || { mv accounts accounts.lost; cp -r renewal accounts.lost/; }"
)
FIND_ACCOUNT = """
cd /etc/letsencrypt; [ -d accounts.lost ] || exit 0
cp accounts.lost/renewal/*.conf renewal/; rm -rf accounts accounts.lost/renewal; mv accounts.lost accounts
"""
SITE = "/etc/nginx/conf.d/rodan.conf"
BLOCK_CHALLENGE = f"sed -i 's|root /var/www/letsencrypt;|return 403;|' {SITE}; nginx -s reload"
ALLOW_CHALLENGE = f"sed -i 's|return 403;|root /var/www/letsencrypt;|' {SITE}; nginx -s reload"
MISPLACE_CHALLENGE = f"sed -i 's|root /var/www/letsencrypt;|root /var/www/elsewhere;|' {SITE}; nginx -s reload"
REPLACE_CHALLENGE = f"sed -i 's|root /var/www/elsewhere;|root /var/www/letsencrypt;|' {SITE}; nginx -s reload"


def in_nginx(engine: Engine, script: str) -> None:
    """Run a script in nginx' container once no certbot runs there: two at once refuse each other."""
    swarm.run_within(engine, "nginx", "sh", "-c", WAIT + script, limit=120)


def reload_by(engine: Engine, script: str, *words: str, given: bytes | None = None) -> None:
    """Run a script that reloads nginx, likewise, and wait until nginx serves by what it has read then.

    `words` are the script's own $0, $1, …, and `given` is its standard input.
    """
    waiting = ("sh", "-c", WAIT + load_script("await_reload.sh"), "sh", script, *words)
    swarm.run_within(engine, "nginx", *waiting, limit=180, given=given)


def replace(engine: Engine, begin: float, end: float, *request: str) -> None:
    """Serve a certificate from the lab's second authority, for the key in use, valid in these days from now."""
    question = swarm.run_within(engine, "nginx", *(request or ("csr",)))
    reload_by(engine, "adopt", given=acme.sign_aged(engine, question, begin, end).encode())


def age(engine: Engine) -> None:
    """Replace the leaf by one for the same key that began 85 days ago and ends in five."""
    replace(engine, -85, 5)


def expire(engine: Engine) -> None:
    replace(engine, -91, -1)


def misname(engine: Engine) -> None:
    replace(engine, -1, 89, "sh", "-c", OTHER_NAME)


def sign_itself(engine: Engine) -> None:
    reload_by(engine, SELF_SIGNED)


def send_leaf_alone(engine: Engine) -> None:
    reload_by(engine, LEAF_ALONE)


def replace_key(engine: Engine) -> None:
    """Put another private key beside the certificate; nginx still holds the old pair."""
    in_nginx(engine, OTHER_KEY)


def never_issue(engine: Engine) -> None:
    """Take certbot's certificate away, as before the first one: nginx serves the placeholder."""
    reload_by(engine, NEVER_ISSUED)


def stage(engine: Engine) -> None:
    """Serve what certbot gets from a staging server, and let its renewals go there."""
    reload_by(engine, load_script("stage_certificate.sh"))


def open_second_site(engine: Engine) -> None:
    """Serve another name on the same port, with a certificate that ended yesterday."""
    question = swarm.run_within(engine, "nginx", "sh", "-c", load_script("request_second_site.sh"), "sh", SECOND)
    served = acme.sign_aged(engine, question, -91, -1).encode()
    reload_by(engine, load_script("open_second_site.sh"), "sh", SECOND, given=served)


def close_second_site(engine: Engine) -> None:
    reload_by(engine, NO_SECOND_SITE)


def renew_without_reload(engine: Engine) -> None:
    in_nginx(engine, FORCED)


def reload(engine: Engine) -> None:
    reload_by(engine, "serve-certificate && nginx -s reload")


def renew(engine: Engine) -> None:
    """Let certbot do it, which finds nothing to do when a repair has done it."""
    reload_by(engine, RENEW)


def anew(engine: Engine) -> None:
    """Get another one, whatever is there: what certbot calls good may be what was broken."""
    reload_by(engine, ANEW)


def break_configuration(engine: Engine) -> None:
    in_nginx(engine, BREAK_CONFIGURATION)


def mend_configuration(engine: Engine) -> None:
    in_nginx(engine, MEND_CONFIGURATION)


def lose_account(engine: Engine) -> None:
    in_nginx(engine, LOSE_ACCOUNT)


def find_account(engine: Engine) -> None:
    in_nginx(engine, FIND_ACCOUNT)


def block_challenge(engine: Engine) -> None:
    """Make the authority's question fail, and a renewal due."""
    reload_by(engine, BLOCK_CHALLENGE)
    age(engine)


def allow_challenge(engine: Engine) -> None:
    reload_by(engine, ALLOW_CHALLENGE)
    renew(engine)


def misplace_challenge(engine: Engine) -> None:
    """Let nginx look for challenges where certbot does not write them."""
    reload_by(engine, MISPLACE_CHALLENGE)


def replace_challenge(engine: Engine) -> None:
    reload_by(engine, REPLACE_CHALLENGE)


def lose_schedule(engine: Engine) -> None:
    """Take every entry about certbot out of the crontab; every other line stays as it is."""
    text = setup.root_crontab(engine, MANAGER)
    kept = [line for line in text.splitlines(keepends=True) if "certbot" not in line and "will_renew" not in line]
    setup.set_crontab(engine, MANAGER, "".join(kept))


def restore_schedule(engine: Engine) -> None:
    lose_schedule(engine)
    setup.set_crontab(engine, MANAGER, setup.root_crontab(engine, MANAGER) + setup.RENEWAL + "\n")
