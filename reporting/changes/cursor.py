"""Cursors of GET /api/v1/reports/changes: a position in one incarnation of the data, as opaque text.

docs/decisions/0053-change-feed.md says why a position is a transaction.
"""

import struct
from datetime import date, timedelta
from typing import Self
from uuid import UUID

import msgspec

from reporting.changes.opaque import seal, unseal

PREFIX = "c"
EPOCH_DAY = date(1970, 1, 1)
PAYLOAD = struct.Struct(">8sQiii")  # incarnation, xid, offer, day, partner
FIRST = 0  # below every key of an offer or partner


class ChangeCursor(msgspec.Struct, frozen=True):
    """Everything before the position has been sent: rows are in order of transaction, offer, day and partner, and the
    row at the position is the last one sent. `offer` and `partner` are keys.

    `incarnation` is that of the data, in which transactions have these numbers.
    """

    incarnation: bytes
    xid: int = 0
    offer: int = FIRST
    day: date = EPOCH_DAY
    partner: int = FIRST

    def text(self, tenant: UUID, advertiser: UUID) -> str:
        day = (self.day - EPOCH_DAY).days
        payload = PAYLOAD.pack(self.incarnation, self.xid, self.offer, day, self.partner)
        return seal(PREFIX, tenant.bytes + advertiser.bytes, payload)

    @classmethod
    def read(cls, text: str, tenant: UUID, advertiser: UUID) -> Self:
        """The inverse of `text`. Raises ValueError, with a message for the client, also for another advertiser's."""
        try:
            payload = unseal(PREFIX, tenant.bytes + advertiser.bytes, text)
            incarnation, xid, offer, day, partner = PAYLOAD.unpack(payload)
            return cls(incarnation, xid, offer, EPOCH_DAY + timedelta(days=day), partner)
        except (ValueError, OverflowError, struct.error) as error:
            raise ValueError("is not a cursor of this advertiser, as responses have it") from error


START = ChangeCursor(bytes(8))
