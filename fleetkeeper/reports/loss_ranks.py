"""What is lost while a rule does not hold, worst first: the order in which a report tells findings."""

from __future__ import annotations

from fnmatch import fnmatchcase

RANKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("the node", ("nodes.*",)),
    (
        "data",
        (
            "services.postgres_kept_its_data",
            "backups.cover_*",
            "backups.database_*",
            "backups.lie_on_*",
            "backups.come_back",
            "backups.are_fresh",
            "schedules.backup_runs_*",
            "schedules.backups_appeared",
            "backups.hold_*",
            "backups.have_plausible_size",
            "services.with_local_data_are_pinned",
            "backups.are_complete",
            "backups.exist_elsewhere",
            "volumes.*",
            "schedules.cron_is_active",
            "backups.only_one_thing_deletes",
            "schedules.*",
        ),
    ),
    (
        "a service",
        (
            "services.are_running",
            "certificates.are_valid",
            "certificates.will_renew",
            "certificates.are_far_from_expiry",
            "certificates.are_served_*",
            "gpus.*",
        ),
    ),
    ("access", ("containers.*", "certificates.use_sound_tls", "certificates.*")),
    ("order", ("services.*", "backups.*", "mail.*")),
)
"""By kind of loss, its rules as globs: the first that matches counts. `the node` comes first: it hides the others."""
OWN = "a service"
"""The kind of a team's own rules, which are in no table."""

CAUSES = {
    "certificates.are_far_from_expiry": ("certificates.are_valid", "certificates.will_renew"),
    "schedules.backups_appeared": ("schedules.backup_runs_where_postgres_runs", "schedules.cron_is_active"),
}
"""By rule: the rules whose findings about the same subject or node are the cause of its own, which are no news then."""


def loss_rank(rule: str) -> tuple[int, int]:
    """The place of a rule (its id) in the order of a report: sorts worst first.

    (number of the kind of loss, place in it); a rule of nobody's list has the rank of a team's own.

    >>> sorted(["mail.is_delivered", "own.rule", "backups.are_fresh", "nodes.can_be_looked_at"], key=loss_rank)
    ['nodes.can_be_looked_at', 'backups.are_fresh', 'own.rule', 'mail.is_delivered']
    """
    for number, (kind, globs) in enumerate(RANKS):
        for index, glob in enumerate(globs):
            if fnmatchcase(rule, glob):
                return number, index
        if kind == OWN:
            own = number, len(globs)
    return own
