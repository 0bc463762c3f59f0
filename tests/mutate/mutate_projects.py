"""Projects with recordings to mutate: a scripted model is recorded, so that each test says what the model did."""

from __future__ import annotations

import json

from convrun.mutate.mutating import mutation_result
from convrun.mutate.subject import subject_of
from convrun.run.planning.options import RunOptions
from convrun.run.project import open_project, planned
from convrun.run.secrets import secrets_of

CODE = '''
    """Tools that answer the same to everything."""

    def price(city: str, days: int = 1, guests: dict | None = None, notes: list | None = None) -> str:
        """What a room costs."""
        return "40 euros"

    def book(city: str) -> str:
        """Book a room."""
        return "booked"

    def polite(context):
        """A check of the project's own."""
        return True
'''


def recorded(project, text, *, name="specs/desk.yaml"):
    """A project with a spec of this text, which is recorded; conversations that do not pass are recorded as well."""
    project.write("desk.py", CODE)
    project.write(name, text)
    project.run(name, record="all")
    return project


def opened(project, *paths):
    """The opened project, what is planned of it, and what takes its secrets out."""
    found = open_project(paths, cwd=project.root, environ={}, overrides={})
    return found, planned(found, RunOptions()).conversations, secrets_of([project.root], {})


def subjects(project):
    """The conversations of a project, ready to be mutated."""
    found, conversations, keys = opened(project)
    return [subject_of(one, root=found.settings.root, keys=keys) for one in conversations]


def result(project, *paths):
    """The MutationResult of a project."""
    found, conversations, keys = opened(project, *paths)
    return mutation_result(conversations, found, RunOptions(), keys=keys)


def mutants(project, place=0):
    """What was done in each mutant of a turn of the only conversation, in order: operator, part, old, new."""
    (subject,) = subjects(project)
    return [
        (one.operator, one.difference.part, one.difference.old, one.difference.new) for one in subject.mutants(place)
    ]


def survivors(found):
    """The survivors of a result, as (conversation, turn, operator, part)."""
    return [
        (one.conversation, one.turn, one.operator, one.difference.part) for gap in found.gaps for one in gap.survivors
    ]


def report(project, *arguments):
    """The JSON of `convrun mutate`, run as a process."""
    ended = project.cli("mutate", "--report", "json", *arguments)
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout)
