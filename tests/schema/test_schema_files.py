"""schema/platform.sql and schema/tenant.sql show what the migrations create."""

import os
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from database.engine import listen_url
from schema.__main__ import FOLDER, dump_schemas
from tests.conftest import DATABASES
from tests.support.database import execute


@pytest.mark.skipif(not DATABASES.embedded, reason="another server's version may format its schema differently")
def test_the_committed_schema_is_what_the_migrations_create() -> None:
    name = f"gokart_test_{os.getpid()}_{uuid4().hex[:8]}"
    execute(f"CREATE DATABASE {name}")
    try:
        dumped = dump_schemas(urlsplit(listen_url())._replace(path=f"/{name}").geturl())
    finally:
        execute(f"DROP DATABASE {name} WITH (FORCE)")
    committed = {file: (FOLDER / file).read_text() for file in dumped}
    assert committed == dumped, "run `make schema` and commit its changes"
