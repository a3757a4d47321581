"""The block-wise sampler: the release's token sequences, and what must hold for any model."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from lift import noise
from lift.decode.decoder import decode, most_confident
from lift.decode.settings import Decoder, equal_shares
from lift.models import predictor
from tests.conftest import TINY


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


DRAWN_ORDER = {"steps": 12, "schedule": "timesteps", "confidence": "entropy", "top_p": 0.9}
DRAWN_ORDER |= {"confidence_temperature": 0.5}
WAYS = [{"steps": 16}, {"steps": 16, "cache": "dual"}, {"threshold": 0.16, "cache": "prefix"}, DRAWN_ORDER]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_company_changes_nothing(tiny_llada, temperature, how):
    """Prompts of different lengths, in one batch, in another order, or alone."""
    generator = torch.Generator().manual_seed(0)
    prompts = [torch.randint(0, 150, (n,), generator=generator).tolist() for n in (3, 9, 14, 9, 6)]
    decoder = Decoder(32, 8, temperature=temperature, **how)
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
    schedule = equal_shares(block_length, min(steps, block_length))
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


@pytest.mark.parametrize("arguments", [(30, 8, 15), (32, 8, 3), (32, 8, 33), (32, 8)])
def test_impossible_settings(arguments):
    with pytest.raises(ValueError, match=r"gen_length|steps"):
        Decoder(*arguments)
    with pytest.raises(ValueError, match="either"):
        Decoder(32, 8, 16, threshold=0.5)


def naive_decode(model, prompt, decoder, key, ends):
    """One sequence, the whole vocabulary at every position, a Python loop over positions."""
    tokens, width, passes = [*prompt, *[model.mask_id] * decoder.gen_length], len(prompt), 0
    for block in range(decoder.gen_length // decoder.block_length):
        start = width + block * decoder.block_length
        positions = range(start, start + decoder.block_length)
        for step, count in enumerate(decoder.commits):
            if model.mask_id not in tokens[start : positions.stop]:
                break
            ids = torch.tensor([tokens])
            if step == 0 or decoder.cache == "none":
                logits, kept, passes = logits_of(model, ids), ids, passes + 1
            else:
                stop = positions.stop if decoder.cache == "dual" else ids.shape[1]
                logits, passes = logits_from_cache(model, kept, ids, start - model.shift, stop), passes + 1
            logits[:, model.mask_id] = -torch.inf
            stream = noise.subkey(torch.tensor([key]), block * len(decoder.commits) + step)
            uniforms = noise.uniform(stream, decoder.block_length, logits.shape[1])[0]
            of_order = noise.uniform(noise.subkey(stream, 0), decoder.block_length)[0]
            if decoder.logits_eos_inf:
                logits[:, model.pad_id] = -torch.inf
            found = []
            for place, n in enumerate(positions):
                if tokens[n] == model.mask_id:
                    token, confidence = naive_choice(logits[n], uniforms[place], decoder, ends)
                    if decoder.confidence_temperature:
                        confidence = confidence / decoder.confidence_temperature - math.log(-math.log(of_order[place]))
                    found.append((-confidence, n, token))
            for place, (negative, n, token) in enumerate(sorted(found)):
                if place < count or (decoder.threshold and -negative >= decoder.threshold):
                    tokens[n] = token
    return tokens[width:], passes


def naive_choice(logits, uniforms, decoder, ends):
    """A position's token and confidence, from its logits and noise (V,): token by token, the most probable first."""
    cuts = decoder.confidence != "probability"
    scaled = logits / decoder.temperature if decoder.temperature else logits
    kept, mass = [], 0.0
    for token, probability in sorted(enumerate(scaled.softmax(-1).tolist()), key=lambda pair: -pair[1]):
        if cuts and (mass > (decoder.top_p or 1) or len(kept) == decoder.top_k):
            break
        kept.append(token)
        mass += probability
    noisy = (scaled.double() - (-uniforms.log()).log())[kept]
    token = kept[int(noisy.argmax()) if decoder.temperature else 0]
    if decoder.confidence == "probability":
        if decoder.confidence_eos_eot_inf:
            logits = logits.index_fill(0, torch.tensor(ends), -torch.inf)
        return token, logits.softmax(-1)[token].item()
    left = scaled[kept].softmax(-1).tolist()
    if decoder.confidence == "entropy":
        return token, sum(p * math.log(p) for p in left if p)
    return token, left[0] - left[1] if decoder.confidence == "topk_margin" else left[kept.index(token)]


def logits_of(model, ids):
    """(1, L) -> (L, V), by transformers' own forward pass."""
    logits = model.network(input_ids=ids, use_cache=False).logits[0]
    return torch.cat([logits[:1], logits[:-1]]) if model.shift else logits


def logits_from_cache(model, kept, ids, start, stop):
    """The logits of `ids`, where all but the tokens from start to stop has the keys and values that it had in `kept`.

    By transformers' DynamicCache: the order of keys makes no difference to attention, so what is kept comes first.
    """
    cache, length = DynamicCache(), ids.shape[1]
    model.network(input_ids=kept, past_key_values=cache, use_cache=True)
    rest = torch.tensor([n for n in range(length) if not start <= n < stop], dtype=torch.long)
    cache.batch_select_indices(torch.tensor([0]))
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys[:, :, rest], layer.values[:, :, rest]
    positions = torch.arange(start, stop)[None]
    part = model.network(
        input_ids=ids[:, start:stop], position_ids=positions, past_key_values=cache, use_cache=True
    ).logits[0]
    logits = torch.full((length, part.shape[1]), torch.nan)
    first = start + model.shift
    logits[first : stop + model.shift] = part[: length - first]
    return logits


