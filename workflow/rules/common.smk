# Shared by all stages. The checked config, where things lie, and how `python -m lift` is found.
import shutil
import sys
import time
from json import JSONEncoder
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

REPOSITORY, STARTED = Path(workflow.basedir).parent, time.time()
sys.path.insert(0, str(REPOSITORY))

from lift import config as configuration
from lift.benchmarks import describe
from lift.errors import InputError
from lift.provenance import file_hash, fingerprint

SHIPPED = REPOSITORY / "lift" / "miniature" / "weights"

# A config file on the command line takes the place of the default one: merged, the methods of both would run.
if not workflow.configfiles:

    configfile: str(REPOSITORY / "config" / "config.yaml")


try:
    with open(Path(workflow.basedir) / "schemas" / "config.schema.yaml") as schema:
        CONFIG = configuration.resolve(config, yaml.safe_load(schema))
except InputError as error:
    raise WorkflowError(str(error))

# Without conda, --use-conda goes on in the current environment.
if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method and not shutil.which("conda"):
    logger.warning("No conda found: --use-conda is ignored, all jobs run in the current Python environment.")
    workflow.deployment_settings.deployment_method = workflow.deployment_settings.deployment_method - {
        DeploymentMethod.CONDA
    }
PREFIX = f"set -euo pipefail; export PYTHONPATH='{REPOSITORY}' TOKENIZERS_PARALLELISM=false; "
if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
    PREFIX += f"export PATH='{Path(sys.executable).parent}':$PATH; "
shell.prefix(PREFIX)

RESULTS = f"results/{CONFIG['experiment']}"
LOGS, TIMINGS = f"{RESULTS}/logs", f"{RESULTS}/timings"
MODELS, METHODS, SEEDS = list(CONFIG["models"]), list(CONFIG["methods"]), CONFIG["seeds"]
BENCHMARKS, CORPORA = list(CONFIG["benchmarks"]), list(CONFIG["corpora"])
ROWS = ["guess", "base", *METHODS]  # of the tables, in their order
GPUS = int(CONFIG["device"] != "cpu")

# What decoding, grading and scoring know of each benchmark.
PLAN = {
    name: describe(entry["source"])
    | {"decoder": entry["decoder"], "settings": CONFIG["decoders"][entry["decoder"]], "samples": entry["samples"]}
    for name, entry in CONFIG["benchmarks"].items()
}
ANSWER_PATHS = [f"{plan['decoder']}-{plan['settings']['gen_length']}/{name}" for name, plan in PLAN.items()]
METRICS = {name: plan["metric"].replace("@k", f"@{plan['samples']}") for name, plan in PLAN.items()}


wildcard_constraints:
    model="|".join([*MODELS, "none"]),
    method="|".join(ROWS),
    seed=r"\d+",
    corpus="|".join(CORPORA),
    benchmark="|".join(BENCHMARKS),


def json(value, keep_order=False):
    """A value for the command line; the order of its keys counts only where it is kept."""
    return JSONEncoder(sort_keys=not keep_order).encode(value)


def module(folder, name):
    """The module of an objective, corpus, benchmark or grader."""
    return f"lift.{folder}.{name.replace('-', '_')}"


def model_folder(model):
    """Where a base model lies: made by the workflow, or the user's own folder."""
    base = CONFIG["models"][model]["base"]
    return f"{RESULTS}/models/{model}" if base in ("shipped", "train") else base


def training(method):
    """How a method is trained, without what concerns other stages."""
    settings = configuration.method_training(CONFIG, method)
    return configuration.settings(settings, "corpus", "checkpoint")


def weights(wildcards):
    """The base model and, of a trained method, the chosen checkpoint of its run."""
    files = {"model": model_folder(wildcards.model)}
    if wildcards.method != "base":
        chosen = configuration.method_training(CONFIG, wildcards.method)["checkpoint"]
        files["run"] = f"{RESULTS}/runs/{wildcards.model}/{wildcards.method}/seed{wildcards.seed}/{chosen}"
    return files


def checkpoints(pattern, untrained):
    """A path for every checkpoint: each method and seed, and the untrained rows named."""
    paths = expand(pattern, model=MODELS, method=METHODS, seed=SEEDS)
    if "base" in untrained:
        paths += expand(pattern, model=MODELS, method="base", seed=0)
    if "guess" in untrained:
        paths += expand(pattern, model="none", method="guess", seed=0)
    return paths


def print_results():
    """The main table and where the rest lies, if this run has made them."""
    table = Path(RESULTS, "tables", "main.md")
    if table.exists() and table.stat().st_mtime > STARTED:
        print(f"\n{table.read_text()}\nPercent, with 95% intervals over problems and seeds.")
        print(f"Tables: {RESULTS}/tables  figures: {RESULTS}/figures  every score: {RESULTS}/scores.csv")
