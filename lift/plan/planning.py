"""What an experiment costs, before anything runs: floating-point operations, hours, memory and disk.

First come the formulas, pure functions of a network's shape and of sizes; docs/plan.md gives the reason of each. Then
`plan`, which applies them to a config. Nothing here imports torch. Sizes are in bytes and tokens unless said otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from lift.config import configuration
from lift.data.benchmarks import describe
from lift.errors import InputError
from lift.models.families import FAMILIES
from lift.models.model_files import read_json

ROOT = Path(__file__).parent.parent.parent
SHIPPED = Path(__file__).parent.parent / "miniature" / "weights"

BYTES = {"float32": 4, "bfloat16": 2}
STAGES = ("data", "models", "statistics", "finetune", "decode", "grade", "results")
LOGIT_BYTES = 2**27  # of lift.models.predictor: fp32 logits that stand in memory together
HEAD_BYTES = 2**22  # of lift.models.predictor: a part of the head that the CPU takes in fp32
CHECKPOINTS = 3  # of an unfinished run: save_total_limit 2, and the new one before the oldest goes

# Main memory of a process apart from its tensors. 0.46 GB was measured for the CPU build of torch with transformers;
# what CUDA adds, and its own share of the GPU's memory, are assumptions.
LIBRARIES, CUDA_LIBRARIES, CUDA_CONTEXT = 0.5e9, 4e9, 1e9
SHARD = 5e9  # of a checkpoint: the largest file that is in main memory on its way to a GPU
CPU_TFLOPS = 0.05  # of one thread, where nothing else is said

# Mean tokens of (prompt, response) of a corpus' examples, where no flag says more: rough, but for the miniature's.
EXAMPLE_TOKENS = {
    "mini-traces": (23, 41),
    "gsm8k": (150, 150),
    "kodcode": (300, 300),
    "s1k-1-1": (300, 8000),
}
OTHER_EXAMPLE_TOKENS = (300, 4000)
MINIATURE_PROMPT, OTHER_PROMPT = 25, 200  # of a benchmark
UNKNOWN_EXAMPLES, UNKNOWN_PROBLEMS = {"lift-sft-12k": 12_000}, 500  # where the config names no number of rows


# ---- the network


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama or Qwen2 network: widths, numbers of layers and heads, tokens of the vocabulary.

    qkv_bias: whether queries, keys and values have one. tied: whether the head is the embedding.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    mlp: int
    vocabulary: int
    qkv_bias: bool = False
    tied: bool = False

    @property
    def kv(self) -> int:
        """Width of all keys, and of all values, of a token."""
        return self.hidden // self.heads * self.kv_heads


_SIZES = {  # ours by those of a transformers config
    "hidden_size": "hidden",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
    "num_key_value_heads": "kv_heads",
    "intermediate_size": "mlp",
    "vocab_size": "vocabulary",
    "tie_word_embeddings": "tied",
}


PUBLISHED = {
    name: Shape(**{_SIZES[ours]: size for ours, size in family.published[1].items()}, qkv_bias=family.qkv_bias)
    for name, family in FAMILIES.items()
}


def read_shape(path: Path) -> Shape:
    """The shape in a checkpoint's config.json. Raises InputError where the file says too little."""
    try:
        published = read_json(path)
        family = FAMILIES[published["model_type"]]
        sizes = {_SIZES[ours]: int(published[theirs]) for theirs, ours in family.fields.items() if ours in _SIZES}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: the network's shape cannot be read ({type(error).__name__}: {error}).") from None
    return Shape(**sizes | {"tied": bool(sizes["tied"])}, qkv_bias=family.qkv_bias)


def projections(shape: Shape) -> dict[str, tuple[int, int]]:
    """The matrices of one layer by name, each (inputs, outputs)."""
    h, kv, m = shape.hidden, shape.kv, shape.mlp
    return {
        "q_proj": (h, h),
        "k_proj": (h, kv),
        "v_proj": (h, kv),
        "o_proj": (h, h),
        "gate_proj": (h, m),
        "up_proj": (h, m),
        "down_proj": (m, h),
    }


def parameters(shape: Shape) -> int:
    """Parameters of the network, embedding and head included."""
    matrices = sum(i * o for i, o in projections(shape).values())
    biases = (shape.hidden + 2 * shape.kv) if shape.qkv_bias else 0
    layer = matrices + biases + 2 * shape.hidden  # two norms
    ends = shape.vocabulary * shape.hidden * (1 if shape.tied else 2)
    return shape.layers * layer + ends + shape.hidden


def adapter_sizes(shape: Shape, lora: dict | None) -> dict[str, int]:
    """Parameters that LoRA adds to one layer, by the name of the matrix; none without LoRA."""
    sizes = projections(shape)
    return {name: lora["r"] * sum(sizes[name]) for name in lora["target_modules"]} if lora else {}


