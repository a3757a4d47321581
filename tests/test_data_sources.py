"""Published data: files of every format, the hub's layout without a network, and mistakes that are named."""

import csv
import functools
import gzip
import hashlib
import http.server
import json
import os
import shutil
import threading

import pandas as pd
import pytest

from lift import provenance
from lift.data import contamination, hub, overview, prompts, sources
from lift.data.benchmarks import aime24, aime25, countdown, gsm8k, humaneval, math500, mbpp, sudoku
from lift.data.corpora import dataset, kodcode, lift_sft_12k, s1k, s1k_1_1
from lift.data.corpora import gsm8k as gsm8k_corpus
from lift.decode.settings import Decoder
from lift.errors import InputError
from tests.conftest import ROOT
from tests.stage_config import write_config

DATA = ROOT / "tests/rehearsal/data"
ROWS = [{"question": "How many?", "answer": "3"}, {"question": 'A "quoted", one', "answer": "4"}]


def write(path):
    """ROWS in the format of a file's name."""
    if path.name.endswith(".csv"):
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, ["question", "answer"])
            writer.writeheader()
            writer.writerows(ROWS)
    elif path.name.endswith(".parquet"):
        pd.DataFrame(ROWS).to_parquet(path)
    elif path.name.endswith(".json"):
        path.write_text(json.dumps(ROWS, indent=1))
    else:
        text = "".join(json.dumps(row) + "\n" for row in ROWS)
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.csv", "a.parquet"])
def test_files_of_every_format(tmp_path, name):
    found = sources.read_rows(write(tmp_path / name), fields=["question", "answer"], rows=2)
    assert [{k: str(v) for k, v in row.items()} for row in found] == ROWS


@pytest.mark.parametrize(
    "name, content, options, parts",
    [
        ("missing.jsonl", None, {}, ["missing.jsonl", "no such file"]),
        ("a.txt", "x", {}, ["a.txt", ".txt", ".jsonl"]),
        ("a.jsonl", "{", {}, ["a.jsonl", "cannot be read"]),
        ("a.jsonl", '{"question": "q"}\n', {}, ["a.jsonl, line 1 (row 0)", "'answer'", "question"]),
        ("a.jsonl", '{"question": "q", "answer": "1"}\n', {"rows": 3}, ["1 rows, 3 were expected", "rows: 1"]),
    ],
)
def test_mistakes_are_named(tmp_path, name, content, options, parts):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError) as raised:
        sources.read_rows(str(path), fields=["question", "answer"], **options)
    assert [part for part in parts if part not in str(raised.value)] == []


# The hub's layout, without a network


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty hub cache, and no network; `add` puts a repository into it as the hub's client would."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    def add(kind, repo, commit, files):
        folder = tmp_path / f"{kind}s--{repo.replace('/', '--')}"
        snapshot = folder / "snapshots" / commit
        for name, source in files.items():
            (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, snapshot / name)
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs/main").write_text(commit)
        return snapshot

    return add


COMMIT = "740312add88f781978c0658806c59bc2815b9866"


def test_a_data_set_of_the_hub_at_its_revision(cache, tmp_path):
    table = tmp_path / "rows.parquet"
    pd.read_json(DATA / "gsm8k_test.jsonl", lines=True).to_parquet(table)
    card = tmp_path / "card.md"
    card.write_text(
        "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: test\n    path: main/test-*\n"
        "- config_name: socratic\n  data_files:\n  - split: test\n    path: socratic/test-*\n---\n"
    )
    files = {"README.md": card, "main/test-00000-of-00001.parquet": table}
    cache("dataset", "openai/gsm8k", COMMIT, files)
    problems = gsm8k.problems(rows=4)
    assert [problem["answer"] for problem in problems] == ["18", "3", "70000", "540"]
    facts = sources.facts("gsm8k", {"path": "openai/gsm8k", "revision": COMMIT}, None, table, 4)
    assert facts["commit"] == COMMIT
    with pytest.raises(InputError, match=r"4 rows, 1319 were expected"):
        gsm8k.problems()


