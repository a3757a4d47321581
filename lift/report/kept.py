"""What made the results that are kept in docs/: the config and the code of every stage, and a part to compute again."""

from pathlib import Path

from lift import registry
from lift.config.experiment import Experiment
from lift.config.layout import Layout
from lift.errors import InputError
from lift.provenance import file_hash, fingerprint, value_hash


def made_by(experiment: Experiment, *files: Path) -> dict[str, str]:
    """Hashes of what an experiment's results depend on: its config, the code by stage, and the files that its tables
    read, claims and published numbers."""
    entries = [("corpus", experiment.corpus(name)) for name in experiment.corpora]
    entries += [("benchmark", experiment.problems(name)) for name in experiment.benchmarks]
    sources = [registry.module_name(kind, view["source"]) for kind, view in entries]
    methods = [experiment.config["methods"][name] for name in experiment.trained]
    objectives = [registry.module_name("objective", method["objective"]) for method in methods]
    graders = experiment.grading("", experiment.seeds[0])["graders"].values()
    modules = {
        "data": [*(f"lift.stages.{name}" for name in ("prepare_corpus", "prepare_benchmark", "tokenise")), *sources],
        "statistics": ["lift.stages.statistics"],
        "finetune": ["lift.stages.finetune", *objectives],
        "decode": ["lift.stages.decode", "lift.stages.guess"],
        "grade": ["lift.stages.judge", *(registry.module_name("grader", name) for name in graders)],
        "scores": ["lift.stages.problem_scores", "lift.stages.scores", "lift.stages.compare"],
        "tables": ["lift.stages.tables", "lift.stages.power"],
        "figures": ["lift.stages.figures"],
    }
    code = {stage: fingerprint(*names) for stage, names in modules.items()}
    return {"config": value_hash(experiment.recorded())} | code | {"claims and reported": file_hash(*files)}


def part_files(part: str) -> dict[str, Path]:
    """Where a part's log of training, answers and grades lie in the results, by their names among what is kept.

    part: MODEL/METHOD/seedK/DECODER/BENCHMARK.
    """
    if part.count("/") != 4:
        raise InputError(f"--part {part}: it is MODEL/METHOD/seedK/DECODER/BENCHMARK.")
    model, method, seed, decoder, benchmark = part.split("/")
    at, place = Layout(Path()), (model, method, seed.removeprefix("seed"))
    return {
        "log.jsonl": at.run(*place) / "log.jsonl",
        "answers.jsonl": at.generations(*place) / decoder / f"{benchmark}.jsonl",
        "grades.csv": at.grades(*place) / decoder / f"{benchmark}.csv",
    }


def header(experiment: str, facts: dict) -> str:
    """The first page of a folder of kept results: which code made them, from its made_by.json."""
    machines = "; ".join([*facts["machine"], *facts.get("instructions", [])])
    text = f"""# Kept results of the experiment `{experiment}`

Made by code as of commit {facts["commit"]}
({machines}). Where the code of a stage has changed since, these are still the results of
that commit: `made_by.json` holds hashes of the config and of each stage's code, and the tests warn of those that differ
now. Kept results are made again when results change, not when code does.
"""
    if "part" in facts:
        text += f"""
`part/` holds the log of training, the answers and the grades of `{facts["part"]}`.
The tests compute them again and compare: byte for byte on a processor like this one, to rounding on others.
"""
    return text