def adapter_parameters(shape: Shape, lora: dict | None) -> int:
    """Parameters that LoRA adds to all layers."""
    return shape.layers * sum(adapter_sizes(shape, lora).values())


# ---- floating-point operations, two for every multiplication with a weight


def forward_flops(shape: Shape, tokens: float, length: int, scored: float = 0) -> float:
    """Of one forward pass over `tokens` in sequences of `length`, with the head at `scored` positions."""
    matrices = sum(i * o for i, o in projections(shape).values())
    attention = 4 * length * shape.hidden  # queries with keys, and weights with values
    return tokens * shape.layers * (2 * matrices + attention) + head_flops(shape, scored)


def backward_flops(
    shape: Shape, tokens: float, length: int, scored: float = 0, full: bool = False, checkpointing: bool = False
) -> float:
    """Of the backward pass through the activations; `full` adds the gradients of all weights.

    Attention takes five products where the forward pass takes two: the weights are computed again. So are the logits
    and, with activation checkpointing, the layers.
    """
    matrices = sum(i * o for i, o in projections(shape).values())
    attention = 10 * length * shape.hidden
    times = 2 if full else 1
    again = forward_flops(shape, tokens, length) if checkpointing else 0
    return tokens * shape.layers * (times * 2 * matrices + attention) + (1 + times) * head_flops(shape, scored) + again


def head_flops(shape: Shape, positions: float) -> float:
    """Of the logits of some positions."""
    return 2 * shape.hidden * shape.vocabulary * positions


def adapter_flops(shape: Shape, lora: dict | None, tokens: float) -> float:
    """Of the adapter in one forward pass. Its backward pass takes twice that."""
    return 2 * adapter_parameters(shape, lora) * tokens


def window_flops(shape: Shape, length: int, window: float, read: int | None = None) -> float:
    """Of one pass of lift.models.predictor.MaskPredictor.states_at over one sequence, and of the logits of its window.

    In the last layer only the window asks and is fed forward. read: the tokens that go through the network, where a
    cache keeps the keys and values of the others.
    """
    read = length if read is None else read
    sizes = {name: i * o for name, (i, o) in projections(shape).items()}
    attention = 4 * length * shape.hidden * ((shape.layers - 1) * read + window)
    return 2 * _window_weights(sizes, shape.layers, read, window) + attention + head_flops(shape, window)


def adapter_window_flops(shape: Shape, lora: dict | None, length: int, window: float) -> float:
    """Of the adapter in one such pass, over `length` tokens."""
    return 2 * _window_weights(adapter_sizes(shape, lora), shape.layers, length, window)


def _window_weights(sizes: Mapping[str, int], layers: int, length: int, window: float) -> float:
    """Weights times the positions that they are used at."""
    last = {name: length if name in ("k_proj", "v_proj") else window for name in sizes}
    return sum(size * ((layers - 1) * length + last[name]) for name, size in sizes.items())


class Selected(NamedTuple):
    """What an objective takes of a sequence, on average.

    views: rows with gradient. kept: share of the response in the loss. scoring: share of the sequences that have a pass
    without gradient first. scored: share of the response whose logits that pass needs, over all sequences.
    """

    views: float
    kept: float
    scoring: float
    scored: float


def selected(objective: str, settings: dict) -> Selected | None:
    """What an objective of lift/finetune/objectives takes; None where it is not known here."""
    if objective in ("vanilla", "cart"):
        return Selected(1, 0.5, 0, 0)
    if objective == "gift":
        return Selected(1, 0.5, 1, 1)
    return lift_selected(settings) if objective == "lift" else None


def lift_selected(settings: dict, points: int = 6000) -> Selected:
    """LIFT's: the mean over levels t on a grid of `points`, of what lift.finetune.objectives.lift does at each."""
    components, lower = settings["components"], settings["rho_lower"]
    scoring = scored = second = kept = 0.0
    for i in range(points):
        t = (i + 0.5) / points
        if settings["policy"] == "random":
            random = components.count("random") / len(components)
        else:
            weights = {"random": settings["random_weight"] * t * (1 - t), "easy": t, "hard": 1 - t}
            random = float(max(components, key=weights.get) == "random")
        upper = 1 - t
        masked = t + ((lower + upper) / 2 if upper > lower else upper / 2)  # t + rho
        scoring += 1 - random
        scored += (1 - random) * masked
        extra = random if settings["complementary"] else 0.0
        second += extra
        kept += t + extra * (1 - t)
    return Selected(1 + second / points, kept / points, scoring / points, scored / points)


