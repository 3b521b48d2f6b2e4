"""A client that follows the changes and keeps the rows by their ids, as a warehouse does."""

from typing import Any

import msgspec

from tests.support.sandbox import Sandbox

CHANGES = "/api/v1/reports/changes"
MAX_PAGES = 10_000

Row = tuple[str, str, str]  # day, offer, partner


class Follower(msgspec.Struct):
    """`cursor` and `rows` are what survives a crash."""

    sandbox: Sandbox
    token: str
    limit: int = 3
    cursor: str | None = None
    rows: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    resets: int = 0

    def copy(self) -> "Follower":
        return msgspec.structs.replace(self, rows=dict(self.rows))

    def page(self) -> dict[str, Any]:
        """Applies one page."""
        since = {} if self.cursor is None else {"since": self.cursor}
        response = self.sandbox.get(CHANGES, token=self.token, limit=str(self.limit), decimals="string", **since)
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        assert len(page["data"]) == page["rows"] <= self.limit
        if page["reset"]:
            self.rows.clear()
            self.resets += 1
        for row in page["data"]:
            if row["deleted"]:
                self.rows.pop(row["id"], None)
            else:
                self.rows[row["id"]] = row
        self.cursor = page["cursor"]
        return page

    def catch_up(self) -> int:
        """Applies pages until there are no more. Returns the number of rows."""
        rows = 0
        for _ in range(MAX_PAGES):
            page = self.page()
            rows += len(page["data"])
            if not page["more"]:
                return rows
        raise AssertionError("there is always one more page")

    def figures(self) -> dict[Row, tuple[str, int, int, int]]:
        """Cost, conversions, clicks and views by day, offer and partner."""
        return {
            (row["day"], row["offerId"], row["partnerId"]): (
                row["cost"],
                row["conversions"],
                row["clicks"],
                row["views"],
            )
            for row in self.rows.values()
        }


def daily_report(sandbox: Sandbox, token: str) -> dict[Row, tuple[str, int, int, int]]:
    """The same from the query by day, offer and partner."""
    response = sandbox.get(
        "/api/v1/reports/query",
        token=token,
        date_from="2000-01-01",
        date_to="2100-01-01",
        group_by="day,offer,partner",
        time_zone="UTC",
        decimals="string",
    )
    assert response.status_code == 200, response.text
    return {
        (row["day"], row["offerId"], row["partnerId"]): (row["cost"], row["conversions"], row["clicks"], row["views"])
        for row in response.json()["data"]
    }
