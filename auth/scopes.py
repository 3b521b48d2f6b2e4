"""Scopes: the permissions of API keys and of advertiser users."""

ADVERTISER_SCOPES = ("cost-report", "singular", "conversions")
DEFAULT_SCOPES = ("cost-report", "singular")  # conversions name clicks and people's actions: granted only by choice
INGEST = "ingest"  # of the tenant's keys only
SCOPE_NAMES = {"cost-report": "Cost report", "singular": "Singular", "conversions": "Conversions", INGEST: "Ingest"}
