"""Cassettes on disk: replaced whole or not at all, one recorder at a time, unreadable ones said clearly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cassette_conversations import exchange, tool_conversation

from cassettes import save
from convrun.cassette.files import load
from convrun.cassette.kept.claims import Claim
from convrun.errors import CassetteError


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """A recording comes back from its file, also with line breaks of Windows, and the folder holds nothing else."""
    path = tmp_path / "deep" / "chat.yaml"
    save(path, tool_conversation())
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(path, "x").interactions == tool_conversation().interactions
    assert os.listdir(path.parent) == ["chat.yaml"]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    """Where the file cannot be replaced there is one clear error, and what was there stays."""
    folder = tmp_path / "chat.yaml"
    (folder / "inside").mkdir(parents=True)
    with pytest.raises(CassetteError, match="cannot be written"):
        save(folder, tool_conversation())
    assert os.listdir(tmp_path) == ["chat.yaml"]
    file = tmp_path / "file"
    file.write_text("kept")
    with pytest.raises(CassetteError) as caught:
        save(file / "chat.yaml", tool_conversation())
    assert caught.value.fix
    assert file.read_text() == "kept"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"just a text", "there is no list of 'interactions'"),
        (b"interactions: 3", "there is no list of 'interactions'"),
        (b"interactions: [1]", "interaction 1 has no 'request' and 'response'"),
        (b'{"interactions": [', "not a whole cassette"),
        (b"a: [" * 20_000, "not a whole cassette"),
        (b"a: !!python/object/apply:os.system [ls]", "not a whole cassette"),
    ],
)
def test_what_is_no_cassette_is_said(tmp_path: Path, content: bytes, message: str) -> None:
    """A file that is no cassette gives one error naming the file, whatever is in it."""
    path = tmp_path / "chat.yaml"
    path.write_bytes(content)
    with pytest.raises(CassetteError) as caught:
        load(path, "cassettes/chat.yaml")
    assert message in caught.value.what
    assert caught.value.where is not None
    assert caught.value.where.file == "cassettes/chat.yaml"


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """A cassette that is not there cannot be loaded."""
    with pytest.raises(CassetteError, match="cannot be read: no such file"):
        load(tmp_path / "none.yaml", "none.yaml")


def test_one_recorder_at_a_time(tmp_path: Path) -> None:
    """The second claim is refused until the first is given back; the folder is left as it was found."""
    path = tmp_path / "new" / "chat.yaml"
    first, second = Claim(path, shown_as="chat.yaml"), Claim(path, shown_as="chat.yaml")
    first.take()
    with pytest.raises(CassetteError, match="another process is recording") as caught:
        second.take()
    assert "wait" in str(caught.value.fix)
    first.release()
    second.take()
    second.release()
    assert os.listdir(tmp_path) == []


def test_a_recorder_that_died_leaves_no_lock(tmp_path: Path) -> None:
    """A process killed in the middle of a recording keeps nobody from recording again."""
    path = tmp_path / "chat.yaml"
    program = f"""
import os, signal
from pathlib import Path
from convrun.cassette.kept.claims import Claim
Claim(Path({str(path)!r}), shown_as="x").take()
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], check=False)
    claim = Claim(path, shown_as="x")
    claim.take()
    claim.release()


def test_a_folder_that_cannot_be_written_is_found_before_recording(tmp_path: Path) -> None:
    """The claim fails where no cassette could be written afterwards."""
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(CassetteError, match="cannot be written"):
        Claim(file / "chat.yaml", shown_as="x").take()


def test_rights_survive_replacement(tmp_path: Path) -> None:
    """A replaced cassette keeps the rights of the old file."""
    path = tmp_path / "chat.yaml"
    save(path, exchange([("a", "b")]))
    path.chmod(0o640)
    save(path, tool_conversation())
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_pipes_and_devices_are_no_cassettes(tmp_path: Path) -> None:
    """What may never end is not read at all."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "device.yaml").symlink_to("/dev/zero")
    for name in ("pipe.yaml", "device.yaml"):
        with pytest.raises(CassetteError) as caught:
            load(tmp_path / name, name)
        assert str(caught.value) == f"{name}: cannot be read: not a regular file"
