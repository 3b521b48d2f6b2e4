"""The records of a batch: their fields, and why a record is rejected."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import cache
from hashlib import blake2b
from typing import Annotated, Any, Literal, TypeVar, get_args
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from catalog.conversion_details import MAX_DETAIL, ConversionDetails
from core.timestamps import EPOCH, parse_timestamp, ticks

MILLIONTH = Decimal("0.000001")
COST_LIMIT = Decimal(10**9)
MAX_FUTURE = timedelta(days=1)
MAX_QUOTED = 100  # characters of a sent value that a rejection repeats
MAX_MESSAGE = 300  # characters of a rejection's message
MAX_FIELD = 100
MAX_ID = 200
DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

Name = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Text = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
ConversionStatus = Literal["Pending", "Success", "Rejected"]
EventType = Literal["view", "click"]
OperatingSystem = Literal["IOS", "ANDROID", "WEB"]
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time", "maxLength": 40})]
Record = bytes  # a JSON text
PARTNER = "The partner that showed the offer; null: the tenant itself."
INVALID_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # RecursionError: nested too deeply


def timestamp(description: str) -> Meta:
    """Documents a field that `core.timestamps.parse_timestamp` reads."""
    return Meta(
        description=f"{description} Up to seven decimals, any offset; without one it is UTC. At most a day ahead."
    )


class Rejection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record that was not taken."""

    index: Annotated[int, Meta(description="Its place in the body, from 0.", extra_json_schema={"minimum": 0})]
    id: Annotated[
        Annotated[str, Meta(max_length=MAX_ID)] | None, Meta(description="Its own `id`, as sent, if it has one.")
    ]
    field: Annotated[
        str, Meta(max_length=MAX_FIELD, description="What was wrong; empty if it was the record as a whole.")
    ]
    message: Annotated[
        str, Meta(max_length=MAX_MESSAGE, description=f"Why, for people. At most {MAX_MESSAGE} characters.")
    ]


def escape_nul(text: str) -> str:
    """PostgreSQL's text cannot contain NUL."""
    return text.replace("\x00", "\\0")


def shorten(text: str) -> str:
    """A value as sent, short enough for a message."""
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"


