"""What is asked of a node and of a container about certificates: constant scripts, values only as arguments.

Nothing is written. Private keys stay where they are: of a key only the digest of its public half is printed, and of a
file with certificates only the certificates, whatever else stands in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from fleetkeeper.topics.containers.observation import DOCKER
from fleetkeeper.transport.commands import Command

NO_OPENSSL = 69
MARK = "fleetkeeper-look"
"""The $0 of what we run: a look must not take itself for a certbot that runs."""

BOUNDED = r"""
export LC_ALL=C
command -v openssl >/dev/null 2>&1 || exit 69
bounded() { if command -v timeout >/dev/null 2>&1; then timeout 10 "$@"; else "$@"; fi; }
"""

# $1 address:port, further words: options of s_client, of which a server name is one
HANDSHAKE = (
    BOUNDED
    + r"""
where=$1; shift
bounded openssl s_client -connect "$where" -showcerts "$@" </dev/null 2>&1
"""
)

# One handshake that offers nothing newer than TLS 1.1. Debian's own openssl.cnf refuses old protocols on the client's
# side: then nothing could be told about the server. OpenSSL before 1.1.1 has no TLS 1.3 to leave out.
OLD = (
    BOUNDED
    + r"""
where=$1; shift
export OPENSSL_CONF=/dev/null
old() { bounded openssl s_client -connect "$where" -cipher ALL:!aNULL:@SECLEVEL=0 -no_tls1_2 "$@" </dev/null 2>&1; }
said=$(old -no_tls1_3 "$@"); rc=$?
case $said in *nknown\ option*no_tls1_3*) said=$(old "$@"); rc=$? ;; esac
printf '%s\n' "$said"
exit "$rc"
"""
)

# $1 address:port, $2 name, further words as above
HEADERS = (
    BOUNDED
    + r"""
where=$1 name=$2; shift 2
printf 'GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: fleetkeeper\r\nConnection: close\r\n\r\n' "$name" |
  bounded openssl s_client -connect "$where" -quiet "$@" 2>/dev/null | head -c 16384 |
  sed "/^$(printf '\r')\{0,1\}\$/q"
"""
)

# $1 name, $2 address, $3 port: the status of a request for a challenge that nobody made
CHALLENGE = r"""
export LC_ALL=C
path=/.well-known/acme-challenge/fleetkeeper-looks
request() { printf 'GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: fleetkeeper\r\n\r\n' "$path" "$1"; }
if command -v curl >/dev/null 2>&1; then
  status=$(curl -s -g -o /dev/null -m 5 -w '%{http_code}' -H "Host: $1" "http://$2:$3$path")
  case $? in 0 | 7 | 52 | 56) echo "$status" ;; *) exit 71 ;; esac
elif command -v bash >/dev/null 2>&1; then
  request "$1" | bash -c 'exec 3<>"/dev/tcp/$0/$1" || { echo 000; exit 0; }
    cat >&3; read -r -t 5 version status rest <&3 && echo "$status" || echo 000' "$2" "$3" 2>/dev/null
elif command -v nc >/dev/null 2>&1; then
  request "$1" | nc -w 5 "$2" "$3" 2>/dev/null | { read -r version status rest && echo "$status" || echo 000; }
else
  exit 69
