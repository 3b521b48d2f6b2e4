"""Scopes: the permissions of API keys and of advertiser users."""

ADVERTISER_SCOPES = ("cost-report", "singular")
INGEST = "ingest"  # of the tenant's keys only
SCOPE_NAMES = {"cost-report": "Cost report", "singular": "Singular", INGEST: "Ingest"}
