"""One round trip for each key that is offered: a key follows at once the request for the service that looks at it.

paramiko, like OpenSSH, asks for the service and waits until it is granted before it says anything else. A server reads
what it is sent in order (RFC 4253, 10; RFC 4252, 4), so it cannot tell the difference; the wait is a round trip that
every node costs, and every refused key again.
"""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

from paramiko.auth_handler import AuthHandler
from paramiko.message import Message

if TYPE_CHECKING:
    from paramiko import PKey, Transport

SERVICE = "ssh-userauth"


def offer(transport: Transport, user: str, key: PKey) -> list[str]:
    """Offer a key to a server whose own key has been checked.

    Returns what the server wants besides; raises what `Transport.auth_publickey` does.
    """
    answered = Event()
    transport.auth_handler = handler = Prompt(transport)
    handler.auth_publickey(user, key, answered)
    return list(handler.wait_for_response(answered))


class Prompt(AuthHandler):
    """paramiko's, which does not wait to be told that it may speak."""

    asked = False

    def _request_auth(self) -> None:
        super()._request_auth()  # type: ignore[misc]
        if self.knows_how():
            self.asked = True
            granted = Message()
            granted.add_string(SERVICE)
            granted.rewind()
            super()._parse_service_accept(granted)  # type: ignore[misc]

    def knows_how(self) -> bool:
        """Whether it is clear how the key has to sign. For RSA the server says so, with what else it can (RFC 8308)."""
        kind, _ = self._get_key_type_and_bits(self.private_key)  # type: ignore[attr-defined]
        return "rsa" not in kind or "server-sig-algs" in self.transport.server_extensions  # type: ignore[attr-defined]

    def _parse_service_accept(self, m: Message) -> None:
        if not self.asked:
            super()._parse_service_accept(m)  # type: ignore[misc]
