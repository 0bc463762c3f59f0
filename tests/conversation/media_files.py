"""Small files of the types that attachments have, as programs write them."""

from __future__ import annotations

import io
import struct
import wave
import zlib


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png() -> bytes:
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixel) + _chunk(b"IEND", b"")


def _bmp() -> bytes:
    head = struct.pack("<2sIHHI", b"BM", 58, 0, 0, 54)
    return head + struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + b"\0\0\xff\0"


def _wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        sound.writeframes(bytes(16))
    return file.getvalue()


def _iso(brand: bytes, *compatible: bytes) -> bytes:
    head = b"ftyp" + brand + bytes(4) + b"".join(compatible)
    return struct.pack(">I", len(head) + 4) + head + struct.pack(">I", 28) + b"mdat" + bytes(20)


def _riff(kind: bytes, *chunks: bytes) -> bytes:
    data = kind + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(data)) + data


def _ogg(codec: bytes) -> bytes:
    return b"OggS\0\2" + bytes(20) + b"\1" + bytes([len(codec)]) + codec


def _frames(head: bytes, length: int) -> bytes:
    return (head + bytes(length - len(head))) * 3


PNG = _png()
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + b"\xff\xdb\0C\0" + bytes(64) + b"\xff\xd9"
GIF = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
WAV = _wav()
MP3 = b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + _frames(b"\xff\xfb\x90\x64", 417)

BY_TYPE: dict[str, list[bytes]] = {
    "image/png": [PNG],
    "image/jpeg": [
        JPEG,
        b"\xff\xd8\xff\xe1\0\x10Exif\0\0II*\0" + bytes(20),
        b"\xff\xd8\xff\xdb\0C" + bytes(65) + b"\xff\xd9",
        b"\xff\xd8\xff\xee\0\x0eAdobe\0" + bytes(40),
    ],
    "image/gif": [GIF, GIF.replace(b"89a", b"87a")],
    "image/webp": [_riff(b"WEBP", kind, bytes(22)) for kind in (b"VP8 ", b"VP8L", b"VP8X")],
    "image/bmp": [_bmp()],
    "image/tiff": [b"II*\0\x08\0\0\0" + bytes(20), b"MM\0*\0\0\0\x08" + bytes(20)],
    "image/heic": [
        _iso(b"heic", b"mif1", b"heic"),
        _iso(b"heix", b"mif1", b"heix"),
        _iso(b"mif1", b"mif1", b"heic"),
    ],
    "image/avif": [_iso(b"avif", b"mif1", b"avif"), _iso(b"avis", b"msf1"), _iso(b"mif1", b"miaf", b"avif")],
    "image/svg+xml": [b'<svg xmlns="http://www.w3.org/2000/svg"/>'],
    "application/pdf": [PDF, PDF.replace(b"-1.4", b"-2.0")],
    "audio/wav": [WAV, _riff(b"WAVE", b"JUNK", bytes(32), WAV[12:]), _riff(b"WAVE", b"bext", bytes(606), WAV[12:])],
    "audio/mpeg": [
        MP3,
        MP3.replace(b"ID3\4", b"ID3\3"),
        MP3.replace(b"ID3\4", b"ID3\2"),
        _frames(b"\xff\xfb\x90\x64", 417),
        _frames(b"\xff\xfa\x90\x64", 417),
        _frames(b"\xff\xf3\x44\xc4", 144),
        _frames(b"\xff\xf2\x44\xc4", 144),
        _frames(b"\xff\xe3\x44\xc4", 144),
    ],
    "audio/flac": [b"fLaC\0\0\0\x22" + bytes(34)],
    "audio/ogg": [_ogg(b"\1vorbis" + bytes(23)), _ogg(b"OpusHead\1\1" + bytes(9)), _ogg(b"\x7fFLAC\1\0")],
    "audio/mp4": [_iso(b"M4A ", b"M4A ", b"mp42", b"isom"), _iso(b"M4B ", b"M4A ")],
}
OTHERS: dict[str | None, list[bytes]] = {  # what has to be told apart from these
    "video/mp4": [_iso(b"isom", b"isom", b"avc1", b"mp41"), _iso(b"mp42", b"mp42", b"M4A ")],
    "video/quicktime": [_iso(b"qt  ", b"qt  ")],
    "video/avi": [_riff(b"AVI ", b"LIST", bytes(20))],
    "image/jp2": [b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20)],
    None: [
        b"BMW makes cars, and is in Munich.\n",
        b"ID3 tags are about music.\n",
        b"II* is no heading.\n",
        b"hello\n",
        b"a,b\n1,2\n",
        b"a",
        b"\xff",
        b"\0\0\0\x18ftypmif1",
        bytes(range(7, 200)),
    ],
}
