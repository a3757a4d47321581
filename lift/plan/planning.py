"""What an experiment costs, before anything runs: the formulas of lift.plan.costs applied to a config.

docs/plan.md says what it rests on. Sizes are in bytes and tokens unless said otherwise.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from lift.config import configuration
from lift.config.layout import Layout
from lift.data.benchmarks import describe
from lift.decode.settings import drawn
from lift.finetune.takes import Takes, takes
from lift.models.shape import parameters
from lift.plan import costs
from lift.plan.sizes import example_count, hub_snapshot, model_shape, problem_count

ROOT = Path(__file__).parent.parent.parent

STAGES = ("data", "models", "statistics", "finetune", "decode", "grade", "results")
CHECKPOINTS = 3  # of an unfinished run: save_total_limit 2, and the new one before the oldest goes

# Main memory of a process apart from its tensors. 0.46 GB was measured for the CPU build of torch with transformers;
# what CUDA adds, and its own share of the GPU's memory, are assumptions.
LIBRARIES, CUDA_LIBRARIES, CUDA_CONTEXT = 0.5e9, 4e9, 1e9
SHARD = 5e9  # of a checkpoint: the largest file that is in main memory on its way to a GPU
CPU_TFLOPS = 0.05  # of one thread, where nothing else is said
GPU_TFLOPS = {"bfloat16": 989.0, "float32": 67.0}  # NVIDIA's data sheet of the H100 SXM, dense, without TF32

# Mean tokens of (prompt, response) of a corpus' examples, where no flag says more: rough, but for the miniature's.
EXAMPLE_TOKENS = {"mini-traces": (23, 41), "gsm8k": (150, 150), "kodcode": (300, 300), "s1k-1-1": (300, 8000)}
OTHER_EXAMPLE_TOKENS = (300, 4000)
MINIATURE_PROMPT, OTHER_PROMPT = 25, 200  # of a benchmark


@dataclass(frozen=True)
class Assumptions:
    """What a plan cannot know. See `python -m lift plan --help`; None is the default of the device or the data."""

    tflops: float | None = None
    tflops_fp32: float | None = None
    utilisation: float = 0.4  # 0.43 and 0.44 were measured on an H100: docs/gpu.md
    prompt_tokens: int | None = None
    response_tokens: int | None = None
    gpus: int = 1


@dataclass(frozen=True)
class Files:
    """Something on disk. place: "results" or "hub" (its cache). It is there once all of `paths` are.

    present: bytes of it that are there already.
    """

    place: str
    size: float
    paths: tuple[Path, ...]
    present: float = 0

    @property
    def to_come(self) -> float:
        """Bytes that are still to be written."""
        return 0 if all(path.exists() for path in self.paths) else max(0, self.size - self.present)


@dataclass(frozen=True)
class Part:
    """The jobs of a stage that are alike: operations by dtype, hours and files of all, memory of one."""

    stage: str
    model: str
    what: str
    jobs: int
    flops: dict[str, float] = field(default_factory=dict)
    hours: float = 0
    gpu_memory: float = 0
    memory: float = LIBRARIES
    files: tuple[Files, ...] = ()

    @property
    def disk(self) -> float:
        """Bytes of all files."""
        return sum(files.size for files in self.files)


@dataclass(frozen=True)
class Plan:
    """The parts of an experiment, in order, and sentences that say what they rest on."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...]

    def to_come(self, place: str) -> float:
        """Bytes that are still to be written in "results" or in the "hub"'s cache."""
        return sum(files.to_come for part in self.parts for files in part.files if files.place == place)

    def stages(self) -> list[dict]:
        """A row a stage, and their total: sums of jobs, hours and disk, the most of memory."""
        groups = {stage: [part for part in self.parts if part.stage == stage] for stage in STAGES}
        return [
            {"stage": stage}
            | {name: sum(getattr(part, name) for part in parts) for name in ("jobs", "hours")}
            | {name: max(getattr(part, name) for part in parts) for name in ("gpu_memory", "memory")}
            | {"disk": sum(part.disk for part in parts)}
            for stage, parts in (*groups.items(), ("total", self.parts))
        ]


class Corpus(NamedTuple):
    """Examples of a corpus, those of them that are held out, and their mean tokens."""

    rows: int
    held_out: int
    prompt: int
    response: int


class Task(NamedTuple):
    """Answers that one checkpoint gives to a benchmark with one decoder, and the mean tokens of their prompts."""

    answers: int
    prompt: int
    decoder: dict


