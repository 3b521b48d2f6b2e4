"""Settings of one transaction that a Citus cluster's nodes have to know as well: triggers read them, and run there."""

from collections.abc import Mapping


def set_local_sql(values: Mapping[str, str]) -> str:
    """SQL that sets them until the transaction ends; on PostgreSQL without Citus, the first line means nothing.

    Citus hands SET on, but not set_config(), which could be given parameters.
    """
    settings = {"citus.propagate_set_commands": "local", **values}
    return "; ".join(f"SET LOCAL {name} TO {literal(value)}" for name, value in settings.items())


def literal(text: str) -> str:
    """A string in SQL, whatever is in it, and whatever standard_conforming_strings says."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
