"""Atomic files: a file is written beside its place and moved over it, so that it is never there in part."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from hil.errors import InputError, nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BYTES = 1 << 27
"""Bytes of a text at most."""


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` when the block ends well, and only then.

    What is written lies beside `path`, is fsynced and renamed over it: a reader sees the old file or the new one, never
    a part, whatever ends the process. A pipe or a device (``/dev/stdout``) has no place to take and is written to.

    Raises
    ------
    InputError
        If the file cannot be written; the old one is as it was, and nothing is left beside it.
    """
    target = Path(path)
    with suppress(OSError):  # a link stays a link: the file that it leads to is replaced
        target = target.resolve()
    fresh = target.with_name(target.name + ".part")
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as file:
                yield file
            return
        with fresh.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        _forget(fresh)
        raise InputError(f"{path} cannot be written: {reason(error)}") from error
    except BaseException:
        _forget(fresh)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Replace `path` by a text in UTF-8, as `replacing` does."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: str | Path, content: Any) -> None:
    """Replace `path` by JSON, as `replacing` does."""
    write_text(path, json.dumps(content, indent=1) + "\n")


_NO_DATE = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""So that the same figure is the same file."""


def write_figure(path: str | Path, figure: Figure, dpi: float) -> None:
    """Replace `path` by a picture, in the form that the ending of its name says, as `replacing` does."""
    ending = Path(path).suffix.removeprefix(".").lower() or "png"
    known = figure.canvas.get_supported_filetypes()
    if ending not in known:
        raise InputError(f"{path}: no picture is written as '.{ending}' {nearest(ending, known)}")
    with replacing(path) as file:
        figure.savefig(file, dpi=dpi, format=ending, metadata=_NO_DATE.get(ending))


def read_text(path: str | Path, what: str = "file") -> str:
    """Read a text in UTF-8; `InputError` naming the file (`what` it was to be) and what is wrong with it."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)  # a device of the system, such as /dev/zero, need not end
        if len(content) > MOST_BYTES:
            raise InputError(f"{path} is larger than any {what} may be: {MOST_BYTES:,} bytes")
        return content.decode("utf-8")
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"no {what} {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text in UTF-8") from None
    except ValueError:  # the name holds a null character
        raise InputError(f"no {what} {str(path)!r}") from None


def read_json(path: str | Path, what: str = "file") -> Any:
    """Read JSON; `InputError` naming the file and what is wrong with it, whatever is in it."""
    text = read_text(path, what)
    try:
        content = json.loads(text)
        if "\\u" in text:  # half of a pair of escapes is no character, and could not be written again
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        return content
    except UnicodeEncodeError:
        raise InputError(f"{path} is not a valid JSON file: it holds half of a surrogate pair") from None
    except RecursionError:
        raise InputError(f"{path} is not a valid JSON file: it is nested too deeply") from None
    except ValueError as error:  # a JSONDecodeError, or a whole number of more than 4,300 digits
        detail = str(error).partition(";")[0]
        raise InputError(f"{path} is not a valid JSON file: {detail[:1].lower()}{detail[1:]}") from None


def reason(error: OSError) -> str:
    """Why the system refused, in small letters: ``no space left on device``."""
    return (error.strerror or str(error) or "unknown reason").lower()


def _forget(fresh: Path) -> None:
    with suppress(OSError):
        fresh.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every file system lets a folder be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
