"""What would stop an experiment is found before it starts: each fault by itself, and none for the miniature."""

import http.server
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from lift.config import configuration
from lift.config.layout import Layout
from lift.data import hub
from lift.data import reachable as network
from lift.errors import InputError
from lift.grade import sandbox
from lift.plan import planning, preflight

ROOT = Path(__file__).parent.parent
REHEARSAL = ROOT / "tests/rehearsal/models"
MINIATURE, PAPER, CODE = (ROOT / "config" / name for name in ("config.yaml", "paper.yaml", "code.yaml"))


def resolved(path=MINIATURE, **changes):
    """A config file as the workflow has it, some top-level entries replaced."""
    schema = yaml.safe_load(configuration.SCHEMA.read_text())
    return configuration.resolve(yaml.safe_load(path.read_text()) | changes, schema)


@pytest.fixture
def reachable(monkeypatch):
    """Everything can be fetched. Holds what was asked for."""
    asked = []

    def check(repo, revision, kind, timeout):
        asked.append((kind, repo, revision))

    monkeypatch.setattr(hub, "check_reachable", check)
    monkeypatch.setattr(network, "url_fault", lambda url, seconds: asked.append(("url", url, "")))
    return asked


@pytest.fixture
def roomy(monkeypatch):
    """A disk with room for everything."""
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**15))


def command(*arguments, cwd, **environment):
    """`python -m lift check` in a folder; PATH and the hub's cache are empty unless given."""
    environment = {"PATH": "", "HF_HOME": str(cwd / "cache"), "PYTHONPATH": str(ROOT)} | environment
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-m", "lift", "check", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )
    assert "Traceback" not in result.stderr + result.stdout
    return result, time.monotonic() - started


# ---- the miniature


def test_the_miniature_can_run(tmp_path):
    assert preflight.faults(resolved(), tmp_path) == []
    started = time.monotonic()
    assert preflight.faults(resolved(), tmp_path) == []
    assert time.monotonic() - started < 0.5


def test_the_command_says_so_in_a_line(tmp_path):
    result, _ = command("--config", MINIATURE, cwd=tmp_path, HF_HUB_OFFLINE="1")
    assert (result.returncode, result.stdout) == (0, f"{MINIATURE} can run here.\n")
    assert not list(tmp_path.iterdir())


