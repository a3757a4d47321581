"""Chat templates and the span of a response, on LLaDA's published template and on ChatML, over small vocabularies."""

import json
import re
import shutil

import pytest
import tokenizers
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from lift.errors import InputError
from lift.models import tokenization
from tests.conftest import ROOT
from tests.rehearsal import make
from tests.stage_config import write_config

MODELS = ROOT / "tests/rehearsal/models"
LLADA, DREAM, QWEN3 = (tokenization.load_tokenizer(MODELS / name) for name in ("llada", "dream", "qwen3"))
MINIATURE = tokenization.load_tokenizer(ROOT / "lift/miniature/weights")
RESPONSE = "<reasoning>Two and two.</reasoning>\n<answer>4</answer>"


def test_the_rehearsal_is_what_its_script_makes(tmp_path):
    """Byte for byte, but for the weights: what random numbers are may depend on the processor."""
    make.write_all(tmp_path)
    files, made = ({p.relative_to(top): p for p in top.rglob("*") if p.is_file()} for top in (MODELS, tmp_path))
    assert files.keys() == made.keys()
    for name, path in files.items():
        assert path.stat().st_size == made[name].stat().st_size, name
        assert path.suffix == ".safetensors" or path.read_bytes() == made[name].read_bytes(), name


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
        (QWEN3, "<|im_start|>user\nWhat is 2 + 2?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"),
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
    assert span.count(tokenizer.eos_token_id) == 1


# ---- control tokens come from the template alone


def joint(tokenizer, question):
    """The ids of a rendered chat, tokenised whole."""
    chat = [{"role": "user", "content": question}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False).input_ids


def control(tokenizer, ids):
    return [i for i in ids if i in tokenizer.added_tokens_decoder]


def names(tokenizer):
    return [added.content for added in tokenizer.added_tokens_decoder.values()]


ORDINARY = [
    *("", " ", "\n", "\n\n x", "  two spaces", "user", "<|eot_id", "eot_id|>", "<|", "|>", "<reasoning>", "a\r\n\tb"),
    *("<|im_end|", "x <| y |> z", "Übung 3² ≥ 5", "the-response", "{{ x }} {% if %}", "<s></s>[INST]", "e\u0301", "🙂"),
]


@pytest.mark.parametrize("tokenizer", [LLADA, DREAM])
@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_tokenised_together_with_the_template(tokenizer, text):
    assert tokenization.encode_prompts(tokenizer, [text]) == [joint(tokenizer, text)]
    assert tokenization.encode(tokenizer, text) == tokenizer(text, add_special_tokens=False).input_ids


@pytest.mark.parametrize("tokenizer", [LLADA, DREAM])
@settings(deadline=None, max_examples=50)
@given(text=st.text(max_size=40))
def test_any_ordinary_text_is(tokenizer, text):
    assume(not any(name in text for name in names(tokenizer)))
    assert tokenization.encode_prompts(tokenizer, [text]) == [joint(tokenizer, text)]


@pytest.mark.parametrize("tokenizer, mask", [(LLADA, "<|mdm_mask|>"), (DREAM, "<|mask|>")])
@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_names_of_control_tokens_in_text_are_text(tokenizer, mask, data):
    """Each alone, several, cut, nested and doubled, among other text: no control id, and the text comes back."""
    pieces = st.sampled_from([*names(tokenizer), *ORDINARY[1:12], "<<|", *(name[:-1] for name in names(tokenizer))])
    question, response = ("".join(data.draw(st.lists(pieces, max_size=6))) for _ in range(2))
    example = tokenization.encode_example(tokenizer, question, response)
    prompt, span = (
        example["input_ids"][: example["prompt_length"]],
        example["input_ids"][example["prompt_length"] : -2],
    )
    assert control(tokenizer, span) == []
    assert tokenizer.decode(span) == response
    assert control(tokenizer, prompt) == control(tokenizer, joint(tokenizer, "q"))
    assert tokenizer.decode(prompt) == tokenizer.decode(joint(tokenizer, question))
    assert tokenizer.convert_tokens_to_ids(mask) not in example["input_ids"]


@pytest.mark.parametrize("tokenizer", [LLADA, DREAM])
def test_every_control_token_can_be_asked_about(tokenizer):
    for name in names(tokenizer):
        for text in (name, f"What does {name} do?", f"{name}{name}", f"<{name}>", f"a\n{name}\n"):
            (ids,) = tokenization.encode_prompts(tokenizer, [text])
            assert control(tokenizer, ids) == control(tokenizer, joint(tokenizer, "q"))
            assert tokenizer.decode(ids) == tokenizer.decode(joint(tokenizer, text))
            assert control(tokenizer, tokenization.encode(tokenizer, text)) == []


