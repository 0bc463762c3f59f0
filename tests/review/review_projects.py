"""A project whose spec is recorded from a server, and recorded again with other answers."""

from __future__ import annotations

from servers import reply

CODE = '''
    """Prices."""

    def price(city: str, days: int = 1) -> str:
        """What a room costs."""
        return f"{days * len(city)} euros"

    def polite(context):
        """A check of the project's own."""
        return True
'''
SPEC = """
    model: gpt-4.1-mini
    system: You sell rooms.
    tools: ['desk:price']
    turns:
      - user: Hello
        expect: [{contains: Welcome}]
      - id: paris
        user: What is a room in Paris?
        expect:
          - called: {tool: price, with: {city: Paris}}
          - contains: '5'
      - user: Thanks
"""
HELLO = reply("Welcome!")
ASK = reply(calls={"price": {"city": "Paris"}})
TELL = reply("It is 5 euros.")
BYE = reply("You are welcome.")
SCRIPT = [HELLO, ASK, TELL, BYE]
NAME = "specs/desk.yaml"
CASSETTE = "cassettes/desk.yaml"
KEYED = {"OPENAI_API_KEY": "sk-loopback-0123456789"}


class Desk:
    """The project; its conversation is recorded at once, from a server on loopback."""

    def __init__(self, project, loopback):
        self.project = project
        self.root = project.root
        self.loopback = loopback
        project.write("desk.py", CODE)
        project.write(NAME, SPEC)
        self.record(*SCRIPT)

    def record(self, *answers, name=NAME):
        """Record the conversation anew, with these answers."""
        self.loopback.answers[:] = []
        self.loopback.says(*answers)
        return self.project.record(name, environ=KEYED, base_url=self.loopback.base_url)

    def copy(self, name):
        """Copy the cassette to a file of this name in the project; return its path."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((self.root / CASSETTE).read_bytes())
        return target
