"""How the miniature's base is made: masked diffusion on freshly generated problems, none of them held out.

A quarter of the examples are drills, steps by themselves. Most problems are of the tasks' lower levels; `upper_share`
of them are of the upper levels, which the corpus teaches. A second round may have another share.

Half of the sequences are masked at random, as masked diffusion has it; the other half as block-wise decoding will mask
them: what comes before a block is visible, what comes after is not, and the loss is taken within the block. The
optimiser is Muon for the matrices inside the layers and AdamW for the rest. Example i of the stream depends on
(seed, i) alone, so that an interrupted run goes on exactly where it stood.
"""

import bisect
import itertools
import json
import random
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from lift import checksums, noise
from lift.miniature import base, drills
from lift.miniature.benchmarks import mini_sudoku
from lift.miniature.language import RESPONSE_LENGTH, write_response
from lift.miniature.muon import Muon
from lift.miniature.sizes import shape
from lift.miniature.tasks import TASKS
from lift.models import checkpoint
from lift.models.predictor import MaskPredictor

TASK_WEIGHTS = dict.fromkeys(TASKS, 1) | {"mini-countdown": 3}  # a search, which takes longest to learn
BLOCK = 16  # tokens that decoding will take at a time
RATE_SHARES = (1.0, 1 / 6)  # of the learning rate, for Muon and for AdamW
DECAY = 0.8  # the learning rate falls linearly to zero over this share of the steps
DRILLS = 0.25  # their share of all examples
PARTS_OF_GRIDS = 0.4  # their share in mini-sudoku
MICRO_BATCH = 16  # sequences at once, those of like length together: less padding, the same gradient


def make_example(seed: int, index: int, upper_share: float) -> tuple[str, str]:
    """Prompt and response number `index` of the pre-training stream.

    Within the upper and within the lower levels, each is as likely as its number says: level 2 twice as likely as 1.
    """
    rng = random.Random(f"pretraining/{seed}/{index}")
    if rng.random() < DRILLS:
        problem = drills.generate(rng)
        return problem.prompt, write_response(problem)
    task = TASKS[rng.choices(list(TASK_WEIGHTS), TASK_WEIGHTS.values())[0]]
    if task is mini_sudoku.TASK and rng.random() < PARTS_OF_GRIDS:
        problem = mini_sudoku.generate_part(rng)
    else:
        levels = (rng.random() < upper_share and task.upper) or task.lower
        problem = task.draw(rng.choices(levels, levels)[0], rng, training=True)
    return problem.prompt, write_response(problem)


def make_batch(tokenizer, seed: int, step: int, batch_size: int, upper_share: float) -> dict[str, torch.Tensor]:
    """input_ids (B, L), response (B, L) bool, real (B, L) bool, block (B, L): number of the block within the response,
    negative before it. Responses are filled with end tokens."""
    examples = [make_example(seed, index, upper_share) for index in range(step * batch_size, (step + 1) * batch_size)]
    chats = [[{"role": "user", "content": prompt}] for prompt, _ in examples]
    starts = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
    prompts = tokenizer(starts, add_special_tokens=False).input_ids
    responses = tokenizer([response for _, response in examples], add_special_tokens=False).input_ids
    # every fourth is filled to the length that decoding sees, the others to the end of their last block: faster
    lengths = [RESPONSE_LENGTH if i % 4 == 0 else BLOCK * -(-(len(r) - 1) // BLOCK) for i, r in enumerate(responses)]
    filled = [r + [tokenizer.eos_token_id] * (1 + n - len(r)) for r, n in zip(responses, lengths, strict=True)]
    rows = [[*p, *r] for p, r in zip(prompts, filled, strict=True)]
    prompt_lengths = [len(prompt) for prompt in prompts]
    length = max(map(len, rows))
    real = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows], dtype=torch.bool)
    input_ids = torch.tensor([row + [tokenizer.eos_token_id] * (length - len(row)) for row in rows])
    offset = torch.arange(length) - torch.tensor(prompt_lengths)[:, None]  # 0 is the opening tag
    return {"input_ids": input_ids, "response": real & (offset >= 0), "real": real, "block": (offset - 1) // BLOCK}


def make_optimizers(network: torch.nn.Module) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the layers' matrices; AdamW for everything else."""
    matrices = [p for name, p in network.named_parameters() if ".layers." in name and p.ndim == 2]
    others = [p for name, p in network.named_parameters() if not (".layers." in name and p.ndim == 2)]
    return [Muon(matrices, weight_decay=0.01), torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0)]


