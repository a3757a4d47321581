"""Where every file of an experiment's results lies, below one folder; results/README.md explains each."""

from dataclasses import dataclass
from pathlib import Path

from lift.errors import InputError


@dataclass(frozen=True)
class Layout:
    """folder: of the experiment. Names and seeds may be wildcards, such as {model}."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    def corpus(self, corpus: str) -> Path:
        return self.folder / f"corpora/{corpus}.jsonl"

    def problems(self, benchmark: str) -> Path:
        return self.folder / f"benchmarks/{benchmark}.jsonl"

    def model(self, model: str) -> Path:
        return self.folder / f"models/{model}"

    def tokenised(self, model: str, corpus: str) -> Path:
        return self.folder / f"data/{model}/{corpus}"

    def statistics(self, model: str, corpus: str) -> Path:
        return self.folder / f"statistics/{model}-{corpus}.parquet"

    def run(self, model: str, method: str, seed: int | str) -> Path:
        """A fine-tuning run: best/, last/, log.jsonl, run.json, config.yaml."""
        return self.folder / f"runs/{model}/{method}/seed{seed}"

    def generations(self, model: str, method: str, seed: int | str) -> Path:
        """What one checkpoint answered: DECODER/BENCHMARK.jsonl, run.json."""
        return self.folder / f"generations/{model}/{method}/seed{seed}"

    def grades(self, model: str, method: str, seed: int | str) -> Path:
        """The verdicts on it: DECODER/BENCHMARK.csv, run.json."""
        return self.folder / f"grades/{model}/{method}/seed{seed}"

    def store(self, model: str, method: str, seed: int | str) -> Path:
        """The answers of one checkpoint as they finish."""
        return self.folder / f".answers/{model}/{method}/seed{seed}"

    def resume(self, output: Path) -> Path:
        """What an interrupted job goes on from, by the file or folder that it makes."""
        return self.folder / ".resume" / output.relative_to(self.folder).with_suffix("")

    def log(self, job: str) -> Path:
        return self.folder / f"logs/{job}.log"

    def timing(self, job: str) -> Path:
        return self.folder / f"timings/{job}.tsv"

    @property
    def problem_scores(self) -> Path:
        return self.folder / "problem_scores.parquet"

    @property
    def costs(self) -> Path:
        return self.folder / "costs.csv"

    @property
    def scores(self) -> Path:
        return self.folder / "scores.csv"

    @property
    def comparisons(self) -> Path:
        return self.folder / "comparisons.csv"

    @property
    def contamination(self) -> Path:
        return self.folder / "contamination.csv"

    def table(self, name: str) -> Path:
        """Without its ending: .csv, .md and .tex."""
        return self.folder / "tables" / name

    def table_files(self, *names: str) -> list[Path]:
        """The files of some tables."""
        return [self.folder / "tables" / f"{name}.{ending}" for name in names for ending in ("csv", "md", "tex")]

    @property
    def figures(self) -> Path:
        return self.folder / "figures"

    def figure(self, name: str) -> Path:
        """Without its ending: .png, .pdf, and .csv, what it shows."""
        return self.figures / name

    @property
    def page(self) -> Path:
        return self.folder / "report.html"


def experiments(results: Path) -> list[Path]:
    """The folder of an experiment, or all such folders in it, by their config.yaml. Raises InputError without any."""
    found = [results] if Layout(results).config.is_file() else []
    found = found or sorted(
        Layout(folder).config.parent for folder in results.glob("*/") if Layout(folder).config.is_file()
    )
    if not found:
        raise InputError(
            f"{results} holds no results of an experiment: there is no config.yaml in it, nor in its folders."
        )
    return found
