"""The documentation of GET /api/v1/conversions."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from catalog.conversion_details import ConversionDetails
from reporting.dimensions import Text
from reporting.query.document import OR, DayOrInstant, ZoneName
from reporting.rows import RowFormat
from web.operations import CSV, JSON, NDJSON, Amount, Count, Instant, Operation

Status = Literal["Pending", "Success", "Rejected"]
Cause = Annotated[
    Literal["callback", "import", "correction", "move"] | None,
    Meta(
        description="What brought it into this state: a callback; an import or a correction by the network's staff; or "
        "`move`: its offer moved to this advertiser. Null: it is from before causes were recorded."
    ),
]
Reason = Annotated[
    Annotated[str, Meta(max_length=10_000)] | None, Meta(description="Why it was rejected, as the network says.")
]
CostField = Annotated[Amount, Meta(description="What it costs if its status is `Success`: an exact decimal.")]
CountedAt = Annotated[Instant, Meta(description="The time at which it counts, in UTC: its completion.")]


class ConversionStateRow(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A state that a conversion had in [since, until)."""

    since: Annotated[Instant, Meta(description="In UTC.")]
    until: Annotated[Instant | None, Meta(description="In UTC. Null: it is the present state.")]
    status: Annotated[Status, Meta(description="Only `Success` counts and costs.")]
    cost: CostField
    offer_id: Annotated[UUID, Meta(description="The offer.")]
    partner_id: Annotated[UUID, Meta(description="The partner.")]
    occurred_at: CountedAt
    rejection_reason: Reason
    cause: Cause