def test_the_miniature_is_checked_without_large_libraries():
    code = f"""
import sys
from pathlib import Path
from lift.config import configuration
from lift.plan import preflight
assert preflight.faults(configuration.load_config(Path({str(MINIATURE)!r})), Path("none")) == []
print(sorted(sys.modules.keys() & {{"torch", "transformers", "datasets", "huggingface_hub", "lift.grade.sandbox"}}))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "[]", result.stderr


def test_a_mistake_in_the_config_is_named(tmp_path):
    (tmp_path / "mine.yaml").write_text(MINIATURE.read_text().replace("device: cpu", "device: gpu"))
    result, _ = command("--config", tmp_path / "mine.yaml", cwd=tmp_path)
    assert result.returncode == 2
    assert "device: 'gpu' is not one of" in result.stderr
    result, _ = command("--config", tmp_path / "none.yaml", cwd=tmp_path)
    assert result.returncode == 2
    assert "none.yaml" in result.stderr


def test_a_checkpoint_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llada"}))
    (tmp_path / "tokenizer_config.json").write_text("{}")
    (fault,) = preflight.faults(resolved(models={"mine": {"base": str(tmp_path)}}), tmp_path)
    assert str(tmp_path / "config.json") in fault


# ---- GPU and memory


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """A machine with GPUs of these sizes, in GiB."""

    def make(*sizes):
        ids = [f"GPU-{place:04d}" for place in range(len(sizes))]
        listing = "\n".join(f"GPU {place}: A card (UUID: {name})" for place, name in enumerate(ids))
        memory = "\n".join(f"{name}, {size * 1024}" for name, size in zip(ids, sizes, strict=True))
        script = tmp_path / "bin" / "nvidia-smi"
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            f"#!/bin/sh\nif [ \"$1\" = -L ]; then cat <<'EOF'\n{listing}\nEOF\nelse cat <<'EOF'\n{memory}\nEOF\nfi\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(script.parent), prepend=os.pathsep)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr(preflight.device, "torch_fault", lambda: None)

    return make


def test_no_gpu_is_a_fault(tmp_path, monkeypatch, reachable, roomy):
    monkeypatch.setenv("PATH", "")
    (fault,) = preflight.faults(resolved(PAPER), tmp_path)
    assert "no NVIDIA GPU" in fault
    assert preflight.faults(resolved(PAPER), tmp_path, models=False) == []  # jobs run elsewhere


def test_a_driver_that_pytorch_cannot_use_is_a_fault(monkeypatch):
    if preflight.device.torch_fault() is None:
        pytest.skip("PyTorch has a GPU here")
    monkeypatch.setattr(preflight.device, "visible_gpus", lambda: ["GPU-a"])
    (fault,) = preflight.device_faults("cuda", None)
    assert "the driver shows GPUs, but PyTorch here, built" in fault
    assert "install a newer driver" in fault


def test_runs_at_a_time_need_disk_each(tmp_path, reachable, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))

    def needed(gpus):
        sentences = preflight.faults(resolved(PAPER), tmp_path, models=False, gpus=gpus)
        return max(float(number) for text in sentences for number in re.findall(r"([0-9.]+) GB", text))

    assert needed(8) > needed(1) + 20


def test_a_gpu_that_is_too_small_is_a_fault(tmp_path, monkeypatch, reachable, roomy, cards):
    cards(80, 80)
    assert preflight.faults(resolved(PAPER), tmp_path) == []
    cards(80, 24)
    (fault,) = preflight.faults(resolved(PAPER), tmp_path)
    assert "finetune (llada, sft) needs about 4" in fault
    assert "the smallest GPU has 25.8" in fault
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert preflight.faults(resolved(PAPER), tmp_path) == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "no NVIDIA GPU" in preflight.faults(resolved(PAPER), tmp_path)[0]


@pytest.mark.parametrize("name", ["small", "small-code", "one-gpu"])
def test_the_configs_for_one_card_fit_24_gb(tmp_path, monkeypatch, reachable, roomy, cards, lift_command, name):
    cards(24)
    monkeypatch.setattr(sandbox, "check", lambda isolation: None)
    monkeypatch.chdir(tmp_path)
    path = ROOT / f"config/{name}.yaml"
    assert lift_command("check", "--config", path) == (0, f"{path} can run here.\n", "")
    cards(4)
    code, _, errors = lift_command("check", "--config", path)
    assert code == 2
    assert "Memory: " in errors


def test_full_fine_tuning_of_a_large_model_needs_more_than_a_gpu(tmp_path, reachable, roomy, cards):
    cards(80)
    training = yaml.safe_load(PAPER.read_text())["training"] | {"lora": None}
    (fault,) = preflight.faults(resolved(PAPER, training=training), tmp_path)
    assert fault.startswith("Memory: finetune")


def test_a_driver_that_does_not_tell_is_no_fault(tmp_path, monkeypatch, reachable, roomy, cards):
    cards(24)
    monkeypatch.setattr(preflight.device, "memory", dict)
    assert preflight.faults(resolved(PAPER), tmp_path) == []


def test_too_little_main_memory_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight.device, "main_memory", lambda: 558 * 10**6)
    (fault,) = preflight.faults(resolved(), tmp_path)
    assert "decode" in fault
    assert "this machine has 0.6" in fault
    monkeypatch.setattr(preflight.device, "main_memory", lambda: 10**8)
    assert any("this machine has 0.1" in fault for fault in preflight.faults(resolved(), tmp_path))
    assert preflight.device.main_memory() == 10**8
    monkeypatch.undo()
    assert preflight.device.main_memory() > 2**28


# ---- the network


def test_what_is_needed_is_asked_for_once(tmp_path, reachable, roomy):
    corpora = {"s1k": {"held_out": 10}, "gsm8k": {"held_out": 10}}
    config = resolved(PAPER, corpora=corpora)
    assert network.source_faults(preflight.sources(config, Layout(tmp_path)), 5) == []
    kinds = [kind for kind, _, _ in reachable]
    assert (kinds.count("model"), kinds.count("dataset"), kinds.count("url")) == (2, 3, 4)
    assert ("model", "GSAI-ML/LLaDA-8B-Instruct", config["models"]["llada"]["revision"]) in reachable
    assert [entry for entry in reachable if entry[1] == "openai/gsm8k"] == [
        ("dataset", "openai/gsm8k", "740312add88f781978c0658806c59bc2815b9866")
    ]


def test_what_is_prepared_is_not_asked_for(tmp_path, monkeypatch):
    config = resolved(PAPER)
    for name in config["models"]:
        (tmp_path / "models" / name).mkdir(parents=True)
    for folder in ("corpora", "benchmarks"):
        (tmp_path / folder).mkdir()
        for name in config[folder]:
            (tmp_path / folder / f"{name}.jsonl").write_text("{}\n")
    assert preflight.sources(config, Layout(tmp_path)) == []
    (tmp_path / "benchmarks" / "aime24.jsonl").unlink()
    ((kind, name, _),) = preflight.sources(config, Layout(tmp_path))
    assert (kind, name.rpartition("/")[2]) == ("url", "aime24.json")
    monkeypatch.chdir(tmp_path)
    config["benchmarks"]["aime24"]["path"] = "mine/aime"  # a folder may look like a name on the hub
    assert preflight.sources(config, Layout(tmp_path)) == [("dataset", "mine/aime", "main")]
    Path("mine/aime").mkdir(parents=True)
    assert preflight.sources(config, Layout(tmp_path)) == []


@pytest.mark.parametrize("environment", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:1"}])
def test_without_a_network_one_sentence_names_all(tmp_path, environment):
    result, seconds = command("--config", CODE, cwd=tmp_path, **environment)
    assert result.returncode == 2
    assert seconds < 15
    (fault,) = [line for line in result.stderr.splitlines() if "Neither here nor in reach" in line]
    config = yaml.safe_load(CODE.read_text())
    for name in (
        *(model["base"] for model in config["models"].values()),
        *("KodCode/KodCode-Light-RL-10K", "openai/openai_humaneval", "google-research-datasets/mbpp"),
    ):
        assert name in fault
    assert result.stderr.count("openai/openai_humaneval") == 1


def test_urls_are_out_of_reach_offline_too(tmp_path):
    result, _ = command("--config", PAPER, cwd=tmp_path, HF_HUB_OFFLINE="1")
    (fault,) = [line for line in result.stderr.splitlines() if "Neither here nor in reach" in line]
    assert "4x4_test_sudoku.csv" in fault
    assert "HuggingFaceH4/MATH-500" in fault


def test_what_is_cached_is_here(tmp_path):
    """The caches of a model and of two data sets, as after a run with a network."""
    config = yaml.safe_load(CODE.read_text())
    wanted = [("models", model["base"], model["revision"]) for model in config["models"].values()]
    wanted.append(("datasets", "openai/openai_humaneval", "7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544"))
    for kind, repo, revision in wanted:
        folder = tmp_path / "cache" / "hub" / f"{kind}--{repo.replace('/', '--')}" / "snapshots" / revision
        if kind == "models":
            shutil.copytree(REHEARSAL / ("llada" if "LLaDA" in repo else "dream"), folder)
        else:
            folder.mkdir(parents=True)
            (folder / "test.parquet").write_bytes(b"PAR1")
    result, _ = command("--config", CODE, cwd=tmp_path, HF_HUB_OFFLINE="1")
    (fault,) = [line for line in result.stderr.splitlines() if "Neither here nor in reach" in line]
    assert "the dataset KodCode/KodCode-Light-RL-10K, the dataset google-research-datasets/mbpp. Run once" in fault
    assert not any(repo in fault for _, repo, _ in wanted)


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """The cache of a repository, with the hub out of reach: files that link to blobs, as its library leaves them."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    def make(kind, files):
        repository = tmp_path / "hub" / f"{kind}s--some--thing"
        snapshot = repository / "snapshots" / ("c" * 40)
        for folder in (repository / "refs", repository / "blobs", snapshot):
            folder.mkdir(parents=True)
        (repository / "refs" / "main").write_text("c" * 40)
        for path in files:
            blob = shutil.copy(path, repository / "blobs" / f"blob-{path.name}")
            (snapshot / path.name).symlink_to(blob)
        return snapshot

    return make


