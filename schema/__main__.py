"""Writes schema/platform.sql and schema/tenant.sql from the migrations: `make schema`."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from database.embedded import EmbeddedPostgres, binary
from settings import PREFIX, PROJECT

FOLDER = PROJECT / "schema"
SLUG = "dumped"
SCHEMA = f"t_{SLUG}"
OMITTED = re.compile(r"--|SET |SELECT pg_catalog\.set_config|\\restrict |\\unrestrict ")  # versions, session settings
HEADER = "-- {title}, as the migrations create it. `make schema` writes this file.\n\n"


def dump_schemas(url: str) -> dict[str, str]:
    """The contents by file name. `url` is that of an empty database, which is migrated and gets a tenant."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    subprocess.run(
        [sys.executable, str(PROJECT / "cli.py"), "tenants", "create", SLUG, "--name", "Dumped"],
        env={**clean, f"{PREFIX}DATABASE_URL": url},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    platform, tenant = dump(url, "public"), dump(url, SCHEMA).replace(SCHEMA, "tenant")
    return {
        "platform.sql": HEADER.format(title="Schema public") + platform,
        "tenant.sql": HEADER.format(title="A tenant's schema") + tenant,
    }


def dump(url: str, schema: str) -> str:
    command = [str(binary("pg_dump")), "--schema-only", "--no-owner", "--no-privileges", f"--schema={schema}", url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = "".join(f"{line}\n" for line in output.splitlines() if not OMITTED.match(line))
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        try:
            for name, text in dump_schemas(server.start()).items():
                (FOLDER / name).write_text(text)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
