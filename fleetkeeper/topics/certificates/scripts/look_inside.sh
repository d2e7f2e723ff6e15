#!/bin/sh
# Prints all about certificates in one container: nginx' configuration, certificates, digests of keys, certbot's files
# and how it is run. Arguments: the names that are asked for, files with certificates (which begin with a slash), and
# files that schedules name as hooks (`hook:/path`), whose text is printed where they are scripts.
tls_only='# include fleetkeeper/topics/certificates/scripts/nginx_tls.awk'
about_renewals='(deploy|renew|post|pre)-hook|dry-run|test-cert|staging|server|config-dir|cert-name|domains?|authenticator'
about_renewals="$about_renewals|installer|force-renewal|(no-)?directory-hooks|disable-hook-validation"
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
script() { # kind path: a file that is run as a hook, with its text where it is a script
  clean "$2" || return
  say "$1 $2"
  if [ ! -e "$2" ]; then say "!is not there"; return; fi
  if [ ! -f "$2" ] || [ ! -r "$2" ]; then return; fi
  if [ ! -x "$2" ]; then say "!is not executable"; return; fi
  first=$(head -n 1 <"$2" | tr -d '\0' | head -c 256)
  case $first in '#!'*) ;; *) case $2 in *.sh) indent <"$2" | head -c 16384; echo ;; esac; return ;; esac
  runs=${first#??}
  # shellcheck disable=SC2086 # the words of the first line
  set -- $1 "$2" $runs
  case ${3:-} in */env) runs=${4:-} ;; *) runs=${3:-} ;; esac
  if command -v -- "$runs" >/dev/null 2>&1; then head -c 16384 <"$2" | indent; echo
  else say "!needs the interpreter $runs, which is not there"; fi
}
named() { if [ "$kind" = _key ]; then key "$1"; else certificates file "$1"; fi; }
web_server() { # names, for files that nginx picks by the name
  nginx=
  for name in nginx openresty angie freenginx; do
    if command -v "$name" >/dev/null 2>&1; then nginx=$name; break; fi
  done
  [ -n "$nginx" ] || return
  conf='' runs=''
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
  # shellcheck disable=SC2016,SC2020 # nginx's variable as it is written; several characters become a space
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
          case $name in /* | hook:*) ;; *) named "${path%%'$ssl_server_name'*}$name${path#*'$ssl_server_name'}" ;; esac
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
    { [ -f "$conf" ] && clean "$conf"; } || continue
    say "renewal ${conf#renewal/}"
    head -c 65536 <"$conf" | indent
    sed -n 's/^webroot_path *= *//p' "$conf" | tr ',' '\n' | while read -r root; do
      if [ -d "$root" ]; then say "webroot yes $root"; elif [ -n "$root" ]; then say "webroot no $root"; fi
    done
    for part in cert privkey chain fullchain; do
      path=$(sed -n "s/^$part *= *//p" "$conf" | head -n 1)
      if [ -z "$path" ]; then continue; fi
      if [ -L "$path" ] && [ -e "$path" ]; then say "part yes $path"
      elif [ -e "$path" ]; then say "part file $path"
      else say "part no $path"; fi
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
    case $hook in *'~') continue ;; esac # certbot leaves it out
    if [ -f "$hook" ]; then script hook "/etc/letsencrypt/$hook"; fi
  done
  for ini in cli.ini "$HOME/.config/letsencrypt/cli.ini"; do
    if [ -f "$ini" ]; then
      say "ini $ini"
      grep -E "^ *($about_renewals) *(=|$)" "$ini" | head -c 16384 | indent
    fi
  done
}
programs() { # words: which programs that hooks may run are not there
  for program in nginx openresty angie freenginx tengine systemctl service rc-service supervisorctl sv s6-svc docker \
    docker-compose podman kill pkill killall apachectl apache2ctl httpd "$@"; do
    case $program in */* | '') continue ;; esac
    on_path "$program" || say "absent $program"
  done
}
on_path() { # name: a file of that name, as certbot looks for it; a word of the shell is none
  rest=$PATH:
  while [ -n "$rest" ]; do
    if [ -f "${rest%%:*}/$1" ] && [ -x "${rest%%:*}/$1" ]; then return; fi
    rest=${rest#*:}
  done
  return 1
}
plugins() { # path of certbot: the plugins that are installed beside it, by their own lists
  read -r first <"$1" || return
  case $first in '#!/'*/bin/*) ;; *) return ;; esac
  prefix=${first#??}; prefix=${prefix%%/bin/*}
  for list in "$prefix"/lib/python3*/*-packages/*/entry_points.txt \
    "$prefix"/local/lib/python3*/*-packages/*/entry_points.txt; do
    grep -qs '^\[certbot\.plugins\]' "$list" || continue
    awk '/^\[/ { on = /^\[certbot\.plugins\]/; next } on && /=/ { sub(/[ \t]*=.*/, ""); print "plugin " $0 }' "$list"
  done
}
processes() {
  for process in /proc/[0-9]*; do
    { read -r name <"$process/comm"; } 2>/dev/null || continue
    say "process $name"
    title=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) || continue
    case $title in
    *fleetkeeper*) ;;
    *certbot*) say "loop $name"; printf '%s\n' "$title" | head -c 4096 | indent ;;
    *) started "$title" ;;
    esac
  done
}
started() { # command line: a script in a shell, with its text where that has certbot in it
  case ${1%% *} in sh | bash | ash | dash | */sh | */bash | */ash | */dash) rest=${1#* } ;; *) return ;; esac
  while :; do case $rest in -c* | '') return ;; -*' '*) rest=${rest#* } ;; *) break ;; esac; done
  path=${rest%% *}
  case $path in -* | '') return ;; /*) ;; *) path=$(readlink "$process/cwd")/$path ;; esac
  if speaks "$path"; then text started "$path"; fi
}
speaks() { # path: whether it is a script with certbot in it, and not certbot itself
  case $1 in */certbot | */certbot-auto) return 1 ;; esac
  clean "$1" && [ -f "$1" ] && [ -r "$1" ] && head -c 16384 <"$1" | tr -d '\0' | grep -qi certbot
}
text() { # kind path: a script, and whether it can be executed
  say "$1 $2"
  [ -x "$2" ] || say "!is not executable"
  head -c 16384 <"$2" | indent
  echo
}
schedules() {
  for table in /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/* /etc/crontabs/*; do
    { [ -f "$table" ] && clean "$table"; } || continue
    lines=$(grep -v '^[[:space:]]*#' "$table" | head -c 65536)
    called=$(printf '%s\n' "$lines" | tr -s " \t;&|<>()\"'" '\n' | sed -n '/^\/./p' | sort -u | head -n 50 |
      while read -r path; do if speaks "$path"; then say "$path"; fi; done)
    lines=$(printf '%s\n' "$lines" | grep -iF "$words${called:+$newline$called}") || continue
    say "cron $table"
    printf '%s\n' "$lines" | head -c 16384 | indent
    printf '%s\n' "$called" | while read -r path; do if [ -n "$path" ]; then text script "$path"; fi; done
  done
  for file in /etc/cron.hourly/* /etc/cron.daily/* /etc/cron.weekly/* /etc/cron.monthly/* /etc/periodic/*/*; do
    if speaks "$file"; then text periodic "$file"; fi
  done
}
newline='
'
words="certbot${newline}letsencrypt${newline}acme${newline}dehydrated${newline}renew"
web_server "$@"
for file; do
  case $file in /*) certificates file "$file" ;; hook:*) script script "${file#hook:}" ;; esac
done
programs "$@"
lineages
processes
schedules
for bot in certbot /opt/certbot/bin/certbot /snap/bin/certbot /usr/local/bin/certbot; do
  if path=$(command -v "$bot" 2>/dev/null); then say "certbot $path"; plugins "$path"; break; fi
done
say end
