"""How the miniature's base is made: masked diffusion on freshly generated problems from the training side.

Half of the sequences are masked at random, as masked diffusion has it; the other half as block-wise decoding will mask
them: what comes before a block is visible, what comes after is not, and the loss is taken within the block. The
optimiser is Muon for the matrices inside the layers and AdamW for the rest. Example i of the
stream depends on (seed, i) alone, so that an interrupted run goes on exactly where it stood.
"""

import json
import random
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from lift import models, noise
from lift.benchmarks import mini_sudoku
from lift.miniature import base
from lift.miniature.language import RESPONSE_LENGTH
from lift.miniature.problems import TASKS, draw, task_module, write_response

TASK_WEIGHTS = dict(zip(TASKS, (0.17, 0.17, 0.18, 0.18, 0.17, 0.13), strict=True))
BLOCK = 16  # tokens that decoding will take at a time
RATE_SHARES = (1.0, 1 / 6)  # of the learning rate, for Muon and for AdamW
DECAY = 0.8  # the learning rate falls linearly to zero over this share of a phase
PARTS_OF_GRIDS = 0.4  # their share in mini-sudoku


def make_example(seed: int, index: int, weights: dict[str, float] = TASK_WEIGHTS) -> tuple[str, str]:
    """Prompt and response number `index` of the pre-training stream. Every level is as likely as the others."""
    rng = random.Random(f"pretraining/{seed}/{index}")
    task = rng.choices(list(weights), weights.values())[0]
    if task == "mini-sudoku" and rng.random() < PARTS_OF_GRIDS:
        problem = mini_sudoku.generate_part(rng)
    else:
        problem = draw(task, rng.choice(task_module(task).LEVELS), rng, test=False)
    return problem.prompt, write_response(problem, rng)


