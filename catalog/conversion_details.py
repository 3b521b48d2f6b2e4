"""Fields of a callback that figures do not need: intake stores them, and GET /api/v1/conversions shows them."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

MAX_DETAIL = 200  # characters that are kept of a detail

Detail = Annotated[str, Meta(max_length=MAX_DETAIL)]


class ConversionDetails(msgspec.Struct, rename="camel"):
    """Further fields of the callback, each at most 200 characters long. Fields that it does not have are absent."""

    country: Annotated[Detail, Meta(description="The offer's country, by its code.")] | UnsetType = UNSET
    category_id: Annotated[Detail, Meta(description="The offer's category.")] | UnsetType = UNSET
    category: Annotated[Detail, Meta(description="The name of the category.")] | UnsetType = UNSET
    event_id: (
        Annotated[Detail, Meta(description="The event that the conversion is, if an offer has several.")] | UnsetType
    ) = UNSET
    event: Annotated[Detail, Meta(description="The name of the event.")] | UnsetType = UNSET
    user_country: Annotated[Detail, Meta(description="The user's country, as the publisher saw it.")] | UnsetType = (
        UNSET
    )
    device: Annotated[Detail, Meta(description="The user's kind of device, as the publisher saw it.")] | UnsetType = (
        UNSET
    )
    publisher_click_id: Annotated[Detail, Meta(description="The publisher's own id of the click.")] | UnsetType = UNSET
