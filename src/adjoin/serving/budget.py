"""Answers for coding assistants, cut to a budget of tokens.

An assistant pays for each token that it reads. Short pieces are given whole, long ones are cut at a line end, and
what is left out is named with its lines, so that the assistant can read on in the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

BYTES_PER_TOKEN = 3.0  # code has 3.2 to 4 UTF-8 bytes a token in the usual vocabularies: the estimate is high
LONGEST_NAME = 100  # characters; a piece of many small definitions has the names of all
FEWEST_TOKENS = 60  # of a piece: its heading and a few lines; below that a result is left out
ALSO_SHARE = 4  # a line of further pieces may take this part of a result's tokens; it has about 30


def estimated_tokens(text: str) -> int:
    """Estimate how many tokens an assistant reads, rather too many than few: UTF-8 bytes divided by 3."""
    return ceil(len(text.encode(errors="replace")) / BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Passage:
    """One result to be put into an answer.

    Attributes:
        file: the file, as it can be opened.
        first_line: first line of the piece in the file, counted from 1.
        last_line: last line, inclusive.
        name: name of the function or section; may be empty.
        language: the language, such as "python".
        text: the text of the piece.
        weak: whether it is below the ranking's floor.
        also: a line that names further good pieces of the file; may be empty.
    """

    file: str
    first_line: int
    last_line: int
    name: str
    language: str
    text: str
    weak: bool = False
    also: str = ""

    def heading(self) -> str:
        """The place and the name, such as "src/net/up.py:98-131 Uploader.retry"."""
        place = f"{self.file}:{self.first_line}-{self.last_line}"
        name = self.name if len(self.name) <= LONGEST_NAME else f"{self.name[: LONGEST_NAME - 4]} ..."
        return place + (f" {name}" if name else "") + (" (weak)" if self.weak else "")


def answer(passages: Sequence[Passage], max_tokens: int) -> str:
    """Write results into one text of at most `max_tokens` estimated tokens.

    Args:
        passages: the results, best first.
        max_tokens: the budget, at least `FEWEST_TOKENS`. Each passage has the same share of it. What short
            passages leave of theirs goes to the long ones.

    Returns:
        Markdown: for each passage its heading, its code, and the line of further pieces if there is room for it. A
        last line says how many were left out.
    """
    if not passages:
        return "Nothing found."
    head = "No good answer. The nearest pieces:\n\n" if passages[0].weak else ""
    whole = [_written(passage) for passage in passages]
    number = len(passages)
    while number:
        note = _left_out(len(passages) - number)
        budget = max_tokens - estimated_tokens(head + note)
        costs = [estimated_tokens(text) for text in whole[:number]]
        share = _share(costs, budget)
        if number == 1 or share >= min(FEWEST_TOKENS, max(costs)):
            break
        number -= 1
    parts = [
        text if estimated_tokens(text) <= share else _written(passage, share)
        for passage, text in zip(passages[:number], whole, strict=False)
    ]
    return head + "".join(parts).rstrip("\n") + note


def _left_out(number: int) -> str:
    return f"\n\n{number} more results are left out: ask again with a higher max_tokens." if number else ""


def _share(costs: Sequence[int], budget: int) -> int:
    """The most that each may cost, so that all together cost at most the budget."""
    left, waiting = budget, len(costs)
    for cost in sorted(costs):
        if cost * waiting > left:
            return left // waiting
        left, waiting = left - cost, waiting - 1
    return max(costs)


def _written(passage: Passage, most: int | None = None) -> str:
    """One passage as Markdown, of at most `most` estimated tokens if that is possible."""
    lines = passage.text.rstrip("\n").split("\n")
    fence = "`" * max(3, 1 + max((_run_of_ticks(line) for line in lines), default=0))
    shown = len(lines)
    also = f"{passage.also}\n" if passage.also else ""
    if most is not None and estimated_tokens(also) * ALSO_SHARE > most:
        also = ""
    while True:
        left = (
            f"[{len(lines) - shown} more lines: {_rest(passage, shown, len(lines))}]\n"
            if shown < len(lines)
            else ""
        )
        body = "\n".join(lines[:shown])
        text = f"{passage.heading()}\n{fence}{passage.language}\n{body}\n{fence}\n{left}{also}\n"
        if most is None or estimated_tokens(text) <= most:
            return text
        if shown == 1:
            return _cut_in_line(passage, lines[0], fence, most)
        shown = max(1, min(shown - 1, int(shown * most / estimated_tokens(text))))


def _cut_in_line(passage: Passage, line: str, fence: str, most: int) -> str:
    """A passage of which not even the first line fits."""
    end = (
        " ...\n"
        + fence
        + f"\n[cut within the line: read {passage.file}:{passage.first_line}-{passage.last_line}]\n\n"
    )
    head = f"{passage.heading()}\n{fence}{passage.language}\n"
    room = max(0, int((most - estimated_tokens(head + end)) * BYTES_PER_TOKEN) - 2)
    return head + line.encode(errors="replace")[:room].decode(errors="ignore") + end


def _rest(passage: Passage, shown: int, number: int) -> str:
    """The lines that are left out, by their numbers in the file where these are known."""
    if number != passage.last_line - passage.first_line + 1:
        return f"read {passage.file}:{passage.first_line}-{passage.last_line}"
    return f"read {passage.file}:{passage.first_line + shown}-{passage.last_line}"


def _run_of_ticks(line: str) -> int:
    """The length of the run of backticks that a line begins with, blanks aside."""
    line = line.lstrip()
    return len(line) - len(line.lstrip("`"))
