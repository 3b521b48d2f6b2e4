"""One record of an intake call: what it must be, and what is wrong with it otherwise."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import cache
from hashlib import blake2b
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec

from core.timestamps import EPOCH, parse_timestamp, ticks

MILLIONTH = Decimal("0.000001")
COST_LIMIT = Decimal(10**9)
LONGEST_AHEAD = timedelta(days=1)
DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Text = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00]*$")]
Status = Literal["Pending", "Success", "Rejected"]
EventKind = Literal["view", "click"]
Record = bytes  # a JSON text
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # the last of what is nested too deeply


class Reject(msgspec.Struct, frozen=True):
    """Why a record was not taken. `index` counts the records of a call from 0; `id` is the record's own, if any."""

    index: int
    id: str | None
    field: str
    message: str


def storable(text: str) -> str:
    """PostgreSQL's text has no NUL."""
    return text.replace("\x00", "\\0")


class RecordError(Exception):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = storable(field)
        self.message = storable(message)


class Event(msgspec.Struct, rename="camel", gc=False):
    """A view or a click, as sent."""

    id: UUID
    type: EventKind
    offer_id: UUID
    occurred_at: str
    partner_id: UUID | None = None


class OfferRecord(msgspec.Struct, rename="camel"):
    """An offer of the catalogue, whole: what is left out is null."""

    id: UUID
    name: Name
    advertiser_id: UUID
    advertiser_name: Name | None = None
    campaign_name: Text | None = None
    app_name: Text | None = None
    store_id: Text | None = None
    os: Literal["IOS", "ANDROID", "WEB"] | None = None


class PartnerRecord(msgspec.Struct):
    id: UUID
    name: Name


class ConversionRecord(msgspec.Struct, rename="camel", gc=False):
    """The part of a callback that is read here."""

    conversion_id: UUID
    status: Status
    offer_id: UUID
    offer_name: Name | None = None
    offer_advertiser_id: UUID | None = None
    offer_advertiser_name: Name | None = None
    partner_id: UUID | None = None
    partner_name: Name | None = None
    revenue: Any = None  # null, a number, or a decimal string: `millionths` tells
    user_completed_at: str | None = None
    created_at: str | None = None
    rejection_reason: Annotated[str, msgspec.Meta(max_length=10_000, pattern=r"^[^\x00]*$")] | None = None
    click_id: UUID | None = None


class Callback(msgspec.Struct, rename="camel", gc=False):
    """A conversion callback, schema v1, as sent."""

    sent_at: str
    conversion: ConversionRecord
    id: UUID | None = None


class Conversion(msgspec.Struct, gc=False):
    """A callback that makes sense. Of two for one conversion the greater `rank` holds: the later sent, and for two sent
    in the same tick the one with the greater id, so that the order of arrival never matters.
    """

    id: UUID
    rank: tuple[int, UUID]
    status: Status
    occurred_at: datetime
    cost: int
    offer: UUID
    offer_name: str | None
    advertiser: UUID | None
    advertiser_name: str | None
    partner: UUID | None
    partner_name: str | None
    rejection_reason: str | None
    click: UUID | None


T = TypeVar("T", Event, OfferRecord, PartnerRecord)


def parse_plain(record: Record, kind: type[T]) -> T:
    """A record whose keys come in camelCase only. Raises RecordError."""
    try:
        decoded: T = decoder(kind).decode(record)
    except NO_JSON as error:
        raise explained(error) from error
    return decoded


def parse_event(record: Record) -> Event:
    """Of a key that a record gives twice the last holds, whatever comes before it. Raises RecordError."""
    try:
        return parse_plain(record, Event)
    except RecordError:
        with suppress(*NO_JSON):
            return msgspec.convert(anything.decode(record), Event)
        raise


