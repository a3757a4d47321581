"""Each model's own published sampler as settings of the decoder: its tokens, and what must hold for any logits.

Golden tokens (own_samplers.safetensors: prompts (4, 11), and prompt and answer of each case) were computed on the CPU
in fp32, with one thread, on the checkpoints beside them, read as transformers' networks, by

- Dream's `_sample`, which its `diffusion_generate` calls: dllm/pipelines/dream/models/generation_utils.py of
  github.com/ZHZisZZ/dllm at ca176752fbceec49c6b4777a2c18ae88e4eb10ed, the Dream team's file under its own header. Its
  functions of logits are the same in NVlabs/Fast-dLLM at 24cc59e and DreamLM/Dream-Coder at 87409da;
- LLaDA's `generate`: generate.py of github.com/ML-GSAI/LLaDA at b7e6c3565f194352da44b38dd12b6970597309f3, its ids of
  the end token and the end of the turn replaced by the two tokens that the tiny network likes best (`eos_eot`).

The script that made them called these functions as they are, but for three things. The mask token has no probability,
since ours is never chosen: by Dream's own hook of logits, and in the logits that LLaDA's function is given. Of equals,
`torch.topk` takes the first; it leaves that open, and end tokens, whose confidence is 0, are equals. Noise comes from
lift.noise, with keys 11 to 14: as uniform numbers for LLaDA's `torch.rand_like`, and as Gumbel noise whose highest sum
with the logarithm of the weights is what Dream's `Categorical` and, for alg_temp, `torch.multinomial` draw.
"""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from lift.decode.decoder import confidence_of, decode, restrict
from lift.decode.settings import Decoder, timestep_shares
from lift.models import checkpoint
from tests.conftest import GOLDEN

KEYS = [11, 12, 13, 14]
CONFIDENCES = ["maskgit_plus", "topk_margin", "entropy"]


def of_dream(length, steps, confidence, **settings):
    """The decoder of diffusion_generate(max_new_tokens, steps, alg, ...)."""
    return Decoder(length, length, steps, schedule="timesteps", confidence=confidence, stop_at_end=False, **settings)


DREAM = {
    "entropy": of_dream(32, 16, "entropy"),
    "maskgit_plus": of_dream(32, 32, "maskgit_plus"),
    "topk_margin": of_dream(30, 13, "topk_margin"),
    "entropy_top_p": of_dream(32, 10, "entropy", top_p=0.6),
    "maskgit_plus_top_k": of_dream(32, 16, "maskgit_plus", top_k=5),
    "entropy_sampled": of_dream(32, 32, "entropy", temperature=0.2, top_p=0.95),
    "maskgit_plus_sampled": of_dream(32, 16, "maskgit_plus", temperature=0.7, top_p=0.9, top_k=20),
    "topk_margin_sampled": of_dream(24, 16, "topk_margin", temperature=1.5, confidence_temperature=0.5),
    "entropy_drawn_order": of_dream(32, 8, "entropy", top_k=12, confidence_temperature=0.1),
}


@pytest.mark.parametrize("name", DREAM)
def test_tokens_of_dreams_own_function(golden, tiny_dream, name):
    g = golden("own_samplers")
    tokens, passes = decode(tiny_dream, g["prompts"].tolist(), DREAM[name], KEYS)
    assert torch.equal(tokens, g[f"dream_{name}"][:, 11:])
    assert (passes == DREAM[name].steps).all()


LLADA = {
    "plain": Decoder(32, 32, 16, stop_at_end=False),
    "logits": Decoder(32, 32, 16, logits_eos_inf=True, stop_at_end=False),
    "confidence": Decoder(32, 32, 16, confidence_eos_eot_inf=True, stop_at_end=False),
    "confidence_blocks": Decoder(32, 8, 32, confidence_eos_eot_inf=True, stop_at_end=False),
    "both": Decoder(32, 16, 8, logits_eos_inf=True, confidence_eos_eot_inf=True, stop_at_end=False),
    "confidence_guided": Decoder(32, 16, 16, guidance=1.5, confidence_eos_eot_inf=True, stop_at_end=False),
    "logits_sampled": Decoder(32, 16, 16, temperature=0.7, logits_eos_inf=True, stop_at_end=False),
}


@pytest.fixture(scope="module")
def likes_its_end():
    """The network of LLaDA's golden tokens: its end token is one that it likes."""
    model = checkpoint.load(GOLDEN / "tiny_llada")
    model.pad_id = 23
    return model


