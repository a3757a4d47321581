"""What made the results that are kept in docs/: the config and the code of every stage."""

from pathlib import Path

from lift import config as configuration
from lift.benchmarks import describe
from lift.provenance import file_hash, fingerprint, value_hash


def made_by(config: dict, *files: Path) -> dict[str, str]:
    """Hashes of a resolved config, of the code that its results depend on, by stage, and of the files that its tables
    read: claims and published numbers."""
    sources = [
        f"lift.{kind}.{entry['source'].replace('-', '_')}"
        for kind in ("corpora", "benchmarks")
        for entry in config[kind].values()
    ]
    methods = [config["methods"][name] for name in configuration.trained_methods(config)]
    objectives = [f"lift.objectives.{method['objective']}" for method in methods]
    benchmarks = config["benchmarks"].values()
    graders = [describe(e["source"], configuration.benchmark_settings(e))["grader"] for e in benchmarks]
    modules = {
        "data": [*(f"lift.stages.{name}" for name in ("prepare_corpus", "prepare_benchmark", "tokenise")), *sources],
        "statistics": ["lift.stages.statistics"],
        "finetune": ["lift.stages.finetune", *objectives],
        "decode": ["lift.stages.decode", "lift.stages.guess"],
        "grade": ["lift.stages.judge", *(f"lift.graders.{name}" for name in graders)],
        "scores": ["lift.stages.scores", "lift.stages.compare"],
        "tables": ["lift.stages.tables"],
        "figures": ["lift.stages.figures"],
    }
    code = {stage: fingerprint(*names) for stage, names in modules.items()}
    return {"config": value_hash(config)} | code | {"claims and reported": file_hash(*files)}
