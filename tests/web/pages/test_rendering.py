"""The page components escape their input, and tie messages to their fields."""

from html.parser import HTMLParser

import pytest

from web.pages.rendering import templates

HOSTILE = "\"'><script>alert(1)</script>"


class Elements(HTMLParser):
    """Collects every start tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def one(self, tag: str) -> dict[str, str | None]:
        (attributes,) = [attributes for name, attributes in self.found if name == tag]
        return attributes


def rendered(call: str, **context: object) -> Elements:
    source = '{% import "macros.html" as m %}' + call
    return Elements(templates.from_string(source).render(context))


@pytest.mark.parametrize(
    "call",
    [
        "{{ m.heading(x, x, back=(x, x)) }}",
        "{% call m.card(x, x, link=(x, x), id=x) %}{{ x }}{% endcall %}",
        "{% call m.empty(x, x) %}{{ x }}{% endcall %}",
        "{{ m.pager(x, none, x) }}",
        "{% call m.alert('info', x) %}{{ x }}{% endcall %}",
        "{{ m.badge(x, x) }}",
        "{% call m.stats() %}{{ m.stat(x, x, x, 'up', x) }}{% endcall %}",
        "{% call m.steps() %}{% call m.step(true, x) %}{{ x }}{% endcall %}{% endcall %}",
        "{% call m.table(x) %}<tr><td>{{ x }}</td></tr>{% endcall %}",
        "{{ m.segments(x, [(x, x, true)]) }}",
        "{{ m.secret(x, x, x) }}",
        "{{ m.snippet(x, x, x) }}",
        "{{ m.field(x, x, x, help=x, error=x, placeholder=x) }}",
        "{{ m.field(x, x, x, type='textarea') }}",
        "{{ m.field(x, x, x, type='select', options=[(x, x)]) }}",
        "{{ m.check(x, x, value=x, help=x, error=x) }}",
        "{{ m.choices(x, x, [(x, x, x)], [x], help=x, error=x) }}",
        "{% call m.confirm(x, x, x, x, x, {x: x}, button=x) %}{{ x }}{% endcall %}",
    ],
)
def test_untrusted_text_is_escaped(call: str) -> None:
    elements = rendered(call, x=HOSTILE).found
    assert elements
    assert "script" not in [tag for tag, _ in elements]
    assert not [name for _, attributes in elements for name in attributes if "<" in name or "'" in name]


@pytest.mark.parametrize("kind", ["text", "textarea", "select"])
def test_a_field_s_help_and_error_are_tied_to_it(kind: str) -> None:
    call = "{{ m.field('name', 'Name', type=kind, help='Which', error='Missing', required=true) }}"
    elements = rendered(call, kind=kind)
    field = elements.one({"text": "input"}.get(kind, kind))
    assert field["aria-invalid"] == "true"
    assert str(field["aria-describedby"]).split() == ["name-error", "name-help"]
    assert "required" in field
    assert elements.one("label")["for"] == field["id"] == "name"
    assert [attributes["id"] for tag, attributes in elements.found if tag == "small"] == ["name-help", "name-error"]


def test_a_field_without_help_and_error_has_neither() -> None:
    assert rendered("{{ m.field('name', 'Name', 0, required=false, hx_get='/x') }}").one("input") == {
        "id": "name",
        "name": "name",
        "type": "text",
        "value": "0",
        "hx-get": "/x",
    }


def test_a_confirmation_works_without_javascript() -> None:
    elements = rendered("{{ m.confirm('revoke', 'Revoke', 'Revoke it?', 'It ends.', '/keys/1/revoke', {'id': 1}) }}")
    assert elements.one("form") == {"method": "post", "action": "/keys/1/revoke"}
    opening, cancel, doing = [attributes for tag, attributes in elements.found if tag == "button"]
    assert opening["popovertarget"] == cancel["popovertarget"] == "revoke"
    assert cancel["popovertargetaction"] == "hide"
    assert "type" not in doing
