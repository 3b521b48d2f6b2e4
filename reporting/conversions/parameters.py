"""The parameters of GET /api/v1/conversions: `parse` checks them, and `resolve` gives times their zone."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec

from core.time_zones import zone_of
from reporting.conversions.document import Status
from reporting.filters import LAST_DAY
from reporting.list_parameters import ParameterReader, choice, first_of, read_texts, read_uuids
from reporting.query.parameters import read_end, read_start
from web.problems import FieldError, invalid_parameters

STATUSES = get_args(Status)
LISTS = ("offer_id", "partner_id", "status", "conversion_id", "click_id")
NAMES = ("date_from", "date_to", "time_zone", *LISTS, "changed_since", "decimals", "format")


class ConversionFilter(msgspec.Struct, frozen=True):
    """Checked, except for times and the time zone, whose default is the advertiser's. Lists are None if not given."""

    date_from: str | None
    date_to: str | None
    changed_since: str | None
    time_zone: str | None
    offers: list[str] | None
    partners: list[str] | None
    statuses: list[str] | None
    ids: list[str] | None
    clicks: list[str] | None
    decimals_as_text: bool
    format: str | None

    @property
    def selection(self) -> dict[str, object]:
        """The parameters of `sql/filters.sql` besides the times."""
        return {
            "offers": self.offers,
            "partners": self.partners,
            "statuses": self.statuses,
            "ids": self.ids,
            "clicks": self.clicks,
        }

    def resolve(self, default_zone: str) -> tuple[ZoneInfo, dict[str, datetime | None]]:
        """The zone, and `start` and `changed_since` (inclusive) and `end` (exclusive) in UTC. Raises Problem 400."""
        try:
            zone = zone_of(self.time_zone or default_zone)
        except ValueError as error:
            raise invalid_parameters(FieldError("time_zone", str(error))) from error
        errors: list[FieldError] = []

        def read(name: str, reader: Callable[[str, ZoneInfo], Any]) -> Any:
            text = getattr(self, name)
            try:
                return None if text is None else reader(text, zone)
            except ValueError as error:
                errors.append(FieldError(name, str(error)))
            except OverflowError:
                errors.append(FieldError(name, f"{text!r} is not from 0001-01-02 to {LAST_DAY}"))
            return None

        first, last = read("date_from", read_start), read("date_to", read_end)
        since = read("changed_since", read_start)
        if first and last and first[0] > last[0]:
            errors.append(FieldError("date_from", f"is after date_to: {self.date_from} > {self.date_to}"))
        if errors:
            raise invalid_parameters(*errors)
        return zone, {"start": first and first[1], "end": last and last[1], "changed_since": since and since[0]}


def parse(pairs: Iterable[tuple[str, str]], formats: tuple[str, ...]) -> ConversionFilter:
    """From the pairs of the query string. Raises Problem 400, which names each invalid parameter."""
    parameters = ParameterReader(pairs, NAMES, LISTS)
    read, one_of = parameters.read, parameters.one_of
    filter_ = ConversionFilter(
        date_from=read("date_from", first_of),
        date_to=read("date_to", first_of),
        changed_since=read("changed_since", first_of),
        time_zone=read("time_zone", lambda values: zone_of(values[0]).key),
        offers=read("offer_id", ids_of),
        partners=read("partner_id", ids_of),
        statuses=read("status", lambda values: [choice(text, STATUSES) for text in read_texts(values)]),
        ids=read("conversion_id", ids_of),
        clicks=read("click_id", ids_of),
        decimals_as_text=one_of("decimals", ("number", "string")) == "string",
        format=one_of("format", formats),
    )
    parameters.check()
    return filter_


def ids_of(values: list[str]) -> list[str]:
    return list(read_uuids(values))
