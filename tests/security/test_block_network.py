"""With `block_network`, tools, hooks and checks of a replayed conversation reach nothing beyond this machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from convrun.errors import SettingsError

ELSEWHERE = ("192.0.2.1", 9)  # an address for documentation; a datagram socket sends nothing when it connects
SPEC = """
    model:
      script: [{call: work}, {reply: done}]
    tools: ['desk:work']
    turns:
      - user: Go
        expect: [{equals: done}]
"""
WAYS = {
    "connects": "reach()",
    "asks for the number of the error": "reach(how='connect_ex')",
    "opens a connection": "socket.create_connection(ELSEWHERE, timeout=1)",
    "sends a datagram": "reach(b'', ELSEWHERE, how='sendto')",
    "sends a message": "reach([b''], [], 0, ELSEWHERE, how='sendmsg')",
    "connects over IPv6": "reach(('2001:db8::1', 9), family=socket.AF_INET6)",
    "hides an address in IPv6": "reach(('::ffff:192.0.2.1', 9), family=socket.AF_INET6)",
    "looks a name up": "socket.getaddrinfo('host.invalid', 9)",
    "looks a name up in the old way": "socket.gethostbyname('host.invalid')",
    "looks a number up": "socket.gethostbyaddr('192.0.2.1')",
    "fetches an address": "urllib.request.urlopen('http://192.0.2.1:9/', timeout=1)",
    "fetches with httpx2": "__import__('httpx2').get('http://192.0.2.1:9/', timeout=1, trust_env=False)",
    "runs a coroutine": "asyncio.run(connect(*ELSEWHERE))",
    "starts a thread": "in_thread(reach)",
    "starts a thread in a thread": "in_thread(lambda: in_thread(reach))",
    "asks a pool": "in_pool(reach)",
}
CODE = f"""
    import asyncio, concurrent.futures, contextlib, socket, subprocess, sys, threading, urllib.request

    ELSEWHERE = {ELSEWHERE!r}

    def reach(*arguments, how="connect", family=socket.AF_INET):
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            getattr(one, how)(*(arguments or [ELSEWHERE]))

    def reach_quietly():
        with contextlib.suppress(BaseException):
            reach()

    def in_thread(work):
        def quiet():
            with contextlib.suppress(BaseException):
                work()
        thread = threading.Thread(target=quiet)
        thread.start()
        thread.join()

    def in_pool(work):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()

    async def connect(host, port):
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        await writer.wait_closed()

    def work() -> str:
        BODY
        return "worked"
