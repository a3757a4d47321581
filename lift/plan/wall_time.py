"""How long a job may take: what it asks a cluster for."""

import math

from lift.plan.planning import Plan

START = 15  # minutes: for a node to come up, Python and its libraries, the weights of a large model from a slow disk
MARGIN = 3  # over the hours of the plan, which is an estimate, and whose card may be the faster one


def minutes(made: Plan, stage: str, model: str, what: str | None = None, devices: int = 1) -> int:
    """Minutes for one job of a part of a plan, on so many devices; what: None for the first part of the stage."""
    parts = (p for p in made.parts if (p.stage, p.model) == (stage, model) and what in (None, p.what))
    part = next(parts)
    return START + math.ceil(60 * MARGIN * part.hours / part.jobs / devices)
