"""Fine-tuning: a transformers Trainer around an objective.

Three things differ from the Trainer's own ways, so that a result depends on nothing but the settings and the seed:
examples and their random draws are addressed by their place in the training stream; what a global batch trains on is
settled before its first gradient, so that every loss is divided by the denominator of the whole global batch, over all
processes; and only what is trained is saved.
"""

import json
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import datasets
import peft
import torch
from torch.utils.data import Sampler, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import is_torch_tf32_available

from lift import checksums, noise
from lift.data.examples import with_response
from lift.errors import InputError
from lift.finetune import interruption
from lift.finetune.measures import (
    LEVEL_BINS,
    bin_means,
    count_kept,
    held_out_loss,
    level_bins,
    over_processes,
    token_bins,
)
from lift.finetune.objectives import Selection, loss_sum
from lift.finetune.settings import Settings
from lift.finetune.stream import ByLength, Stream, collate, common_width, to_device
from lift.models import adapters, checkpoint
from lift.models.forward_process import Batch, Draws
from lift.models.predictor import MaskPredictor
from lift.statistics.bins import BINS

_NOT_FINITE = "Training stops here; a lower training.learning_rate or max_grad_norm may help, or float32."


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
        self.sums: dict[str, torch.Tensor] | None = None
        self.interruption = interruption.Interruption(self)
        self.add_callback(self.interruption)

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
        loss, losses, kept = loss_sum(model, selection)
        if not torch.isfinite(loss):
            found = f"update {self.state.global_step + 1}: the loss is {loss.item()}"
            raise InputError(f"{found}, of the training examples {inputs['places']}. {_NOT_FINITE}")
        self.bins += level_bins(selection.level, losses, kept)
        for name, count in selection.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count.cpu()
        self.kept_tokens += count_kept(selection, kept, self.token_bins)
        return loss * self.accelerator.num_processes / num_items_in_batch  # gradients are averaged over processes

    def log(self, logs, start_time=None) -> None:
        if "loss" in logs:
            bins, kept = (over_processes(self.accelerator, x).sum(0) for x in (self.bins, self.kept_tokens))
            logs |= bin_means("ce", bins) | {"masked_tokens": int(bins[1].sum()), "kept_tokens": kept.tolist()}
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
                self._keep_best()
        metrics = {"eval_loss": loss} | bin_means("eval_ce", bins)
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _keep_best(self) -> None:
        """Write the weights beside the best so far, and then in their place: whenever this ends, some are whole."""
        partial = self.best.with_name("partial")
        shutil.rmtree(partial, ignore_errors=True)
        self.write(partial)
        checksums.record_file(self.best.parent, self.best).unlink(missing_ok=True)
        shutil.rmtree(self.best, ignore_errors=True)
        partial.rename(self.best)
        checksums.record(self.best.parent, [self.best])

    def _save(self, output_dir=None, state_dict=None) -> None:
        self.write(Path(output_dir))

    def _save_checkpoint(self, model, trial) -> None:
        """Also what is summed up for the next line of the log: a checkpoint may lie between two."""
        started = time.monotonic()
        folder = Path(self.args.output_dir, f"checkpoint-{self.state.global_step}")
        sums = {"bins": self.bins, "kept_tokens": self.kept_tokens, "loss": self._tr_loss}
        sums |= {"logged": torch.tensor(self._globalstep_last_logged)}
        sums |= {f"counts.{name}": count for name, count in self.counts.items()}
        interruption.keep(interruption.since_log(folder, self.args.process_index), sums)
        self.accelerator.wait_for_everyone()
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()  # each process has a file of its own there
        if self.is_world_process_zero():
            checksums.record(folder.parent, [folder])
        self.interruption.saved = time.monotonic()
        self.interruption.took = self.interruption.saved - started

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None) -> None:
        self.read(Path(resume_from_checkpoint))
        self.sums = interruption.kept(interruption.since_log(resume_from_checkpoint, self.args.process_index))

    def go_on(self) -> None:
        """Take up the sums of the checkpoint that training goes on from, if there is one."""
        if self.sums is None:
            return
        self.bins, self.kept_tokens = self.sums.pop("bins"), self.sums.pop("kept_tokens")
        self._tr_loss += self.sums.pop("loss").to(self._tr_loss.device)
        self._globalstep_last_logged = int(self.sums.pop("logged"))
        self.counts = {name.removeprefix("counts."): count for name, count in self.sums.items()}


