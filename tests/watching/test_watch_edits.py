"""`convrun run --watch`: what an edit touches runs again, and nothing else does."""

from __future__ import annotations

import os

from servers import reply
from watched import Watched, ran
from watched_projects import TALK, append


def test_an_edit_runs_what_it_touches(touched):
    """The conversations of a base or of a module that another imports; of settings and a new `.env`, all of them."""
    with Watched(touched) as watched:
        every = ran(watched.round())
        assert len(every) == 7
        edits = {
            "specs/_base.yaml": {"specs/based.yaml"},
            "lib/sky.py": {"specs/calls.yaml"},
            ".env": every,
            "convrun.toml": every,
        }
        for name, expected in edits.items():
            append(touched, name)
            text = watched.round()
            assert text.startswith(f"{name} changed: {len(expected)} of 7 conversations\n"), text
            assert ran(text) == expected


def test_edited_modules_are_loaded_anew(touched):
    """What a module said before its edit is gone, also where another module had imported it from there."""
    second = 1_700_000_000
    os.utime(touched.root / "lib/sky.py", (second, second))
    with Watched(touched, PYTHONDONTWRITEBYTECODE="") as watched:
        watched.round()
        # As long as before and in the same second, which is all that Python looks at.
        saved = touched.write("lib/_sky.new", "STATE = 'rainy'")
        os.utime(saved, (second, second + 0.5))
        os.replace(saved, touched.root / "lib/sky.py")
        text = watched.round()
        assert "failed     specs/calls.yaml" in text
        assert "rainy" in text
        touched.write("lib/sky.py", "STATE = 'sunny'")
        assert "passed     specs/calls.yaml" in watched.round()


def test_specs_come_and_go(project):
    """A new spec, one in a new folder, one that is renamed and one that is removed are known without a new start."""
    project.write("specs/a.yaml", TALK)
    with Watched(project) as watched:
        assert ran(watched.round()) == {"specs/a.yaml"}
        project.write("specs/b.yaml", TALK)
        assert ran(watched.round()) == {"specs/b.yaml"}
        project.write("specs/deep/er/c.yaml", TALK)
        assert ran(watched.round()) == {"specs/deep/er/c.yaml"}
        (project.root / "specs/b.yaml").rename(project.root / "specs/deep/d.yaml")
        text = watched.round()
        assert text.startswith("specs/b.yaml, specs/deep/d.yaml changed: 1 of 3 conversations\n")
        assert ran(text) == {"specs/deep/d.yaml"}
        (project.root / "specs/deep/er/c.yaml").unlink()
        assert watched.round().startswith("specs/deep/er/c.yaml changed: 1 conversation less\n")
        project.edit("specs/deep/d.yaml", "user: Hi", "user: Hi ")
        assert watched.round().startswith("specs/deep/d.yaml changed: 1 of 2 conversations\n")


def test_a_watch_may_begin_with_nothing(project):
    """Where there is no spec yet, nor its folder, the first one runs as it appears."""
    with Watched(project) as watched:
        assert "no spec below" in watched.round()
        project.write("specs/a.yaml", TALK)
        assert ran(watched.round()) == {"specs/a.yaml"}


def test_a_recording_made_elsewhere_is_played(project, loopback):
    """A missing conversation runs once another terminal has recorded it, and again when its cassette is edited."""
    project.write("specs/other.yaml", TALK)
    project.write("specs/asked.yaml", TALK.replace("echo", "gpt-4.1-mini"))
    loopback.says(reply("Hi"))
    with Watched(project) as watched:
        assert "missing    specs/asked.yaml" in watched.round()
        recording = ["record", "specs/asked.yaml", "--base-url", loopback.base_url]
        assert project.cli(*recording, OPENAI_API_KEY="sk-loopback-0123456789").returncode == 0
        text = watched.round()
        assert "passed     specs/asked.yaml" in text
        assert ran(text) == {"specs/asked.yaml"}
        project.edit("cassettes/asked.yaml", "text: Hi", "text: Ho")
        assert ran(watched.round()) == {"specs/asked.yaml"}


def test_paths_and_options_still_select(touched):
    """What PATH, -k and -D leave out is not run by any edit."""
    touched.write(
        "specs/named.yaml", "model: echo\nvars: {who: Ann}\nturns: [{user: 'Hi {{ who }}', expect: [{contains: Bo}]}]"
    )
    with Watched(touched, "-k", "named or other", "-D", "who=Bo", "--report", "json=out/x.json") as watched:
        assert ran(watched.round()) == {"specs/named.yaml", "specs/other.yaml"}
        touched.edit("specs/_base.yaml", "echo", "'echo'")
        touched.edit("specs/other.yaml", "user: Hi", "user:  Hi")  # -D is none of its
        assert ran(watched.round()) == {"specs/other.yaml"}
        touched.edit("specs/named.yaml", "user: 'Hi", "user: 'Hello")
        assert "passed     specs/named.yaml" in watched.round()
        assert watched.text.count("conversations\n") == 2


def test_ways_of_saving(project):
    """Another file in its place, several files at once, and a file that is gone for a moment are one edit each."""
    for name in "abc":
        project.write(f"specs/{name}.yaml", TALK)
    with Watched(project) as watched:
        watched.round()
        saved = project.write("specs/.a.yaml.swp", TALK.replace("user: Hi", "user:  Hi"))
        os.replace(saved, project.root / "specs/a.yaml")
        assert ran(watched.round()) == {"specs/a.yaml"}
        for name in "bc":
            (project.root / f"specs/{name}.yaml").unlink()
            project.write(f"specs/{name}.yaml", TALK.replace("user: Hi", "user:  Hi"))
        seen = set()
        while seen != {"specs/b.yaml", "specs/c.yaml"}:  # one edit, or two on a slow machine
            seen |= ran(watched.round())
        assert "specs/a.yaml" not in seen
