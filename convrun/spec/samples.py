"""The key `samples`: how many independent conversations are held with the same words, and how many must pass."""

from __future__ import annotations

from convrun import document
from convrun.document import Node, Scalar
from convrun.errors import SpecError
from convrun.spec import decoding
from convrun.spec.decoder import Key, Record, SpecFile, expected, takes
from convrun.spec.model import SamplesSpec

_NEEDED = "write how many of the samples must pass, as 4, or leave it out: then all must"
MOST = 1_000  # more of one conversation are a slip of the finger: each is recorded by itself


@takes(type="integer", minimum=1, maximum=MOST)
def _times(node: Node, file: SpecFile) -> int:
    found = decoding.whole_number(1, "write how many conversations, as 5")(node, file)
    if found > MOST:
        raise SpecError(f"{found:,} samples are more than {MOST:,}", where=node.where, fix="take fewer of them")
    return found


_SAMPLES = Record(
    of="samples",
    abroad={"count": "times", "n": "times", "repeat": "times", "min_pass": "pass", "passes": "pass", "needed": "pass"},
    keys={
        "times": Key(_times, "How many conversations, each with its own recording; from 1 to 1,000.", required=True),
        "pass": Key(decoding.whole_number(1, _NEEDED), "How many of them must pass; all by default."),
    },
)


@takes(_SAMPLES)
def samples(node: Node, file: SpecFile) -> SamplesSpec:
    """Return how many samples a spec has, and how many of them must pass."""
    if not isinstance(node, document.Mapping):
        number = node.value if isinstance(node, Scalar) and isinstance(node.value, int) else None
        times = 5 if number is None or isinstance(number, bool) else number
        fix = f"write {{times: {times}}}: all must pass then, or as many as `pass` says"
        raise expected("a mapping for samples", node, fix)
    found = _SAMPLES.values(node, file)
    times, needed = found["times"], found.get("pass", found["times"])
    if needed > times:
        place = next(value.where for key, value in node.entries if key.text == "pass")
        fix = f"write a number from 1 to {times}, or leave it out: then all must pass"
        raise SpecError(f"{needed} samples are to pass, of {times}", where=place, fix=fix)
    return SamplesSpec(times=times, needed=needed, where=node.where)
