"""`max_attachment`: what is too large is told before anything is sent, whichever way it came in."""

from __future__ import annotations

import base64

import pytest
from counting import calls_made
from media_files import PNG
from scripted_models import calls, says, scripted

import convrun as llm
from convrun.conversation.attachments import MAX_ATTACHMENT

LARGE = PNG + bytes(1000)
LIMIT = len(LARGE) - 1
WHAT = rf"has {len(LARGE):,} bytes, more than the {LIMIT:,} of max_attachment"
URL = f"data:image/png;base64,{base64.b64encode(LARGE).decode()}"


def test_twenty_megabytes_are_the_limit_where_none_is_given():
    """The bytes count, not the longer text that is sent, and the limit itself is allowed."""
    most = PNG + bytes(MAX_ATTACHMENT - len(PNG))
    llm.Attachment(content=most).load()
    for more in (
        llm.Attachment(content=most + b"\0"),
        llm.Attachment(url=f"data:image/png;base64,{base64.b64encode(most + b'xx').decode()}"),
    ):
        with pytest.raises(llm.AttachmentError, match=r"has 20,000,00\d bytes, more than the 20,000,000") as caught:
            more.load()
        assert caught.value.fix == "make it smaller, or raise max_attachment"


@pytest.mark.parametrize("length", range(7))
@pytest.mark.parametrize("escaped", [False, True])
def test_the_bytes_of_a_data_url_are_counted(length, escaped):
    """As many bytes are counted as the URL stands for, written as base64 or as text."""
    content = b"%PDF-1."[: length + 1]
    data = "".join(f"%{byte:02x}" for byte in content) if escaped else ";base64," + base64.b64encode(content).decode()
    url = f"data:application/pdf{',' if escaped else ''}{data}"
    llm.Attachment(url=url).load(len(content))
    if length:
        with pytest.raises(llm.AttachmentError, match=f"has {len(content)} bytes, more than the {length} of"):
            llm.Attachment(url=url).load(length)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    """Of a file of 50 GB nothing is read to say so, and it is named as it was given."""
    path = tmp_path / "film.png"
    path.write_bytes(PNG)
    model, script = scripted(says("ok"))

    def look():
        return model.prompt("Look", attachments=[llm.Attachment(path=path)]).text()

    def refused():
        with pytest.raises(llm.AttachmentError, match=r"film\.png' has 50,000,000,000 bytes, more than the 20,000,000"):
            look()

    text, opened = calls_made(look, of="open")
    assert (text, opened > 0) == ("ok", True)
    with path.open("r+b") as file:
        file.truncate(50_000_000_000)
    assert calls_made(refused, of="open")[1] == 0
    assert len(script.requests) == 1


def test_a_file_that_grows_is_not_read_beyond_the_limit(tmp_path):
    """A file that was small when it was looked at, and is large when it is read, is too large all the same."""
    path = tmp_path / "map.png"
    path.write_bytes(LARGE)
    attachment = llm.Attachment(path=path)
    attachment.check(LIMIT + 1)
    with path.open("ab") as file:
        file.write(bytes(5))
    with pytest.raises(llm.AttachmentError, match="bytes and more, more than"):
        attachment._keep(LIMIT + 1)


@pytest.mark.parametrize("given", [{"content": LARGE}, {"url": URL}])
def test_the_limit_holds_however_an_attachment_comes_in(given):
    """With the prompt, with messages, with a history, with tool results: no request goes out."""
    large = llm.Attachment(**given)
    model, script = scripted(calls(("look", {})), says("ok"))
    conversation = model.conversation(max_attachment=LIMIT, tools=[llm.Tool.function(lambda: "", name="look")])
    for said in ({"attachments": [large]}, {"messages": [llm.user("Look", large)]}):
        with pytest.raises(llm.AttachmentError, match=WHAT):
            conversation.prompt("Look", **said).text()
    with pytest.raises(llm.AttachmentError, match=WHAT):
        model.conversation(max_attachment=LIMIT, history=[llm.user("Look", large)])
    assert script.requests == []
    conversation.prompt("Look").text()
    with pytest.raises(llm.AttachmentError, match=WHAT):
        conversation.prompt(tool_results=[llm.ToolResult("look", "seen", attachments=(large,))]).text()
    assert len(script.requests) == 1
    assert [message.role for message in conversation.history] == ["user", "assistant"]


def test_the_limit_holds_for_tools_that_are_run_by_hand():
    """The model is told by `execute_tool_calls()` as by a chain."""
    model, _ = scripted(calls(("look", {})))
    look = llm.Tool.function(lambda: llm.ToolOutput("seen", attachments=[llm.Attachment(content=LARGE)]), name="look")
    response = model.conversation(max_attachment=LIMIT, tools=[look]).prompt("Look")
    assert [result.output[:6] for result in response.execute_tool_calls()] == ["Error:"]


def test_a_larger_limit_lets_it_through():
    """`max_attachment` of a conversation holds for all its turns, in the place of the 20 MB."""
    model, script = scripted(says("one"), says("two"))
    large = llm.Attachment(content=PNG + bytes(MAX_ATTACHMENT))
    conversation = model.conversation(max_attachment=2 * MAX_ATTACHMENT)
    conversation.prompt("Look", attachments=[large]).text()
    conversation.prompt("Again").text()
    assert len(script.requests) == 2