@pytest.mark.parametrize("revision", ["main", "c" * 40])
@pytest.mark.parametrize("name", ["llada", "dream"])
def test_a_model_in_the_cache_is_whole_or_what_it_lacks_is_named(cached, name, revision):
    files = list((REHEARSAL / name).iterdir())
    snapshot = cached("model", files)
    assert hub.check_reachable("some/thing", revision, "model") is None
    for path in map(snapshot.joinpath, sorted(path.name for path in files)):
        target = path.readlink()
        path.unlink()  # was never fetched
        fault = hub.check_reachable("some/thing", revision, "model")
        lacks = "model.safetensors" if path.name == "model.safetensors.index.json" else path.name
        assert "not whole in the local cache" in fault
        assert (lacks in fault) or (lacks in ("tokenizer.json", "vocab.json") and "no tokenizer" in fault)
        assert "cannot be reached" not in fault  # it has a line of its own
        path.symlink_to(target.with_name(target.name + ".incomplete"))  # was cut off
        assert "not whole" in hub.check_reachable("some/thing", revision, "model")
        path.unlink()
        path.symlink_to(target)
    assert hub.check_reachable("some/thing", revision, "model") is None


@pytest.mark.parametrize("size", [0, 7, 1000])
def test_a_cut_off_file_in_the_cache_is_named_with_a_network_too(cached, monkeypatch, size):
    from huggingface_hub import HfApi

    snapshot = cached("model", list((REHEARSAL / "llada").iterdir()))
    blob = (snapshot / "model-00002-of-00002.safetensors").readlink()
    blob.write_bytes(blob.read_bytes()[:size])
    monkeypatch.setattr(HfApi, "repo_info", lambda *_, **__: None)
    fault = hub.check_reachable("some/thing", "main", "model")
    assert "model-00002-of-00002.safetensors" in fault
    assert "Delete it there first." in fault


