"""Every setting, read once from the environment as GOKART_<NAME>; a secret may also be a file of that name.

An invalid value stops the start with a message that names the variable. `docs/settings.md` is the reference table.
"""

import os
import re
from datetime import date
from email.headerregistry import Address
from email.policy import SMTP
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "GOKART_"
PROJECT = Path(__file__).resolve().parent

Network = IPv4Network | IPv6Network
Hostname = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Settings(BaseSettings):
    """Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    base_host: Hostname = Field("localhost", description="Suffix of every host name: api.TENANT.BASE_HOST.")
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), description="Networks (CIDR, comma-separated) whose X-Forwarded-Host, -For and -Proto headers are trusted."
    )

    public_url: str | None = Field(
        None, description="Scheme, base host and port of links, such as https://example.com. Default: see below."
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65_535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Server processes.")
    metrics_host: str = Field("127.0.0.1", description="Address to serve metrics on.")
    metrics_port: int | None = Field(
        None, ge=1, le=65_535, description="Port to serve metrics for Prometheus on; without it, there are none."
    )

    connections: int = Field(
        10_000, ge=1, description="HTTP connections that a process keeps open, as far as its descriptors allow."
    )
    connections_per_address: int = Field(
        200, ge=1, description="How many of these one IP address may have; trusted proxies are exempt."
    )
    head_timeout: Seconds = Field(15, description="Longest time in which a client sends the head of a request.")
    body_timeout: Seconds = Field(60, description="Longest time in which a client sends the body of a request.")
    idle_timeout: Seconds = Field(5, description="A connection without a request is closed after this time.")
    shutdown_timeout: Seconds = Field(
        8,
        description="On SIGTERM, running requests have this time to finish. Docker kills after ten seconds by default.",
    )

    database_url: SecretStr | None = Field(
        None, description="postgresql://… of your own server; without it, an embedded PostgreSQL runs."
    )
    listen_url: SecretStr | None = Field(
        None, description="A direct URL for LISTEN, if database_url goes through PgBouncer."
    )
    replica_url: SecretStr | None = Field(
        None, description="A replica of the database, used for reports unless it lags behind."
    )
    pgbouncer: bool = Field(
        default=False,
        description="database_url (and replica_url) goes through PgBouncer: no statement is kept prepared.",
    )
    data_dir: Path = Field(PROJECT / ".data", description="Directory of the embedded PostgreSQL and of dumps.")
    backup_dir: Path | None = Field(
        None, description="Directory of backups of the embedded PostgreSQL, which then archives its log there."
    )
    database_pool: int = Field(10, ge=1, le=500, description="Database connections of each server process.")
    database_wait: Seconds = Field(5, description="Longest wait for a free connection before a 503.")
    lock_timeout: Seconds = Field(
        3, description="A statement that waits longer for a lock, such as a migration's, is cancelled with a 503."
    )
    statement_timeout: Seconds = Field(
        60, description="Longest statement. Streamed reports, migrations and maintenance are exempt."
    )
    connection_tenants: int = Field(
        400, ge=1, description="A connection that has served this many tenants is closed before it serves another."
    )

    report_timeout: Seconds = Field(30, description="A report query that takes longer is cancelled with a 503.")
    stream_rows: int = Field(2_000, ge=1, description="A JSON report with more rows is streamed.")

    answers_remembered: int = Field(
        32, ge=0, le=100_000, description="MiB of cached reports in each process; 0 disables the cache."
    )

    streams: int = Field(
        16,
        ge=1,
        le=500,
        description="Additional database connections of each process for streamed reports and exports.",
    )
    streams_per_advertiser: int = Field(2, ge=1, description="How many of these one advertiser may use at once.")
    streams_per_tenant: int | None = Field(
        None, ge=1, description="How many of these one tenant may use at once. Default: half of them."
    )

    token_rate: float = Field(10, gt=0, description="Requests per second that an API key may sustain.")
    token_burst: int = Field(100, ge=1, description="Requests that an idle API key may send at once.")
    token_concurrency: int = Field(8, ge=1, description="Concurrent requests of an API key.")
    failed_token_rate: float = Field(
        1, gt=0, description="Requests per second with an invalid API key that an IP address may sustain."
    )
    failed_token_burst: int = Field(
        60, ge=1, description="Requests with an invalid API key that an idle IP address may send at once."
    )
    limits: SecretStr | None = Field(
        None,
        description="Where rate limits are counted: memory, database, or redis://… (valkey://…). Default: see below.",
    )

    intake_body: int = Field(8 * 2**20, ge=1024, description="Largest request body of a batch, as sent.")
    intake_inflated: int = Field(8 * 2**20, ge=1024, description="Largest request body of a batch, decompressed.")
    intake_records: int = Field(20_000, ge=1, description="Most records of a batch.")
    intake_months: int = Field(
        24, ge=1, description="Views and clicks of one batch may be of at most this many calendar months, in UTC."
    )
    oldest_event_date: date = Field(
        date(2020, 1, 1), ge=date(1970, 1, 1), description="Views and clicks before this day (UTC) are rejected."
    )
    event_retention_days: int | None = Field(
        None, ge=32, description="Views and clicks older than this are rejected and may be dropped from the ledger."
    )
    quarter_retention_days: int | None = Field(
        400, ge=32, description="Days for which quarter-hour buckets are kept, or forever. Daily ones always are."
    )
    log_retention_days: int = Field(
        90,
        ge=1,
        description="Days for which batches, rejected records and expired links are kept.",
    )
    request_retention_days: int = Field(
        30, ge=1, description="Days for which the log of requests with API keys is kept, Singular's among them."
    )
    audit_retention_days: int | None = Field(
        None, ge=1, description="Days for which entries of the audit logs are kept. Default: forever."
    )
    history_retention_days: int | None = Field(
        None,
        ge=90,
        description="Days for which the log of changes to past figures and earlier states of conversions are kept. "
        "Default: forever.",
    )
    dump_retention_days: int | None = Field(
        None, ge=1, description="Days for which dumps of deleted tenants are kept. Default: until you delete them."
    )
    tasks_every: Seconds = Field(86_400, description="How often each background job runs, in one of all processes.")
    notifications_every: Seconds = Field(
        3_600,
        description="How often the jobs `notifications` and `saved-views` run; at most GOKART_TASKS_EVERY.",
    )

    platform_totp_required: bool = Field(
        default=False, description="Platform staff must set up two-factor authentication before they can continue."
    )
    totp_key: SecretStr | None = Field(
        None, description="Encrypts the secrets of authenticator apps: random text of 32 characters or more. See below."
    )
    weak_password_hashing: bool = Field(
        default=False, description="For tests only: passwords are hashed with little work, so that sign-in is quick."
    )

    smtp_url: SecretStr | None = Field(
        None,
        description="smtp://user:password@host:587 (with STARTTLS) or smtps://…:465; without it, no email is sent.",
    )
    mail_from: str | None = Field(
        None, validate_default=True, description="Sender of emails, such as noreply@example.com."
    )

    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: console on a terminal, otherwise JSON."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level that is logged.")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def split_networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        return value

    @field_validator("public_url")
    @classmethod
    def is_origin(cls, value: str | None) -> str | None:
        if value is not None and not is_origin(value):
            raise ValueError("should be a scheme, a host and perhaps a port, such as https://example.com")
        return value.rstrip("/") if value else value

    @field_validator("quarter_retention_days", mode="before")
    @classmethod
    def parse_forever(cls, value: object) -> object:
        return None if value == "forever" else value

    @field_validator("database_url", "listen_url", "replica_url")
    @classmethod
    def is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("should be a postgresql:// URL")
        return value

    @field_validator("pgbouncer")
    @classmethod
    def has_listen_url(cls, value: bool, info: ValidationInfo) -> bool:
        if value and not info.data.get("listen_url"):
            raise ValueError(f"needs {PREFIX}LISTEN_URL, which does not go through it")
        return value

    @field_validator("totp_key")
    @classmethod
    def is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and any(len(key.strip()) < 32 for key in value.get_secret_value().split(",")):
            raise ValueError("should have 32 characters or more, such as the output of `openssl rand -hex 32`")
        return value

    @property
    def totp_keys(self) -> list[str]:
        """The first one encrypts; all decrypt."""
        return [key.strip() for key in self.totp_key.get_secret_value().split(",")] if self.totp_key else []

    @field_validator("limits")
    @classmethod
    def names_limit_store(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not is_limit_store(value.get_secret_value()):
            raise ValueError("should be memory, database, redis://user:password@host:6379/0 or rediss://… (or valkey)")
        return value

    @field_validator("smtp_url")
    @classmethod
    def is_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not is_mail_url(value.get_secret_value()):
            raise ValueError(
                "should be smtp://user:password@host:587 or smtps://…, where %2F stands for / and %40 for @"
            )
        return value

    @field_validator("mail_from")
    @classmethod
    def is_mail_address(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("smtp_url"):
            raise ValueError(f"is needed with {PREFIX}SMTP_URL")
        if value is not None:
            parse_mail_address(value)
        return value

    @classmethod
    def load(cls) -> Self:
        """The settings of this process. Ends it, with a line for each invalid setting, if there is one."""
        named = os.environ.get(f"{PREFIX}SECRETS_DIR")
        folder = Path(named or "/run/secrets")
        secrets = folder if folder.is_dir() else None
        if named and not secrets:
            stop_with([f"{PREFIX}SECRETS_DIR: {named} is not a directory"])
        given = {*os.environ, *(file.name.upper() for file in secrets.iterdir())} if secrets else set(os.environ)
        known = {f"{PREFIX}{name}".upper() for name in cls.model_fields} | {f"{PREFIX}SECRETS_DIR"}
        unknown = [f"{name}: unknown setting" for name in sorted(given - known) if name.startswith(PREFIX)]
        try:
            loaded = cls(_secrets_dir=secrets)
        except ValidationError as error:
            stop_with(unknown + [f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()])
        if unknown:
            stop_with(unknown)
        return loaded


def load_traces_endpoint() -> str | None:
    """The URL of a collector, from OpenTelemetry's variables; None: no traces. Ends the process if it is invalid."""
    for kind in "TRACES_", "":
        name = f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT"
        if url := os.environ.get(name):
            break
    else:
        return None
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    if not re.match(r"https?://[^/]", url):
        stop_with([f"{name}: should be the URL of a collector, such as http://127.0.0.1:4318"])
    for kind in "TRACES_", "":
        protocol = f"OTEL_EXPORTER_OTLP_{kind}PROTOCOL"
        if os.environ.get(protocol, "http/protobuf") not in {"", "http/protobuf"}:
            stop_with([f"{protocol}: should be http/protobuf"])
    return url


