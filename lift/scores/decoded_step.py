"""The step of training whose weights were decoded with; 0 is the untouched base model."""

import json
from pathlib import Path


def decoded_step(weights: Path | None) -> int | None:
    """Of a run's folder `best` or `last`, by the run record beside it; None for a base model or without a record."""
    record = weights and weights.parent / "run.json"
    if not record or not record.is_file():
        return None
    facts = json.loads(record.read_text())
    return facts.get("best_step" if weights.name == "best" else "steps")


def say(steps: list[int | None]) -> str:
    """The steps of some seeds as text, such as 120, or 90 to 120; the base in 1 of 3 seeds. "-" without training."""
    known = [step for step in steps if step is not None]
    trained = sorted(step for step in known if step)
    parts = [str(step) for step in dict.fromkeys((trained[0], trained[-1]))] if trained else []
    said = [" to ".join(parts)] if parts else []
    if len(trained) < len(known):
        said.append(f"the base in {len(known) - len(trained)} of {len(known)} seeds" if trained else "the base")
    return "; ".join(said) or "-"


def untrained(said: dict[str, str]) -> str:
    """A note on the methods, by name, whose rows are those of the base in some seeds; "-" where there are none."""
    return "; ".join(f"{name} is {text}" for name, text in said.items() if "the base" in text) or "-"