class RecordError(Exception):
    """`field` is the name in the record, with dots for nested ones, or empty for the record as a whole.

    Both texts are bounded: a rejection is sent back, stored, and listed on pages.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = escape_nul(field)[:MAX_FIELD]
        self.message = escape_nul(message)[:MAX_MESSAGE]


class Event(msgspec.Struct, rename="camel", gc=False):
    """A view or a click."""

    id: Annotated[UUID, Meta(description="Counted once, however often it is sent.")]
    type: Annotated[
        EventType,
        Meta(description="view: the offer's page was opened; click: a user was sent on to the advertiser."),
    ]
    offer_id: Annotated[
        UUID,
        Meta(description="A known offer. Otherwise the record is rejected; send it again once the offer is known."),
    ]
    occurred_at: Annotated[Timestamp, timestamp("When it happened.")]
    partner_id: Annotated[UUID | None, Meta(description=PARTNER)] = None


class OfferRecord(msgspec.Struct, rename="camel"):
    """An offer of the catalogue. It replaces the whole offer: a missing field means null."""

    id: Annotated[UUID, Meta(description="The offer.")]
    name: Annotated[Name, Meta(description="Its name as users see it.")]
    advertiser_id: Annotated[UUID, Meta(description="The advertiser that owns the offer.")]
    advertiser_name: Annotated[
        Name | None, Meta(description="Required if the advertiser is new; renames an existing advertiser.")
    ] = None
    campaign_name: Annotated[Text | None, Meta(description="The advertiser's own name for the offer.")] = None
    app_name: Annotated[Text | None, Meta(description="The app that it advertises.")] = None
    store_id: Annotated[Text | None, Meta(description="`com.test`, or an App Store number.")] = None
    os: Annotated[OperatingSystem | None, Meta(description="The app's operating system.")] = None


class PartnerRecord(msgspec.Struct):
    """A partner."""

    id: Annotated[UUID, Meta(description="The partner.")]
    name: Annotated[Name, Meta(description="Its name in reports.")]


def detail(description: str) -> Meta:
    """Documents a field that is kept as sent. A longer text or another type is no reason to reject a conversion."""
    return Meta(
        description=f"{description} Kept as sent, at most {MAX_DETAIL} characters of it.",
        extra_json_schema={"anyOf": [{"type": "string", "maxLength": 10_000}, {"type": "null"}]},
    )


class ConversionRecord(msgspec.Struct, rename="camel", gc=False):
    """The conversion's state. It counts at `userCompletedAt`, otherwise at `createdAt`; one of them is required."""

    conversion_id: Annotated[UUID, Meta(description="The conversion; the same through all changes of its state.")]
    status: Annotated[
        ConversionStatus,
        Meta(description="Only `Success` counts and costs. Every change is applied, also weeks later."),
    ]
    offer_id: Annotated[
        UUID, Meta(description="The offer. An unknown offer is created if `offerAdvertiserId` is given.")
    ]
    offer_name: Annotated[
        Name | None, Meta(description="Used if the offer is created; an existing offer is not renamed.")
    ] = None
    offer_advertiser_id: Annotated[UUID | None, Meta(description="The offer's advertiser.")] = None
    offer_advertiser_name: Annotated[Name | None, Meta(description="Used if the advertiser is created.")] = None
    partner_id: Annotated[UUID | None, Meta(description=PARTNER)] = None
    partner_name: Annotated[Name | None, Meta(description="Used if the partner is created.")] = None
    revenue: Annotated[
        Any,  # see `parse_cost`
        Meta(
            description="What the advertiser owes: 0 to less than 1000000000, null is 0. A number, or a decimal in a "
            "string, read exactly; more than six places are rounded half-even.",
            extra_json_schema={
                "anyOf": [
                    {"type": "number", "minimum": 0, "exclusiveMaximum": 1_000_000_000},
                    {"type": "string", "pattern": r"^\d{1,9}(\.\d+)?$", "maxLength": 100},
                    {"type": "null"},
                ]
            },
        ),
    ] = None
    user_completed_at: Annotated[Timestamp | None, timestamp("When the user completed the action.")] = None
    created_at: Annotated[Timestamp | None, timestamp("When the conversion was recorded.")] = None
    rejection_reason: Annotated[
        Annotated[str, Meta(max_length=10_000, pattern=r"^[^\x00]*$")] | None, Meta(description="Kept as sent.")
    ] = None
    click_id: Annotated[UUID | None, Meta(description="The click that led to it.")] = None
    offer_country_code2: Annotated[Any, detail("The offer's country, by its code of two letters.")] = None
    offer_country_code3: Annotated[Any, detail("The same by its code of three letters.")] = None
    offer_category_id: Annotated[Any, detail("The offer's category.")] = None
    offer_category_name: Annotated[Any, detail("The name of the category.")] = None
    event_id: Annotated[Any, detail("The event that the conversion is, if an offer has several.")] = None
    event_name: Annotated[Any, detail("The name of the event.")] = None
    pub_geo_country: Annotated[Any, detail("The user's country, as the publisher saw it.")] = None
    pub_device: Annotated[Any, detail("The user's kind of device, as the publisher saw it.")] = None
    pub_click_id: Annotated[Any, detail("The publisher's own id of the click.")] = None


class Callback(msgspec.Struct, rename="camel", gc=False):
    """A GoKart conversion callback, schema v1. Keys may be in PascalCase too. Other keys are ignored."""

    sent_at: Annotated[
        Timestamp, timestamp("Of a conversion's callbacks the one sent last wins, in whatever order they arrive.")
    ]
    conversion: ConversionRecord
    id: Annotated[UUID | None, Meta(description="The callback's own id.")] = None


class Conversion(msgspec.Struct, gc=False):
    """A valid callback. Of two callbacks for one conversion, the greater `rank` wins: the one sent later or, within
    the same tick of 100 ns, the one with the greater id. The order of arrival never matters.
    """

    id: UUID
    rank: tuple[int, UUID]
    status: ConversionStatus
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
    details: str | None


T = TypeVar("T", Event, OfferRecord, PartnerRecord)


def parse_camel_case(record: Record, kind: type[T]) -> T:
    """Parses a record whose keys are in camelCase. Raises RecordError."""
    try:
        decoded: T = decoder(kind).decode(record)
    except INVALID_JSON as error:
        raise to_record_error(error) from error
    return decoded


