"""The `id` of a row: a key that the same row has in every response, so that clients merge rows by it."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from uuid import UUID

import msgspec

from reporting.ranges import Range


class RowIds:
    """The ids of the rows of one report: hashes of what the report is of and of what the row is of."""

    def __init__(
        self,
        tenant: UUID,
        advertiser: UUID,
        groups: Sequence[str],
        *,
        zone: str,
        currency: str,
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """`groups` in the order in which `id_of` gets their values. `zone`: an IANA name. `filters`: values by
        parameter; their order does not matter.
        """
        of_report = {name: sorted(values) for name, values in sorted((filters or {}).items())}
        identity = [tenant, advertiser, groups, zone, currency, of_report]
        self._hash = blake2b(msgspec.json.encode(identity), digest_size=16)

    def id_of(self, bucket: Range, *values: UUID | str | None) -> str:
        """`bucket`: the row's time bucket as far as it is in the report's range; without a group of time, that range.
        `values`: of the other groups.
        """
        hash_ = self._hash.copy()
        hash_.update(msgspec.json.encode([bucket.start, bucket.end, *values]))
        return hash_.hexdigest()


DAILY_GROUPS = ("day", "offer", "partner")


def daily_row_ids(tenant: UUID, advertiser: UUID, currency: str) -> RowIds:
    """Of the UTC days of offers and partners, without filters."""
    return RowIds(tenant, advertiser, DAILY_GROUPS, zone="UTC", currency=currency)
