"""Prints the cost of each offer this month, to the last digit, with the generated Python client."""

import os
from decimal import Decimal

from gokart_client import AuthenticatedClient
from gokart_client.api.reports import get_query
from gokart_client.models import GetQueryDecimals, GetQueryGroupByItem, GetQueryMetricsItem, QueryReport


def cost_by_offer(client: AuthenticatedClient, period: str = "this_month") -> dict[str, Decimal]:
    """The cost by the offer's name. `decimals=string` keeps amounts exact."""
    report = get_query.sync(
        client=client,
        period=period,
        group_by=[GetQueryGroupByItem.OFFER],
        metrics=[GetQueryMetricsItem.COST],
        decimals=GetQueryDecimals.STRING,
    )
    assert isinstance(report, QueryReport), report  # otherwise it is a ProblemBody, which says what is wrong
    return {str(row.offer_name): Decimal(str(row.cost)) for row in report.data}


if __name__ == "__main__":
    gokart = AuthenticatedClient(
        base_url=os.environ["GOKART_URL"], token=os.environ["GOKART_API_KEY"], prefix="ApiToken"
    )
    for offer, cost in cost_by_offer(gokart).items():
        print(f"{cost:>20}  {offer}")  # noqa: T201
