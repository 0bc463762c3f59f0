"""`convrun list`: the conversations that would run."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convrun.cli.asked import Selection
from convrun.cli.ending import NOTHING_TO_RUN, named_errors, nothing_to_run, say
from convrun.cli.flattening import flat
from convrun.source import printable

if TYPE_CHECKING:
    from convrun.run.planning.plan import Planned


@flat
def list_conversations(
    *,
    selection: Selection,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the conversations that would run; nothing is imported. Exit 5 where there are none."""
    from convrun.run.project import open_project, planned  # other commands, and --help, do without

    with named_errors():
        options, overrides = selection.options(), {"cassettes": selection.cassettes}
        project = open_project(selection.paths or [], cwd=Path.cwd(), environ=os.environ, overrides=overrides)
        plan = planned(project, options)
        groups = _groups(plan.conversations)
        if plan.remarks:
            say(plan.remarks)
        if as_json:
            from convrun.report.json_result import escaped  # so do they without the results
            from convrun.run.secrets import secrets_of, without_secrets

            keys = secrets_of([project.settings.root], os.environ)
            entries = [_entry(one) | without_secrets(_told(one[0]), keys) for one in groups]
            print(escaped(json.dumps(entries, ensure_ascii=False, indent=2)))
        else:
            for one in groups:
                print(printable(one[0].group))
        if not groups and not plan.elsewhere:
            say([nothing_to_run(project.settings.root / project.settings.specs, bool(project.specs))])
            raise typer.Exit(NOTHING_TO_RUN)


def _groups(conversations: Sequence[Planned]) -> list[list[Planned]]:
    """The conversations by their tests: the samples of a group together."""
    found: dict[str, list[Planned]] = {}
    for one in conversations:
        found.setdefault(one.group, []).append(one)
    return list(found.values())


def _entry(group: list[Planned]) -> dict[str, object]:
    one = group[0]
    return {
        "id": one.group,
        "name": one.spec.name,
        "spec": one.spec.file,
        "case": one.case.id if one.case else None,
        "model": one.model.name,
        "tags": list(one.spec.tags),
        "vars": dict(one.vars),
        "turns": sum(turn.most for turn in one.spec.turns[one.spec.borrowed :]),
        "cassette": one.cassette_shown,
        "recorded": all(sample.cassette.is_file() for sample in group),
        "skip": one.skip,
        "samples": _samples(group),
        "branch": {"trunk": one.trunks[-1].id, "turn": one.trunks[-1].turns} if one.trunks else None,
    }


def _samples(group: list[Planned]) -> dict[str, object] | None:
    wanted = group[0].spec.samples
    if wanted is None or group[0].sample is None:
        return None
    samples = [{"id": one.id, "cassette": one.cassette_shown, "recorded": one.cassette.is_file()} for one in group]
    return {"times": wanted.times, "pass": wanted.needed, "conversations": samples}


def _told(one: Planned) -> dict[str, object]:
    """What a spec says in its own words; by the rest a conversation is found."""
    return {"name": one.spec.name, "tags": list(one.spec.tags), "vars": dict(one.vars), "skip": one.skip}
