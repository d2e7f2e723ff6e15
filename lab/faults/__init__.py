"""What can be broken in the lab: a table that grows by one line per fault.

To add one, write two functions that take the engine in a module of this folder and put a line into `FAULTS`.
Breaking twice is breaking once; mending what is not broken, or has been repaired since, changes nothing.
"""

from collections.abc import Iterable

from lab.engine import Engine
from lab.faults import (
    backups,
    certificates,
    container_settings,
    containers,
    databases,
    engines,
    gpus,
    machines,
    mail,
    queues,
    schedules,
    services,
)
from lab.faults.fault import Fault
from lab.names import STATE

BROKEN = STATE / "broken"

FAULTS = {
    "cron-missing": Fault(
        "The crontab of the node that runs postgres has lost its backup entry.",
        schedules.lose_entry, schedules.restore_entry,
    ),
    "cron-on-wrong-node": Fault(
        "The backup entry is in the crontab of `data`, where no postgres runs.",
        schedules.misplace_entry, schedules.restore_entry,
    ),
    "cron-stopped": Fault(
        "The cron daemon of the node that runs postgres is stopped.",
        schedules.stop_cron, schedules.start_cron,
    ),
    "backup-stale": Fault(
        "The backups of the last three days are missing: the newest is days old.",
        backups.hide_newest, backups.bring_back_newest,
    ),
    "backup-empty": Fault(
        "The newest backup is what a failed pg_dump leaves: a valid gzip of nothing, 20 bytes.",
        backups.add_empty, backups.remove_empty,
    ),
    "backup-foreign": Fault(
        "The newest backup is a whole dump of another database.",
        backups.add_foreign, backups.remove_foreign,
    ),
    "cron-guarded": Fault(
        "The backup entry runs its command only where a file is, and that file is nowhere.",
        schedules.guard_entry, schedules.unguard_entry,
    ),
    "account-expired": Fault(
        "The account that the backup entry runs as has expired: cron starts nothing for it.",
        schedules.expire_account, schedules.revive_account,
    ),
    "second-deleter": Fault(
        "A line in /etc/cron.d of `data` removes old backups, too.",
        schedules.schedule_deleter, schedules.unschedule_deleter,
    ),
    "share-unmounted": Fault(
        "/etc/fstab of `data` has a share above the backups on which nothing is mounted.",
        machines.forget_mount, machines.drop_mount,
    ),
    "copies-lost": Fault(
        "The second place of the backups is gone, with all copies in it.",
        backups.lose_copies, backups.find_copies,
    ),
    "volume-over-budget": Fault(
        "Nobody has thinned the backups for two years: some 1,400 more dumps, real ones, fill the volume.",
        backups.never_thinned, backups.thin,
    ),
    "certificate-expiring": Fault(
        "The certificate that nginx serves ends in five days.",
        certificates.age, certificates.renew,
    ),
    "certificate-expired": Fault(
        "The certificate that nginx serves ended yesterday.",
        certificates.expire, certificates.renew,
    ),
    "certificate-never-issued": Fault(
        "certbot knows no certificate yet; nginx serves a placeholder.",
        certificates.never_issue, certificates.anew,
    ),
    "certificate-staging": Fault(
        "nginx serves a certificate of a staging authority, and certbot would renew it there.",
        certificates.stage, certificates.anew,
    ),
    "certificate-second-site": Fault(
        "nginx serves a second name on the same port; the inventory does not mention it, and its certificate ended.",
        certificates.open_second_site, certificates.close_second_site,
    ),
    "certificate-wrong-name": Fault(
        "nginx serves a certificate for another name.",
        certificates.misname, certificates.anew,
    ),
    "certificate-self-signed": Fault(
        "nginx serves a certificate that signed itself.",
        certificates.sign_itself, certificates.anew,
    ),
    "certificate-incomplete": Fault(
        "nginx sends its certificate without the intermediate one.",
        certificates.send_leaf_alone, certificates.anew,
    ),
    "certificate-other-key": Fault(
        "The private key on disk is not the certificate's; nginx runs on with the old pair.",
        certificates.replace_key, certificates.anew,
    ),
    "certificate-old-served": Fault(
        "The certificate was renewed on disk, and nginx was not reloaded.",
        certificates.renew_without_reload, certificates.reload,
    ),
    "nginx-misconfigured": Fault(
        "nginx' configuration has a line that nginx refuses; it runs on with the old one.",
        certificates.break_configuration, certificates.mend_configuration,
    ),
    "acme-account-lost": Fault(
        "certbot's account with the certificate authority is gone from disk.",
        certificates.lose_account, certificates.find_account,
    ),
    "acme-challenge-blocked": Fault(
        "A renewal is due, and nginx refuses what the certificate authority asks for.",
        certificates.block_challenge, certificates.allow_challenge,
    ),
    "acme-challenge-misplaced": Fault(
        "nginx looks for challenges in another directory than the one that certbot writes them to.",
        certificates.misplace_challenge, certificates.replace_challenge,
    ),
    "renewal-not-scheduled": Fault(
        "Nothing runs certbot any more.",
        certificates.lose_schedule, certificates.restore_schedule,
    ),
    "root-container": Fault(
        "The web application runs as root; its image has an unprivileged user that works.",
        services.run_as_root, services.run_as_its_user,
    ),
    "root-with-runuser": Fault(
        "The web application runs as root, and its start script insists on that, as Rodan's own does.",
        containers.start_with_runuser, containers.as_designed,
    ),
    "root-files": Fault(
        "The web application runs as root and has a volume whose files belong to root.",
        containers.own_media, containers.as_designed,
    ),
    "root-low-port": Fault(
        "The web application runs as root and listens on port 81, where ports below 1024 are closed to others.",
        containers.listen_low, containers.as_designed,
    ),
    "root-unsaved": Fault(
        "The web application runs as root, and its container holds a key that is on no volume.",
        containers.keep_unsaved, containers.as_designed,
    ),
    "root-published": Fault(
        "The web application runs as root and is reached through a port of its node.",
        containers.publish_as_root, containers.as_designed,
    ),
    "root-or-dead": Fault(
        "The web application runs as root; as anybody else it starts, is healthy, and dies after ten seconds.",
        containers.die_unprivileged, containers.as_designed,
    ),
    "root-compose": Fault(
        "The wiki, which Compose keeps, runs as root.",
        containers.run_wiki_as_root, containers.run_wiki_as_its_user,
    ),
    "settings-lent": Fault(
        "A change of the web application was killed: the update settings that it was lent are still in force.",
        services.keep_settings, services.give_settings_back,
    ),
    "stranger": Fault(
        "On `data` runs a container as root that the inventory does not mention.",
        containers.start_stranger, containers.remove_stranger,
    ),
    "database-moved": Fault(
        "Postgres was started on `data`, where its volume was empty: a new database runs, the old one is on `vgpu`.",
        services.move_database, services.bring_database_home,
    ),
    "database-frozen": Fault(
        "Postgres is stopped in its tracks: it runs, and takes no connection; its health check sees a process.",
        databases.freeze_server, databases.thaw_server,
    ),
    "database-forgotten": Fault(
        "On `data` runs a second database server that nobody backs up.",
        databases.start_ledger, databases.remove_ledger,
    ),
    "backup-sidecar": Fault(
        "On `vgpu` runs a container that makes dumps by a clock of its own, and keeps them for a week.",
        databases.start_sidecar, databases.remove_sidecar,
    ),
    "crash-loop": Fault(
        "The worker of the queue ends as soon as it has begun, over and over.",
        services.crash_over_and_over, services.work_again,
    ),
    "changed-by-hand": Fault(
        "The worker of the queue was changed by hand: two tasks, another image, variables that its stack file has not.",
        services.change_by_hand, services.restore_worker,
    ),
    "member-paused": Fault(
        "The swarm may start nothing on `vgpu` any more: what ends there stays ended.",
        machines.pause_member, machines.activate_member,
    ),
    "member-unlisted": Fault(
        "A fourth machine has joined the swarm, and the inventory does not list it.",
        machines.join_stray, machines.remove_stray,
    ),
    "engine-socket-open": Fault(
        "Everybody on `data` may use the engine's socket.",
        engines.open_socket, engines.close_socket, ("3.16",),
    ),
    "engine-settings-open": Fault(
        "Everybody on `data` may write the engine's settings.",
        engines.open_settings, engines.close_settings, ("3.18",),
    ),
    "engine-account": Fault(
        "An account of `data` that nobody named is in the group that may use the engine's socket.",
        engines.add_account, engines.remove_account, ("1.1.2",),
    ),
    "engine-insecure-registry": Fault(
        "The engine of `data` takes images from a registry without TLS.",
        engines.trust_registry, engines.distrust_registry, ("2.5",),
    ),
    "engine-debug": Fault(
        "The engine of `data` logs everything.",
        engines.log_everything, engines.log_less, ("2.3",),
    ),
    "engine-files-open": Fault(
        "The engine's files on `data` belong to another account, and everybody may write them.",
        engines.open_files, engines.close_files,
        ("3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.17", "3.18", "3.19", "3.20",
         "3.21", "3.22"),
    ),
    "engine-sockets-given-away": Fault(
        "The sockets of the engine and of its containerd on `data` belong to another account.",
        engines.give_sockets_away, engines.take_sockets_back, ("3.15", "3.23", "3.24"),
    ),
    "engine-unsound": Fault(
        "The engine of `data` was started with settings that the benchmark warns against, and listens on TCP.",
        engines.set_up_unsoundly, engines.set_up_soundly,
        ("2.4", "2.8", "2.11", "2.15", "2.18", "2.19", "5.22", "5.26"),
    ),
    **container_settings.container_faults(),
    "swarm-open-network": Fault(
        "A network between nodes encrypts nothing.",
        engines.open_network, engines.remove_network, ("7.3",),
    ),
    "swarm-password": Fault(
        "The worker of the queue has a password in its environment, and not from the swarm.",
        engines.give_password, engines.take_password, ("7.4",),
    ),
    "swarm-long-certificates": Fault(
        "The certificates of the swarm's nodes are for ten years.",
        engines.prolong_certificates, engines.shorten_certificates, ("7.7",),
    ),
    "gpu-label-lost": Fault(
        "`vgpu` has lost its label in the swarm: the worker of the queue waits, without a word.",
        gpus.lose_label, gpus.restore_label,
    ),
    "gpu-device-denied": Fault(
        "The worker of the queue may no longer open the GPU's device, as after `systemctl daemon-reload`.",
        gpus.deny_device, gpus.allow_device,
    ),
    "gpu-driver-mismatch": Fault(
        "The GPU's library on `vgpu` was upgraded, and the driver that runs was not.",
        gpus.upgrade_library, gpus.downgrade_library,
    ),
    "mail-lost": Fault(
        "The mailer of `data` has lost its configuration: what cron has to say there reaches nobody.",
        mail.lose_configuration, mail.find_configuration,
    ),
    "consumer-cancelled": Fault(
        "The worker of the queue GPU lives and answers, and has been told to take no jobs from it.",
        queues.cancel_consumer, queues.add_consumer,
    ),
    "worker-frozen": Fault(
        "The worker of the queue GPU is stopped in its tracks: it stays a consumer, and does not answer.",
        queues.freeze_worker, queues.thaw_worker,
    ),
    "queue-typo": Fault(
        "Three jobs were sent to a queue of a mistyped name, from which nobody takes them.",
        queues.send_to_typo, queues.delete_typo,
    ),
    "queue-backlog": Fault(
        "In the queue `celery` wait more jobs than may, behind one that takes long.",
        queues.pile_up, queues.clear_pile,
    ),
    "broker-stopped": Fault(
        "RabbitMQ is stopped inside its container, which runs on.",
        queues.stop_broker, queues.start_broker,
    ),
    "node-dead": Fault(
        "`data` does not answer any more: its port takes connections and nothing comes back.",
        machines.freeze, machines.thaw,
    ),
    "dockerd-dead": Fault(
        "The Docker engine of `data` was killed; its containers run on without it.",
        machines.kill_engine, machines.start_engine,
    ),
    "docker-denied": Fault(
        "On `data`, ops may no longer use sudo, and so may not ask Docker.",
        machines.deny_sudo, machines.allow_sudo,
    ),
}  # fmt: skip

DEMO = ("cron-missing", "volume-over-budget", "backup-stale", "certificate-expiring", "root-container")


def broken() -> list[str]:
    """The faults made in this lab and not mended by name since; a remedy may have repaired them."""
    return BROKEN.read_text().split() if BROKEN.exists() else []


def break_(engine: Engine, name: str) -> None:
    remember_faults(dict.fromkeys([*broken(), name]))
    FAULTS[name].break_(engine)


def mend(engine: Engine, name: str) -> None:
    FAULTS[name].mend(engine)
    remember_faults(other for other in broken() if other != name)


def remember_faults(names: Iterable[str]) -> None:
    BROKEN.write_text(" ".join(names))
