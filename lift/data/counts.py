"""How many problems and examples there are and how long they are, before they are prepared.

Each count comes with a sentence where it had to be assumed, "" else.
"""

from pathlib import Path

from lift import registry

# Where neither a file nor the settings say more: rows, mean tokens of prompt and response. A corpus may say its own.
EXAMPLES, EXAMPLE_TOKENS, PROBLEMS, PROMPT_TOKENS = 1000, (300, 4000), 500, 200


def _lines(path: Path) -> int | None:
    """The number of lines of a file, None where it does not exist."""
    if not path.is_file():
        return None
    with open(path, "rb") as file:
        return sum(1 for _ in file)


def settled_problems(settings: dict) -> int:
    """Problems of a benchmark as its settings say, 0 where they do not."""
    rows, size = settings.get("rows", 0), settings.get("size", 0)
    if settings.get("puzzles") == "d1" and rows == 500:
        rows = 256  # of the 500, those that d1 drew
    return min(filter(None, (rows, size)), default=0)


def problems(name: str, settings: dict, prepared: Path) -> tuple[int, str]:
    """Problems of a benchmark: as prepared, else as its settings say."""
    there = _lines(prepared)
    count = settled_problems(settings) if there is None else there
    if count or there is not None:
        return count, ""
    return PROBLEMS, f"{name}: how many problems it has is not known yet; {PROBLEMS} are assumed."


def prompt_tokens(source: str) -> int:
    """Mean tokens of a benchmark's prompts."""
    return getattr(registry.module_of("benchmark", source), "PROMPT_TOKENS", PROMPT_TOKENS)


def examples(name: str, source: str, settings: dict, held_out: int, prepared: Path) -> tuple[int, str]:
    """Examples of a corpus, held-out ones included: as prepared, else as its settings say."""
    there = _lines(prepared)
    if there is not None:
        return there, ""
    path = Path(settings.get("path", ""))
    rows = settings.get("size") or settings.get("rows") or (path.suffix == ".jsonl" and _lines(path))
    if rows:
        return rows, ""
    rows = max(getattr(registry.module_of("corpus", source), "EXAMPLES", EXAMPLES), held_out + 1)
    return rows, f"{name}: how many examples it has is not known yet; {rows:,} are assumed."


def example_tokens(source: str) -> tuple[int, int]:
    """Mean tokens of prompt and response of a corpus' examples."""
    return getattr(registry.module_of("corpus", source), "EXAMPLE_TOKENS", EXAMPLE_TOKENS)
