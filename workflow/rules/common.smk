# Shared by all stages. The checked config, where things lie, and how `python -m lift` is found.
# Snakemake compares a job's params as a set of values without their names: two that exchange their values would plan
# nothing. So the settings of a rule are one param, a dict.
import os
import shlex
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

from lift.config import configuration
from lift.data.benchmarks import data_file, describe
from lift.errors import InputError
from lift.provenance import file_hash, fingerprint
from lift.registry import module_name

SHIPPED = REPOSITORY / "lift" / "miniature" / "weights"

# A config file on the command line takes the place of the default one: merged, the methods of both would run.
if not workflow.configfiles:

    configfile: str(REPOSITORY / "config" / "config.yaml")


try:
    with open(Path(workflow.basedir) / "schemas" / "config.schema.yaml") as schema:
        CONFIG = configuration.resolve(config, yaml.safe_load(schema))
except InputError as error:
    raise WorkflowError(str(error))


def literal(text):
    """A text whose braces stay as they are where Snakemake fills in what stands in braces."""
    return text.replace("{", "{{").replace("}", "}}")


ENVIRONMENT = literal(str(REPOSITORY / "environment.yml"))

# Without conda, --use-conda goes on in the current environment.
if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method and not shutil.which("conda"):
    logger.warning("No conda found: --use-conda is ignored, all jobs run in the current Python environment.")
    workflow.deployment_settings.deployment_method = workflow.deployment_settings.deployment_method - {
        DeploymentMethod.CONDA
    }
PREFIX = f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(REPOSITORY))} TOKENIZERS_PARALLELISM=false; "
# glibc would give every large tensor back to the system and ask for it again: a quarter of the time of decoding
PREFIX += "export MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=1073741824; "
if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
    PREFIX += f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
shell.prefix(literal(PREFIX))

RESULTS = f"results/{CONFIG['experiment']}"
LOGS, TIMINGS = f"{RESULTS}/logs", f"{RESULTS}/timings"
MODELS, METHODS, SEEDS = list(CONFIG["models"]), list(CONFIG["methods"]), CONFIG["seeds"]
TRAINED = configuration.trained_methods(CONFIG)  # the others decode another checkpoint of their runs
BENCHMARKS, CORPORA = list(CONFIG["benchmarks"]), list(CONFIG["corpora"])
GPUS, SHARDS = int(CONFIG["device"] != "cpu"), CONFIG["shards"]

# What decoding, grading and scoring know of each benchmark.
PLAN = {
    name: describe(entry["source"], configuration.benchmark_settings(entry))
    | {"decoders": configuration.benchmark_decoders(CONFIG, name), "samples": entry["samples"], "k": entry["k"]}
    for name, entry in CONFIG["benchmarks"].items()
}
ANSWERS = [  # the benchmark of every file of answers, and its path below a checkpoint's folder
    (name, f"{decoder}/{name}") for name, plan in PLAN.items() for decoder in plan["decoders"]
]
ANSWER_PATHS = [path for _, path in ANSWERS]
DECODER_OF = {f"{decoder}/{name}": decoder for name, plan in PLAN.items() for decoder in plan["decoders"]}
# What is drawn at random is answered once a seed by the base as well, the rest once.
SAMPLED = [(name, path) for name, path in ANSWERS if PLAN[name]["decoders"][DECODER_OF[path]]["temperature"]]
FURTHER_SEEDS = SEEDS[1:] if SAMPLED else []
LENGTHS = sorted({settings["gen_length"] for plan in PLAN.values() for settings in plan["decoders"].values()})
GUESSED = [(name, path) for name, path in ANSWERS if PLAN[name]["guesses"]]
METRICS = {name: plan["metric"].replace("@k", f"@{plan['k']}") for name, plan in PLAN.items()}
ROWS = [*(["guess"] if GUESSED else []), "base", *METHODS]  # of the tables, in their order
# Where the examples of each corpus are cut, over all methods that train on it.
MAX_LENGTHS = {name: set() for name in CORPORA}
for _method in TRAINED:
    _training = configuration.method_training(CONFIG, _method)
    MAX_LENGTHS[_training["corpus"]].add(_training["max_length"])
MAX_LENGTHS = {name: sorted(lengths or {CONFIG["training"]["max_length"]}) for name, lengths in MAX_LENGTHS.items()}
PROMPTS = file_hash(*sorted((REPOSITORY / "lift" / "data" / "prompts").glob("*.txt")))


wildcard_constraints:
    model="|".join([*MODELS, "none"]),
    method="|".join(ROWS),
    seed=r"\d+",
    corpus="|".join(CORPORA),
    benchmark="|".join(BENCHMARKS),


def json(value, keep_order=False):
    """A value for the command line; the order of its keys counts only where it is kept."""
    return JSONEncoder(sort_keys=not keep_order).encode(value)


