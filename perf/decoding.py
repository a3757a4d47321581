"""Decoding side by side with the plain algorithm as published: seconds for the same answers.

The network has random weights and LLaDA-8B's proportions: a feed-forward of three times the width, a head of 1/13.5 of
the trunk's parameters; 16 layers in place of 32, and on a GPU the 8B itself. Random weights end no answer and pass no
threshold, so both are scripted through the hidden states, for the plain algorithm as for ours: where an answer ends
follows the ends of LLaDA-8B-Instruct's published answers to GSM8K, and a pass accepts a declared number of tokens.

    python perf/decoding.py            # about twenty minutes on two cores
"""

import argparse
from collections.abc import Callable

import torch
from measurement import median, report, side_by_side
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from lift.decode.decoder import decode
from lift.decode.settings import Decoder, equal_shares
from lift.models.predictor import MaskPredictor

# By answer length, the block of 32 tokens that holds the end, and how many of 1,130 or 1,319 answers end there: counted
# in the generations that d1 (arXiv 2504.12216) published of LLaDA-8B-Instruct on GSM8K.
ENDS = {
    256: {3: 8, 4: 38, 5: 52, 6: 83, 7: 102, 8: 847},
    512: {2: 1, 3: 16, 4: 40, 5: 53, 6: 102, 7: 133, 8: 156, 9: 144, 10: 137, 11: 98, 12: 70, 13: 42, 14: 31, 15: 27}
    | {16: 80},
}
BLOCK, PROMPT = 32, 96  # tokens
END, MASK, FIRST_CODE = (
    1,
    0,
    10,
)  # token ids; a prompt's last token, FIRST_CODE + b, says in which block its answer ends