def test_an_async_conversation_has_the_same_limit(loopback):
    """The limit is that of sync and async conversations alike."""
    import asyncio

    async def asked():
        model = llm.get_async_model("m", base_url=loopback.base_url)
        conversation = model.conversation(max_attachment=LIMIT)
        with pytest.raises(llm.AttachmentError, match=WHAT):
            await conversation.prompt("Look", attachments=[llm.Attachment(content=LARGE)]).text()

    asyncio.run(asked())
    assert loopback.requests == []


def test_a_link_has_no_size():
    """What lies behind a URL is not looked at: how large it may be, its provider says."""
    model, script = scripted(says("ok"))
    link = llm.Attachment(url="https://example.com/a.png")
    model.conversation(max_attachment=1).prompt("Look", attachments=[link]).text()
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("attachments", "told"),
    [
        ([llm.Attachment(content=LARGE)], f"Error: attachment 'content' has {len(LARGE):,} bytes, more than the"),
        ([llm.Attachment(path="no/such.png")], "Error: cannot read attachment 'no/such.png': no such file"),
        ([llm.Attachment(content=b"??")], "Error: the type of attachment 'content' is not known"),
        ([llm.Attachment(content=b"")], "Error: attachment 'content' is empty"),
        (["a.png"], "Error: 'a.png' is no attachment"),
        ("a.png", "Error: attachments is a list, not 'a.png'"),
        (llm.Attachment(content=PNG), "Error: attachments is a list, not the attachment 'content'"),
        (5, "Error: attachments is a list, not 5"),
    ],
)
def test_a_tools_attachment_that_cannot_be_sent_is_the_tools_error(attachments, told):
    """The model is told, as of anything else that a tool does wrong, and the chain goes on."""

    def look():
        """Look."""
        return llm.ToolOutput("seen", attachments=attachments)

    model, script = scripted(calls(("look", {})), says("I could not see it."))
    chain = model.conversation(tools=[look], max_attachment=LIMIT).chain("Look")
    assert chain.text() == "I could not see it."
    assert [message["role"] for message in script.messages[1]] == ["user", "assistant", "tool"]
    assert script.messages[1][2]["content"].startswith(told)
    (result,) = chain.tool_results()
    assert isinstance(result.exception, llm.AttachmentError)


def test_a_tools_file_is_read_when_it_returns(tmp_path):
    """A tool may remove, or write anew, the file that it has handed over."""
    path = tmp_path / "shot.png"

    def shoot(number: int):
        """Take a picture."""
        path.write_bytes(PNG + bytes([number]))
        return llm.ToolOutput(f"shot {number}", attachments=[llm.Attachment(path=path)])

    model, script = scripted(calls(("shoot", {"number": 1}), ("shoot", {"number": 2})), says("Two."))
    model.conversation(tools=[shoot]).chain("Shoot twice").text()
    pictures = [part["image_url"]["url"] for part in script.messages[1][-1]["content"]]
    assert [base64.b64decode(url.partition(",")[2])[-1] for url in pictures] == [1, 2]


def test_a_tool_may_return_an_attachment_alone():
    """It goes to the model as that of a ToolOutput without a text would; within other values it has no place."""
    picture = llm.Attachment(content=PNG)
    model, script = scripted(calls(("look", {}), ("all_of_them", {})), says("A map."))

    def look():
        """Look."""
        return picture

    def all_of_them():
        """Look at all of them."""
        return {"pictures": [picture]}

    model.conversation(tools=[look, all_of_them]).chain("Look").text()
    one, several, shown = script.messages[1][2:]
    assert one["content"] == ""
    assert "attachments go beside the output, in ToolOutput" in several["content"]
    assert len(shown["content"]) == 1


def test_a_hooks_attachment_stops_the_chain():
    """A result that a hook puts in the place of another is held to the limit, too: nothing is sent."""

    def look():
        """Look."""
        return "seen"

    def enlarge(tool, call, result):
        return llm.ToolResult(result.name, result.output, attachments=(llm.Attachment(content=LARGE),))

    model, script = scripted(calls(("look", {})), says("ok"))
    with pytest.raises(llm.AttachmentError, match=WHAT):
        model.conversation(tools=[look], after_call=enlarge, max_attachment=LIMIT).chain("Look").text()
    assert len(script.requests) == 1


@pytest.mark.parametrize("wrong", [0, -1, True, 1.5, "20MB"])
def test_a_limit_is_a_number_of_bytes(wrong):
    """Anything else is refused where it is given, and as an option of a prompt it has no place."""
    model, _ = scripted(says("ok"))
    with pytest.raises(llm.AttachmentError, match="max_attachment is") as caught:
        model.conversation(max_attachment=wrong)
    assert caught.value.fix == "give a number of bytes, as 50_000_000"
    with pytest.raises(llm.ConversationError, match="'max_attachment' is no option") as caught:
        model.prompt("Look", max_attachment=wrong)
    assert caught.value.fix == "give it to conversation()"