def learning_rate_at(step: int, steps: int, learning_rate: float) -> float:
    """The rate at a step: up over at most 200 steps, then constant, then linearly down to zero."""
    warmup = min(200, max(1, steps // 10))
    return learning_rate * min(1.0, (step + 1) / warmup) * min(1.0, (steps - step) / (DECAY * steps))


def backward(model: MaskPredictor, batch: dict[str, torch.Tensor], keys: torch.Tensor) -> float:
    """The mean cross-entropy of a batch, masked by the keys (B,) of its rows; adds its gradient to the network's."""
    level = (torch.arange(len(keys)) + noise.uniform(keys, 1)[:, 0]) / len(keys)  # (B,), stratified
    masked = batch["response"] & (noise.uniform(noise.subkey(keys, 1), batch["real"].shape[1]) < level[:, None])
    blocks = 1 + (batch["block"] * batch["response"]).amax(1)
    current = (noise.uniform(noise.subkey(keys, 2), 1)[:, 0] * blocks).long()[:, None]
    within, after = batch["block"] == current, batch["response"] & (batch["block"] > current)
    by_block = (noise.uniform(noise.subkey(keys, 3), 1) < 0.5).expand_as(masked)
    scored = torch.where(by_block, masked & within, masked)
    noisy = batch["input_ids"].masked_fill(torch.where(by_block, masked & within | after, masked), model.mask_id)
    lengths, total = batch["real"].sum(1), 0.0
    for rows in lengths.argsort().split(MICRO_BATCH):
        part = rows, slice(int(lengths[rows].max()))
        if scored[part].any():
            loss = model(noisy[part], scored[part], batch["input_ids"][part], batch["real"][part]).sum() / scored.sum()
            loss.backward()
            total += loss.item()
    return total


def _states(optimizers: list[torch.optim.Optimizer]) -> dict[str, torch.Tensor]:
    """The state of the optimisers, by the place of each and of its parameter, for safetensors."""
    return {
        f"{place}/{parameter}/{entry}": value
        for place, optimizer in enumerate(optimizers)
        for parameter, state in optimizer.state_dict()["state"].items()
        for entry, value in state.items()
    }


def _restore(optimizers: list[torch.optim.Optimizer], folder: Path) -> None:
    """The optimisers' state as `_states` gave it."""
    for path, value in load_file(folder / "optimizer.safetensors").items():
        place, parameter, entry = path.split("/")
        optimizer = optimizers[int(place)]
        optimizer.state[optimizer.param_groups[0]["params"][int(parameter)]][entry] = value


def pretrain(
    output: Path,
    resume: Path,
    *,
    family: str = "llada",
    steps: int,
    learning_rate: float,
    upper_share: float,
    batch_size: int,
    then: dict | None = None,
    seed: int = 0,
    save_every: int = 1000,
    **sizes: int,
) -> dict:
    """Train a base from scratch and write it to `output` in its family's layout; progress is kept in `resume`.

    learning_rate: Muon's, at its highest; AdamW takes a sixth. upper_share: of examples from the upper levels. then: a
    second round with other steps, learning_rate and upper_share, whose optimisers start anew. sizes: of the network, as
    of lift.miniature.sizes.shape.

    Returns the run record: settings, loss by step, seconds, tokens.
    """
    rounds = [{"steps": steps, "learning_rate": learning_rate, "upper_share": upper_share}, *([then] if then else [])]
    torch.manual_seed(noise.key("base", seed))
    tokenizer = base.make_tokenizer()
    network_shape = shape(family, **sizes)
    model = base.make_model(tokenizer, family, network_shape)
    network, starts = model.network, [0, *itertools.accumulate(one["steps"] for one in rounds)]
    record = {"step": 0, "seconds": 0.0, "tokens": 0, "loss": {}}
    state_file = resume / "state.json"
    if state_file.exists():
        record = json.loads(state_file.read_text())
        checksums.check(resume / str(record["step"]), remove=resume)
        network.load_state_dict(load_file(resume / str(record["step"]) / "model.safetensors"))
    started, already, losses, optimizers = time.perf_counter(), record["seconds"], [], None
    every = range(record["step"], starts[-1])
    for step in tqdm(every, initial=record["step"], total=starts[-1], mininterval=30, unit="step"):
        number = bisect.bisect(starts, step) - 1
        one, start = rounds[number], starts[number]
        if optimizers is None or step == start:
            optimizers = make_optimizers(network)
            if step > start:
                _restore(optimizers, resume / str(step))
        for optimizer, share in zip(optimizers, RATE_SHARES, strict=True):
            optimizer.param_groups[0]["lr"] = share * learning_rate_at(step - start, one["steps"], one["learning_rate"])
        batch = make_batch(tokenizer, seed, step, batch_size, one["upper_share"])
        keys = torch.tensor([noise.key("base", seed, step, row) for row in range(batch_size)])
        losses.append(backward(model, batch, keys))
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        record["tokens"] += int(batch["real"].sum())
        if (step + 1) % save_every == 0 or step + 1 in starts:
            record["step"], record["seconds"] = step + 1, already + time.perf_counter() - started
            record["loss"][str(step + 1)] = round(sum(losses) / len(losses), 4)
            losses = []
            folder = resume / str(step + 1)
            folder.mkdir(parents=True, exist_ok=True)
            save_file(network.state_dict(), folder / "model.safetensors")
            save_file(_states(optimizers), folder / "optimizer.safetensors")
            checksums.record(resume, [folder])
            partial = state_file.with_suffix(".partial")
            partial.write_text(json.dumps(record))
            partial.replace(state_file)  # the old state counts until the new one is whole
    checkpoint.save(model, family, output)
    tokenizer.save_pretrained(output)
    settings = {"family": family, "hidden_size": network_shape.hidden, "layers": network_shape.layers}
    settings |= {"heads": network_shape.heads, "steps": steps}
    settings |= {"learning_rate": learning_rate, "upper_share": upper_share, "batch_size": batch_size, "seed": seed}
    settings |= {"then": then} if then else {}
    return record | {"settings": settings | {"threads": torch.get_num_threads()}}
