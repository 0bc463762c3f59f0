"""Ids, and the cassette files that follow from them."""

from __future__ import annotations

import unicodedata
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convrun.source import Where
from convrun.spec.ids import cassette_file, clashes, conversation_id


def short(identity):
    """The 8 hex digits of an id."""
    return sha256(identity.encode()).hexdigest()[:8]


def test_an_id_is_the_path_and_the_rest():
    """A spec with one conversation is named by its path alone."""
    assert conversation_id("specs/a.yaml") == "specs/a.yaml"
    assert conversation_id("specs/a.yaml", "paris") == "specs/a.yaml::paris"


@pytest.mark.parametrize(
    ("identity", "folder", "file"),
    [
        ("specs/a.yaml", "specs", "a.yaml"),
        ("specs/deep/a.yml", "specs", "deep/a.yaml"),
        ("specs/a.yaml::paris", "specs", "a/paris.yaml"),
        ("other/a.yaml", "specs", "other/a.yaml"),
        ("tests/specs/a.yaml", "tests/specs/", "a.yaml"),
        ("a.yaml", ".", "a.yaml"),
        ("specsy/a.yaml", "specs", "specsy/a.yaml"),
        ("specs/größe.v2_x-1.yaml", "specs", "größe.v2_x-1.yaml"),
        ("specs/हिन्दी.yaml", "specs", "हिन्दी.yaml"),
    ],
)
def test_a_cassette_lies_where_its_spec_does(identity, folder, file):
    """The cassettes are the same tree as the specs."""
    assert cassette_file(identity, folder) == file


@pytest.mark.parametrize(
    ("rest", "part"),
    [
        ("a b", "a-b"),
        ("groq/llama", "groq-llama"),
        ("../../etc", "..-..-etc"),
        ("nul", "nul"),
        ("COM1.x", "COM1.x"),
        ("dot.", "dot."),
        ("a::b", "a--b"),
        ("x" * 81, "x" * 71),
        ("é" * 60, "é" * 35),
        ("😀", "-"),
    ],
)
def test_parts_that_file_systems_do_not_take_are_told_apart(rest, part):
    """A changed, long or reserved part ends in 8 hex digits of the id, and stays within 80 bytes."""
    identity = f"specs/a.yaml::{rest}"
    assert cassette_file(identity) == f"a/{part}-{short(identity)}.yaml"


def test_conversations_of_an_oddly_named_spec_stay_together():
    """The digits in the spec's own path are those of the spec."""
    assert cassette_file("specs/a b.yaml::x") == f"a-b-{short('specs/a b.yaml')}/x.yaml"


def test_unicode_forms_are_one():
    """A name is the same however a file system composes it."""
    composed = "specs/größe.yaml::café"
    assert cassette_file(unicodedata.normalize("NFD", composed)) == cassette_file(composed) == "größe/café.yaml"


@given(st.text(min_size=1), st.text(min_size=1))
def test_different_rests_have_different_files(left, right):
    """No two conversations share a cassette, and no part of a name is unsafe."""
    made = [cassette_file(f"specs/a.yaml::{unicodedata.normalize('NFC', rest)}") for rest in (left, right)]
    assert (made[0] == made[1]) == (unicodedata.normalize("NFC", left) == unicodedata.normalize("NFC", right))
    for file in made:
        folder, _, name = file.partition("/")
        assert folder == "a"
        assert "/" not in name
        assert len(name.encode()) <= 85


def where(file):
    """A place in a file."""
    return Where(file=file, line=1)


def test_ids_that_files_cannot_keep_apart_clash():
    """Ids equal but for case, two suffixes, and a folder beside a spec with cases are each one mistake."""

    def found(*ids):
        return [error.what for error in clashes([(one, where(one.partition("::")[0])) for one in ids])]

    assert found("specs/a.yaml::x", "specs/a.yaml::y", "specs/b.yaml", "specs/b/c.yaml") == []
    assert found("specs/a.yaml::x", "specs/a.yaml::x") == []
    assert len(found("specs/a.yaml", "specs/A.yaml")) == 1
    assert "but for upper and lower case" in found("specs/a.yaml::x", "specs/a.yaml::X")[0]
    assert "but for how accents are encoded" in found("specs/a.yaml::\u00e9", "specs/a.yaml::e\u0301")[0]
    assert found("specs/a.yaml", "specs/a.yml") == ["'specs/a.yml' stands beside 'specs/a.yaml': one cassette for two"]
    assert len(found("specs/a.yaml::x", "specs/a/b.yaml", "specs/a/deep/c.yaml")) == 2
