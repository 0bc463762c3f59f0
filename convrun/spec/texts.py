"""Texts marked T (templates), and data: values of any depth, with or without templates in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from convrun import document
from convrun.document import Node, Scalar
from convrun.errors import SpecError
from convrun.source import Where
from convrun.spec import decoding
from convrun.spec.decoder import Decoder, Key, Mistakes, Record, SpecFile, mapping, takes
from convrun.spec.model import ImportPath
from convrun.spec.named_files import file_text, json_value, named_file, shown, without_last_break
from convrun.templates import Text

Leaf: TypeAlias = Callable[[Scalar], object]


def _template(node: Node, file: SpecFile) -> Text:
    """A text, `{file: …}` or `{text: …}`, the last two also with `raw: true`."""
    if not isinstance(node, document.Mapping):
        return _literal(node, file)
    parts = LONG_FORM.values(node, file)
    raw = parts.get("raw", False)
    if ("text" in parts) == ("file" in parts):
        raise SpecError("expected one of 'text' and 'file'", where=node.where)
    if "text" in parts:
        return Text(source=parts["text"].source, raw=raw, where=parts["text"].where)
    source, where = parts["file"]
    return Text(source=source, raw=raw, where=where)


@takes({"$ref": "#/$defs/template"})
def spoken(node: Node, file: SpecFile) -> Text:
    """Return a template that is not empty."""
    made = template(node, file)
    if not made.source.strip():
        raise SpecError("expected a text that is not empty", where=node.where, fix="write it, or leave it out")
    return made


@takes(type="string")
def _literal(node: Node, file: SpecFile) -> Text:
    source = decoding.free_text(node, file)
    if isinstance(node, Scalar) and node.block:
        source = without_last_break(source)
    return Text(source=source, where=node.where)


@takes(type="string")
def _file(node: Node, file: SpecFile) -> tuple[str, Where]:
    path = named_file(node, file)
    source = without_last_break(file_text(path, node.where))
    first = source.partition("\n")[0]
    return source, Where(file=shown(path, file.root), line=1, column=1, text=first)


LONG_FORM = Record(
    of="a text",
    keys={
        "text": Key(_literal, "The text itself."),
        "file": Key(_file, "A file that holds the text; its path begins at the folder of the file that names it."),
        "raw": Key(decoding.flag, "true: taken literally, whatever braces are in it."),
    },
)
template = Decoder(
    _template,
    {"description": "A text, in which {{ … }} is a template.", "anyOf": [{"type": "string"}, LONG_FORM]},
    "template",
)


def data(node: Node, leaf: Leaf) -> Any:
    """Return a node as plain lists and dicts, its scalars as `leaf` makes them."""
    if isinstance(node, Scalar):
        return leaf(node)
    mistakes = Mistakes()
    if isinstance(node, document.Sequence):
        items = []
        for item in node.items:
            with mistakes:
                items.append(data(item, leaf))
        mistakes.stop()
        return items
    made = {}
    for key, value in node.entries:
        with mistakes:
            made[key.text] = data(value, leaf)
    mistakes.stop()
    return made


def json_leaf(node: Scalar) -> object:
    """Return the value as it is."""
    return node.value


def literal_leaf(node: Scalar) -> object:
    """Return the value of a var: no number that prints otherwise than written, no text cut off by a comment."""
    decoding.refuse_reprinted(node)
    decoding.refuse_comment(node)
    return node.value


@takes(type="object")
def json_mapping(node: Node, _: SpecFile) -> dict[str, Any]:
    """Return a mapping of plain values."""
    made: dict[str, Any] = data(mapping(node, "this"), json_leaf)
    return made


@takes(type="object")
def literal_mapping(node: Node, _: SpecFile) -> dict[str, Any]:
    """Return a mapping of values that print as they are written."""
    made: dict[str, Any] = data(mapping(node, "this"), literal_leaf)
    return made


def templates(node: Node, file: SpecFile, *, strict: bool = False) -> Any:
    """Return a value whose texts are templates; `strict` refuses numbers that print otherwise than they are written.

    A mapping of `text` or `file` with `raw: true` is a text that is taken literally.
    """
    if isinstance(node, Scalar):
        if strict:
            decoding.refuse_reprinted(node)
        return _literal(node, file) if isinstance(node.value, str) else node.value
    if is_raw(node):
        return template(node, file)
    mistakes = Mistakes()
    if isinstance(node, document.Sequence):
        items = []
        for item in node.items:
            with mistakes:
                items.append(templates(item, file, strict=strict))
        mistakes.stop()
        return items
    made = {}
    for key, value in node.entries:
        with mistakes:
            made[key.text] = templates(value, file, strict=strict or key.text in _STRICT)
    mistakes.stop()
    return made


_STRICT = frozenset({"with", "with_exactly"})  # values that are compared with what a model wrote


def is_raw(node: Node) -> bool:
    """Whether a node is a text with `raw: true`."""
    if not isinstance(node, document.Mapping) or len(node.entries) != 2:
        return False
    raw = node.get("raw")
    return isinstance(raw, Scalar) and raw.value is True and (node.get("text") or node.get("file")) is not None


@takes(type="object")
def arguments(node: Node, file: SpecFile) -> dict[str, Any]:
    """Return a mapping whose texts are templates and whose numbers print as they are written."""
    mapping(node, "the arguments")
    made: dict[str, Any] = templates(node, file, strict=True)
    return made


@takes({"$ref": "#/$defs/import_path"})
def schema_path(node: Node, file: SpecFile) -> ImportPath:
    """Return the import path that stands for a schema; the name of a file is a mistake."""
    found = decoding.text(node, file)
    if found.lower().endswith((".json", ".yaml", ".yml")):
        raise SpecError(f"{found!r} is no import path", where=node.where, fix=f"write {{file: {found}}}")
    return decoding.import_path(node, file)


@takes(type=["object", "boolean"])
def json_schema(node: Node, file: SpecFile) -> Any:
    """Return a JSON Schema: as written, or read from `{file: …}`."""
    if isinstance(node, document.Mapping) and [key.text for key, _ in node.entries] == ["file"]:
        inner = node.entries[0][1]
        path = named_file(inner, file)
        if path.suffix.lower() == ".json":
            return json_value(path, file, inner.where)
        root = document.load(file_text(path, inner.where), shown(path, file.root)).root
        if root is None:
            raise SpecError(f"{path.name!r} is empty", where=inner.where, fix="write a JSON Schema into it")
        return data(root, json_leaf)
    return data(node, json_leaf)
