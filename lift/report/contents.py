"""What tables and figures an experiment has: their names, titles and captions, in the order in which they are shown."""

from pathlib import Path

CAPTIONS = Path(__file__).parent.parent.parent / "workflow" / "report"
TABLES = {  # by the stage that makes them: names and titles
    "tables": {
        "main": "Scores",
        "claims": "The paper's claims",
        "comparisons": "Differences from the references",
        "reported": "Scores next to the published ones",
        "pass_at_k": "pass@k and avg@k",
        "format": "Answers that are invalid or cut off",
        "decoders": "Decoders: score and cost",
        "statistics": "Token statistics",
    },
    "power": {"power": "What this experiment could find, and what smaller differences take"},
    "data": {
        "data": "Training data: lengths and cuts",
        "contamination": "Words that a corpus shares with a benchmark",
        "benchmarks": "Benchmarks: sources, prompts, decoders",
    },
}
FIGURES = {  # by kind, what there is one of for each model
    "scores": "length",
    "pass_at_k": "length",
    "held_out_loss": "model",
    "trained_on": "model",
    "confidence": "corpus",
    "heatmap": "corpus",
    "cost": "length",
}


def figures(models: list[str], lengths: list[int], corpus: str) -> dict[str, dict[str, str]]:
    """By name, what each figure shows: its kind, `figure`, and its model, and `of` which answer length or corpus."""
    parts = {"length": list(map(str, lengths)), "model": [""], "corpus": [corpus]}
    return {
        "-".join(filter(None, (kind, model, of))): {"figure": kind, "model": model, "of": of or "-"}
        for kind, each in FIGURES.items()
        for model in models
        for of in parts[each]
    }


def caption(name: str) -> str:
    """Of a kind of figure."""
    return (CAPTIONS / f"figure_{name}.rst").read_text(encoding="utf-8").strip()
