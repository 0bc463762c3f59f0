"""Findings of a run: tools that nobody calls, hooks that never fire, checks that hold for any reply."""

from __future__ import annotations

import pytest

from convrun.run.planning.last_failed import remember
from convrun.run.planning.shards import Shard

CODE = '''
    import convrun

    def a(x: str = "1") -> str:
        """A."""
        return x

    def b(x: str = "1") -> str:
        """B."""
        return x

    class Box(convrun.Toolbox):
        def one(self) -> str:
            """One."""
            return "1"

        def two(self) -> str:
            """Two."""
            return "2"

    def before(tool, call):
        pass

    def cancel(tool, call):
        raise convrun.CancelToolCall("no")

    def after(tool, call, result):
        pass

    def asks(conversation):
        conversation.chain('{"tool_calls": [{"name": "b", "arguments": {}}]}').text()
'''
CALL_A = """'{"tool_calls": [{"name": "a", "arguments": {}}]}'"""
TURN = f"turns: [{{user: {CALL_A}, expect: [{{called: a}}]}}]"
BOTH = f"model: echo\ntools: [desk:a, desk:b]\n{TURN}"
HOOKED = "model: echo\nhooks: {before_call: desk:before, after_call: desk:after}\n"
HI = "turns: [{user: Hi, expect: [contains: Hi]}]"
ROWS = """
    model: echo
    tools: [desk:a, desk:b]
    hooks: {before_call: desk:before}
    cases: CASES
    turns: [{user: '{"tool_calls": [{"name": "{{ tool }}", "arguments": {}}]}', expect: [{called: '{{ tool }}'}]}]
"""


@pytest.fixture
def project(project):
    """A project with tools and hooks."""
    project.write("desk.py", CODE)
    return project


def found(project, *paths, **options):
    """The findings of a run, each as its kind, the first name that it quotes, and its line."""
    findings = project.run(*paths, **options).findings
    return [(one.kind, one.message.split("'")[1], one.where.line) for one in findings]


@pytest.mark.parametrize(
    "check",
    [
        "calls: {only: [a, b]}",
        "calls: {only: [{tool: a, with: {}}, {tool: b}]}",
        "any_of: [{called: a}, {calls: {only: [b, a]}}]",
        "not_called: '{{ ghost }}'",
    ],
)
def test_what_allows_every_call_says_nothing_and_excuses_no_tool(project, check):
    """A check of calls that no call fails is weak; a tool that is allowed and not called is uncalled all the same."""
    project.write("specs/s.yaml", f"{BOTH}\nvars: {{ghost: c}}\nexpect:\n- {check}")
    assert found(project) == [("uncalled", "b", 2), ("weak", check.partition(":")[0], 6)]
    project.write("specs/s.yaml", f"{BOTH}\nexpect:\n- calls: {{only: [a, {{tool: b, with: {{x: '1'}}}}]}}")
    assert found(project) == [("uncalled", "b", 2)]


def test_a_tool_that_is_never_called_is_a_finding(project):
    """One for each spec and tool, at the tool, for strict runs a failure; a toolbox is one tool."""
    project.write(
        "specs/s.yaml", f"model: echo\ncases: [{{n: 1}}, {{n: 2}}]\ntools:\n- desk:a\n- desk:b\n- desk:Box\n{TURN}"
    )
    assert found(project) == [("uncalled", "b", 5), ("uncalled", "desk:Box", 6)]
    assert project.run().exit_code == 0
    assert project.run(strict=True).exit_code == 1


def test_a_hook_that_never_fires_is_a_finding(project):
    """Each at its place; one that another keeps from being called is one as well."""
    project.write("specs/s.yaml", f"{HOOKED}{HI}")
    assert found(project) == [("unfired", "desk:before", 2), ("unfired", "desk:after", 2)]
    hooks = "hooks: {before_call: [desk:cancel, desk:before], after_call: desk:after}"
    project.write("specs/s.yaml", f"model: echo\ntools: [desk:a]\n{hooks}\n{TURN}")
    assert found(project) == [("unfired", "desk:before", 3), ("unfired", "desk:after", 3)]


def test_a_call_that_stays_open_is_a_call_and_fires_nothing(project):
    """With `chain: false` no tool runs, so no hook is called."""
    project.write("specs/s.yaml", f"{HOOKED}tools: [desk:a]\n{TURN.replace('expect', 'chain: false, expect')}")
    assert found(project) == [("unfired", "desk:before", 2), ("unfired", "desk:after", 2)]


