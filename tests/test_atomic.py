"""Files are written whole or not at all, whatever comes between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from convrun.atomic import create_file, replace_file, replace_files

OLD, NEW = b"old" * 1000, b"new" * 1000

WRITERS = {
    "replace_file": replace_file,
    "replace_files": lambda path, content: replace_files({path: content}),
    "create_file": create_file,
}
REPLACING = ["replace_file", "replace_files"]
writers = pytest.mark.parametrize("writer", WRITERS)
replacing = pytest.mark.parametrize("writer", REPLACING)


def program(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process of its own, in `folder`, with the writers at hand."""
    start = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        f"from convrun.atomic import create_file, replace_file, replace_files\nnew = {NEW!r}\n"
    )
    return subprocess.run(
        [sys.executable, "-c", start + code], cwd=folder, capture_output=True, text=True, check=False, timeout=30
    )


@writers
def test_a_file_is_written_with_its_folders(tmp_path: Path, writer: str) -> None:
    """The content is there byte for byte, folders are made, and nothing else is in them."""
    path = tmp_path / "a" / "b" / "file"
    content = bytes(range(256)) + b"\r\n"
    WRITERS[writer](path, content)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["file"]


@writers
def test_a_new_file_has_the_usual_rights(tmp_path: Path, writer: str) -> None:
    """What was not there has the rights that any new file gets."""
    (tmp_path / "usual").write_bytes(b"")
    WRITERS[writer](tmp_path / "file", NEW)
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


@replacing
@pytest.mark.parametrize("rights", [0o600, 0o640, 0o444, 0o755])
def test_rights_are_handed_on(tmp_path: Path, writer: str, rights: int) -> None:
    """A file that replaces another has its rights, also where the old one could only be read."""
    path = tmp_path / "file"
    path.write_bytes(OLD)
    path.chmod(rights)
    WRITERS[writer](path, NEW)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (NEW, rights)


def test_what_a_file_kept_to_itself_is_never_open_to_others(tmp_path: Path) -> None:
    """The file beside a private one is private before there is anything in it."""
    (tmp_path / "file").write_bytes(OLD)
    (tmp_path / "file").chmod(0o600)
    found = program(
        tmp_path,
        "def watch(event, args):\n"
        "    if event == 'os.chmod':\n"
        "        print(oct(args[1]), Path(args[0]).stat().st_size)\n"
        "sys.addaudithook(watch)\nreplace_file(Path('file'), new)\n",
    )
    assert (found.stdout, found.returncode) == ("0o600 0\n", 0), found.stderr


@replacing
def test_a_link_gives_way_and_what_it_leads_to_stays(tmp_path: Path, writer: str) -> None:
    """The file takes the place of the link, also of one to nowhere."""
    (tmp_path / "target").write_bytes(OLD)
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("link", "dangling"):
        WRITERS[writer](tmp_path / name, NEW)
        assert not (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_bytes() == NEW
    assert (tmp_path / "target").read_bytes() == OLD
    assert sorted(os.listdir(tmp_path)) == ["dangling", "link", "target"]


@writers
def test_a_folder_that_is_a_link_is_written_into(tmp_path: Path, writer: str) -> None:
    """Links among the folders are followed."""
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to("real")
    WRITERS[writer](tmp_path / "folder" / "file", NEW)
    assert (tmp_path / "real" / "file").read_bytes() == NEW
    assert (tmp_path / "folder").is_symlink()


@pytest.mark.parametrize("there", ["file", "link", "link to nowhere", "folder"])
@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_what_is_created_takes_nobodys_place(tmp_path: Path, there: str, links: bool) -> None:
    """A file, a link or a folder that is there stays, on file systems of both kinds."""
    path, target = tmp_path / "path", tmp_path / "target"
    target.write_bytes(OLD)
    if there == "file":
        path.write_bytes(OLD)
    elif there == "folder":
        path.mkdir()
    else:
        path.symlink_to(target if there == "link" else "nowhere")
    before = sorted(os.listdir(tmp_path))
    refusing = "" if links else _WITHOUT_HARD_LINKS
    done = program(tmp_path, f"{refusing}create_file(Path('path'), new)")
    assert "FileExistsError" in done.stderr
    assert sorted(os.listdir(tmp_path)) == before
    assert target.read_bytes() == OLD


def test_a_file_is_created_without_hard_links_too(tmp_path: Path) -> None:
    """Where the file system has no hard links the file is moved to its place."""
    done = program(tmp_path, f"{_WITHOUT_HARD_LINKS}create_file(Path('file'), new)")
    assert (done.returncode, done.stderr) == (0, "")
    assert (os.listdir(tmp_path), (tmp_path / "file").read_bytes()) == (["file"], NEW)


_WITHOUT_HARD_LINKS = """
def refuse(event, args):
    if event == "os.link":
        raise PermissionError(1, "Operation not permitted")
sys.addaudithook(refuse)
"""


@replacing
@pytest.mark.parametrize("moment", ["os.chmod", "os.rename"])
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are not killed by signals")
def test_a_process_that_is_killed_leaves_the_old_file(tmp_path: Path, writer: str, moment: str) -> None:
    """Killed before the content is written, or before it is moved, it leaves what was there; the next writer works."""
    path = tmp_path / "file"
    path.write_bytes(OLD)
    call = "replace_file(Path('file'), new)" if writer == "replace_file" else "replace_files({Path('file'): new})"
    kill = f"sys.addaudithook(lambda event, _: event == {moment!r} and os.kill(os.getpid(), signal.SIGKILL))\n"
    assert program(tmp_path, kill + call).returncode == -signal.SIGKILL
    assert path.read_bytes() == OLD
    assert len(os.listdir(tmp_path)) == 2  # nobody was left who could have removed the other
    WRITERS[writer](path, NEW)
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "OSError"])
def test_an_interruption_leaves_the_old_file_alone(tmp_path: Path, error: str) -> None:
    """What ends the writing before the move leaves the old file and no other one."""
    (tmp_path / "file").write_bytes(OLD)
    hook = f"def stop(event, _):\n    if event == 'os.rename':\n        raise {error}\nsys.addaudithook(stop)\n"
    assert program(tmp_path, f"{hook}replace_file(Path('file'), new)").returncode != 0
    assert (os.listdir(tmp_path), (tmp_path / "file").read_bytes()) == (["file"], OLD)


