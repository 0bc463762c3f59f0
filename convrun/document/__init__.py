"""YAML within limits: as nodes that know their places (`load`), or as plain values (`read_values`)."""

from convrun.document.merging import merged, settled
from convrun.document.nodes import Document, Mapping, Node, Scalar, Sequence, load
from convrun.document.scalars import quoted
from convrun.document.tables import nodes_of
from convrun.document.values import read_values

__all__ = [
    "Document",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "load",
    "merged",
    "nodes_of",
    "quoted",
    "read_values",
    "settled",
]
