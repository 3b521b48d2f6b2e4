"""The results: rows with their targets, as tables on the terminal and in RESULTS.md."""

from pathlib import Path
from statistics import median

import msgspec
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from bench.rounds import TIMES, ratios, short, spread

RESULTS = Path(__file__).with_name("RESULTS.md")
MIN_WIDTH = 100  # columns that a readable table needs
COLUMNS = ("figure", "target", "measured", "here", "reference", "met")
HEAD = """# Results of `make bench`

A figure with a reference is a ratio to it; both are measured alternately in the same run. Each figure is the median of
the rounds, followed by the lowest and the highest in parentheses. *Met* is the margin by which the target is met or
missed. `make bench PART=name` measures one part again and replaces its section.
"""


class Target(msgspec.Struct, frozen=True):
    bound: float
    unit: str
    at_most: bool

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:,g} {self.unit}"

    def met(self, value: float) -> str:
        """Yes or no, and by which factor. A value of 0 or less has no factor."""
        if value <= 0:
            return "yes" if self.at_most else "no"
        by = self.bound / value if self.at_most else value / self.bound
        return f"{'yes' if by >= 1 else 'no'}, {short(by)} {TIMES}"


def at_least(bound: float, unit: str = TIMES) -> Target:
    return Target(bound, unit, at_most=False)


def at_most(bound: float, unit: str = TIMES) -> Target:
    return Target(bound, unit, at_most=True)


class Side(msgspec.Struct, frozen=True):
    """The values of one side, by round. `name` is empty for this project."""

    values: list[float]
    unit: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} {short(median(self.values))} {self.unit}".strip()


class Row(msgspec.Struct, frozen=True):
    """`met` is empty for a figure without a target. `measured` has the reason if a figure was not measured."""

    figure: str
    target: str
    measured: str
    here: str = ""
    reference: str = ""
    met: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        return self.figure, self.target, self.measured, self.here, self.reference, self.met


def ratio(figure: str, target: Target | None, here: Side, reference: Side) -> Row:
    """The ratio of this project's values to the reference, by round."""
    values = ratios(here.values, reference.values)
    return Row(
        figure,
        str(target or ""),
        spread(values, TIMES),
        str(here),
        str(reference),
        target.met(median(values)) if target else "",
    )


def plain(figure: str, target: Target | None, values: list[float], unit: str, reference: str = "") -> Row:
    """A figure without a reference."""
    met = target.met(median(values)) if target else ""
    return Row(figure, str(target or ""), spread(values, unit), "", reference, met)


def left_out(figure: str, target: Target | None, why: str) -> Row:
    return Row(figure, str(target or ""), why)


class Section(msgspec.Struct, frozen=True):
    """The rows of a part. `method` describes the measurement, `machine` the hardware and the versions."""

    title: str
    method: str
    machine: str
    rows: list[Row]

    def __str__(self) -> str:
        lines = [COLUMNS, ["---"] * len(COLUMNS), *(row.cells for row in self.rows)]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"## {self.title}\n\n{self.method}\n\n{table}\n\n{self.machine}\n"


def show(section: Section, console: Console) -> None:
    table = Table(*COLUMNS, title=section.title, title_justify="left", title_style="bold")
    for row in section.rows:
        table.add_row(*row.cells, style="red" if row.met.startswith("no") else None)
    natural = Measurement.get(console, console.options.update(max_width=1_000_000), table).maximum
    width = console.width if console.is_terminal else natural
    Console(width=max(width, MIN_WIDTH)).print(table)


def write_section(section: Section, order: list[str], path: Path = RESULTS) -> None:
    """Replaces the section with the same title and keeps the others. `order` is the order of all titles; one with
    parentheses follows that without.
    """
    old = path.read_text().split("\n## ")[1:] if path.exists() else []
    sections = {text.partition("\n")[0]: f"## {text.rstrip()}\n" for text in old}
    sections[section.title] = str(section)
    places = {title: order.index(part) for title in sections if (part := title.partition(" (")[0]) in order}
    kept = sorted(places, key=lambda title: (places[title], title))
    path.write_text("\n".join([HEAD, *(sections[title] for title in kept)]))