def test_the_text_beside_a_control_token_is_tokenised_as_ever():
    """What is written of a name is what the tokenizer writes of the same letters without the token."""
    bare = tokenization.load_tokenizer(MODELS / "dream")  # has no <|eot_id|>
    text = "Say <|eot_id|> twice.\n"
    assert tokenization.encode(LLADA, text) == tokenization.encode(bare, text)
    (ids,) = tokenization.encode_prompts(LLADA, [" \n<|eot_id|>"])  # the template trims
    assert ids == tokenization.encode_prompts(LLADA, ["<|eot_id|>"])[0]


def test_prompts_in_a_batch_are_those_alone():
    prompts = ["one", "two <|eot_id|>", "three"]
    assert tokenization.encode_prompts(LLADA, prompts) == [
        ids for prompt in prompts for ids in tokenization.encode_prompts(LLADA, [prompt])
    ]


def test_added_words_stay_words_and_barred_ones_are_control_tokens():
    tokenizer = tokenization.load_tokenizer(MODELS / "dream")
    tokenizer.add_tokens(["<|fim_middle|>", "newword"])  # neither is special
    text = "a newword<|fim_middle|><|im_end|>"
    ids = tokenization.encode(tokenizer, text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.convert_tokens_to_ids("newword") in ids
    assert tokenizer.convert_tokens_to_ids("<|fim_middle|>") not in ids
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") not in ids


@pytest.mark.parametrize("normalized", [False, True])
def test_a_tokenizer_that_starts_texts_with_a_space_starts_no_part_with_one(normalized):
    special = ["<s>", "</s>", "<|im_end|>", "<|mask|>"]
    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="first")
    inner.decoder = tokenizers.decoders.Metaspace(prepend_scheme="first")
    trainer = tokenizers.trainers.BpeTrainer(special_tokens=special, show_progress=False, vocab_size=80)
    inner.train_from_iterator(["user a b say what is </s> <|im_end|> <|mask|> [INST]"] * 3, trainer)
    inner.add_special_tokens([tokenizers.AddedToken(name, normalized=normalized, special=True) for name in special])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = "{{ bos_token }}[INST] {{ messages[0]['content'] }} [INST]<|im_end|>"
    for text in ("what is </s> a", "<|mask|>", " <|im_end|> b"):
        (ids,) = tokenization.encode_prompts(tokenizer, [text])
        assert control(tokenizer, ids) == control(tokenizer, joint(tokenizer, "a"))
        assert tokenizer.decode(ids) == f"<s>[INST] {text} [INST]<|im_end|>"


def test_a_mask_that_only_the_config_names_is_a_control_token(folder):
    spec = json.loads((folder / "tokenizer.json").read_text())
    for added in spec["added_tokens"]:
        if added["content"] == "<|mdm_mask|>":
            added |= {"content": "[gMASK]", "special": False}
    (folder / "tokenizer.json").write_text(json.dumps(spec))
    declared = json.loads((folder / "tokenizer_config.json").read_text())
    declared.pop("added_tokens_decoder")
    (folder / "tokenizer_config.json").write_text(json.dumps(declared))
    tokenizer = tokenization.load_tokenizer(folder)
    mask = tokenizer.convert_tokens_to_ids("[gMASK]")
    assert mask == json.loads((folder / "config.json").read_text())["mask_token_id"]
    assert mask not in tokenization.encode_example(tokenizer, "[gMASK]", "so [gMASK]")["input_ids"]


@pytest.mark.parametrize("name", ["<|mask|>", "<|eos|>", "<|bos|>", "<|user|>", "<|assistant|>"])
def test_a_vocabulary_of_words_refuses_its_control_tokens(name):
    """It has no letters to write them with."""
    for question, response in ((f"ann {name} .", "so"), ("ann", f"{name} so")):
        with pytest.raises(InputError, match=re.escape(name)):
            tokenization.encode_example(MINIATURE, question, response)


def test_words_that_a_vocabulary_lacks_are_unknown_as_ever():
    text = "zebra 3 apples"
    assert tokenization.encode(MINIATURE, text) == MINIATURE(text, add_special_tokens=False).input_ids
    assert tokenization.encode_prompts(MINIATURE, [text]) == [joint(MINIATURE, text)]


def test_a_template_that_depends_on_the_text_is_refused_only_with_control_tokens(folder):
    template = (
        "{{ '<|eot_id|>' if '!' in messages[0]['content'] }}{{ messages[0]['content'] }}{{ messages[-1]['content'] }}"
    )
    _change(folder / "tokenizer_config.json", chat_template=template)
    tokenizer = tokenization.load_tokenizer(folder)
    assert tokenization.encode_prompts(tokenizer, ["a"]) == [joint(tokenizer, "a")]
    with pytest.raises(InputError, match="writes differently around a text"):
        tokenization.encode_prompts(tokenizer, ["a <|eot_id|>"])