class ConversionRow(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A conversion of one of the advertiser's offers, in its present state. Of one that has left the advertiser, which
    only responses to `changed_since` have, all other fields than `id`, `changedAt` and `deleted` are absent.
    """

    id: Annotated[UUID, Meta(description="The conversion; it keeps its id when its status changes.")]
    status: Annotated[Status, Meta(description="Only `Success` counts and costs.")] | UnsetType = UNSET
    cost: CostField | UnsetType = UNSET
    occurred_at: CountedAt | UnsetType = UNSET
    received_at: Annotated[Instant, Meta(description="When its latest callback was received, in UTC.")] | UnsetType = (
        UNSET
    )
    changed_at: Annotated[
        Instant, Meta(description="Since when it has been in this state or, if deleted, not this advertiser's, in UTC.")
    ]
    deleted: Annotated[
        bool, Meta(description="It has left the advertiser: it is of another advertiser's offer now. Delete your copy.")
    ]
    cause: Cause | UnsetType = UNSET
    offer_id: Annotated[UUID, Meta(description="The offer.")] | UnsetType = UNSET
    offer_name: Annotated[Text, Meta(description="The offer's name.")] | UnsetType = UNSET
    partner_id: Annotated[UUID, Meta(description="The partner that showed the offer.")] | UnsetType = UNSET
    partner_name: Annotated[Text, Meta(description="The partner's name.")] | UnsetType = UNSET
    click_id: (
        Annotated[UUID | None, Meta(description="The click that led to it; null if the callback has none.")] | UnsetType
    ) = UNSET
    rejection_reason: Reason | UnsetType = UNSET
    details: ConversionDetails | UnsetType | None = UNSET
    history: (
        Annotated[
            list[ConversionStateRow],
            Meta(
                description="Its states since they are recorded (`recordedSince`) and its offer is this advertiser's. "
                "The last one is the present state."
            ),
        ]
        | UnsetType
    ) = UNSET


class ConversionMeta(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The end of a complete response."""

    rows: Annotated[Count, Meta(description="The number of rows.")]
    time_zone: Annotated[str, Meta(description="The zone of the dates in the request.", max_length=64)]
    currency: Annotated[str, Meta(description="Of the costs: a code of ISO 4217.", max_length=3)]
    data_through: Annotated[Instant, Meta(description="The time of the last batch of data.")]
    recorded_since: Annotated[Instant, Meta(description="Since when histories are recorded, in UTC.")]
    next_changed_since: Annotated[
        Instant, Meta(description="`changed_since` of a later request that misses no change after this one.")
    ]
    complete: Annotated[bool, Meta(description="Always true: an incomplete response ends without `meta`.")]


class ConversionList(msgspec.Struct, forbid_unknown_fields=True):
    """Ordered by the time at which they count, then by id. Deleted ones come last, in order of `changedAt`."""

    data: list[ConversionRow]
    meta: ConversionMeta


class ConversionParameters(msgspec.Struct):
    date_from: Annotated[
        DayOrInstant | None,
        Meta(
            description="Those that count on this day or later. A date is a day in `time_zone`; a date-time (there, if "
            "it has no offset) means the quarter of an hour that contains it.",
            examples=["2024-01-22"],
        ),
    ] = None
    date_to: Annotated[
        DayOrInstant | None,
        Meta(description="Those that count on this day or earlier, **inclusive**.", examples=["2025-01-22"]),
    ] = None
    time_zone: Annotated[
        ZoneName | None,
        Meta(
            description="The IANA name of the zone of `date_from`, `date_to` and `changed_since`. Default: the "
            "advertiser's.",
            examples=["Europe/Berlin"],
        ),
    ] = None
    offer_id: Annotated[list[UUID], Meta(description=f"Only of these offers. {OR}")] = []
    partner_id: Annotated[list[UUID], Meta(description=f"Only of these partners. {OR}")] = []
    status: Annotated[list[Status], Meta(description=f"Only with these statuses. {OR}")] = []
    conversion_id: Annotated[list[UUID], Meta(description=f"Only these conversions. {OR}")] = []
    click_id: Annotated[list[UUID], Meta(description=f"Only those of these clicks. {OR}")] = []
    changed_since: Annotated[
        DayOrInstant | None,
        Meta(
            description="Only those that were received, changed or moved to this advertiser since then, and those that "
            "left it (`deleted`): `nextChangedSince` of the request before.",
            examples=["2025-05-28T03:06:28.565123Z"],
        ),
    ] = None
    decimals: Annotated[
        Literal["number", "string"],
        Meta(description="`string` returns costs as strings, for clients that read numbers as binary floats."),
    ] = "number"
    format: Annotated[RowFormat, Meta(description="Without it, the header `Accept` decides.", examples=["ndjson"])] = (
        "json"
    )


STATE: dict[str, Any] = {
    "since": "2025-05-19T16:00:00.000000Z",
    "until": "2025-06-02T09:12:44.120000Z",
    "status": "Success",
    "cost": 69.5,
    "offerId": "7df30136-ff83-4551-b877-fa0f0d8b8f72",
    "partnerId": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "occurredAt": "2025-05-19T15:36:19.756249Z",
    "rejectionReason": None,
    "cause": "callback",
}
REJECTED = {"status": "Rejected", "rejectionReason": "Duplicate account"}
CONVERSION: dict[str, Any] = {
    "id": "0f0a8b42-6c3e-4a9d-9a4e-1f6f3d6f4b11",
    "status": "Rejected",
    "cost": 69.5,
    "occurredAt": STATE["occurredAt"],
    "receivedAt": STATE["until"],
    "changedAt": STATE["until"],
    "deleted": False,
    "cause": "callback",
    "offerId": STATE["offerId"],
    "offerName": "Advertised Test",
    "partnerId": STATE["partnerId"],
    "partnerName": "Limestone Digital",
    "clickId": None,
    "rejectionReason": "Duplicate account",
    "details": {"country": "DE", "event": "Level 10"},
    "history": [STATE, STATE | REJECTED | {"since": STATE["until"], "until": None}],
}
LEFT = {"id": "5d2f9c58-7a35-4a3c-9a0e-0c6b6a4c4b7e", "changedAt": "2025-06-02T09:12:58.340000Z", "deleted": True}
META = {
    "rows": 2,
    "timeZone": "UTC",
    "currency": "USD",
    "dataThrough": "2025-06-02T09:12:44Z",
    "recordedSince": "2025-01-01T00:00:00.000000Z",
    "nextChangedSince": "2025-06-02T09:13:01.311000Z",
    "complete": True,
}
CONVERSIONS = Operation(
    id="listConversions",
    tag="Conversions",
    summary="Single conversions with their histories",
    scopes=("conversions",),
    parameters=ConversionParameters,
    responses={JSON: ConversionList, NDJSON: ConversionRow, CSV: None},
    examples={
        JSON: {"data": [CONVERSION, LEFT], "meta": META},
        NDJSON: "".join(msgspec.json.encode(line).decode() + "\n" for line in (CONVERSION, LEFT, {"meta": META})),
        CSV: f"{','.join(CONVERSION)}\n",
    },
    headers=(
        "GoKart-Range?",
        "GoKart-Data-Through",
        "GoKart-Recorded-Since",
        "GoKart-Next-Changed-Since",
        "Cache-Control",
        "Vary",
        "Content-Disposition?",
    ),
)