def in_repository(path):
    """A file of the repository as an input, relative to where results are made: in an input, braces are wildcards."""
    relative = os.path.relpath(REPOSITORY / path)
    if "{" in relative:
        raise WorkflowError(
            f"{REPOSITORY}: Snakemake takes the braces for wildcards; run from there, without --directory."
        )
    return relative


def model_folder(model):
    """Where a base model lies: made or fetched by the workflow, or the user's own folder."""
    entry = CONFIG["models"][model]
    made = entry["base"] in configuration.OWN_BASES or configuration.hub_model(entry)
    return f"{RESULTS}/models/{model}" if made else entry["base"]


def base_settings(entry):
    """What makes a base model; its recipe counts only where it is followed."""
    recipe = entry["training"] if entry["base"] == "train" else {}
    chosen = {"base": entry["base"], "revision": entry.get("revision", "main"), "family": entry["family"]}
    return chosen | {"recipe": json(recipe)}


def local_files(entry):
    """The data and the prompt of an entry of benchmarks or corpora that lie here: its inputs."""
    return [path for path in (data_file(entry), entry.get("prompt")) if path]


def memory_mb(wildcards):
    """Main memory of a job that holds a model: a large one passes through it on its way to the GPU."""
    return 32000 if CONFIG["device"] == "cuda" else 4000


def training(method):
    """How a method is trained, without what concerns other stages."""
    settings = configuration.method_training(CONFIG, method)
    return configuration.settings(settings, "corpus", "checkpoint")


def weights(wildcards):
    """The base model and, of a trained method, the chosen checkpoint of its run."""
    files = {"model": model_folder(wildcards.model)}
    if wildcards.method != "base":
        run = CONFIG["methods"][wildcards.method].get("run_of", wildcards.method)
        chosen = configuration.method_training(CONFIG, wildcards.method)["checkpoint"]
        files["run"] = f"{RESULTS}/runs/{wildcards.model}/{run}/seed{wildcards.seed}/{chosen}"
    return files


def checkpoints(pattern, sampled=True):
    """A path for every checkpoint and seed that decode: each method's, and the base models'.

    sampled: whether something is drawn at random; else the base models answer once.
    """
    seeds = SEEDS[:1] + (FURTHER_SEEDS if sampled else [])
    return expand(pattern, model=MODELS, method=METHODS, seed=SEEDS) + expand(
        pattern, model=MODELS, method="base", seed=seeds
    )


def decoding(answers):
    """What decoding needs to know: by benchmark, the decoders of some answers with their settings, and samples."""
    plans = {name: {"decoders": {}, "samples": PLAN[name]["samples"]} for name, _ in answers}
    for name, path in answers:
        plans[name]["decoders"][DECODER_OF[path]] = PLAN[name]["decoders"][DECODER_OF[path]]
    return json(plans)


def answer_files(folder, extension):
    """A file for every checkpoint, benchmark and decoder, and for the guesses where there are any."""
    files = [
        file for name, path in ANSWERS for file in checkpoints(f"{folder}/{path}.{extension}", (name, path) in SAMPLED)
    ]
    guesses = [f"{folder}/{path}.{extension}" for _, path in GUESSED]
    return files + expand(guesses, model="none", method="guess", seed=0)


def refuse_what_cannot_run():
    """Ends the run with a sentence for each thing that is missing on this machine: GPU, disk, network, sandbox.

    Only what its jobs need counts: data may be fetched on a machine without a GPU.
    """
    from lift.plan import preflight  # a job of the run has no use for it

    here = {job.rule.name for job in workflow.dag.needrun_jobs() if workflow.local_exec or job.is_local}
    holding = {"token_statistics", "statistics_shard", "train", "answer", "answer_shard", "answer_samples"}
    models = not here.isdisjoint(holding)
    limit = workflow.global_resources.get("gpu")  # a number, or one in a wrapping
    at_a_time = (getattr(limit, "value", limit) or 1) if GPUS else 1
    faults = preflight.faults(
        CONFIG, Path(RESULTS), models=models, code=not here.isdisjoint({"judge", "judge_samples"}), gpus=at_a_time
    )
    if faults:
        logger.error("This experiment cannot run here.\n" + "\n".join(f"  - {fault}" for fault in faults))
        sys.exit(1)


def print_results():
    """The main table, the comparisons where some methods alone were asked for, and where the rest lies, if made now."""
    table = Path(RESULTS, "tables", "main.md")
    if table.exists() and table.stat().st_mtime > STARTED:
        print(f"\n{table.read_text()}\nPercent, with 95% intervals over problems and seeds.")
        if "only" in CONFIG:
            print(
                f"\nDifferences over the same problems, in points:\n\n{table.with_name('comparisons.md').read_text()}"
            )
        print(f"Everything on one page: {RESULTS}/report.html  every score: {RESULTS}/scores.csv")
