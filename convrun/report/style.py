"""How a piece of text looks: plain, or coloured by its role on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from convrun.frozen import frozen
from convrun.source import printable

Role: TypeAlias = Literal[
    "passed", "failed", "stale", "missing", "error", "skipped", "unchecked", "removed", "added", "dim", "text"
]
Style: TypeAlias = Callable[[str, Role], str]

_COLOURS: dict[Role, str] = {
    "passed": "green",
    "failed": "bold red",
    "error": "bold magenta",
    "stale": "bold yellow",
    "missing": "yellow",
    "unchecked": "yellow",
    "skipped": "cyan",
    "removed": "red",
    "added": "green",
    "dim": "dim",
}


@frozen(kw_only=False)
class Line:
    """One line of a report, without its end; how it looks is its role's affair."""

    text: str
    role: Role = "text"

    def indented(self, blanks: int) -> Line:
        """Return the line, moved to the right; an empty one stays empty."""
        return Line(" " * blanks + self.text, self.role) if self.text else self


def plain(text: str, role: Role) -> str:  # noqa: ARG001 (the signature is that of every Style)
    """Return the text as it is."""
    return text


def ansi() -> Style:
    """Return a style that colours for a terminal; this is what loads rich."""
    from rich.color import ColorSystem
    from rich.style import Style as RichStyle

    styles = {role: RichStyle.parse(colour) for role, colour in _COLOURS.items()}

    def coloured(text: str, role: Role) -> str:
        style = styles.get(role)
        return style.render(text, color_system=ColorSystem.STANDARD) if style and text else text

    return coloured


def rendered(lines: list[Line], style: Style) -> str:
    """Return the lines as one text without a final line break; control characters are made visible."""
    return "\n".join(style(printable(line.text), line.role) for line in lines)