@pytest.mark.parametrize(
    "call",
    [
        "replace_file(Path('file'), new)",
        "replace_files({Path('small'): b'small', Path('file'): new})",
        "create_file(Path('other'), new)",
    ],
)
def test_a_full_disk_leaves_the_old_files(tmp_path: Path, call: str) -> None:
    """Where only a part of the content finds room there is an error, and nothing has changed."""
    pytest.importorskip("resource", reason="the size of files cannot be limited")
    (tmp_path / "file").write_bytes(OLD)
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    done = program(tmp_path, f"{limit}try:\n    {call}\nexcept OSError as error:\n    print(error.strerror)\n")
    assert (done.stdout, done.returncode) == ("File too large\n", 0), done.stderr
    assert (os.listdir(tmp_path), (tmp_path / "file").read_bytes()) == (["file"], OLD)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="folders have no rights of this kind")
@pytest.mark.parametrize("name", ["file", "other", "new/file"])
def test_a_read_only_folder_is_an_error(tmp_path: Path, name: str) -> None:
    """Without the right to write in the folder nothing is written, old files stay, and no folder is made."""
    (tmp_path / "file").write_bytes(OLD)
    nobody = "if os.geteuid() == 0:\n    os.setuid(65534)\n"  # root may write everywhere
    tmp_path.chmod(0o555)
    try:
        done = program(
            tmp_path,
            f"{nobody}try:\n    replace_file(Path({name!r}), new)\nexcept PermissionError:\n    print('refused')",
        )
    finally:
        tmp_path.chmod(0o755)
    assert (done.stdout, done.returncode) == ("refused\n", 0), done.stderr
    assert (os.listdir(tmp_path), (tmp_path / "file").read_bytes()) == (["file"], OLD)


@writers
def test_a_file_among_the_folders_is_an_error(tmp_path: Path, writer: str) -> None:
    """No folder can be made where there is a file; it stays."""
    (tmp_path / "file").write_bytes(OLD)
    with pytest.raises(OSError, match="file"):
        WRITERS[writer](tmp_path / "file" / "below", NEW)
    assert (tmp_path / "file").read_bytes() == OLD


@replacing
def test_a_folder_is_not_replaced(tmp_path: Path, writer: str) -> None:
    """A folder in the place of the file is an error, and nothing is left behind."""
    (tmp_path / "folder" / "below").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        WRITERS[writer](tmp_path / "folder", NEW)
    assert os.listdir(tmp_path) == ["folder"]


def test_of_many_files_none_is_moved_before_all_are_written(tmp_path: Path) -> None:
    """Where the last one cannot be written the first ones are not there either."""
    (tmp_path / "file").write_bytes(OLD)
    with pytest.raises(OSError, match="file"):
        replace_files({tmp_path / "first": NEW, tmp_path / "second": NEW, tmp_path / "file" / "below": NEW})
    assert os.listdir(tmp_path) == ["file"]


def test_many_writers_leave_one_whole_file(tmp_path: Path) -> None:
    """Whoever of several is last, the file is that one's in full."""
    code = "for _ in range(50):\n    replace_file(Path('file'), sys.argv[1].encode() * 10_000)\n"
    start = "import sys\nfrom pathlib import Path\nfrom convrun.atomic import replace_file\n"
    running = [subprocess.Popen([sys.executable, "-c", start + code, letter], cwd=tmp_path) for letter in "abcd"]
    seen = set()
    while any(one.poll() is None for one in running):
        if (tmp_path / "file").exists():
            seen.add((tmp_path / "file").read_bytes())
    assert [one.wait() for one in running] == [0, 0, 0, 0]
    seen.add((tmp_path / "file").read_bytes())
    assert seen <= {letter * 10_000 for letter in (b"a", b"b", b"c", b"d")}
    assert os.listdir(tmp_path) == ["file"]
