"""The `snapshot` of a response: with `as_of` it reproduces the response's figures for days that had ended.

It identifies exactly the transactions whose changes the response shows: those that had committed. It also has the time,
which stays true on another server, where transactions have other numbers.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from core.timestamps import EPOCH
from reporting.changes.opaque import seal, unseal

PREFIX = "s"
MAX_AS_OF = 4_000  # characters of `as_of` or `meta.snapshot`: with some 270 running transactions. Fits into a URL.
CONTENT = re.compile(r"(-?[0-9]+) (-?[0-9]+) ((?:[0-9]{1,19}:[0-9]{1,19}:(?:[0-9]{1,19}(?:,[0-9]{1,19})*)?)?)")
MICROSECOND = timedelta(microseconds=1)


class Snapshot(msgspec.Struct, frozen=True):
    """What a statement saw. Its transaction began at `began`, before the snapshot was taken; it read the clock at
    `taken`, after that. `transactions` is the text of pg_current_snapshot(); empty: all until that time.
    """

    began: datetime
    taken: datetime
    transactions: str

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Snapshot":
        """From the columns of `reporting/sql/snapshot_columns.sql`, read in the snapshot."""
        return cls(row["snapshot_began"], row["snapshot_taken"], row["snapshot_transactions"])

    @classmethod
    def at(cls, instant: datetime) -> "Snapshot":
        """Of all changes that were recorded until then."""
        return cls(instant, instant, "")

    def token(self, tenant: UUID) -> str:
        """URL-safe text for clients of the tenant with that id."""
        began, taken = [(time - EPOCH) // MICROSECOND for time in (self.began, self.taken)]
        return seal(PREFIX, tenant.bytes, f"{began} {taken} {self.transactions}".encode())


def is_snapshot_token(text: str) -> bool:
    """Whether the text is meant as one; it may be malformed."""
    return text.startswith(PREFIX)


def read_snapshot_token(text: str, tenant: UUID) -> Snapshot:
    """The inverse of `Snapshot.token`. Raises ValueError, with a message for the client, also for another tenant's."""
    try:
        content = CONTENT.fullmatch(unseal(PREFIX, tenant.bytes, text).decode())
        began, taken, transactions = content.groups() if content else ()
        return Snapshot(EPOCH + int(began) * MICROSECOND, EPOCH + int(taken) * MICROSECOND, transactions)
    except (ValueError, OverflowError) as error:
        raise ValueError("is not a snapshot token of this tenant, as responses have it in meta.snapshot") from error
