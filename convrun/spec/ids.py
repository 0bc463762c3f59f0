"""What conversations are called, and the cassette files that follow from it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from hashlib import sha256

from convrun.errors import SpecError
from convrun.source import Where

LONGEST = 80  # bytes of one part of a file name
_SHORT = 40  # characters of a text that stands for itself in an id
_BEGINNING = 24  # characters that are left of a longer one

_SUFFIX = re.compile(r"\.ya?ml$", re.IGNORECASE)
_BRANCH = re.compile(r"(.+\.ya?ml)/(?!.*\.ya?ml$)(.+)", re.IGNORECASE | re.DOTALL)
_RESERVED = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])(?:\..*)?", re.IGNORECASE)


def conversation_id(spec_file: str, rest: str | None = None) -> str:
    """Return the id of a conversation: `specs/a.yaml`, with more than one `specs/a.yaml::paris`."""
    return spec_file if rest is None else f"{spec_file}::{rest}"


def branch_id(trunk: str, name: str) -> str:
    """Return the id of a branch, or of a group of them: `specs/a.yaml/angry`, `specs/a.yaml::paris/angry`."""
    return f"{trunk}/{name}"


def spec_of(identity: str) -> str:
    """Return the path of the spec that an id begins with."""
    return _split(identity)[0]


def rest_of(identity: str) -> str:
    """Return what selects a conversation of its spec: `paris`, `paris/angry`, `/angry`; empty where that has one."""
    spec, rest = _split(identity)
    return "" if rest is None else rest if identity[len(spec) :].startswith("::") else f"/{rest}"


def selected(spec: str, rest: str) -> str:
    """Return the id, or the path, that has this rest behind the path of a spec."""
    return f"{spec}{rest}" if not rest or rest.startswith("/") else conversation_id(spec, rest)


def fits_files(name: str) -> bool:
    """Return whether a name is a part of a cassette's path as it is, and of an id where nothing else begins."""
    return name != "" and _safe(name, name) == name and not name.startswith(".") and not _SUFFIX.search(name)


def sample_id(group: str, sample: int | None) -> str:
    """Return the id of a sample: the first has its group's, `specs/a.yaml`, the second is `specs/a.yaml::@2`."""
    if sample is None or sample == 1:
        return group
    return f"{group}@{sample}" if _split(group)[1] is not None else conversation_id(group, f"@{sample}")


def model_part(name: str) -> str:
    """Return what a model adds to the ids of its conversations."""
    return name.strip()


def text_part(text: str) -> str:
    """Return what a text of a matrix adds to ids: a short line as it is, else its beginning and a digest of it all."""
    if len(text) <= _SHORT and text.isprintable() and text == text.strip():
        return text
    words = "".join(character if _allowed(character) else " " for character in text[: _SHORT * 10]).split()
    beginning = "-".join(words)
    if len(beginning) > _BEGINNING:
        beginning = beginning[: _BEGINNING + 1].rpartition("-")[0] or beginning[:_BEGINNING]
    return f"{beginning.strip('-.') or 'text'}-{_digest(text)}"


def cassette_file(
    identity: str, specs_folder: str = "specs", sample: int | None = None, branches: Sequence[str] = ()
) -> str:
    """Return the path of a conversation's cassette below the cassettes folder, with `/`; `identity` is its group's.

    Of a branch it is the group's of the trunk that all begins with, and `branches` are the names from there on.

    It follows the spec's path below the specs folder (elsewhere: below the root), then the rest of the id. What file
    systems do not take is replaced, and 8 hex digits of the id's sha256 keep it apart: in the spec's path those of the
    spec's own id, so that its conversations stay in one folder. From the second `sample` on its number follows: `@2`.
    """
    identity = unicodedata.normalize("NFC", identity)
    spec, rest = _split(identity)
    folder = unicodedata.normalize("NFC", specs_folder).strip("/").removeprefix("./")
    stem = _stem(spec)
    if folder not in ("", ".") and stem.startswith(f"{folder}/"):
        stem = stem[len(folder) + 1 :]
    parts = [_safe(part, spec) for part in stem.split("/") if part]
    number = f"@{sample}" if sample is not None and sample > 1 else ""
    below = [*([_safe(rest, identity)] if rest is not None else []), *branches]
    if below or number:
        parts += [*below[:-1], "".join(below[-1:]) + number]
    return "/".join(parts) + ".yaml"


