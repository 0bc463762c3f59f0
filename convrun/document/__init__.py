"""YAML within limits: as nodes that know their places (`load`), or as plain values (`read_values`)."""

from convrun.document.nodes import Document, Mapping, Node, Scalar, Sequence, load
from convrun.document.scalars import quoted
from convrun.document.values import read_values

__all__ = ["Document", "Mapping", "Node", "Scalar", "Sequence", "load", "quoted", "read_values"]
