"""What is edited in the tests of a watch."""

from __future__ import annotations

TALK = """
    model: echo
    turns: [{user: Hi, expect: [{equals: Hi}]}]
    """
CALLS = """
    model: {script: [{call: weather, with: {city: Rome}}, {reply: It is sunny.}]}
    tools: [lib.tools:weather]
    turns: [{user: Rome?, expect: [{called: {tool: weather, returns: sunny}}]}]
    """
TOOL = '''
    from lib import sky


    def weather(city: str) -> str:
        """The weather of a city."""
        return sky.STATE
    '''


def with_files(project):
    """A project in which every file but the settings belongs to one spec; `other.yaml` has none of its own."""
    project.write("specs/other.yaml", TALK)
    project.write("specs/_base.yaml", "model: echo")
    project.write("specs/based.yaml", "extends: _base.yaml\nturns: [{user: Hi, expect: [{equals: Hi}]}]")
    project.write("specs/_cities.csv", "city\nParis\nRome\n")
    project.write(
        "specs/cases.yaml",
        """
        model: echo
        cases: {file: _cities.csv}
        turns: [{user: 'Hi {{ city }}', expect: [{contains: '{{ city }}'}]}]
        """,
    )
    project.write("specs/calls.yaml", CALLS)
    project.write("lib/tools.py", TOOL)
    project.write("lib/sky.py", "STATE = 'sunny'")
    project.write("lib/checks.py", "def short(context):\n    return len(context.reply) < 100")
    project.write("specs/checked.yaml", "model: echo\nturns: [{user: Hi, expect: [{python: lib.checks:short}]}]")
    project.write("specs/_prompt.md", "Be kind.")
    project.write("specs/_map.txt", "north")
    project.write(
        "specs/files.yaml",
        """
        model: echo
        system: {file: _prompt.md}
        turns: [{user: Hi, attachments: [{path: _map.txt, type: text/plain}], expect: [{contains: Hi}]}]
        """,
    )
    return project


def append(project, name):
    """Edit a file by a line break behind it, new or not."""
    with (project.root / name).open("a", encoding="utf-8", newline="\n") as file:
        file.write("\n")
