"""Entries of an audit log in words: a sentence about each, with links, and the changed values with labels."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from auth.scopes import SCOPE_NAMES
from auth.users.audit_names import AuditNames, is_uuid
from auth.users.realms import PLATFORM, Realm
from web.pages.formatting import NOTHING, format_instant, plain_decimal

Row = Mapping[str, Any]
Part = tuple[str, str | None]  # a text, and the page that it links to

LONGEST = 80  # characters of a value in a sentence

SUBJECTS = {  # table → what one row of it is
    "advertiser": "advertiser",
    "api_token": "API key",
    "advertiser_login": "user",
    "staff": "staff user",
    "one_time_link": "one-time link",
    "session": "session",
    "setting": "settings",
    "offer": "offer",
    "partner": "partner",
    "conversion": "conversion",
    "rejected_record": "rejected record",
    "audit_log": "audit log",
    "tenant": "tenant",
    "logo": "logo",
    "advertiser_view": "view as advertiser",
}
# Columns that mean nothing to people: what intake compares, counters, surrogate ids, digests, times that entries have.
INTERNAL = (
    "sent_ticks",
    "callback",
    "totp_step",
    "key",
    "digest",
    "version",
    "updated_at",
    "changed_at",
    "created_at",
    "received_at",
    "cause",
    "details",
    "time_zone_since",
    "deactivated_by_team",
    "resolved_at",
    "resolved_by",
)
SHOWN_OF = {"tenant": {"version"}}  # internal columns that mean something in this table
LABELS = {
    "id": "ID",
    "admin": "Administrator",
    "key": "ID",
    "os": "Operating system",
    "rate": "Requests per second",
    "burst": "Requests in a burst",
    "concurrency": "Concurrent requests",
    "token_rate": "Requests per second",
    "token_burst": "Requests in a burst",
    "token_concurrency": "Concurrent requests",
    "scopes": "Permissions",
    "networks": "Allowed IPs",
    "hint": "First and last characters",
    "replaces": "Replaces API key",
    "login": "Advertiser user",
    "staff": "Staff user",
    "totp_secret": "Authenticator app",
    "singular_enabled": "Singular",
    "staff_totp_required": "Two-factor authentication required",
    "final_after_days": "Days final after",
    "occurred_at": "Completed at",
    "slug": "Name in URLs",
    "version": "Schema version",
    "tax_id": "Tax ID",
    "store_id": "Store ID",
    "user_agent": "Browser",
    "address": "IP address",
}


CATALOGUE = {"advertiser", "offer", "partner"}
USER_PAGES = {"staff": "staff", "advertiser_login": "logins"}
Verbs = Mapping[bool | str, str]  # by the new value, or by whether there is one
USERS: dict[str, Verbs] = {
    "active": {True: "activated", False: "deactivated"},
    "password": {True: "set the password of"},
    "totp_secret": {True: "set up two-factor authentication for", False: "turned off two-factor authentication of"},
    "recovery_codes": {True: "created recovery codes for"},
    "notification_emails": {False: "stopped emails of notifications to"},
    "view_emails": {False: "stopped emails of a saved view to"},
}
STATUSES: Verbs = {"paused": "paused", "active": "activated", "archived": "archived"}
VERBS: dict[tuple[str, str], Verbs] = {
    ("api_token", "revoked_at"): {True: "revoked"},
    ("advertiser", "singular_enabled"): {True: "enabled Singular for", False: "disabled Singular for"},
    ("advertiser", "singular_requested_at"): {True: "requested Singular for"},
    ("rejected_record", "resolution"): {"replayed": "replayed", "dismissed": "dismissed"},
    ("tenant", "status"): {"suspended": "suspended", "active": "resumed"},
    **{(table, "status"): STATUSES for table in CATALOGUE},
    **{(table, column): verbs for table in USER_PAGES for column, verbs in USERS.items()},
}


class AuditChange(msgspec.Struct, frozen=True):
    """Of one column, in words. None: missing or empty."""

    label: str
    before: str | None
    after: str | None


def is_internal(subject: str, column: str) -> bool:
    return column in INTERNAL and column not in SHOWN_OF.get(subject, ())


def changes_of(row: Row, names: AuditNames) -> list[AuditChange]:
    before, after, subject = row["before"] or {}, row["after"] or {}, row["subject"]
    return [
        AuditChange(
            label_of(column), *(value_text(subject, column, side.get(column), names) for side in (before, after))
        )
        for column in sorted({*before, *after})
        if not is_internal(subject, column) and (before.get(column), after.get(column)) != (None, None)
    ]


def label_of(column: str) -> str:
    return LABELS.get(column) or column.replace("_", " ").capitalize()


def value_text(subject: str, column: str, value: Any, names: AuditNames) -> str | None:
    """None for nothing."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, bool):
        return ("on" if value else "off") if column == "singular_enabled" else "yes" if value else "no"
    if subject == "conversion" and column == "cost":
        return plain_decimal(Decimal(value).scaleb(-6))
    if isinstance(value, list):
        return ", ".join(SCOPE_NAMES.get(str(item), str(item)) for item in value)
    if column.endswith("_at") and isinstance(value, str):
        return time_text(value)
    return names.of(subject, column, value) or (
        value if isinstance(value, str) else msgspec.json.encode(value).decode()
    )