def test_calls_of_the_history_are_no_calls(project):
    """What was said before the first turn was made up."""
    history = (
        "history: [{user: Go}, {assistant: So, tool_calls: [{name: b, arguments: {}}]}, {tool: '1'}, {assistant: '1'}]"
    )
    project.write("specs/s.yaml", f"{BOTH}\n{history}")
    assert found(project) == [("uncalled", "b", 2)]


@pytest.mark.parametrize(
    "spec",
    [
        f"{BOTH}\nexpect: [{{not_called: b}}]",
        f"{BOTH}\nexpect: [{{not_called: [b]}}]",
        f"{BOTH}\nexpect: [{{calls: {{only: [a]}}}}]",
        f"{BOTH}\nexpect: [{{calls: {{exactly: [a]}}}}]",
        f"{BOTH}\nexpect: [{{not: {{not: {{calls: {{only: [a]}}}}}}}}]",
        f"{BOTH}\neach_turn: [{{calls: {{only: [a]}}}}]",
        f"{BOTH}\nexpect: [{{all_of: [{{called: a}}, {{not_called: b}}]}}]",
        f"{BOTH}\nexpect: [{{any_of: [{{called: a}}, {{called: b}}]}}]",
        f"{BOTH}\nexpect: [{{not: {{called: b}}}}]",
        f"{BOTH}\nexpect: [{{called: {{tool: b, times: 0}}}}]",
        f"{BOTH}\nvars: {{no: b}}\nexpect: [{{not_called: '{{{{ no }}}}'}}]",
        f"{BOTH}\nhooks: {{before_conversation: desk:asks}}",
        f"{BOTH}\nknown_failure: it calls b\nexpect: [{{called: b}}]".replace("b}]", "b}, {contains: x}]"),
        f"{BOTH}\nskip: not now",
        BOTH.replace("turns: [", "turns: [{user: Hi, skip: not now}, "),
        f"model: echo\ntools: [desk:a, desk:b]\n{HI.replace('contains: Hi', 'not_called: any')}",
        f"{BOTH.replace('echo', '{name: gpt-4o}')}",
        ROWS.replace("CASES", "[{tool: a}, {tool: b}]"),
        ROWS.replace("CASES", "[{tool: a}, {tool: b, skip: not now}]"),
        ROWS.replace("CASES", "[{tool: a}, {tool: b, known_failure: it fails}]").replace(
            "expect: [", "expect: [{not_called: b}, "
        ),
        ROWS.replace("cases: CASES", "matrix: {tool: [a, b]}"),
        ROWS.replace("CASES", "[{tool: a}, {tool: b}]") + "    samples: {times: 2, pass: 2}\n",
        f"{HOOKED}tools: [{{use: desk:a, policy: stub, returns: x}}]\n{TURN}",
        f"model: echo\ntools: [desk:Box]\n{TURN}".replace('"a"', '"Box_two"').replace("called: a", "called: Box_two"),
    ],
)
def test_what_is_called_ruled_on_or_not_known_is_none(project, spec):
    """A check rules on it, a hook or another row calls it, or not every turn was played."""
    project.write("specs/s.yaml", spec)
    assert found(project) == []


@pytest.mark.parametrize(
    "options",
    [
        {"keyword": "-two"},
        {"keyword": "not two"},
        {"tags": ("x",)},
        {"models": ("echo",)},
        {"shard": Shard(index=1, count=2)},
        {"only": frozenset({"specs/s.yaml::a"})},
        {"most_failed": 1},
    ],
)
def test_nothing_is_unused_where_something_was_left_out(project, options):
    """Another conversation may call it."""
    wrong = "    expect: [contains: x]\n" if "most_failed" in options else ""
    project.write(
        "specs/s.yaml", ROWS.replace("CASES", "[{tool: a}, {id: a-two, tool: a}]") + "    tags: [x]\n" + wrong
    )
    project.write("specs/t.yaml", BOTH)
    assert ("uncalled", "b", 2) in found(project)
    assert found(project, **options) == []
    assert found(project, "specs/s.yaml::a") == []


def test_nothing_is_unused_among_those_that_failed_last(project):
    """`--last-failed` takes a part: the others may call it, as they do here."""
    rows = ROWS.replace("CASES", "[{tool: a}, {tool: b}, {tool: a, id: wrong, known_failure: it passes}]")
    project.write("specs/s.yaml", rows)
    remember(project.root, project.run().conversations, strict=False)
    again = project.run(last_failed=True)
    assert [one.id for one in again.conversations] == ["specs/s.yaml::wrong"]
    assert again.findings == ()


