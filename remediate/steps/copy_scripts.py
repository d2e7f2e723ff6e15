"""The shell that sends and takes a copy: constant text for any POSIX sh, values only as arguments."""

from __future__ import annotations

FULL, SHORT, TAKEN, GONE, LINK, OTHER, PART = 73, 74, 75, 72, 77, 78, 76

WHY = {
    71: "was interrupted; nothing is left of it",
    FULL: "does not fit (no room beside what must stay free, a read-only disk, or no right to write)",
    SHORT: "did not arrive completely; nothing is left of it",
    TAKEN: "is there already, and is never written over",
    PART: "cannot arrive: what has the name of its part (`.fleetkeeper.NAME.part`) is no regular file; remove that",
    LINK: "would go through a link, or to something that is no directory",
}
STALE = {
    GONE: "is gone",
    LINK: "is reached through a link",
    OTHER: "is no longer the file that was seen",
}
