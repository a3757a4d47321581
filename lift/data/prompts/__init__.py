"""User turns: text files with {fields}, one for each kind of task. Another file may be named in the config instead."""

import re
from pathlib import Path

from lift.errors import InputError

FOLDER = Path(__file__).parent


def prompt_file(name: str, own: str = "") -> Path:
    """The file of a prompt: the user's own where one is named, else the one in this folder."""
    return Path(own) if own else FOLDER / f"{name}.txt"


def fill(name: str, own: str = "", **fields: str) -> str:
    """The user turn, each {field} of the file replaced by its text; other braces stand as they are.

    Raises InputError where the file does not exist, is no text in UTF-8, or lacks one of the fields.
    """
    path = prompt_file(name, own)
    try:
        template = path.read_text(encoding="utf-8-sig").strip()
    except FileNotFoundError:
        raise InputError(f"prompt: the file {str(path)!r} does not exist.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise InputError(f"prompt: the file {str(path)!r} cannot be read: {reason}.") from None
    for field in fields:
        if f"{{{field}}}" not in template:
            raise InputError(f"prompt: the file {str(path)!r} lacks the field {{{field}}}.")
    pattern = "|".join(re.escape(f"{{{field}}}") for field in fields)
    return re.sub(pattern, lambda match: fields[match[0][1:-1]], template)  # in one pass: a question may hold braces
