"""All figures of an experiment, by name: what there is of each model, answer length and corpus."""

from collections.abc import Iterator
from types import ModuleType

import pandas as pd
from matplotlib.figure import Figure

from lift.report.figures import confidence, cost, heatmap, held_out_loss, pass_at_k, scores, trained_on
from lift.report.figures.style import method_marks
from lift.report.tables import first_decoders
from lift.statistics.words import by_word


def _figure(kind: ModuleType, name: str, table: pd.DataFrame, *how: object) -> tuple[str, Figure, pd.DataFrame]:
    return f"{kind.__name__.rpartition('.')[2]}-{name}", kind.draw(table, *how), table


def every(
    everything: pd.DataFrame, costs: pd.DataFrame, logs: pd.DataFrame, statistics: dict[str, pd.DataFrame], view: dict
) -> Iterator[tuple[str, Figure, pd.DataFrame]]:
    """(name, figure, what it shows).

    everything: pooled scores; logs: the entries of all runs, with model, method and seed; statistics: by MODEL-CORPUS;
    view: of lift.config.experiment.Experiment.figures.
    """
    metrics, decoders, methods, ablations = (view[name] for name in ("metrics", "decoders", "methods", "ablations"))
    marks = method_marks(methods, ablations)
    for model in sorted(set(everything["model"]) - {"none"}):
        of_model, spent = everything[everything["model"].isin([model, "none"])], costs[costs["model"] == model]
        for length in sorted(set(everything["gen_length"])):
            rows, name = of_model[of_model["gen_length"] == length], f"{model}-{length}"
            shown = first_decoders(rows, decoders)
            yield _figure(scores, name, scores.data(shown, metrics, [*methods, *ablations]), marks, ablations)
            yield _figure(pass_at_k, name, pass_at_k.data(shown, list(metrics), methods), marks)
            here = {benchmark: [d for d in names if d in set(rows["decoder"])] for benchmark, names in decoders.items()}
            here = {benchmark: names for benchmark, names in here.items() if names}
            paid = spent[(spent["stage"] == "finetune") | (spent["gen_length"] == length)]
            yield _figure(cost, name, cost.data(rows, paid, metrics, here, methods), marks)
        log = logs[logs["model"] == model]
        yield _figure(held_out_loss, model, held_out_loss.data(log, methods), marks)
        yield _figure(trained_on, model, trained_on.data(log, methods))
    for name, seen in statistics.items():
        yield _figure(confidence, name, confidence.data(by_word(seen)))
        yield _figure(heatmap, name, heatmap.data(seen))
