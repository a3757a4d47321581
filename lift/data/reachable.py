"""Whether what must be fetched can be had: models and data sets of the hub, files of the web."""

import http.client
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from lift.data import hub

_NO_ANSWER = "no answer"
_UNREACHABLE = "cannot be reached"  # in what lift.data.hub.check_reachable says where the network is at fault


def to_fetch(path: str, revision: str) -> list[tuple[str, str, str]]:
    """What `source_faults` is asked of data: nothing of a file that is here."""
    if not path or Path(path).exists():
        return []
    if path.startswith(("http://", "https://")):
        return [("url", path, "")]
    return [("dataset", path, revision)] if hub.is_hub_id(path) else []


def source_faults(needed: list[tuple[str, str, str]], seconds: float) -> list[str]:
    """Whether what must be fetched can be. All that is out of reach is named in one sentence.

    needed: (kind, name, revision), where kind is model, dataset or url.
    """
    if not needed:
        return []
    import huggingface_hub  # noqa: F401 (once, before the threads do)

    answers: list[str | None] = [_NO_ANSWER] * len(needed)

    def ask(place: int) -> None:
        kind, name, revision = needed[place]
        answers[place] = (
            url_fault(name, seconds) if kind == "url" else hub.check_reachable(name, revision, kind, seconds)
        )

    # all at a time, by daemons, since looking up a name cannot be called off and must not keep the process
    threads = [threading.Thread(target=ask, args=(place,), daemon=True) for place in range(len(needed))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    found, unreachable = [], []
    for (kind, name, _), answer in zip(needed, list(answers), strict=True):
        if answer is not None and (answer == _NO_ANSWER or _UNREACHABLE in answer):
            unreachable.append(name if kind == "url" else f"the {kind} {name}")
        elif answer is not None:
            found.append(answer)
    if unreachable:
        found.append(
            f"Neither here nor in reach: {', '.join(unreachable)}. Run once with a network, or name local folders or "
            "files in the config."
        )
    return found


def url_fault(url: str, seconds: float) -> str | None:
    """What stands in the way of fetching a URL, in a sentence; None where nothing does."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:  # the datasets library then fetches nothing
        return f"{url} {_UNREACHABLE}: HF_HUB_OFFLINE is set."
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        # some servers refuse to be asked this way
        return None if error.code in (405, 501) else f"{url} cannot be fetched: the server answers {error.code}."
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"{url} {_UNREACHABLE} ({type(error).__name__})."