def test_texts_of_a_data_set_of_the_hub_come_as_written(cache, tmp_path):
    """Laid out as the hub's client does it: the snapshot holds links."""
    answers = ["2024-01-05", "007", "1.50", "NA"]
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"problem": "q", "answer": answer}) + "\n" for answer in answers))
    snapshot = cache(
        "dataset", "HuggingFaceH4/MATH-500", "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be", {"test.jsonl": rows}
    )
    (snapshot.parents[1] / "blobs").mkdir()
    shutil.move(snapshot / "test.jsonl", snapshot.parents[1] / "blobs/0123")
    (snapshot / "test.jsonl").symlink_to("../../blobs/0123")
    assert [problem["answer"] for problem in math500.problems(rows=4)] == answers
    with pytest.raises(
        InputError, match=r"HuggingFaceH4/MATH-500/test\.jsonl, line 1 \(row 0\): there is no field 'x'"
    ):
        sources.read_rows("HuggingFaceH4/MATH-500", fields=["x"], revision=snapshot.name, split="test")


def base_model(lift_command, folder, base, revision, family="llada"):
    """`lift base-model` of a hub id, called in the folder."""
    models = {"m": {"base": base, "revision": revision, "family": family}}
    return lift_command("base-model", "--config", write_config(folder, models=models)[0], "--model", "m")


def test_a_model_of_the_hub_is_linked_not_copied(cache, tmp_path, monkeypatch, lift_command):
    source = ROOT / "tests/rehearsal/models/llada"
    snapshot = cache("model", "GSAI-ML/LLaDA-8B-Instruct", COMMIT, {p.name: p for p in source.iterdir()})
    output = tmp_path / "results/tiny/models/m"
    monkeypatch.chdir(tmp_path)
    assert base_model(lift_command, tmp_path, "GSAI-ML/LLaDA-8B-Instruct", COMMIT)[0] == 0
    assert (output / "model-00001-of-00002.safetensors").resolve().parent == snapshot
    assert json.loads((output / "source.json").read_text())["snapshot"] == COMMIT
    from lift.models import checkpoint

    checkpoint.load(output)
    main = base_model(lift_command, tmp_path, "GSAI-ML/LLaDA-8B-Instruct", "main")
    assert main[0] == 0  # what the cache says it is
    code, _, errors = base_model(lift_command, tmp_path, "GSAI-ML/LLaDA-8B-Instruct", "0" * 40)
    assert code == 2
    assert "the model GSAI-ML/LLaDA-8B-Instruct at revision '0000" in errors
    assert "is not in the local cache" in errors


