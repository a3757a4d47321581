"""The block-wise sampler: the release's token sequences, and what must hold for any model."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lift import noise
from lift.decoding import Decoder, commit_schedule, decode, most_confident


@pytest.mark.parametrize(
    "name, decoder",
    [
        ("gen32_steps32_block8", Decoder(32, 8, 32, stop_at_end=False)),
        ("gen32_steps16_block8", Decoder(32, 8, 16, stop_at_end=False)),
        ("gen24_steps15_block8", Decoder(24, 8, 15, stop_at_end=False)),
        ("gen48_steps12_block16", Decoder(48, 16, 12, stop_at_end=False)),
        ("gen32_steps8_block32", Decoder(32, 32, 8, stop_at_end=False)),
        ("gen32_steps16_block8_cfg1.5", Decoder(32, 8, 16, guidance=1.5, stop_at_end=False)),
        ("gen32_steps16_block8_shifted", Decoder(32, 8, 16, stop_at_end=False)),
    ],
)
def test_golden_tokens(golden, tiny_llada, tiny_llada_shifted, name, decoder):
    g = golden("decoding")
    model = tiny_llada_shifted if name.endswith("shifted") else tiny_llada
    tokens, passes = decode(model, g["prompts"].tolist(), decoder)
    assert torch.equal(tokens, g[name][:, 11:])
    assert (passes == decoder.steps * (2 if decoder.guidance else 1)).all()


def test_stopping_changes_nothing_up_to_the_end(golden, tiny_llada):
    prompts = golden("decoding")["prompts"].tolist() * 4
    whole, _ = decode(tiny_llada, prompts, Decoder(64, 8, 32, 3.0, stop_at_end=False), keys=list(range(16)))
    stopped, passes = decode(tiny_llada, prompts, Decoder(64, 8, 32, 3.0), keys=list(range(16)))
    end = tiny_llada.pad_id
    assert (whole == end).any()
    for a, b in zip(whole.tolist(), stopped.tolist(), strict=True):
        cut = a.index(end) + 1 if end in a else len(a)
        assert a[:cut] == b[:cut]
    assert passes.min() < 32


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_company_changes_nothing(tiny_llada, temperature):
    """Prompts of different lengths, in one batch, in another order, or alone."""
    generator = torch.Generator().manual_seed(0)
    prompts = [torch.randint(0, 150, (n,), generator=generator).tolist() for n in (3, 9, 14, 9, 6)]
    decoder = Decoder(32, 8, 16, temperature)
    keys = [noise.key("test", i) for i in range(5)]
    together, _ = decode(tiny_llada, prompts, decoder, keys)
    backwards, _ = decode(tiny_llada, prompts[::-1], decoder, keys[::-1])
    assert torch.equal(together, backwards.flip(0))
    for i in range(5):
        alone, _ = decode(tiny_llada, [prompts[i]], decoder, [keys[i]])
        assert torch.equal(together[i], alone[0])


def test_samples_differ_and_repeat(tiny_llada):
    decoder = Decoder(16, 8, 8, temperature=1.0)
    first, _ = decode(tiny_llada, [[1, 2, 3]] * 3, decoder, [5, 6, 5])
    assert torch.equal(first[0], first[2])
    assert not torch.equal(first[0], first[1])


def test_the_mask_token_is_never_chosen(tiny_llada):
    tokens, _ = decode(tiny_llada, [[1]] * 8, Decoder(16, 8, 16, 5.0, stop_at_end=False), list(range(8)))
    assert (tokens != tiny_llada.mask_id).all()


@given(st.integers(1, 64), st.integers(1, 64))
def test_schedule_commits_every_token_once(block_length, steps):
    schedule = commit_schedule(block_length, min(steps, block_length))
    assert sum(schedule) == block_length
    assert schedule == sorted(schedule, reverse=True)
    assert max(schedule) - min(schedule) <= 1


CELLS = st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), min_size=1, max_size=12)


@given(CELLS, st.integers(1, 12))
def test_most_confident_takes_the_first_of_equals(cells, count):
    confidence = torch.tensor([[c for c, _ in cells]])
    masked = torch.tensor([[m for _, m in cells]])
    chosen = most_confident(confidence, masked, count)[0].nonzero()[:, 0].tolist()
    naive = sorted((i for i, (_, m) in enumerate(cells) if m), key=lambda i: (-cells[i][0], i))[:count]
    assert sorted(chosen) == sorted(naive)


@pytest.mark.parametrize("arguments", [(30, 8, 15), (32, 8, 3), (32, 8, 33)])
def test_impossible_settings(arguments):
    with pytest.raises(ValueError, match=r"gen_length|steps"):
        Decoder(*arguments)


def naive_decode(model, prompt, decoder, key):
    """One sequence, the whole vocabulary at every position, a Python loop over positions."""
    tokens = [*prompt, *[model.mask_id] * decoder.gen_length]
    blocks = decoder.gen_length // decoder.block_length
    schedule = commit_schedule(decoder.block_length, decoder.steps // blocks)
    for block in range(blocks):
        start = len(prompt) + block * decoder.block_length
        positions = range(start, start + decoder.block_length)
        for step, count in enumerate(schedule):
            ids = torch.tensor([tokens])
            logits = model.logits(ids, torch.ones_like(ids, dtype=torch.bool))
            logits[:, model.mask_id] = -torch.inf
            stream = noise.subkey(torch.tensor([key]), block * len(schedule) + step)
            uniforms = noise.uniform(stream, decoder.block_length, logits.shape[1])[0]
            found = []
            for place, n in enumerate(positions):
                if tokens[n] == model.mask_id:
                    perturbed = logits[n].double() - decoder.temperature * (-uniforms[place].log()).log()
                    token = int((perturbed if decoder.temperature else logits[n]).argmax())
                    found.append((-logits[n].softmax(-1)[token].item(), n, token))
            for _, n, token in sorted(found)[:count]:
                tokens[n] = token
    return tokens[len(prompt) :]


@pytest.mark.parametrize("name", ["tiny_llada", "tiny_dream"])
@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_against_a_naive_version(name, temperature, request):
    model = request.getfixturevalue(name)
    generator = torch.Generator().manual_seed(1)
    prompts = [torch.randint(0, 150, (n,), generator=generator).tolist() for n in (7, 4, 10)]
    decoder = Decoder(24, 8, 12, temperature, stop_at_end=False)
    tokens, _ = decode(model, prompts, decoder, [11, 12, 13])
    with torch.no_grad():
        assert tokens.tolist() == [
            naive_decode(model, p, decoder, k) for p, k in zip(prompts, (11, 12, 13), strict=True)
        ]
