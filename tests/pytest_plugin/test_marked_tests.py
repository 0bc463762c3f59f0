"""`@pytest.mark.convrun` and the fixture `conversation`: tests in Python with a cassette beside them."""

from __future__ import annotations

import pytest

TALK = '''
    import pytest

    pytestmark = pytest.mark.convrun(model="echo")


    def upper(text: str) -> str:
        """Return the text in capitals."""
        return text.upper()


    class TestDesk:
        @pytest.mark.convrun(system="Be brief.", tools=[upper], chain_limit=3)
        def test_tools(self, conversation):
            call = '{"tool_calls": [{"name": "upper", "arguments": {"text": "panda"}}]}'
            assert conversation.chain(call).text() == "PANDA"
            assert conversation.history[0].role == "system"


    @pytest.mark.parametrize("city", ["Paris", "京都", "a/b:c"])
    def test_cities(conversation, city):
        assert conversation.prompt(f"To {city}").text() == f"To {city}"
'''


@pytest.fixture
def talking(suite):
    """A project of which one test is recorded, with the line that the test says."""
    suite.write("test_talk.py", TALK)
    suite.passes("--convrun-record=once", passed=4)
    return suite


def test_conversations_are_recorded_beside_the_test(talking):
    """Each test has its own cassette, in names that every file system takes; they play in any order and process."""
    found = {file.relative_to(talking.root).as_posix() for file in talking.root.rglob("cassettes/**/*.yaml")}
    assert len(found) == 4
    assert "cassettes/test_talk/TestDesk.test_tools.yaml" in found
    assert all(file.startswith("cassettes/test_talk/") and not set(file) & set(':*?"<>|[]') for file in found)
    talking.passes("-n1", "-W", "error", "--strict-markers", passed=4)


def test_a_change_is_told(talking):
    """A request that was not recorded fails its test at the line of the test, with the change and how to record it."""
    talking.edit("test_talk.py", "Be brief.", "Be long.")
    result = talking.passes("-k", "tools", failed=1)
    output = result.stdout.str()
    assert "- Be brief." in output
    assert "+ Be long." in output
    command = "pytest --convrun-record=new_episodes test_talk.py::TestDesk::test_tools"
    result.stdout.fnmatch_lines(["*assert conversation.chain(call)*", f"*record it: {command}*"])
    assert "conversation.py:" not in output  # none of our own frames
    talking.passes("-k", "tools", "--convrun-record=new_episodes", passed=1)
    talking.passes("-k", "tools", passed=1)


def test_what_is_not_asked_for_is_an_error(talking):
    """A test that passes but asks for less than its cassette holds fails afterwards; one that fails fails once."""
    talking.edit(
        "test_talk.py", 'assert conversation.prompt(f"To {city}").text() == f"To {city}"', "assert city != 'Paris'"
    )
    result = talking.pytest("-k", "cities", code=1)
    assert result.parseoutcomes() == {"passed": 2, "failed": 1, "errors": 2, "deselected": 1}
    result.stdout.fnmatch_lines(["cassettes/test_talk/test_cities-*: no model was called in the block"])
    assert "Traceback" not in result.stdout.str()


def test_a_failed_test_records_nothing(suite):
    """What a test recorded that then failed, or skipped itself, is not kept."""
    suite.write(
        "test_talk.py",
        """
        import pytest

        @pytest.mark.convrun(model="echo")
        @pytest.mark.parametrize("way", ["fail", "skip"])
        def test_talk(conversation, way):
            conversation.prompt("Hi").text()
            pytest.skip("not now") if way == "skip" else pytest.fail("no")
        """,
    )
    suite.passes("--convrun-record=all", failed=1, skipped=1)
    assert not list(suite.root.rglob("cassettes/**/*.yaml"))


MISTAKES = {
    "mdel='echo'": ("(mdel=…): there is no such argument", "did you mean 'model'?"),
    "temperature=0": ("(temperature=…): there is no such argument", "options of the provider stand in options={'te*"),
    "'echo'": ("('echo'): its arguments have names", "write model=*"),
    "model='m', record='all'": ("(record=…): record is no argument of the marker", "use --convrun-record=all"),
}
WRONG_VALUES = {
    "model='opanai/x'": "did you mean 'openai'?",
    "model='echo', tools=[3]": "3 is no tool",
    "model=convrun.get_model('echo'), timeout=3": "beside a model that is made already",
    "model='echo', ignore='/a'": "ignore=['/a']",
}


