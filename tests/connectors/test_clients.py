"""Generated clients skip nothing, pass type checks, and read and write amounts to the last digit."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from apidocs.document import document
from main import api
from settings import PROJECT
from tests.support.openapi_tools import HANG, TOOLS, run_tool, write_document
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.servers import Server

CLIENTS = PROJECT / "connectors" / "clients"
BIN = Path(sys.executable).parent
SMALL, LARGE = ["0.1", "0.000001"], ["999999999.999999"] * 12
EXACT = {"Small": Decimal("0.100001"), "Large": Decimal("11999999999.999988")}  # binary floats keep 15 to 17 digits
DAY = "2025-05-19"


def run(folder: Path, *command: str | Path, **environment: str) -> str:
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def operations() -> Iterator[tuple[str, str]]:
    """The tag and id of each operation of the document."""
    for methods in document("", api)["paths"].values():
        for operation in methods.values():
            yield operation["tags"][0], operation["operationId"]


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name.replace(" ", "_")).strip("_")


@pytest.fixture(scope="module")
def sandbox(module_sandbox: Sandbox) -> Sandbox:
    """With two offers, whose cost a binary float cannot add up."""
    sandbox = module_sandbox
    for name, amounts in (("Small", SMALL), ("Large", LARGE)):
        offer = offer_record(sandbox, name=name)
        sandbox.send("offers", [offer])
        callbacks = [conversion_callback(sandbox, offer["id"], revenue=amount) for amount in amounts]
        assert sandbox.send("conversions", callbacks)["accepted"] == len(amounts)
    return sandbox


# --- Python ---


@pytest.fixture(scope="module")
def python_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the generated package, and of the example."""
    folder = tmp_path_factory.mktemp("python")
    config = CLIENTS / "openapi-python-client.yaml"
    options = ("--meta", "none", "--output-path", "gokart_client", "--config", config, "--fail-on-warning")
    run(folder, BIN / "openapi-python-client", "generate", "--path", write_document(folder), *options)
    shutil.copy(CLIENTS / "example.py", folder)
    return folder


def test_the_python_client_has_every_operation(python_client: Path) -> None:
    modules = {
        path.relative_to(python_client / "gokart_client/api") for path in python_client.glob("gokart_client/api/*/*.py")
    }
    wanted = {Path(snake(tag.lower()), f"{snake(name)}.py") for tag, name in operations()}
    assert len(wanted) > 20
    assert wanted - modules == set()


def test_the_python_client_and_its_example_pass_type_checks(python_client: Path) -> None:
    (python_client / "mypy.ini").write_text("[mypy]\nstrict = true\nfollow_imports = silent\n")
    # client.py is the generator's own, and the same for every document.
    run(python_client, BIN / "mypy", "gokart_client/api", "gokart_client/models", "example.py")


def run_python(folder: Path, code: str, server: Server, sandbox: Sandbox, key: str) -> object:
    """What the code prints as JSON. It has a `client` with the key."""
    opening = f"""
import json
from example import *
client = AuthenticatedClient(
    base_url={server.url!r}, token={key!r}, prefix="ApiToken", headers={{"Host": {sandbox.host!r}}}
)
"""
    return json.loads(run(folder, sys.executable, "-c", opening + code, PYTHONDONTWRITEBYTECODE="1"))


def test_the_python_client_reads_amounts_exactly(python_client: Path, server: Server, sandbox: Sandbox) -> None:
    code = """
found = cost_by_offer(client, "last_9999_days")
print(json.dumps({name: str(cost) for name, cost in found.items()}))
"""
    found = run_python(python_client, code, server, sandbox, sandbox.owner_key)
    assert isinstance(found, dict)
    assert {name: Decimal(found[name]) for name in EXACT} == EXACT


def test_the_python_client_reads_the_cost_report_exactly_from_the_content_of_the_response(
    python_client: Path, server: Server, sandbox: Sandbox
) -> None:
    code = f"""
from datetime import date
from gokart_client.api.cost_report import get_cost_report_json
from gokart_client.models import CostReport
day = date.fromisoformat({DAY!r})
response = get_cost_report_json.sync_detailed(client=client, date_from=day, date_to=day)
report = CostReport.from_dict(json.loads(response.content, parse_float=Decimal))
print(json.dumps({{row.offer_name: str(row.revenue) for row in report.data}}))
"""
    found = run_python(python_client, code, server, sandbox, sandbox.owner_key)
    assert isinstance(found, dict)
    assert {name: Decimal(found[name]) for name in EXACT} == EXACT


def test_the_python_client_sends_records_as_json_and_as_lines(
    python_client: Path, server: Server, sandbox: Sandbox
) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    first, second = event_record(offer["id"]), event_record(offer["id"])
    code = f"""
from io import BytesIO
from gokart_client.api.ingest import send_events
from gokart_client.models import Event
from gokart_client.types import File
one = send_events.sync(client=client, body=Event.from_dict({first!r}))
lines = File(payload=BytesIO({(json.dumps(first) + chr(10) + json.dumps(second)).encode()!r}))
two = send_events.sync(client=client, body=lines)
print(json.dumps([one.to_dict(), two.to_dict()]))
"""
    assert run_python(python_client, code, server, sandbox, sandbox.ingest_key) == [
        {"accepted": 1, "duplicates": 0, "rejected": []},
        {"accepted": 1, "duplicates": 1, "rejected": []},
    ]


# --- TypeScript ---


@pytest.fixture(scope="module")
def typescript_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the generated types, and the example, compiled by the strict compiler."""
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "node_modules").symlink_to(TOOLS / "node_modules")
    shutil.copy(CLIENTS / "example.ts", folder)
    generated = run_tool("openapi-typescript", write_document(folder), "--output", folder / "gokart.ts", cwd=folder)
    assert generated.returncode == 0, generated.stderr
    (folder / "package.json").write_text('{"type": "module"}')
    options = {
        "strict": True,
        "target": "es2022",
        "module": "esnext",
        "moduleResolution": "bundler",
        "lib": ["es2022", "dom"],
        "types": [],
    }
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["example.ts"]}))
    compiled = run_tool("tsc", "--project", folder, cwd=folder)
    assert compiled.returncode == 0, compiled.stdout
    return folder


def test_the_typescript_types_have_every_operation(typescript_client: Path) -> None:
    text = (typescript_client / "gokart.ts").read_text()
    assert [name for _, name in operations() if f"    {name}: {{\n" not in text] == []


def test_the_typescript_client_reads_amounts_exactly(typescript_client: Path, server: Server, sandbox: Sandbox) -> None:
    (typescript_client / "main.js").write_text(f"""
import dns from "node:dns";
import {{ connect, costByOffer }} from "./example.js";
const lookup = dns.lookup; // not every system resolves names below localhost
dns.lookup = (name, ...rest) => lookup(name.endsWith(".localhost") ? "127.0.0.1" : name, ...rest);
const client = connect("http://{sandbox.host}:{server.port}", "{sandbox.owner_key}");
const cost = await costByOffer(client, "last_9999_days");
console.log(JSON.stringify([...cost].map(([name, amount]) => [name, String(amount)])));
""")
    node = shutil.which("node", path=f"{os.environ['PATH']}:{PROJECT / '.tools/node/bin'}")
    assert node
    found = dict(json.loads(run(typescript_client, node, "main.js")))
    assert {name: Decimal(found[name]).scaleb(-6) for name in EXACT} == EXACT
