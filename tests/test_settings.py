"""Settings reject invalid values by name, read secrets from files, and are documented."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from settings import PREFIX, PROJECT, Settings
from tests.support.processes import run_code


def load(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Loads the settings in a new process that inherits none of this process's settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return run_code(code, environment={**clean, **variables})


def test_every_setting_is_documented() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", (PROJECT / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert rows == [
        (f"{PREFIX}{name}".upper(), written(field.default), field.description)
        for name, field in Settings.model_fields.items()
    ]


def written(default: object) -> str:
    """The value as an environment variable."""
    match default:
        case None | ():
            return "none"
        case Path():
            return f"`{default.relative_to(PROJECT)}` of the project"
        case int() if default >= 2**20 and default % 2**20 == 0:
            return f"`{default}` ({default // 2**20} MiB)"
    return f"`{default}`"


def test_quarter_hours_can_be_kept_for_ever() -> None:
    result = load(
        "from settings import settings; print(settings.quarter_retention_days)", GOKART_QUARTER_RETENTION_DAYS="forever"
    )
    assert result.stdout == "None\n"


def test_the_environment_is_read() -> None:
    result = load(
        "from settings import settings; print(settings.port, settings.trusted_proxies[1])",
        GOKART_PORT="9000",
        GOKART_TRUSTED_PROXIES="10.0.0.0/8, ::1",
    )
    assert result.stdout == "9000 ::1/128\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOKART_PORT", "eighty"),
        ("GOKART_PORT", "70000"),
        ("GOKART_WORKERS", "0"),
        ("GOKART_BASE_HOST", "Get GoKart!"),
        ("GOKART_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("GOKART_DATABASE_URL", "mysql://localhost/gokart"),
        ("GOKART_REPLICA_URL", "mysql://localhost/gokart"),
        ("GOKART_PGBOUNCER", "true"),  # without a URL to listen on
        ("GOKART_SMTP_URL", "mail.example.com:587"),
        ("GOKART_SMTP_URL", "smtp://mail.example.com:many"),
        ("GOKART_SMTP_URL", "smtp://gokart@mail.example.com"),
        ("GOKART_SMTP_URL", "smtp://mail.example.com/inbox"),
        ("GOKART_SMTP_URL", "smtp:///"),
        ("GOKART_MAIL_FROM", "GoKart"),
        ("GOKART_MAIL_FROM", "noreply@"),
        ("GOKART_MAIL_FROM", "noreply@example.com, other@example.com"),
        ("GOKART_MAIL_FROM", "GoKart <noreply@example.com"),
        ("GOKART_REPORT_TIMEOUT", "-1"),
        ("GOKART_QUARTER_RETENTION_DAYS", "31"),
        ("GOKART_QUARTER_RETENTION_DAYS", "never"),
        ("GOKART_TOKEN_RATE", "nan"),
        ("GOKART_LOG_LEVEL", "loud"),
        ("GOKART_PROT", "8000"),
        ("GOKART_SECRETS_DIR", "/nowhere"),
    ],
)
def test_an_invalid_value_is_rejected_by_name(name: str, value: str) -> None:
    result = load("import settings", **{name: value})
    assert result.returncode == 1
    assert result.stderr.startswith(f"Invalid settings:\n  {name}: ")
    assert "Traceback" not in result.stderr


def test_all_errors_are_reported_together() -> None:
    errors = load("import settings", GOKART_PORT="x", GOKART_WORKERS="y", GOKART_PROT="z").stderr
    assert all(name in errors for name in ("GOKART_PORT", "GOKART_WORKERS", "GOKART_PROT"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOKART_DATABASE_URL", "mysql://gokart:hunter2@localhost/x"),
        ("GOKART_SMTP_URL", "smtp://gokart:hunter2/9@localhost"),
        ("GOKART_SMTP_URL", "smtp://gokart:[hunter2]@localhost"),
    ],
)
def test_an_error_does_not_reveal_a_secret(name: str, value: str) -> None:
    result = load("import settings", **{name: value})
    assert result.returncode == 1
    assert "hunter2" not in result.stderr


def test_sending_e_mail_requires_a_sender() -> None:
    result = load("import settings", GOKART_SMTP_URL="smtp://mail.example.com")
    assert result.stderr == "Invalid settings:\n  GOKART_MAIL_FROM: Value error, is needed with GOKART_SMTP_URL\n"


READ_URL = "from settings import settings; print(settings.database_url.get_secret_value(), settings.database_url)"


@pytest.mark.parametrize("name", ["GOKART_DATABASE_URL", "gokart_database_url"])
def test_a_secret_can_be_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("postgresql://gokart:hunter2@db/gokart\n")
    result = load(READ_URL, GOKART_SECRETS_DIR=str(tmp_path))
    assert result.stdout == "postgresql://gokart:hunter2@db/gokart **********\n"


def test_the_variable_takes_precedence_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "GOKART_DATABASE_URL").write_text("postgresql://file/gokart")
    result = load(READ_URL, GOKART_SECRETS_DIR=str(tmp_path), GOKART_DATABASE_URL="postgresql://variable/gokart")
    assert result.stdout.startswith("postgresql://variable/gokart ")


def test_a_secret_file_with_an_unknown_name_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "gokart_databse_url").write_text("postgresql://file/gokart")
    assert "GOKART_DATABSE_URL: unknown setting" in load("import settings", GOKART_SECRETS_DIR=str(tmp_path)).stderr
