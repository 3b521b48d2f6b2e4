"""The `snapshot` of a response: with `as_of` it reproduces the response's figures for days that had ended.

It identifies exactly the transactions whose changes the response shows: those that had committed, not those that had
merely begun. It also has the time, which stays true on another server, where transactions have other numbers.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from core.timestamps import EPOCH

PREFIX = "s"
DIGEST_BYTES = 6
MICROSECOND = timedelta(microseconds=1)
PAYLOAD = re.compile(r"(\d{1,17}) (\d{1,17}) (\d{1,20}:\d{1,20}:(?:\d{1,20}(?:,\d{1,20})*)?)", re.ASCII)


class Snapshot(msgspec.Struct, frozen=True):
    """What a statement saw. Its transaction began at `began`, before the snapshot was taken; it read the clock at
    `taken`, after that. `transactions` is the text of pg_current_snapshot().
    """

    began: datetime
    taken: datetime
    transactions: str

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Snapshot":
        """From the columns of `reporting/sql/snapshot_columns.sql`, read in the snapshot."""
        return cls(row["snapshot_began"], row["snapshot_taken"], row["snapshot_transactions"])

    def token(self, tenant: UUID) -> str:
        """URL-safe text for clients of the tenant with that id."""
        began, taken = [(time - EPOCH) // MICROSECOND for time in (self.began, self.taken)]
        payload = f"{began} {taken} {self.transactions}".encode()
        return PREFIX + urlsafe_b64encode(digest(tenant, payload) + payload).decode().rstrip("=")


def is_snapshot_token(text: str) -> bool:
    """Whether the text is meant as one; it may be malformed."""
    return text.startswith(PREFIX)


def read_snapshot_token(text: str, tenant: UUID) -> Snapshot:
    """The inverse of `Snapshot.token`. Raises ValueError, with a message for the client, also for another tenant's."""
    try:
        encoded = text.removeprefix(PREFIX)
        decoded = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError as error:  # also for characters that are not ASCII
        raise invalid_token() from error
    payload = decoded[DIGEST_BYTES:]
    fields = PAYLOAD.fullmatch(payload.decode("ascii", "replace"))
    if fields is None or decoded[:DIGEST_BYTES] != digest(tenant, payload):
        raise invalid_token()
    try:
        began, taken = [EPOCH + int(fields[group]) * MICROSECOND for group in (1, 2)]
    except OverflowError as error:
        raise invalid_token() from error
    return Snapshot(began, taken, fields[3])


def digest(tenant: UUID, payload: bytes) -> bytes:
    return blake2b(payload, key=tenant.bytes, digest_size=DIGEST_BYTES).digest()


def invalid_token() -> ValueError:
    return ValueError("is not a snapshot token of this tenant, as responses have it in meta.snapshot")
