"""Print the keys of a config: what each takes, what it is if left out, and what it means, from the schema.

PLACE is one of the parts of a config, such as training; all if left out. The tables of config/README.md are these.
"""

import yaml

from lift.config import configuration, reference


def add_arguments(parser) -> None:
    parser.add_argument("place", nargs="?", choices=reference.PLACES, metavar="PLACE")


def main(args) -> None:
    schema = yaml.safe_load(configuration.SCHEMA.read_text())
    for place in [args.place] if args.place else reference.PLACES:
        print(f"`{place}`:\n\n{reference.table(place, schema)}\n")