def checkpoint_activations(model: MaskPredictor, wanted: bool) -> None:
    """Keep only what goes into each layer for the backward pass, and compute the rest again there, dropout included."""
    if wanted:
        model.network.activation_checkpointing_enable({"use_reentrant": False})


def remove_cut_off(resume: Path) -> None:
    """Remove checkpoints that cannot be gone on from: cut off with their process, or changed since.

    Raises InputError where the best weights so far were changed: only a run from the start finds them again.
    """
    for folder in resume.glob("checkpoint-*"):
        changed = checksums.fault(folder)
        if changed or not checksums.record_of(folder):  # it is written last
            said = f"{changed.path} {changed.what}" if changed else f"{folder} was cut off"
            print(f"{said}: it is not gone on from", flush=True)
            shutil.rmtree(folder)
    checksums.check(resume / "best", remove=resume)


def finetune(
    model: MaskPredictor,
    family: str,
    corpus: datasets.DatasetDict,
    select: Callable[[MaskPredictor, Batch, Draws], Selection],
    settings: Settings,
    seed: int,
    output: Path,
    resume: Path,
    source: tuple[str | None, str | None] = (None, None),
) -> dict:
    """Fine-tune on corpus["train"] and write `output`/best, `output`/last and `output`/log.jsonl.

    Checkpoints lie in `resume` until the end; a run that finds some there goes on from the last. SIGTERM ends the
    process with exit code 143, after the update at hand and a checkpoint. Of the settings.devices processes, which all
    call this, the first writes. source: hub id and commit of the model, which an adapter names. Returns facts for the
    run record.

    Examples that the cut at max_length leaves without a response are left out. Raises InputError where none remains, or
    where a loss is not finite.
    """
    kept = {name: with_response(corpus[name], name, settings.max_length) for name in ("train", "held_out")}
    corpus = {name: split for name, (split, _) in kept.items()}
    left_out = {name: count for name, (_, count) in kept.items()}
    if any(left_out.values()):
        print(f"without a response within max_length, and left out: {left_out}", flush=True)
    steps = settings.updates(len(corpus["train"]))
    if settings.lora is None:
        adapted = None
        model.network.requires_grad_(True)
    else:
        adapted = adapters.attach(model, settings.lora, seed, source)
    checkpoint_activations(model, settings.activation_checkpointing)

    def write(folder: Path) -> None:
        if adapted is None:
            checkpoint.save(model, family, folder)
        else:
            adapted.save_pretrained(str(folder), save_embedding_layers=False)

    def read(folder: Path) -> None:
        if adapted is None:
            model.network.load_state_dict(checkpoint.load(folder, family=family).network.state_dict())
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
        # an adapter is in fp32 beside a bfloat16 network; where all is fp32, products are
        tf32=model.network.dtype == torch.bfloat16 if is_torch_tf32_available() else None,
        ddp_find_unused_parameters=False,
        ddp_broadcast_buffers=False,
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # several visible GPUs would change the batch and the number of updates
    if arguments.world_size != settings.devices:
        raise InputError(f"Training runs in {arguments.world_size} process(es), but devices is {settings.devices}.")
    with arguments.main_process_first(local=False):
        resume.mkdir(parents=True, exist_ok=True)
        remove_cut_off(resume)
    last = get_last_checkpoint(str(resume))
    arguments.eval_on_start = last is None
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
    with trainer.interruption as interrupted:
        trainer.train(resume_from_checkpoint=last)
        trainer.accelerator.wait_for_everyone()
        interrupted.leave(trainer.is_world_process_zero())
    history = trainer.state.log_history
    if trainer.is_world_process_zero():
        output.mkdir(parents=True, exist_ok=True)
        checksums.check(resume / "best", remove=resume)
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