class Scripted(MaskPredictor):
    """A random network whose answers end where the prompt says, and are certain of `accept` tokens a pass."""

    accept = 0

    def script(self, states: torch.Tensor, input_ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Of states (B, K, H) at positions (B, K), those from the end on become the end token's."""
        ends_at = PROMPT + BLOCK * (input_ids[:, PROMPT - 1] - FIRST_CODE) - 1
        ended = positions >= ends_at[:, None]
        states[..., 0] = 0
        states[:, : self.accept] *= 100
        states = states.masked_fill(ended[..., None], 0)
        states[..., 0] += 100 * ended
        return states

    def states_at(self, input_ids, positions, *others):
        return self.script(super().states_at(input_ids, positions, *others), input_ids, positions)


def network(hidden: int, layers: int, heads: int, vocabulary: int, device: str) -> Scripted:
    config = LlamaConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=3 * hidden,
        vocab_size=vocabulary,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        use_cache=False,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = Scripted(LlamaForCausalLM(config), MASK, END, shift=False).eval()
        head = model.network.lm_head.weight.data
        head.normal_(std=hidden**-0.5)  # logits of unit size: no token is likely by itself
        head[:, 0] = 0  # the first feature is the end token's alone
        head[END] = 0
        head[END, 0] = 1
    return model.to(torch.bfloat16) if device == "cuda" else model


def full_pass(model: Scripted, x: torch.Tensor) -> torch.Tensor:
    """A bare forward pass: (B, L) -> (B, L, V) logits of every position."""
    positions = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
    states = model.network.model(input_ids=x, use_cache=False).last_hidden_state
    return model.network.lm_head(model.script(states, x, positions))


@torch.inference_mode()
def plain(
    logits_of: Callable[[torch.Tensor], torch.Tensor],
    mask_id: int,
    prompts: torch.Tensor,
    length: int,
    block: int,
    passes: int,
) -> torch.Tensor:
    """As published: logits and probabilities of all positions, a Python loop over rows, always the whole length.

    logits_of: (B, L) tokens -> (B, L, V). prompts (B, P) -> tokens (B, length), by `passes` passes a block.
    """
    x = F.pad(prompts, (0, length), value=mask_id)
    for start in range(prompts.shape[1], x.shape[1], block):
        for count in equal_shares(block, passes):
            logits = logits_of(x)
            tokens = logits.argmax(-1)
            confidence = F.softmax(logits, dim=-1).gather(-1, tokens[..., None])[..., 0]
            masked = x == mask_id
            confidence = confidence.masked_fill(~masked, -torch.inf)
            confidence[:, start + block :] = -torch.inf
            commit = torch.zeros_like(masked)
            for row in range(len(x)):
                commit[row, confidence[row].topk(count).indices] = True
            x = torch.where(commit, tokens, x)
    return x[:, prompts.shape[1] :]


@torch.inference_mode()
def bare(model: Scripted, prompts: torch.Tensor, length: int) -> None:
    """The least that a step of the plain algorithm must do."""
    F.softmax(full_pass(model, F.pad(prompts, (0, length), value=model.mask_id)), dim=-1)


@torch.inference_mode()
def plain_step(model: Scripted, prompts: torch.Tensor, length: int) -> None:
    """One step of `plain`."""
    x = F.pad(prompts, (0, length), value=model.mask_id)
    logits = full_pass(model, x)
    tokens = logits.argmax(-1)
    confidence = F.softmax(logits, dim=-1).gather(-1, tokens[..., None])[..., 0]
    confidence = confidence.masked_fill(x != model.mask_id, -torch.inf)
    for row in range(len(x)):
        confidence[row].topk(2)


def prompts_with_ends(length: int, rows: int, device: str) -> torch.Tensor:
    """(rows, PROMPT): random tokens; the ends are the quantiles of ENDS at the middles of equal shares."""
    blocks = [block for block, count in ENDS[length].items() for _ in range(count)]
    ends = [blocks[int((i + 0.5) / rows * len(blocks))] for i in range(rows)]
    generator = torch.Generator().manual_seed(0)
    prompts = torch.randint(FIRST_CODE, 100, (rows, PROMPT), generator=generator)
    prompts[:, -1] = FIRST_CODE + torch.tensor(ends)
    return prompts.to(device)


def same_up_to_the_end(a: torch.Tensor, b: torch.Tensor) -> bool:
    before = (a == END).cumsum(1) - (a == END).long() == 0  # up to and with the first end
    return bool((torch.where(before, a, 0) == torch.where(before, b, 0)).all())


def kinds(accept: int) -> dict[str, tuple[dict, int]]:
    """Settings of the decoders by name, and the tokens that a pass accepts."""
    return {
        "exact": ({}, 0),
        "prefix cache": ({"cache": "prefix"}, 0),
        "dual cache": ({"cache": "dual"}, 0),
        "threshold": ({"threshold": 0.9}, accept),
        "prefix cache and threshold": ({"threshold": 0.9, "cache": "prefix"}, accept),
        "dual cache and threshold": ({"threshold": 0.9, "cache": "dual"}, accept),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[256, 512], choices=list(ENDS))
    parser.add_argument("--rows", type=int, help="answers in a batch")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--accept", type=int, default=3, help="tokens that a pass accepts by threshold")
    parser.add_argument("--quick", action="store_true", help="a tiny network, to see that it runs; writes no result")
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(torch.get_num_threads() if device == "cuda" else 2)
    shape = (4096, 32, 32, 126464) if device == "cuda" else (192, 16, 6, 2958)
    shape, rows = ((16, 2, 2, 120), 2) if args.quick else (shape, args.rows or (32 if device == "cuda" else 4))
    model, table, checks = network(*shape, device), [], []
    trunk = sum(p.numel() for p in model.network.model.layers.parameters())
    for length in args.lengths[: 1 if args.quick else None]:
        prompts = prompts_with_ends(length, rows, device)
        asked = prompts.tolist()
        answers, passes = {}, {"plain": length / 2}
        model.accept = 0

        def run(name: str, length: int = length, asked: list = asked, answers: dict = answers, passes: dict = passes):
            settings, model.accept = kinds(args.accept)[name]
            steps = None if "threshold" in settings else length // 2
            tokens, took = decode(model, asked, Decoder(length, BLOCK, steps, **settings))
            model.accept = 0
            answers[name], passes[name] = tokens, took.double().mean().item()

        def run_plain(length: int = length, prompts: torch.Tensor = prompts, answers: dict = answers):
            answers["plain"] = plain(lambda x: full_pass(model, x), model.mask_id, prompts, length, BLOCK, BLOCK // 2)

        cases = {"plain": run_plain}
        cases |= {name: lambda name=name: run(name) for name in kinds(args.accept)}
        times = side_by_side(cases, 1 if args.quick else args.repeats, warm=False)
        steps = side_by_side(
            {
                "bare": lambda length=length, prompts=prompts: bare(model, prompts, length),
                "step": lambda length=length, prompts=prompts: plain_step(model, prompts, length),
            },
            max(9, args.repeats),
        )
        for name, values in times.items():
            ratios = [base / value for base, value in zip(times["plain"], values, strict=True)]
            equal = same_up_to_the_end(answers["plain"], answers[name])
            table.append(
                {
                    "length": length,
                    "decoder": name,
                    "seconds": f"{median(values):.2f}",
                    "passes an answer": f"{passes[name]:.1f}",
                    "times faster": f"{median(ratios):.2f}",
                    "tokens of the plain one": "yes" if equal else "no",
                }
            )
        ratio = median([s / b for s, b in zip(steps["step"], steps["bare"], strict=True)])
        checks.append(f"{ratio:.3f} at length {length}")
    ratio = trunk / model.network.lm_head.weight.numel()
    text = f"""
        {rows} answers in a batch after prompts of {PROMPT} tokens, blocks of {BLOCK}; medians of {args.repeats} runs in
        turns, ratios taken within each turn. The network: {shape[1]} layers of width {shape[0]}, vocabulary
        {shape[3]:,}; its head has 1/{ratio:.1f} of the trunk's parameters. Plain: {BLOCK // 2} passes a block, logits
        and probabilities of every position, a loop over rows, the whole length; one of its steps takes
        {" and ".join(checks)} times a bare forward pass with full logits and softmax. Ours stop an answer after the
        block that holds its end. By script a pass makes up to {args.accept} tokens certain, of which some fall short of
        the threshold of 0.9: the passes that were taken are in the table. Fast-dLLM's tables (arXiv 2505.22618) imply
        about 2.5 tokens a pass on GSM8K.
    """
    name = "gpu-decoders" if device == "cuda" else "decoding"
    report(name, "Decoding: seconds for the same answers", table, text, save=not args.quick)


if __name__ == "__main__":
    main()
