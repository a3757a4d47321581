"""`python -m lift STAGE`: every stage of the pipeline, by hand. `python -m lift STAGE --help` explains one."""

import argparse
import ast
import gc
import importlib
import sys
from pathlib import Path

from lift.errors import InputError

STAGES = (  # in the order of the pipeline
    *("settings", "prepare-corpus", "prepare-benchmark", "base-model", "tokenise", "data-report", "statistics"),
    *("finetune", "decode", "guess", "judge", "problem-scores", "scores", "compare", "tables", "figures", "report"),
    "power",
)
TOOLS = (
    "grade",
    "keep",
    "merge",
    "share",
    "plan",
    "published",
    "check",
    "keys",
    "verify",
    "status",
    "clean",
    "explain",
)


def summary(module: str) -> str:
    """What a module of lift says of itself, up to the first colon; it is not imported."""
    tree = ast.parse(Path(__file__).parent.joinpath(*module.split(".")).with_suffix(".py").read_text())
    return ast.get_docstring(tree).splitlines()[0].partition(":")[0].rstrip(".").replace("%", "%%")


def main() -> int:
    """Run one stage; an InputError is printed as one line."""
    parser = argparse.ArgumentParser(prog="python -m lift", description=__doc__)
    subparsers = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    wanted = sys.argv[1] if len(sys.argv) > 1 else None
    for stage in STAGES + TOOLS:
        name = f"{'stages' if stage in STAGES else 'tools'}.{stage.replace('-', '_')}"
        sub = subparsers.add_parser(stage, help=summary(name))
        if stage == wanted:  # other stages' libraries need not be imported
            module = importlib.import_module(f"lift.{name}")
            if not gc.isenabled():
                gc.freeze()
                gc.enable()
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
    gc.disable()  # what torch and transformers make stays: to look for waste in it would take a third of a start
    sys.exit(main())
