"""Look whether this machine can run an experiment: GPU, memory, disk, sandbox, and what must be fetched.

Prints what would stop it and exits with 2, else one line. No job is run and nothing is fetched.
"""

from pathlib import Path

from lift.config import configuration
from lift.errors import InputError
from lift.plan import preflight


def add_arguments(parser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="the .yaml file of the experiment")
    parser.add_argument("--results", type=Path, help="folder of its results; results/EXPERIMENT if left out")


def main(args) -> None:
    config = configuration.load_config(args.config)
    found = preflight.faults(config, args.results or Path("results", config["experiment"]))
    if found:
        raise InputError(f"{args.config} cannot run here:\n" + "\n".join(f"  - {fault}" for fault in found))
    print(f"{args.config} can run here.")
