"""What an experiment costs, before anything runs: the formulas of lift.plan.costs applied to a config.

docs/plan.md says what it rests on. Sizes are in bytes and tokens unless said otherwise.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from lift.config import configuration
from lift.config.experiment import Experiment
from lift.config.layout import Layout
from lift.data import counts, hub
from lift.finetune.settings import Settings
from lift.finetune.takes import Takes, takes
from lift.machine.cards import peaks
from lift.models import peak_memory
from lift.models.families import FAMILIES
from lift.models.shape import PUBLISHED, Shape, parameters, read_shape
from lift.plan import costs

STAGES = ("data", "models", "statistics", "finetune", "decode", "grade", "results")
CHECKPOINTS = 3  # of an unfinished run: save_total_limit 2, and the new one before the oldest goes

# Main memory of a process apart from its tensors. 0.46 GB was measured for the CPU build of torch with transformers;
# what CUDA adds, and its own share of the GPU's memory, are assumptions.
LIBRARIES, CUDA_LIBRARIES, CUDA_CONTEXT = 0.5e9, 4e9, 1e9
SHARD = 5e9  # of a checkpoint: the largest file that is in main memory on its way to a GPU


@dataclass(frozen=True)
class Assumptions:
    """What a plan cannot know. See `python -m lift plan --help`; None is the default of the card or the data."""

    gpu: str = "H100"
    tflops: float | None = None
    tflops_fp32: float | None = None
    utilisation: float | None = None
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


def model_shape(name: str, entry: dict, at: Layout) -> tuple[Shape, str]:
    """The shape of a model of the config, and a sentence where it had to be assumed ("" else)."""
    base, family = entry["base"], FAMILIES[entry["family"]]
    if base == "train":
        from lift.miniature.sizes import shape

        recipe = entry["training"]
        return shape(entry["family"], **{k: recipe[k] for k in ("hidden_size", "layers", "heads") if k in recipe}), ""
    if not configuration.hub_model(entry):
        folder = configuration.SHIPPED if base == "shipped" else Path(base)
        return read_shape(folder / "config.json", entry["family"]), ""
    for folder in (at.model(name), hub.cached_model(base, entry["revision"])):
        if folder is not None and (folder / "config.json").is_file():
            return read_shape(folder / "config.json", entry["family"]), ""
    note = f"{name}: {base} is not here yet; it is taken to have the shape of {family.published[0]}."
    return PUBLISHED[entry["family"]], note


class _Planner:
    """Makes the parts of one experiment, and notes what they rest on."""

    def __init__(self, experiment: Experiment, assumed: Assumptions) -> None:
        self.experiment, self.assumed, self.notes = experiment, assumed, []
        self.config, self.at = experiment.config, experiment.layout
        self.processes = experiment.processes(assumed.gpus)
        models = self.config["models"].items()
        self.shapes = {name: self.noted(*model_shape(name, entry, self.at)) for name, entry in models}
        bits = "the time to take matrices of 4 bits back to bfloat16, before each product, is not counted."
        self.notes += [f"{name}: {bits}" for name, entry in models if entry["quantisation"]]
        self.corpora = {name: self.corpus(name, entry) for name, entry in self.config["corpora"].items()}
        self.tasks, lengths = {}, {}
        for name, entry in self.config["benchmarks"].items():
            settings = configuration.benchmark_settings(entry)
            count = self.noted(*counts.problems(name, settings, self.at.problems(name))) * entry["samples"]
            prompt = assumed.prompt_tokens or counts.prompt_tokens(entry["source"])
            lengths.setdefault(prompt, []).append(name)
            for decoder, settings in configuration.benchmark_decoders(self.config, name).items():
                self.tasks[name, decoder] = Task(count, prompt, settings)
        for prompt, names in lengths.items():
            self.notes.append(f"{', '.join(names)}: {prompt} tokens a prompt, on average; no answer ends early.")

    def noted(self, found, note: str):
        """What was found; what had to be assumed for it is noted."""
        self.notes += [note] if note else []
        return found

    def corpus(self, name: str, entry: dict) -> Corpus:
        source, held_out, settings = entry["source"], entry["held_out"], configuration.corpus_settings(entry)
        rows = self.noted(*counts.examples(name, source, settings, held_out, self.at.corpus(name)))
        usual = counts.example_tokens(source)
        prompt, response = self.assumed.prompt_tokens or usual[0], self.assumed.response_tokens or usual[1]
        self.notes.append(f"{name}: {prompt:,} tokens of prompt and {response:,} of response an example, on average.")
        return Corpus(rows, min(held_out, max(0, rows - 1)), prompt, response)

    def held(self, needed: float, name: str, dtype: str, processes: int) -> dict[str, float]:
        """GPU memory of one process of a job with a model whose tensors take `needed` bytes; main memory of all."""
        if self.config["device"] == "cpu":
            return {"memory": processes * (LIBRARIES + needed)}
        weights = peak_memory.BYTES[dtype] * parameters(self.shapes[name])
        return {"gpu_memory": CUDA_CONTEXT + needed, "memory": processes * (CUDA_LIBRARIES + min(weights, SHARD))}

    def data(self) -> list[Part]:
        def written(size, path):
            return tuple(Files("results", size(c), (path(name),)) for name, c in self.corpora.items())

        text = written(lambda c: 4 * c.rows * (2 * c.prompt + c.response), self.at.corpus)  # four characters a token
        reading = LIBRARIES + 4 * max(files.size for files in text)
        of_lists = LIBRARIES + 36 * max(c.rows * (c.prompt + c.response) for c in self.corpora.values())  # of a token
        parts, count = [Part("data", "-", "corpora", len(self.corpora), memory=reading, files=text)], len(self.corpora)
        for model in self.shapes:
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
            snapshot = hub.cached_model(base, entry["revision"])
            present = sum(path.stat().st_size for path in snapshot.glob("*.safetensors")) if snapshot else 0
            size = peak_memory.BYTES["bfloat16"] * parameters(shape)  # as both are published
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
        needed = peak_memory.training_bytes(shape, "float32", None, recipe["batch_size"], length, masked_attention=True)
        return Part("models", name, base, 1, flops, memory=LIBRARIES + needed, files=files)

    def statistics(self, name: str) -> Part:
        settings, shape = self.experiment.statistics(name), self.shapes[name]
        dtype, limit, levels, bits = (settings[key] for key in ("dtype", "max_length", "levels", "quantisation"))
        corpus, count = self.corpora[settings["corpus"]], len(levels)
        length = min(limit, corpus.prompt + corpus.response)
        masked = max(0, length - corpus.prompt) * sum(levels)
        sequences = settings["passes"] * (corpus.rows - corpus.held_out)
        flops = {dtype: sequences * costs.forward_flops(shape, count * length, length, masked)}
        needed = peak_memory.statistics_bytes(shape, dtype, settings["batch_size"], limit, count, bits)
        held = self.held(needed, name, dtype, self.processes)
        size = 60 * shape.vocabulary * count + self.processes * peak_memory.sums_bytes(shape, count)
        files = (Files("results", size, (self.at.statistics(name, settings["corpus"]),)),)  # about 60 bytes a row
        return Part("statistics", name, settings["corpus"], 1, flops, **held, files=files)

    def training(self, name: str, method: str) -> Part:
        run, training, shape = self.experiment.run(name, method), self.experiment.training(method), self.shapes[name]
        corpus = self.corpora[training["corpus"]]
        settings = Settings(**configuration.settings(training, "corpus", "checkpoint"))
        lora, limit, devices = settings.lora, settings.max_length, settings.devices
        take = takes(run["objective"], run["settings"])
        if take is None:
            take, unknown = Takes(), f"what the objective {run['objective']} costs is not known; taken as vanilla's."
            self.notes.append(f"{method}: {unknown}")
        self.notes += [f"{method}: a run takes {devices} devices at a time."] * (devices > 1)
        length = limit
        if settings.padding == "batch" or not settings.score_padding:
            length = min(limit, corpus.prompt + corpus.response)
            self.notes += [f"{method}: batches are taken to be as long as a mean example, though the longest decides."]
        response = masked = max(0, length - corpus.prompt)
        if take.content or not settings.score_padding:
            masked = min(corpus.response, response)
        response = response if settings.score_padding else masked
        steps, count = settings.updates(corpus.rows - corpus.held_out), len(self.experiment.seeds)
        sequences = steps * settings.batch_size
        checked = settings.evaluations(steps) * corpus.held_out
        network, adapter = costs.training_flops(shape, lora, take, length, masked, settings.activation_checkpointing)
        network = sequences * network + checked * costs.forward_flops(shape, length, length, response / 2)
        adapter = sequences * adapter + checked * costs.adapter_flops(shape, lora, length)
        flops = {run["dtype"]: count * network}  # and the adapter's, in fp32 whatever the network is in
        flops["float32"] = flops.get("float32", 0) + count * adapter
        needed = peak_memory.training_bytes(
            *(shape, run["dtype"], lora, settings.micro_batch_size, limit),
            masked_attention=not settings.score_padding,
            views=2 if take.views > 1 else 1,
            checkpointing=settings.activation_checkpointing,
            devices=devices,
            quantisation=run["quantisation"],
        )
        held = self.held(needed, name, run["dtype"], devices)
        flops = {dtype: operations for dtype, operations in flops.items() if operations}
        both = 2 * costs.adapter_disk(shape, lora)[0]  # best and last
        files = tuple(Files("results", both, (self.at.run(name, method, seed),)) for seed in self.experiment.seeds)
        return Part("finetune", name, method, count, flops, **held, files=files)

    def unfinished(self, trained: list[Part]) -> Part:
        """Disk of the runs that are going on, at the worst time: checkpoints, and the best weights so far."""
        each = [self.experiment.training(method) for method in self.experiment.trained]
        sizes = [costs.adapter_disk(shape, one["lora"]) for shape in self.shapes.values() for one in each]
        largest = max(CHECKPOINTS * checkpoint + weights for weights, checkpoint in sizes)
        fewest = min(one["devices"] for one in each)
        at_a_time = min(max(1, self.assumed.gpus // fewest), sum(part.jobs for part in trained))
        paths = tuple(path for part in trained for files in part.files for path in files.paths)
        files = (Files("results", at_a_time * largest, paths),)
        return Part("finetune", "-", f"unfinished runs, {at_a_time} at a time", 0, memory=0, files=files)

    def decoding(self, name: str, method: str) -> list[Part]:
        """The base answers once; with the further seeds, what is drawn at random, in one job a seed."""
        seeds = {method: self.experiment.seeds}
        if method == "base":
            (first, *further), drawn = self.experiment.seeds, self.experiment.answers("base", -1)
            seeds = {"base": [first], "base, further seeds": further if drawn else []}
        return [self.answers(name, method, what, group) for what, group in seeds.items() if group]

    def answers(self, name: str, method: str, what: str, seeds: list[int]) -> Part:
        """Of one checkpoint a seed."""
        entry, shape, count = self.config["models"][name], self.shapes[name], len(seeds)
        dtype, bits = entry["dtype"], entry["quantisation"]
        tasks = [self.tasks[place] for place in self.experiment.answers(method, seeds[0])]
        lora = None if method == "base" else self.experiment.training(method)["lora"]
        apart = None if dtype == "float32" else lora  # in fp32 the adapter is merged
        each = [task.answers * sum(costs.decoding_flops(shape, apart, task.prompt, task.decoder)) for task in tasks]
        needed = [peak_memory.decoding_bytes(shape, dtype, lora, t.prompt, t.decoder, bits) for t in tasks]
        # text of four characters a token, and the rest of a line; in the results and in the answers' store
        size = 2 * sum(task.answers * (4 * task.decoder["gen_length"] + 100) for task in tasks)
        files = tuple(Files("results", size, (self.at.generations(name, method, seed) / "run.json",)) for seed in seeds)
        held = self.held(max(needed, default=0), name, dtype, self.processes)
        return Part("decode", name, what, count, {dtype: count * sum(each)}, **held, files=files)

    def judging(self) -> list[Part]:
        guesses = [Part("decode", "none", "guesses", 1)] * ("guess" in self.experiment.rows)
        graded = len(self.experiment.checkpoints())
        return [*guesses, Part("grade", "-", "answers", graded), Part("results", "-", "tables, figures, page", 8)]


def plan(config: dict, results: Path, assumed: Assumptions | None = None) -> Plan:
    """The cost of a resolved config. results: the folder of this experiment's results; what is there is counted.

    Raises InputError where the shape of a model cannot be read.
    """
    assumed, experiment = assumed or Assumptions(), Experiment(config)
    experiment.layout = Layout(results)
    of, models = _Planner(experiment, assumed), experiment.models
    trained = [of.training(name, method) for name in models for method in experiment.trained]
    answering = [(name, method) for name in models for method in ("base", *experiment.methods)]
    parts = [*of.data(), *map(of.base, models), *map(of.statistics, models)]
    parts += [*trained, of.unfinished(trained), *(part for one in answering for part in of.decoding(*one))]
    parts += of.judging()
    rate = peaks(config["device"], config["threads"], assumed.gpu, assumed.tflops, assumed.tflops_fp32)
    used = {name: assumed.utilisation or costs.utilisation(of.shapes[name], config["device"]) for name in models}
    hours = [sum(n / rate[kind] for kind, n in part.flops.items()) / used.get(part.model, 1) / 3600 for part in parts]
    parts = [replace(part, hours=taken) for part, taken in zip(parts, hours, strict=True)]
    said = " and ".join(f"{operations / 1e12:g} in {dtype}" for dtype, operations in rate.items())
    shares = " and ".join(dict.fromkeys(f"{share:.0%}" for share in used.values()))
    of.notes.append(f"The processor's peak is {said}, in TFLOP/s; {shares} of them are used.")
    return Plan(tuple(parts), tuple(dict.fromkeys(of.notes)))
