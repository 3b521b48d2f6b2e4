"""Which entries of an audit log are shown or exported: the filters of its page as conditions of a WHERE clause."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from auth.users.audit_names import ActorName, actor_names
from auth.users.audit_sentences import INTERNAL, SHOWN_OF
from auth.users.realms import Realm
from database.pool import Connection
from web.pages.lists import Conditions

ACTIONS = {"": "All", "created": "Created", "changed": "Changed", "deleted": "Deleted"}
MOST_ACTORS = 10_000

# Jumps from one actor to the next in the index, of which there are few, instead of reading all entries.
ACTORS = """
WITH RECURSIVE found AS (
    (SELECT actor FROM {s}.audit_log ORDER BY actor LIMIT 1)
    UNION ALL
    SELECT (SELECT actor FROM {s}.audit_log WHERE actor > found.actor ORDER BY actor LIMIT 1)
    FROM found WHERE found.actor IS NOT NULL
)
SELECT actor FROM found WHERE actor IS NOT NULL LIMIT {most}
"""


class AuditSearch(msgspec.Struct, frozen=True):
    """`person` is a part of an actor's name or email address, `subject` a table, `key` the id of one row, `action` one
    of ACTIONS; empty: all. From `start` until before `end`. `internal`: also changes of internal columns only.
    """

    person: str = ""
    subject: str = ""
    key: str = ""
    action: str = ""
    start: datetime | None = None
    end: datetime | None = None
    internal: bool = False


async def search_conditions(db: Connection, realm: Realm, search: AuditSearch) -> tuple[str, list[Any]]:
    """A WHERE clause with its arguments."""
    found = Conditions()
    if not search.internal:
        whole = ", ".join(f"'{subject}'" for subject in SHOWN_OF)
        found.add(
            f"(action <> 'changed' OR subject IN ({whole}) OR after - {{}}::text[] <> jsonb_build_object())",
            list(INTERNAL),
        )
    if search.person:
        found.add("actor = ANY({}::text[])", await matching_actors(db, realm, search.person))
    for column, value in {"subject": search.subject, "key": search.key, "action": search.action}.items():
        if value:
            found.add(f"{column} = {{}}", value)
    if search.start:
        found.add("at >= {}", search.start)
    if search.end:
        found.add("at < {}", search.end)
    return found.where, found.args


async def matching_actors(db: Connection, realm: Realm, person: str) -> list[str]:
    rows = await db.fetch(ACTORS.format(s=realm.schema, most=MOST_ACTORS))
    actors = [row["actor"] for row in rows]
    names: Mapping[str, ActorName] = await actor_names(db, realm, actors)
    text = person.lower()
    return [
        actor for actor in actors if text in actor.lower() or (actor in names and text in names[actor].name.lower())
    ]
