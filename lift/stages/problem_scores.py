"""Score every problem by every metric: problem_scores.parquet; and costs.csv, what differs from run to run.

All intervals, comparisons and claims are made of problem_scores.parquet: a row a problem, seed and metric.
"""

from pathlib import Path

import pandas as pd

from lift.scores.problem_scores import problem_table
from lift.scores.run_records import cost_rows, decoded_steps


def main(experiment, args) -> list[Path]:
    view, layout, places = experiment.scoring(), experiment.layout, experiment.checkpoints()
    grades = [
        layout.grades(*place) / decoder / f"{benchmark}.csv" for *place, benchmark, decoder in experiment.answered()
    ]
    records = [layout.generations(*place) / "run.json" for place in places if place[1] != "guess"]
    records += [
        layout.run(model, method, seed) / "run.json"
        for model in experiment.models
        for method in experiment.trained
        for seed in experiment.seeds
    ]
    problems = problem_table(grades, view["benchmarks"], decoded_steps(records), view["runs"])
    problems.to_parquet(layout.problem_scores, index=False)
    pd.DataFrame(cost_rows(records)).to_csv(layout.costs, index=False)
    return [layout.problem_scores, layout.costs]