def test_stale_conversations_are_not_judged(project):
    """Nobody knows what they would call; recorded and replayed results are calls as any other."""
    spec = f"{HOOKED}tools: [{{use: desk:a, policy: POLICY}}]\n{TURN}"
    for policy in ("live", "replay", "verify"):
        project.write("specs/s.yaml", spec.replace("POLICY", policy))
        project.run(record="all")
        assert found(project) == []
    project.write("specs/s.yaml", f"{HOOKED}tools: [desk:a, desk:b]\n{HI}".replace("Hi", "Ho"))
    stale = project.run()
    assert ([one.verdict for one in stale.conversations], stale.findings) == (["stale"], ())


def test_what_several_specs_have_is_judged_by_all(project):
    """A tool and a hook of the defaults, or of a base, need one spec that uses them; a run of one says nothing."""
    project.write("convrun.toml", "[defaults]\nmodel = 'echo'\nhooks = {before_call = 'desk:before'}")
    project.write("bases/base.yaml", "tools: [desk:a]")
    project.write("specs/s.yaml", f"extends: ../bases/base.yaml\n{TURN}")
    project.write("specs/t.yaml", f"extends: ../bases/base.yaml\n{HI}")
    assert found(project) == []
    project.write("specs/s.yaml", f"extends: ../bases/base.yaml\n{HI}")
    assert found(project, "specs/t.yaml") == []
    found_in = project.run().findings
    assert [(one.kind, one.where.file, one.where.line) for one in found_in] == [
        ("uncalled", "bases/base.yaml", 1),
        ("unfired", "convrun.toml", 3),
    ]
    assert all(one.message.endswith(" in any spec") for one in found_in)


def test_several_at_once_find_the_same(project):
    """What was used travels with the results of the processes."""
    project.write("specs/s.yaml", ROWS.replace("CASES", "[{tool: a}, {tool: b}]"))
    project.write("specs/t.yaml", f"{HOOKED}tools: [desk:b]\n{HI}")
    assert found(project, jobs=2) == found(project)
    assert len(found(project)) == 3


@pytest.mark.parametrize(
    "check",
    [
        "matches: '(?s).*'",
        "that: reply is defined",
        "that: vars.n == 1 or reply == 'x'",
        "that: turn.user == 'Hi' and turns[0].index == 1",
        "prefix_stable: true",
        "all_of: [matches: '.*', that: reply == reply]",
        "any_of: [contains: Hi, matches: '.*']",
        "equals: '{{ turns[0].reply }}'",
        "one_of: [x, '{{ turns[-1].reply }}']",
        "starts_with: '{{ turns.t.reply[:1] }}'",
        "any_of: [contains: x, icontains: '{{ turns[0].reply | upper }}']",
        "that: turn.reply == turn.reply",
        "that: turns[0].reply is string and turn.reply | length >= 0",
        "that: usage.output is none or usage.output is not none",
        "that: \"reply | replace('', 'x' * 100000) | length > 1\"",
        "any_of: [contains: Hi, not: {contains: Hi, because: it greets}]",
        "any_of: [chars: {max: 9}, chars: {min: 5}]",
        "any_of: [{words: {max: 4}}, {chars: {min: 5}}]",
        "any_of: [not: {equals: a}, not: {equals: b}]",
        "any_of: [refusal: false, not: {refusal: false}]",
        "all_of: [matches: '.*', any_of: [{that: \"'a' in reply\"}, {that: \"'a' not in reply\"}]]",
        "not: {not: {matches: '.*'}, because: it says so}",
        "not: {all_of: [{equals: a}, {equals: b}]}",
    ],
)
def test_a_check_that_holds_for_any_reply_is_a_finding(project, check):
    """It is told once for its spec, at its place."""
    cases = "cases: [{n: 1}, {n: 1, id: two}]"
    project.write("specs/s.yaml", f"model: echo\n{cases}\nturns:\n- user: Hi\n  id: t\n  expect:\n  - {check}")
    assert found(project) == [("weak", check.partition(":")[0], 7)]
    project.write("specs/s.yaml", f"model: echo\n{cases}\nturns:\n- user: Hi\n  id: t\nexpect:\n- {check}")
    assert found(project) == [("weak", check.partition(":")[0], 7)]


