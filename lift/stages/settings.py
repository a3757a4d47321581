"""Write the resolved config of an experiment, as all its results were made with it."""

from pathlib import Path

import yaml


def main(experiment, args) -> list[Path]:
    text = yaml.safe_dump(experiment.config, sort_keys=False, allow_unicode=True)
    experiment.layout.folder.mkdir(parents=True, exist_ok=True)
    experiment.layout.config.write_text(text)
    return [experiment.layout.config]