def training_flops(
    shape: Shape, lora: dict | None, take: Selected, length: float, response: float, checkpointing: bool = False
) -> tuple[float, float]:
    """Of one sequence of training: in the network, and in the adapter.

    length: tokens with padding. response: those of them that may be masked.
    """
    tokens, kept = take.views * length, take.kept * response
    network = forward_flops(shape, tokens, length, kept)
    network += backward_flops(shape, tokens, length, kept, lora is None, checkpointing)
    network += forward_flops(shape, take.scoring * length, length, take.scored * response)
    scoring = adapter_flops(shape, lora, take.scoring * length)
    return network, (3 + checkpointing) * adapter_flops(shape, lora, tokens) + scoring


def training_steps(epochs: float, examples: int, batch_size: int) -> int:
    """Updates of a run, as lift.finetune.trainer counts them."""
    return max(1, round(epochs * examples / batch_size))


def evaluations(steps: int, eval_steps: int) -> int:
    """Held-out losses of a run: at the start, every eval_steps updates, and at the end."""
    return 1 + steps // eval_steps + bool(steps % eval_steps)


def decoding_flops(shape: Shape, lora: dict | None, prompt: int, decoder: dict) -> tuple[float, float]:
    """Of one answer: in the network, and in the adapter.

    No answer is taken to end early, and with a threshold every pass to commit one token: both are upper bounds.
    decoder: gen_length, block_length, steps, threshold, cache, guidance.
    """
    length, block = prompt + decoder["gen_length"], decoder["block_length"]
    blocks = decoder["gen_length"] // block
    passes = block if decoder["steps"] is None else decoder["steps"] // blocks
    share, remainder = divmod(block, passes)
    later = sum(block - share * step - min(step, remainder) for step in range(1, passes))  # positions that still ask
    network = adapter = 0.0
    for place in range(blocks):
        read = {"none": length, "prefix": length - prompt - place * block, "dual": block}[decoder["cache"]]
        none, one = (window_flops(shape, length, asking, read) for asking in (0, 1))
        network += window_flops(shape, length, block) + (passes - 1) * none + later * (one - none)
        none, one = (adapter_window_flops(shape, lora, read, asking) for asking in (0, 1))
        adapter += adapter_window_flops(shape, lora, length, block) + (passes - 1) * none + later * (one - none)
    times = 2 if decoder["guidance"] else 1
    return times * network, times * adapter


# ---- memory


def activation_bytes(shape: Shape, dtype: str, lora: dict | None, masked_attention: bool = False) -> int:
    """What one token leaves in one layer for the backward pass; nothing is computed again.

    masked_attention: padding is invisible. Then, and in float32, keys and values are repeated to as many heads as
    queries have.
    """
    w, h, m = BYTES[dtype], shape.hidden, shape.mlp
    kv = h if masked_attention or dtype == "float32" else shape.kv
    norms = 2 * (4 * h + 4)  # the input in fp32, and one over its root mean square
    attention = w * (2 * h + 2 * kv) + 4 * shape.heads  # queries, result, keys, values; sums of weights in fp32
    mlp = 3 * w * m  # gate, its SiLU, up
    if lora is None:  # all weights need a gradient: also what each norm scales and what each matrix is given
        return norms + 4 * w * h + attention + mlp + w * m
    dropped = 1 if lora["dropout"] else 0  # which inputs dropout kept, a byte each
    inputs = (projections(shape)[name][0] for name in lora["target_modules"])
    return norms + attention + mlp + sum((4 + dropped) * i + 4 * lora["r"] for i in inputs)  # adapters are in fp32


def training_bytes(
    shape: Shape,
    dtype: str,
    lora: dict | None,
    rows: float,
    length: int,
    masked_attention: bool = False,
    views: int = 1,
    checkpointing: bool = False,
    devices: int = 1,
) -> float:
    """The most that a training step holds on one of its devices, `rows` sequences a micro-batch.

    AdamW holds 16 bytes for a trained weight: itself, its gradient and two means, in fp32; with several devices another
    gradient, for the exchange. All positions may be masked. views: sequences with gradient for one that is read.
    """
    each = 16 if devices == 1 else 20
    if lora is None:
        state = each * parameters(shape)
    else:
        state = BYTES[dtype] * parameters(shape) + each * adapter_parameters(shape, lora)
    layer = activation_bytes(shape, dtype, lora, masked_attention)
    state_width = BYTES[dtype] * shape.hidden
    stored, inside = layer * shape.layers, working_bytes(shape, dtype)
    if checkpointing:  # what goes into each layer and into the last norm; one layer is computed again
        stored, inside = state_width * (shape.layers + 1) + 4 * shape.hidden, inside + layer
    tokens = views * rows * length
    return state + tokens * stored + max(tokens * inside, loss_bytes(shape, rows * length, lora is None))


