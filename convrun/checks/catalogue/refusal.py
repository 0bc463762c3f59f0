"""The check `refusal`: the model refused, as the provider says, or did not."""

from __future__ import annotations

from convrun.checks.catalogue.containing import folded, listed
from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.difference import got
from convrun.checks.reader import Pending, Reader
from convrun.frozen import frozen
from convrun.values import show

_FLAGS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}

_FLAGS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}


@frozen
class Refusal:
    """The reply is a refusal, or is none; one that has one of the `phrases` is one as well, in upper or lower case."""

    wanted: bool = True
    phrases: tuple[str, ...] = ()

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        said = f" or say {listed(self.phrases)}" if self.phrases else ""
        return Claim(subject="the model", predicate=f"refuse{said}", negated=not self.wanted)

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the last model call was a refusal, or none, as is wanted."""
        refusal = context.refusal
        reply = folded(context.reply)
        said = [phrase for phrase in self.phrases if folded(phrase) in reply]
        if refusal is not None:
            found = f"it refused: {show(refusal)}"
        else:
            found = got(context.reply) + (f", which has {listed(said)}" if said else "")
        passed = (refusal is not None or bool(said)) is self.wanted
        return Outcome(passed=passed, actual=refusal if refusal is not None else context.reply, found=found)


def read_refusal(reader: Reader, value: object, path: Path) -> Refusal:
    """Read the value of `refusal`: true, false, or the phrases that are a refusal, too."""
    if isinstance(value, bool):
        return Refusal(wanted=value)
    if isinstance(value, str) and value.lower() in _FLAGS:
        reader.wrong(path, f"true or false is wanted, not the text {value!r}", f"write {_FLAGS[value.lower()]}")
        return Refusal()
    if isinstance(value, str) and (meant := _FLAGS.get(value.lower())) is not None:
        reader.wrong(path, f"true or false is wanted, not the text {value!r}", f"write {meant}")
        return Refusal()
    if isinstance(value, str | list) or (isinstance(value, Pending) and not value.whole):
        fix = "write {phrases: ['I cannot help']}"
        reader.wrong(path, "true, false or a mapping with phrases is wanted", fix)
        return Refusal()
    given = reader.mapping(value, path, ("phrases",), "true, false or a mapping with phrases")
    if isinstance(value, dict) and not value:
        reader.wrong(path, "no phrases", "write true, or {phrases: ['I cannot help']}")
    empty = "write true where none is to be added"
    phrases = reader.texts(given["phrases"], (*path, "phrases"), of="phrases", empty=empty) if given else ()
    return Refusal(phrases=phrases)
