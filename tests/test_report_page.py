"""The report: one page that needs no network, whose numbers lead to their answers, and in which answers are inert."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import unquote

import pandas as pd
import pytest

from lift import tidy
from lift.config.layout import Layout
from lift.errors import InputError
from lift.report import tables, text
from lift.report.page import answers, cells
from lift.report.page import page as report
from lift.stages import report as stage

METRICS = {"gsm": "accuracy", "sudoku": "cell_accuracy", "contest": "pass@2"}
DECODERS = {"gsm": ["greedy", "long"], "sudoku": ["greedy"], "contest": ["sampled"]}
METHODS = ["guess", "base", "sft", "lift3"]
VIEW = {"metrics": METRICS, "decoders": DECODERS, "methods": METHODS, "references": ["sft"]}
HOSTILE = "</script><img src=x onerror=alert(1)><!-- <script>"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PROBLEMS = 6
CLAIMS = "claim,says,where,comparison,model,method,reference,verdict,claim verdict"


class Page(HTMLParser):
    """What a browser makes of the page: its elements with attributes, and the text of each data script."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.data, self.text, self.inside = [], {}, "", None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id", "") if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, text):
        if self.inside is None:
            self.text += text
        else:
            self.data[self.inside] = self.data.get(self.inside, "") + text

    def links(self):
        return [attrs["href"] for tag, attrs in self.elements if tag == "a"]

    def json(self, name):
        return json.loads(self.data[name])


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_answers(results, model, method, seed, decoder, benchmark, samples=1, text="the answer"):
    where = f"{model}/{method}/seed{seed}/{decoder}/{benchmark}"
    pairs = [(i, sample) for i in range(PROBLEMS) for sample in range(samples)]
    lines = [{"id": i, "sample": s, "text": f"{text} {i} {s}", "ended": True, "nfe": 4} for i, s in pairs]
    write(results / f"generations/{where}.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    grades = [{"id": i, "sample": s, "extracted": i, "correct": int(i + s == 1)} for i, s in pairs]
    frame = pd.DataFrame(grades).assign(invalid=0, truncated=0)
    if benchmark == "sudoku":
        frame = frame.assign(correct_cells=3, empty_cells=4)
    write(results / f"grades/{where}.csv", frame.to_csv(index=False))


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "tiny"
    for name in DECODERS:
        rows = [{"id": i, "prompt": f"{name} {i}?", "answer": str(i)} for i in range(PROBLEMS)]
        write(folder / f"benchmarks/{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write_answers(folder, "none", "guess", 0, "greedy", "gsm", samples=3)
    for method, seeds in (("base", [0]), ("sft", [0, 1]), ("lift3", [0, 1])):
        for seed in seeds:
            for name, decoders in DECODERS.items():
                for decoder in decoders:
                    write_answers(folder, "m", method, seed, decoder, name, samples=2 if name == "contest" else 1)
            record = {"commit": "abc123", "python": "3.11", "versions": {"torch": "2"}, "machine": f"host {seed}"}
            write(folder / f"generations/m/{method}/seed{seed}/run.json", json.dumps(record))
    score = {"n": 6, "seeds": 2, "step": "4", "value": 0.34, "ci_low": 0.278, "ci_high": 0.408, "verdict": "better"}
    every = [*METRICS.items(), ("average", "mean")]
    places = [("none", 32, "guess", every[:1]), *(("m", 32, method, every) for method in METHODS[1:])]
    places += [("m", 64, method, [every[0], every[-1]]) for method in METHODS[1:]]
    names = ("model", "length", "method", "benchmark", "metric")
    rows = [(*place, *pair) for *place, pairs in places for pair in pairs]
    main = pd.DataFrame([dict(zip(names, row, strict=True)) | score for row in rows])
    write(folder / "tables/main.csv", main.to_csv(index=False))
    beside = main[(main["method"] == "lift3") & (main["benchmark"] == "gsm")].head(1)
    beside = beside.assign(stated="yes", published=68.7, differs="yes", source="a paper")
    write(folder / "tables/reported.csv", beside.drop(columns=["n", "seeds", "verdict"]).to_csv(index=False))
    lengths = "gsm,greedy,32\ngsm,long,64\nsudoku,greedy,32\ncontest,sampled,32\n"
    write(folder / "scores.csv", "benchmark,decoder,gen_length\n" + lengths)
    return folder


def make(results, budget=10**6):
    page = report.gather(Layout(results), VIEW, budget)
    return report.render(page)


def words(page):
    return " ".join(page.text.split())


def test_nothing_is_loaded_from_elsewhere(results):
    (results / "figures").mkdir()
    (results / "figures/scores-m-32.png").write_bytes(PIXEL)
    html = make(results)
    page = Page(html)
    assert not re.search(r"https?:|@import|url\(", html)
    loads = [attrs.get("src") or attrs.get("href") for tag, attrs in page.elements if tag != "a"]
    assert all(address.startswith("data:") for address in loads if address)
    policy = next(attrs["content"] for tag, attrs in page.elements if attrs.get("http-equiv"))
    script = report.SOURCES[2].read_bytes()
    assert policy.startswith("default-src 'none'")
    assert base64.b64encode(hashlib.sha256(script).digest()).decode() in policy
    assert f"<script>{script.decode()}</script>" in html


def test_every_number_of_the_main_table_leads_to_answers_that_are_there(results):
    page = Page(make(results))
    links = [link for link in page.links() if link.startswith("#answers/")]
    assert len(links) == 1 + 3 * 4 + 3 * 2
    runs = page.json("answers-index")["runs"]
    for link in links:
        model, benchmark, decoder, a, b = map(unquote, link.split("/")[1:])
        for method in (a, b):
            of_method = [run for run in runs if run["method"] == method and run["model"] in (model, "none")]
            behind = [run for run in of_method if (run["benchmark"], run["decoder"]) == (benchmark, decoder)]
            assert behind
            assert all(len(page.json(run["data"])["samples"]) == PROBLEMS for run in behind)
    assert "#answers/m/gsm/greedy/lift3/sft" in links  # the row of length 32
    assert "#answers/m/gsm/long/lift3/sft" in links  # the row of length 64
    assert "#answers/m/gsm/greedy/sft/base" in links  # the reference is not compared with itself
    assert words(page).count("published 68.7, differs") == 1


def test_the_main_table_counts_seeds_as_its_text_does(results):
    """What is greedy is answered once, and what is sampled with every seed."""
    main = tidy.read(results / "tables/main.csv")
    main.loc[(main["method"] == "base") & (main["benchmark"] != "contest"), "seeds"] = 1
    index = {"runs": [], "benchmarks": {}, "methods": METHODS, "models": ["m"]}
    made = cells.main_table(main, None, index, {})
    seeds = pd.DataFrame(made["rows"], columns=made["columns"])["seeds"].tolist()
    assert seeds == text.main(main, None)["seeds"].tolist()
    assert seeds[:4] == ["2"] * 4


def test_hostile_text_stays_text(results):
    write_answers(results, "m", "lift3", 0, "greedy", "gsm", text=HOSTILE)
    write(results / "config.yaml", f"experiment: {HOSTILE}\n")
    write(results / "tables/claims.csv", f"{CLAIMS}\n{HOSTILE},,,,m,,,held,held\n")
    page = Page(make(results))
    assert not [attrs for _, attrs in page.elements if "onerror" in attrs]
    assert not [tag for tag, _ in page.elements if tag == "img"]
    run = next(r for r in page.json("answers-index")["runs"] if (r["method"], r["seed"]) == ("lift3", 0))
    assert run["benchmark"] == "gsm"
    assert page.json(run["data"])["samples"][2][0][1] == f"{HOSTILE} 2 0"
    assert "innerHTML" not in report.SOURCES[2].read_text()


def test_what_is_left_out_for_size_is_said(results):
    everything = words(Page(make(results)))
    assert "all problems of every benchmark" in everything
    assert "every seed and every sample" in everything
    html = make(results, budget=1500)
    page = Page(html)
    kept = page.json("answers-index")["benchmarks"]["gsm"]["kept"]
    assert 1 <= kept < PROBLEMS
    assert f"gsm: the first {kept} of {PROBLEMS}, sudoku: the first {kept} of {PROBLEMS}" in words(page)
    assert "only the first seed of every checkpoint (0 of 0, 1) and only the first sample" in words(page)
    data = {name: text for name, text in page.data.items() if name.startswith(("run-", "problems-"))}
    assert sum(len(text.encode()) for text in data.values()) <= 1500 + 200
    assert {len(json.loads(text)["samples"]) for name, text in data.items() if name.startswith("run-")} == {kept}


def test_verdicts_are_over_all_samples_though_not_all_are_there(results):
    _, blobs, _ = answers.gather_answers(Layout(results), VIEW, 10**6)
    size = sum(len(text.encode()) for text in blobs.values())
    index, blobs, _ = answers.gather_answers(Layout(results), VIEW, size - 300)
    run = next(r for r in index["runs"] if (r["method"], r["benchmark"]) == ("lift3", "contest") and "data" in r)
    data = json.loads(blobs[run["data"]])
    assert data["of"] == [2] * PROBLEMS
    assert data["right"] == [1, 1, 0, 0, 0, 0]


def test_what_is_missing_is_said(results):
    text = words(Page(make(results)))
    for name in ("tables/claims.csv", "tables/comparisons.csv", "costs.csv"):
        assert f"{name} was not made" in text
    assert "No figures were made." in text
    assert "config.yaml was not written." in text
    (results / "tables/main.csv").unlink()
    (results / "scores.csv").unlink()
    (results / "grades/m/lift3/seed1/greedy/gsm.csv").unlink()
    text = words(Page(make(results)))
    assert "tables/main.csv was not made." in text
    assert "generations/m/lift3/seed1/greedy/gsm.jsonl" in text


def test_controls_are_labelled_and_headers_have_a_scope(results):
    elements = Page(make(results)).elements
    labelled = {attrs["for"] for tag, attrs in elements if tag == "label"}
    selects = {attrs["id"] for tag, attrs in elements if tag == "select"}
    assert selects == labelled
    assert {"choose-a", "choose-b", "choose-benchmark"} <= selects
    assert all("scope" in attrs for tag, attrs in elements if tag == "th")


def test_records_are_stated_once_or_by_what_differs(results):
    text = words(Page(make(results)))
    assert "They differ in: machine." in text
    assert "host 0 (3 decoding) host 1 (2 decoding)" in text


def test_claims_have_their_verdict_in_words(results):
    rows = (
        "one,LIFT wins,Table 1,lift3 - sft,m,lift3,sft,not held,not held\none,,,lift3 - base,m,lift3,base,held,not held"
    )
    write(results / "tables/claims.csv", f"{CLAIMS}\n{rows}\n")
    page = Page(make(results))
    marks = [attrs["class"] for tag, attrs in page.elements if tag == "span" and "mark" in attrs.get("class", "")]
    assert [kind for kind in marks if "held" in kind] == ["mark not-held", "mark not-held", "mark held"]
    assert "one ✗ not held" in words(page)


def test_costs_are_summed_by_stage_and_method(results):
    rows = (
        "m,sft,0,decode,gsm,10,20,100,2.0,300\nm,sft,1,decode,gsm,10,20,100,3.0,400\nm,sft,0,finetune,,,,50,9.0,500\n"
    )
    write(results / "costs.csv", "model,method,seed,stage,benchmark,answers,nfe,tokens,seconds,peak_memory_mb\n" + rows)
    assert cells.cost_summary(results / "costs.csv", METHODS)["rows"] == [
        ["fine-tuning", "m", "sft", "1", "-", "-", "50", "9.0", "6", "500"],
        ["decoding", "m", "sft", "2", "20", "40", "200", "5.0", "40", "400"],
    ]


def test_the_stage_writes_the_page_with_relative_links(results):
    experiment = SimpleNamespace(layout=Layout(results), page=lambda: VIEW)
    stage.main(experiment, SimpleNamespace(budget_mb=1))
    assert "tables/main.csv" in Page((results / "report.html").read_text()).links()
    (results / "grades/m/sft/seed0/greedy/gsm.csv").write_text("id,sample,extracted,correct,invalid,truncated\n")
    with pytest.raises(InputError, match="has no row for sample 0 of problem 0"):
        make(results)


def test_a_table_of_decoders_with_a_threshold_is_shown(results):
    rows = [
        {"benchmark": "gsm", "decoder": name} | how for name, how in (("a", {"steps": 32}), ("b", {"threshold": 0.9}))
    ]
    tables.write(pd.DataFrame(rows), results / "tables/benchmarks")
    assert "| gsm         | b         | threshold 0.9" in (results / "tables/benchmarks.md").read_text()
    assert "gsm b threshold 0.9" in words(Page(make(results)))
