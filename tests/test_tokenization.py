"""Chat templates and the span of a response, on LLaDA's published template and on ChatML, over small vocabularies."""

import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift import tokenization
from lift.errors import InputError
from tests.conftest import ROOT

MODELS = ROOT / "tests/rehearsal/models"
LLADA, DREAM = (tokenization.load_tokenizer(MODELS / name) for name in ("llada", "dream"))
RESPONSE = "<reasoning>Two and two.</reasoning>\n<answer>4</answer>"


def test_the_rehearsal_has_the_published_template_and_special_tokens():
    published = json.loads((ROOT / "tests/published/llada/tokenizer_config.json").read_text())
    assert published["chat_template"] == LLADA.chat_template
    for name in ("bos_token", "eos_token", "pad_token"):
        assert published[name] == getattr(LLADA, name)
    contents = {added["content"] for added in published["added_tokens_decoder"].values()}
    assert {added.content for added in LLADA.added_tokens_decoder.values()} <= contents


@pytest.mark.parametrize(
    "tokenizer, text",
    [
        (
            LLADA,
            "<|startoftext|><|start_header_id|>user<|end_header_id|>\n\nWhat is 2 + 2?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (
            DREAM,
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nWhat is 2 + 2?<|im_end|>\n"
            "<|im_start|>assistant\n",
        ),
    ],
)
def test_the_prompt_ends_with_the_header_of_the_answer(tokenizer, text):
    (ids,) = tokenization.encode_prompts(tokenizer, ["What is 2 + 2?"])
    assert tokenizer.decode(ids) == text
    example = tokenization.encode_example(tokenizer, "What is 2 + 2?", RESPONSE)
    assert example["input_ids"][: example["prompt_length"]] == ids


@pytest.mark.parametrize("tokenizer, end", [(LLADA, "<|eot_id|>"), (DREAM, "<|im_end|>")])
@settings(deadline=None, max_examples=50)
@given(question=st.text(max_size=40), response=st.text(max_size=60))
def test_the_response_is_itself_and_its_ends_once(tokenizer, end, question, response):
    """No header after it, whatever the template appends; the end of the turn and the end token once each."""
    example = tokenization.encode_example(tokenizer, question, response)
    span = example["input_ids"][example["prompt_length"] :]
    assert span == [
        *tokenizer(response, add_special_tokens=False).input_ids,
        tokenizer.convert_tokens_to_ids(end),
        tokenizer.eos_token_id,
    ]
    assert span.count(tokenizer.eos_token_id) == 1 + response.count("<|endoftext|>")


def test_a_template_without_an_end_of_turn_ends_with_the_end_token():
    miniature = tokenization.load_tokenizer(ROOT / "lift/miniature/weights")
    assert tokenization.end_of_turn(miniature) == miniature.eos_token_id
    example = tokenization.encode_example(miniature, "ann has 3 apples .", "<reasoning> so </reasoning>")
    assert example["input_ids"].count(miniature.eos_token_id) == 1
    assert example["input_ids"][-1] == miniature.eos_token_id


@pytest.mark.parametrize("tokenizer", [LLADA, DREAM])
def test_a_response_is_read_up_to_its_first_end(tokenizer):
    ends = {tokenization.end_of_turn(tokenizer), tokenizer.eos_token_id}
    example = tokenization.encode_example(tokenizer, "q", RESPONSE)
    span = example["input_ids"][example["prompt_length"] :]
    assert tokenization.decode_response(tokenizer, [*span, *span], ends) == (RESPONSE, True)
    assert tokenization.decode_response(tokenizer, span[:-2], ends) == (RESPONSE, False)
    beyond = len(tokenizer) + 3  # the embedding is larger than the tokenizer, and a model may choose such a token
    assert tokenization.decode_response(tokenizer, [beyond, *span], ends) == (RESPONSE, True)


def test_dream_needs_no_remote_code():
    declared = json.loads((MODELS / "dream/tokenizer_config.json").read_text())
    assert declared["tokenizer_class"] == "DreamTokenizer"
    assert "auto_map" in declared
    text = "Übung: x² ≥ 3\n\n  def f():\treturn 'a'"
    assert DREAM.decode(DREAM(text, add_special_tokens=False).input_ids) == text


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(MODELS / "llada", tmp_path / "model")


def _change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_tokenizer_that_does_not_fit_is_named(folder):
    _change(folder / "config.json", embedding_size=600, vocab_size=600)
    with pytest.raises(InputError, match=r"646 tokens, the model's vocabulary only 600"):
        tokenization.load_tokenizer(folder)
    _change(folder / "config.json", embedding_size=656, pad_token_id=3)
    with pytest.raises(InputError, match=r"pad_token_id is 641 in the tokenizer and 3 in config.json"):
        tokenization.load_tokenizer(folder)


def test_a_missing_tokenizer_or_template_is_named(folder):
    _change(folder / "tokenizer_config.json", chat_template=None)
    with pytest.raises(InputError, match="no chat template"):
        tokenization.load_tokenizer(folder)
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        tokenization.load_tokenizer(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"neither tokenizer.json nor vocab.json"):
        tokenization.load_tokenizer(folder)


def test_words_of_tokens_have_no_space():
    (token,) = LLADA(" the", add_special_tokens=False).input_ids
    assert tokenization.token_text(LLADA, token) == "the"
