"""MIME types of files: by their names, and by their first bytes, for which a library is asked.

Providers look at the bytes and refuse what is not of the type that it is said to be, so bytes go before a name.
"""

from __future__ import annotations

HEAD = 4096  # bytes of a file's beginning that are looked at

_BY_SUFFIX = {  # our own: the standard library's table differs from system to system
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "heic": "image/heic",
    "avif": "image/avif",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
}
_KNOWN = frozenset(_BY_SUFFIX.values())
_USUAL = {  # a file that begins as its name says needs no library: importing it takes 20 to 80 ms
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "application/pdf": b"%PDF-",
}
_CONTAINED = {  # what an ISO container holds, by its brand
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"hevx": "image/heic",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
}
_ANY_IMAGE = (b"mif1", b"msf1")  # brands that leave it to the compatible ones what kind of image it is


def type_of_name(name: str) -> str | None:
    """Return the type that the suffix of a file's name stands for; None where it is not known."""
    return _BY_SUFFIX.get(name.rpartition(".")[2].lower())


def type_of(head: bytes, named: str | None = None) -> str | None:
    """Return the type of a file that begins so, and whose name says that it is `named`; None where nothing shows it."""
    usual = _USUAL.get(named or "")
    if usual is not None and head.startswith(usual):
        return named
    seen = _type_of_bytes(head)
    return seen if named is None or seen in _KNOWN else named


def _type_of_bytes(head: bytes) -> str | None:
    """The type as the bytes show it: in our own words where the library has none, or wrong ones, else in its."""
    if head[4:8] == b"ftyp" and (held := _held(head)) is not None:
        return held
    if _is_mp3(head):
        return "audio/mpeg"
    if head.startswith(b"BM"):  # two letters that a text may begin with as well; four bytes behind them are reserved
        return "image/bmp" if head[6:10] == bytes(4) else None
    return _found(head)


def _held(head: bytes) -> str | None:
    """What an ISO container holds, where it is an image or sound alone."""
    brand = head[8:12]
    if brand not in _ANY_IMAGE:
        return _CONTAINED.get(brand)
    compatible = range(16, min(int.from_bytes(head[:4], "big"), len(head)), 4)
    return next((_CONTAINED[one] for at in compatible if (one := head[at : at + 4]) in _CONTAINED), None)


def _is_mp3(head: bytes) -> bool:
    """Whether it begins with a tag, or a frame of layer III with a version, a bit rate and a sample rate that exist."""
    if head.startswith(b"ID3"):
        return len(head) > 3 and head[3] < 16  # its version; else a text about tags
    if len(head) < 4:
        return False
    begins = head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[1] & 0x18 != 0x08
    return begins and head[2] >> 4 not in (0, 15) and head[2] & 0x0C != 0x0C


def _found(head: bytes) -> str | None:
    """What the library finds: by its suffixes, as its types differ from version to version, and are few."""
    import puremagic  # only where bytes have to be looked at

    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):  # unknown; empty
        return None
    for match in matches:
        ours = _BY_SUFFIX.get(match.extension.lstrip("."))
        if ours is not None and ours != "audio/mpeg":
            return ours
        theirs: str = match.mime_type
        if ours is None and theirs and theirs not in _KNOWN and match.confidence >= 0.4:  # four bytes of it
            return theirs
    return None
