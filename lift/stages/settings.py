"""Write the resolved config of an experiment, as all its results were made with it."""

import json
from pathlib import Path

import yaml


def add_arguments(parser) -> None:
    parser.add_argument("--config", type=json.loads, required=True, help="the config with all defaults, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the .yaml file")


def main(args) -> None:
    args.output.write_text(yaml.safe_dump(args.config, sort_keys=False, allow_unicode=True))