"""


def blocked(project, body, *, spec=SPEC, code=CODE, **options):
    """Run a spec whose tool does `body`, with the setting; return the result of its only conversation."""
    project.write("convrun.toml", "block_network = true")
    project.write("specs/a.yaml", spec)
    project.write("desk.py", code.replace("BODY", body))
    return project.one(**options)


def refusal(result):
    """The error of a conversation whose code wanted to reach something."""
    assert (result.verdict, result.error.type) == ("error", "BlockedNetworkError")
    return result.error


@pytest.mark.parametrize("body", WAYS.values(), ids=WAYS)
def test_a_tool_that_reaches_beyond_this_machine_is_an_error(project, body):
    """Whichever way a tool takes to another host, its turn is an error that names the tool and the place."""
    error = refusal(blocked(project, body))
    assert error.message.startswith(("tool 'work' wants to reach '", "a thread beside tool 'work' wants to reach '"))
    assert any(place in error.message for place in ("192.0.2.1", "host.invalid", "[2001:db8::1]:9"))
    assert error.message.endswith("and the setting block_network forbids it on replay")
    assert error.fix.startswith("give the tool `policy: replay`")


@pytest.mark.parametrize("kind", ["Exception", "BaseException"])
def test_a_tool_cannot_keep_silent_about_it(project, kind):
    """A tool that swallows the refusal and returns something has made an error all the same."""
    result = blocked(project, f"with contextlib.suppress({kind}): reach()")
    assert refusal(result).message.startswith("tool 'work' wants to reach '192.0.2.1:9'")
    assert (result.turns[0].verdict, result.turns[0].reply) == ("error", None)


def test_an_async_tool_is_watched(project):
    """What a coroutine opens is refused as well."""
    code = CODE.replace("def work() ", "async def work() ")
    assert "'192.0.2.1:9'" in refusal(blocked(project, "await connect(*ELSEWHERE)", code=code)).message


def test_a_tool_with_a_time_limit_is_watched(project):
    """A time limit changes nothing, also where the refusal makes the tool slow."""
    body = "\n        reach_quietly()\n        threading.Event().wait(30)"
    assert "'192.0.2.1:9'" in refusal(blocked(project, body, spec=f"{SPEC}    tool_timeout: 200ms\n")).message


@pytest.mark.parametrize(
    ("when", "parameters"),
    [("before_call", "tool, call"), ("after_call", "tool, call, result"), ("before_conversation", "conversation")],
)
def test_a_hook_that_reaches_beyond_this_machine_is_an_error(project, when, parameters):
    """Every hook is watched; the error names it, and says what a hook can do instead."""
    code = f"{CODE}\n    def note({parameters}):\n        reach_quietly()\n"
    error = refusal(blocked(project, "pass", spec=f"{SPEC}    hooks: {{{when}: 'desk:note'}}\n", code=code))
    assert error.message.startswith("hook 'note' wants to reach '192.0.2.1:9'")
    assert error.fix == "let the hook look at `conversation.replaying`, or remove the setting"


def test_a_hook_is_watched_behind_its_yield(project):
    """What a hook does after the conversation is watched, too."""
    code = f"{CODE}\n    def note(conversation):\n        yield\n        reach()\n"
    result = blocked(project, "pass", spec=f"{SPEC}    hooks: {{before_conversation: 'desk:note'}}\n", code=code)
    assert refusal(result).message.startswith("hook 'note'")
    assert result.turns[0].verdict == "passed"


@pytest.mark.parametrize("method", ["__init__", "prepare"])
def test_a_toolbox_that_reaches_beyond_this_machine_is_an_error(project, method):
    """The constructor of a toolbox and its `prepare` are watched."""
    code = f"""{CODE}
    import convrun
    class Box(convrun.Toolbox):
        def {method}(self):
            reach()
        def work(self) -> str:
            return "worked"
    """
    spec = SPEC.replace("desk:work", "desk:Box").replace("call: work", "call: Box_work")
    assert refusal(blocked(project, "", spec=spec, code=code)).message.startswith("tool 'Box' wants to reach")


def test_a_check_that_reaches_beyond_this_machine_is_an_error(project):
    """A function under `python` is watched: its check is an error that names the place."""
    code = f"{CODE}\n    def fine(context):\n        reach_quietly()\n"
    result = blocked(project, "pass", spec=SPEC.replace("{equals: done}", "{python: 'desk:fine'}"), code=code)
    (check,) = result.turns[0].checks
    assert (result.verdict, check.verdict) == ("error", "error")
    assert "check 'desk:fine' wants to reach '192.0.2.1:9'" in check.message


def test_a_conversation_inside_of_a_tool_is_watched(project):
    """A tool answers for what the tools of its own conversation do, also where it swallows their errors."""
    body = """
        import convrun
        inner = convrun.get_model("echo").conversation(tools=[reaching])
        with contextlib.suppress(Exception):
            inner.chain('{"tool_calls": [{"name": "reaching", "arguments": {}}]}').text()"""
    code = f"{CODE}\n    def reaching() -> str:\n        reach()\n"
    assert refusal(blocked(project, body, code=code)).message.startswith("tool 'work' wants to reach")


def test_what_is_left_in_the_background_is_told_at_the_end(project):
    """A thread that outlives its tool is watched until the conversation is over."""
    code = f"""{CODE}
    told = threading.Event()
    def late():
        told.wait(20)
        reach_quietly()
    thread = threading.Thread(target=late)
    def wait(conversation):
        yield
        told.set()
        thread.join()
    """
    spec = f"{SPEC}    hooks: {{before_conversation: 'desk:wait'}}\n"
    result = blocked(project, "thread.start()", spec=spec, code=code)
    assert refusal(result).message.startswith("a thread beside hook 'wait' wants to reach '192.0.2.1:9'")


def test_a_pool_of_an_earlier_conversation_is_watched(project):
    """A thread that is used again works for the conversation that is going on."""
    code = f"""{CODE}
    pool = concurrent.futures.ThreadPoolExecutor(1)
    calls = []
    def late():
        calls.append(1)
        if len(calls) == 2:
            reach_quietly()
            pool.shutdown(wait=False)
    """
    project.write("convrun.toml", "block_network = true")
    project.write("specs/a.yaml", f"{SPEC}    cases: [{{id: one}}, {{id: two}}]\n")
    project.write("desk.py", code.replace("BODY", "pool.submit(late).result()"))
    first, second = project.run().conversations
    assert first.verdict == "passed"
    assert refusal(second).message.startswith("a thread beside tool 'work' wants to reach '192.0.2.1:9'")


@pytest.mark.parametrize(
    "body",
    [
        "socket.create_connection(('127.0.0.1', PORT)).close()",
        "reach(('127.0.0.5', 9))",
        "socket.create_connection(('localhost', PORT)).close()",
        "socket.create_connection(('LOCALHOST', PORT)).close()",
        "reach(('::1', 9), family=socket.AF_INET6)",
        "reach(('::ffff:127.0.0.1', 9), family=socket.AF_INET6)",
        "socket.getaddrinfo(None, 9)",
        "socket.gethostbyname('localhost')",
        "socket.getaddrinfo(socket.gethostname(), 9)",
        "urllib.request.urlopen('http://localhost:PORT/').close()",
        "asyncio.run(connect('localhost', PORT))",
        "__import__('http.server').server.HTTPServer(('127.0.0.1', 0), None).server_close()",
        "[end.close() for end in socket.socketpair()]",
    ],
)
def test_this_machine_is_excepted(project, loopback, body):
    """Loopback by name or number, the machine's own name and sockets without a network stay open."""
    port = loopback.base_url.rpartition(":")[2].partition("/")[0]
    code = CODE.replace("BODY", "try: BODY\n        except urllib.error.HTTPError: pass")
    result = blocked(project, body.replace("PORT", port), code=code)
    assert (result.verdict, result.turns[0].tool_calls[0].result) == ("passed", "worked")


