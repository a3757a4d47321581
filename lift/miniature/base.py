"""The miniature's model and tokenizer: a small Llama, read with full attention, and one token a word."""

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lift.miniature.language import BOS, EOS, MASK, VOCABULARY
from lift.models.families import FAMILIES
from lift.models.predictor import MaskPredictor
from lift.models.shape import Shape

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %} <|{{ message['role'] }}|> {{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %} <|assistant|>{% endif %}"
)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer over the miniature's vocabulary; padding is the end token, as in LLaDA."""
    vocabulary = {word: i for i, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=EOS))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokens = {"bos_token": BOS, "eos_token": EOS, "pad_token": EOS, "mask_token": MASK}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=CHAT_TEMPLATE, **tokens)


def make_model(tokenizer, family_name: str, sizes: Shape) -> MaskPredictor:
    """A fresh model of a family."""
    family = FAMILIES[family_name]
    config = family.config(
        **sizes.fields,
        max_position_embeddings=256,
        rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
        rms_norm_eps=1e-5,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        use_cache=False,
    )
    return MaskPredictor(family.network(config), tokenizer.mask_token_id, tokenizer.pad_token_id, family.shift)
