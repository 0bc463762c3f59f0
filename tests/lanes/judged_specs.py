"""Specs whose checks ask models, and a server that is model, judge and maker of embeddings at once."""

import json

from servers import Answer, reply

SPEC = "specs/a.yaml"
CASSETTE = "cassettes/a.yaml"
SIZE = 1536  # numbers of a vector
WORDS = ("cat", "dog", "rome")  # what texts are about, each a direction


class World:
    """What a loopback server says: the last word to a user, `scores` by rubric to a judge, a vector to a text."""

    def __init__(self, loopback):
        self.loopback = loopback
        self.scores = {}
        self.answers = {}  # other ones of the judge, by rubric
        self.judge = None  # another answer of the judge, whatever is asked
        self.vector = None  # another vector, whatever the text
        loopback.says(self.answer)

    def answer(self, received):
        """What a server says to a request."""
        if received.path.endswith("/embeddings"):
            given = embedded(received.body["input"])
            given = given if self.vector is None else {**given, "embedding": self.vector}
            return {"object": "list", "model": "e", "data": [given], "usage": TOKENS}
        if "response_format" not in received.body:
            return reply(f"You said {received.body['messages'][-1]['content']}")
        if self.judge is not None:
            return self.judge
        asked = received.body["messages"][-1]["content"]
        other = next((answer for rubric, answer in self.answers.items() if rubric in asked), None)
        if other is not None:
            return other
        score = next((score for rubric, score in self.scores.items() if rubric in asked), 0.9)
        return reply(json.dumps({"reason": f"because it is {score}", "score": score}))

    def asked(self):
        """Who was asked since the last time, in order: `model`, `judge`, or `means` and the text."""
        heard = []
        for one in self.loopback.requests:
            if one.path.endswith("/embeddings"):
                heard.append(f"means {one.body['input']}")
            else:
                heard.append("judge" if "response_format" in one.body else "model")
        self.loopback.requests.clear()
        return heard

    @property
    def environ(self):
        """The variables under which it is asked."""
        return {"OPENAI_BASE_URL": self.loopback.base_url, "OPENAI_API_KEY": "sk-loopback-0123456789"}


TOKENS = {"prompt_tokens": 4, "total_tokens": 4}


def embedded(text):
    """The embedding of a text: long, and in the direction of the words that are in it."""
    vector = [0.001 * ((index * 7919) % 13 - 6) for index in range(SIZE)]
    for index, word in enumerate(WORDS):
        vector[index] += 3.0 if word in text.lower() else 0.0
    vector[-1] = len(text) / 1000
    return {"object": "embedding", "index": 0, "embedding": vector}


def refused(status=500):
    """A judge that has no answer."""
    return Answer(status=status, body={"error": {"message": "the judge is ill"}}, headers={"x-should-retry": "false"})


def spec(*turns, **more):
    """A spec with these turns, each a user's text and the checks of it."""
    made = [{"user": user, "expect": list(checks)} for user, *checks in turns]
    return json.dumps({"model": "m", "turns": made, **more})


def judge(rubric, **more):
    """A check that asks a judge."""
    return {"judge": {"rubric": rubric, "model": "j", **more}}


def means(text, **more):
    """A check that asks for embeddings."""
    return {"means": {"like": text, "model": "e", **more}}