def test_a_socket_of_the_file_system_is_excepted(project, tmp_path):
    """A Unix socket leads to no network."""
    code = f"""{CODE}
    def served() -> None:
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind("desk.socket")
            server.listen()
            client.connect("desk.socket")
    """
    assert blocked(project, f"contextlib.chdir({str(tmp_path)!r}).__enter__(); served()", code=code).verdict == "passed"


def test_without_the_setting_nothing_is_refused(project):
    """The setting is off where nobody has switched it on."""
    blocked(project, "reach()")
    project.write("convrun.toml", "")
    assert project.one().turns[0].tool_calls[0].result == "worked"


def test_while_recording_nothing_is_refused(project, loopback):
    """Tools of a live conversation do what they do; on the replay of it they are watched."""
    calls = {"id": "c1", "type": "function", "function": {"name": "work", "arguments": "{}"}}
    loopback.says(_reply(tool_calls=[calls]), "done")
    spec = SPEC.replace("script: [{call: work}, {reply: done}]", f"{{name: m, base_url: '{loopback.base_url}'}}")
    assert blocked(project, "reach()", spec=spec, record="all").turns[0].tool_calls[0].result == "worked"
    assert refusal(project.one()).message.startswith("tool 'work' wants to reach")


def test_a_replayed_tool_is_no_error(project):
    """With `policy: replay` the tool is not called: what the error proposes helps."""
    project.write("specs/a.yaml", SPEC.replace("['desk:work']", "[{use: 'desk:work', policy: replay}]"))
    project.write("desk.py", CODE.replace("BODY", "reach()"))
    project.record()
    assert (
        blocked(project, "reach()", spec=SPEC.replace("['desk:work']", "[{use: 'desk:work', policy: replay}]")).verdict
        == "passed"
    )


def test_another_process_is_not_seen(project):
    """What a tool lets another process do is not refused: the guard is no cage."""
    connect = f"socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect({ELSEWHERE!r})"
    result = blocked(project, f'subprocess.run([sys.executable, "-c", "import socket; {connect}"], check=True)')
    assert (result.verdict, result.turns[0].tool_calls[0].result) == ("passed", "worked")


@pytest.mark.parametrize("how", ["connect", "connect_ex", "sendto"])
def test_a_name_given_to_a_socket_itself_is_looked_up_unseen(project, how):
    """The interpreter asks for its number before it tells of the connection; the same name elsewhere is refused."""
    name = f"{'x.' * 150}invalid"  # longer than a name may be: nobody is asked
    before = "b'', " if how == "sendto" else ""
    unseen = blocked(project, f"reach({before}({name!r}, 9), how={how!r})")
    assert (unseen.verdict, unseen.turns[0].tool_calls[0].error.partition(":")[0]) == ("passed", "gaierror")
    assert name in refusal(blocked(project, f"socket.create_connection(({name!r}, 9))")).message


def test_a_name_is_refused_once_it_has_a_number(project):
    """A connection to a name is refused all the same, and shown by its name."""
    assert "'192.0.513:9'" in refusal(blocked(project, "reach(('192.0.513', 9))")).message


def test_the_setting_is_true_or_false(project):
    """Another value is a mistake of the settings."""
    project.write("specs/a.yaml", SPEC)
    project.write("desk.py", CODE)
    project.write("convrun.toml", "block_network = 'yes'")
    with pytest.raises(SettingsError, match="'block_network' must be true or false"):
        project.one()


def _reply(**message):
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": "tool_calls"}
    return {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice]}


def test_the_end_of_the_interpreter_is_quiet():
    """What happens when the modules are cleared already is nothing that the listener stumbles over."""
    code = """
import builtins, os, sys
import convrun.conversation.network as network

class Late:
    def __del__(self, audit=sys.audit, write=os.write, module=network):
        try:
            audit("late")
            write(1, f"cleared: {vars(module)['_EVENTS'] is None}".encode())
        except TypeError as error:
            write(2, str(error).encode())

builtins.kept = network
sys.late = Late()
with network.network_blocked(lambda: True):
    pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("cleared: True", "")