def test_half_a_character_is_refused():
    for text in ("\ud83d", "cut \ude00 off"):
        with pytest.raises(InputError, match="half of a character"):
            tokenization.encode(LLADA, text)
        with pytest.raises(InputError, match="half of a character"):
            tokenization.encode_prompts(DREAM, ["whole", text])


def test_the_stage_names_the_line(tmp_path, monkeypatch, lift_command):
    rows = [{"prompt": "ann", "response": "so"}] * 3 + [{"prompt": "ann", "response": "<|mask|>"}]
    corpora = {"c": {"source": "mini-traces", "held_out": 1}}
    path, experiment = write_config(tmp_path, ROOT / "lift/miniature/weights", corpora=corpora)
    corpus = experiment.layout.corpus("c")
    corpus.parent.mkdir(parents=True)
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    code, _, errors = lift_command("tokenise", "--config", path, "--corpus", "c", "--model", "m")
    assert code == 2
    assert "c.jsonl, line 4: '<|mask|>'" in errors


# ---- ends, templates and files


def test_a_template_without_an_end_of_turn_ends_with_the_end_token():
    assert tokenization.end_of_turn(MINIATURE) == MINIATURE.eos_token_id
    example = tokenization.encode_example(MINIATURE, "ann has 3 apples .", "<reasoning> so </reasoning>")
    assert example["input_ids"].count(MINIATURE.eos_token_id) == 1
    assert example["input_ids"][-1] == MINIATURE.eos_token_id


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


@pytest.mark.parametrize("eos", [None, ""])
def test_a_tokenizer_without_an_end_token_is_named(folder, eos):
    _change(folder / "tokenizer_config.json", eos_token=eos)
    with pytest.raises(InputError, match=r"tokenizer_config.json: there is no end token"):
        tokenization.load_tokenizer(folder)


@pytest.mark.parametrize(
    "template, message",
    [
        ("{% for message in messages %}", "cannot be used"),
        ("{{ messages[0]['content'] ", "cannot be used"),
        ("{{ raise_exception('no chats here') }}", "no chats here"),
        ("{{ messages[0]['content'] + 1 }}", "cannot be used"),
        ("{{ messages | no_such_filter }}", "cannot be used"),
        ("<|start_header_id|>user<|end_header_id|>", "leaves out"),
        ("{{ messages[0]['content'] }}", "leaves out"),  # the assistant's turn
        ("", "leaves out|no chat template"),
    ],
)
@pytest.mark.parametrize("in_a_file", [False, True])
def test_a_template_with_a_fault_is_named(folder, template, message, in_a_file):
    _change(folder / "tokenizer_config.json", chat_template=None if in_a_file else template)
    if in_a_file:
        (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(InputError, match=message) as caught:
        tokenization.load_tokenizer(folder)
    if "no chat template" not in str(caught.value):
        assert ("chat_template.jinja" if in_a_file else "tokenizer_config.json") in str(caught.value)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 11423705\n"


@pytest.mark.parametrize("name, file", [
    *(("llada", file) for file in ("config.json", "tokenizer_config.json", "tokenizer.json")),
    *(("dream", file) for file in ("config.json", "tokenizer_config.json", "vocab.json", "merges.txt")),
])  # fmt: skip
@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b'{"a": ', POINTER, b"\xff\xfe\x00", b"\x00" * 20])
def test_a_broken_file_is_named(tmp_path, name, file, content):
    folder = shutil.copytree(MODELS / name, tmp_path / "model")
    (folder / file).write_bytes(content)
    with pytest.raises(InputError, match=re.escape(file)):
        tokenization.load_tokenizer(folder)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_read_or_named(folder, encoding):
    path = folder / "config.json"
    path.write_text(path.read_text(), encoding=encoding)
    assert len(tokenization.load_tokenizer(folder)) == len(LLADA)
    path = folder / "tokenizer_config.json"
    path.write_text(path.read_text(), encoding=encoding)
    with pytest.raises(InputError, match=r"tokenizer_config.json"):
        tokenization.load_tokenizer(folder)


@pytest.mark.parametrize("size", ["656", None])
def test_a_vocabulary_of_no_size_is_named(folder, size):
    _change(folder / "config.json", embedding_size=size, vocab_size=size)
    with pytest.raises(InputError, match=rf"config.json: the vocabulary's size is {size!r}"):
        tokenization.load_tokenizer(folder)


def test_words_of_tokens_have_no_space():
    (token,) = LLADA(" the", add_special_tokens=False).input_ids
    assert tokenization.token_text(LLADA, token) == "the"
