"""A task of the miniature: how its problems are made, which may be trained on, and which are tested."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from lift.errors import InputError
from lift.miniature import language
from lift.miniature.language import RESPONSE_LENGTH, Problem, response_length


@dataclass(frozen=True)
class Task:
    """How problems of one kind are made.

    generate: a random problem of a level. guess: a random well-formed answer to a problem. lower: the levels that
    pre-training is full of; upper: those of which it sees a little; only_held_out: those that it never sees.
    is_held_out: whether a problem may never be trained on.
    """

    name: str
    generate: Callable[[random.Random, int], Problem]
    guess: Callable[[random.Random, Problem], str]
    lower: tuple[int, ...]
    upper: tuple[int, ...] = ()
    only_held_out: tuple[int, ...] = ()
    is_held_out: Callable[[Problem], bool] = language.is_held_out

    def draw(self, level: int, rng: random.Random, *, training: bool) -> Problem:
        """A random problem for training or a held-out one, whose response fits RESPONSE_LENGTH."""
        levels = self.lower + self.upper + (() if training else self.only_held_out)
        if level not in levels:
            raise InputError(f"{self.name}: level {level!r} is none of {', '.join(map(str, levels))}.")
        while True:
            problem = self.generate(rng, level)
            if response_length(problem) <= RESPONSE_LENGTH and self.is_held_out(problem) != training:
                return problem

    def held_out(self, size: int, levels: list[int], part: str, seed: int) -> list[dict]:
        """`size` different held-out problems of a part, `test` or `validation`, the levels taking turns, as `numbered`.

        No two ask the same, and none is in both parts.
        """
        rng = random.Random(f"{part}/{self.name}/{seed}")
        problems: dict[tuple, Problem] = {}
        for _ in range(100 * size):
            if len(problems) == size:
                break
            problem = self.draw(levels[len(problems) % len(levels)], rng, training=False)
            if language.is_validation(problem) == (part == "validation"):
                problems.setdefault(problem.key, problem)
        else:
            found = f"{len(problems)} different {part} problems were found"
            raise InputError(f"{self.name}: size {size} is too large, {found}.")
        return self.numbered(list(problems.values()), seed)

    def numbered(self, problems: list[Problem], seed: int) -> list[dict]:
        """Problems as rows of a benchmark file, each with 16 random well-formed answers, whose score is the floor."""
        rng = random.Random(f"guess/{self.name}/{seed}")
        return [
            {"id": i, "prompt": p.prompt, "answer": p.answer, **p.extra}
            | {"guesses": [self.guess(rng, p) for _ in range(16)]}
            for i, p in enumerate(problems)
        ]
