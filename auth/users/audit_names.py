"""The names of the people and records that entries of an audit log refer to by id."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from auth.users.realms import PLATFORM, Realm
from database.pool import Connection

Row = Mapping[str, Any]

OTHER_ACTORS = {  # what is before the colon → what the actor is called
    "staff": "Staff user",
    "advertiser": "Advertiser user",
    "platform": "Platform staff",
    "cli": "Command line of",
    "database": "Database user",
    "intake": "Import of",
}
API_KEY = "intake:token "  # before the id of the key


class ActorName(msgspec.Struct, frozen=True):
    """`title` ends with a space, or is empty. `href` is the page of the user, if there is one."""

    title: str
    name: str
    href: str | None = None


class AuditNames(msgspec.Struct):
    """`actors` are by the text of the log; `users` by table and id; the others by id, as text. `key_owners` has the id
    of the advertiser, or “ingest”. `offers` and `partners` are by surrogate id.
    """

    actors: dict[str, ActorName] = {}
    users: dict[tuple[str, str], str] = {}
    advertisers: dict[str, str] = {}
    offers: dict[str, str] = {}
    partners: dict[str, str] = {}
    keys: dict[str, str] = {}
    key_owners: dict[str, str] = {}
    slugs: dict[str, str] = {}

    def actor(self, text: str) -> ActorName:
        return self.actors.get(text) or unknown_actor(text)

    def key(self, id_: Any) -> str:
        return self.keys.get(str(id_), f"API key {id_}")

    def subject_name(self, subject: str, key: str) -> str | None:
        """Present names of people; other rows are named as they were."""
        return self.users.get((subject, key))

    def of(self, subject: str, column: str, value: Any) -> str | None:
        """The name of the record whose id the value is; None if the value is not an id, or is unknown."""
        match column:
            case "advertiser":
                return self.advertisers.get(str(value))
            case "login" | "staff":
                return self.users.get(("advertiser_login" if column == "login" else "staff", str(value)))
            case "offer" if subject == "conversion":
                return self.offers.get(str(value))
            case "partner" if subject == "conversion":
                return self.partners.get(str(value))
            case "replaces":
                return self.keys.get(str(value))
        return None


def unknown_actor(text: str) -> ActorName:
    kind, colon, name = text.partition(":")
    return ActorName(f"{OTHER_ACTORS[kind]} ", name) if colon and kind in OTHER_ACTORS else ActorName("", text)


async def actor_names(db: Connection, realm: Realm, actors: Iterable[str]) -> dict[str, ActorName]:
    """Of the actors who have an account in the realm's schema, and of API keys."""
    actors = list(actors)
    emails: dict[str, list[str]] = {"staff": [], "advertiser": [], "platform": []}
    for actor in actors:
        kind, _, email = actor.partition(":")
        if kind in emails:
            emails[kind].append(email)
    schema, found = realm.schema, dict[str, ActorName]()
    kind, root = ("platform", "/staff") if realm.name == PLATFORM.name else ("staff", "/staff/people/staff")
    if emails[kind]:
        rows = await db.fetch(f"SELECT id, email, name, role FROM {schema}.staff WHERE email = ANY($1)", emails[kind])
        for row in rows:
            title = f"{row['role'].capitalize()} "
            found[f"{kind}:{row['email']}"] = ActorName(title, row["name"], f"{root}/{row['id']}")
    if realm.name == PLATFORM.name:
        return found
    rows = await db.fetch(
        f"SELECT id, email, name FROM {schema}.advertiser_login WHERE email = ANY($1)", emails["advertiser"]
    )
    for row in rows:
        page = f"/staff/people/logins/{row['id']}"
        found[f"advertiser:{row['email']}"] = ActorName("Advertiser user ", row["name"], page)
    keys = {actor: actor.removeprefix(API_KEY) for actor in actors if actor.startswith(API_KEY)}
    rows = await db.fetch(
        f"SELECT id::text, name FROM {schema}.api_token WHERE id = ANY($1)", numbers_of(keys.values())
    )
    names = {row["id"]: row["name"] for row in rows}
    for actor, id_ in keys.items():
        found[actor] = ActorName("API key ", names.get(id_, id_), f"/staff/requests?key={id_}")
    return found


async def load_names(db: Connection, realm: Realm, rows: Iterable[Row]) -> AuditNames:
    """What the entries of a page refer to, with at most one statement for each kind. `before` and `after` are dicts."""
    rows = list(rows)
    names = AuditNames(actors=await actor_names(db, realm, {row["actor"] for row in rows}))

    async def read(sql: str, ids: Iterable[str], *, uuids: bool = False) -> list[tuple[Any, ...]]:
        """The rows of these ids, as text; nothing is asked if there are none."""
        wanted: list[Any] = [UUID(id_) for id_ in ids if is_uuid(id_)] if uuids else numbers_of(ids)
        return [tuple(row) for row in await db.fetch(sql.format(s=realm.schema), wanted)] if wanted else []

    staff = await read(
        "SELECT id::text, name FROM {s}.staff WHERE id = ANY($1)",
        subject_keys(rows, "staff") | values_of(rows, "staff", {"one_time_link", "session"}),
    )
    names.users = {("staff", id_): name for id_, name in staff}
    if realm.name == PLATFORM.name:
        tenants = "SELECT id::text, slug FROM {s}.tenant WHERE id = ANY($1)"
        names.slugs = dict(await read(tenants, subject_keys(rows, "tenant"), uuids=True))
        return names
    logins = await read(
        "SELECT id::text, name FROM {s}.advertiser_login WHERE id = ANY($1)",
        subject_keys(rows, "advertiser_login") | values_of(rows, "login", {"one_time_link", "session"}),
    )
    names.users |= {("advertiser_login", id_): name for id_, name in logins}
    advertisers = "SELECT id::text, name FROM {s}.advertiser WHERE id = ANY($1)"
    named = await read(advertisers, values_of(rows, "advertiser"), uuids=True)
    names.advertisers = dict(named)
    for table, found in ("offer", names.offers), ("partner", names.partners):
        by_key = f"SELECT key::text, name FROM {{s}}.{table} WHERE key = ANY($1)"
        found.update(dict(await read(by_key, values_of(rows, table, {"conversion"}))))
    for id_, name, owner in await read(
        "SELECT id::text, name, coalesce(advertiser::text, 'ingest') FROM {s}.api_token WHERE id = ANY($1)",
        subject_keys(rows, "api_token") | values_of(rows, "replaces", {"api_token"}),
    ):
        names.keys[id_], names.key_owners[id_] = name, owner
    return names


def subject_keys(rows: Iterable[Row], subject: str) -> set[str]:
    return {row["key"] for row in rows if row["subject"] == subject}


def values_of(rows: Iterable[Row], column: str, subjects: Collection[str] = ()) -> set[str]:
    """The values of the column, of entries about these tables, or about all."""
    return {
        str(side[column])
        for row in rows
        if not subjects or row["subject"] in subjects
        for side in (row["before"], row["after"])
        if side and side.get(column)
    }


def numbers_of(ids: Iterable[str]) -> list[int]:
    return [int(id_) for id_ in ids if id_.isascii() and id_.isdigit() and len(id_) < 10]


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
