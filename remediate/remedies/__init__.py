"""Every remedy, by the id of the rule whose findings it answers. The order is the order of application."""

from __future__ import annotations

from remediate.plan import Remedy
from remediate.remedies.backups.create_dump import make_backup
from remediate.remedies.backups.second_copy import copy_there
from remediate.remedies.backups.thinning import thin_backups
from remediate.remedies.certificates.renewal import prepare_renewal
from remediate.remedies.certificates.served import reload_nginx, renew_certificate
from remediate.remedies.containers.service_user import run_as_their_own_user
from remediate.remedies.gpus.device_links import link_devices
from remediate.remedies.gpus.new_task import restart_for_the_gpu
from remediate.remedies.gpus.node_label import put_label_back
from remediate.remedies.queues.add_consumer import consume_again
from remediate.remedies.queues.worker_restart import restart_frozen_worker
from remediate.remedies.schedules.cron_daemon import start_cron
from remediate.remedies.schedules.entries import schedule_backup
from remediate.remedies.services.update_settings import give_settings_back
from remediate.remedies.volumes.over_budget import make_room

REMEDIES: dict[str, Remedy] = {
    "schedules.cron_is_active": start_cron,
    "schedules.backup_runs_where_postgres_runs": schedule_backup,
    "backups.are_fresh": make_backup,
    "backups.exist_elsewhere": copy_there,
    "backups.are_thinned": thin_backups,
    "volumes.are_within_budget": make_room,
    "services.have_their_own_settings": give_settings_back,
    "gpus.are_given_to_containers": link_devices,
    "gpus.are_where_the_service_may_run": put_label_back,
    "gpus.reach_the_worker": restart_for_the_gpu,
    "queues.answer": restart_frozen_worker,
    "queues.are_consumed": consume_again,
    "containers.run_as_their_own_user": run_as_their_own_user,
    "certificates.are_valid": renew_certificate,
    "certificates.are_far_from_expiry": renew_certificate,
    "certificates.are_served_as_on_disk": reload_nginx,
    "certificates.will_renew": prepare_renewal,
}
