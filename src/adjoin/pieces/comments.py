"""The plain text of comments in any language, for the summary that the encoder reads."""

import re

_MOST = 30_000  # characters that are read: a summary is at the start
_MARK = re.compile(
    r"^[ \t]*(?:/\*+!?|\(\*+|\{-+[|^]?|<#|=begin|=pod|\"\"\"|@\w+(?:\s+~[sS])?\s*\"{1,3}|///?[/!]*<?|--+[|^]?|"
    r"#+['|!=]?|;+|%+|\*+(?!/)|\")[ \t]?",
    re.MULTILINE,
)
_END = re.compile(r"[ \t]*(?:\*+/|\*+\)|-\}|#>|\"{1,3}|=end|=cut)[ \t]*$", re.MULTILINE)
_TAG = re.compile(r"</?\w[^<>\n]{0,100}>")  # C#: <summary>


def plain_comment(comment: str) -> str:
    """Return a comment's text without its marks (`//`, `/** */`, `#`, `--`, `;;`, `(* *)`, `{- -}`) and XML tags.

    Args:
        comment: the source of one comment, or of several with line ends between them.
    """
    text = _END.sub("", _MARK.sub("", comment[:_MOST]))
    return _TAG.sub("", text) if "<" in text else text