def _split(identity: str) -> tuple[str, str | None]:
    """The spec's path and the rest of an id. No branch has the suffix of a spec: the path ends where one last is."""
    spec, found, rest = identity.partition("::")
    if found:
        return spec, rest
    branch = _BRANCH.fullmatch(spec)
    return (branch[1], branch[2]) if branch is not None else (spec, None)


def _stem(spec: str) -> str:
    return _SUFFIX.sub("", spec)


def _safe(part: str, identity: str) -> str:
    """The part as every file system takes it."""
    made = "".join(character if _allowed(character) else "-" for character in part)
    if made == part and len(made.encode()) <= LONGEST and not _RESERVED.fullmatch(made) and not made.endswith("."):
        return made
    short = made.encode()[: LONGEST - 9].decode(errors="ignore")
    return f"{short}-{_digest(identity)}"


def _digest(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]


def _allowed(character: str) -> bool:
    """Whether it is a letter (with its marks) or digit of any script, or one of `._-`."""
    return character in "._-" or unicodedata.category(character)[0] in "LM" or unicodedata.category(character) == "Nd"


def clashes(conversations: Iterable[tuple[str, Where]]) -> list[SpecError]:
    """Return a mistake for each conversation whose id or files get in the way of another's.

    Those are ids that differ in upper and lower case only, `a.yml` beside `a.yaml`, and a folder `a/` of specs beside
    an `a.yaml` that holds several conversations. One that is selected twice is none.
    """
    errors: list[SpecError] = []
    ids: dict[str, tuple[str, Where]] = {}
    files: dict[str, Where] = {}
    several: dict[str, str] = {}  # the stems whose conversations lie in a folder
    for identity, where in conversations:
        errors += _same_id(ids, identity, where)
        spec, rest = _split(identity)
        files.setdefault(spec, where)
        if rest is not None:
            several.setdefault(folded(_stem(spec)), spec)
    return errors + _same_stem(files) + _same_folder(files, several)


def alike(identities: Iterable[str]) -> tuple[str, str] | None:
    """Return the first two that files could not keep apart, the earlier one first; None where there are none."""
    seen: dict[str, str] = {}
    for identity in identities:
        key = folded(identity)
        if key in seen:
            return seen[key], identity
        seen[key] = identity
    return None


def difference(one: str, other: str) -> str:
    """Return in what two ids differ that files could not keep apart."""
    case, accents = "upper and lower case", "how accents are encoded (NFC and NFD)"
    if unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other):
        return accents
    return case if one.casefold() == other.casefold() else f"{case} and {accents}"


def folded(text: str) -> str:
    """Return an id as what cannot tell upper from lower case, nor how accents are encoded, has it."""
    return unicodedata.normalize("NFC", text).casefold()


def _same_id(ids: dict[str, tuple[str, Where]], identity: str, where: Where) -> list[SpecError]:
    other, place = ids.setdefault(folded(identity), (identity, where))
    if other == identity and place == where:
        return []
    how = "the same" if other == identity else f"but for {difference(identity, other)} the same"
    what = f"two conversations have {how} id: {identity!r} and {other!r}"
    return [SpecError(what, where=where, fix="rename one of them")]


def _same_stem(files: dict[str, Where]) -> list[SpecError]:
    errors: list[SpecError] = []
    seen: dict[str, str] = {}
    for spec, where in files.items():
        other = seen.setdefault(folded(_stem(spec)), spec)
        if other != spec and folded(other) != folded(spec):
            errors.append(
                SpecError(
                    f"{spec!r} stands beside {other!r}: one cassette for two", where=where, fix="rename one of them"
                )
            )
    return errors


def _same_folder(files: dict[str, Where], several: dict[str, str]) -> list[SpecError]:
    errors: list[SpecError] = []
    for spec, where in files.items():
        parts = folded(spec).split("/")
        for end in range(1, len(parts)):
            holder = several.get("/".join(parts[:end]))
            if holder is not None:
                what = f"{spec!r} lies in a folder named as {holder!r}, whose cassettes are there"
                errors.append(SpecError(what, where=where, fix="rename the folder or the spec"))
    return errors
