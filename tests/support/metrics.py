"""What a server's metrics port serves."""

import re

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families


class Scrape(msgspec.Struct):
    text: str
    samples: list[tuple[str, dict[str, str], float]]

    def value(self, name: str, /, **labels: str) -> float:
        """The sum of the samples with these labels, and perhaps others."""
        return sum(value for found, given, value in self.samples if found == name and labels.items() <= given.items())

    def label_values(self, label: str) -> set[str]:
        return {labels[label] for _, labels, _ in self.samples if label in labels}

    @property
    def names(self) -> set[str]:
        """The names that samples of the metrics have, also of those that have none yet."""
        found = set()
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", self.text, re.MULTILINE):
            found |= {name + suffix for suffix in (("_bucket", "_count", "_sum") if kind == "histogram" else ("",))}
        return found


def scrape(port: int) -> Scrape:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=120).text
    samples = [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    return Scrape(text, samples)