@cache
def decoder(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def exact(number: str) -> Decimal:
    """Not a number where the exponent is beyond Decimal's: whoever reads that field rejects it, and others need not."""
    try:
        return Decimal(number)
    except InvalidOperation:
        return Decimal("NaN")


anything = msgspec.json.Decoder(float_hook=exact)


def parse_callback(record: Record) -> Callback:
    """Keys in camelCase or, from older senders, PascalCase. Raises RecordError."""
    try:
        sent = camel_keys(anything.decode(record), CALLBACK_KEYS)
        if isinstance(sent, dict) and "conversion" in sent:
            sent["conversion"] = camel_keys(sent["conversion"], CONVERSION_KEYS)
        return msgspec.convert(sent, Callback)
    except NO_JSON as error:
        raise explained(error) from error


def spellings(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Its keys in camelCase, by each way that they may come."""
    names = kind.__struct_encode_fields__
    return {spelled: name for name in names for spelled in (name, name[0].upper() + name[1:])}


CALLBACK_KEYS = spellings(Callback)
CONVERSION_KEYS = spellings(ConversionRecord)


def camel_keys(value: Any, keys: Mapping[str, str]) -> Any:
    """Only those: a callback has many more."""
    if isinstance(value, dict):
        return {keys[key]: inner for key, inner in value.items() if key in keys}
    return value


def parse_conversion(record: Record, now: datetime) -> Conversion:
    """Raises RecordError, naming the callback's field."""
    callback = parse_callback(record)
    sent = callback.conversion
    sent_at = instant("sentAt", callback.sent_at, now)
    occurred = ("userCompletedAt", sent.user_completed_at) if sent.user_completed_at else ("createdAt", sent.created_at)
    if not occurred[1]:
        raise RecordError(
            "conversion.userCompletedAt", "is needed, or createdAt: the time at which the conversion counts"
        )
    return Conversion(
        id=sent.conversion_id,
        rank=(ticks(callback.sent_at, sent_at), callback.id or content_id(record)),
        status=sent.status,
        occurred_at=instant(f"conversion.{occurred[0]}", occurred[1], now),
        cost=millionths("conversion.revenue", sent.revenue),
        offer=sent.offer_id,
        offer_name=sent.offer_name,
        advertiser=sent.offer_advertiser_id,
        advertiser_name=sent.offer_advertiser_name,
        partner=sent.partner_id,
        partner_name=sent.partner_name,
        rejection_reason=sent.rejection_reason,
        click=sent.click_id,
    )


def content_id(record: Record) -> UUID:
    """For a callback without an id, one that the order of arrival has no part in."""
    return UUID(bytes=blake2b(record, digest_size=16).digest())


def instant(field: str, text: str, now: datetime, *, oldest: datetime = EPOCH) -> datetime:
    """A date-time between `oldest` and a day after `now`, in UTC. Raises RecordError."""
    try:
        value = parse_timestamp(text)
    except ValueError as error:
        raise RecordError(field, f"{text!r} is not a date-time such as 2025-05-19T15:36:26.846Z") from error
    if value > now + LONGEST_AHEAD:
        raise RecordError(field, f"{text} is more than a day ahead of now")
    if value < oldest:
        raise RecordError(field, f"{text} is before {oldest.isoformat()}, the oldest that is taken")
    return value


def millionths(field: str, revenue: object) -> int:
    """Exactly what was sent, rounded half-even to six places. Raises RecordError."""
    value = decimal(revenue)
    if value is None:
        raise RecordError(field, f"{revenue!r} is not a decimal number")
    if 0 <= value < COST_LIMIT:
        # One step: a product would first be rounded to the context's 28 digits.
        rounded = value.quantize(MILLIONTH, ROUND_HALF_EVEN)
        if rounded < COST_LIMIT:
            return int(rounded.scaleb(6))
    raise RecordError(field, f"{revenue} is not between 0 and 1000000000 (exclusive)")


def decimal(value: object) -> Decimal | None:
    match value:
        case None:
            return Decimal(0)
        case Decimal() if value.is_finite():
            return value
        case int() if not isinstance(value, bool):
            return Decimal(value)
        case str() if DECIMAL.fullmatch(value):
            with suppress(InvalidOperation):  # of an exponent beyond all bounds
                return Decimal(value)
    return None


PATH = re.compile(r"^(?P<message>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")


def explained(error: Exception) -> RecordError:
    """msgspec's «Expected `str`, got `int` - at `$.conversion.status`» as a field and a message."""
    if not isinstance(error, msgspec.ValidationError):
        return RecordError("", f"is not JSON: {error}")
    match = PATH.match(str(error))
    assert match is not None
    path = (match["path"] or "").removeprefix("$").removeprefix(".")
    message = match["message"]
    if missing := MISSING.match(message):
        return RecordError(".".join(filter(None, [path, missing["name"]])), "is required")
    return RecordError(path, message[:1].lower() + message[1:])


class AnyId(msgspec.Struct):
    id: Any = None
    Id: Any = None


def id_of(record: Record) -> str | None:
    """The id that a record that was not taken gives for itself, as sent."""
    try:
        found = msgspec.json.decode(record, type=AnyId)
    except NO_JSON:
        return None
    value = found.id if found.id is not None else found.Id
    return value[:200] if isinstance(value, str) and "\x00" not in value else None