def rates(device: str, threads: int, assumed: Assumptions) -> dict[str, float]:
    """Operations a second at the processor's peak, by dtype."""
    usual = GPU_TFLOPS if device == "cuda" else dict.fromkeys(costs.BYTES, CPU_TFLOPS * threads)
    given = {"bfloat16": assumed.tflops, "float32": assumed.tflops_fp32}
    return {dtype: 1e12 * (given[dtype] or usual[dtype]) for dtype in costs.BYTES}


class _Planner:
    """Makes the parts of one experiment, and notes what they rest on."""

    def __init__(self, config: dict, at: Layout, assumed: Assumptions) -> None:
        self.config, self.at, self.assumed, self.notes = config, at, assumed, []
        self.shapes = {}
        for name, entry in config["models"].items():
            self.shapes[name], note = model_shape(name, entry, at)
            self.notes.append(note)
        self.corpora = {name: self.corpus(name, entry) for name, entry in config["corpora"].items()}
        self.tasks, lengths = [], {}
        for name, entry in config["benchmarks"].items():
            count, note = problem_count(name, entry, at)
            prompt = MINIATURE_PROMPT if entry["source"].startswith("mini-") else OTHER_PROMPT
            prompt = assumed.prompt_tokens or prompt
            self.notes.append(note)
            lengths.setdefault(prompt, []).append(name)
            decoders = configuration.benchmark_decoders(config, name).values()
            self.tasks += [Task(count * entry["samples"], prompt, decoder) for decoder in decoders]
        for prompt, names in lengths.items():
            self.notes.append(f"{', '.join(names)}: {prompt} tokens a prompt, on average; no answer ends early.")

    def corpus(self, name: str, entry: dict) -> Corpus:
        rows, note = example_count(name, entry, self.at)
        usual = EXAMPLE_TOKENS.get(entry["source"], OTHER_EXAMPLE_TOKENS)
        prompt, response = self.assumed.prompt_tokens or usual[0], self.assumed.response_tokens or usual[1]
        said = f"{name}: {prompt:,} tokens of prompt and {response:,} of response an example, on average."
        self.notes += [note, said]
        return Corpus(rows, min(entry["held_out"], max(0, rows - 1)), prompt, response)

    def held(self, needed: float, name: str, dtype: str) -> dict[str, float]:
        """GPU and main memory of a job with a model whose tensors take `needed` bytes."""
        if self.config["device"] == "cpu":
            return {"memory": LIBRARIES + needed}
        weights = costs.BYTES[dtype] * parameters(self.shapes[name])
        return {"gpu_memory": CUDA_CONTEXT + needed, "memory": CUDA_LIBRARIES + min(weights, SHARD)}

    def data(self) -> list[Part]:
        def written(size, path):
            return tuple(Files("results", size(c), (path(name),)) for name, c in self.corpora.items())

        text = written(lambda c: 4 * c.rows * (2 * c.prompt + c.response), self.at.corpus)  # four characters a token
        reading = LIBRARIES + 4 * max(files.size for files in text)
        of_lists = LIBRARIES + 36 * max(c.rows * (c.prompt + c.response) for c in self.corpora.values())  # of a token
        parts, count = [Part("data", "-", "corpora", len(self.corpora), memory=reading, files=text)], len(self.corpora)
        for model in self.config["models"]:
            files = written(
                lambda c: costs.tokenised_disk(c.rows, c.prompt, c.response), lambda n, m=model: self.at.tokenised(m, n)
            )
            parts.append(Part("data", model, "tokenised corpora", count, memory=of_lists, files=files))
        parts.append(Part("data", "-", "benchmarks", len(self.config["benchmarks"])))
        return [*parts, Part("data", "-", "report", 1, memory=reading)]

    def base(self, name: str) -> Part:
        entry, shape, folder = self.config["models"][name], self.shapes[name], self.at.model(name)
        base = entry["base"]
        if configuration.hub_model(entry):
            snapshot = hub_snapshot(base, entry["revision"])
            present = sum(path.stat().st_size for path in snapshot.glob("*.safetensors")) if snapshot else 0
            size = costs.BYTES["bfloat16"] * parameters(shape)  # as both are published
            return Part("models", name, base, 1, files=(Files("hub", size, (folder,), present),))
        if base not in configuration.OWN_BASES:
            return Part("models", name, base, 0)
        files = (Files("results", 4 * parameters(shape), (folder,)),)
        if base == "shipped":
            return Part("models", name, base, 1, files=files)
        recipe, length = entry["training"], 65  # prompt and filled response of the miniature's tasks, on average
        rows = recipe["batch_size"] * (recipe["steps"] + recipe.get("then", {"steps": 0})["steps"])
        network, _ = costs.training_flops(shape, None, Takes(), length, 50)
        flops = {"float32": rows * network} if self.config["device"] == "cpu" else {}  # it is trained on the CPU
        needed = costs.training_bytes(shape, "float32", None, recipe["batch_size"], length, masked_attention=True)
        return Part("models", name, base, 1, flops, memory=LIBRARIES + needed, files=files)

    def statistics(self, name: str) -> list[Part]:
        settings, shape, shards = self.config["statistics"], self.shapes[name], self.config["shards"]
        dtype, limit = self.config["models"][name]["dtype"], self.config["training"]["max_length"]
        corpus, levels = self.corpora[settings["corpus"]], settings["levels"]
        length, count = min(limit, corpus.prompt + corpus.response), len(settings["levels"])
        masked = max(0, length - corpus.prompt) * sum(levels)
        sequences = settings["passes"] * (corpus.rows - corpus.held_out)
        flops = {dtype: sequences * costs.forward_flops(shape, count * length, length, masked)}
        needed = costs.statistics_bytes(shape, dtype, settings["batch_size"], limit, count)
        sums = (2 * shards if shards > 1 else 1) * costs.sums_bytes(shape, count)  # kept, and handed on by a shard
        path = self.at.statistics(name, settings["corpus"])
        files = (Files("results", 60 * shape.vocabulary * count + sums, (path,)),)  # about 60 bytes a row
        held = self.held(needed, name, dtype)
        parts = [Part("statistics", name, settings["corpus"], shards, flops, **held, files=files)]
        if shards > 1:
            memory = LIBRARIES + 2 * costs.sums_bytes(shape, count)
            parts.append(Part("statistics", name, f"{settings['corpus']}, gathered", 1, memory=memory))
        return parts

    def training(self, name: str, method: str) -> Part:
        entry, training = self.config["methods"][method], configuration.method_training(self.config, method)
        lora, limit, corpus = training["lora"], training["max_length"], self.corpora[training["corpus"]]
        dtype, shape = self.config["models"][name]["dtype"] if lora else "float32", self.shapes[name]
        take = takes(entry["objective"], configuration.method_settings(entry))
        if take is None:
            take = Takes()
            said = f"{method}: what the objective {entry['objective']} costs is not known; taken as vanilla's."
            self.notes.append(said)
        length, devices, checkpointing = limit, training["devices"], training["activation_checkpointing"]
        if devices > 1:
            kind = "GPUs" if self.config["device"] == "cuda" else "processes"
            self.notes.append(f"{method}: a run takes {devices} {kind} at a time.")
        if training["padding"] == "batch" or not training["score_padding"]:
            length = min(limit, corpus.prompt + corpus.response)
            self.notes.append(
                f"{method}: batches are taken to be as long as a mean example, though the longest decides."
            )
        content = min(corpus.response, max(0, length - corpus.prompt))
        response = max(0, length - corpus.prompt) if training["score_padding"] else content
        steps = costs.training_steps(training["epochs"], corpus.rows - corpus.held_out, training["batch_size"])
        sequences, count = steps * training["batch_size"], len(self.config["seeds"])
        checked = costs.evaluations(steps, training["eval_steps"]) * corpus.held_out
        one = costs.training_flops(shape, lora, take, length, content if take.content else response, checkpointing)
        network = sequences * one[0] + checked * costs.forward_flops(shape, length, length, response / 2)
        flops = {dtype: count * network}  # and the adapter's, in fp32 whatever the network is in
        adapter = count * (sequences * one[1] + checked * costs.adapter_flops(shape, lora, length))
        flops["float32"] = flops.get("float32", 0) + adapter
        needed = costs.training_bytes(
            *(shape, dtype, lora, training["micro_batch_size"], limit),
            masked_attention=not training["score_padding"],
            views=2 if take.views > 1 else 1,
            checkpointing=checkpointing,
            devices=devices,
        )
        held = self.held(needed, name, dtype)
        held["memory"] *= devices
        flops = {dtype: operations for dtype, operations in flops.items() if operations}
        both = 2 * costs.adapter_disk(shape, lora)[0]  # best and last
        files = tuple(Files("results", both, (self.at.run(name, method, seed),)) for seed in self.config["seeds"])
        return Part("finetune", name, method, count, flops, **held, files=files)

    def unfinished(self, trained: list[Part]) -> Part:
        """Disk of the runs that are going on, at the worst time: checkpoints, and the best weights so far."""
        each = [configuration.method_training(self.config, method) for method in self.config["methods"]]
        sizes = [costs.adapter_disk(shape, one["lora"]) for shape in self.shapes.values() for one in each]
        largest = max(CHECKPOINTS * checkpoint + weights for weights, checkpoint in sizes)
        fewest = min(one["devices"] for one in each)
        at_a_time = min(max(1, self.assumed.gpus // fewest), sum(part.jobs for part in trained))
        paths = tuple(path for part in trained for files in part.files for path in files.paths)
        files = (Files("results", at_a_time * largest, paths),)
        return Part("finetune", "-", f"unfinished runs, {at_a_time} at a time", 0, memory=0, files=files)

    def decoding(self, name: str) -> list[Part]:
        """The base answers once; with the further seeds, what is drawn at random."""
        (first, *further), parts = self.config["seeds"], []
        parts += self.answers(name, "base", None, self.tasks, [first], self.config["shards"])
        sampled = [task for task in self.tasks if drawn(task.decoder)]
        if sampled and further:
            (again,) = self.answers(name, "base", None, sampled, further, 1)
            parts.append(replace(again, what="base, further seeds"))
        for method in self.config["methods"]:
            lora = configuration.method_training(self.config, method)["lora"]
            parts += self.answers(name, method, lora, self.tasks, self.config["seeds"], self.config["shards"])
        return parts

    def answers(
        self, name: str, method: str, lora: dict | None, tasks: list[Task], seeds: list[int], shards: int
    ) -> list[Part]:
        """Of one checkpoint a seed."""
        dtype, shape, count = self.config["models"][name]["dtype"], self.shapes[name], len(seeds)
        apart = None if dtype == "float32" else lora  # in fp32 the adapter is merged
        one = [(task.answers, *costs.decoding_flops(shape, apart, task.prompt, task.decoder)) for task in tasks]
        network, adapter = (count * sum(cost[0] * cost[part] for cost in one) for part in (1, 2))
        needed = max((costs.decoding_bytes(shape, dtype, lora, t.prompt, t.decoder) for t in tasks), default=0)
        # text of four characters a token, and the rest of a line; in the results and in the answers' store
        size = 2 * sum(task.answers * (4 * task.decoder["gen_length"] + 100) for task in tasks)
        paths = [self.at.generations(name, method, seed) / "run.json" for seed in seeds]
        files = tuple(Files("results", size, (path,)) for path in paths)
        held = self.held(needed, name, dtype)
        parts = [Part("decode", name, method, count * shards, {dtype: network + adapter}, **held, files=files)]
        return parts + [Part("decode", name, f"{method}, gathered", count)] * (shards > 1)

    def judging(self) -> list[Part]:
        benchmarks, seeds = self.config["benchmarks"].values(), len(self.config["seeds"])
        sampled = any(drawn(task.decoder) for task in self.tasks)
        checkpoints = len(self.shapes) * ((seeds if sampled else 1) + len(self.config["methods"]) * seeds)
        guesses = any(describe(b["source"], configuration.benchmark_settings(b))["guesses"] for b in benchmarks)
        parts = [Part("decode", "none", "guesses", 1)] if guesses else []
        parts.append(Part("grade", "-", "answers", checkpoints + guesses))
        return [*parts, Part("results", "-", "tables, figures, page", 8)]


def plan(config: dict, results: Path, assumed: Assumptions | None = None) -> Plan:
    """The cost of a resolved config. results: the folder of this experiment's results; what is there is counted.

    Raises InputError where the shape of a model cannot be read.
    """
    assumed = assumed or Assumptions()
    of = _Planner(config, Layout(results), assumed)
    methods = configuration.trained_methods(config)
    parts = [*of.data(), *(of.base(name) for name in of.shapes)]
    parts += [part for name in of.shapes for part in of.statistics(name)]
    trained = [of.training(name, method) for name in of.shapes for method in methods]
    parts += [*trained, of.unfinished(trained), *(part for name in of.shapes for part in of.decoding(name))]
    parts += of.judging()
    rate = rates(config["device"], config["threads"], assumed)
    hours = [sum(n / rate[dtype] for dtype, n in part.flops.items()) / assumed.utilisation / 3600 for part in parts]
    parts = [replace(part, hours=taken) for part, taken in zip(parts, hours, strict=True)]
    peaks = " and ".join(f"{rate[dtype] / 1e12:g} in {dtype}" for dtype in ("bfloat16", "float32"))
    of.notes.append(f"The processor's peak is {peaks}, in TFLOP/s; {assumed.utilisation:.0%} of them are used.")
    return Plan(tuple(parts), tuple(dict.fromkeys(filter(None, of.notes))))
