"""The three kinds of users. Each realm has its own table, cookie and pages; sessions are valid in one realm."""

from typing import Literal

import msgspec

from auth.users.passwords import ARGON2, PBKDF2, Hasher
from tenants.tenant import current_tenant


class Realm(msgspec.Struct, frozen=True):
    """`table` is the table of users, `user_key` the column of `session` and `one_time_link` that refers to it,
    `extra_columns` its columns beyond those that all realms have. `root` is the path of its pages, `home` and
    `home_title` the path and title of the page after signing in.
    """

    name: Literal["staff", "advertiser", "platform"]
    table: str
    user_key: Literal["staff", "login"]
    extra_columns: str
    root: str
    home: str
    home_title: str
    hasher: Hasher

    @property
    def schema(self) -> str:
        """public for the platform's staff, else the bound tenant's."""
        return "public" if self.name == "platform" else current_tenant().schema

    def cookie(self, *, secure: bool) -> str:
        """With __Host-, browsers reject the cookie over HTTP and from other hosts, including sibling hosts."""
        return f"{'__Host-' if secure else ''}gokart_{self.name}"

    def path(self, path: str) -> str:
        return self.root + path


STAFF = Realm("staff", "staff", "staff", "p.role", "/staff", "/staff", "Spend", PBKDF2)
ADVERTISER = Realm(
    "advertiser", "advertiser_login", "login", "p.advertiser, p.scopes, p.admin", "", "/", "Dashboard", ARGON2
)
PLATFORM = Realm("platform", "staff", "staff", "p.role", "", "/", "Tenants", PBKDF2)
