"""What is known of an experiment's models, examples and problems before they are made, and what must be assumed."""

from pathlib import Path

from lift.config import configuration
from lift.config.layout import Layout
from lift.models.families import FAMILIES
from lift.models.shape import PUBLISHED, Shape, read_shape, traits

SHIPPED = Path(__file__).parent.parent / "miniature" / "weights"
UNKNOWN_EXAMPLES, UNKNOWN_PROBLEMS = {"lift-sft-12k": 12_000}, 500  # where the config names no number of rows


def hub_snapshot(repo: str, revision: str) -> Path | None:
    """The folder of a hub model in the local cache, if its config.json is there; no network is asked."""
    from huggingface_hub import try_to_load_from_cache  # local models do without

    found = try_to_load_from_cache(repo, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def model_shape(name: str, entry: dict, at: Layout) -> tuple[Shape, str]:
    """The shape of a model of the config, and a sentence where it had to be assumed ("" else)."""
    base = entry["base"]
    if base == "train":
        from lift.miniature.language import VOCABULARY

        sizes = {"hidden_size": 128, "layers": 4, "heads": 4} | entry["training"]
        hidden, layers, heads = (sizes[key] for key in ("hidden_size", "layers", "heads"))
        own = traits(FAMILIES[entry["family"]])
        return Shape(hidden, layers, heads, heads, 3 * hidden, len(VOCABULARY), **own), ""
    if base == "shipped":
        return read_shape(SHIPPED / "config.json"), ""
    if not configuration.hub_model(entry):
        return read_shape(Path(base) / "config.json", entry["family"]), ""
    for folder in (at.model(name), hub_snapshot(base, entry["revision"])):
        if folder is not None and (folder / "config.json").is_file():
            return read_shape(folder / "config.json", entry["family"]), ""
    known = FAMILIES[entry["family"]].published[0]
    return PUBLISHED[entry["family"]], f"{name}: {base} is not here yet; it is taken to have the shape of {known}."


def _lines(path: Path) -> int | None:
    """The number of lines of a file, None where it does not exist."""
    if not path.is_file():
        return None
    with open(path, "rb") as file:
        return sum(1 for _ in file)


def settled_count(settings: dict) -> int:
    """Problems of a benchmark as its settings say, 0 where they do not."""
    rows, size = settings.get("rows", 0), settings.get("size", 0)
    if settings.get("puzzles") == "d1" and rows == 500:
        rows = 256  # of the 500, those that d1 drew
    return min(filter(None, (rows, size)), default=0)


def problem_count(name: str, entry: dict, at: Layout) -> tuple[int, str]:
    """Problems of a benchmark: as prepared, else as its settings say; and a sentence where it had to be assumed."""
    prepared = _lines(at.problems(name))
    count = settled_count(configuration.benchmark_settings(entry)) if prepared is None else prepared
    if count or prepared is not None:
        return count, ""
    return UNKNOWN_PROBLEMS, f"{name}: how many problems it has is not known yet; {UNKNOWN_PROBLEMS} are assumed."


def example_count(name: str, entry: dict, at: Layout) -> tuple[int, str]:
    """Examples of a corpus, held-out ones included: as prepared, else as its settings say; and a sentence as above."""
    settings, prepared = configuration.corpus_settings(entry), _lines(at.corpus(name))
    if prepared is not None:
        return prepared, ""
    path = Path(settings.get("path", ""))
    rows = settings.get("size") or settings.get("rows") or (path.suffix == ".jsonl" and _lines(path))
    if rows:
        return rows, ""
    rows = max(UNKNOWN_EXAMPLES.get(entry["source"], 1000), entry["held_out"] + 1)
    return rows, f"{name}: how many examples it has is not known yet; {rows:,} are assumed."
