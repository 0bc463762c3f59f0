"""The key `samples`, and what samples are called."""

from __future__ import annotations

import pytest

from convrun.errors import SpecErrors
from convrun.spec.ids import cassette_file, sample_id
from convrun.spec.loading import load_spec
from convrun.spec.model import SamplesSpec


@pytest.fixture
def loaded(tmp_path):
    """Reads a spec with this value for `samples`."""

    def load(value):
        (tmp_path / "a.yaml").write_text(f"turns: [{{user: Hi}}]\nsamples: {value}\n", "utf-8")
        return load_spec(tmp_path / "a.yaml", tmp_path).samples

    return load


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("{times: 5, pass: 4}", SamplesSpec(times=5, needed=4)),
        ("{times: 5}", SamplesSpec(times=5, needed=5)),
        ("{times: 1, pass: 1}", SamplesSpec(times=1, needed=1)),
        ("{times: 1000, pass: 1}", SamplesSpec(times=1000, needed=1)),
    ],
)
def test_all_samples_must_pass_unless_the_spec_says_how_many(loaded, value, read):
    """`times` is needed, and `pass` is as many by default."""
    assert loaded(value) == read


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("5", "a.yaml:2:10: expected a mapping for samples, got the number 5: write {times: 5}: all must pass then"),
        ("true", "a.yaml:2:10: expected a mapping for samples, got true: write {times: 5}: all must pass then"),
        ("[5]", "a.yaml:2:10: expected a mapping for samples, got a list: write {times: 5}: all must pass then"),
        ("{pass: 4}", "a.yaml:2:10: samples needs the key 'times'"),
        ("{times: 0}", "a.yaml:2:18: expected a whole number from 1 on, got the number 0: write how many conv"),
        ("{times: 2.5}", "a.yaml:2:18: expected a whole number from 1 on, got the number 2.5"),
        ("{times: 1001}", "a.yaml:2:18: 1,001 samples are more than 1,000"),
        ("{times: 5, pass: 0}", "a.yaml:2:27: expected a whole number from 1 on, got the number 0"),
        (
            "{times: 5, pass: 80%}",
            "a.yaml:2:27: expected a whole number from 1 on, got the text '80%': write how many of",
        ),
        ("{times: 5, pass: 6}", "a.yaml:2:27: 6 samples are to pass, of 5: write a number from 1 to 5"),
        ("{tims: 5}", "a.yaml:2:11: unknown key 'tims' in samples: did you mean 'times'?"),
        ("{times: 5, min_pass: 4}", "a.yaml:2:21: unknown key 'min_pass' in samples: did you mean 'pass'?"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(loaded, value, said):
    """One mistake, with what to write instead."""
    with pytest.raises(SpecErrors) as caught:
        loaded(value)
    (error,) = caught.value.errors
    assert f"{error.where}: {error.what}: {error.fix}".startswith(said)


@pytest.mark.parametrize(
    ("group", "identity", "file"),
    [
        ("specs/a.yaml", "specs/a.yaml::@2", "a/@2.yaml"),
        ("specs/a.yaml::paris", "specs/a.yaml::paris@2", "a/paris@2.yaml"),
        ("specs/a.yaml::paris-gpt-5", "specs/a.yaml::paris-gpt-5@2", "a/paris-gpt-5@2.yaml"),
    ],
)
def test_the_number_stands_behind_all_else_from_the_second_on(group, identity, file):
    """Sample 1 is called as if there were no samples: raising their number renames none."""
    assert sample_id(group, 2) == identity
    assert cassette_file(group, "specs", 2) == file
    assert sample_id(group, 1) == sample_id(group, None) == group
    assert cassette_file(group, "specs", 1) == cassette_file(group, "specs")


def test_a_sample_has_no_cassette_of_a_case_that_is_called_like_it():
    """A case whose id ends in a number of a sample has another file."""
    assert cassette_file("specs/a.yaml::paris@2", "specs") != cassette_file("specs/a.yaml::paris", "specs", 2)
