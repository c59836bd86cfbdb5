"""What a file may be shown as in place: decided by its first bytes, whatever its name or its sender says it is.

Only pictures and sounds that no browser runs scripts in: never SVG or HTML (https://mimesniff.spec.whatwg.org/).
"""

from __future__ import annotations

_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"OggS\x00", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"#!AMR", "audio/amr"),
    (b"fLaC", "audio/flac"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_SOUND_BRANDS = (b"M4A ", b"M4B ", b"mp42", b"isom", b"iso2", b"dash")


def shown_as(data: bytes, said: str = "") -> str:
    """The media type under which *data* may stand on a page, "" where it is only to be downloaded. A container that
    may hold a film counts as sound where *said*, the sender's word, is that."""
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12], "")
    if said.startswith("audio/"):
        if data[4:8] == b"ftyp" and data[8:12] in _SOUND_BRANDS:
            return "audio/mp4"
        if data.startswith(b"\x1a\x45\xdf\xa3"):
            return "audio/webm"
    return ""


def is_picture(media_type: str) -> bool:
    """Whether it is one of the pictures that `shown_as` knows, as far as its name goes."""
    return media_type in ("image/png", "image/jpeg", "image/gif", "image/webp")


def is_sound(media_type: str) -> bool:
    """Whether it is a sound."""
    return media_type.startswith("audio/")
