"""Settings of one transaction, which Citus passes on to its nodes: triggers run there and read them."""

from collections.abc import Mapping


def set_local_sql(values: Mapping[str, str]) -> str:
    """SQL that applies the settings until the transaction ends. Without Citus, the first one has no effect.

    Citus passes on SET, but not set_config(), so the values cannot be parameters.
    """
    settings = {"citus.propagate_set_commands": "local", **values}
    return "; ".join(f"SET LOCAL {name} TO {quote_literal(value)}" for name, value in settings.items())


def quote_literal(text: str) -> str:
    """A string constant in SQL, safe for any text and any value of standard_conforming_strings."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