KINDS = {
    "exact": {"steps": 12},
    "prefix": {"steps": 12, "cache": "prefix"},
    "dual": {"steps": 12, "cache": "dual"},
    "threshold": {"threshold": 0.16},
    "prefix-threshold": {"threshold": 0.16, "cache": "prefix"},
    "dual-threshold": {"threshold": 0.16, "cache": "dual"},
    "timesteps": {"steps": 12, "schedule": "timesteps"},
    "entropy": {"steps": 12, "schedule": "timesteps", "confidence": "entropy", "top_p": 0.8},
    "maskgit_plus-dual": {"steps": 12, "confidence": "maskgit_plus", "top_p": 0.9, "top_k": 30, "cache": "dual"},
    "topk_margin-threshold": {"threshold": 0.08, "confidence": "topk_margin"},
    "ends": {"steps": 12, "logits_eos_inf": True, "confidence_eos_eot_inf": True},
}


# Thresholds that some tokens of a small checkpoint reach and others do not.
CONFIDENT = dict.fromkeys(TINY, 0.12) | {"llada": 0.16, "dream": 0.16, "a2d_qwen3": 0.16, "illada": 0.08}


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("temperature", [0.0, 0.7])
@pytest.mark.parametrize("kind", [*KINDS, "drawn order"])
def test_against_a_naive_version(name, temperature, kind, tiny_model):
    model, ends = tiny_model(name), [23, 119]  # which the networks like
    generator = torch.Generator().manual_seed(1)
    prompts = [torch.randint(0, 150, (n,), generator=generator).tolist() for n in (7, 4, 10, 7)]
    how = dict(KINDS.get(kind, DRAWN_ORDER))
    if "threshold" in kind:
        how["threshold"] = CONFIDENT[name] / (2 if "margin" in kind else 1)
    decoder = Decoder(24, 8, temperature=temperature, stop_at_end=False, **how)
    tokens, passes = decode(model, prompts, decoder, [11, 12, 13, 14], ends)
    with torch.no_grad():
        for prompt, key, found, took in zip(prompts, (11, 12, 13, 14), tokens.tolist(), passes.tolist(), strict=True):
            assert (found, took) == naive_decode(model, prompt, decoder, key, ends)
    if decoder.threshold:
        assert 3 <= passes.min() < passes.max() < 24  # some passes commit several tokens, not all the same number


@pytest.mark.parametrize("name", TINY)
def test_caches_that_keep_nothing_wrong_change_nothing(name, tiny_model):
    """One pass a block reads whole sequences; so does every pass of a prefix cache when there is no prompt to keep."""
    model = tiny_model(name)
    prompts = [[1, 2, 3, 4], [5, 6]]
    exact, _ = decode(model, prompts, Decoder(24, 8, 3))
    for cache in ("prefix", "dual"):
        assert torch.equal(exact, decode(model, prompts, Decoder(24, 8, 3, cache=cache))[0])
    differs = [decode(model, prompts, Decoder(24, 8, 24, cache=cache))[0] for cache in ("none", "dual")]
    assert not torch.equal(*differs)


def test_a_threshold_that_nothing_reaches_commits_one_token_a_pass(tiny_llada):
    prompts = [[1, 2, 3], [5, 6]]
    one_by_one, took = decode(tiny_llada, prompts, Decoder(16, 8, 16))
    never, passes = decode(tiny_llada, prompts, Decoder(16, 8, threshold=1.0))
    assert torch.equal(one_by_one, never)
    assert torch.equal(took, passes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.8, 1e-6])
def test_samples_of_a_problem_share_passes_while_they_are_equal(tiny_llada, monkeypatch, kind, temperature):
    """And have the tokens that each has alone. At a temperature near zero they stay equal to the end."""
    prompts, keys = [[1, 2, 3]] * 3 + [[4, 5, 6, 7]] * 3, list(range(6))
    how = KINDS[kind] | ({"steps": 8} if "steps" in KINDS[kind] else {})
    decoder = Decoder(16, 8, temperature=temperature, stop_at_end=False, **how)
    alone = [decode(tiny_llada, [p], decoder, [k])[0][0] for p, k in zip(prompts, keys, strict=True)]
    rows, original = [], type(tiny_llada).states_at

    def counting(self, input_ids, *args):
        rows.append(len(input_ids))
        return original(self, input_ids, *args)

    monkeypatch.setattr(type(tiny_llada), "states_at", counting)
    together, _ = decode(tiny_llada, prompts, decoder, keys)
    assert torch.equal(together, torch.stack(alone))
    assert rows[0] == 2
    assert (max(rows) == 2) == (temperature < 0.1 and decoder.cache == "none")


def test_few_logits_stand_in_memory(tiny_llada, monkeypatch):
    """In chunks of 5 positions, the same tokens."""
    prompts, sizes = [[1, 2, 3], [4, 5]], []
    decoder = Decoder(16, 8, 8, temperature=0.8)
    whole, _ = decode(tiny_llada, prompts, decoder, [1, 2])
    monkeypatch.setattr(predictor, "LOGIT_BYTES", 5 * 4 * tiny_llada.network.config.vocab_size)
    head = type(tiny_llada).head
    monkeypatch.setattr(type(tiny_llada), "head", lambda self, states: sizes.append(len(states)) or head(self, states))
    chunked, _ = decode(tiny_llada, prompts, decoder, [1, 2])
    assert torch.equal(whole, chunked)
    assert max(sizes) == 5
    # of eight places in each of two blocks, those that are still masked: two rows of 8, 6, 4 and 2
    assert sum(sizes) == 2 * 2 * (8 + 6 + 4 + 2)