fi
"""

# Of nginx' configuration only what says who serves which name with which certificate, each word on its own line number;
# comments, other directives, and keys written into the configuration stay there. Words end as nginx reads them.
AWK_NGINX = r"""
function emit(text, at) {
  while (line < at) { printf "\n"; line++ }
  printf " %s", text
  line += gsub(/\n/, "\n", text)
}
function kept_value(k) {
  if (word[1] !~ /^ssl_/ || word[k] !~ /^["\047]?data:/) return word[k]
  return (word[k] ~ /^["\047]?data:[$][A-Za-z0-9_]*["\047]?$/) ? word[k] : "data:"
}
function ends(mark,  k) {
  if (mark == ";" && word[1] ~ /^(listen|server_name|ssl|ssl_certificate|ssl_certificate_key|include|root|alias)$/) {
    for (k = 1; k <= words; k++) emit(kept_value(k), at[k])
    emit(";", now)
  } else if (mark == ";" && words > 1 && word[1] ~ /^(proxy_pass|rewrite|try_files|fastcgi_pass)$/) {
    emit(word[1] " x;", at[1])
  } else if (mark == "{") {
    emit((word[1] ~ /^(http|server|location)$/) ? word[1] : "block", words ? at[1] : now)
    for (k = 2; k <= words; k++) if (word[1] == "location" && index(word[k], "well-known")) emit("well-known", at[k])
    emit("{", now)
  } else if (mark == "}") emit("}", now)
  words = inside = 0
}
# A quote that does not end must not hide what follows it: whoever reads on sees it too.
function end_of_file() { if (quote != "") printf " %s", quote }
function more(text) {
  if (!inside) { word[++words] = ""; at[words] = now; inside = 1 }
  word[words] = word[words] text
}
function read_line(text,  i, n, c, k) {
  n = length(text)
  for (i = 1; i <= n; i++) {
    c = substr(text, i, 1)
    if (escaped) { more(c); escaped = 0 }
    else if (c == "\\") { more(c); escaped = 1 }
    else if (quote != "") { more(c); if (c == quote) quote = inside = "" }
    else if (!inside && c == "#") return
    else if (!inside && (c == "\"" || c == "\047")) { more(c); quote = c }
    else if (c == "$" && match(substr(text, i), /^[$][{][A-Za-z0-9_]*[}]/)) {
      k = RLENGTH; more(substr(text, i, k)); i += k - 1
    }
    else if (c == " " || c == "\t" || c == "\r") inside = 0
    else if (c == ";" || c == "{" || c == "}") ends(c)
    else more(c)
  }
  if (escaped || quote != "") more("\n")
  else inside = 0
  escaped = 0
}
/^# configuration file .+:$/ {
  end_of_file(); print "\n" $0
  now = line = 1; words = inside = escaped = 0; quote = ""
  next
}
now { read_line($0); now++ }
END { end_of_file(); printf "\n" }
"""

# Further words: the names that are asked for, and files with certificates (which begin with a slash).
INSIDE = (
    "tls_only='"
    + AWK_NGINX
    + r"""'
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/nginx/sbin:/usr/local/openresty/nginx/sbin"
say() { printf '%s\n' "$*"; }
clean() { case $1 in *'
'*) return 1 ;; esac; }
indent() { sed 's/^/|/'; }
pem() { # a certificate that does not end shows nothing of what follows it, which may be a key
  sed -n '/^-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[[:space:]]*$/,/-----/{
    /^-----\(BEGIN\|END\) [A-Z0-9 ]*CERTIFICATE-----[[:space:]]*$/p
    /^[A-Za-z0-9+\/=]*[[:space:]]*$/p
  }' | head -c 65536
}
certificates() { # kind path
  clean "$2" || return
  if [ -f "$2" ] && [ -r "$2" ]; then say "$1 $2"; pem <"$2" | indent
  elif [ -e "$2" ]; then say "$1 $2"; say "!cannot be read"
  else say "$1 $2"; say "!is not there"; fi
}
key() {
  clean "$1" || return
  say "key $1"
  if [ ! -e "$1" ]; then say "!is not there"
  elif [ ! -r "$1" ]; then say "!cannot be read"
  elif ! command -v openssl >/dev/null 2>&1; then say "!no openssl"
  elif public=$(openssl pkey -in "$1" -passin pass: -pubout 2>/dev/null); then printf '%s\n' "$public" | indent
  else say "!cannot be read as a key"; fi
}
named() { if [ "$kind" = _key ]; then key "$1"; else certificates file "$1"; fi; }
web_server() { # names, for files that nginx picks by the name
  nginx=
  for name in nginx openresty angie freenginx; do
    if command -v "$name" >/dev/null 2>&1; then nginx=$name; break; fi
  done
  [ -n "$nginx" ] || return
  conf= runs=
  for process in /proc/[0-9]*; do
    { read -r name <"$process/comm"; } 2>/dev/null || continue
    case $name in nginx* | openresty* | angie* | freenginx*) runs=yes ;; *) continue ;; esac
    title=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) || continue
    case $title in
    "nginx: master process "*" -c "*) conf=${title##* -c }; conf=${conf%% *} ;;
    esac
  done
  [ -n "$runs" ] || return # one that does not run would make files of its own: its log, its pid, its directories
  if [ -n "$conf" ]; then printed=$("$nginx" -T -c "$conf" 2>&1); else printed=$("$nginx" -T 2>&1); fi
  status=$?
  say "nginx $status"
  if [ "$status" -ne 0 ]; then
    printf '%s\n' "$printed" | grep -E '^nginx: |\[(emerg|alert|crit)\]' | head -n 20 | cut -c 1-400 | indent
  else
    [ "${#printed}" -le 4194304 ] || { echo "nginx' configuration is larger than 4 MiB" >&2; exit 70; }
    cut=$(printf '%s\n' "$printed" | awk "$tls_only") ||
      { echo "no awk here that could cut nginx' configuration to what is about TLS" >&2; exit 70; }
    printf '%s\n' "$cut" | indent
  fi
  main=$(printf '%s\n' "$printed" | sed -n 's/^# configuration file \(.*\):$/\1/p' | head -n 1)
  [ -n "$main" ] || main=/etc/nginx/nginx.conf
  printf '%s\n' "$printed" | sed 's/^[[:space:]]*#.*//;s/[[:space:]]#.*//;s/[$]{\([a-z_]*\)}/$\1/g' |
    tr '\n\t;{}' '  \n\n\n' |
    sed -n 's/^ *ssl_certificate\(_key\)\{0,1\} \{1,\}/\1 /p' | sort -u |
    while read -r kind path; do
      if [ "$kind" != _key ]; then path="$kind${path:+ $path}"; fi
      path=${path#[\"\']}; path=${path%[\"\']}
      case $path in data:* | engine:* | '') continue ;; /*) ;; *) path=${main%/*}/$path ;; esac
      case $path in
      *'$ssl_server_name'*)
        for name; do
          case $name in /*) ;; *) named "${path%%'$ssl_server_name'*}$name${path#*'$ssl_server_name'}" ;; esac
        done ;;
      *'$'*) ;;
      *) named "$path" ;;
      esac
    done
}
lineages() {
  cd /etc/letsencrypt 2>/dev/null || return
  say letsencrypt
  for conf in renewal/*.conf; do
    [ -f "$conf" ] && clean "$conf" || continue
    say "renewal ${conf#renewal/}"
    head -c 65536 <"$conf" | indent
    sed -n 's/^webroot_path *= *//p' "$conf" | tr ',' '\n' | while read -r root; do
      if [ -d "$root" ]; then say "webroot yes $root"; elif [ -n "$root" ]; then say "webroot no $root"; fi
    done
  done
  for live in live/*/; do
    live=${live%/}
    [ -d "$live" ] || continue
    certificates live "/etc/letsencrypt/$live/fullchain.pem"
    key "/etc/letsencrypt/$live/privkey.pem"
  done
  find accounts -name private_key.json 2>/dev/null | sed 's/^/account /'
  for hook in renewal-hooks/deploy/* renewal-hooks/post/*; do
    if [ -f "$hook" ] && [ -x "$hook" ]; then say "hook $hook"; fi
  done
  for ini in cli.ini "$HOME/.config/letsencrypt/cli.ini"; do
    if [ -f "$ini" ] && grep -Eq '^ *(deploy|renew|post)-hook' "$ini"; then say "hook $ini"; fi
  done
}
processes() {
  for process in /proc/[0-9]*; do
    { read -r name <"$process/comm"; } 2>/dev/null || continue
    say "process $name"
    title=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) || continue
    case $title in
    *fleetkeeper*) ;;
    *certbot*renew*) say "loop $name"; printf '%s\n' "$title" | head -c 4096 | indent ;;
    esac
  done
}
schedules() {
  for table in /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/* /etc/crontabs/* /etc/cron.*ly/* \
    /etc/periodic/*/*; do
    [ -f "$table" ] && clean "$table" || continue
    grep -sqi certbot "$table" || continue
    say "cron $table"
    grep -i certbot "$table" | head -c 16384 | indent
  done
}
web_server "$@"
for file; do
  case $file in /*) certificates file "$file" ;; esac
done
lineages
processes
schedules
for bot in certbot /opt/certbot/bin/certbot /snap/bin/certbot /usr/local/bin/certbot; do
  if path=$(command -v "$bot" 2>/dev/null); then say "certbot $path"; break; fi
done
say end
"""
)


def handshake(where: str, options: Sequence[str]) -> Command:
    """One TLS handshake. `where` is address:port, `options` are further words for s_client."""
    return Command(("sh", "-c", HANDSHAKE, f"TLS handshake with {where}", where, *options), limit=20.0)


def old_handshake(where: str, options: Sequence[str]) -> Command:
    """One handshake that offers nothing newer than TLS 1.1."""
    return Command(("sh", "-c", OLD, f"old TLS handshake with {where}", where, *options), limit=25.0)


def headers(where: str, name: str, options: Sequence[str]) -> Command:
    return Command(("sh", "-c", HEADERS, f"HTTPS request to {where}", where, name, *options), limit=20.0)


def challenge(name: str, address: str, port: int) -> Command:
    words = ("sh", "-c", CHALLENGE, f"HTTP request to {address}:{port}", name, address, str(port))
    return Command(words, limit=15.0)


def in_container(container: str, command: Command) -> Command:
    """The same question, asked by root in a container. `command` is a `sh -c` with a name and arguments."""
    _, _, script, label, *arguments = command.words
    outer = DOCKER + 'exec docker exec -u 0 "$@"'
    words = ("sh", "-c", outer, label, container, "sh", "-c", script, MARK, *arguments)
    return Command(words, sudo=True, limit=command.limit)


def look_inside(container: str, names: Sequence[str] = ()) -> Command:
    """Everything about certificates in one container. nginx may pick files by `names`; paths are read as they are."""
    return in_container(container, Command(("sh", "-c", INSIDE, "look into the container", *names), limit=60.0))
