"""The curl and Python examples of the pages under /docs work as they are, in order, in one folder."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.doc_examples import doc_examples, run_example
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

OFFER = "7df30136-ff83-4551-b877-fa0f0d8b8f72"
PARTNER = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
PAGES = {
    "changes": "",
    "conversions": "60",
    "cost-report": "",
    "formats": "",
    "query": "60",
    "singular": "",
}  # what Python examples print, among others


@pytest.fixture(scope="module")
def documented(module_sandbox: Sandbox) -> Sandbox:
    """A tenant with the offer and the partner of the examples."""
    module_sandbox.send("partners", [{"id": PARTNER, "name": "Limestone Digital"}])
    module_sandbox.send("offers", [offer_record(module_sandbox, id=OFFER, name="Advertised Test")])
    module_sandbox.send("conversions", [conversion_callback(module_sandbox, OFFER, partnerId=PARTNER)])
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    for at in "2025-05-19T16:00:00Z", yesterday:
        events = [event_record(OFFER, partnerId=PARTNER, occurredAt=at)]
        module_sandbox.send("events", events)
    late = conversion_callback(module_sandbox, OFFER, partnerId=PARTNER, userCompletedAt=yesterday)
    module_sandbox.send("conversions", [late])
    rejected = conversion_callback(module_sandbox, OFFER, partnerId=PARTNER)
    module_sandbox.send("conversions", [rejected])
    rejected["conversion"]["status"] = "Rejected"
    module_sandbox.send("conversions", [rejected | {"sentAt": yesterday}])
    return module_sandbox


def test_the_examples_of_sending_data_work(sandbox: Sandbox, tmp_path: Path) -> None:
    examples = [one for one in doc_examples("intake") if one.is_curl]
    assert len(examples) == 3
    for example in examples:
        printed = run_example(example, sandbox, tmp_path, **{"{your-ingest-key}": sandbox.ingest_key})
        assert '"accepted":1,' in printed
        assert '"rejected":[]' in printed


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_work(documented: Sandbox, tmp_path: Path, page: str) -> None:
    examples = [one for one in doc_examples(page) if one.is_curl or one.language == "python"]
    assert examples
    earlier = {
        "{offer}": OFFER,
        "{cursor}": documented.get("/api/v1/reports/status").json()["changes"]["cursor"],
        "{snapshot}": documented.get("/api/v1/reports/query", period="today").json()["meta"]["snapshot"],
    }
    for example in examples:
        printed = run_example(example, documented, tmp_path, **earlier)
        assert printed or any(tmp_path.iterdir()), example
        assert example.is_curl or PAGES[page] in printed, example
