"""The compose file of `deploy/one-server` fits the project: settings, ports, addresses, health checks, connections."""

import os
import re
import shlex
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # of a package that schemathesis needs
from click.testing import CliRunner
from pydantic import SecretStr

from cli import main
from database.embedded import VERSION
from piccolo_conf import TENANCY
from settings import PREFIX, PROJECT, Settings
from tests.support.processes import run_code
from tests.support.tls_proxy import TEMPLATE

FOLDER = PROJECT / "deploy/one-server"
VARIABLES = {"GOKART_BASE_HOST": "example.com"}
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
APPS = ("app-1", "app-2")


def interpolate(text: str) -> str:
    """As Compose does, with VARIABLES."""

    def value_of(match: re.Match[str]) -> str:
        name, operator, default = match["name"], match["operator"], match["default"]
        if name in VARIABLES:
            return VARIABLES[name]
        assert operator == ":-", f"{name} has no default"
        return default

    pattern = r"\$\{(?P<name>\w+)(?:(?P<operator>:[-?])(?P<default>[^}]*))?\}"
    return re.sub(pattern, value_of, text)


COMPOSE = yaml.safe_load(interpolate((FOLDER / "compose.yaml").read_text()))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
OPERATIONS = (PROJECT / "docs/operations.md").read_text()


