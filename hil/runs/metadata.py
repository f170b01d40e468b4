"""What a run is about, in its user's words: name, sample, wafer, die, operator, comment, tags.

They lie in meta.json under ``metadata``; `hil runs` lists, filters and compares by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, field_validator

from hil.config import Section, validated

KEY = "metadata"
"""Where meta.json keeps it."""

MOST_TAGS = 64
"""Tags of a run."""


def _printable(text: str) -> str:
    text = text.strip()
    if not text.isprintable():
        raise ValueError("it holds a line break or another character that is not printed")
    return text


Text = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
"""Text of one line."""


class Metadata(Section):
    """What a run is about; whatever is not given is empty.

    Attributes
    ----------
    name : str
        What to call the run; its folder is called otherwise.
    sample, wafer, die : str
        What was measured.
    operator : str
        Who measured it.
    comment : str
        Anything else.
    tags : tuple of str
        Words by which runs are found together, such as ``("annealed", "good")``; without commas.
    """

    name: Text = ""
    sample: Text = ""
    wafer: Text = ""
    die: Text = ""
    operator: Text = ""
    comment: Annotated[str, Field(max_length=2000), AfterValidator(_printable)] = ""
    tags: tuple[Text, ...] = Field((), max_length=MOST_TAGS)

    @field_validator("tags")
    @classmethod
    def _words(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        for tag in tags:
            if not tag or "," in tag:
                raise ValueError(f"a tag is one word or several, without a comma, not {tag!r}")
        return tuple(dict.fromkeys(tags))

    def given(self) -> dict[str, Any]:
        """What is not empty, as JSON can hold it."""
        return {name: value for name, value in self.model_dump(mode="json").items() if value}


class _Kept(Metadata):
    """What a file holds; keys of a later version are left alone."""

    model_config = ConfigDict(extra="ignore")


def checked(values: Mapping[str, Any] | None) -> Metadata:
    """Metadata from what a user gives; `InputError` naming the key, its value and what is allowed."""
    return validated(Metadata, {name: value for name, value in (values or {}).items() if value is not None}, KEY)


def metadata_in(meta: Mapping[str, Any], where: object) -> Metadata:
    """Metadata of a run by the content of its meta.json, empty where it has none.

    Raises
    ------
    InputError
        If it is damaged; `where` is the file's name.
    """
    kept = validated(_Kept, meta.get(KEY, {}), f"{where} is damaged: {KEY}")
    return Metadata(**kept.model_dump())
