"""`python -m lift STAGE`: every stage of the pipeline, by hand. `python -m lift STAGE --help` explains one."""

import argparse
import importlib
import sys
from pathlib import Path

from lift.errors import InputError

STAGES = {
    "settings": "write the resolved config of an experiment",
    "prepare-corpus": "write the examples of a corpus",
    "prepare-benchmark": "write the problems of a benchmark",
    "base-model": "fetch a base model from the hub, or install or train the miniature's",
    "tokenise": "tokenise a corpus for a model",
    "data-report": "lengths, cuts and contamination of the data",
    "statistics": "confidence of a model by token and masking level",
    "gather-statistics": "token statistics from those of shards",
    "finetune": "fine-tune a model by one objective",
    "decode": "answer benchmarks by diffusion decoding",
    "guess": "answer benchmarks by random well-formed answers",
    "judge": "judge the answers of a run",
    "problem-scores": "score every problem from grades",
    "scores": "scores with intervals from those of problems",
    "compare": "every method next to some references, over the same problems",
    "tables": "tables from scores, comparisons, claims and statistics",
    "figures": "figures from scores, statistics and logs",
    "report": "one page with tables, claims, figures and answers",
    "power": "say what an experiment can find, and what smaller differences would take",
}
TOOLS = {
    "grade": "judge a file of answers",
    "keep": "keep an experiment's tables and figures, with what made them",
    "merge": "merge a fine-tuned adapter into its base model",
    "plan": "estimate GPU-hours, memory and disk of an experiment",
    "published": "intervals of published comparisons",
    "check": "look whether this machine can run an experiment",
    "keys": "print the keys of a config, with what each takes and means",
    "verify": "look whether results are what was written",
    "status": "say what runs, waits and is finished of an experiment, and how long it will take",
    "clean": "remove what a finished experiment needs no more",
    "explain": "say where a number in a table comes from",
}


def main() -> int:
    """Run one stage; an InputError is printed as one line."""
    parser = argparse.ArgumentParser(prog="python -m lift", description=__doc__)
    subparsers = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    wanted = sys.argv[1] if len(sys.argv) > 1 else None
    for stage, summary in (STAGES | TOOLS).items():
        sub = subparsers.add_parser(stage, help=summary)
        if stage == wanted:  # other stages' libraries need not be imported
            room = "stages" if stage in STAGES else "tools"
            module = importlib.import_module(f"lift.{room}.{stage.replace('-', '_')}")
            sub.description = module.__doc__
            sub.formatter_class = argparse.RawDescriptionHelpFormatter
            if stage in STAGES:
                sub.add_argument("--config", type=Path, required=True, help="the .yaml file of the experiment")
            if hasattr(module, "add_arguments"):
                module.add_arguments(sub)
    args = parser.parse_args()
    try:
        if args.stage in STAGES:
            from lift import checksums
            from lift.config.experiment import Experiment  # tools need none

            experiment = Experiment.read(args.config)
            experiment.check(**vars(args))
            if written := module.main(experiment, args):
                checksums.record(experiment.layout.folder, written)
        else:
            module.main(args)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads the output has seen enough
        sys.stdout = None
    except FileNotFoundError as error:
        print(f"error: {error.filename or error} does not exist.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
