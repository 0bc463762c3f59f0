"""For tests of programs: a cassette for a block of code, a spec from a text, a model that says its lines."""

from convrun.testing.blocks import OpenCassette, cassette
from convrun.testing.scripts import script
from convrun.testing.specs import explained, run_spec

__all__ = ["OpenCassette", "cassette", "explained", "run_spec", "script"]
