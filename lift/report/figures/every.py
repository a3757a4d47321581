"""All figures of an experiment, by name: what there is of each model, answer length and corpus."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from lift.report.figures import confidence, cost, heatmap, held_out_loss, pass_at_k, scores, trained_on
from lift.report.figures.style import method_marks
from lift.report.tables import first_decoders
from lift.statistics.words import by_word


def every(
    everything: pd.DataFrame,
    costs: pd.DataFrame,
    logs: pd.DataFrame,
    statistics: dict[str, pd.DataFrame],
    metrics: dict[str, str],
    decoders: dict[str, list[str]],
    methods: list[str],
    ablations: list[str],
) -> Iterator[tuple[str, Figure, pd.DataFrame]]:
    """(name, figure, what it shows).

    everything: pooled scores; logs: the entries of all runs, with model, method and seed; statistics: by MODEL-CORPUS;
    metrics and decoders: by benchmark; ablations: methods that are in the figure of scores only.
    """
    marks = method_marks(methods, ablations)
    for model in sorted(set(everything["model"]) - {"none"}):
        of_model, spent = everything[everything["model"].isin([model, "none"])], costs[costs["model"] == model]
        for length in sorted(set(everything["gen_length"])):
            rows = of_model[of_model["gen_length"] == length]
            shown = first_decoders(rows, decoders)

            table = scores.data(shown, metrics, [*methods, *ablations])
            yield f"scores-{model}-{length}", scores.draw(table, marks, ablations), table

            table = pass_at_k.data(shown, list(metrics), methods)
            yield f"pass_at_k-{model}-{length}", pass_at_k.draw(table, marks), table

            here = {benchmark: [d for d in names if d in set(rows["decoder"])] for benchmark, names in decoders.items()}
            here = {benchmark: names for benchmark, names in here.items() if names}
            paid = spent[(spent["stage"] == "finetune") | (spent["gen_length"] == length)]
            table = cost.data(rows, paid, metrics, here, methods)
            yield f"cost-{model}-{length}", cost.draw(table, marks), table

        log = logs[logs["model"] == model]
        table = held_out_loss.data(log, methods)
        yield f"held_out_loss-{model}", held_out_loss.draw(table, marks), table

        table = trained_on.data(log, methods)
        yield f"trained_on-{model}", trained_on.draw(table), table
    for name, seen in statistics.items():
        table = confidence.data(by_word(seen))
        yield f"confidence-{name}", confidence.draw(table), table

        table = heatmap.data(seen)
        yield f"heatmap-{name}", heatmap.draw(table), table
