"""The events of one YAML document, from libyaml, with what its parser says turned into our errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import yaml

from convrun.document.mistakes import mistake, second_document
from convrun.document.source_text import Source

Step: TypeAlias = Callable[[], Any]  # the next event; what PyYAML says of their types does not help

_READ_AHEAD = "maximum nesting depth"
_OLD_BREAK = re.compile("[\x85\u2028\u2029]")


def span(event: Any) -> tuple[int, int]:
    """Return where an event starts and ends, in characters."""
    return event.start_mark.index, event.end_mark.index


def _events(text: str) -> Step:
    """What gives the events of `text`, with the three characters that are line breaks in YAML 1.1 only as they are."""
    if text.isascii() or not _OLD_BREAK.search(text):
        return _step(text)
    free = (chr(code) for code in range(0x100000, 0x10FFFE) if chr(code) not in text)  # for private use
    standins = dict(zip((0x85, 0x2028, 0x2029), free, strict=False))
    originals = {ord(standin): chr(code) for code, standin in standins.items()}
    step = _step(text.translate(standins))

    def restored() -> Any:
        event = step()
        if isinstance(event, yaml.ScalarEvent):
            event.value = event.value.translate(originals)
        return event

    return restored


def _step(text: str) -> Step:
    """What gives the events of `text`: libyaml's parser, or PyYAML's own where libyaml is missing."""
    try:
        from yaml._yaml import CParser
    except ImportError:  # PyYAML was built without libyaml
        return _python_step(text)
    return CParser(text).get_event


def _python_step(text: str) -> Step:
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class PythonParser(Reader, Scanner, Parser):
        """What PyYAML's loaders are made of, up to the events."""

        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)

    return PythonParser(text).get_event


def parsed(source: Source, read: Callable[[Any, Step, int], Any]) -> Any:
    """Return what `read(event, step, depth)` makes of the one document of a file; None where it is empty.

    Raises:
        DocumentError: where the text is no YAML, or has a second document.
    """
    try:
        return _document(source, _events(source.text), read)
    except yaml.MarkedYAMLError as error:
        if error.problem_mark is not None and _READ_AHEAD in (error.problem or ""):
            # libyaml 0.2.6 looks ahead and gives up at 1,000 levels; the text before it has our own limit in it.
            try:
                return _document(source, _events(source.text[: error.problem_mark.index]), read)
            except yaml.MarkedYAMLError as sooner:
                raise mistake(source, sooner) from None
        raise mistake(source, error) from None
    except (yaml.YAMLError, UnicodeEncodeError):
        raise source.bad_character() from None


def _document(source: Source, step: Step, read: Callable[[Any, Step, int], Any]) -> Any:
    step()  # the start of the stream
    if isinstance(step(), yaml.StreamEndEvent):
        return None
    root = read(step(), step, 0)
    step()  # the end of the document
    after = step()
    if not isinstance(after, yaml.StreamEndEvent):
        raise second_document(source, after)
    return root
