"""A copy of the repository in which the real DAG is run on a tiny config and files may be changed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.conftest import ROOT

SMOKE = yaml.safe_load((ROOT / "tests/config/smoke.yaml").read_text())
PARTS = ("workflow", "lift", "config", "environment.yml", "tests/config", "tests/rehearsal")
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--cores", "2"]


class Checkout:
    """A copy of the repository in a folder, and an experiment in it."""

    def __init__(self, folder: Path, config: dict) -> None:
        self.folder, self.config = folder, config
        for part in PARTS:
            source, target = ROOT / part, folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        self.results = folder / "results" / config["experiment"]

    def resolved(self, *keys: str) -> object:
        """A value of the config that the results were made with."""
        value = yaml.safe_load((self.results / "config.yaml").read_text())
        for key in keys:
            value = value[key]
        return value

    def command(self, *arguments: str, config: dict | None = None) -> list[str]:
        path = self.folder / "experiment.yaml"
        path.write_text(yaml.safe_dump(config or self.config, sort_keys=False))
        return [*SNAKEMAKE, *arguments, "--configfile", str(path)]  # what follows it is a config file

    def run(self, *arguments: str, config: dict | None = None, **environment: str) -> subprocess.CompletedProcess:
        command = self.command(*arguments, config=config)
        environment = os.environ | environment
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, env=environment)

    def plan(self, *arguments: str, config: dict | None = None) -> dict[str, int]:
        """How many jobs of each rule a dry run plans."""
        result = self.run("-n", *arguments, config=config)
        assert result.returncode == 0, result.stderr
        return planned(result.stdout)

    def edited(self, path: str, old: str, new: str):
        return _Edit(self.folder / path, old, new)


def planned(output: str) -> dict[str, int]:
    """How many jobs of each rule the output of a dry run names."""
    table = re.search(r"^job +count\n-[- ]+\n(.*?)\n\n", output, re.M | re.S)
    jobs = dict(line.split() for line in table[1].splitlines()) if table else {}
    return {rule: int(count) for rule, count in jobs.items() if rule not in ("total", "all")}


class _Edit:
    """A change of one file, undone at the end, its time stamp too."""

    def __init__(self, path: Path, old: str, new: str) -> None:
        self.path, self.old, self.new = path, old, new

    def __enter__(self):
        self.stat, self.text = self.path.stat(), self.path.read_text()
        assert self.old in self.text
        self.path.write_text(self.text.replace(self.old, self.new, 1))

    def __exit__(self, *exception):
        self.path.write_text(self.text)
        os.utime(self.path, ns=(self.stat.st_atime_ns, self.stat.st_mtime_ns))
