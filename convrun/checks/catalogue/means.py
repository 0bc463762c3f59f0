"""The check `means`: the reply means about the same as a text, by the embeddings of both."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt

from convrun.checks.catalogue.judge import lanes_of, read_at_least, read_model, whole
from convrun.checks.check import Claim, Outcome, Path
from convrun.checks.context import CheckContext
from convrun.checks.reader import Pending, Reader
from convrun.errors import CheckError, ConvrunError, StaleError
from convrun.frozen import frozen
from convrun.values import show

LANE = "means"
REPLY = "the reply"  # how a lane calls what is no text of the check's own
AT_LEAST = 0.8
_DIGITS = 4  # of a similarity: vectors are kept as 32-bit floats


@frozen
class Means:
    """The cosine of the embeddings of the reply and a text is at least so much."""

    like: str
    model: str | None = None
    at_least: float = AT_LEAST

    @property
    def claim(self) -> Claim:
        """What has to hold."""
        return Claim(subject="the reply", predicate=f"mean what {show(self.like, 80)} means")

    def evaluate(self, context: CheckContext) -> Outcome:
        """Return whether the two are near enough; an empty reply means nothing, and no model is asked.

        Raises:
            CheckError: where a vector is not to be had.
            StaleError: where the recording does not hold one.
        """
        lanes = lanes_of(context, LANE)
        if not context.reply.strip():
            return Outcome(passed=False, actual=0.0, found="the reply is empty")
        try:
            wanted = lanes.vector(LANE, self.model, self.like, part="like")
            reply = lanes.vector(LANE, self.model, whole(context.reply), part=REPLY)
        except (StaleError, CheckError):
            raise
        except ConvrunError as error:
            raise CheckError(f"no embedding: {error.what}", fix=error.fix) from error
        found = round(_cosine(wanted, reply), _DIGITS) + 0.0  # -0.0 becomes 0
        said = f"got {show(context.reply, 120)}, a similarity of {found:g} where {self.at_least:g} is wanted"
        return Outcome(passed=found >= self.at_least, actual=found, found=said)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) != len(other):
        raise CheckError(f"the embeddings have {len(one)} and {len(other)} numbers: they are of two models")
    lengths = sqrt(fsum(number * number for number in one)) * sqrt(fsum(number * number for number in other))
    product = fsum(left * right for left, right in zip(one, other, strict=True))
    return product / lengths if lengths else 0.0


def read_means(reader: Reader, value: object, path: Path) -> Means:
    """Read the value of `means`: a text, or a mapping of it with a model and the least similarity."""
    if isinstance(value, str) or (isinstance(value, Pending) and not value.whole):
        return Means(like=reader.text(value, path, empty="nothing means nothing"))
    found = reader.mapping(value, path, ("like", "model", "at_least"), "a text, or {like, model, at_least}")
    if isinstance(value, dict) and "like" not in value and len(found) == len(value):
        reader.wrong(path, "there is no 'like'", "write a reply that would do: means: {like: …}")
    return Means(
        like=reader.text(found.get("like", Pending(whole=True)), (*path, "like"), empty="nothing means nothing"),
        model=read_model(reader, found, path),
        at_least=read_at_least(reader, found, path, AT_LEAST),
    )
