"""Example programs: each reads a report of the last 30 days, including today. They work as they are, once the API key
is filled in.
"""

from datetime import date, timedelta

import msgspec

PLACEHOLDER = "{your-token}"
DAYS = 30


class ReportExample(msgspec.Struct, frozen=True):
    """`rows` is the path of the rows in the response, `columns` the columns that the programs show."""

    path: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]


COST_REPORT = ReportExample(
    "/api/v1/integrations/cost-report/json",
    ("data",),
    ("offerName", "publisherName", "totalConversions", "totalClicks", "totalViews", "revenue"),
)
SINGULAR = ReportExample(
    "/api/v1/integrations/cost-report/singular/json",
    ("data", "items"),
    ("date", "offer_name", "os", "partner_id", "clicks", "cost"),
)
CONVERSIONS = ReportExample("/api/v1/conversions", ("data",), ("offerName", "occurredAt", "status", "cost"))


def curl(origin: str, report: ReportExample, today: date) -> str:
    first = today - timedelta(days=DAYS - 1)
    url = f"{origin}{report.path}?date_from={first}&date_to={today}"
    return f'curl -H "Authorization: ApiToken {PLACEHOLDER}" \\\n  "{url}"'


def python(origin: str, report: ReportExample) -> str:
    """Standard library only."""
    rows = "".join(f'["{key}"]' for key in report.rows)
    shown = ", ".join(f'row["{column}"]' for column in (report.columns[0], report.columns[1], report.columns[-1]))
    return f"""\
import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from urllib.request import Request, urlopen

TOKEN = "{PLACEHOLDER}"
URL = "{origin}{report.path}"

today = datetime.now(timezone.utc).date()
first = today - timedelta(days={DAYS - 1})
request = Request(
    f"{{URL}}?date_from={{first}}&date_to={{today}}",
    headers={{"Authorization": f"ApiToken {{TOKEN}}"}},
)
with urlopen(request, timeout=60) as response:
    report = json.load(response, parse_float=Decimal)  # amounts are exact

for row in report{rows}:
    print({shown})
"""


def apps_script(origin: str, report: ReportExample) -> str:
    """For Google Sheets. Text is prefixed with an apostrophe, so that text starting with “=” is not a formula."""
    rows = "".join(f".{key}" for key in report.rows)
    names = ", ".join(f'"{column}"' for column in report.columns)
    return f"""\
const TOKEN = "{PLACEHOLDER}";
const URL = "{origin}{report.path}";

function importReport() {{
  const day = (ago) => new Date(Date.now() - ago * 86400000).toISOString().slice(0, 10);
  const response = UrlFetchApp.fetch(`${{URL}}?date_from=${{day({DAYS - 1})}}&date_to=${{day(0)}}`, {{
    headers: {{ Authorization: `ApiToken ${{TOKEN}}` }},
  }});
  const columns = [{names}];
  const cell = (value) => (typeof value === "string" ? `'${{value}}` : value);
  const rows = JSON.parse(response.getContentText()){rows}.map((row) => columns.map((name) => cell(row[name])));
  const sheet = SpreadsheetApp.getActiveSheet();
  sheet.clearContents();
  sheet.getRange(1, 1, rows.length + 1, columns.length).setValues([columns, ...rows]);
}}
"""


def power_query(origin: str, report: ReportExample) -> str:
    """For Excel and Power BI. An empty report has columns too."""
    rows = "".join(f"[{key}]" for key in report.rows)
    names = ", ".join(f'"{column}"' for column in report.columns)
    return f"""\
let
    Token = "{PLACEHOLDER}",
    Today = DateTimeZone.RemoveZone(DateTimeZone.UtcNow()),
    Day = (date) => DateTime.ToText(date, "yyyy-MM-dd", "en-US"),
    Response = Json.Document(Web.Contents("{origin}", [
        RelativePath = "{report.path.removeprefix("/")}",
        Query = [date_from = Day(Date.AddDays(Today, -{DAYS - 1})), date_to = Day(Today)],
        Headers = [Authorization = "ApiToken " & Token]
    ])),
    Report = Table.FromRecords(Response{rows}, {{{names}}})
in
    Report
"""
