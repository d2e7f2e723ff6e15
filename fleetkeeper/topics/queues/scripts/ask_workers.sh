#!/bin/sh
# Prints for each container whether a worker of Celery runs in it, its names, and its application and queues by its
# command line; then, from the first container where that works, what all workers of the same broker answer: a line
# (`look` and JSON, or `named` and a name) each. Arguments: the application (`celery -A …`) and its directory, each empty
# where the worker's own command line says it, then ids of containers.
#
# The answers are asked by Celery in the worker's own interpreter and environment, until none has come for 1 s, and
# again for 3 s where a worker of these containers is not among them. It is ended after 25 s. Of jobs the name, id,
# queue, begin and whether they are acknowledged are printed: their arguments stay in the container. Nothing is changed.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

app=$1 directory=$2 workers='' names=''
shift 2
program='
import json, os, re, signal, sys
signal.alarm(25)
program, app, directory, step = sys.argv[1:5]
names = sys.argv[5:]

def say(answer):
    print("look " + json.dumps(answer))
    sys.stdout.flush()

def read(pid, name):
    try:
        with open("/proc/%s/%s" % (pid, name), "rb") as file:
            return file.read()
    except (IOError, OSError):
        return b""

def option(words, *names):
    for index, word in enumerate(words):
        for name in names:
            if word == name and index + 1 < len(words):
                return words[index + 1]
            if name.startswith("--") and word.startswith(name + "="):
                return word[len(name) + 1:]
            if len(name) == 2 and word.startswith(name) and len(word) > 2:
                return word[2:]
    return ""

def worker_words(pid):
    text = os.fsdecode(read(pid, "cmdline"))
    words = text.rstrip("\0 ").split("\0")
    if text.startswith("[celeryd: ") and ":MainProcess]" in text:
        return ["", "celery"] + text.partition("(")[2].rstrip("\0 )").split()
    runs = os.path.basename(words[0]).startswith("python") and any(os.path.basename(each) == "celery" for each in words[1:3])
    if runs and "worker" in words:
        return words
    return []

own = [(pid, worker_words(pid)) for pid in sorted(map(int, filter(str.isdigit, os.listdir("/proc"))))]
own = [(pid, words) for pid, words in own if words]
if not own:
    say({"celery": False})
    sys.exit()
pid, words = own[0]
if step == "list":
    solo = option(words, "--pool", "-P") == "solo"
    say({"celery": True, "solo": solo, "app": option(words, "--app", "-A"), "queues": option(words, "--queues", "-Q")})
    for pid, words in own:
        name = option(words, "--hostname", "-n") or "celery@%h"
        name = (name if "@" in name else "celery@" + name).replace("%h", os.uname()[1])
        print("named " + (name if re.match("[A-Za-z0-9@._-]+$", name) else "-"))
    sys.exit()
python = words[0]
if step == "ask" and os.path.isabs(python) and python != sys.executable:
    os.execvp(python, [python, "-c", program, program, app, directory, "again"] + names)
os.environ.update(part.split("=", 1) for part in os.fsdecode(read(pid, "environ")).split("\0") if "=" in part)
os.chdir(directory or option(words, "--workdir") or "/proc/%d/cwd" % pid)
sys.path.insert(0, os.getcwd())
try:
    from celery.app.utils import find_app
    inspection = find_app(app or option(words, "--app", "-A")).control.inspect
    queues = inspection(timeout=1).active_queues() or {}
    if not set(names) <= set(queues):
        queues.update(inspection(timeout=3).active_queues() or {})
    jobs = inspection(timeout=3, destination=sorted(queues)).active() or {} if queues else {}
    replies = [
        {
            "worker": name,
            "queues": [queue.get("name") for queue in queues.get(name) or ()],
            "jobs": [
                {
                    "id": job.get("id"),
                    "task": job.get("name"),
                    "since": job.get("time_start"),
                    "acknowledged": job.get("acknowledged"),
                    "queue": (job.get("delivery_info") or {}).get("routing_key"),
                }
                for job in jobs.get(name) or ()
            ],
        }
        for name in sorted(set(queues) | set(jobs))
    ]
    say({"replies": replies})
except Exception as error:
    say({"failed": type(error).__name__})
'
look_into() { # ID STEP NAME...: the program's own lines, or one that says why there are none
  id=$1
  shift
  # shellcheck disable=SC2016 # for the shell in the container
  docker exec "$id" sh -c 'python=$(command -v python3 || command -v python) || exit 69; exec "$python" -c "$1" "$@"' \
    sh "$program" "$app" "$directory" "$@" </dev/null 2>/dev/null
  case $? in 0) ;; 69 | 127) echo 'look {"celery": false}' ;; *) echo 'look {"failed": "it did not end well"}' ;; esac
}
for id; do
  printf 'container %s\n' "$id"
  printed=$(look_into "$id" list)
  printf '%s\n' "$printed"
  ours=$(printf '%s\n' "$printed" | sed -n 's/^named \([A-Za-z0-9@._-]*\)$/\1/p')
  if [ -n "$ours" ]; then
    workers="$workers $id" names="$names $ours"
  fi
done
for id in $workers; do
  # shellcheck disable=SC2086 # a name to a word
  printed=$(look_into "$id" ask $names)
  printf '%s\n' "$printed"
  case $printed in *'look {"replies"'*) break ;; esac
done
echo end
