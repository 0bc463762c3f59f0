"""Toolboxes: methods as tools, with one state across turns."""

from __future__ import annotations

import pytest
from scripted_models import calls, says, scripted

import convrun as llm


class Memory(llm.Toolbox):
    """Keys and values."""

    _memory = None
    size = 3

    def _get_memory(self):
        if self._memory is None:
            self._memory = {}
        return self._memory

    def set(self, key: str, value: str):
        """Set something as a key."""
        self._get_memory()[key] = value

    def get(self, key: str):
        """Get something from a key."""
        return self._get_memory().get(key) or ""

    @property
    def whole(self):
        raise AssertionError("a property is no tool and is not evaluated")

    @staticmethod
    def version() -> int:
        """Tell the version."""
        return 1


class BetterMemory(Memory):
    """More of it."""

    def get(self, key: str, default: str = ""):
        """Get something, or the default."""
        return self._get_memory().get(key, default)

    async def clear(self):
        """Forget."""
        self._get_memory().clear()


def test_public_methods_are_the_tools():
    """Each public method is a tool named after its class, without self; what Toolbox itself has is none."""
    tools = Memory().tools()
    assert [tool.name for tool in tools] == ["Memory_set", "Memory_get", "Memory_version"]
    assert tools[0].description == "Set something as a key."
    assert list(tools[0].input_schema["properties"]) == ["key", "value"]


def test_inherited_methods_are_tools_too():
    """A subclass has the methods of its parents under its own name, its own version where it has one."""
    tools = {tool.name: tool for tool in BetterMemory().tools()}
    assert list(tools) == [
        "BetterMemory_set",
        "BetterMemory_get",
        "BetterMemory_version",
        "BetterMemory_clear",
    ]
    assert tools["BetterMemory_get"].description == "Get something, or the default."


def test_a_toolbox_can_have_another_name():
    """tools(as_name) stands in for the class's name, and gives the same tools each time."""
    memory = Memory()
    assert [tool.name for tool in memory.tools("Notes")] == ["Notes_set", "Notes_get", "Notes_version"]
    assert all(one is other for one, other in zip(memory.tools("Notes"), memory.tools("Notes"), strict=True))
    assert Memory.tool_names("Notes") == tuple(tool.name for tool in memory.tools("Notes"))


def test_state_lives_across_turns():
    """What a tool stores in one turn is there in the next."""
    memory = Memory()
    model, script = scripted(
        calls(("Memory_set", {"key": "name", "value": "Simon"})),
        says("ok"),
        calls(("Memory_get", {"key": "name"})),
        says("Simon"),
    )
    conversation = model.conversation(tools=[memory])
    conversation.chain("Set name to Simon").text()
    assert memory._memory == {"name": "Simon"}
    conversation.chain("Print name").text()
    assert script.messages[-1][-1]["content"] == "Simon"


def test_a_class_gets_a_fresh_instance_for_each_conversation():
    """A Toolbox class given as a tool is instantiated once for each conversation."""
    model, script = scripted(
        calls(("Memory_set", {"key": "a", "value": "1"})), says("ok"), calls(("Memory_get", {"key": "a"})), says("ok")
    )
    model.conversation(tools=[Memory]).chain("set").text()
    model.conversation(tools=[Memory]).chain("get").text()
    assert script.messages[-1][-1]["content"] == ""


def test_tools_can_be_added():
    """add_tool() offers functions and tools beside the methods; pass_self hands the toolbox over."""

    def count(self, key: str) -> int:
        """Count."""
        return len(self.get(key))

    def plain(text: str) -> str:
        return text

    memory = Memory()
    memory.add_tool(count, pass_self=True)
    memory.add_tool(plain)
    memory.add_tool(llm.Tool.declared({"name": "declared"}))
    *_, counting, last_but_one, last = memory.tools()
    assert [counting.name, last_but_one.name, last.name] == ["count", "plain", "declared"]
    assert (counting.description, list(counting.input_schema["properties"])) == ("Count.", ["key"])
    memory.set("a", "four")
    assert counting.implementation(key="a") == 4


def test_prepare_is_called_once_before_the_first_use():
    """prepare() may add tools, and is called once."""

    class Dynamic(llm.Toolbox):
        def prepare(self):
            self.add_tool(llm.Tool.declared({"name": "found"}))

    dynamic = Dynamic()
    assert [tool.name for tool in (*dynamic.tools(), *dynamic.tools("Other"))] == ["found", "found"]


@pytest.mark.parametrize("tools", [[Memory, Memory()], [len, llm.Tool.declared({"name": "len"})]])
def test_two_tools_of_one_name_are_refused(tools):
    """Tools of one name are an error when the conversation is made."""
    model, _ = scripted()
    with pytest.raises(llm.ToolDefinitionError):
        model.conversation(tools=tools)


def test_what_is_no_tool_is_refused():
    """A tool that cannot be called is an error when the conversation is made."""
    model, _ = scripted()
    with pytest.raises(llm.ToolDefinitionError, match="'upper' is no tool"):
        model.conversation(tools=["upper"])
