"""Environment variables in templates: printed by themselves, or refused."""

import pytest

from convrun.errors import TemplateError
from convrun.templates import Text, references, render

ENV = {"env": {"A": "a value", "B": "another"}}


def variables(source):
    """The variables that a template names."""
    return [one.variable for one in references(Text(source=source)) if one.variable is not None]


@pytest.mark.parametrize(
    ("source", "named", "printed"),
    [
        ("{{ env.A }}", ["A"], "a value"),
        ("{{ env['A'] }} and {{ env.B }}", ["A", "B"], "a value and another"),
        ("{% if x %}{{ env.A }}{% else %}{{ env.B }}{% endif %}", ["A", "B"], "a value"),
        ("{% for i in x %}{{ env.A }}{% endfor %}", ["A"], "a value"),
        ("{% with i = 1 %}{{ env.A }}{% endwith %}", ["A"], "a value"),
        ("{{ environment }}", [], "x"),
    ],
)
def test_a_variable_alone_in_its_braces_is_printed(source, named, printed):
    """All that a template may print are known, whichever of them it does."""
    assert variables(source) == named
    assert render(Text(source=source), {**ENV, "x": [1], "environment": "x"}) == printed


@pytest.mark.parametrize(
    "source",
    [
        "{{ env.A | upper }}",
        "{{ env.A[0] }}",
        "{{ env.A ~ '' }}",
        "{{ [env.A] }}",
        "{{ env.A if x else '' }}",
        "{{ env.get('A') }}",
        "{% if env.A %}yes{% endif %}",
        "{% set b = env.A %}{{ b | reverse }}",
        "{% set b %}{{ env.A }}{% endset %}{{ b | reverse }}",
        "{% filter reverse %}{{ env.A }}{% endfilter %}",
        "{% macro m() %}{{ env.A }}{% endmacro %}{{ m() | reverse }}",
        "{% call m() %}{{ env.A }}{% endcall %}",
        "{% for i in env.A %}{{ i }}{% endfor %}",
    ],
)
def test_what_is_made_of_a_variable_is_refused(source):
    """A value that a template could change would get past the redaction."""
    with pytest.raises(TemplateError, match="does not stand alone") as refused:
        references(Text(source=source))
    assert refused.value.fix.startswith("write {{ env.")


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("{{ env }}", "no value by itself"),
        ("{{ env | length }}", "no value by itself"),
        ("{% set env = {'A': 1} %}{{ env.A }}", "no value by itself"),
        ("{% for env in turns %}{{ env.reply }}{% endfor %}", "no value by itself"),
        ("{% with env = 1 %}{% endwith %}", "no value by itself"),
        ("{{ env[x] }}", "shows only when the template runs"),
        ("{{ env[0] }}", "shows only when the template runs"),
    ],
)
def test_which_variable_is_meant_is_known_before(source, what):
    """The environment as a whole, and a name that is computed, cannot be redacted."""
    with pytest.raises(TemplateError, match=what):
        references(Text(source=source))