def is_limit_store(text: str) -> bool:
    if text in {"memory", "database"}:
        return True
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    schemes = {"redis", "rediss", "valkey", "valkeys"}
    known = parts.scheme in schemes and parts.hostname and re.fullmatch("/?[0-9]*", parts.path)
    return bool(known and not parts.query and not parts.fragment)


def is_origin(text: str) -> bool:
    match = re.fullmatch(r"https?://[a-z0-9.-]+(?::(?P<port>[0-9]{1,5}))?/?", text)
    return match is not None and int(match["port"] or 0) <= 65_535


def is_mail_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    known = parts.scheme in {"smtp", "smtps"} and parts.hostname
    rest = parts.path or parts.query or parts.fragment
    return bool(known and not rest and bool(parts.username) == bool(parts.password))


def parse_mail_address(text: str) -> Address:
    """Reads one email address, with or without a name. Raises ValueError."""
    try:
        header: Any = SMTP.header_factory("To", text)
    except IndexError:  # raised by the parser for "noreply@"
        header = None
    if not header or header.defects or len(header.addresses) != 1 or not text.isprintable():
        raise ValueError("should be one email address such as noreply@example.com")
    address: Address = header.addresses[0]
    return address


def stop_with(problems: list[str]) -> NoReturn:
    raise SystemExit("Invalid settings:\n  " + "\n  ".join(problems))


settings = Settings.load()
traces_endpoint = load_traces_endpoint()
