"""The command line. `gokart COMMAND --help` lists the options of a command."""

import errno
import gc
import os
import signal
import socket
import sys
from contextlib import ExitStack
from importlib import import_module
from typing import Any, NoReturn

import click

from core.errors import GokartError

if __name__ in {"__main__", "__mp_main__"}:  # this process, or one of its workers
    # Garbage collection among modules that are being imported takes a third of the start. `main` and `run_command`
    # enable it when everything is imported.
    gc.disable()


ALIASES = {
    "tasks": "jobs",
    "tokens": "api-keys",
    "logins": "users",
}  # former names, which still work and are not listed


class LazyGroup(click.Group):
    """A group that imports a command when it runs, so that --help is fast and starts no database."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy_commands: dict[str, tuple[str, str]] = {}

    def add_lazy_command(self, name: str, target: str, summary: str) -> None:
        """`target` is module:attribute; `summary` is what --help shows without importing it."""
        self.lazy_commands[name] = (target, summary)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.commands, *self.lazy_commands])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in self.lazy_commands:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.lazy_commands[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        summaries = {name: command.get_short_help_str() for name, command in self.commands.items()}
        summaries |= {name: summary for name, (_, summary) in self.lazy_commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(summaries.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (GokartError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            fail(error)
        except Exception as error:
            if not _is_database_error(error):
                raise
            fail(error)


def fail(error: Exception) -> NoReturn:
    """Prints the error in red and exits with code 1."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text(f"Error: {error}", style="red"))
    sys.exit(1)


def _is_database_error(error: Exception) -> bool:
    """Errors that the operator can correct: the server is down or full, or refuses the login."""
    asyncpg = sys.modules.get("asyncpg")
    return asyncpg is not None and isinstance(
        error,
        asyncpg.PostgresConnectionError
        | asyncpg.OperatorInterventionError
        | asyncpg.InsufficientResourcesError
        | asyncpg.InvalidAuthorizationSpecificationError
        | asyncpg.InvalidCatalogNameError,
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """GoKart: cost reports for advertisers and Singular, each tenant in a schema of its own."""


@main.command()
@click.option("--host", help="Address to listen on.  [GOKART_HOST]")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on.  [GOKART_PORT]")
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes.  [GOKART_WORKERS]")
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Serve the API and the pages."""
    from settings import settings

    run_server(host or settings.host, port or settings.port, workers or settings.workers)


def run_server(host: str, port: int, workers: int) -> None:
    """Starts the database and serves until it is stopped. Raises GokartError if it cannot listen."""
    import uvicorn

    from database.engine import database_url, supervised_database
    from settings import settings
    from web.workers import Workers

    check_address_is_free(host, port)
    if settings.metrics_port:
        check_address_is_free(
            settings.metrics_host, settings.metrics_port, "GOKART_METRICS_HOST", "GOKART_METRICS_PORT"
        )
    import_module("web.pages.assets")  # reports missing assets once instead of in every worker
    url = database_url()
    if settings.database_url is None:
        os.environ["GOKART_DATABASE_URL"] = url  # workers use the server that this process started
    os.environ["GOKART_WORKERS"] = str(workers)  # determines the default store of rate limits
    with ExitStack() as around:
        around.enter_context(supervised_database())
        if settings.metrics_port:
            from monitoring.endpoint import serve_metrics

            around.enter_context(serve_metrics(settings.metrics_host, settings.metrics_port, workers))
        options: dict[str, Any] = {
            "host": host,
            "port": port,
            "http": "web.protocol:BoundedHttpProtocol",
            "ws": "none",
            "lifespan": "on",
            "log_config": None,
            "access_log": False,
            "proxy_headers": False,
            "server_header": False,
            "timeout_keep_alive": settings.idle_timeout,
            "timeout_graceful_shutdown": settings.shutdown_timeout,
        }
        if workers == 1:
            uvicorn.run("main:app", **options)
        else:
            config = uvicorn.Config("main:app", workers=workers, **options)
            Workers(config, [config.bind_socket()]).run()


def check_address_is_free(
    host: str, port: int, host_setting: str = "GOKART_HOST or --host", port_setting: str = "GOKART_PORT or --port"
) -> None:
    """Raises GokartError, which names the setting to change, if the address cannot be listened on."""
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                text = f"Port {port} of {host} is in use: choose another with {port_setting}"
            case errno.EACCES:
                text = f"This user may not listen on port {port}: choose one above 1023 with {port_setting}"
            case _:
                text = f"{host} is not an address of this machine: choose one with {host_setting} ({error})"
        raise GokartError(text) from error


main.add_lazy_command(
    "tenants", "catalog.cli:tenants", "Create, rename, suspend, limit, move, delete, restore tenants, and more."
)
main.add_lazy_command("nodes", "tenants.cli:nodes_", "List the nodes of a Citus cluster with their tenants and sizes.")
main.add_lazy_command("migrate", "tenants.cli:migrate", "Migrate the platform and every tenant to the latest schema.")
main.add_lazy_command("advertisers", "catalog.cli:advertisers", "Create, list, pause advertisers; switch Singular.")
main.add_lazy_command("api-keys", "auth.api_keys.cli:api_keys_group", "Create, list, rotate and revoke API keys.")
main.add_lazy_command(
    "staff", "auth.users.cli:staff", "Invite, list and change the staff of a tenant or of the platform."
)
main.add_lazy_command("users", "auth.users.cli:users", "Invite and list advertiser users.")
main.add_lazy_command("audit", "auth.users.cli:audit", "Export the audit log of a tenant or of the platform.")
main.add_lazy_command(
    "erase", "auth.users.cli:erase", "Erase a person: accounts, sessions, contacts, mentions in the audit log."
)
main.add_lazy_command("demo", "demo.cli:demo", "Fill two tenants with a year of data, print what to try, and serve.")
main.add_lazy_command("backup", "jobs.cli:backup", "Copy the embedded database into the directory of backups.")
main.add_lazy_command("restore", "jobs.cli:restore", "Restore the embedded database to any archived moment.")
main.add_lazy_command("prune", "ingest.cli:prune", "Delete old views and clicks; no report changes.")
main.add_lazy_command("jobs", "jobs.cli:jobs", "Show the background jobs, their last runs and failures.")
main.add_lazy_command("import", "ingest.cli:import_", "Import files of conversions, events, offers or partners.")


if __name__ == "__main__":
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # Through sys.exit, so that exit handlers run and stop the embedded database.
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    main(prog_name="gokart")
