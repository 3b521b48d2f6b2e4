"""The response of a dashboard's page, for one advertiser or for all."""

from collections.abc import Sequence
from typing import Any

from litestar import Response

from reporting.dashboard.choices import COMPARED_DATES, DATES, Choices, read_choices
from reporting.dashboard.exports import export_context
from reporting.dashboard.options import FilterField, read_filter_fields
from reporting.dashboard.spend import SpendScope, SpendSummary, has_data, read_spend
from reporting.dashboard.view import SpendLinks, data_context, filters_context
from reporting.filters import query_pairs
from reporting.list_parameters import errors_at_fields
from web.pages.rendering import PageLayout, render_page
from web.problems import FieldError, Problem
from web.requests import AnyRequest

DATE_FIELDS = (*DATES, *COMPARED_DATES)


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
    choices = usual = read_choices([], scope.today, staff=scope.staff)
    try:
        choices = read_choices(query_pairs(request.scope["query_string"]), scope.today, staff=scope.staff)
        summary = await read_spend(scope, choices)
    except Problem as problem:
        if problem.status != 400:
            raise
        problems = problem.errors or ()
    fields = await read_filter_fields(scope, choices)
    no_figures = start and summary and not summary.row_count and not await has_data(scope, usual)
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
        start=start if no_figures else None,
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
    errors = errors_at_fields(problems, {*DATE_FIELDS, *(each.name for each in fields)})
    if not problems:
        return errors
    given = {name: request.query_params.get(name, "") for name in DATE_FIELDS}
    return {
        **errors,
        "title": "Choose the days",
        "given": given,
        "choosing_days": bool(given["compare_from"] or given["compare_to"]),
    }