def time_text(value: str) -> str:
    try:
        return format_instant(datetime.fromisoformat(value))
    except ValueError:
        return value


def sentence_of(realm: Realm, row: Row, names: AuditNames) -> list[Part]:
    """“Manager Anna Schmidt changed conversion 4f3c… from Success to Rejected”, in parts."""
    actor = names.actor(row["actor"])
    parts: list[Part] = [(actor.title, None), (actor.name, actor.href)]
    return [part for part in [*parts, (" ", None), *what_happened(realm, row, names)] if part[0]]


def what_happened(realm: Realm, row: Row, names: AuditNames) -> list[Part]:
    subject, action, after = row["subject"], row["action"], row["after"] or {}
    before = row["before"] or {}
    thing = thing_of(realm, row, names)
    if subject == "one_time_link":
        user = user_of(realm, after, names)
        invites = after.get("purpose") == "invitation"
        return [("invited " if invites else "created a link to set a new password for ", None), user]
    if subject == "session":
        return [("ended a session of ", None), user_of(realm, before, names)]
    if subject == "audit_log":
        return [(f"erased {row['label']} from {after.get('entries', 0)} entries of the audit log", None)]
    if subject == "advertiser_view":
        href = page_of(realm, "advertiser", str((after or before).get("advertiser")), names)
        thing = [("viewing the portal as ", None), (shorten(row["label"]), href), (" sees it", None)]
        return [("began " if action == "created" else "stopped ", None), *thing]
    if action in {"created", "deleted"}:
        replaced = [(" to replace ", None), (names.key(after["replaces"]), None)] if after.get("replaces") else []
        return [(f"{action} ", None), *thing, *replaced]
    return changed(row, thing, before, after, names)


def changed(row: Row, thing: list[Part], before: Row, after: Row, names: AuditNames) -> list[Part]:
    subject = row["subject"]
    columns = [column for column in after if not is_internal(subject, column)]
    special = [verb for column in columns if (verb := verb_of(subject, column, after[column]))]
    if special and (len(columns) <= 2 or subject == "rejected_record"):
        return [(f"{special[0]} ", None), *thing]
    if subject == "setting":
        thing = [("the settings", None)]
    if len(columns) != 1:
        return [(f"changed {len(columns)} values of ", None), *thing]
    column = columns[0]
    old, new = (shorten(value_text(subject, column, side.get(column), names) or NOTHING) for side in (before, after))
    if (subject, column) == ("conversion", "status"):
        return [("changed ", None), *thing, (f" from {old} to {new}", None)]
    if (subject, column) == ("offer", "advertiser"):
        return [("moved ", None), *thing, (f" from {old} to {new}", None)]
    label = label_of(column)
    label = label if label[1:2].isupper() else label[0].lower() + label[1:]
    return [(f"changed the {label} of ", None), *thing, (f" from {old} to {new}", None)]


def verb_of(subject: str, column: str, value: Any) -> str:
    """For changes that have a name of their own; otherwise empty."""
    verbs = VERBS.get((subject, column), {})
    return verbs.get(value if isinstance(value, str) and value in verbs else bool(value), "")


def thing_of(realm: Realm, row: Row, names: AuditNames) -> list[Part]:
    """The subject with its name, as a link if it has a page."""
    subject, key, label = row["subject"], row["key"], row["label"]
    kind = SUBJECTS.get(subject, subject.replace("_", " "))
    if subject == "conversion":
        return [(f"{kind} {shorten_id(key)}", None)]
    if subject == "setting":
        return [("the settings", "/staff/settings")]
    name = shorten(names.subject_name(subject, key) or label or shorten_id(key))
    href = None if row["action"] == "deleted" else page_of(realm, subject, key, names)
    return [(f"{kind} ", None), (name, href)]


def page_of(realm: Realm, subject: str, key: str, names: AuditNames) -> str | None:
    if realm.name == PLATFORM.name:
        pages = {"staff": f"/staff/{key}"} | ({"tenant": f"/tenants/{names.slugs[key]}"} if key in names.slugs else {})
        return pages.get(subject)
    if subject in CATALOGUE:
        return f"/staff/{subject}s/{key}" if is_uuid(key) else None
    if subject == "rejected_record":
        return f"/staff/intake/rejected/{key}"
    if subject == "api_token":
        return f"/staff/keys?advertiser={names.key_owners[key]}" if key in names.key_owners else None
    return f"/staff/people/{USER_PAGES[subject]}/{key}" if subject in USER_PAGES else None


def user_of(realm: Realm, values: Row, names: AuditNames) -> Part:
    """Of a session or a one-time link."""
    subject = "advertiser_login" if values.get("login") else "staff"
    key = str(values.get("login") or values.get("staff") or "")
    name = names.users.get((subject, key))
    return (shorten(name), page_of(realm, subject, key, names)) if name else (f"a deleted user (ID {key})", None)


def shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def shorten_id(key: str) -> str:
    return f"{key[:8]}…" if len(key) > 12 else key
