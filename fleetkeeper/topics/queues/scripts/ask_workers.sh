#!/bin/sh
# Prints for each container whether a worker of Celery runs in it, for which application and queues by its command line, and, from the first one where that works, what all
# workers of the same broker answer: a line of JSON each. Arguments: the application (`celery -A …`) and its directory,
# each empty where the worker's own command line says it, then ids of containers.
#
# The answers are asked by Celery in the worker's own interpreter and environment, for 3 s each, and it is ended after
# 25 s. Of jobs the name, id, queue and begin are printed: their arguments stay in the container. Nothing is changed.

# include fleetkeeper/readers/docker/scripts/find_docker.sh

app=$1 directory=$2 inspect=yes
shift 2
program='
import json, os, signal, sys
signal.alarm(25)
program, app, directory, inspect = sys.argv[1:5]

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
if inspect == "list" or inspect == "yes":
    solo = option(words, "--pool", "-P") == "solo"
    say({"celery": True, "solo": solo, "app": option(words, "--app", "-A"), "queues": option(words, "--queues", "-Q")})
if inspect == "list":
    sys.exit()
python = words[0]
if inspect == "yes" and os.path.isabs(python) and python != sys.executable:
    os.execvp(python, [python, "-c", program, program, app, directory, "again"])
os.environ.update(part.split("=", 1) for part in os.fsdecode(read(pid, "environ")).split("\0") if "=" in part)
os.chdir(directory or option(words, "--workdir") or "/proc/%d/cwd" % pid)
sys.path.insert(0, os.getcwd())
try:
    from celery.app.utils import find_app
    control = find_app(app or option(words, "--app", "-A")).control.inspect(timeout=3)
    queues, jobs = control.active_queues() or {}, control.active() or {}
    replies = [
        {
            "worker": name,
            "queues": [queue.get("name") for queue in queues.get(name) or ()],
            "jobs": [
                {
                    "id": job.get("id"),
                    "task": job.get("name"),
                    "since": job.get("time_start"),
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
for id; do
  printf 'container %s\n' "$id"
  # shellcheck disable=SC2016 # for the shell in the container
  printed=$(docker exec "$id" sh -c 'python=$(command -v python3 || command -v python) || exit 69; exec "$python" -c "$1" "$@"' \
    sh "$program" "$app" "$directory" "$inspect" </dev/null 2>/dev/null)
  case $? in 0) ;; 69 | 127) echo 'look {"celery": false}' ;; *) echo 'look {"failed": "it did not end well"}' ;; esac
  printf '%s\n' "$printed"
  case $printed in *'look {"replies"'*) inspect=list ;; esac
done
echo end
