"""The response of a dashboard's page, for one advertiser or for all."""

from collections.abc import Sequence
from typing import Any

from litestar import Response

from reporting.dashboard.choices import Choices, read_choices
from reporting.dashboard.exports import export_context
from reporting.dashboard.options import FilterField, read_filter_fields
from reporting.dashboard.spend import SpendScope, SpendSummary, has_data, read_spend
from reporting.dashboard.view import SpendLinks, data_context, filters_context
from reporting.filters import query_pairs
from web.pages.rendering import PageLayout, render_page
from web.problems import FieldError, Problem
from web.requests import AnyRequest

DATES = ("date_from", "date_to", "compare_from", "compare_to")


async def spend_page(
    request: AnyRequest,
    layout: PageLayout,
    scope: SpendScope,
    links: SpendLinks,
    *,
    template: str,
    start: str | None = None,
    api: str | None = None,
    currencies: Sequence[str] = (),
    **context: Any,
) -> Response[Any]:
    """`start` is the template to include while there are no figures at all, and `api` the origin of the API, if it has
    the same figures. Errors are shown at their fields.
    """
    summary: SpendSummary | None = None
    problems: Sequence[FieldError] = ()
    choices = read_choices([], scope.today, staff=scope.staff)
    try:
        choices = read_choices(query_pairs(request.scope["query_string"]), scope.today, staff=scope.staff)
        summary = await read_spend(scope, choices)
    except Problem as problem:
        if problem.status != 400:
            raise
        problems = problem.errors or ()
    fields = await read_filter_fields(scope, choices)
    ever = (
        start is None
        or not summary
        or bool(summary.row_count)
        or await has_data(scope, read_choices([], scope.today, staff=scope.staff))
    )
    shown = {
        "summary": summary,
        "currency_links": [
            (each, each, choices.query(currency=each), each == scope.context.currency) for each in currencies
        ],
        **filters_context(scope, choices, fields, links),
        **(data_context(scope, choices, summary, links) if summary else {}),
        **(export_context(scope, choices, links.export, api) if summary and summary.row_count else {"exports": ()}),
        **errors_context(request, fields, problems),
    }
    response = render_page(
        template,
        layout,
        status=400 if problems else 200,
        **shown,
        start=None if ever else start,
        offers=next((len(each.options) for each in fields if each.name == "offer_id"), 0),
        docs=api,
        **context,
    )
    if summary:
        response.headers["HX-Push-Url"] = address(links, choices)
    return response


def address(links: SpendLinks, choices: Choices) -> str:
    """Of the page, without the empty parameters that forms send."""
    query = choices.query()
    return f"{links.page}?{query}" if query else links.page


def errors_context(
    request: AnyRequest, fields: Sequence[FilterField], problems: Sequence[FieldError]
) -> dict[str, Any]:
    """The errors of the fields, and those of other parameters. Dates are shown as they were given."""
    if not problems:
        return {"errors": {}, "other_errors": ()}
    known = {*DATES, *(each.name for each in fields)}
    given = {name: request.query_params.get(name, "") for name in DATES}
    return {
        "title": "Choose the days",
        "given": given,
        "choosing_days": bool(given["compare_from"] or given["compare_to"]),
        "errors": {each.field: error_sentence(each.message) for each in problems if each.field in known},
        "other_errors": [f"{each.field}: {each.message}" for each in problems if each.field not in known],
    }


def error_sentence(message: str) -> str:
    """The API's error message as a sentence below the field."""
    text = message
    for name, words in ("date_from", "the start date"), ("date_to", "the end date"), ("compare_to", "the end date"):
        text = text.replace(name, words)
    return f"{text[:1].upper()}{text[1:]}."