def loss_bytes(shape: Shape, positions: float, full: bool) -> float:
    """The most that the loss of some positions holds: logits of a chunk, in three fp32 arrays.

    These are log-probabilities and two gradients. Where the head is trained and there are several chunks, it has three
    gradients at a time: of the chunks so far, of this one, and their sum.
    """
    chunk = chunk_positions(shape)
    gradients = 12 * shape.vocabulary * shape.hidden if full and positions > chunk else 0
    return max(12 * shape.vocabulary * min(positions, chunk), gradients)


def working_bytes(shape: Shape, dtype: str) -> int:
    """The most that one token holds inside a layer without gradient: in the feed-forward or in rotated attention."""
    w, h = BYTES[dtype], shape.hidden
    return max(w * (3 * shape.mlp + 4 * h), 6 * w * h + 16 * h)


def resting_bytes(shape: Shape, dtype: str, lora: dict | None) -> int:
    """The network in inference. In fp32 an adapter is merged, in bfloat16 it stands beside it."""
    apart = 0 if dtype == "float32" else BYTES[dtype] * adapter_parameters(shape, lora)
    return BYTES[dtype] * parameters(shape) + apart


def chunk_positions(shape: Shape) -> int:
    """As lift.models.predictor.MaskPredictor.chunk."""
    return max(1, LOGIT_BYTES // (4 * shape.vocabulary))


def choosing_bytes(temperature: float, guidance: float) -> int:
    """The most that lift.decode.decoder holds for one logit of a chunk: itself in fp32 and, when sampling, four numbers
    of 64 bits (uniform ones and what they are made of). Guidance holds one more in fp32.
    """
    return 4 + (32 if temperature else 0) + (4 if guidance else 0)


def head_bytes(shape: Shape, dtype: str) -> int:
    """What stands beside the logits of a bfloat16 head on the CPU, in fp32: a part of it."""
    return 0 if dtype == "float32" else min(HEAD_BYTES, 4 * shape.hidden * shape.vocabulary)


def decoding_bytes(shape: Shape, dtype: str, lora: dict | None, prompt: int, decoder: dict) -> float:
    """The most that decoding holds: inside a layer, or where tokens are chosen; and its caches.

    decoder: gen_length, block_length, temperature, guidance, cache, batch_size.
    """
    rows, views = decoder["batch_size"], 2 if decoder["guidance"] else 1
    positions, tokens = rows * decoder["block_length"], rows * (prompt + decoder["gen_length"])
    chunk = min(positions, chunk_positions(shape))
    choosing = choosing_bytes(decoder["temperature"], decoder["guidance"]) * chunk * shape.vocabulary
    choosing += head_bytes(shape, dtype)
    layer = tokens * working_bytes(shape, dtype)
    states = views * positions * shape.hidden * BYTES[dtype]
    kept = 0 if decoder["cache"] == "none" else views * tokens * 2 * shape.kv * BYTES[dtype]  # of a layer
    inside = (shape.layers - 1) * kept + layer  # of the last layer, whose keys and values come out of it
    return resting_bytes(shape, dtype, lora) + states + max(inside, shape.layers * kept + choosing)


def sums_bytes(shape: Shape, levels: int) -> int:
    """Of the token statistics' sums: four numbers of 64 bits a token and level, and one a token."""
    return 8 * (4 * levels + 1) * shape.vocabulary


def statistics_bytes(shape: Shape, dtype: str, rows: int, length: int, levels: int) -> float:
    """The most that the token statistics hold: sums, and the inside of a layer or the logits of a chunk.

    Logits are in fp32.
    """
    w = BYTES[dtype]
    chunk = 2 * w * rows * length * shape.hidden + 4 * min(chunk_positions(shape), rows * length) * shape.vocabulary
    chunk += head_bytes(shape, dtype)
    held = w * parameters(shape) + sums_bytes(shape, levels)
    return held + max(rows * length * working_bytes(shape, dtype), chunk)


# ---- disk


def adapter_disk(shape: Shape, lora: dict | None) -> tuple[int, int]:
    """Weights that a run keeps in one place, and one checkpoint with the optimiser's state; fp32."""
    weights = 4 * (adapter_parameters(shape, lora) if lora else parameters(shape))
    return weights, 3 * weights  # two means of AdamW


def tokenised_disk(rows: int, prompt: int, response: int) -> int:
    """Of a tokenised corpus: 32-bit ids, as `datasets` stores a column of that name, the prompt's length, an offset."""
    return rows * (4 * (prompt + response) + 12)


# ---- a whole experiment


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
    usual = {"bfloat16": 989.0, "float32": 67.0}  # NVIDIA's data sheet of the H100 SXM, dense, without TF32
    if device == "cpu":
        usual = dict.fromkeys(BYTES, CPU_TFLOPS * threads)
    given = {"bfloat16": assumed.tflops, "float32": assumed.tflops_fp32}
    return {dtype: 1e12 * (given[dtype] or usual[dtype]) for dtype in BYTES}


def hub_snapshot(repo: str, revision: str) -> Path | None:
    """The folder of a hub model in the local cache, if its config.json is there; no network is asked."""
    from huggingface_hub import try_to_load_from_cache  # local models do without

    found = try_to_load_from_cache(repo, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def model_shape(name: str, entry: dict, results: Path) -> tuple[Shape, str]:
    """The shape of a model of the config, and a sentence where it had to be assumed ("" else)."""
    base = entry["base"]
    if base == "shipped":
        return read_shape(SHIPPED / "config.json"), ""
    if base == "train":
        from lift.miniature.language import VOCABULARY

        hidden, layers, heads = (
            entry["training"].get(key, usual) for key, usual in (("hidden_size", 128), ("layers", 4), ("heads", 4))
        )
        bias = FAMILIES[entry["family"]].qkv_bias
        return Shape(hidden, layers, heads, heads, 3 * hidden, len(VOCABULARY), bias), ""
    if not configuration.hub_model(entry):
        return read_shape(Path(base, "config.json")), ""
    for folder in (results / "models" / name, hub_snapshot(base, entry["revision"])):
        if folder is not None and (folder / "config.json").is_file():
            return read_shape(folder / "config.json"), ""
    known = FAMILIES[entry["family"]].published[0]
    return PUBLISHED[entry["family"]], f"{name}: {base} is not here yet; it is taken to have the shape of {known}."


def _lines(path: Path) -> int | None:
    """The number of lines of a file, None where it does not exist."""
    if not path.is_file():
        return None
    with open(path, "rb") as file:
        return sum(1 for _ in file)


def problem_count(name: str, entry: dict, results: Path) -> tuple[int, str]:
    """Problems of a benchmark: as prepared, else as its settings say; and a sentence where it had to be assumed."""
    prepared = _lines(results / "benchmarks" / f"{name}.jsonl")
    if prepared is not None:
        return prepared, ""
    count = settled_count(configuration.benchmark_settings(entry))
    if count:
        return count, ""
    return UNKNOWN_PROBLEMS, f"{name}: how many problems it has is not known yet; {UNKNOWN_PROBLEMS} are assumed."


def settled_count(settings: dict) -> int:
    """Problems of a benchmark as its settings say, 0 where they do not."""
    rows, size = settings.get("rows", 0), settings.get("size", 0)
    if settings.get("puzzles") == "d1" and rows == 500:
        rows = 256  # of the 500, those that d1 drew
    return min(filter(None, (rows, size)), default=0)


def example_count(name: str, entry: dict, results: Path) -> tuple[int, str]:
    """Examples of a corpus, held-out ones included: as prepared, else as its settings say; and a sentence as above."""
    prepared = _lines(results / "corpora" / f"{name}.jsonl")
    if prepared is not None:
        return prepared, ""
    settings = configuration.corpus_settings(entry)
    rows = settings.get("size") or settings.get("rows")
    path = Path(settings.get("path", ""))
    rows = rows or (path.suffix == ".jsonl" and _lines(path))
    if rows:
        return rows, ""
    rows = max(UNKNOWN_EXAMPLES.get(entry["source"], 1000), entry["held_out"] + 1)
    return rows, f"{name}: how many examples it has is not known yet; {rows:,} are assumed."


def prompt_tokens(source: str, assumed: Assumptions) -> int:
    """Mean tokens of a benchmark's prompts."""
    return assumed.prompt_tokens or (MINIATURE_PROMPT if source.startswith("mini-") else OTHER_PROMPT)


def _corpora(config: dict, results: Path, assumed: Assumptions, notes: list[str]) -> dict[str, Corpus]:
    found = {}
    for name, entry in config["corpora"].items():
        rows, note = example_count(name, entry, results)
        usual = EXAMPLE_TOKENS.get(entry["source"], OTHER_EXAMPLE_TOKENS)
        prompt, response = assumed.prompt_tokens or usual[0], assumed.response_tokens or usual[1]
        notes += [note, f"{name}: {prompt:,} tokens of prompt and {response:,} of response an example, on average."]
        found[name] = Corpus(rows, min(entry["held_out"], max(0, rows - 1)), prompt, response)
    return found


def _tasks(config: dict, results: Path, assumed: Assumptions, notes: list[str]) -> list[Task]:
    found, lengths = [], {}
    for name, entry in config["benchmarks"].items():
        count, note = problem_count(name, entry, results)
        prompt = prompt_tokens(entry["source"], assumed)
        notes.append(note)
        lengths.setdefault(prompt, []).append(name)
        for decoder in configuration.benchmark_decoders(config, name).values():
            found.append(Task(count * entry["samples"], prompt, decoder))
    for prompt, names in lengths.items():
        notes.append(f"{', '.join(names)}: {prompt} tokens a prompt, on average; no answer ends early.")
    return found


def _by_dtype(dtype: str, network: float, adapter: float) -> dict[str, float]:
    """Operations of training by dtype: the adapter's are in fp32 whatever the network's are in."""
    flops = {dtype: network}
    flops["float32"] = flops.get("float32", 0) + adapter
    return {name: count for name, count in flops.items() if count}


def _held(device: str, needed: float, weights: float) -> dict[str, float]:
    """GPU and main memory of a job whose tensors take `needed` bytes; weights: those of its checkpoint."""
    if device == "cuda":
        return {"gpu_memory": CUDA_CONTEXT + needed, "memory": CUDA_LIBRARIES + min(weights, SHARD)}
    return {"memory": LIBRARIES + needed}


def _data_parts(config: dict, corpora: dict[str, Corpus], results: Path) -> list[Part]:
    text = {name: 4 * c.rows * (2 * c.prompt + c.response) for name, c in corpora.items()}  # four characters a token
    files = [Files("results", size, (results / "corpora" / f"{name}.jsonl",)) for name, size in text.items()]
    reading = LIBRARIES + 4 * max(text.values())
    parts = [Part("data", "-", "corpora", len(corpora), memory=reading, files=tuple(files))]
    tokens = max(c.rows * (c.prompt + c.response) for c in corpora.values())
    for model in config["models"]:
        files = [
            Files("results", tokenised_disk(c.rows, c.prompt, c.response), (results / "data" / model / name,))
            for name, c in corpora.items()
        ]
        memory = LIBRARIES + 36 * tokens  # of a token in a Python list
        parts.append(Part("data", model, "tokenised corpora", len(corpora), memory=memory, files=tuple(files)))
    parts.append(Part("data", "-", "benchmarks", len(config["benchmarks"])))
    return [*parts, Part("data", "-", "report", 1, memory=reading)]


def _model_part(name: str, entry: dict, device: str, shape: Shape, results: Path) -> Part:
    base, folder = entry["base"], results / "models" / name
    if configuration.hub_model(entry):
        snapshot = hub_snapshot(base, entry["revision"])
        present = sum(path.stat().st_size for path in snapshot.glob("*.safetensors")) if snapshot else 0
        size = BYTES["bfloat16"] * parameters(shape)  # as both are published
        return Part("models", name, base, 1, files=(Files("hub", size, (folder,), present),))
    if base not in configuration.OWN_BASES:
        return Part("models", name, base, 0)
    files = (Files("results", 4 * parameters(shape), (folder,)),)
    if base == "shipped":
        return Part("models", name, base, 1, files=files)
    recipe, length = entry["training"], 65  # prompt and filled response of the miniature's tasks, on average
    rows = recipe["batch_size"] * (recipe["steps"] + recipe.get("then", {"steps": 0})["steps"])
    network, _ = training_flops(shape, None, Selected(1, 0.5, 0, 0), length, 50)
    flops = {"float32": rows * network} if device == "cpu" else {}  # it is trained on the CPU
    needed = training_bytes(shape, "float32", None, recipe["batch_size"], length, masked_attention=True)
    return Part("models", name, base, 1, flops, memory=LIBRARIES + needed, files=files)


def _statistics_parts(config: dict, name: str, shape: Shape, corpus: Corpus, results: Path) -> list[Part]:
    settings, dtype, limit = config["statistics"], config["models"][name]["dtype"], config["training"]["max_length"]
    length, levels = min(limit, corpus.prompt + corpus.response), settings["levels"]
    masked = max(0, length - corpus.prompt) * sum(levels)
    sequences = settings["passes"] * (corpus.rows - corpus.held_out)
    flops = {dtype: sequences * forward_flops(shape, len(levels) * length, length, masked)}
    needed = statistics_bytes(shape, dtype, settings["batch_size"], limit, len(levels))
    held = _held(config["device"], needed, BYTES[dtype] * parameters(shape))
    path, shards = results / "statistics" / f"{name}-{settings['corpus']}.parquet", config["shards"]
    sums = (2 * shards if shards > 1 else 1) * sums_bytes(shape, len(levels))  # kept, and handed on by a shard
    files = (Files("results", 60 * shape.vocabulary * len(levels) + sums, (path,)),)  # about 60 bytes a row
    parts = [Part("statistics", name, settings["corpus"], shards, flops, **held, files=files)]
    if shards > 1:
        memory = LIBRARIES + 2 * sums_bytes(shape, len(levels))
        parts.append(Part("statistics", name, f"{settings['corpus']}, gathered", 1, memory=memory))
    return parts


def _training_part(
    config: dict, name: str, method: str, shape: Shape, corpora: dict[str, Corpus], results: Path, notes: list[str]
) -> Part:
    entry, training = config["methods"][method], configuration.method_training(config, method)
    lora, limit, corpus = training["lora"], training["max_length"], corpora[training["corpus"]]
    dtype = config["models"][name]["dtype"] if lora else "float32"
    take = selected(entry["objective"], configuration.method_settings(entry))
    if take is None:
        take = selected("vanilla", {})
        notes.append(f"{method}: what the objective {entry['objective']} costs is not known; taken as vanilla's.")
    length, devices, checkpointing = limit, training["devices"], training["activation_checkpointing"]
    if devices > 1:
        kind = "GPUs" if config["device"] == "cuda" else "processes"
        notes.append(f"{method}: a run takes {devices} {kind} at a time.")
    if training["padding"] == "batch" or not training["score_padding"]:
        length = min(limit, corpus.prompt + corpus.response)
        notes.append(f"{method}: batches are taken to be as long as a mean example, though the longest decides.")
    content = min(corpus.response, max(0, length - corpus.prompt))
    response = max(0, length - corpus.prompt) if training["score_padding"] else content
    steps = training_steps(training["epochs"], corpus.rows - corpus.held_out, training["batch_size"])
    sequences = steps * training["batch_size"]
    checked = evaluations(steps, training["eval_steps"]) * corpus.held_out
    # GIFT masks no padding
    scored = content if entry["objective"] == "gift" else response
    one = training_flops(shape, lora, take, length, scored, checkpointing)
    network = sequences * one[0] + checked * forward_flops(shape, length, length, response / 2)
    adapter = sequences * one[1] + checked * adapter_flops(shape, lora, length)
    needed = training_bytes(
        shape,
        dtype,
        lora,
        training["micro_batch_size"],
        limit,
        masked_attention=not training["score_padding"],
        views=2 if take.views > 1 else 1,
        checkpointing=checkpointing,
        devices=devices,
    )
    seeds = config["seeds"]
    held = _held(config["device"], needed, BYTES[dtype] * parameters(shape))
    held["memory"] *= devices
    flops = _by_dtype(dtype, len(seeds) * network, len(seeds) * adapter)
    runs = [results / "runs" / name / method / f"seed{seed}" for seed in seeds]
    files = tuple(Files("results", 2 * adapter_disk(shape, lora)[0], (run,)) for run in runs)  # best and last
    return Part("finetune", name, method, len(seeds), flops, **held, files=files)


def _unfinished_part(config: dict, shapes: dict[str, Shape], trained: list[Part], gpus: int) -> Part:
    """Disk of the runs that are going on, at the worst time: checkpoints, and the best weights so far."""
    sizes = [adapter_disk(shape, lora) for shape in shapes.values() for lora in _adapters(config).values()]
    largest = max(CHECKPOINTS * checkpoint + weights for weights, checkpoint in sizes)
    fewest = min(configuration.method_training(config, method)["devices"] for method in config["methods"])
    at_a_time = min(max(1, gpus // fewest), sum(part.jobs for part in trained))
    runs = tuple(path for part in trained for files in part.files for path in files.paths)
    files = (Files("results", at_a_time * largest, runs),)
    return Part("finetune", "-", f"unfinished runs, {at_a_time} at a time", 0, memory=0, files=files)


def _adapters(config: dict) -> dict[str, dict | None]:
    """The LoRA settings of every method."""
    return {method: configuration.method_training(config, method)["lora"] for method in config["methods"]}


def _base_parts(config: dict, name: str, shape: Shape, tasks: list[Task], results: Path) -> list[Part]:
    """The untrained model answers once; with the further seeds, what is drawn at random."""
    first, *further = config["seeds"]
    parts = _decoding_parts(config, name, "base", None, shape, tasks, results, [first])
    sampled = [task for task in tasks if task.decoder["temperature"]]
    if sampled and further:
        unshared = config | {"shards": 1}
        (again,) = _decoding_parts(unshared, name, "base", None, shape, sampled, results, further)
        parts.append(replace(again, what="base, further seeds"))
    return parts


def _decoding_parts(
    config: dict,
    name: str,
    method: str,
    lora: dict | None,
    shape: Shape,
    tasks: list[Task],
    results: Path,
    seeds: list[int],
) -> list[Part]:
    dtype = config["models"][name]["dtype"]
    apart = None if dtype == "float32" else lora  # in fp32 the adapter is merged
    costs = [(task.answers, *decoding_flops(shape, apart, task.prompt, task.decoder)) for task in tasks]
    network, adapter = (len(seeds) * sum(cost[0] * cost[part] for cost in costs) for part in (1, 2))
    needed = max((decoding_bytes(shape, dtype, lora, task.prompt, task.decoder) for task in tasks), default=0)
    held = _held(config["device"], needed, BYTES[dtype] * parameters(shape))
    # text of four characters a token, and the rest of a line; in the results and in the answers' store
    size = 2 * sum(task.answers * (4 * task.decoder["gen_length"] + 100) for task in tasks)
    folder = results / "generations" / name / method
    files = tuple(Files("results", size, (folder / f"seed{seed}" / "run.json",)) for seed in seeds)
    count, shards = len(seeds), config["shards"]
    parts = [Part("decode", name, method, count * shards, {dtype: network + adapter}, **held, files=files)]
    if shards > 1:
        parts.append(Part("decode", name, f"{method}, gathered", count, memory=LIBRARIES))
    return parts


def plan(config: dict, results: Path, assumed: Assumptions | None = None) -> Plan:
    """The cost of a resolved config. results: the folder of this experiment's results; what is there is counted.

    Raises InputError where the shape of a model cannot be read.
    """
    assumed, notes, shapes = assumed or Assumptions(), [], {}
    for name, entry in config["models"].items():
        shapes[name], note = model_shape(name, entry, results)
        notes.append(note)
    corpora = _corpora(config, results, assumed, notes)
    tasks = _tasks(config, results, assumed, notes)
    studied = corpora[config["statistics"]["corpus"]]
    parts = _data_parts(config, corpora, results)
    parts += [_model_part(n, config["models"][n], config["device"], shape, results) for n, shape in shapes.items()]
    for name, shape in shapes.items():
        parts += _statistics_parts(config, name, shape, studied, results)
    trained = [
        _training_part(config, name, method, shape, corpora, results, notes)
        for name, shape in shapes.items()
        for method in configuration.trained_methods(config)
    ]
    parts += [*trained, _unfinished_part(config, shapes, trained, assumed.gpus)]
    parts += [
        part
        for name, shape in shapes.items()
        for part in (
            *_base_parts(config, name, shape, tasks, results),
            *(
                part
                for method, lora in _adapters(config).items()
                for part in _decoding_parts(config, name, method, lora, shape, tasks, results, config["seeds"])
            ),
        )
    ]
    sampled = any(task.decoder["temperature"] for task in tasks)
    of_base = len(config["seeds"]) if sampled else 1
    checkpoints = len(shapes) * (of_base + len(config["methods"]) * len(config["seeds"]))
    guesses = any(
        describe(entry["source"], configuration.benchmark_settings(entry))["guesses"]
        for entry in config["benchmarks"].values()
    )
    parts += [Part("decode", "none", "guesses", 1)] if guesses else []
    parts += [Part("grade", "-", "answers", checkpoints + guesses), Part("results", "-", "tables, figures, page", 8)]
    rate = rates(config["device"], config["threads"], assumed)
    parts = [replace(part, hours=_hours(part.flops, rate, assumed.utilisation)) for part in parts]
    peaks = " and ".join(f"{rate[dtype] / 1e12:g} in {dtype}" for dtype in ("bfloat16", "float32"))
    notes.append(f"The processor's peak is {peaks}, in TFLOP/s; {assumed.utilisation:.0%} of them are used.")
    return Plan(tuple(parts), tuple(dict.fromkeys(filter(None, notes))))


def _hours(flops: dict[str, float], rate: dict[str, float], utilisation: float) -> float:
    return sum(count / rate[dtype] for dtype, count in flops.items()) / utilisation / 3600


def to_come(made: Plan, place: str) -> float:
    """Bytes that are still to be written in "results" or in the "hub"'s cache."""
    return sum(files.to_come for part in made.parts for files in part.files if files.place == place)


def stage_rows(made: Plan) -> list[dict]:
    """A row a stage, and their total: sums of jobs, hours and disk, the most of memory."""
    groups = {stage: [part for part in made.parts if part.stage == stage] for stage in STAGES}
    return [
        {
            "stage": stage,
            "jobs": sum(part.jobs for part in parts),
            "hours": sum(part.hours for part in parts),
            "gpu_memory": max(part.gpu_memory for part in parts),
            "memory": max(part.memory for part in parts),
            "disk": sum(part.disk for part in parts),
        }
        for stage, parts in (*groups.items(), ("total", made.parts))
    ]
