"""What an objective takes of a sequence on average, which decides what a step costs.

Told without torch, so that a plan starts at once; tests hold it against the objectives.
"""

from typing import NamedTuple


class Takes(NamedTuple):
    """views: rows with gradient. kept: share of the response in the loss. scoring: share of the sequences that have a
    pass without gradient first. scored: share of the response whose logits that pass needs, over all sequences.
    content: whether padding is never masked.
    """

    views: float = 1
    kept: float = 0.5
    scoring: float = 0
    scored: float = 0
    content: bool = False


def takes(objective: str, settings: dict) -> Takes | None:
    """Of an objective with all its settings; None where it is not known here."""
    if objective == "lift":
        return _lift(settings)
    return {"vanilla": Takes(), "cart": Takes(), "gift": Takes(scoring=1, scored=1, content=True)}.get(objective)


def _lift(settings: dict, points: int = 6000) -> Takes:
    """Means over levels t on a grid: sequences of the random component have no scoring pass, and may have two views.

    In a single pass the logits of all that is masked have a gradient, though only what is kept is in the loss.
    """
    components, lower = settings["components"], settings["rho_lower"]
    views = kept = scoring = scored = 0.0
    for t in ((i + 0.5) / points for i in range(points)):
        random = components.count("random") / len(components)
        if settings["policy"] == "time":
            weights = {"random": settings["random_weight"] * t * (1 - t), "easy": t, "hard": 1 - t}
            random = float(max(components, key=weights.get) == "random")
        masked = t + (1 - t + (lower if 1 - t > lower else 0)) / 2  # t + rho, in the middle of its range
        second = random if settings["complementary"] else 0.0
        asked = (1 - random) * masked
        views, kept = views + 1 + second, kept + t + second * (1 - t)
        if settings["single_pass"]:
            kept += asked - (1 - random) * t
        else:
            scoring, scored = scoring + 1 - random, scored + asked
    return Takes(views / points, kept / points, scoring / points, scored / points)
