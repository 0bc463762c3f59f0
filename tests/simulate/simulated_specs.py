"""Specs whose user a model plays, and a server that is the tested model and the user at once."""

import json

from servers import reply

SPEC = "specs/a.yaml"
CASSETTE = "cassettes/a.yaml"
USER = "You play a user"  # how the instructions of the model begin that plays one
TOOLS = """
    def refund(order: int) -> str:
        "Pay an order back."
        return f"refunded {order}"
"""


class World:
    """What a loopback server says: to the user `says` in order, by how often it spoke; the model says `model: <user>`.

    What a user says with "refund" in it makes the model call the tool of that name.
    """

    def __init__(self, loopback):
        self.loopback = loopback
        self.says = ["I want my money", "It is 1042", "refund it now", "bye"]
        self.word = "model"
        loopback.says(self.answer)

    def answer(self, received):
        """What a server says to a request."""
        messages = received.body["messages"]
        if of_user(received):
            place = sum(one["role"] == "assistant" for one in messages)
            said = self.says[min(place, len(self.says) - 1)]
            return reply(said) if isinstance(said, str) else said
        last = messages[-1]
        if last["role"] == "user" and "refund" in last["content"]:
            return reply(calls={"refund": {"order": 1042}})
        return reply(f"{self.word}: {last['content']}")

    def asked(self):
        """Who was asked since the last time, in order: `model` or `user`."""
        heard = ["user" if of_user(one) else "model" for one in self.loopback.requests]
        self.loopback.requests.clear()
        return heard

    @property
    def environ(self):
        """The variables under which it is asked."""
        return {"OPENAI_BASE_URL": self.loopback.base_url, "OPENAI_API_KEY": "sk-loopback-0123456789"}


def of_user(received):
    """Whether a request is to the model that plays the user."""
    first = received.body["messages"][0]
    return first["role"] == "system" and first["content"].startswith(USER)


def simulate(goal="Get a refund.", **more):
    """A turn of a simulated user; `expect`, `id` and the like are keys of the turn, all else those of `simulate`."""
    beside = {key: more.pop(key) for key in ("expect", "id", "system", "skip", "known_failure") if key in more}
    return {"simulate": {"goal": goal, **more}, **beside}


def spec(*turns, **more):
    """A spec with these turns: texts of a user, or whole turns."""
    made = [{"user": one} if isinstance(one, str) else one for one in turns]
    return json.dumps({"model": "m", "turns": made, **more})


def scripted(*lines, model=("a", "b", "c", "d", "e", "f"), turns=None, **simulated):
    """A spec that runs offline: the model and the user say these lines."""
    user = {"script": [{"reply": line} for line in lines]}
    found = turns or [simulate(model=user, **simulated)]
    return spec(*found, model={"script": [{"reply": line} for line in model]})
