"""The key `known_failure`, which a spec, a case and a turn may have in the place of `skip`."""

from __future__ import annotations

from collections.abc import Iterator

from convrun.document import Node
from convrun.errors import SpecError
from convrun.spec import decoding
from convrun.spec.decoder import SpecFile, takes
from convrun.spec.model import KnownFailure, Spec


@takes(decoding.reason.shape)
def known_failure(node: Node, file: SpecFile) -> KnownFailure:
    """Return the reason with its place."""
    return KnownFailure(reason=decoding.reason(node, file), where=node.where)


def refuse_beside_skip(skip: str | None, known: KnownFailure | None) -> None:
    """Raise where one thing is to be passed over and is known to fail."""
    if skip is not None and known is not None:
        fix = "what is skipped cannot fail; take one of them out"
        raise SpecError("known_failure beside skip", where=known.where, fix=fix)


def cannot_fail(spec: Spec) -> Iterator[SpecError]:
    """Yield a mistake for each known failure of what has no check, nor tools that could be wanted too often."""
    if spec.tools:
        return
    checked = [bool(turn.own_checks or turn.expect_error or spec.each_turn) for turn in spec.turns]
    found = [turn.known_failure for turn, has in zip(spec.turns, checked, strict=True) if not has]
    if not any(checked) and not spec.expect:
        found += [spec.known_failure, *(case.known_failure for case in spec.cases or ())]
    for known in found:
        if known is not None:
            fix = "write the check that fails under `expect:`"
            yield SpecError("known_failure of what has no check: it cannot fail", where=known.where, fix=fix)
