"""Benchmark questions that a corpus holds already: long runs of words in common."""

import re
from collections import defaultdict

RUN = 13  # words, as GPT-3's authors took (arXiv 2005.14165, appendix C)
SHORTEST = 5  # words of a question that is looked for whole


def words(text: str) -> tuple[str, ...]:
    """The words and numbers of a text in lower case, without signs."""
    return tuple(re.findall(r"[^\W_]+", text.lower()))


def shared_runs(questions: list[str], texts: list[str]) -> list[tuple[int, int, str]]:
    """(question, text, run) for every question that shares RUN words in a row with a text, by their indices.

    A shorter question must stand in the text whole; one of fewer than SHORTEST words is passed over. Of several runs
    that a question shares with a text, the first counts.
    """
    runs: dict[int, dict[tuple, set[int]]] = defaultdict(lambda: defaultdict(set))  # length -> run -> questions
    for index, question in enumerate(questions):
        parts = words(question)
        length = min(RUN, len(parts))
        if length >= SHORTEST:
            for start in range(len(parts) - length + 1):
                runs[length][parts[start : start + length]].add(index)
    found: dict[tuple[int, int], str] = {}
    for number, text in enumerate(texts):
        parts = words(text)
        for length, known in runs.items():
            for start in range(len(parts) - length + 1):
                run = parts[start : start + length]
                for index in known.get(run, ()):
                    found.setdefault((index, number), " ".join(run))
    return [(index, number, run) for (index, number), run in sorted(found.items())]