def make_batch(
    tokenizer, seed: int, step: int, batch_size: int, weights: dict[str, float] = TASK_WEIGHTS
) -> dict[str, torch.Tensor]:
    """input_ids (B, L), response (B, L) bool, real (B, L) bool, block (B, L): number of the block within the response,
    negative before it. Responses are filled with end tokens."""
    examples = [make_example(seed, index, weights) for index in range(step * batch_size, (step + 1) * batch_size)]
    chats = [[{"role": "user", "content": prompt}] for prompt, _ in examples]
    starts = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
    prompts = tokenizer(starts, add_special_tokens=False).input_ids
    responses = tokenizer([response for _, response in examples], add_special_tokens=False).input_ids
    filling = [
        [tokenizer.eos_token_id] * (1 + (RESPONSE_LENGTH if index % 2 else -(-(len(r) - 1) // BLOCK) * BLOCK) - len(r))
        for index, r in enumerate(responses)
    ]  # half of the responses are filled to their full length, half to the end of their last block
    rows = [[*p, *r, *f] for p, r, f in zip(prompts, responses, filling, strict=True)]
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
    return [
        torch.optim.Muon(matrices, weight_decay=0.01),
        torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def find_phase(phases: list[dict], step: int) -> tuple[dict, int]:
    """The phase that a step of the whole belongs to, and its number within it."""
    for phase in phases:
        if step < phase["steps"]:
            return phase, step
        step -= phase["steps"]
    raise IndexError("past the last phase")


def learning_rate(phase: dict, step: int) -> float:
    """The rate at a step of a phase: up over at most 200 steps, then constant, then linearly down to zero."""
    steps = phase["steps"]
    warmup = min(200, max(1, steps // 10))
    return phase["learning_rate"] * min(1.0, (step + 1) / warmup) * min(1.0, (steps - step) / (DECAY * steps))


def _optimizer_tensors(network, optimizers) -> dict[str, torch.Tensor]:
    """The state of the optimisers by parameter name, for safetensors."""
    names = {p: name for name, p in network.named_parameters()}
    return {
        f"{names[p]}/{entry}": value
        for optimizer in optimizers
        for p, state in optimizer.state.items()
        for entry, value in state.items()
    }


def _restore(network, optimizers, folder: Path) -> None:
    network.load_state_dict(load_file(folder / "model.safetensors"))
    parameters = dict(network.named_parameters())
    owner = {p: optimizer for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}
    for path, value in load_file(folder / "optimizer.safetensors").items():
        name, entry = path.rsplit("/", 1)
        owner[parameters[name]].state[parameters[name]][entry] = value


def pretrain(
    output: Path,
    resume: Path,
    *,
    family: str = "llada",
    hidden_size: int = 128,
    layers: int = 4,
    heads: int = 4,
    phases: list[dict],
    batch_size: int,
    seed: int = 0,
    save_every: int = 1000,
) -> dict:
    """Train a base from scratch and write it to `output` in its family's layout; progress is kept in `resume`.

    phases: each {"steps", "learning_rate"} and, where its mix of tasks is another, "weights" by task. In each the rate
    rises, stays, and falls to zero.

    Returns the run record: settings, loss by step, seconds, tokens.
    """
    torch.manual_seed(noise.key("base", seed))
    tokenizer = base.make_tokenizer()
    model = base.make_model(tokenizer, family, hidden_size, layers, heads)
    network = model.network
    optimizers, steps = make_optimizers(network), sum(phase["steps"] for phase in phases)
    record = {"step": 0, "seconds": 0.0, "tokens": 0, "loss": {}}
    state_file = resume / "state.json"
    if state_file.exists():
        record = json.loads(state_file.read_text())
        _restore(network, optimizers, resume / str(record["step"]))
    started, already, losses = time.perf_counter(), record["seconds"], []
    for step in tqdm(range(record["step"], steps), initial=record["step"], total=steps, mininterval=30, unit="step"):
        phase, within_phase = find_phase(phases, step)
        for optimizer, share in zip(optimizers, RATE_SHARES, strict=True):
            optimizer.param_groups[0]["lr"] = share * learning_rate(phase, within_phase)
        batch = make_batch(tokenizer, seed, step, batch_size, phase.get("weights", TASK_WEIGHTS))
        keys = torch.tensor([noise.key("base", seed, step, row) for row in range(batch_size)])
        level = (torch.arange(batch_size) + noise.uniform(keys, 1)[:, 0]) / batch_size  # (B,), stratified
        masked = batch["response"] & (noise.uniform(noise.subkey(keys, 1), batch["real"].shape[1]) < level[:, None])
        blocks = 1 + (batch["block"] * batch["response"]).amax(1)
        current = (noise.uniform(noise.subkey(keys, 2), 1)[:, 0] * blocks).long()[:, None]
        within, after = batch["block"] == current, batch["response"] & (batch["block"] > current)
        by_block = (noise.uniform(noise.subkey(keys, 3), 1) < 0.5).expand_as(masked)
        scored = torch.where(by_block, masked & within, masked)
        noisy = batch["input_ids"].masked_fill(torch.where(by_block, masked & within | after, masked), model.mask_id)
        loss = model(noisy, scored, batch["input_ids"], batch["real"]).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        record["tokens"] += int(batch["real"].sum())
        if (step + 1) % save_every == 0 or step + 1 == steps:
            record["step"], record["seconds"] = step + 1, already + time.perf_counter() - started
            record["loss"][str(step + 1)] = round(sum(losses) / len(losses), 4)
            losses = []
            folder = resume / str(step + 1)
            folder.mkdir(parents=True, exist_ok=True)
            save_file(network.state_dict(), folder / "model.safetensors")
            save_file(_optimizer_tensors(network, optimizers), folder / "optimizer.safetensors")
            partial = state_file.with_suffix(".partial")
            partial.write_text(json.dumps(record))
            partial.replace(state_file)  # the old state counts until the new one is whole
    models.save(model, family, output)
    tokenizer.save_pretrained(output)
    settings = {"family": family, "hidden_size": hidden_size, "layers": layers, "heads": heads, "phases": phases}
    return record | {
        "settings": settings | {"batch_size": batch_size, "seed": seed, "threads": torch.get_num_threads()}
    }