def test_a_hub_model_that_is_none_of_the_families_is_refused(cache, tmp_path, monkeypatch, lift_command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    source = ROOT / "tests/rehearsal/models/llada"
    files = {p.name: p for p in source.iterdir()} | {"config.json": tmp_path / "config.json"}
    cache("model", "owner/other", COMMIT, files)
    code, _, errors = base_model(lift_command, tmp_path, "owner/other", "main")
    assert code == 2
    assert "'gpt2'; known are llada, Dream" in errors
    files["config.json"] = source / "config.json"
    cache("model", "owner/other", COMMIT, files)
    assert "is of the family llada" in base_model(lift_command, tmp_path, "owner/other", "main", "Dream")[2]


def test_what_is_in_the_cache_is_in_reach_without_a_network(cache):
    source = ROOT / "tests/rehearsal/models/dream"
    cache("model", "Dream-org/Dream", COMMIT, {p.name: p for p in source.iterdir()})
    assert hub.check_reachable("Dream-org/Dream", COMMIT, "model") is None
    assert hub.check_reachable("Dream-org/Dream", COMMIT, "dataset") is not None


def test_what_is_not_there_is_one_sentence(cache):
    for kind in ("model", "dataset"):
        with pytest.raises(InputError, match=r"owner/name at revision 'main' is not in the local cache"):
            hub.snapshot("owner/name", "main", kind)
    assert "cannot be reached" in hub.check_reachable("owner/name", "main", "dataset")


def test_a_cache_of_somebody_else_is_one_sentence(cache, monkeypatch):
    """Of another user, who let us read it: what is missing there cannot be fetched into it."""

    def refused(*arguments, **settings):
        raise PermissionError(13, "Permission denied", "/shared/hub/.locks")

    monkeypatch.setattr(hub, "_download", refused)
    with pytest.raises(
        InputError, match=r"you may not write /shared/hub/.locks; .* set HF_HOME to a folder of your own"
    ):
        hub.snapshot("owner/name", "main", "model")


@pytest.mark.parametrize(
    "name, expected",
    [
        ("GSAI-ML/LLaDA-8B-Instruct", True),
        ("simplescaling/s1K-1.1", True),
        ("data/rows.jsonl", False),
        ("../rows", False),
        ("a/b/c", False),
        ("single", False),
    ],
)
def test_hub_ids(name, expected):
    assert hub.is_hub_id(name) == expected


# Benchmarks


@pytest.mark.parametrize(
    "module, file, answers",
    [
        (gsm8k, "gsm8k_test.jsonl", ["18", "3", "70000", "540"]),
        (math500, "math500.jsonl", ["16 \\sqrt{3}", "6", "0", "12"]),
        (aime24, "aime24.json", ["204", "113"]),
        (aime25, "aime25.json", ["70", "588"]),
        (countdown, "countdown.jsonl", ["23", "10", "24", "43"]),
        (sudoku, "sudoku.csv", ["3142243142131324", "2143432114323214", "4312214312343421", "2134341243211243"]),
    ],
)
def test_benchmarks(module, file, answers):
    problems = module.problems(path=str(DATA / file), rows=len(answers))
    assert [problem["answer"] for problem in problems] == answers
    assert [problem["id"] for problem in problems] == list(range(len(answers)))
    for problem in problems:
        assert "<reasoning>" in problem["prompt"]
        assert problem["prompt"].endswith(problem["question"].strip())
    assert len(module.problems(path=str(DATA / file), rows=0, size=1)) == 1


def test_countdown_knows_its_numbers():
    problem = countdown.problems(path=str(DATA / "countdown.jsonl"), rows=4)[0]
    assert (problem["numbers"], problem["target"]) == ([30, 100, 93], 23)
    assert problem["question"] == "Numbers: [30, 100, 93]\nTarget: 23"


def test_sudoku_takes_the_puzzles_of_d1(tmp_path):
    """Of 500 puzzles the 256 that d1 published answers to; the first of theirs are rows 361 and 124 of the file."""
    rows = [f"{i:016b}".replace("1", "2") for i in range(500)]  # 500 different puzzles of 0 and 2
    path = tmp_path / "puzzles.csv"
    path.write_text("Puzzle,Solution\n" + "".join(f"{row},2222222222222222\n" for row in rows))
    chosen = {problem["puzzle"] for problem in sudoku.problems(path=str(path))}
    assert len(chosen) == 256
    assert {rows[i] for i in (361, 124, 371, 491, 101, 333, 485, 22, 148, 483)} <= chosen
    assert len(sudoku.problems(path=str(path), puzzles="all")) == 500


def test_sudoku_names_a_wrong_row(tmp_path):
    path = tmp_path / "puzzles.csv"
    path.write_text("Puzzle,Solution\n3102200002100320,3142243142131324\n3102200002100320,1142243142131324\n")
    with pytest.raises(InputError, match=r"row 1.*no puzzle of 16 digits and its solution"):
        sudoku.problems(path=str(path), rows=0)


def test_code_benchmarks_know_their_tests():
    problems = humaneval.problems(path=str(DATA / "humaneval.jsonl.gz"), rows=3)
    assert [problem["entry_point"] for problem in problems][:1] == ["has_close_elements"]
    assert all("def check(candidate)" in problem["test"] for problem in problems)
    problems = mbpp.problems(path=str(DATA / "mbpp.json"), rows=3)  # the file's fourth row is of another split
    assert [problem["task_id"] for problem in problems] == [11, 12, 14]
    assert all(test in problem["prompt"] for problem in problems for test in problem["test_list"])
    with pytest.raises(InputError, match=r"3 problems of the test split, 257 were expected"):
        mbpp.problems(path=str(DATA / "mbpp.json"))


# Corpora


@pytest.mark.parametrize(
    "module, file, rows, response",
    [
        (s1k, "s1k.jsonl", 8, "The box holds \\boxed{7} things."),
        (s1k_1_1, "s1k_1_1.jsonl", 8, "\\boxed{7}"),
        (lift_sft_12k, "lift_sft.parquet", 8, "7"),
    ],
)
def test_corpora(module, file, rows, response):
    examples = module.examples(path=str(DATA / file), rows=rows)
    assert len(examples) == rows
    first = examples[0]
    assert first["question"] == "A box holds 3 pencils and 4 pens. How many things are in it?"
    assert first["prompt"].endswith("\n\n" + first["question"])
    assert first["response"].startswith("<reasoning>There are 3 pencils and 4 pens. 3 + 4 = 7.")
    assert first["response"].endswith(f"</reasoning>\n<answer>{response}</answer>")
    with pytest.raises(InputError, match="were expected"):
        module.examples(path=str(DATA / file), rows=9)


def test_gsm8k_is_split_at_its_answer():
    first = gsm8k_corpus.examples(path=str(DATA / "gsm8k_train.jsonl"), rows=12)[0]
    assert first["response"].endswith(
        "= <<48+24=72>>72 clips altogether in April and May.</reasoning>\n<answer>72</answer>"
    )


def test_gsm8k_names_a_row_without_an_answer(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"question": "q", "answer": "none"}\n')
    with pytest.raises(InputError, match=r"a\.jsonl, line 1 \(row 0\): the answer has no ####"):
        gsm8k_corpus.examples(path=str(path), rows=1)


def test_kodcode_answers_in_a_fence():
    first = kodcode.examples(path=str(DATA / "kodcode.jsonl"), rows=8)[0]
    assert first["response"] == (
        "<reasoning></reasoning>\n<answer>```python\ndef add_one(x):\n    return x + 1\n```</answer>"
    )


def test_any_data_set_by_the_names_of_its_fields():
    path = str(DATA / "own_fields.jsonl")
    named = dataset.examples(path=path, question="ask", reasoning="steps", answer="result")
    assert named[0]["response"].endswith("<answer>7</answer>")
    without = dataset.examples(path=path, question="ask", reasoning="", answer="result")
    assert without[0]["response"] == "<reasoning></reasoning>\n<answer>7</answer>"
    with pytest.raises(InputError, match=r"there is no field 'question'; it has ask, steps, result"):
        dataset.examples(path=path)
    with pytest.raises(InputError, match="`path` must name"):
        dataset.examples()


# Prompts


def test_a_users_own_prompt_takes_the_place_of_ours(tmp_path):
    own = tmp_path / "mine.txt"
    own.write_text("Say {question} in \\boxed{} and {other}.\n")
    assert prompts.fill("gsm8k", str(own), question="{other} {question}") == (
        "Say {other} {question} in \\boxed{} and {other}."
    )
    problems = gsm8k.problems(path=str(DATA / "gsm8k_test.jsonl"), rows=4, prompt=str(own))
    assert problems[0]["prompt"].startswith("Say Janet")


def test_a_prompt_without_its_field_or_file_is_named(tmp_path):
    own = tmp_path / "mine.txt"
    own.write_text("Say something.")
    with pytest.raises(InputError, match=r"mine\.txt' lacks the field \{question\}"):
        prompts.fill("gsm8k", str(own), question="q")
    with pytest.raises(InputError, match=r"nowhere\.txt' does not exist"):
        prompts.fill("gsm8k", "nowhere.txt", question="q")


# Contamination

LONG = "A train leaves the station at nine and meets another train that left the harbour at ten o'clock."


@pytest.mark.parametrize(
    "question, text, found",
    [
        (LONG, LONG, True),
        (LONG, "First. " + LONG.upper().replace(" ", ",  ") + " Last.", True),
        (LONG, LONG.replace("another train", "a second train"), False),  # no 13 words in a row are left
        (LONG, " ".join(LONG.split()[2:16]), True),
        (LONG, " ".join(LONG.split()[2:14]), False),  # twelve words
        ("Numbers: [3, 4, 5]\nTarget: 23", "We take the numbers 3 4 5, target 23.", True),
        ("Numbers: [3, 4, 5]\nTarget: 23", "We take the numbers 3 4 5, target 24.", False),
        ("What is 3?", "What is 3? It is odd.", False),  # too short to tell
    ],
)
def test_shared_runs_of_words(question, text, found):
    runs = contamination.shared_runs(["Something else altogether, with words of its own.", question], ["", text])
    assert [(q, t) for q, t, _ in runs] == ([(1, 1)] if found else [])
    for _, _, run in runs:
        assert run in " ".join(contamination.words(question))


def test_a_file_behind_a_url_is_read(monkeypatch):
    """Over loopback, from a server of the test's own."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=DATA)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        assert len(aime24.problems(path=f"{base}/aime24.json", rows=2)) == 2
        assert len(countdown.problems(path=f"{base}/countdown.jsonl", rows=4)) == 4
        assert len(sudoku.problems(path=f"{base}/sudoku.csv", rows=4)) == 4
        with pytest.raises(InputError, match=r"nothing\.json cannot be read: HTTP Error 404"):
            aime24.problems(path=f"{base}/nothing.json")
        server.shutdown()


def test_a_file_that_comes_in_part_is_refused(monkeypatch):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"question,answer\nq,1\nq,2\n")

    monkeypatch.setattr(Handler, "log_message", lambda *_: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/rows%20[1].csv?raw=true"
        with pytest.raises(InputError, match=r"only 24 of its 1000 bytes came"):
            sources.read_rows(url, fields=["question"])
        server.shutdown()


def test_weights_in_the_hubs_cache_are_known_by_their_checksum(tmp_path):
    """Also where the blob links on into a store whose names tell another hash, as newer clients lay it out."""
    content = b"weights"
    checksum = hashlib.sha256(content).hexdigest()
    stored = tmp_path / "blobs" / "ab" / ("c" * 64)
    blob = tmp_path / "models--owner--name" / "blobs" / checksum
    link = tmp_path / "models--owner--name" / "snapshots" / "main" / "model.safetensors"
    for path in (stored, blob, link):
        path.parent.mkdir(parents=True)
    stored.write_bytes(content)
    blob.symlink_to(stored)
    link.symlink_to(os.path.relpath(blob, link.parent))
    plain = tmp_path / "model.safetensors"
    plain.write_bytes(content)
    ours = tmp_path / "ours.safetensors"
    ours.symlink_to(link.parent / os.readlink(link))
    assert provenance.file_hash(link) == provenance.file_hash(plain) == provenance.file_hash(ours)
    stored.write_bytes(b"longer weights, which nobody reads again")
    assert provenance.file_hash(link) != provenance.file_hash(stored)


def test_the_table_of_benchmarks_shows_what_few_decoders_set(tmp_path):
    (tmp_path / "gsm.source.json").write_text(json.dumps({"source": "gsm8k", "settings": {}, "count": 3}))
    usual, dream = Decoder(8, 8, 8), Decoder(8, 8, 8, schedule="timesteps", confidence="entropy", top_p=0.9)
    plan = {"gsm": {"decoders": {"usual": vars(usual), "dream": vars(dream)}, "samples": 1, "metric": "accuracy"}}
    first, second = overview.benchmark_rows([tmp_path / "gsm.jsonl"], plan)
    assert (first["schedule"], first["confidence"], first["top_p"]) == ("equal", "probability", None)
    assert (second["schedule"], second["confidence"], second["top_p"]) == ("timesteps", "entropy", 0.9)
    del plan["gsm"]["decoders"]["dream"]
    (alone,) = overview.benchmark_rows([tmp_path / "gsm.jsonl"], plan)
    assert first.keys() - alone.keys() == {"schedule", "confidence", "top_p"}
