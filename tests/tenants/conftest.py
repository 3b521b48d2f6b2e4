import pytest

from tenants.commands import run_command
from tenants.migrations import migrate_platform


@pytest.fixture(scope="session")
def platform() -> None:
    """The platform's tables, for tests that need no server."""
    run_command(migrate_platform)
