"""One process at a time in a folder that survives restarts."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process works in the folder: one may outlive the snakemake that started it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{folder.name}-lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def held(folder: Path) -> bool | None:
    """Whether a process works in the folder; None where the file system cannot tell."""
    try:
        with open(folder.parent / f"{folder.name}-lock") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False
