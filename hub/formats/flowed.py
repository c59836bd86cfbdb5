"""Paragraphs that a mail program cut into lines, put together again (RFC 3676)."""

from __future__ import annotations


def unflow(text: str, delsp: bool = False) -> str:
    """*text* of a `format=flowed` part with each paragraph on one line, quoted ones after `> ` for each level. With
    *delsp* the blank at which a line was cut goes, as in Chinese and Japanese."""
    if " \n" not in text:  # nothing was cut
        return text
    out: list[str] = []
    paragraph: list[str] = []
    open_depth = -1  # of the paragraph that goes on
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        signature = content == "-- "
        flows = content.endswith(" ") and not signature
        if flows and delsp:
            content = content[:-1]
        if open_depth != depth or signature:
            if paragraph:
                out.append("".join(paragraph))
            paragraph = [">" * depth, " "] if depth and content else [">" * depth]
        paragraph.append(content)
        open_depth = depth if flows else -1
    out.append("".join(paragraph))
    return "\n".join(out)