@pytest.mark.parametrize("name", LLADA)
def test_tokens_of_lladas_own_function(golden, likes_its_end, name):
    g, decoder = golden("own_samplers"), LLADA[name]
    ends = g["eos_eot"].tolist()
    assert ends[0] == likes_its_end.pad_id
    tokens, _ = decode(likes_its_end, g["prompts"].tolist(), decoder, KEYS, ends)
    assert torch.equal(tokens, g[f"llada_{name}"][:, 11:])
    assert not (decoder.logits_eos_inf and (tokens == ends[0]).any())


# ---- how many tokens a pass commits


@given(st.integers(1, 512), st.integers(1, 512))
def test_timesteps_share_as_dreams_fp32_does(length, steps):
    steps = min(steps, length)
    times, left, shares = torch.linspace(1, 1e-3, steps + 1), length, timestep_shares(length, steps)
    for i in range(steps):
        expected = int(torch.tensor(left) * (1 - times[i + 1] / times[i])) if i < steps - 1 else left
        assert shares[i] == expected
        left -= expected
    assert (sum(shares), len(shares)) == (length, steps)


# ---- what counts, and how sure a token is

LOGITS = st.lists(st.integers(-60, 60), min_size=2, max_size=12, unique=True)
CUTS = st.tuples(st.sampled_from([None, 0.05, 0.5, 0.9, 0.999]), st.sampled_from([None, 2, 3, 8]))


def cut(logits, temperature=0.0, top_p=None, top_k=None):
    decoder = Decoder(8, 8, 8, temperature, confidence="entropy", top_p=top_p, top_k=top_k)
    return restrict(torch.tensor([logits], dtype=torch.float32) / 10, decoder)[0]


@given(LOGITS, CUTS, st.sampled_from([0.0, 0.3, 2.0]))
def test_a_cut_leaves_the_fewest_that_have_more_than_top_p(logits, cuts, temperature):
    top_p, top_k = cuts
    whole, left = cut(logits, temperature), cut(logits, temperature, top_p, top_k)
    order, kept, mass = whole.argsort(descending=True).tolist(), [], 0.0
    for token in order:
        assume(top_p is None or abs(mass - top_p) > 1e-6)  # where rounding decides
        if (top_p is not None and mass > top_p) or len(kept) == top_k:
            break
        kept.append(token)
        mass += float(whole.double().softmax(-1)[token])
    assert set(left.isfinite().nonzero()[:, 0].tolist()) == set(kept)
    assert torch.equal(left[kept], whole[kept])


@given(LOGITS, CUTS, st.sampled_from(CONFIDENCES))
def test_confidences_by_their_definitions(logits, cuts, kind):
    left = cut(logits, 0.0, *cuts)
    odds, chosen = (left - left.max()).exp()[None], left.argmax()[None]
    found = confidence_of(chosen, odds.clone(), Decoder(8, 8, 8, confidence=kind)).item()
    probabilities = sorted(left.double().softmax(-1).tolist(), reverse=True)
    expected = {
        "maskgit_plus": probabilities[0],
        "topk_margin": probabilities[0] - probabilities[1],
        "entropy": -float(torch.distributions.Categorical(torch.tensor(probabilities)).entropy()),
    }
    assert found == pytest.approx(expected[kind], abs=1e-5)


def test_what_a_cold_draw_commits_is_the_most_confident(tiny_dream):
    prompts = [[1, 2, 3], [4, 5]]
    of_order = {"confidence_temperature": 1e-9}
    surest, _ = decode(tiny_dream, prompts, of_dream(16, 8, "entropy"))
    cold, _ = decode(tiny_dream, prompts, of_dream(16, 8, "entropy", **of_order), [1, 2])
    assert torch.equal(surest, cold)
    warm = [
        decode(tiny_dream, prompts, of_dream(16, 8, "entropy", confidence_temperature=9.0), k)[0]
        for k in (KEYS[:2], KEYS[2:])
    ]
    assert not torch.equal(*warm)
    with pytest.raises(ValueError, match="key"):
        decode(tiny_dream, prompts, of_dream(16, 8, "entropy", **of_order))


NONSENSE = {
    "schedule": {"threshold": 0.5, "schedule": "timesteps"},
    "threshold": {"threshold": 0.5, "confidence": "entropy"},
    "confidence_temperature": {"threshold": 0.5, "confidence": "maskgit_plus", "confidence_temperature": 0.1},
    "top_p": {"steps": 8, "top_p": 0.9},
    "top_k": {"steps": 8, "top_k": 5, "temperature": 1.0},
    "confidence_eos_eot_inf": {"steps": 8, "confidence": "entropy", "confidence_eos_eot_inf": True},
}


@pytest.mark.parametrize("key", NONSENSE)
def test_settings_that_do_not_go_together(key):
    with pytest.raises(ValueError, match=f"^{key}: "):
        Decoder(8, 8, **NONSENSE[key])
