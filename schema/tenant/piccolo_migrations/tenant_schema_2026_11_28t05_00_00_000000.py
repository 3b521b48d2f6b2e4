"""Notifications of advertiser users, and which of them each user wants."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T05:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "notifications"

# `subject` is what makes a notification unique among those of its user and kind.
NOTIFICATIONS = """
CREATE TABLE {s}.notification (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL,
    read_at timestamptz,
    sent_at timestamptz,
    advertiser uuid NOT NULL,
    login int NOT NULL REFERENCES {s}.advertiser_login ON DELETE CASCADE,
    portal boolean NOT NULL,
    email boolean NOT NULL,
    kind varchar(20) NOT NULL,
    subject varchar(100) NOT NULL,
    title varchar(300) NOT NULL,
    text varchar(2000) NOT NULL,
    path varchar(300) NOT NULL,
    UNIQUE (login, kind, subject)
);
CREATE INDEX notification_login_created_at_idx ON {s}.notification (login, created_at, id);
CREATE INDEX notification_unread_idx ON {s}.notification (login) WHERE portal AND read_at IS NULL;
CREATE INDEX notification_unsent_idx ON {s}.notification (login) WHERE email AND sent_at IS NULL;
CREATE INDEX notification_created_at_idx ON {s}.notification (created_at);

CREATE TABLE {s}.notification_choice (
    login int NOT NULL REFERENCES {s}.advertiser_login ON DELETE CASCADE,
    kind varchar(20) NOT NULL,
    portal boolean NOT NULL,
    email boolean NOT NULL,
    PRIMARY KEY (login, kind)
);

CREATE TABLE {s}.notification_progress (
    id int PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    final_days_until timestamptz NOT NULL DEFAULT now()
);
INSERT INTO {s}.notification_progress DEFAULT VALUES;
"""


async def create() -> None:
    await execute_in_schema(NOTIFICATIONS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
