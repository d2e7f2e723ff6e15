"""The rules about backups."""

from fleetkeeper.judging.rule import Rule, the_fleet
from fleetkeeper.topics.backups.coverage.facts import Facts as Coverage
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.facts import Facts as Backups
from fleetkeeper.topics.backups.rules.contents import hold_the_live_tables
from fleetkeeper.topics.backups.rules.coverage import cover_every_database, cover_every_volume
from fleetkeeper.topics.backups.rules.deleters import only_one_thing_deletes
from fleetkeeper.topics.backups.rules.drills import come_back
from fleetkeeper.topics.backups.rules.dumps import (
    BROKEN,
    DRILL,
    FILES,
    READS,
    SIZE,
    TIME,
    are_complete,
    are_fresh,
    are_thinned,
    each_database,
    have_plausible_size,
)
from fleetkeeper.topics.backups.rules.live_database import (
    database_answers,
    database_has_room,
    database_sees_the_backups,
    lie_on_a_lasting_disk,
)
from fleetkeeper.topics.backups.rules.second_copy import exist_elsewhere
from fleetkeeper.topics.backups.rules.times import tell_their_time
from fleetkeeper.topics.backups.second_copy.facts import Facts as Copies
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.schedules.facts import Facts as Schedules

RETENTION = "only a person knows which of the two retentions is meant"
WHOSE = "only a person knows what the data is worth, and who else may keep it"
CONTENTS = "only a person knows what the command of the backups should dump; tables may be named in `backups.left_out`"
SERVER = "only a person can mend the database server and make room for it"
MOUNTS = "only a person can move data and mount disks"

RULES: tuple[Rule, ...] = (
    Rule("backups", are_fresh, each_database, READS),
    Rule("backups", are_complete, each_database, FILES, person=BROKEN),
    Rule("backups", have_plausible_size, each_database, READS, person=SIZE),
    Rule("backups", hold_the_live_tables, each_database, READS, person=CONTENTS),
    Rule("backups", tell_their_time, each_database, FILES, person=TIME),
    Rule("backups", are_thinned, each_database, READS),
    Rule("backups", only_one_thing_deletes, each_database, (Schedules, Containers), person=RETENTION),
    Rule("backups", exist_elsewhere, each_database, (*READS, Copies)),
    Rule("backups", come_back, each_database, (Databases,), person=DRILL),
    Rule("backups", cover_every_database, the_fleet, (Coverage, Containers), person=WHOSE),
    Rule("backups", cover_every_volume, the_fleet, (Coverage, Containers), person=WHOSE),
    Rule("backups", database_answers, each_database, (Databases,), person=SERVER),
    Rule("backups", database_has_room, each_database, (Databases,), person=SERVER),
    Rule("backups", database_sees_the_backups, each_database, (Backups, Databases), person=MOUNTS),
    Rule("backups", lie_on_a_lasting_disk, each_database, (Backups, Databases, Containers), person=MOUNTS),
)
