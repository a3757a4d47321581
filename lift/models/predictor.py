"""A masked diffusion model: a bidirectional predictor of masked tokens on a network of transformers."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface, LlamaForCausalLM, PreTrainedModel, Qwen2ForCausalLM, Qwen3ForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaDecoderLayer, apply_rotary_pos_emb
from transformers.models.qwen2.modeling_qwen2 import Qwen2Attention, Qwen2DecoderLayer
from transformers.models.qwen3.modeling_qwen3 import Qwen3Attention, Qwen3DecoderLayer

from lift.errors import InputError
from lift.models.block_cache import BlockCache
from lift.models.memory import HEAD_BYTES, LOGIT_BYTES


def full_attention(module, query, key, value, attention_mask, scaling, dropout=0.0, **_):
    """Attention of every position to every other: (B, heads, L, D) -> (B, L, heads, D), as transformers asks for it.

    attention_mask: additive (B, 1, 1, L), or None where every token is real. Queries and keys may come in fp32 from
    rotary embeddings of full precision.
    """
    query, key = query.to(value.dtype), key.to(value.dtype)
    if key.shape[1] != query.shape[1] and (attention_mask is not None or value.dtype == torch.float32):
        # the fast kernels for a mask or for fp32 do not take fewer keys than queries
        key, value = (x.repeat_interleave(query.shape[1] // x.shape[1], dim=1) for x in (key, value))
    seen = F.scaled_dot_product_attention(
        query, key, value, attention_mask, dropout, scale=scaling, enable_gqa=key.shape[1] != query.shape[1]
    )
    return seen.transpose(1, 2).contiguous(), None


DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

# For a name of its own transformers builds no causal mask.
FULL_ATTENTION = "lift_full"
AttentionInterface.register(FULL_ATTENTION, full_attention)


class FullPrecisionRotary(nn.Module):
    """Rotary angles in fp32 whatever the network's dtype: LLaDA rotates in fp32 (its rope_full_precision)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, states: torch.Tensor, position_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines (B or 1, L, D), fp32."""
        return self.inner(states.new_empty(0, dtype=torch.float32), position_ids)


# The networks whose last layer and head are what MaskPredictor.states_at and MaskPredictor.head write out.
_NETWORKS = {
    LlamaForCausalLM: (LlamaDecoderLayer, LlamaAttention),
    Qwen2ForCausalLM: (Qwen2DecoderLayer, Qwen2Attention),
    Qwen3ForCausalLM: (Qwen3DecoderLayer, Qwen3Attention),
}


def _check_network(network: PreTrainedModel) -> None:
    """Raises InputError for a network whose layers may do more, such as a sliding window."""
    if type(network) not in _NETWORKS:
        known = ", ".join(kind.__name__ for kind in _NETWORKS)
        raise InputError(f"The network {type(network).__name__} is not supported; known are {known}.")
    for i, layer in enumerate(network.model.layers):
        found, expected = (type(layer), type(layer.self_attn)), _NETWORKS[type(network)]
        if found != expected:
            names = " with ".join(kind.__name__ for kind in found)
            raise InputError(f"Layer {i} of the {type(network).__name__} is {names}, which is not supported.")
        kind = getattr(layer.self_attn, "layer_type", "full_attention")
        if kind != "full_attention":
            raise InputError(f"Layer {i} of the {type(network).__name__}: layer_types is {kind!r}, not full_attention.")