def test_what_is_missing_is_no_fault_where_the_hub_can_be_asked(cached, monkeypatch):
    from huggingface_hub import HfApi

    cached("model", [REHEARSAL / "llada/config.json"])
    monkeypatch.setattr(HfApi, "repo_info", lambda *_, **__: None)
    assert hub.check_reachable("some/thing", "main", "model") is None


def test_a_file_that_the_hubs_listing_names_is_named(cached):
    from huggingface_hub._tree_cache import TreeCacheEntry, write_tree_cache

    snapshot = cached("dataset", [REHEARSAL / "llada/config.json"])
    listing = {name: TreeCacheEntry(size=7, blob_id="7" * 40) for name in ("config.json", "train-1.parquet")}
    write_tree_cache(str(snapshot.parent.parent), "c" * 40, listing)
    fault = hub.check_reachable("some/thing", "main", "dataset")
    assert "not whole in the local cache" in fault
    assert "train-1.parquet" in fault
    with pytest.raises(InputError, match=r"train-1.parquet"):
        hub.snapshot("some/thing", "main", "dataset")


def test_a_data_set_in_the_cache_has_data(cached, tmp_path):
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    snapshot = cached("dataset", [tmp_path / "README.md"])
    assert "holds no data file" in hub.check_reachable("some/thing", "main", "dataset")
    (snapshot / "rows.parquet").symlink_to(tmp_path / "rows.parquet")
    assert hub.check_reachable("some/thing", "main", "dataset") is None
    (tmp_path / "rows.parquet").unlink()
    assert "rows.parquet links to a file that is gone" in hub.check_reachable("some/thing", "main", "dataset")


