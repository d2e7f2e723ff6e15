"""Facts from what RabbitMQ and Celery say of themselves."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.json_documents import (
    Json,
    flag_in,
    json_document,
    json_documents,
    mapping,
    part,
    parts,
    text_in,
    texts,
)
from fleetkeeper.readers.numbers import number_in
from fleetkeeper.topics.queues.facts import Broker, Consumer, Endpoint, Job, LocalWorker, Queue, Reply
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.untrusted import one_line

RABBITMQCTL = "`rabbitmqctl`"
CELERY = "`celery inspect`"
PIDBOX = ".celery.pidbox"
"""The end of the name of the queue on which a worker of Celery is asked; its name stands before it (kombu, pidbox)."""
CHANNEL = re.compile(r"(\[?[0-9A-Fa-f:.]+\]?):[0-9]+ -> .*", re.DOTALL)
OLDEST = 1e9
"""Smaller begins of jobs are no times of a calendar: older versions of Celery gave those of a clock without one."""


def parse_endpoints(printed: str) -> tuple[Endpoint, ...]:
    """The addresses of the containers that `docker inspect` printed, those that run.

    >>> network = '{"NetworkID": "n1", "IPAddress": "10.0.1.7"}'
    >>> printed = '[{"Id": "4f", "State": {"Running": true}, "NetworkSettings": {"Networks": {"rodan": %s}}}]' % network
    >>> parse_endpoints(printed)
    (Endpoint(container='4f', addresses={'n1': '10.0.1.7'}, addresses_v6={}),)
    """
    inspected = json_document(printed, "`docker inspect`")
    if not isinstance(inspected, list):
        raise Unobservable("`docker inspect` printed no list of containers")
    return tuple(parse_endpoint(mapping(each, "a container")) for each in inspected if is_running(each))


def is_running(inspected: object) -> bool:
    """Whether an object of `docker inspect` says that its container runs. Raises Unobservable for no object."""
    return flag_in(part(mapping(inspected, "a container"), "State"), "Running")


def parse_endpoint(inspected: Json) -> Endpoint:
    """The addresses of one container. Networks without one (`host`, `none`) are in it with an empty address."""
    networks = part(part(inspected, "NetworkSettings"), "Networks")
    each = [mapping(networks[name], "a network") for name in networks]
    v4, v6 = (
        {text_in(network, "NetworkID"): address_key(text_in(network, key)) for network in each if text_in(network, key)}
        for key in ("IPAddress", "GlobalIPv6Address")
    )
    return Endpoint(
        text_in(inspected, "Id"), dict.fromkeys((text_in(network, "NetworkID") for network in each), "") | v4, v6
    )


def address_key(written: str) -> str:
    """An IP address as each program is to spell it; what is none as it is written.

    >>> address_key("[FD00:0:0:0:0:0:0:3]"), address_key("::ffff:10.0.1.7"), address_key("10.0.1.7")
    ('fd00::3', '10.0.1.7', '10.0.1.7')
    """
    try:
        address = ip_address(written.strip("[]"))
    except ValueError:
        return written
    return str((address.version == 6 and address.ipv4_mapped) or address)


def parse_broker(container: str, answer: Output, networks: tuple[str, ...]) -> Broker:
    """What RabbitMQ in a container said; queues and consumers are Unobservable where it did not say all of it."""
    documents = or_why(lambda: lists_in(answer))
    if isinstance(documents, Unobservable):
        return Broker(container, networks, documents, documents)
    queues, consumers, channels, later = documents
    seen = or_why(lambda: tuple(parse_queues(queues, later)))
    return Broker(container, networks, seen, or_why(lambda: tuple(parse_consumers(consumers, channels))))


def lists_in(answer: Output) -> tuple[list[Json], list[Json], list[Json], list[Json]]:
    """The lists of queues, consumers and channels, and of queues once more: empty where that was not asked.

    Raises Unobservable where one of the first three is missing, and where one is cut short.

    >>> lists_in(Output(0, b"[]\\n[]\\n[]\\n"))
    ([], [], [], [])
    """
    documents = [parts({"a list": each}, "a list") for each in json_documents(answer.text(), RABBITMQCTL)]
    if len(documents) not in {3, 4}:
        raise Unobservable(f"{RABBITMQCTL} printed {len(documents)} lists where three or four were asked for")
    queues, consumers, channels, *later = documents
    return queues, consumers, channels, later[0] if later else []


def parse_queues(rows: Sequence[Json], later: Sequence[Json]) -> Iterator[Queue]:
    """The queues, each with how many messages it has later, where it is listed once more."""
    ends = {queue.name: queue for queue in map(parse_queue, later)}
    for queue in map(parse_queue, rows):
        end = ends.get(queue.name)
        yield replace(queue, ready_later=end.ready, unacknowledged_later=end.unacknowledged) if end else queue


def parse_queue(row: Json) -> Queue:
    r"""A queue, from a row of RabbitMQ 3.10.8.

    >>> row = '{"name":"GPU","auto_delete":false,"exclusive":false,"consumers":1,"messages_ready":5,'
    >>> parse_queue(json_document(row + '"messages_unacknowledged":4}', "rabbitmqctl")) == Queue("GPU", 5, 4, 1)
    True
    """
    if not all(isinstance(row.get(key), int) for key in ("consumers", "messages_ready", "messages_unacknowledged")):
        raise Unobservable(f"{RABBITMQCTL} did not say how many messages and consumers each queue has")
    return Queue(
        text_in(row, "name"),
        number_in(row, "messages_ready"),
        number_in(row, "messages_unacknowledged"),
        number_in(row, "consumers"),
        flag_in(row, "auto_delete") or flag_in(row, "exclusive"),
    )


def parse_consumers(rows: Sequence[Json], channels: Sequence[Json]) -> Iterator[Consumer]:
    """Who consumes what. The channel says from where, and the queue on which a worker is asked, what it is called.

    Both are on the same connection, whose name begins that of each of its channels, which ends in a number.

    >>> rows = [{"queue_name": "GPU", "channel_pid": "#PID<12575.692.0>"}]
    >>> rows += [{"queue_name": "celery@GPU.celery.pidbox", "channel_pid": "#PID<12575.764.0>"}]
    >>> channels = [{"pid": "#PID<12575.692.0>", "name": "127.0.0.1:46740 -> 127.0.0.1:46672 (1)"}]
    >>> channels += [{"pid": "#PID<12575.764.0>", "name": "127.0.0.1:46740 -> 127.0.0.1:46672 (2)"}]
    >>> next(parse_consumers(rows, channels))
    Consumer(queue='GPU', address='127.0.0.1', worker='celery@GPU')
    """
    names = channel_names(channels)
    connections = [names.get(process_key(text_in(row, "channel_pid")), "").rpartition(" (")[0] for row in rows]
    queues = [text_in(row, "queue_name") for row in rows]
    workers = {
        connection: queue.removesuffix(PIDBOX)
        for connection, queue in zip(connections, queues, strict=True)
        if queue.endswith(PIDBOX) and connection
    }
    for connection, queue in zip(connections, queues, strict=True):
        match = CHANNEL.fullmatch(connection)
        yield Consumer(queue, address_key(match[1]) if match else "", workers.get(connection, ""))


def channel_names(channels: Sequence[Json]) -> Mapping[str, str]:
    """The names of channels by the keys of their processes; of two with one key neither."""
    names: dict[str, str] = {}
    for row in channels:
        key = process_key(text_in(row, "pid"))
        names[key] = "" if key in names else text_in(row, "name")
    return names


def process_key(pid: str) -> str:
    """What names a process of Erlang in each call of rabbitmqctl: without the number of the node, which may differ.

    >>> process_key("#PID<12575.692.0>"), process_key("<rabbit@host.1764490000.692.0>")
    ('692.0', '<rabbit@host.1764490000.692.0>')
    """
    match = re.fullmatch(r"#PID<[0-9]+\.([0-9]+\.[0-9]+)>", pid)
    return match[1] if match else pid


Workers = tuple[tuple[LocalWorker, ...], tuple[Reply, ...] | Unobservable | None]


def parse_workers(answer: Output, containers: Sequence[str]) -> Workers:
    """The workers in containers of declared services, and what all workers answered; Unobservable for what is missing.

    >>> local, replies = parse_workers(Output(0, b'container 4f\\nlook {"celery": true}\\nend\\n'), ["4f"])
    >>> local
    (LocalWorker(container='4f', celery=True, solo=False, app='', queues=()),)
    >>> replies.why
    'no worker here could be asked'
    """
    printed = or_why(lambda: said_by(answer, containers))
    if isinstance(printed, Unobservable):
        return tuple(LocalWorker(container, printed) for container in containers), printed
    local = tuple(local_worker(container, printed.get(container, [])) for container in containers)
    if not any(worker.celery for worker in local):
        return local, None
    for documents in printed.values():
        for document in documents:
            if "replies" in document:
                return local, or_why(lambda each=document: tuple(map(parse_reply, parts(each, "replies"))))  # type: ignore[misc]
    errors = [text_in(each, "failed") for documents in printed.values() for each in documents if "failed" in each]
    why = f" ({one_line(errors[0])[:80]})" if errors else ""
    return local, Unobservable(f"no worker here could be asked{why}", hint=NAME_APP)


NAME_APP = "`queues: {app: …, directory: …}` name what `celery -A` needs"


def said_by(answer: Output, containers: Collection[str]) -> dict[str, list[Json]]:
    """The documents that were printed in each container; raises Unobservable where the answer is cut short."""
    rows = answer.text().split("\n")
    if rows[-2:] != ["end", ""]:
        raise Unobservable("the look at workers was cut short")
    printed: dict[str, list[Json]] = {}
    container = ""
    for row in rows[:-2]:
        word, _, rest = row.partition(" ")
        if word == "container" and rest in containers and rest not in printed:
            container = rest
            printed[container] = []
        elif word == "look" and container:
            printed[container].append(mapping(json_document(rest, CELERY), "an answer"))
    return printed


def local_worker(container: str, documents: Sequence[Json]) -> LocalWorker:
    """Whether a worker of Celery runs in a container, by what was printed there."""
    seen = next((document for document in documents if "celery" in document), None)
    if seen is None:
        return LocalWorker(container, Unobservable("whether a worker of Celery runs in it could not be seen"))
    celery = or_why(lambda: flag_in(seen, "celery"))
    written = or_why(lambda: (text_in(seen, "app"), text_in(seen, "queues")))
    app, queues = ("", "") if isinstance(written, Unobservable) else written
    return LocalWorker(container, celery, seen.get("solo") is True, app, tuple(filter(None, queues.split(","))))


def parse_reply(document: Json) -> Reply:
    """What one worker answered. Raises Unobservable for a field of the wrong kind.

    >>> job = {"id": "0c18", "task": "tasks.sleep", "since": 1796077684.76, "queue": "GPU"}
    >>> parse_reply({"worker": "celery@GPU", "queues": ["GPU"], "jobs": [job]}).jobs
    (Job(id='0c18', task='tasks.sleep', queue='GPU', since=1796077684.76, acknowledged=None),)
    """
    return Reply(text_in(document, "worker"), texts(document, "queues"), tuple(map(parse_job, parts(document, "jobs"))))


def parse_job(document: Json) -> Job:
    """A job that a worker runs. Raises Unobservable for a field of the wrong kind."""
    begin = document.get("since")
    since = float(begin) if isinstance(begin, int | float) and OLDEST < begin < OLDEST * 10 else None
    acknowledged = None if document.get("acknowledged") is None else flag_in(document, "acknowledged")
    return Job(text_in(document, "id"), text_in(document, "task"), text_in(document, "queue"), since, acknowledged)
