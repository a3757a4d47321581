"""Fine-tuning: a transformers Trainer around an objective.

Three things differ from the Trainer's own ways, so that a result depends on nothing but the settings and the seed:
examples and their random draws are addressed by their place in the training stream; what a global batch trains on is
settled before its first gradient, so that every loss is divided by the denominator of the whole global batch, over all
processes; and only what is trained is saved.
"""

import json
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import datasets
import numpy as np
import peft
import torch
from accelerate import Accelerator
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from lift import adapters, models, noise
from lift.errors import InputError
from lift.examples import with_response
from lift.forward_process import Batch, Draws, mask_response, masking_probability
from lift.frequency_bins import BINS, frequency_bin
from lift.models import MaskPredictor
from lift.objectives import Selection, loss_sum

_NOT_FINITE = "Training stops here; a lower training.learning_rate or max_grad_norm may help, or float32."
LEVEL_BINS = 6  # of the masking level, for the log: LIFT changes its component at 1/2, or at 1/3 and 2/3


@dataclass(frozen=True)
class Settings:
    """Of one fine-tuning run; see config/README.md for each."""

    epochs: float
    batch_size: int
    micro_batch_size: int
    devices: int
    learning_rate: float
    weight_decay: float
    max_grad_norm: float
    warmup_steps: int
    eval_steps: int
    max_length: int
    padding: str  # "max_length" or "batch", where padding is scored
    score_padding: bool
    activation_checkpointing: bool
    lora: dict | None  # r, alpha, dropout, target_modules; None for full fine-tuning


class Stream(Dataset):
    """The examples in the order of training: epoch after epoch, each shuffled by its own address.

    Item k is {"example", "place", "address"}: place is the example's in the corpus. It is the same whatever the batch
    size or the number of devices.
    """

    def __init__(self, corpus: datasets.Dataset, length: int, seed: int) -> None:
        self.corpus, self.length, self.seed = corpus, length, seed
        self._order = lru_cache(maxsize=1)(self._shuffled)

    def __len__(self) -> int:
        return self.length

    def _shuffled(self, epoch: int) -> torch.Tensor:
        keys = torch.tensor([noise.key(self.seed, "shuffle", epoch)])
        return noise.uniform(keys, len(self.corpus))[0].argsort()

    def __getitem__(self, k: int) -> dict:
        epoch, place = divmod(k, len(self.corpus))
        chosen = int(self._order(epoch)[place])
        return {"example": self.corpus[chosen], "place": chosen, "address": noise.key(self.seed, "train", k)}


class ByLength(Sampler[int]):
    """The places of a stream, in each global batch the longest example first, so that micro-batches hold few pads."""

    def __init__(self, stream: Stream, batch_size: int) -> None:
        self.stream, self.batch_size = stream, batch_size

    def __len__(self) -> int:
        return len(self.stream)

    def __iter__(self) -> Iterator[int]:
        for start in range(0, len(self.stream), self.batch_size):
            batch = range(start, min(start + self.batch_size, len(self.stream)))
            yield from sorted(batch, key=lambda k: len(self.stream[k]["example"]["input_ids"]), reverse=True)


def common_width(examples: list[dict], settings: Settings) -> int:
    """The length that examples are padded to, which are all that may share a width: see ObjectiveTrainer."""
    if settings.score_padding and settings.padding == "max_length":
        return settings.max_length
    return max(min(len(example["input_ids"]), settings.max_length) for example in examples)


def collate(examples: list[dict], pad_id: int, settings: Settings, width: int) -> Batch:
    """Examples with input_ids and prompt_length -> a batch, cut to max_length and padded to `width`."""
    rows = [example["input_ids"][: settings.max_length] for example in examples]
    return Batch(
        input_ids=torch.tensor([row + [pad_id] * (width - len(row)) for row in rows]),
        prompt_length=torch.tensor([example["prompt_length"] for example in examples]),
        length=torch.tensor([len(row) for row in rows]),
        score_padding=settings.score_padding,
    )