def test_a_cache_without_weights_is_a_fault_of_the_command(tmp_path):
    config = yaml.safe_load(CODE.read_text())
    (repo, revision) = next((m["base"], m["revision"]) for m in config["models"].values() if "LLaDA" in m["base"])
    folder = tmp_path / "cache/hub" / f"models--{repo.replace('/', '--')}" / "snapshots" / revision
    ignored = shutil.ignore_patterns("*.safetensors")
    shutil.copytree(REHEARSAL / "llada", folder, ignore=ignored)
    result, _ = command("--config", CODE, cwd=tmp_path, HF_HUB_OFFLINE="1")
    assert result.returncode == 2
    assert re.search(rf"the model {repo} .*not whole.*model-00001-of-00002.safetensors does not exist", result.stderr)


def test_a_local_model_without_a_shard_is_a_fault(tmp_path):
    folder = shutil.copytree(REHEARSAL / "llada", tmp_path / "model")
    config = resolved(models={"mine": {"base": str(folder)}})
    assert preflight.faults(config, tmp_path) == []
    (folder / "model-00001-of-00002.safetensors").unlink()
    (fault,) = preflight.faults(config, tmp_path)
    assert "model-00001-of-00002.safetensors does not exist" in fault


def test_a_model_whose_cache_was_removed_is_a_fault(tmp_path):
    config = resolved(CODE)
    name = next(iter(config["models"]))
    (tmp_path / "models" / name).mkdir(parents=True)
    (tmp_path / "models" / name / "model.safetensors").symlink_to(tmp_path / "gone")
    (fault,) = preflight.model_faults(config, Layout(tmp_path))
    assert "model.safetensors links to a file that is gone: remove" in fault


def test_other_answers_of_the_hub_stand_for_themselves(tmp_path, monkeypatch):
    def check(repo, revision, kind, timeout):
        if kind == "model":
            return f"the model {repo} asks for an agreement: accept it on its page, then `hf auth login`."
        return f"the dataset {repo} is not in the local cache and the hub cannot be reached (OSError): ..."

    monkeypatch.setattr(hub, "check_reachable", check)
    *agreements, rest = network.source_faults(preflight.sources(resolved(CODE), Layout(tmp_path)), 5)
    assert len(agreements) == 2
    assert all("asks for an agreement" in fault for fault in agreements)
    assert rest.count("the dataset ") == 3


