"""The dashboard, the alert rules and the documentation name the metrics that a server has."""

import json
import os
import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # of a package that schemathesis needs

from settings import PROJECT
from tests.support.metrics import scrape
from tests.support.servers import Server, free_port, running_server

METRIC = re.compile(r"\bgokart_[a-z_]+\b")
HISTOGRAM_SUFFIX = re.compile(r"_(bucket|count|sum)$")
RULES = [
    rule for group in yaml.safe_load((PROJECT / "deploy/alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
PANELS = json.loads((PROJECT / "deploy/grafana-dashboard.json").read_text())["panels"]
QUERIES = [target["expr"] for panel in PANELS for target in panel.get("targets", [])]
DOCUMENT = (PROJECT / "docs/metrics.md").read_text()


@pytest.fixture(scope="module")
def served(server: Server, tmp_path_factory: pytest.TempPathFactory) -> set[str]:  # noqa: ARG001  # makes the database
    """The names of all metrics of a server with a replica. The database itself stands in for the replica."""
    port = free_port()
    settings = {"GOKART_METRICS_PORT": str(port), "GOKART_REPLICA_URL": os.environ["GOKART_DATABASE_URL"]}
    folder: Path = tmp_path_factory.mktemp("served")
    with running_server(folder, workers=2, **settings):
        return scrape(port).names


@pytest.mark.parametrize("query", [*(rule["expr"] for rule in RULES), *QUERIES])
def test_a_query_names_metrics_that_are_served_and_is_balanced(query: str, served: set[str]) -> None:
    assert set(METRIC.findall(query)) <= served
    for opening, closing in "()", "[]", "{}":
        assert query.count(opening) == query.count(closing)
    assert query.count('"') % 2 == 0


def test_an_alert_has_a_severity_a_summary_and_a_documented_remedy() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert re.fullmatch(r"[0-9]+m", rule["for"])
    assert re.findall(r"^\| `(GoKart\w+)` \|", DOCUMENT, re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_every_metric_is_documented_and_on_the_dashboard(served: set[str]) -> None:
    def base(names: set[str]) -> set[str]:
        return {HISTOGRAM_SUFFIX.sub("", name) for name in names}

    documented = set(re.findall(r"^\| `(gokart_\w+)` \|", DOCUMENT, re.MULTILINE))
    assert documented == base(served)
    shown = {name for query in QUERIES for name in METRIC.findall(query)}
    assert base(shown) == documented