def _level_bin(level: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """(N,) the bin of the masking level of each kept position."""
    return (level[kept.nonzero()[:, 0]] * LEVEL_BINS).long().clamp(max=LEVEL_BINS - 1)


def token_bins(corpus: datasets.Dataset, max_length: int, vocabulary: int, pad_id: int) -> torch.Tensor:
    """(vocabulary,) the bin of frequency of each token in the responses; the end token, which also pads, has one of its
    own, BINS."""
    counts = np.zeros(vocabulary, dtype=np.int64)
    for row in corpus:
        counts += np.bincount(row["input_ids"][row["prompt_length"] : max_length], minlength=vocabulary)
    bins = frequency_bin(counts, counts.sum())
    bins[pad_id] = BINS
    return torch.from_numpy(bins)


def count_kept(selection: Selection, bins: torch.Tensor) -> torch.Tensor:
    """(LEVEL_BINS, BINS + 1): the kept tokens by masking level and by `token_bins`."""
    place = _level_bin(selection.level, selection.kept) * (BINS + 1) + bins[selection.clean[selection.kept]]
    return torch.bincount(place, minlength=LEVEL_BINS * (BINS + 1)).view(LEVEL_BINS, BINS + 1).cpu()


def level_bins(level: torch.Tensor, losses: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """(2, LEVEL_BINS): sum and count of the losses (N,) of the kept positions (B, L), by their row's level (B,)."""
    index = _level_bin(level, kept)
    sums = torch.zeros(2, LEVEL_BINS, dtype=torch.float64, device=losses.device)
    sums[0].index_add_(0, index, losses.double())
    sums[1].index_add_(0, index, torch.ones_like(losses, dtype=torch.float64))
    return sums.cpu()


def _bin_means(prefix: str, sums: torch.Tensor) -> dict[str, float]:
    """Mean cross-entropy by level, for the log; a bin without tokens is left out."""
    return {
        f"{prefix}_level_{i / LEVEL_BINS:.2f}": round((sums[0, i] / sums[1, i]).item(), 6)
        for i in range(LEVEL_BINS)
        if sums[1, i] > 0
    }


def over_processes(accelerator: Accelerator | None, tensor: torch.Tensor) -> torch.Tensor:
    """(P, ...) the tensors of all processes, on the CPU, equal on each of them."""
    if accelerator is None:
        return tensor[None].cpu()
    return accelerator.gather(tensor.to(accelerator.device)[None]).cpu()


@torch.no_grad()
def held_out_loss(
    model: MaskPredictor, held_out: datasets.Dataset, settings: Settings, accelerator: Accelerator | None = None
) -> tuple[float, torch.Tensor]:
    """The vanilla loss on the held-out examples, and its parts by level (2, LEVEL_BINS): the same for every method.

    Example i of n is masked at level (i + 0.5) / n, with a mask that never changes. The processes of `accelerator`
    share the examples.
    """
    sums = torch.zeros(2, 1 + LEVEL_BINS, dtype=torch.float64)  # loss and denominator, then those of each level
    examples, n, size = list(held_out), len(held_out), settings.micro_batch_size
    widest = common_width(examples, settings)
    order = range(n) if settings.score_padding else sorted(range(n), key=lambda i: -len(examples[i]["input_ids"]))
    parts = [order[start : start + size] for start in range(0, n, size)]
    for indices in parts if accelerator is None else parts[accelerator.process_index :: accelerator.num_processes]:
        chosen = [examples[i] for i in indices]
        width = widest if settings.score_padding else common_width(chosen, settings)
        batch = to_device(collate(chosen, model.pad_id, settings, width), model.device)
        t = torch.tensor([(i + 0.5) / n for i in indices], device=model.device)
        level = masking_probability(t)
        keys = torch.tensor([noise.key("held-out", i) for i in indices], device=model.device)
        masked = mask_response(batch, level, noise.uniform(keys, batch.input_ids.shape[1]))
        noisy = batch.input_ids.masked_fill(masked, model.mask_id)
        losses = model(noisy, masked, batch.input_ids, batch.real)
        sums[0, 0] += (losses / level[masked.nonzero()[:, 0]]).double().sum().cpu()
        sums[1, 0] += batch.response.sum().cpu()
        sums[:, 1:] += level_bins(level, losses, masked)
    sums = over_processes(accelerator, sums).sum(0)
    return (sums[0, 0] / sums[1, 0]).item(), sums[:, 1:]


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on a device."""
    tensors = (batch.input_ids, batch.prompt_length, batch.length)
    return Batch(*(tensor.to(device) for tensor in tensors), score_padding=batch.score_padding)


class _LogLastStep(TrainerCallback):
    """Logs and evaluates at the end too, where it is between two evaluations."""

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step >= state.max_steps:
            control.should_log = control.should_evaluate = True
        return control


class ObjectiveTrainer(Trainer):
    """Trains a MaskPredictor on what an objective selects.

    Where padding is scored, a global batch has one width, so that its cut in micro-batches changes nothing; where it is
    invisible, every micro-batch is as wide as its own longest example.
    """

    def __init__(
        self,
        model: MaskPredictor,
        args: TrainingArguments,
        *,
        select: Callable[[MaskPredictor, Batch, Draws], Selection],
        stream: Stream,
        held_out: datasets.Dataset,
        settings: Settings,
        write: Callable[[Path], None],
        read: Callable[[Path], None],
        best: Path,
    ) -> None:
        super().__init__(model=model, args=args, train_dataset=stream, eval_dataset=held_out, data_collator=list)
        self.model_accepts_loss_kwargs = True  # our loss is already divided over the global batch
        self.predictor, self.select, self.held_out, self.settings = model, select, held_out, settings
        self.write, self.read, self.best = write, read, best
        self.bins = torch.zeros(2, LEVEL_BINS, dtype=torch.float64)
        self.counts: dict[str, torch.Tensor] = {}
        self.token_bins = token_bins(
            stream.corpus, settings.max_length, model.network.config.vocab_size, model.pad_id
        ).to(model.device)
        self.kept_tokens = torch.zeros(LEVEL_BINS, BINS + 1, dtype=torch.long)

    def _get_train_sampler(self, train_dataset=None) -> Sampler:
        if self.settings.score_padding:
            return SequentialSampler(self.train_dataset)  # the stream is shuffled already
        return ByLength(self.train_dataset, self.settings.batch_size)

    def get_batch_samples(self, epoch_iterator, num_batches, device):
        """This process' micro-batches of one update, as selections, and the denominator of the global batch."""
        # 1. take the examples
        samples, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        # 2. settle what is masked, kept and weighted
        selections = []
        self.predictor.train()
        widths = [common_width([item["example"] for item in items], self.settings) for items in samples]
        if self.settings.score_padding:
            widest = over_processes(self.accelerator, torch.tensor(max(widths))).max().item()
            widths = [widest] * len(widths)
        for items, width in zip(samples, widths, strict=True):
            examples = [item["example"] for item in items]
            batch = to_device(collate(examples, self.predictor.pad_id, self.settings, width), device)
            keys = torch.tensor([item["address"] for item in items], device=device)
            torch.manual_seed(noise.key(items[0]["address"], "selection"))
            with torch.no_grad():
                selection = self.select(self.predictor, batch, Draws.at(keys, width))
            places = [item["place"] for item in items]
            selections.append({"selection": selection, "address": items[0]["address"], "places": places})
        # 3. count over all micro-batches and processes
        denominator = sum(s["selection"].denominator for s in selections)
        return selections, self.accelerator.reduce(denominator.to(device)).clamp(min=1)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """This micro-batch's share of the loss of the global batch."""
        selection = inputs["selection"]
        torch.manual_seed(noise.key(inputs["address"], "dropout"))
        loss, losses = loss_sum(model, selection)
        if not torch.isfinite(loss):
            found = f"update {self.state.global_step + 1}: the loss is {loss.item()}"
            raise InputError(f"{found}, of the training examples {inputs['places']}. {_NOT_FINITE}")
        self.bins += level_bins(selection.level, losses, selection.kept)
        for name, count in selection.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count.cpu()
        self.kept_tokens += count_kept(selection, self.token_bins)
        return loss * self.accelerator.num_processes / num_items_in_batch  # gradients are averaged over processes

    def log(self, logs, start_time=None) -> None:
        if "loss" in logs:
            bins, kept = (over_processes(self.accelerator, x).sum(0) for x in (self.bins, self.kept_tokens))
            logs |= _bin_means("ce", bins) | {"masked_tokens": int(bins[1].sum()), "kept_tokens": kept.tolist()}
            logs |= {name: int(over_processes(self.accelerator, n).sum()) for name, n in self.counts.items()}
            for x in (self.bins, self.kept_tokens, *self.counts.values()):
                x.zero_()
        super().log(logs, start_time)

    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix="eval") -> dict[str, float]:
        """The held-out loss; the weights are kept where it is the lowest so far."""
        self.predictor.eval()
        loss, bins = held_out_loss(self.predictor, self.held_out, self.settings, self.accelerator)
        if not math.isfinite(loss):
            raise InputError(f"after update {self.state.global_step}: the held-out loss is {loss}. {_NOT_FINITE}")
        if self.state.best_metric is None or loss < self.state.best_metric:
            self.state.best_metric, self.state.best_global_step = loss, self.state.global_step
            if self.is_world_process_zero():
                self.write(self.best)
        metrics = {"eval_loss": loss} | _bin_means("eval_ce", bins)
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save(self, output_dir=None, state_dict=None) -> None:
        self.write(Path(output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None) -> None:
        self.read(Path(resume_from_checkpoint))


def checkpoint_activations(model: MaskPredictor, wanted: bool) -> None:
    """Keep only what goes into each layer for the backward pass, and compute the rest again there, dropout included."""
    if wanted:
        model.network.activation_checkpointing_enable({"use_reentrant": False})


def remove_cut_off(resume: Path) -> None:
    """Remove checkpoints that cannot be gone on from, since their process ended while it wrote them."""
    for folder in resume.glob("checkpoint-*"):
        try:
            json.loads((folder / "trainer_state.json").read_text())
        except (OSError, ValueError):
            shutil.rmtree(folder)


def finetune(
    model: MaskPredictor,
    family: str,
    corpus: datasets.DatasetDict,
    select: Callable[[MaskPredictor, Batch, Draws], Selection],
    settings: Settings,
    seed: int,
    output: Path,
    resume: Path,
) -> dict:
    """Fine-tune on corpus["train"] and write `output`/best, `output`/last and `output`/log.jsonl.

    Checkpoints lie in `resume` until the end; a run that finds some there goes on from the last. Of the
    settings.devices processes, which all call this, the first writes. Returns facts for the run record.

    Examples that the cut at max_length leaves without a response are left out. Raises InputError where none remains, or
    where a loss is not finite.
    """
    kept = {name: with_response(corpus[name], name, settings.max_length) for name in ("train", "held_out")}
    corpus = {name: split for name, (split, _) in kept.items()}
    left_out = {name: count for name, (_, count) in kept.items()}
    if any(left_out.values()):
        print(f"without a response within max_length, and left out: {left_out}", flush=True)
    steps = max(1, round(settings.epochs * len(corpus["train"]) / settings.batch_size))
    if settings.lora is None:
        adapted = None
        model.network.requires_grad_(True)
    else:
        adapted = adapters.attach(model, settings.lora, seed)
    checkpoint_activations(model, settings.activation_checkpointing)

    def write(folder: Path) -> None:
        if adapted is None:
            models.save(model, family, folder)
        else:
            adapted.save_pretrained(str(folder), save_embedding_layers=False)

    def read(folder: Path) -> None:
        if adapted is None:
            model.network.load_state_dict(models.load(folder).network.state_dict())
        else:
            peft.set_peft_model_state_dict(adapted, peft.load_peft_weights(str(folder), device="cpu"))

    arguments = TrainingArguments(
        output_dir=str(resume),
        max_steps=steps,
        per_device_train_batch_size=settings.micro_batch_size,
        gradient_accumulation_steps=settings.batch_size // (settings.micro_batch_size * settings.devices),
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        logging_steps=settings.eval_steps,
        eval_strategy="steps",
        eval_steps=settings.eval_steps,
        save_strategy="steps",
        save_steps=settings.eval_steps,
        save_total_limit=2,
        remove_unused_columns=False,
        report_to="none",
        use_cpu=model.device.type == "cpu",
        seed=noise.key(seed, "trainer") % 2**31,
        logging_nan_inf_filter=False,
        ddp_find_unused_parameters=False,
        ddp_broadcast_buffers=False,
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # several visible GPUs would change the batch and the number of updates
    if arguments.world_size != settings.devices:
        raise InputError(f"Training runs in {arguments.world_size} process(es), but devices is {settings.devices}.")
    with arguments.main_process_first(local=False):
        resume.mkdir(parents=True, exist_ok=True)
        remove_cut_off(resume)
    checkpoint = get_last_checkpoint(str(resume))
    arguments.eval_on_start = checkpoint is None
    trainer = ObjectiveTrainer(
        model,
        arguments,
        select=select,
        stream=Stream(corpus["train"], steps * settings.batch_size, seed),
        held_out=corpus["held_out"],
        settings=settings,
        write=write,
        read=read,
        best=resume / "best",
    )
    trainer.add_callback(_LogLastStep())
    trainer.train(resume_from_checkpoint=checkpoint)
    trainer.accelerator.wait_for_everyone()
    history = trainer.state.log_history
    if trainer.is_world_process_zero():
        output.mkdir(parents=True, exist_ok=True)
        write(output / "last")
        shutil.copytree(resume / "best", output / "best", dirs_exist_ok=True)
        (output / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in history))
    trainer.accelerator.end_training()
    return {
        "devices": settings.devices,
        "examples": {name: len(split) for name, split in corpus.items()},
        "left_out": left_out,
        "masked_tokens": sum(entry.get("masked_tokens", 0) for entry in history),
        "steps": steps,
        "best_step": trainer.state.best_global_step,
        "best_held_out_loss": trainer.state.best_metric,
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