def _fp32_products(states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """(N, H) and (V, H), both bfloat16 -> (N, V) fp32, without a copy of the weight in fp32."""
    if states.is_cuda:
        return torch.mm(states, weight.T, out_dtype=torch.float32)
    states, logits = states.float(), states.new_empty(len(states), len(weight), dtype=torch.float32)
    rows = max(1, HEAD_BYTES // (4 * weight.shape[1]))
    for part, out in zip(weight.split(rows), logits.split(rows, dim=1), strict=True):
        torch.mm(states, part.float().T, out=out)
    return logits


class MaskPredictor(nn.Module):
    """A transformers causal-LM network read with full attention.

    network: Llama, Qwen2 or Qwen3 with weights of a masked diffusion model. mask_id, pad_id: token ids. shift: whether
    the output at position i - 1 predicts position i, as in Dream (arXiv 2508.15487). Raises InputError for other
    networks.
    """

    def __init__(self, network: PreTrainedModel, mask_id: int, pad_id: int, shift: bool) -> None:
        super().__init__()
        _check_network(network)
        self.network, self.mask_id, self.pad_id, self.shift = network, mask_id, pad_id, shift
        network.set_attn_implementation(FULL_ATTENTION)

    @property
    def device(self) -> torch.device:
        return self.network.device

    @property
    def chunk(self) -> int:
        """How many positions have their logits in memory together."""
        return max(1, LOGIT_BYTES // (4 * self.network.config.vocab_size))

    def _attention(
        self, input_ids: torch.Tensor, real: torch.Tensor | None
    ) -> tuple[torch.Tensor | None, torch.Tensor]:
        """The additive attention mask (B, 1, 1, L), None where every token is real, and every position (B or 1, L)."""
        dtype, device = self.network.dtype, input_ids.device
        if real is None:
            return None, torch.arange(input_ids.shape[1], device=device)[None]
        attention = torch.zeros(real.shape, dtype=dtype, device=device)
        attention = attention.masked_fill(~real, torch.finfo(dtype).min)[:, None, None, :]
        return attention, (real.cumsum(1) - 1).clamp(min=0)

    def hidden_states(self, input_ids: torch.Tensor, real: torch.Tensor | None = None) -> torch.Tensor:
        """(B, L) tokens -> (B, L, H), where the state at a position is the one that predicts it.

        real (B, L): False at padding, which nobody attends to and which takes no place in the positions; None where
        every token is real.
        """
        attention, position_ids = self._attention(input_ids, real)
        states = self.network.model(
            input_ids=input_ids, attention_mask=attention, position_ids=position_ids, use_cache=False
        ).last_hidden_state
        if self.shift:
            states = torch.cat([states[:, :1], states[:, :-1]], dim=1)
        return states

    def logits(self, input_ids: torch.Tensor, where: torch.Tensor, real: torch.Tensor | None = None) -> torch.Tensor:
        """(B, L) tokens -> (N, V) fp32 logits at the N positions where `where` (B, L) is True, in row-major order."""
        return self.head(self.hidden_states(input_ids, real)[where])

    def forward(
        self, noisy: torch.Tensor, where: torch.Tensor, clean: torch.Tensor, real: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(B, L) tokens -> (N,) fp32 cross-entropies of the clean tokens at the N positions of `where`, row by row.

        Logits are made a chunk at a time, and again in the backward pass.
        """
        states, targets = self.hidden_states(noisy, real)[where], clean[where]
        # torch's linear_cross_entropy would do, but rounds the losses of a bfloat16 head to bfloat16
        parts = [
            checkpoint(self._cross_entropy, *part, use_reentrant=False, preserve_rng_state=False)
            for part in zip(states.split(self.chunk), targets.split(self.chunk), strict=True)
        ]
        return torch.cat(parts)

    def _cross_entropy(self, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(N, H) states and (N,) tokens -> (N,) cross-entropies."""
        return F.cross_entropy(self.head(states), targets, reduction="none")

    def head(self, states: torch.Tensor) -> torch.Tensor:
        """(..., H) states -> (..., V) fp32 logits.

        Without gradient, they are products in fp32 with the head as it is stored: where logits are rounded to bfloat16,
        the two best of a position are often equal.
        """
        if states.dtype == torch.float32 or torch.is_grad_enabled():
            return self.network.lm_head(states).float()
        return _fp32_products(states.flatten(0, -2), self.network.lm_head.weight).unflatten(0, states.shape[:-1])

    def states_at(
        self,
        input_ids: torch.Tensor,
        positions: torch.Tensor,
        real: torch.Tensor | None = None,
        cache: BlockCache | None = None,
    ) -> torch.Tensor:
        """(B, L) tokens -> (B, K, H): the states that predict the K positions (B, K) of each row.

        Exact without a cache: keys and values are taken of every position, but in the last layer only the positions
        ask and are fed forward, since nothing else is read from it. A cache that is empty is filled by this pass; from
        one that is full only its window is read again, and stands there in place of what it was.
        """
        body = self.network.model
        positions = (positions - 1).clamp(min=0) if self.shift else positions
        attention, position_ids = self._attention(input_ids, real)
        if cache is not None and cache.window is not None:
            input_ids, position_ids = input_ids[:, cache.window], position_ids[:, cache.window]
            positions = positions - cache.window.start
        states = body.embed_tokens(input_ids)  # (B, L or the window's, H)
        cos, sin = body.rotary_emb(states, position_ids=position_ids)  # (B or 1, L or the window's, D)
        for layer in body.layers[:-1]:
            states = layer(
                states,
                attention_mask=attention,
                position_embeddings=(cos, sin),
                position_ids=position_ids,
                past_key_values=cache,
            )
        last, attend = body.layers[-1], body.layers[-1].self_attn

        def pick(x: torch.Tensor) -> torch.Tensor:  # (B or 1, L, F) -> (B, K, F)
            return x.expand(len(positions), -1, -1).gather(1, positions[..., None].expand(-1, -1, x.shape[-1]))

        normed = last.input_layernorm(states)
        as_is = nn.Identity()
        query_norm, key_norm = (getattr(attend, name, as_is) for name in ("q_norm", "k_norm"))  # of each head, in Qwen3
        query, key, value = (
            norm(projection(x).unflatten(-1, (-1, attend.head_dim))).transpose(1, 2)  # (B, heads, K or L, D)
            for norm, projection, x in (
                (query_norm, attend.q_proj, pick(normed)),
                (key_norm, attend.k_proj, normed),
                (as_is, attend.v_proj, normed),
            )
        )
        query, _ = apply_rotary_pos_emb(query, query, pick(cos), pick(sin))
        key, _ = apply_rotary_pos_emb(key, key, cos, sin)
        if cache is not None:
            key, value = cache.update(key, value, attend.layer_idx)
        dropout = attend.attention_dropout if attend.training else 0.0
        seen, _ = full_attention(attend, query, key, value, attention, attend.scaling, dropout)
        states = pick(states) + attend.o_proj(seen.flatten(2))
        return body.norm(states + last.mlp(last.post_attention_layernorm(states)))