@pytest.mark.parametrize(
    "check",
    [
        "contains: Hi",
        "matches: .",
        "matches: '^[^<]*$'",
        "matches: '^(?!.*sorry)'",
        "not: {contains: sorry}",
        "not: {matches: sorry}",
        "not_called: any",
        "calls: {only: [{tool: a, with: {x: '1'}}]}",
        "calls: {only: [{tool: a, error: false}]}",
        "calls: {only: []}",
        "calls: {exactly: []}",
        "called: {tool: a, times: 0}",
        "words: {max: 50}",
        "chars: {max: 50}",
        "tokens: {total: {max: 5000}}",
        "model_calls: {max: 3}",
        "refusal: false",
        "finish_reason: stop",
        "that: turn.user != reply",
        "python: desk:before",
        "that: usage.output < 1000",
        "that: turn.model_calls == 1",
        "that: \"'sorry' not in reply\"",
        "that: reply != 'sorry'",
        "that: reply | length < 400",
        "that: tool_calls | length <= 2",
        "all_of: [{not: {contains: sorry}}, {matches: '.*'}]",
        "any_of: [{contains: Hi}, {words: {max: 5}}]",
        "all_of: [{not_called: a}, {chars: {max: 50}}]",
        "that: usage.output is none or usage.output < 500",
        "that: turn.latency_s is none or turn.latency_s < 5",
        "that: turn.finish_reason != 'length'",
        "that: turns | length == 1",
        "that: \"'sorry' not in turns[0].reply\"",
        "any_of: [not: {contains: sorry}, contains: because]",
        "any_of: [not: {contains: sorry}, chars: {max: 20}]",
        "any_of: [not: {contains: a}, not: {contains: b}]",
        "any_of: [not: {matches: 'sorr[yi]'}, contains: x]",
        "any_of: [not: {icontains: BYE}, contains: Bye]",
        "any_of: [not: {starts_with: So}, matches: '^So\\b']",
        "any_of: [{chars: {max: 9}}, {chars: {min: 12}}]",
        "any_of: [{chars: {max: 40}}, {matches: '^(\\w+\\s?)+\\.$'}]",
        "any_of: [{tokens: {total: {max: 5000}}}, {not: {contains: x}}]",
        "not: {any_of: [{contains: x}, {contains: z}]}",
        "not: {all_of: [{contains: x}, {contains: z}]}",
    ],
)
def test_a_check_that_some_reply_would_fail_is_none(project, check):
    """Nor are negations, figures, code and what forbids calls."""
    project.write(
        "desk.py", CODE.replace("def before(tool, call):\n        pass", "def before(context):\n        return True")
    )
    expect = f"turns:\n- user: Hi\n  expect:\n  - {check}"
    project.write("specs/s.yaml", f"model: echo\ntools: [desk:a]\nexpect: [{{not_called: a}}]\n{expect}")
    assert [one for one in project.run().findings if one.kind != "orphaned"] == []


def test_prompts_that_were_compared_somewhere_are_checked(project):
    """A first turn has nothing to compare with; the check of every turn is none that compares nothing."""
    project.write("specs/s.yaml", "model: echo\nturns: [{user: Hi}, {user: Ho}]\neach_turn: [{prefix_stable: true}]")
    assert found(project) == []


def test_a_check_may_look_at_turns_that_are_another_or_at_their_calls(project):
    """What a turn said before, or what a tool said in this one, may differ from the reply; the reply itself not."""
    spec = f"model: echo\ntools: [desk:a]\nturns:\n- user: {CALL_A}\n- user: 'Hi'\n  expect:\n  - CHECK\n"
    spec = spec.replace("- user: 'Hi'", """- user: '{{ turns[0].reply }}'""")
    for check in (
        "equals: '{{ turns[0].reply }}'",
        "contains: '{{ turns[0].tool_calls[0].result }}'",
        "that: turns[0].reply == turns[1].reply",
        "that: turns[0].reply == '1'",
        "that: turns[0].tool_calls | length > turns[1].tool_calls | length",
    ):
        project.write("specs/s.yaml", spec.replace("CHECK", check))
        assert (project.run().exit_code, found(project)) == (0, []), check
    project.write("specs/s.yaml", spec.replace("CHECK", "equals: '{{ turns[1].reply }}'"))
    assert found(project) == [("weak", "equals", 7)]


def test_a_template_may_make_a_check_weak_in_one_row(project):
    """The finding names the rows; what fails somewhere with the same value is none."""
    rows = "cases: [{want: Hi}, {want: '.*', id: all}, {want: '', id: none}]"
    spec = f"model: echo\n{rows}\nturns:\n- user: Hi\n  expect:\n  - matches: WANT"
    project.write("specs/s.yaml", spec.replace("WANT", "'^{{ want }}'"))
    (finding,) = project.run().findings
    assert finding.message.endswith("in specs/s.yaml::all, specs/s.yaml::none")
    assert found(project, "specs/s.yaml::none") == [("weak", "matches", 6)]
    project.write("specs/s.yaml", "model: echo\nturns: [{user: Hi}, {user: é}]\neach_turn: [{matches: '^[^é]*$'}]")
    assert found(project, keep_going=True) == []
