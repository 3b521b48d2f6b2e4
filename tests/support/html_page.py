"""Parses a page: its visible text, its elements, and its tables."""

from html.parser import HTMLParser

import msgspec

VOID = {"br", "img", "input", "link", "meta"}
UNSEEN = {"head", "script", "style", "option"}


class Element(msgspec.Struct):
    tag: str
    attributes: dict[str, str]
    raw: str = ""

    @property
    def text(self) -> str:
        return " ".join(self.raw.split())


class Page(HTMLParser):
    """`elements` are in document order, each with the text of its descendants. Runs of white space are one blank."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)

    @property
    def text(self) -> str:
        return self.one("body").text

    def all(self, tag: str, **attributes: str) -> list[Element]:
        return [
            element
            for element in self.elements
            if element.tag == tag and attributes.items() <= element.attributes.items()
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        (element,) = self.all(tag, **attributes)
        return element

    def rows(self, body: str) -> list[list[str]]:
        """The texts of the cells, by row, of the table body with this id."""
        start = self.elements.index(self.one("tbody", id=body))
        rows: list[list[str]] = []
        for element in self.elements[start + 1 :]:
            if element.tag in {"table", "tfoot", "tbody"}:
                break
            if element.tag == "tr":
                rows.append([])
            elif element.tag in {"td", "th"}:
                rows[-1].append(element.text)
        return rows

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.part()
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Self-closing tags, as in SVG."""
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        self.part()
        while self._open and self._open.pop().tag != tag:
            pass

    def part(self) -> None:
        """Separates the texts of neighbouring elements by a blank."""
        for element in self._open:
            element.raw += " " if element.tag != "code" else ""

    def handle_data(self, data: str) -> None:
        if not any(element.tag in UNSEEN for element in self._open) or self._open[-1].tag == "option":
            for element in self._open:
                element.raw += data
