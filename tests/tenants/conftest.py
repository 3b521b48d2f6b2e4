import pytest

from core.cli_support import run
from tenants.migrations import migrate_platform


@pytest.fixture(scope="session")
def platform() -> None:
    """The platform's tables, for tests that need no server."""
    run(migrate_platform)
