"""One process at a time in a folder that survives restarts."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def taken(file: int, path: Path, wait: bool) -> bool:
    """Lock an open file for this process; False where another has the lock and this one is not to wait.

    Some file systems of clusters know no locks (Lustre without `flock`, some NFS). There it says so, and goes on as if
    it were alone.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        print(
            f"warning: {path}: this file system knows no locks ({error.strerror}). After snakemake was killed, make "
            "sure that no job of it still runs before you start it again.",
            file=sys.stderr,
            flush=True,
        )
    return True


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process works in the folder: one may outlive the snakemake that started it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.parent / f"{folder.name}-lock"
    with open(path, "w") as file:
        if not taken(file.fileno(), path, wait=False):
            print(f"waiting for another process that works in {folder}", file=sys.stderr, flush=True)
            taken(file.fileno(), path, wait=True)
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
