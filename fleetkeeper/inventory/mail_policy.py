"""The section `mail_digest` of an inventory: who gets the mail of a night in which something changed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fleetkeeper.inventory.schema import Strict

ADDRESS = r"^[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}(@[A-Za-z0-9][A-Za-z0-9.-]{0,252})?$"
Address = Annotated[str, StringConstraints(pattern=ADDRESS)]


class MailDigest(Strict):
    """One mail a night, by this machine's own sendmail, and none when nothing changed."""

    to: tuple[Address, ...] = Field(min_length=1, description="Addresses, or accounts of this machine.")
    sender: str = Field(
        default="", alias="from", pattern=f"^$|{ADDRESS}", description="Sender; without it, the account that audits."
    )
    program: str = Field(
        default="/usr/sbin/sendmail",
        pattern=r"^/[A-Za-z0-9._/+-]{1,250}$",
        description="Absolute path of the program that takes the mail, as sendmail does.",
    )
    say: Literal["rule", "all"] = Field(
        default="rule",
        description="What is written: `rule`: rule, promise, owner, and the names of services and volumes; `all`: also "
        "hosts, what was seen and what was wanted.",
    )
