"""Search in lists of the catalogue: each word of the text begins a word of the row, whatever its case.

The indexes on words (`…_words_idx`) have the expressions of `WORDS`. docs/decisions/0064 has the reasons.
"""

import re
from typing import Literal

from tenants.tenant import Tenant

CatalogueTable = Literal["advertiser", "offer", "partner"]

SEPARATORS = re.compile(r"[ -/:-@\[-`{-~]+")  # as in the function search_words
MAX_LENGTH = 500  # characters: no row has a longer word
WORDS: dict[CatalogueTable, str] = {
    "advertiser": "name || ' ' || id",
    "offer": "name || ' ' || id || ' ' || coalesce(campaign_name, '') || ' ' || coalesce(store_id, '')",
    "partner": "name || ' ' || id",
}


def search_query(text: str) -> str | None:
    """What to pass as the parameter of `searched`: a tsquery. None if the text has no words.

    A word of one letter has to match a whole word, because too many words begin with it. Of a text, the first
    MAX_LENGTH characters are looked for: PostgreSQL refuses words of 2 kB.
    """
    words = [word for word in SEPARATORS.split(text[:MAX_LENGTH]) if word]
    return " & ".join(f"'{word}'{':*' if len(word) > 1 else ''}" for word in words) or None


def searched(tenant: Tenant, table: CatalogueTable, parameter: str) -> str:
    """SQL of the rows of the table that match. OFFSET 0 keeps the planner from looking for them in order of name."""
    s = tenant.schema
    return f"(SELECT * FROM {s}.{table} WHERE {s}.search_words({WORDS[table]}) @@ lower({parameter})::tsquery OFFSET 0)"
