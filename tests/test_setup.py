"""The set-up: one set of versions, shipped weights that load, and nothing that reads unsafe files."""

import re
import tomllib
from pathlib import Path

import torch
import yaml
from transformers import AutoTokenizer

from lift.miniature.language import VOCABULARY
from lift.models import checkpoint

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "lift/miniature/weights"


def test_conda_and_pip_have_the_same_versions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in conda if isinstance(entry, dict))
    assert sorted(pip) == sorted(project["dependencies"])
    extras = project["optional-dependencies"]
    assert set(extras["qlora"]) < set(extras["dev"])
    assert all(f"# - {line}  #" in (ROOT / "environment.yml").read_text() for line in extras["qlora"])
    everything = project["dependencies"] + extras["dev"]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in everything)


def locked() -> dict[str, list[str]]:
    """The versions of every package in requirements.lock; some have one for each version of Python."""
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if re.match("[a-z]", line)]
    assert all(line.endswith("\\") for line in lines)  # hashes follow
    found = {}
    for line in lines:
        name, version = re.match(r"([a-z0-9.-]+)==([^ ;]+)", line).groups()
        found.setdefault(name, []).append(version)
    return found


def test_the_lock_holds_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = dict(line.split("==") for line in project["dependencies"] + project["optional-dependencies"]["dev"])
    assert asked.pop("torch")
    assert {name: locked()[name] for name in asked} == {name: [version] for name, version in asked.items()}


def test_what_is_installed_is_what_is_locked():
    from importlib.metadata import distributions

    installed = {re.sub("[-_.]+", "-", found.name).lower(): found.version for found in distributions()}
    of_torch = re.compile("torch|triton|(cuda|nvidia)-.*")
    own = {"lift", "pip", "setuptools", "wheel"}
    unlocked = {name for name in installed.keys() - locked().keys() - own if not of_torch.fullmatch(name)}
    assert unlocked == set()
    assert {name for name, versions in locked().items() if installed.get(name, versions[0]) not in versions} == set()


def test_the_installed_versions_are_those():
    from importlib.metadata import version

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in project["dependencies"]:
        name, _, wanted = line.partition("==")
        assert version(name).split("+")[0] == wanted


def test_the_shipped_base_is_small_and_loads():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 8 * 2**20
    assert {path.suffix for path in SHIPPED.iterdir()} <= {".json", ".jinja", ".safetensors"}
    model, tokenizer = checkpoint.load(SHIPPED), AutoTokenizer.from_pretrained(SHIPPED)
    assert tokenizer.convert_ids_to_tokens(range(len(VOCABULARY))) == list(VOCABULARY)
    assert (model.mask_id, model.pad_id) == (tokenizer.mask_token_id, tokenizer.pad_token_id)


def test_no_remote_code_and_no_pickle():
    for path in [*ROOT.glob("lift/**/*.py"), *ROOT.glob("workflow/**/*.smk")]:
        text = path.read_text()
        assert not re.search(r"trust_remote_code\s*=\s*True|torch\.load\(|pickle", text), path
        if path.parts[-2:] != ("sandbox", "inside.py"):  # what runs a model's programs, and nothing else does
            assert not re.search(r"(?<![.\w])(eval|exec)\(", text), path


def test_the_base_answers_in_the_format(tmp_path):
    """What is shipped is a trained model: of some test problems, most answers are well-formed."""
    from tqdm import tqdm

    from lift.decode import answers
    from lift.decode.settings import Decoder
    from lift.grade import judge as grading
    from lift.miniature.benchmarks import mini_gsm

    torch.set_num_threads(1)
    model, tokenizer = checkpoint.load(SHIPPED), AutoTokenizer.from_pretrained(SHIPPED)
    problems, store = mini_gsm.problems(size=12), tmp_path / "store.jsonl"
    prompts = answers.encode_problems(tokenizer, problems)
    batches = dict(enumerate(answers.make_batches(prompts, 1, 12)))
    decoder = Decoder(64, 16, 32)
    answers.compute(model, tokenizer, "mini-gsm", problems, prompts, decoder, batches, 0, store, tqdm(disable=True))
    rows, _ = answers.collect(answers.read_store([store]))
    grades = grading.grade_rows(rows, {p["id"]: p for p in problems}, "number")
    assert sum(not grade["invalid"] for grade in grades) >= 10
