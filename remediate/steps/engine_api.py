"""The Docker Engine API over our own verified connection: `docker system dial-stdio` joins a stream to its socket.

The SDK's own ssh adapter would open a second connection with its own handling of host keys; this is the same adapter on
our stream.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from docker import APIClient
from docker.errors import APIError, create_api_error_from_http_exception
from docker.transport.basehttpadapter import BaseHTTPAdapter
from requests.exceptions import HTTPError, RequestException
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

from fleetkeeper.redact import masked
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line
from remediate.steps.step import Lost, Stale, StepFailed

if TYPE_CHECKING:
    from fleetkeeper.transport.writing import Stream, WritingLink

DIAL = ("docker", "system", "dial-stdio")
BASE = "http://engine.invalid:2375"
Json = dict[str, Any]


class Incoming(io.RawIOBase):
    """The output of a stream as a readable file."""

    def __init__(self, stream: Stream) -> None:
        """A file of what the command behind this stream prints."""
        self.stream = stream

    def readable(self) -> bool:
        """True: it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer from the stream. Returns the number of bytes; 0 at the end."""
        data = self.stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class StreamSocket:
    """The part of a socket that http.client uses, on a stream."""

    def __init__(self, stream: Stream) -> None:
        """A socket whose bytes go through this stream to a command on the node."""
        self.stream = stream

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """The stream's output as a buffered file."""
        return io.BufferedReader(Incoming(self.stream))

    def sendall(self, data: bytes) -> None:
        """Send all of `data` to the stream."""
        self.stream.write(bytes(data))

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: the link has limits of its own."""

    def close(self) -> None:
        """Close the stream, and so end the command on the node."""
        self.stream.close()


class Connection(HTTPConnection):
    """One HTTP connection on a stream of its own, to the Docker socket of the link's node."""

    def __init__(self, host: str, link: WritingLink, **options: Any) -> None:
        """A connection that `connect` opens over this link; `options` are those of HTTPConnection."""
        super().__init__(host, **options)
        self.link = link

    def connect(self) -> None:
        """Start `docker system dial-stdio` on the node, which joins the stream to the Docker socket."""
        self.sock = StreamSocket(self.link.open(DIAL, sudo=True))

    @property
    def is_connected(self) -> bool:
        """Whether `connect` was called; a stream that broke since is not noticed."""
        return self.sock is not None


class Pool(HTTPConnectionPool):
    """A pool of such connections over one link."""

    ConnectionCls = Connection


class Adapter(BaseHTTPAdapter):
    """A requests adapter that sends the SDK's requests over our link."""

    def __init__(self, link: WritingLink) -> None:
        """An adapter with one connection at a time, over this link."""
        self.pool = Pool("engine.invalid", maxsize=1, link=link)
        super().__init__()

    def get_connection(self, url: object, proxies: object = None) -> Pool:
        """The one pool, whatever the address."""
        return self.pool

    def request_url(self, request: Any, proxies: object) -> str:
        """The path of the request, without the made-up host."""
        path: str = request.path_url
        return path

    def close(self) -> None:
        """Close its connections."""
        self.pool.close()


class Engine:
    """The few calls of the Engine API that a step needs. Each raises Unobservable when the connection is lost.

    `service` and `tasks` raise the SDK's APIError when the engine refuses, such as NotFound. Inside `open_engine` both
    become Lost.
    """

    def __init__(self, client: Any) -> None:
        """`client` is the SDK's APIClient."""
        self.client = client

    def service(self, name: str) -> Json:
        """The service with that name or id, as GET /services/ID returns it."""
        inspected: Json = self.client.inspect_service(name)
        return inspected

    def tasks(self, service: str) -> list[Json]:
        """All tasks of the service with that name or id, old ones too, as GET /tasks returns them."""
        tasks: list[Json] = self.client.tasks(filters={"service": service})
        return tasks

    def update(self, service: Json, spec: Json) -> None:
        """Replace the service's spec, if its version index is still the one in `service`.

        Raises Stale when it is not, StepFailed (`changed=False`) when the engine refuses.
        """
        url = f"{BASE}/v{self.client.api_version}/services/{quote(service['ID'], safe='')}/update"
        answer = self.client.post(url, json=spec, params={"version": service["Version"]["Index"]})
        try:
            answer.raise_for_status()
        except HTTPError as refusal:
            error = api_error(refusal)
            if "out of sequence" in str(error):
                raise Stale("the service has been changed by somebody else at this moment") from None
            raise StepFailed(f"the engine refused the update: {reason_of(error)}", changed=False) from None


def api_error(refusal: HTTPError) -> Exception:
    """A refused request as the SDK's error, which has the engine's own message; the same error when it is not one."""
    try:
        create_api_error_from_http_exception(refusal)
    except APIError as error:
        return error
    return refusal


def make_client(adapter: Adapter, version: str) -> Any:
    """The SDK's client, over our link, for that version of the API."""
    client: Any = APIClient(base_url=BASE, version=version)
    client.trust_env = False
    client.mount(BASE, adapter)
    return client


@contextmanager
def open_engine(link: WritingLink) -> Iterator[Engine]:
    """The node's engine, API version negotiated. Raises StepFailed while nothing can have been done, else Lost.

    So an error of the SDK or the connection inside the `with` block becomes Lost; the block's own errors pass.
    """
    adapter = Adapter(link)
    try:
        try:
            version = make_client(adapter, "1.40").version(api_version=False)["ApiVersion"]
        except (APIError, RequestException, Unobservable) as why:
            raise StepFailed(f"the engine did not answer: {reason_of(why)}", changed=False) from None
        try:
            yield Engine(make_client(adapter, version))
        except (APIError, RequestException, Unobservable) as why:
            raise Lost(f"the engine stopped answering: {reason_of(why)}") from None
    finally:
        adapter.close()


def reason_of(why: Exception) -> str:
    """The engine's explanation, else the error's text: masked, on one line, at most 200 characters."""
    return one_line(masked(str(getattr(why, "explanation", None) or why)))[:200]
