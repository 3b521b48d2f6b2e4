"""Synthetic conversion callbacks: half of a batch are new conversions, half change the state of earlier ones."""

from datetime import UTC, datetime, timedelta
from random import Random

import msgspec

from bench.clients import ask
from bench.events import PAIRS
from database.engine import database_url

CALLBACKS = 1_000  # of a batch
FIRST = datetime(2025, 3, 1, tzinfo=UTC)
NEW_WITHIN = timedelta(days=20)
STATUSES = ["Success", "Rejected", "Pending"]


class Callbacks:
    """Generates callbacks. `statuses` has the status of each conversion as sent last."""

    def __init__(self, schema: str) -> None:
        self.pairs = [(offer, partner) for offer, _, partner, _ in ask(database_url(), PAIRS.format(s=schema))]
        self.random = Random(42)  # noqa: S311  # synthetic data
        self.sent = 0
        self.conversions: list[dict[str, object]] = []

    def batch(self) -> bytes:
        """The next callbacks, as NDJSON."""
        changed = self.random.sample(self.conversions, min(len(self.conversions), CALLBACKS // 2))
        for one in changed:
            one["status"] = STATUSES[(STATUSES.index(str(one["status"])) + 1) % 3]
        new = [self.new_conversion() for _ in range(CALLBACKS - len(changed))]
        self.conversions += new
        return b"\n".join(map(self.callback, [*changed, *new]))

    def callback(self, conversion: dict[str, object]) -> bytes:
        self.sent += 1
        sent_at = FIRST + NEW_WITHIN + timedelta(milliseconds=self.sent)
        return msgspec.json.encode({"id": self.id(), "sentAt": sent_at, "conversion": conversion})

    def id(self) -> str:
        text = self.random.randbytes(16).hex()
        return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])

    def new_conversion(self) -> dict[str, object]:
        offer, partner = self.random.choice(self.pairs)
        at = FIRST + self.random.random() * NEW_WITHIN
        return {
            "conversionId": self.id(), "status": self.random.choice(STATUSES), "offerId": offer, "partnerId": partner,
            "clickId": self.id(), "viewId": self.id(), "offerName": "Offer", "offerCategoryName": "Credit",
            "offerCountryCode2": "DE", "eventName": "Deposit", "pubDevice": "iPhone", "rewardPoints": 45,
            "revenue": self.random.randrange(10_000) / 100, "userCompletedAt": at, "createdAt": at, "clickTime": at,
        }  # fmt: skip

    @property
    def successful(self) -> int:
        return sum(one["status"] == "Success" for one in self.conversions)
