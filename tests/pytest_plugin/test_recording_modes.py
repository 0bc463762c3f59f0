"""When conversations and tests go live: never by themselves, and by which option."""

from __future__ import annotations

import pytest

TEST = """
    import pytest

    @pytest.mark.convrun(model="m", base_url={address!r}, system="Be brief.")
    def test_talk(conversation):
        assert conversation.prompt("Hi").text() == "Hello"
"""


@pytest.fixture
def live(suite, loopback, monkeypatch):
    """A spec and a test whose model is on loopback, neither recorded."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-key-of-this-test")
    loopback.says("Hello")
    model = f"{{name: m, base_url: '{loopback.base_url}'}}"
    suite.write("convrun.toml", f"base_urls = ['{loopback.base_url}']\n")
    suite.write("specs/a.yaml", f"model: {model}\nturns: [{{user: Hi, expect: [{{equals: Hello}}]}}]\n")
    suite.write("tests/test_a.py", TEST.format(address=loopback.base_url))
    return suite


def test_nothing_goes_live_by_itself(live, loopback):
    """Without an option what is not recorded is missing; the error of a test says how to record it."""
    result = live.passes(failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "tests/cassettes/test_a/test_talk.yaml: there is no such cassette, and nothing goes live by itself",
            "  record it: pytest --convrun-record=once tests/test_a.py::test_talk",
            "MISSING 1 recording",
            "1 missing: convrun record specs/a.yaml",
        ]
    )
    assert loopback.requests == []


@pytest.mark.parametrize(
    "options",
    [
        ("--record-mode=once",),  # that of pytest-recording
        ("--record-mode=once", "-p", "no:recording"),  # ours
        ("--record-mode=none", "--convrun-record=once"),  # the nearer one
    ],
)
def test_an_option_records(live, loopback, options):
    """Specs and tests are recorded once, by the option of pytest-recording or by ours, and played from then on."""
    live.passes(*options, passed=2)
    assert len(loopback.requests) == 2
    files = [live.root / "cassettes/a.yaml", live.root / "tests/cassettes/test_a/test_talk.yaml"]
    before = [file.read_bytes() for file in files]
    assert not any(b"sk-the-key" in content for content in before)
    live.passes(*(["-n1"] if len(options) == 1 else []), passed=2)  # in another process: once is enough
    live.passes(*options, passed=2)
    assert len(loopback.requests) == 2
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize("named", [[], ["-p", "pytest_recording.plugin"], ["conftest"]], ids=["", "-p", "conftest"])
def test_the_option_is_there_whatever_is_loaded(live, loopback, monkeypatch, named):
    """`--record-mode` is ours where pytest-recording is there but not loaded, and its own however that is loaded."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    if named == ["conftest"]:
        live.write("conftest.py", "pytest_plugins = ['pytest_recording.plugin']\n")
    options = ["-p", "convrun.pytest_plugin", "--record-mode=once", *(named if "-p" in named else [])]
    live.passes(*options, "tests", passed=1)
    assert len(loopback.requests) == 1


def test_rewriting_is_recording_anew(live, loopback):
    """`rewrite`, which pytest-recording has, asks again for what is recorded; our own option is nearer."""
    live.passes("--record-mode=once", passed=2)
    live.passes("--record-mode=rewrite", passed=2)
    assert len(loopback.requests) == 4
    live.passes("--record-mode=all", "--convrun-record=none", passed=2)
    assert len(loopback.requests) == 4


def test_stock_tests_of_pytest_recording_are_left_alone(suite, loopback):
    """A test marked for pytest-recording records and plays its cassette as it would without us, or in our format."""
    loopback.says("Hello")
    suite.write(
        "test_stock.py",
        f"""
        from urllib.request import Request, urlopen

        import pytest

        def ask():
            with urlopen(Request({loopback.base_url!r}, b'{{"messages": []}}')) as answer:
                return answer.read()

        @pytest.mark.vcr
        def test_stock():
            assert b"Hello" in ask()

        class TestOurs:
            @pytest.fixture
            def vcr_config(self):
                return {{"serializer": "convrun", "path_transformer": lambda path: f"{{path}}.yaml"}}

            @pytest.mark.vcr
            @pytest.mark.block_network
            def test_ours(self):
                assert b"Hello" in ask()
        """,
    )
    suite.passes("--record-mode=once", passed=2)
    assert "interactions" in (suite.root / "cassettes/test_stock/test_stock.yaml").read_text("utf-8")
    assert "convrun" in (suite.root / "cassettes/test_stock/TestOurs.test_ours.yaml").read_text("utf-8").splitlines()[0]
    assert len(loopback.requests) == 2
    suite.passes("-n1", passed=2)
    suite.passes("-k", "test_stock and not ours", "-p", "no:convrun", "-p", "no:convrun.pytest_plugin", passed=1)
    assert len(loopback.requests) == 2


PRICED = """
    import pytest
    from convrun import get_model

    @pytest.mark.convrun(model="gpt-4.1-mini", provider="openai", base_url={address!r})
    def test_talk(conversation):
        assert conversation.prompt("Hi").text() == "Hello"

    @pytest.mark.convrun(model="gpt-4.1-mini", provider="openai", base_url={address!r})
    def test_more(conversation):
        assert conversation.prompt("Ho").text() == "Hello"
"""


@pytest.fixture
def priced(live, loopback):
    """A spec and two tests whose model has a price."""
    live.write(
        "specs/a.yaml",
        f"model: {{name: gpt-4.1-mini, provider: openai, base_url: '{loopback.base_url}'}}\n"
        "turns: [{user: Hi, expect: [{equals: Hello}]}]\n",
    )
    live.write("tests/test_a.py", PRICED.format(address=loopback.base_url))
    return live


def test_a_session_says_what_it_spent(priced, loopback):
    """Specs and tests together, also where workers of xdist made the calls; a replay says nothing of it."""
    result = priced.passes("--convrun-record=once", "-n2", passed=3)
    result.stdout.fnmatch_lines(["spent less than $0.0001 (3 live calls, 15 tokens)"])
    result = priced.passes("--convrun-record=once", passed=3)
    result.stdout.no_fnmatch_line("spent*")
    assert len(loopback.requests) == 3


def test_a_session_has_a_limit(priced, loopback):
    """Once it is reached neither a spec nor a test makes another call."""
    result = priced.passes(
        "--convrun-record=all", "--convrun-max-cost=0.000001", "-p", "no:randomly", passed=1, failed=2
    )
    result.stdout.fnmatch_lines(["*--convrun-max-cost 0.000001 is reached after $0.0000; the call was not made*"])
    assert len(loopback.requests) == 1


def test_a_limit_is_an_amount(priced, loopback):
    """What is none is refused by pytest as a wrong option."""
    result = priced.pytest("--convrun-record=once", "--convrun-max-cost=nan", code=4)
    assert "--convrun-max-cost 'nan' is no number of dollars from 0 on" in result.stderr.str()
    assert loopback.requests == []
