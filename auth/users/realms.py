"""The three kinds of people who sign in. Each has its own table, cookie and pages, and none passes for another."""

from typing import Literal

import msgspec

from auth.users.passwords import ARGON2, PBKDF2, Hasher
from tenants.tenant import current_tenant


class Realm(msgspec.Struct, frozen=True):
    """`people` is its table, `owner` the column of the tables session and one_time_link that leads there, `columns`
    what that table has beyond everybody's. `root` is where its pages are, `home` where one comes to after signing in.
    """

    name: Literal["staff", "advertiser", "platform"]
    table: str
    user_key: Literal["staff", "login"]
    extra_columns: str
    root: str
    home: str
    hasher: Hasher

    @property
    def schema(self) -> str:
        """Of the platform's staff public, else the bound tenant's."""
        return "public" if self.name == "platform" else current_tenant().schema

    def cookie(self, *, secure: bool) -> str:
        """__Host- makes browsers refuse it over HTTP and from any other host, a sibling's included."""
        return f"{'__Host-' if secure else ''}gokart_{self.name}"

    def path(self, path: str) -> str:
        return self.root + path


STAFF = Realm("staff", "staff", "staff", "p.role", "/staff", "/staff", PBKDF2)
ADVERTISER = Realm("advertiser", "advertiser_login", "login", "p.advertiser, p.scopes", "", "/", ARGON2)
PLATFORM = Realm("platform", "staff", "staff", "p.role", "", "/", PBKDF2)
