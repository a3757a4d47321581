# Shared by all stages: the experiment, where things lie, and how `python -m lift` is called.
# Snakemake compares a job's params as a set of values without their names: two that exchange their values would plan
# nothing. So the settings of a rule are one param, a view of the experiment.
import os
import shlex
import shutil
import sys
import time
from functools import cache
from json import JSONEncoder
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

RULES, STARTED = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)), time.time()
REPOSITORY = RULES.parent.parent
sys.path.insert(0, str(REPOSITORY))

from lift.config import configuration
from lift.config.experiment import Experiment
from lift.errors import InputError
from lift.provenance import file_hash, fingerprint, value_hash
from lift.registry import module_name
from lift.report.contents import TABLES, figures

# A config file on the command line takes the place of the default one: merged, the methods of both would run.
if not workflow.configfiles:

    configfile: str(REPOSITORY / "config" / "config.yaml")


try:
    EXPERIMENT = Experiment(configuration.resolve(config, yaml.safe_load(configuration.SCHEMA.read_text())))
except InputError as error:
    raise WorkflowError(str(error))
AT, GPUS, SHARDS = EXPERIMENT.layout, int(EXPERIMENT.config["device"] != "cpu"), EXPERIMENT.config["shards"]
MEMORY_MB = 32000 if GPUS else 4000  # of a job that holds a model: a large one passes through it on its way to the GPU
ENVIRONMENT = str(REPOSITORY / "environment.yml").replace("{", "{{").replace("}", "}}")

# Without conda, --use-conda goes on in the current environment.
if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method and not shutil.which("conda"):
    logger.warning("No conda found: --use-conda is ignored, all jobs run in the current Python environment.")
    workflow.deployment_settings.deployment_method = workflow.deployment_settings.deployment_method - {
        DeploymentMethod.CONDA
    }

# glibc would give every large tensor back to the system and ask for it again: a quarter of the time of decoding
# exec: a signal that ends a job reaches the stage, and not a shell around it that would end at once.
COMMAND = f"exec env PYTHONPATH={shlex.quote(str(REPOSITORY))} TOKENIZERS_PARALLELISM=false"
COMMAND += " MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=1073741824"
if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
    COMMAND += f' PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"'
COMMAND += " python -m lift"

# Jobs read the resolved config from a file of its own name, which no other run with the same results changes.
WHOLE = yaml.safe_dump(EXPERIMENT.config, sort_keys=False, allow_unicode=True)
HANDED = Path(".snakemake", "lift", f"{EXPERIMENT.config['experiment']}-{value_hash(WHOLE)}.yaml")
if not HANDED.exists():
    try:
        HANDED.parent.mkdir(parents=True, exist_ok=True)
        part = HANDED.with_suffix(f".{os.getpid()}")
        part.write_text(WHOLE)
        part.replace(HANDED)
    except PermissionError:
        raise WorkflowError(f"You may not write to {Path.cwd()}: name a folder of your own by --directory.")


wildcard_constraints:
    model="|".join(EXPERIMENT.models),
    method="|".join(EXPERIMENT.rows),
    seed=r"\d+",
    corpus="|".join(EXPERIMENT.corpora),
    benchmark="|".join(EXPERIMENT.benchmarks),


def stage(name, view, chosen=None):
    """The params of a stage: its command up to its names, its view of the experiment, its code.

    view: a value or, of a job, a function of the wildcards. chosen: the modules that a job's view names. No job is
    compared by its command, since that takes `threads`.
    """
    imported, encode = f"lift.stages.{name.replace('-', '_')}", JSONEncoder().encode
    settings = (lambda wildcards: encode(view(wildcards))) if callable(view) else encode(view)
    code = (lambda wildcards: fingerprint(imported, *chosen(view(wildcards)))) if chosen else fingerprint(imported)
    command = f"{COMMAND} {name} --config {shlex.quote(str(HANDED))}"
    return {"lift": lambda wildcards, threads: command, "settings": settings, "code": code}


def in_repository(path):
    """A file of the repository as an input, relative to where results are made: in an input, braces are wildcards."""
    relative = os.path.relpath(REPOSITORY / path)
    if "{" in relative:
        raise WorkflowError(
            f"{REPOSITORY}: Snakemake takes the braces for wildcards; run from there, without --directory."
        )
    return relative


