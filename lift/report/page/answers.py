"""The answers that the page holds: as many as its budget of bytes allows, each method's beside the others'."""

import bisect
import itertools
import json
from pathlib import Path
from typing import NamedTuple

from lift import tidy
from lift.config.layout import Layout
from lift.data.benchmarks import question_of
from lift.errors import InputError

FLAGS = {"correct": 1, "invalid": 2, "truncated": 4}  # an answer's, as page.js reads them


class Run(NamedTuple):
    """The answers of one checkpoint to one benchmark by one decoder."""

    model: str
    method: str
    seed: int
    decoder: str
    benchmark: str

    def answers(self, at: Layout) -> Path:
        return at.generations(*self[:3]) / self.decoder / f"{self.benchmark}.jsonl"

    def grades(self, at: Layout) -> Path:
        return at.grades(*self[:3]) / self.decoder / f"{self.benchmark}.csv"


def dumps(value: object) -> str:
    """JSON that cannot end, or open a comment in, the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("</", "<\\/").replace("<!", "<\\u0021")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def find_runs(at: Layout) -> tuple[list[Run], list[str]]:
    """Everything that was answered, and the files left out because their problems or grades are missing."""
    runs, left_out = [], []
    for path in sorted(at.folder.glob(str(Layout(Path()).generations("*", "*", "*") / "*/*.jsonl"))):
        model, method, seed, decoder = path.parts[-5:-1]
        run = Run(model, method, int(seed.removeprefix("seed")), decoder, path.stem)
        if run.grades(at).is_file() and at.problems(run.benchmark).is_file():
            runs.append(run)
        else:
            left_out.append(str(run.answers(Layout(Path()))))
    return runs, left_out


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def read_problems(at: Layout, benchmark: str) -> list[dict]:
    """The problems of a benchmark: id, question, reference answer."""
    rows = []
    for problem in _lines(at.problems(benchmark)):
        answer = problem.get("answer", "")
        text = answer if isinstance(answer, str) else json.dumps(answer)
        rows.append({"id": problem["id"], "question": question_of(problem), "answer": text})
    return rows


def read_answers(at: Layout, run: Run) -> dict[int, list[list]]:
    """By problem, its samples in order, each [number, text, extracted, flags] and, of Sudoku, the share of cells."""
    verdicts = {(int(row["id"]), int(row["sample"])): row for row in tidy.read_text(run.grades(at)).to_dict("records")}
    found: dict[int, list[list]] = {}
    for answer in sorted(_lines(run.answers(at)), key=lambda answer: answer["sample"]):
        row = verdicts.get((answer["id"], answer["sample"]))
        if row is None:
            raise InputError(
                f"{run.grades(at)} has no row for sample {answer['sample']} of problem {answer['id']}; "
                "judge the answers again."
            )
        flags = sum(flag for name, flag in FLAGS.items() if row[name] == "1")
        cells = [f"{row['correct_cells']} of {row['empty_cells']}"] if row.get("empty_cells") else []
        sample = [answer["sample"], answer["text"], row["extracted"], flags, *cells]
        found.setdefault(answer["id"], []).append(sample)
    return found


def choose(at: Layout, runs: list[Run], problems: dict[str, list[dict]], budget: int) -> tuple[list[Run], int, int]:
    """What fits into a number of bytes: the runs, how many samples of each, and how many problems of each benchmark.

    Rather all seeds than many samples, and rather all problems than several seeds. If the first sample of the first
    seeds is still too much, as many problems as fit, the same for every method, and at least one.
    """
    sizes = {}  # bytes of each sample, so that the texts need not all be kept
    for run in runs:
        answers = read_answers(at, run)
        sizes[run] = {i: [_size(dumps(sample)) + 1 for sample in samples] for i, samples in answers.items()}
    questions = {name: [_size(dumps(problem)) + 1 for problem in rows] for name, rows in problems.items()}
    ids = {name: [problem["id"] for problem in rows] for name, rows in problems.items()}
    most = max((len(samples) for by_id in sizes.values() for samples in by_id.values()), default=1)
    longest = max(map(len, ids.values()), default=1)

    def totals(chosen: list[Run], samples: int) -> list[int]:
        """Bytes of the first 1, 2, ... problems of every benchmark."""
        added = [sum(row) for row in itertools.zip_longest([0] * longest, *questions.values(), fillvalue=0)]
        for run in chosen:
            added[0] += 60  # brackets and the script element around a run
            for place, number in enumerate(ids[run.benchmark]):
                added[place] += sum(sizes[run].get(number, [])[:samples]) + 16
        return list(itertools.accumulate(added))

    first = sorted({run._replace(seed=0): run for run in sorted(runs, reverse=True)}.values())
    for chosen, samples in ((runs, most), (runs, 4), (runs, 1), (first, 4), (first, 1)):
        by_limit = totals(chosen, samples)
        if by_limit[-1] <= budget:
            return chosen, samples, longest
    return first, 1, max(1, bisect.bisect_right(by_limit, budget))


def gather_answers(at: Layout, view: dict, budget: int) -> tuple[dict, dict[str, str], dict]:
    """The index that the answers browser starts from, its data by element id, and what to say of what is embedded.

    view: of lift.config.experiment.Experiment.page. budget: bytes of answers.
    """
    runs, left_out = find_runs(at)
    methods, decoders = view["methods"], view["decoders"]
    known = [run for run in runs if run.method in methods and run.decoder in decoders.get(run.benchmark, [])]
    names = [name for name in decoders if any(run.benchmark == name for run in known)]
    problems = {name: read_problems(at, name) for name in names}
    chosen, samples, limit = choose(at, known, problems, budget)
    blobs, benchmarks = {}, {}
    for place, name in enumerate(names):
        kept = problems[name][:limit]
        blobs[f"problems-{place}"] = dumps(kept)
        benchmarks[name] = {"metric": view["metrics"][name], "decoders": decoders[name]}
        benchmarks[name] |= {"total": len(problems[name]), "kept": len(kept), "data": f"problems-{place}"}
    embedded, rows, most = set(chosen), [], 1
    for place, run in enumerate(known):
        rows.append(run._asdict())
        if run in embedded:
            answers = read_answers(at, run)
            most = max(most, *map(len, answers.values())) if answers else most
            kept = [answers.get(problem["id"], []) for problem in problems[run.benchmark][:limit]]
            blobs[f"run-{place}"] = dumps(
                {
                    "right": [sum(sample[3] & FLAGS["correct"] for sample in group) for group in kept],
                    "of": [len(group) for group in kept],
                    "samples": [group[:samples] for group in kept],
                }
            )
            rows[-1]["data"] = f"run-{place}"
    present = [run.model for run in known]
    models = [name for name in dict.fromkeys(present) if name != "none"] or sorted(set(present))
    index = {"reference": view["references"][0], "models": models, "benchmarks": benchmarks, "runs": rows}
    index["methods"] = [name for name in methods if any(run.method == name for run in known)]
    seeds, all_seeds = ({run.seed for run in part} for part in (chosen, known))
    said = {
        "cut": any(entry["kept"] < entry["total"] for entry in benchmarks.values()),
        "samples": samples if samples < most else 0,
        "every_run": len(chosen) == len(known),
        "seeds": (sorted(seeds), sorted(all_seeds)),
        "left_out": left_out,
    }
    return index, blobs, said