def test_a_network_that_never_answers_costs_no_more_than_its_time(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes calls and says nothing
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.json"
        benchmarks = {
            name: {"decoder": "greedy", "path": f"{url}?{name}"} for name in ("countdown", "sudoku", "math500")
        }
        config = resolved(benchmarks=benchmarks)
        monkeypatch.setattr(network, "url_fault", lambda url, seconds, real=network.url_fault: real(url, 10 * seconds))
        started = time.monotonic()
        (fault,) = network.source_faults(preflight.sources(config, Layout(tmp_path)), 0.5)
        assert time.monotonic() - started < 3
    assert all(f"{url}?{name}" in fault for name in benchmarks)


@pytest.fixture
def web():
    """A server on this machine that answers what its path says, such as /404/a.json."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(int(self.path.split("/")[1]))
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_urls_are_asked_for(web, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert network.url_fault(f"{web}/200/a.json", 5) is None
    assert network.url_fault(f"{web}/405/a.json", 5) is None  # it does not tell without being asked for all
    assert "answers 404" in network.url_fault(f"{web}/404/a.json", 5)
    assert "cannot be reached" in network.url_fault("http://127.0.0.1:1/a.json", 5)
    assert "cannot be reached" in network.url_fault("http://[/a.json", 5)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in network.url_fault(f"{web}/200/a.json", 5)


def test_a_url_with_a_mistake_is_a_fault_of_its_own(tmp_path, web, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    benchmarks = {
        "countdown": {"decoder": "greedy", "path": f"{web}/200/a.json"},
        "math500": {"decoder": "greedy", "path": f"{web}/404/b.json"},
    }
    (fault,) = preflight.faults(resolved(benchmarks=benchmarks), tmp_path)
    assert f"{web}/404/b.json" in fault
    assert "answers 404" in fault


# ---- disk


def free(monkeypatch, size):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=size))


def test_too_little_disk_is_a_fault(tmp_path, monkeypatch):
    free(monkeypatch, 10**5)
    (fault,) = preflight.faults(resolved(), tmp_path)
    assert fault.startswith("Disk: ")
    assert str(tmp_path) in fault


def test_results_and_cache_on_one_disk_share_it(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    made = planning.plan(resolved(PAPER), tmp_path / "results")
    both = made.to_come("results") + made.to_come("hub")
    free(monkeypatch, both - 1)
    (fault,) = preflight.disk_faults(made, tmp_path / "results")
    assert f"about {both / 1e9:.1f} GB" in fault
    assert f"{tmp_path / 'results'} and {tmp_path / 'hub'}" in fault
    free(monkeypatch, both)
    assert preflight.disk_faults(made, tmp_path / "results") == []


def test_two_disks_are_looked_at_apart(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    made = planning.plan(resolved(PAPER), tmp_path / "results")

    def existing(folder):
        return SimpleNamespace(stat=lambda: SimpleNamespace(st_dev=folder.name), name=folder.name)

    monkeypatch.setattr(preflight, "existing", existing)
    room = {"results": made.to_come("results"), "hub": made.to_come("hub") - 1}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=room[folder.name]))
    (fault,) = preflight.disk_faults(made, tmp_path / "results")
    assert str(tmp_path / "hub") in fault
    assert str(tmp_path / "results") not in fault


def test_folders_that_do_not_exist_yet_are_on_the_disk_above_them(tmp_path):
    assert preflight.existing(tmp_path / "a" / "b") == tmp_path
    assert preflight.existing(Path("surely/not/there")) == Path.cwd()


# ---- the sandbox


def code_config(tmp_path, **changes):
    (tmp_path / "humaneval.jsonl").write_text("{}\n")
    benchmarks = {"humaneval": {"decoder": "greedy", "path": str(tmp_path / "humaneval.jsonl"), "rows": 1}}
    return resolved(benchmarks=benchmarks, **changes)


def test_a_sandbox_that_does_not_work_is_a_fault(tmp_path, monkeypatch):
    asked = []

    def check(isolation):
        asked.append(isolation)
        raise InputError("The sandbox is broken.")

    monkeypatch.setattr(sandbox, "check", check)
    assert preflight.faults(code_config(tmp_path), tmp_path) == ["The sandbox is broken."]
    assert preflight.faults(code_config(tmp_path, sandbox="process"), tmp_path) == ["The sandbox is broken."]
    assert asked == ["bubblewrap", "process"]
    assert preflight.faults(code_config(tmp_path), tmp_path, code=False) == []
    assert preflight.faults(resolved(), tmp_path) == []  # no code benchmark, no sandbox


def test_bubblewrap_that_is_not_there_is_a_fault(tmp_path):
    config = yaml.safe_load(MINIATURE.read_text())
    (tmp_path / "humaneval.jsonl").write_text(json.dumps({}) + "\n")
    config["benchmarks"] = {"humaneval": {"decoder": "greedy", "path": "humaneval.jsonl", "rows": 1}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    result, _ = command("--config", "mine.yaml", cwd=tmp_path, PATH="")
    assert result.returncode == 2
    assert "bubblewrap" in result.stderr
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config | {"sandbox": "process"}))
    result, _ = command("--config", "mine.yaml", cwd=tmp_path, PATH="")
    assert (result.returncode, result.stderr) == (0, "")


# ---- several devices


def test_a_run_needs_as_many_gpus_as_its_devices(tmp_path, reachable, roomy, cards):
    training = yaml.safe_load(PAPER.read_text())["training"]
    config = resolved(PAPER, training=training | {"devices": 4})
    cards(80, 80)
    (fault,) = preflight.faults(config, tmp_path)
    assert fault == "training.devices: a run takes 4 GPUs, but this machine has 2 that can be used."
    cards(80, 80, 80, 80)
    assert preflight.faults(config, tmp_path) == []
    (fault,) = preflight.faults(config, tmp_path, gpus=2)
    assert "a run takes 4 GPUs, but jobs may take 2 together; say `--resources gpu=4`" in fault
    assert preflight.faults(config, tmp_path, gpus=4) == []