def tables(stage):
    """The tables that a stage makes: each as .csv, in Snakemake's report, .md and .tex."""
    for name in TABLES[stage]:
        caption = "data" if stage == "data" else name
        labels, category = {"table": name}, "Data" if stage == "data" else "Tables"
        yield report(f"{AT.table(name)}.csv", caption=f"../report/{caption}.rst", category=category, labels=labels)
        yield from (f"{AT.table(name)}.{ending}" for ending in ("md", "tex"))


@cache
def plan():
    """What the experiment costs; None where a model cannot be read, which stops the run in a moment."""
    from lift.plan import planning

    try:
        return planning.plan(EXPERIMENT.config, AT.folder)
    except InputError:
        return None


def runtime(stage, what=None):
    """Minutes that a job of a stage asks a cluster for, by the plan; each attempt asks for more. Elsewhere none."""

    def minutes(wildcards, attempt):
        if not workflow.non_local_exec_or_dryrun or plan() is None:
            return None
        from lift.plan import wall_time

        shares = devices(wildcards) if stage == "finetune" else SHARDS if stage in ("statistics", "decode") else 1
        return attempt * wall_time.minutes(plan(), stage, wildcards.model, what or wildcards.get("method"), shares)

    return minutes


def model_of(wildcards):
    """The base model of a job."""
    return str(EXPERIMENT.model(wildcards.model))


def devices(wildcards):
    """Processes of a run, each with a GPU or CPU threads of its own."""
    return EXPERIMENT.training(wildcards.method)["devices"]


def weights(wildcards):
    """The base model and, of a trained method, the chosen checkpoint of its run."""
    run = EXPERIMENT.checkpoint(wildcards.model, wildcards.method, wildcards.seed)
    return {"model": model_of(wildcards)} | ({"run": str(run)} if run else {})


def problems(method, seed):
    """The files of problems that a checkpoint answers."""
    return [AT.problems(name) for name in dict.fromkeys(name for name, _ in EXPERIMENT.answers(method, seed))]


def answer_files(folder, extension, method="", seed=None):
    """The files of what a checkpoint answers, and of the verdicts on it."""
    answered = EXPERIMENT.answers(method, EXPERIMENT.seeds[0] if seed is None else seed)
    return [folder / decoder / f"{benchmark}.{extension}" for benchmark, decoder in answered]


def refuse_what_cannot_run():
    """Ends the run with a sentence for each thing that is missing on this machine: GPU, disk, network, sandbox.

    On one machine jobs take one GPU together, where nothing else is said: the executor is not known any earlier.
    Only what its jobs need counts: data may be fetched on a machine without a GPU.
    """
    from lift.plan import preflight  # a job of the run has no use for it

    here = {job.rule.name for job in workflow.dag.needrun_jobs() if workflow.local_exec or job.is_local}
    holding = {"token_statistics", "train", "answer", "answer_samples"}
    if workflow.local_exec and "gpu" not in workflow.global_resources:  # elsewhere a queue shares the GPUs out
        workflow.register_resource("gpu", 1)
        workflow.scheduler.global_resources["gpu"] = 1
    at_a_time = workflow.global_resources["gpu"].value if GPUS and "gpu" in workflow.global_resources else None
    uses = {"models": not here.isdisjoint(holding), "code": not here.isdisjoint({"judge", "judge_samples"})}
    if faults := preflight.faults(EXPERIMENT.config, AT.folder, **uses, gpus=at_a_time):
        logger.error("This experiment cannot run here.\n" + "\n".join(f"  - {fault}" for fault in faults))
        sys.exit(1)


def print_results():
    """The main table, the comparisons where some methods alone were asked for, and where the rest lies, if made now."""
    table = Path(f"{AT.table('main')}.md")
    if table.exists() and table.stat().st_mtime > STARTED:
        print(f"\n{table.read_text()}\nPercent, with 95% intervals over problems and seeds.")
        if "only" in EXPERIMENT.config:
            print(
                f"\nDifferences over the same problems, in points:\n\n{table.with_name('comparisons.md').read_text()}"
            )
        print(f"Everything on one page: {AT.page}  every score: {AT.scores}")