def address_of(service: str) -> str:
    found: str = SERVICES[service]["networks"]["gokart"]["ipv4_address"]
    return found


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def block_after(heading: str) -> str:
    """The first code block after a line of docs/operations.md."""
    _, _, rest = OPERATIONS.partition(heading)
    assert rest, heading
    return rest.split("```\n")[1]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that the documented commands create."""
    folder = tmp_path_factory.mktemp("secrets")
    subprocess.run(["bash", "-euc", block_after("Create the secrets:")], cwd=folder, check=True)
    return folder / "secrets"


def test_the_documented_commands_create_the_secrets(secrets: Path) -> None:
    files = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert {file.name for file in secrets.iterdir()} == files
    assert secrets.stat().st_mode & 0o777 == 0o700
    password = (secrets / "database_password").read_text()
    assert password.isalnum()
    assert f":{password}@database:5432/" in (secrets / "gokart_database_url").read_text()


def test_secrets_and_certificates_are_not_committed() -> None:
    names = [*(secret["file"] for secret in COMPOSE["secrets"].values()), "certificates/x.key", "acme/x"]
    for name in names:
        command = ["git", "check-ignore", "--no-index", "--quiet", str(FOLDER / name)]
        assert subprocess.run(command, cwd=PROJECT, check=False).returncode == 0, name


@pytest.mark.parametrize("service", [*APPS, "migrate"])
def test_the_app_accepts_its_environment_and_secrets(service: str, secrets: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {name: str(value) for name, value in SERVICES[service]["environment"].items()}
    mounted = [name for name in SERVICES[service]["secrets"] if name.startswith("gokart_")]
    assert mounted == SERVICES[service]["secrets"], "an unknown name that begins with gokart_ stops the start"
    code = "from settings import settings; print(settings.database_url is not None, len(settings.totp_keys))"
    program = f"import os; os.environ['GOKART_SECRETS_DIR'] = {str(secrets)!r}; {code}"
    done = run_code(program, environment=environment)
    assert done.stdout.split() == ["True", "1"], done.stderr


def test_only_the_proxy_publishes_ports() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"proxy"}
    proxy = SERVICES["proxy"]
    published = {port.rpartition(":")[2] for port in proxy["ports"]}
    assert published == {proxy["environment"]["PROXY_HTTP_PORT"], proxy["environment"]["PROXY_HTTPS_PORT"]}


def test_the_proxy_s_template_is_mounted_and_its_variables_are_set() -> None:
    environment = SERVICES["proxy"]["environment"]
    assert f"./{TEMPLATE.name}:/etc/nginx/templates/{TEMPLATE.name}:ro" in SERVICES["proxy"]["volumes"]
    used = set(re.findall(r"\$\{(\w+)\}", re.sub(r"^#.*", "", TEMPLATE.read_text(), flags=re.MULTILINE)))
    filtered = re.compile(environment["NGINX_ENVSUBST_FILTER"])
    assert used == {name for name in environment if filtered.match(name)}
    mounted = {volume.split(":")[1] for volume in SERVICES["proxy"]["volumes"]}
    assert {"/etc/nginx/certificates", "/etc/nginx/acme"} <= mounted


def test_the_proxy_sends_to_the_instances_and_is_trusted() -> None:
    environment = SERVICES["proxy"]["environment"]
    port = DEFAULTS["port"]
    assert [environment["PROXY_APP_1"], environment["PROXY_APP_2"]] == [f"{address_of(app)}:{port}" for app in APPS]
    assert f"EXPOSE {port}\n" in DOCKERFILE
    network = ip_network(COMPOSE["networks"]["gokart"]["ipam"]["config"][0]["subnet"])
    addresses = [ip_address(address_of(name)) for name in ("proxy", *APPS)]
    assert len(set(addresses)) == len(addresses)
    assert all(address in network for address in addresses)
    for app in APPS:
        assert SERVICES[app]["environment"]["GOKART_TRUSTED_PROXIES"] == f"{address_of('proxy')}/32"


def test_every_service_has_a_health_check_or_runs_once() -> None:
    for name, service in SERVICES.items():
        once = service["restart"] == "no"
        assert once or service["restart"] == "unless-stopped"
        image_checks = "build" in service and not service.get("healthcheck", {}).get("disable")
        assert once or "test" in service.get("healthcheck", {}) or image_checks, name
    urls = re.findall(r"'8000'\) \+ '(/\w+)'", DOCKERFILE)
    assert urls == ["/readyz"]
    assert urls[0] in TENANCY.any_host_paths
    assert set(SERVICES["app-1"]["depends_on"]) == {"migrate"}


def test_the_instances_get_the_time_to_finish_and_the_proxy_waits_for_slow_responses() -> None:
    for app in APPS:
        timeout = float(SERVICES[app]["environment"]["GOKART_SHUTDOWN_TIMEOUT"])
        assert seconds(SERVICES[app]["stop_grace_period"]) > timeout
    template = TEMPLATE.read_text()

    def directive(name: str) -> int:
        match = re.search(rf"^\s*{name} ([0-9]+)", template, re.MULTILINE)
        assert match, name
        return int(match[1])

    assert directive("proxy_read_timeout") > DEFAULTS["statement_timeout"]
    assert directive("client_max_body_size") * 2**20 > DEFAULTS["intake_body"]
    idle = re.search(r"keepalive 32;\s+keepalive_timeout ([0-9]+)s", template)
    assert idle
    assert int(idle[1]) < DEFAULTS["idle_timeout"]


def test_postgresql_has_the_version_and_the_connections_that_the_app_needs() -> None:
    database = SERVICES["database"]
    version = re.match(r"postgres:([0-9]+)-", database["image"])
    assert version
    assert version[1] == VERSION
    match = re.search(r"max_connections=([0-9]+)", " ".join(database["command"]))
    assert match
    workers = sum(int(SERVICES[app]["environment"]["GOKART_WORKERS"]) for app in APPS)
    each = DEFAULTS["database_pool"] + DEFAULTS["streams"] + 1 + 1  # LISTEN, and rate limits
    metrics, commands, reserved = len(APPS), 5, 3
    assert int(match[1]) >= workers * each + metrics + commands + reserved


def test_volumes_and_secrets_are_declared_and_used() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {name for name in used if not name.startswith(".")} == set(COMPOSE["volumes"])
    named = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert named == set(COMPOSE["secrets"])


def run_documented(heading: str, folder: Path) -> None:
    """Runs the commands of docs/operations.md except those that need Docker."""
    lines = [line for line in block_after(heading).splitlines() if "docker" not in line]
    subprocess.run(["bash", "-euc", "\n".join(lines)], cwd=folder, check=True)


def test_the_documented_commands_put_a_new_totp_key_before_the_old_one(secrets: Path, tmp_path: Path) -> None:
    shutil.copytree(secrets, tmp_path / "secrets")
    file = tmp_path / "secrets/gokart_totp_key"
    old = file.read_text().strip()
    run_documented("Put a new key before the old one:", tmp_path)
    keys = Settings(totp_key=SecretStr(file.read_text())).totp_keys
    assert keys[1:] == [old]
    assert keys[0] != old


def test_the_documented_commands_change_the_database_s_password(secrets: Path, tmp_path: Path) -> None:
    shutil.copytree(secrets, tmp_path / "secrets")
    heading = "so do it at a quiet time:"
    run_documented(heading, tmp_path)
    new = (tmp_path / "secrets/database_password").read_text()
    assert new != (secrets / "database_password").read_text()
    assert f":{new}@database:" in (tmp_path / "secrets/gokart_database_url").read_text()
    [command] = [line for line in block_after(heading).splitlines() if line.startswith("echo")]
    printed = subprocess.run(
        ["bash", "-euc", command.partition("|")[0]], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert printed.stdout == f"ALTER ROLE gokart PASSWORD '{new}'\n"


COMMANDS = re.findall(r"(?:python -m cli|^gokart) (.+)$", OPERATIONS, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_documented_command_exists_with_its_options(command: str) -> None:
    result = CliRunner().invoke(main, [*shlex.split(command), "--help"])
    assert result.exit_code == 0, result.output


def test_documented_commands_are_found() -> None:
    assert len(COMMANDS) > 5
