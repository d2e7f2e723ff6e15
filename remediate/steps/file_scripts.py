"""The shell that changes files on a node: constant text for any POSIX sh, values only as arguments.

Content arrives on standard input under another name, and is compared by length and SHA-256 before it takes the place of
the old one: a connection that is cut while sending looks like an end of file to the node.
"""

from __future__ import annotations

INTERRUPTED, NO_ROOM, SHORT, STALE, NOT_AS_WANTED = 71, 73, 74, 75, 76

WHY = {
    INTERRUPTED: "was interrupted before anything was changed",
    NO_ROOM: "could not keep the old content or write the new one (disk full, read-only, or no right to)",
    SHORT: "did not arrive completely, so nothing was changed",
    NOT_AS_WANTED: "was written, but what is there now is not what was sent",
}