def marked(suite, mistakes, parameter="conversation"):
    """Write a test for each marker, and one that is right."""
    tests = "".join(
        f"@pytest.mark.convrun({arguments})\ndef test_{number}({parameter}):\n    pass\n\n"
        for number, arguments in enumerate(mistakes)
    )
    suite.write("test_wrong.py", f"import convrun\nimport pytest\n\n{tests}\ndef test_right():\n    pass\n")


@pytest.mark.parametrize("parameter", ["conversation", ""])
def test_mistakes_in_markers_are_told_before_anything_runs(suite, parameter):
    """All wrong arguments are one error of the collection, each with its line, also where the fixture is not used."""
    marked(suite, MISTAKES, parameter)
    result = suite.pytest(code=2)
    assert result.parseoutcomes() == {"errors": 1}
    for number, (said, fix) in enumerate(MISTAKES.values()):
        line = f"test_wrong.py:{4 + 4 * number}: @pytest.mark.convrun{said}"
        result.stdout.fnmatch_lines([line, f"  {fix}"], consecutive=True)


def test_wrong_values_in_markers_are_named(suite):
    """A wrong value is an error of its test that says what is wrong, without a traceback."""
    marked(suite, WRONG_VALUES)
    result = suite.passes("--tb=short", "--convrun-record=once", passed=1, errors=len(WRONG_VALUES))
    output = result.stdout.str()
    for arguments, said in WRONG_VALUES.items():
        assert said in output, arguments
    assert "Traceback" not in output
    assert "marked.py" not in output
    assert "During handling" not in output


def test_a_marker_that_does_nothing_is_pointed_out(suite):
    """A test with the marker that never has the fixture fails; one that gets it by name, or from a class, does not."""
    suite.write(
        "test_talk.py",
        """
        import pytest

        @pytest.mark.convrun(model="echo")
        def test_without():
            pass

        @pytest.mark.convrun(model="echo")
        def test_by_name(request):
            assert request.getfixturevalue("conversation").prompt("Hi").text() == "Hi"

        @pytest.mark.convrun(model="echo")
        class TestOthers:
            def test_without(self):
                pass
        """,
    )
    result = suite.passes("--convrun-record=once", passed=2, failed=1)
    result.stdout.fnmatch_lines(["@pytest.mark.convrun(…) does nothing: the test has no `conversation`", "  give it *"])


def test_one_test_has_one_cassette(suite):
    """A test with the fixture and the marker of pytest-recording is refused: one would record what the other plays."""
    suite.write("test_both.py", "import pytest\n\n@pytest.mark.vcr\ndef test_both(conversation):\n    pass\n")
    suite.passes(errors=1).stdout.fnmatch_lines(["the test has two cassettes: *"])


def test_classes_of_one_name_have_a_cassette_each(suite):
    """The cassette of a test in nested classes has the names of all of them: none replaces another."""
    suite.write(
        "test_talk.py",
        """
        import pytest

        pytestmark = pytest.mark.convrun(model="echo")

        class TestA:
            class TestX:
                def test_y(self, conversation):
                    assert conversation.prompt("one").text() == "one"

        class TestB:
            class TestX:
                def test_y(self, conversation):
                    assert conversation.prompt("two").text() == "two"
        """,
    )
    suite.passes("--convrun-record=all", passed=2)
    found = sorted(file.name for file in suite.root.glob("cassettes/test_talk/*"))
    assert found == ["TestA.TestX.test_y.yaml", "TestB.TestX.test_y.yaml"]
    suite.passes(passed=2)


def test_two_tests_with_one_cassette_are_an_error(suite):
    """Names that differ in case only are one file to some systems: neither test runs, each names both, also alone."""
    suite.write(
        "test_talk.py",
        """
        import pytest

        pytestmark = pytest.mark.convrun(model="echo")

        def test_talk(conversation):
            conversation.prompt("one").text()

        def test_Talk(conversation):
            conversation.prompt("two").text()
        """,
    )
    one, other = "'test_talk.py::test_talk'", "'test_talk.py::test_Talk'"
    result = suite.passes("--convrun-record=all", errors=2)
    for pair in ((one, other), (other, one)):
        result.stdout.fnmatch_lines(
            [f"*: two tests have one cassette: {pair[0]} and {pair[1]}", "  rename one of them"]
        )
    suite.passes("--convrun-record=all", "test_talk.py", "--deselect", "test_talk.py::test_talk", errors=1)
    assert not (suite.root / "cassettes").exists()
