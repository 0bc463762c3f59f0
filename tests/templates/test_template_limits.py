"""What a template makes is bounded: no width, repetition or doubling fills the memory."""

from __future__ import annotations

import pytest

from convrun.errors import TemplateError
from convrun.templates import Text, problems, render

WIDE = "a width of 999,999,999 in a template"
TOO_MUCH = "the template makes too much: 10,000,000 characters are the most"
DOUBLED = "{% set n = namespace(x='x') %}{% for i in range(99) %}{% set n.x = DOUBLE %}{% endfor %}"


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("{{ '%999999999d' % 1 }}", WIDE),
        ("{{ '%.999999999f' % 1 }}", WIDE),
        ("{{ '%*d' % (999999999, 1) }}", WIDE),
        ("{{ '%999999999d' | format(1) }}", WIDE),
        ("{{ '{:999999999}'.format(1) }}", WIDE),
        ("{{ '{:{}}'.format(1, 999999999) }}", WIDE),
        ("{{ '{a:999999999}'.format_map({'a': 1}) }}", WIDE),
        ("{{ 'x'.ljust(999999999) }}{{ 'x'.rjust(999999999) }}", WIDE),
        ("{{ 'x'.center(999999999) }}", WIDE),
        ("{{ 'x' | center(999999999) }}", WIDE),
        ("{{ ['x'] | map('center', 999999999) | list }}", WIDE),
        ("{{ '1'.zfill(999999999) }}", WIDE),
        ("{{ '\t'.expandtabs(tabsize=999999999) }}", WIDE),
        ("{{ 'x\ny' | indent(width=999999999) }}", WIDE),
        ("{{ [1] | tojson(indent=999999999) }}", WIDE),
        ("{{ 1.5 | round(999999999, 'floor') }}", WIDE),
        ("{{ ('%(a)s' * 9999) % {'a': 'x' * 9999} }}", TOO_MUCH),
        ("{{ ('{0}' * 9999).format('x' * 9999) }}", TOO_MUCH),
        ("{{ ('x' * 9999).join(['x'] * 9999) }}", TOO_MUCH),
        ("{{ (['x'] * 9999) | join('x' * 9999) }}", TOO_MUCH),
        ("{{ range(9999) | map('string') | join('x' * 9999) }}", TOO_MUCH),
        ("{{ ('x' * 9999).replace('x', 'x' * 9999) }}", TOO_MUCH),
        ("{{ ('x' * 9999) | replace('x', 'x' * 9999) }}", TOO_MUCH),
        ("{{ ('x ' * 9999) | wordwrap(1, wrapstring='x' * 9999) }}", TOO_MUCH),
        ("{{ ('x\n' * 9999) | indent('x' * 9999) }}", TOO_MUCH),
        ("{{ ('x' * 9999).translate({120: 'x' * 9999}) }}", TOO_MUCH),
        ("{{ [1] | batch(999999999, 0) | list }}{{ [1] | slice(999999999) | list }}", TOO_MUCH),
        ("{{ ([['x'] * 9999] * 9999) | sum(start=[]) }}", TOO_MUCH),
        (DOUBLED.replace("DOUBLE", "n.x ~ n.x"), TOO_MUCH),
        (DOUBLED.replace("DOUBLE", "n.x + n.x"), TOO_MUCH),
        (DOUBLED.replace("DOUBLE", "[n.x, n.x]") + "{{ n.x }}", TOO_MUCH),
        (DOUBLED.replace("DOUBLE", "[n.x, n.x]") + "{{ n.x | string }}{{ 'x' ~ n.x }}", TOO_MUCH),
        (DOUBLED.replace("'x'", "2").replace("DOUBLE", "n.x * n.x"), " is too large"),
        ("{{ 'x'.encode() }}", "'encode' of a text cannot be used in a template"),
    ],
    ids=range(34),
)
def test_a_template_cannot_fill_the_memory(source, what):
    """What would be too long is an error before it is made, wherever in a template it would be."""
    template = Text(source=source)
    assert problems(template, (), 0, ()) == []
    with pytest.raises(TemplateError) as caught:
        render(template, {})
    assert what in caught.value.what


def rendered(source: str) -> object:
    """Return what a source renders to."""
    return render(Text(source=source), {})


def test_texts_of_usual_lengths_are_made():
    """The limits are far from what specs need."""
    assert rendered("{{ '%05.1f|%-3s' % (2.25, 'a') }}") == "002.2|a  "
    assert rendered("{{ '%s and %s' | format('a', 'b') }}{{ '{:>4}{a}'.format(1, a=2) }}") == "a and b   12"
    assert (
        rendered("{{ [{'name': 'Ann'}, {'name': 'Bo'}] | map(attribute='name') | join(', ') }}{{ 'a' ~ 1 ~ [2] }}")
        == "Ann, Boa1[2]"
    )
    assert rendered("{{ 'a\nb' | indent(2) }}{{ 'x'.center(3) }}{{ ','.join(['a', 'b']) }}") == "a\n  b x a,b"
    assert rendered("{{ [1, 2] + [3] }}") == [1, 2, 3]
    assert rendered("{{ 7 % 4 + 1.5 }}{{ 'a' * 2 + 'b' }}{{ [1.25, 2] | sum | round(1) }}") == "4.5aab3.2"
    assert len(str(rendered("{{ 'x' * 10000000 }}"))) == 10_000_000