def parse_event(record: Record) -> Event:
    """If a key occurs twice, the last one counts, even if an earlier value is invalid. Raises RecordError."""
    try:
        return parse_camel_case(record, Event)
    except RecordError:
        with suppress(*INVALID_JSON):
            return msgspec.convert(generic_decoder.decode(record), Event)
        raise


@cache
def decoder(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def lenient_decimal(number: str) -> Decimal:
    """NaN if the exponent exceeds Decimal's range, so that the record is rejected only if that field is used."""
    try:
        return Decimal(number)
    except InvalidOperation:
        return Decimal("NaN")


generic_decoder = msgspec.json.Decoder(float_hook=lenient_decimal)


def without_pascal_case(kind: type[msgspec.Struct], **types: Any) -> Any:
    """The struct, with other `types` for some fields. Decoding fails if a record has one of its keys in PascalCase."""
    nothing = Annotated[str, Meta(min_length=1, max_length=0)] | UnsetType
    pascal = [(name[0].upper() + name[1:], nothing, UNSET) for name in kind.__struct_encode_fields__]
    return msgspec.defstruct(kind.__name__, [*types.items(), *pascal], bases=(kind,), gc=False)


callback_decoder = msgspec.json.Decoder(
    without_pascal_case(Callback, conversion=without_pascal_case(ConversionRecord)), float_hook=lenient_decimal
)


def parse_callback(record: Record) -> Callback:
    """Parses a callback with keys in camelCase or, from older senders, PascalCase. Raises RecordError."""
    with suppress(*INVALID_JSON):
        decoded: Callback = callback_decoder.decode(record)
        return decoded
    try:
        sent = camel_keys(generic_decoder.decode(record), CALLBACK_KEYS)
        if isinstance(sent, dict) and "conversion" in sent:
            sent["conversion"] = camel_keys(sent["conversion"], CONVERSION_KEYS)
        return msgspec.convert(sent, Callback)
    except INVALID_JSON as error:
        raise to_record_error(error) from error


def key_spellings(kind: type[msgspec.Struct]) -> dict[str, str]:
    """From each accepted spelling of a key to its camelCase name."""
    names = kind.__struct_encode_fields__
    return {spelled: name for name in names for spelled in (name, name[0].upper() + name[1:])}


CALLBACK_KEYS = key_spellings(Callback)
CONVERSION_KEYS = key_spellings(ConversionRecord)


def camel_keys(value: Any, keys: Mapping[str, str]) -> Any:
    """Drops all other keys; a callback has many more."""
    if isinstance(value, dict):
        return {keys[key]: inner for key, inner in value.items() if key in keys}
    return value


def parse_conversion(record: Record, now: datetime) -> Conversion:
    """Raises RecordError."""
    callback = parse_callback(record)
    conversion = callback.conversion
    sent_at = validated_timestamp("sentAt", callback.sent_at, now)
    occurred = (
        ("userCompletedAt", conversion.user_completed_at)
        if conversion.user_completed_at
        else ("createdAt", conversion.created_at)
    )
    if not occurred[1]:
        raise RecordError(
            "conversion.userCompletedAt", "is required (or createdAt): the time at which the conversion counts"
        )
    return Conversion(
        id=conversion.conversion_id,
        rank=(ticks(callback.sent_at, sent_at), callback.id or content_id(record)),
        status=conversion.status,
        occurred_at=validated_timestamp(f"conversion.{occurred[0]}", occurred[1], now),
        cost=parse_cost("conversion.revenue", conversion.revenue),
        offer=conversion.offer_id,
        offer_name=conversion.offer_name,
        advertiser=conversion.offer_advertiser_id,
        advertiser_name=conversion.offer_advertiser_name,
        partner=conversion.partner_id,
        partner_name=conversion.partner_name,
        rejection_reason=conversion.rejection_reason,
        click=conversion.click_id,
        details=details_of(conversion),
    )


NO_DETAILS = ConversionDetails()


def details_of(conversion: ConversionRecord) -> str | None:
    """The details as JSON, or None if there are none."""
    details = ConversionDetails(
        country=detail_text(conversion.offer_country_code2) or detail_text(conversion.offer_country_code3) or UNSET,
        category_id=detail_text(conversion.offer_category_id) or UNSET,
        category=detail_text(conversion.offer_category_name) or UNSET,
        event_id=detail_text(conversion.event_id) or UNSET,
        event=detail_text(conversion.event_name) or UNSET,
        user_country=detail_text(conversion.pub_geo_country) or UNSET,
        device=detail_text(conversion.pub_device) or UNSET,
        publisher_click_id=detail_text(conversion.pub_click_id) or UNSET,
    )
    return None if details == NO_DETAILS else msgspec.json.encode(details).decode()


def detail_text(value: object) -> str | None:
    """The start of a text or number. PostgreSQL cannot store NUL."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    return str(value)[:MAX_DETAIL].replace("\x00", "") or None


def content_id(record: Record) -> UUID:
    """The id of a callback that has none: a digest of its content, independent of the order of arrival."""
    return UUID(bytes=blake2b(record, digest_size=16).digest())


def validated_timestamp(field: str, text: str, now: datetime, *, oldest: datetime = EPOCH) -> datetime:
    """A date-time between `oldest` and a day after `now`, in UTC. Raises RecordError."""
    try:
        value = parse_timestamp(text)
    except ValueError as error:
        raise RecordError(
            field, f"{shorten(repr(text))} is not a date-time such as 2025-05-19T15:36:26.846Z"
        ) from error
    if value > now + MAX_FUTURE:
        raise RecordError(field, f"{shorten(text)} is more than a day in the future")
    if value < oldest:
        raise RecordError(field, f"{shorten(text)} is before {oldest.isoformat()}, the oldest accepted time")
    return value


def parse_cost(field: str, revenue: object) -> int:
    """The exact amount in millionths, rounded half-even. Raises RecordError."""
    value = to_decimal(revenue)
    if value is None:
        raise RecordError(field, f"{shorten(repr(revenue))} is not a decimal number")
    if 0 <= value < COST_LIMIT:
        # Not value * 10**6: a product is rounded to the context's 28 digits first.
        rounded = value.quantize(MILLIONTH, ROUND_HALF_EVEN)
        if rounded < COST_LIMIT:
            return int(rounded.scaleb(6))
    raise RecordError(field, f"{shorten(str(revenue))} must be at least 0 and less than 1000000000")


def to_decimal(value: object) -> Decimal | None:
    match value:
        case None:
            return Decimal(0)
        case Decimal() if value.is_finite():
            return value
        case int() if not isinstance(value, bool):
            return Decimal(value)
        case str() if DECIMAL.fullmatch(value):
            with suppress(InvalidOperation):  # the exponent is out of range
                return Decimal(value)
    return None


MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
INVALID_CHOICE = "Invalid enum value "
CHOICES = {"type": get_args(EventType), "status": get_args(ConversionStatus), "os": get_args(OperatingSystem)}


def to_record_error(error: Exception) -> RecordError:
    """Splits msgspec's “Expected `str`, got `int` - at `$.conversion.status`” into a field and a message."""
    if not isinstance(error, msgspec.ValidationError):
        return RecordError("", f"is not JSON: {error}")
    message, found, path = str(error).rpartition(" - at `$")
    if not found:
        message, path = path, ""
    path = path.removesuffix("`").removeprefix(".")
    if missing := MISSING.match(message):
        return RecordError(".".join(filter(None, [path, missing["name"]])), "is required")
    choices = CHOICES.get(path.rpartition(".")[2])
    if choices and message.startswith(INVALID_CHOICE):
        value = shorten(message.removeprefix(INVALID_CHOICE))
        return RecordError(path, f"{value} is not one of {', '.join(choices)}")
    return RecordError(path, message[:1].lower() + message[1:])


class RecordId(msgspec.Struct):
    id: Any = None
    Id: Any = None


def record_id(record: Record) -> str | None:
    """The id that a rejected record states, as sent."""
    try:
        ids = msgspec.json.decode(record, type=RecordId)
    except INVALID_JSON:
        return None
    value = ids.id if ids.id is not None else ids.Id
    return value[:MAX_ID] if isinstance(value, str) and "\x00" not in value else None
