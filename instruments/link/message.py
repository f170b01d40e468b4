"""One line of a dialogue with an instrument, a matrix or a source-measure unit, and what its answer must be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """One line on the wire.

    Attributes
    ----------
    text : str
        Without the terminator.
    reply : bool
        Whether the instrument answers.
    expect : str or float, optional
        What the answer must be: text without regard to case and quotes, a number to `tolerance` of it.
    patience : float
        Seconds that the answer may take beyond the link's usual deadline: the length of what is being played.
    tolerance : float
        Part of itself that a number may differ by.
    hint : str
        What a user may do about an answer that is another one.
    parts : tuple of Message
        The questions that this line puts together, with what each of their answers must be.
    separator : str
        What stands between those answers.
    last : bool
        Whether it is the last one of a train before the output goes on: until it is answered, nothing was played.
    """

    text: str
    reply: bool = False
    expect: str | float | None = None
    patience: float = 0.0
    tolerance: float = 1e-6
    hint: str = ""
    parts: tuple[Message, ...] = ()
    separator: str = ";"
    last: bool = False


def write(text: str) -> Message:
    """Send without an answer."""
    return Message(text)


def query(text: str, patience: float = 0.0) -> Message:
    """Send and take the answer."""
    return Message(text, reply=True, patience=patience)


def confirm(text: str, expected: str | float, tolerance: float = 1e-6, hint: str = "") -> Message:
    """Ask for a setting that must be `expected`; a number may differ by `tolerance` of itself, words have ``|``."""
    return Message(text, reply=True, expect=expected, tolerance=tolerance, hint=hint)


def done(patience: float) -> Message:
    """Ask whether all is carried out; the answer, 1 and nothing else (IEEE 488.2 10.19), comes when it is."""
    return Message("*OPC?", reply=True, expect=1.0, patience=patience, hint="this is the answer to something else")


def together(*questions: Message) -> Message:
    """Put SCPI questions in one line; its answers come in one, with semicolons between them (IEEE 488.2 8.4.1)."""
    text = ";".join(q.text if q.text.startswith((":", "*")) or not k else f":{q.text}" for k, q in enumerate(questions))
    return Message(text, reply=True, parts=questions)


def printed(*questions: Message) -> Message:
    """Put values of Lua in one line that prints them; tabs stand between its answers."""
    text = f"print({','.join(q.text for q in questions)})"
    return Message(text, reply=True, parts=questions, separator="\t")
