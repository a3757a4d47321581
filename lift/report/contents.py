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
OF_LENGTH = ("scores", "pass_at_k", "cost")
OF_MODEL = ("held_out_loss", "trained_on")
OF_CORPUS = ("confidence", "heatmap")
FIGURES = ("scores", "pass_at_k", "held_out_loss", "trained_on", "confidence", "heatmap", "cost")


def figures(models: list[str], lengths: list[int], corpus: str) -> dict[str, dict[str, str]]:
    """By name, what each figure shows: its kind, `figure`, and its model, and `of` which answer length or corpus."""
    kinds = {kind: list(map(str, lengths)) for kind in OF_LENGTH}
    kinds |= {kind: [""] for kind in OF_MODEL} | {kind: [corpus] for kind in OF_CORPUS}
    return {
        "-".join(filter(None, (kind, model, of))): {"figure": kind, "model": model, "of": of or "-"}
        for kind, parts in kinds.items()
        for model in models
        for of in parts
    }


def caption(name: str) -> str:
    """Of a kind of figure."""
    return (CAPTIONS / f"figure_{name}.rst").read_text(encoding="utf-8").strip()
