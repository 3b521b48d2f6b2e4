"""RESULTS.md: measuring a part again replaces its section."""

from pathlib import Path

from bench import results
from bench.__main__ import TENANTS, TITLES, section_title
from bench.results import Section, Side, at_least, at_most, left_out, plain, ratio
from bench.rounds import TIMES

ORDER = ["Reports", "Intake"]


def section(title: str, *rows: results.Row) -> Section:
    return Section(title, f"How {title} are measured.", "On two cores.", list(rows))


def test_it_tells_ratio_spread_and_both_sides() -> None:
    row = ratio("a month", at_least(10), Side([900, 1_100, 2_400], "/s"), Side([100, 100, 200], "/s", "peer"))
    assert row.cells == (
        "a month",
        f"≥ 10 {TIMES}",
        f"11.0 {TIMES} (9.00 to 12.0)",
        "1,100 /s",
        "peer 100 /s",
        f"yes, 1.10 {TIMES}",
    )


def test_it_tells_by_how_much_a_target_is_missed() -> None:
    row = plain("memory", at_most(120, "MB"), [240], "MB")
    assert row.cells == ("memory", "≤ 120 MB", "240 MB", "", "", f"no, 0.50 {TIMES}")


def test_a_part_measured_again_replaces_its_section_only(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    for value in 50, 60:
        results.write_section(section("Intake", plain("rate", None, [value], "/s")), ORDER, path)
        results.write_section(section("Reports", left_out("a month", at_least(10), "left out: no PEERS")), ORDER, path)
    text = path.read_text()
    assert text.count("## ") == 2
    assert text.index("## Reports") < text.index("## Intake")
    assert "60.0 /s" in text
    assert "50.0 /s" not in text
    assert "left out: no PEERS" in text


def test_other_numbers_of_tenants_have_a_section_of_their_own(tmp_path: Path) -> None:
    path, titles = tmp_path / "RESULTS.md", list(TITLES.values())
    for tenants in TENANTS, [10_000], [1_000, 5_000], [10_000]:
        results.write_section(section(section_title("tenants", tenants)), titles, path)
    results.write_section(section(section_title("reports", [10_000])), titles, path)
    written = [line for line in path.read_text().splitlines() if line.startswith("## ")]
    assert written == ["## Reports", "## Tenants", "## Tenants (1,000, 5,000)", "## Tenants (10,000)"]
