"""What stands in a data file reaches the examples as written; what cannot be read is named with its cause."""

import csv
import gzip
import json
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift.data import sources
from lift.data.benchmarks import aime24, gsm8k, math500
from lift.data.corpora import dataset, kodcode
from lift.errors import InputError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
WRITTEN = [
    "2024-01-05",
    "2024-01-05T00:00:00Z",
    "2024-01-05 10:11:12",
    "12:30",
    "1/2",
    "007",
    "1.50",
    "1e5",
    "1E-7",
    "+5",
    "-0",
    ".5",
    "5.",
    "1,200",
    "1_000",
    str(2**70),
    "0." + "1" * 40,
    "9" * 5000,
    "NA",
    "N/A",
    "n/a",
    "NaN",
    "nan",
    "None",
    "null",
    "NULL",
    "inf",
    "-Infinity",
    "true",
    "False",
    "#N/A",
    "  spaced  ",
    "\tx",
    "a\nb",
    "a\r\nb",
    "a\rb",
    "a\u2028b\u2029c\x85d\x0b\x0c\x1ce",
    'the "word", quoted',
    "\ufeffx",
    "x\x00y",
    "{'a': 1}",
    "[1, 2]",
    '{"a": 1}',
    r"\frac{1}{2}",
    "\N{SNOWMAN} \U0001f600 e\u0301",
]


def write_csv(path, *rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def write_jsonl(path, *rows, **options):
    path.write_text("".join(json.dumps(row, **options) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def answers(path):
    """The answers of the examples of a file with the fields question and answer."""
    examples = dataset.examples(path=path, reasoning="")
    return [example["response"].partition("<answer>")[2].removesuffix("</answer>") for example in examples]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "unescaped", "parquet", "jsonl.gz", "folder", "csv folder"])
def test_texts_of_every_form_come_as_written(kind, tmp_path):
    """All of one file, and each in a file of its own, where nothing else in the column tells that it is a text."""
    for i, column in enumerate([WRITTEN, *([text] for text in WRITTEN if kind not in ("parquet", "folder"))]):
        rows = [{"question": "q", "answer": text} for text in column]
        folder = tmp_path / str(i)
        folder.mkdir()
        path = folder / f"a.{kind}"
        if kind == "csv":
            write_csv(path, ["question", "answer"], *(row.values() for row in rows))
        elif kind == "csv folder":
            path = folder
            write_csv(folder / "a.csv", ["question", "answer"], *(row.values() for row in rows))
        elif kind == "folder":
            path = folder
            write_jsonl(folder / "a.jsonl", *rows)
        elif kind == "json":
            path.write_text(json.dumps(rows, indent=1))
        elif kind == "parquet":
            pd.DataFrame(rows).to_parquet(path)
        elif kind == "jsonl.gz":
            path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
        else:
            path = path.with_suffix(".jsonl")
            write_jsonl(path, *rows, ensure_ascii=kind != "unescaped")
        assert answers(str(path)) == column
        if kind in ("folder", "csv folder"):
            break


@settings(deadline=None, max_examples=100)
@given(column=st.lists(TEXTS, min_size=1, max_size=5), ascii_only=st.booleans())
def test_any_texts_come_as_written(column, ascii_only, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    lines = write_jsonl(
        folder / "a.jsonl", *({"question": "q", "answer": text} for text in column), ensure_ascii=ascii_only
    )
    assert answers(lines) == column
    assert answers(write_csv(folder / "a.csv", ["question", "answer"], *(["q", text] for text in column))) == column


@pytest.mark.parametrize(
    "number", ["18", "1.50", "1e5", "1E+5", "-0", "-0.0", "0.1", "100000.0", str(2**70), "9" * 5000, "1e-400"]
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_numbers_come_as_written(number, name, tmp_path):
    path = tmp_path / name
    row = f'{{"question": "q", "answer": {number}, "problem": 5}}'
    path.write_text(f"[{row},\n {row}]" if name == "a.json" else f"{row}\n{row}\n")
    assert answers(str(path)) == [number] * 2
    assert math500.problems(path=str(path), rows=2)[1]["answer"] == number


def test_numbers_of_parquet_have_its_types(tmp_path):
    path = tmp_path / "a.parquet"
    columns = [
        ([18, 7], ["18", "7"]),
        ([0.5, 18.0], ["0.5", "18.0"]),
        ([Decimal("1.50"), Decimal("2.00")], ["1.50", "2.00"]),
        ([date(2024, 1, 5), date(2024, 1, 6)], ["2024-01-05", "2024-01-06"]),
    ]
    for column, written in columns:
        pd.DataFrame({"question": ["q", "r"], "answer": column}).to_parquet(path)
        assert answers(str(path)) == written


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "null", "true", "false", "{}", '{"text": "x"}', "[null]", "[[1]]", "[{}]"]
)
@pytest.mark.parametrize("field", ["question", "reasoning", "answer"])
def test_what_is_no_text_is_refused_with_its_line(value, field, tmp_path):
    path = tmp_path / "a.jsonl"
    good = {"question": "q", "reasoning": "r", "answer": "a"}
    bad = json.dumps(good | {field: "@"}).replace('"@"', value)
    path.write_text(f"{json.dumps(good)}\n\n{bad}\n")
    with pytest.raises(InputError, match=rf"a\.jsonl, line 3 \(row 1\): the field '{field}'"):
        dataset.examples(path=str(path))
    path.write_text(f"[\n{json.dumps(good)},\n{bad}\n]")
    with pytest.raises(InputError, match=rf"a\.jsonl, line 3 \(row 1\): the field '{field}'"):
        dataset.examples(path=str(path))


@pytest.mark.parametrize(
    "column",
    [[float("nan"), 1.5], [None, "x"], [True, False], [{"a": 1}, {"a": 2}], [b"x", b"y"], [datetime(2024, 1, 5)] * 2],
)
def test_what_is_no_text_in_parquet_is_refused_with_its_row(column, tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"question": ["q", "r"], "answer": column}).to_parquet(path)
    with pytest.raises(InputError, match=r"a\.parquet, row 0: the field 'answer'"):
        answers(str(path))


@pytest.mark.parametrize("value", ["", " \n", "\N{NO-BREAK SPACE}", []])
def test_an_empty_question_is_refused_but_no_empty_trace_or_answer(value, tmp_path):
    good = {"question": "q", "reasoning": value, "answer": value}
    path = write_jsonl(tmp_path / "a.jsonl", good, good | {"question": value})
    with pytest.raises(InputError, match=r"a\.jsonl, line 2 \(row 1\): the field 'question' is empty"):
        dataset.examples(path=path)
    path = write_jsonl(tmp_path / "a.jsonl", good)
    written = value or ""
    response = f"<reasoning>{written}</reasoning>\n<answer>{written}</answer>"
    assert dataset.examples(path=path)[0]["response"] == response


def test_an_empty_cell_is_an_empty_text(tmp_path):
    header = ["question", "reasoning", "answer", "note"]
    path = write_csv(tmp_path / "a.csv", header, ["q", "", "NA", ""], ["q", "None", "a"], ["q", "r", "", ""])
    assert [example["response"] for example in dataset.examples(path=path)] == [
        "<reasoning></reasoning>\n<answer>NA</answer>",
        "<reasoning>None</reasoning>\n<answer>a</answer>",
        "<reasoning>r</reasoning>\n<answer></answer>",
    ]


def test_the_first_of_a_list_counts_where_lists_are_published(tmp_path):
    row = {"question": "q", "sol": ["073", "74"], "answer": ["1.50"], "reasoning": [], "problem": ["p"]}
    path = write_jsonl(tmp_path / "a.jsonl", row)
    assert aime24.problems(path=path, rows=1)[0]["answer"] == "073"
    assert dataset.examples(path=path)[0]["response"] == "<reasoning></reasoning>\n<answer>1.50</answer>"
    with pytest.raises(InputError, match=r"the field 'problem' must be a text or a number, not a list"):
        math500.problems(path=path, rows=1)


def test_half_a_character_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"question": "q", "answer": "a\\ud800b"}\n')
    with pytest.raises(InputError, match=r"line 1 \(row 0\): the field 'answer' holds half a character"):
        answers(str(tmp_path / "a.jsonl"))
    (tmp_path / "a.jsonl").write_text('{"question": "q", "answer": "a\\ud83d\\ude00b"}\n')
    assert answers(str(tmp_path / "a.jsonl")) == ["a\U0001f600b"]


# Layouts that are read


@pytest.mark.parametrize(
    "content",
    [
        '{"question": "q", "answer": "a"}\n{"question": "q", "answer": "b"}',
        '\ufeff{"question": "q", "answer": "a"}\r\n\r\n{"question": "q", "answer": "b"}\r\n',
        '{"question": "q",\n "answer": "a"}\n{\n"question": "q", "answer": "b"\n}\n',
        '{"question": "q", "answer": "a"} {"question": "q", "answer": "b"}',
        '[{"question": "q", "answer": "a"}, {"question": "q", "answer": "b"}]',
        '{"question": "q", "answer": "a", "score": NaN, "more": {"x": [null]}}\n{"answer": "b", "question": "q"}',
    ],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_layouts_of_json(content, name, tmp_path):
    (tmp_path / name).write_bytes(content.encode())
    assert answers(str(tmp_path / name)) == ["a", "b"]


@pytest.mark.parametrize(
    "content",
    [
        "question,answer\nq,a\nq,b\n",
        "\ufeffquestion,answer\r\nq,a\r\n\r\nq,b\r\n",
        "\nquestion,answer\rq,a\rq,b",
        ',answer,question,,note,note\n0,"a",q,,,\n1,b,"q, or\n""r""",,x,y\n',
        "question,answer,note\nq,a\nq,b,\n",
    ],
)
def test_layouts_of_csv(content, tmp_path):
    (tmp_path / "a.csv").write_bytes(content.encode())
    assert answers(str(tmp_path / "a.csv")) == ["a", "b"]


def test_a_long_cell_is_read(tmp_path):
    text = "x" * 300_000
    assert answers(write_csv(tmp_path / "a.csv", ["question", "answer"], ["q", text])) == [text]


def test_a_folder_has_subsets_and_splits(tmp_path):
    """As on the hub: the card says which files make a subset; splits may be parts and sums."""
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: data/*.jsonl\n"
        "  - split: test\n    path: test.jsonl.gz\n"
        "- config_name: within\n  field: rows\n  data_files: within.json\n---\n"
    )
    (tmp_path / "data").mkdir()
    for i in range(3):
        write_jsonl(tmp_path / f"data/{i} [1].jsonl", {"question": "q", "answer": f"00{i}"})
    (tmp_path / "test.jsonl.gz").write_bytes(gzip.compress(b'{"answer": 1.50}\n{"answer": "NA"}\n'))
    (tmp_path / "within.json").write_text('{"rows": [{"question": "q", "answer": "a"}]}')

    def found(subset, split):
        rows = sources.read_rows(str(tmp_path), fields=["answer"], subset=subset, split=split)
        return [row["answer"] for row in rows]

    assert found("main", "train") == ["000", "001", "002"]
    assert found("main", "test") == ["1.50", "NA"]
    assert found("main", "train[1:]+test[:50%]") == ["001", "002", "1.50"]
    assert found("within", "train") == ["a"]
    with pytest.raises(InputError, match=r"cannot be read: Unknown split \"dev\""):
        found("main", "dev")


def test_a_folder_may_have_another_separator(tmp_path):
    (tmp_path / "README.md").write_text(
        '---\nconfigs:\n- config_name: default\n  sep: "\\t"\n  data_files: a.csv\n---\n'
    )
    (tmp_path / "a.csv").write_text("question\tanswer\nq\t2024-01-05\n")
    assert answers(str(tmp_path)) == ["2024-01-05"]


# What cannot be read


NAMES = [
    "a [1]",
    "[1]",
    "a*b",
    "a?",
    "a b",
    "it's",
    'a"b',
    "a{b}",
    "{}",
    "50%",
    "a#b",
    "train",
    "a\nb",
    "[!a]",
    "\N{SNOWMAN}",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "jsonl.gz", "folder"])
def test_names_are_names_and_no_patterns(name, kind, tmp_path):
    row = {"question": "q", "answer": "007"}
    path = tmp_path / (name if kind == "folder" else f"{name}.{kind}")
    if kind == "folder":
        path.mkdir()
        write_jsonl(path / "rows [1]*'.jsonl", row)
    elif kind == "csv":
        write_csv(path, row, row.values())
    elif kind == "parquet":
        pd.DataFrame([row]).to_parquet(path)
    else:
        content = json.dumps(row).encode()
        path.write_bytes(gzip.compress(content) if kind.endswith("gz") else content)
    for other in ("a1.jsonl", "1.jsonl", "ab.csv", "aXb.csv"):  # which a pattern would find
        write_jsonl(tmp_path / other, {"question": "q", "answer": "another"})
    assert answers(str(path)) == ["007"]


def parquet(folder):
    pd.DataFrame({"question": ["q"], "answer": ["a"]}).to_parquet(folder / "whole.parquet")
    return (folder / "whole.parquet").read_bytes()


GOOD = b'{"question": "q", "answer": "a"}\n'
CSV = b"question,answer\nq,a\n"


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("a.jsonl", b"", ["empty"]),
        ("a.jsonl", b"\n \n", ["empty"]),
        ("a.jsonl", b"\xef\xbb\xbf", ["no rows"]),
        ("a.json", b"[]", ["no rows"]),
        ("a.json", b"", ["empty"]),
        ("a.csv", b"", ["empty"]),
        ("a.csv", b"question,answer\n", ["no rows"]),
        ("a.parquet", b"", ["empty"]),
        ("a.jsonl.gz", b"", ["empty"]),
        ("a.jsonl.gz", gzip.compress(b"", mtime=0), ["empty"]),
        ("a.jsonl.gz", gzip.compress(GOOD * 99, mtime=0)[:-9], ["ended before"]),
        ("a.jsonl", gzip.compress(GOOD * 99, mtime=0)[:-9], ["ended before"]),
        ("a.jsonl.gz", GOOD, ["gzip"]),
        ("a.jsonl", GOOD + b'{"question": "q", "ans', ["line 2", "no JSON", "Unterminated string"]),
        ("a.jsonl", GOOD + b'{"question": "q"', ["line 2", "no JSON"]),
        ("a.jsonl", GOOD + b"{'question': 'q'}", ["line 2", "no JSON"]),
        ("a.jsonl", GOOD + b'{"answer": "1", "answer": "2"}', ["line 2", "'answer'", "twice"]),
        ("a.jsonl", GOOD + b'{"answer": 007}', ["line 2", "no JSON"]),
        ("a.jsonl", GOOD + b'"text"\n', ["line 2", "no JSON object"]),
        ("a.jsonl", GOOD + b"[" * 100_000, ["line 2"]),
        ("a.jsonl", GOOD + b'{"a": ' * 100_000, ["line 2", "no JSON"]),
        ("a.json", b"[\n" + GOOD + b",\n", ["line 3", "within its list"]),
        ("a.json", b"[\n" + GOOD + b", {", ["line 3", "no JSON"]),
        ("a.json", b"<!DOCTYPE html>\n<html>", ["line 1", "no JSON"]),
        ("a.jsonl", GOOD + '{"question": "caf\xe9", "answer": "a"}\n'.encode("latin-1"), ["line 2", "UTF-8"]),
        ("a.csv", CSV + "caf\xe9,a\n".encode("latin-1"), ["line 3", "UTF-8"]),
        ("a.csv", CSV.decode().encode("utf-16"), ["line 1", "UTF-8"]),
        ("a.csv", b"PK\x03\x04\xff\xfe", ["line 1", "UTF-8"]),
        ("a.csv", CSV + b'q,"a\nb\n', ["line 3", "no CSV", "end of data"]),
        ("a.csv", CSV + b'q,"a"b\n', ["line 3", "no CSV"]),
        ("a.csv", CSV + b'q,"a\nb"\nq,a,b\n', ["line 5", "3 cells", "2 columns"]),
        ("a.csv", b"question,answer\nq,a,b\n", ["line 2", "3 cells", "2 columns"]),
        ("a.csv", CSV + b"\nq\n", ["line 4 (row 1)", "no field 'answer'"]),
        ("a.csv", b"question;answer\nq;a\n", ["line 1", "separated by ','"]),
        ("a.csv", b"question\tanswer\nq\ta\n", ["line 1", "separated by ','"]),
        ("a.csv", b"question,answer,answer\nq,a,b\n", ["line 1", "more than one column", "'answer'"]),
        ("a.csv", b"question,answr\nq,a\n", ["line 2 (row 0)", "no field 'answer'; it has question, answr"]),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", ["git lfs pull"]),
        ("a.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", ["git lfs pull"]),
        ("a.parquet", b"PAR1 and no more", ["Parquet"]),
        ("a.parquet", parquet, ["Parquet"]),
    ],
)
def test_files_that_cannot_be_read_are_named_with_the_cause(name, content, words, tmp_path):
    path = tmp_path / name
    path.write_bytes(content(tmp_path)[:-20] if callable(content) else content)
    with pytest.raises(InputError) as raised:
        answers(str(path))
    assert [word for word in [str(path), *words] if word not in str(raised.value)] == []
    assert "\n" not in str(raised.value)


def test_a_file_of_a_folder_is_named(tmp_path):
    folder = tmp_path / "rows [1]"
    folder.mkdir()
    with pytest.raises(
        InputError, match=r"rows \[1\] cannot be read: The directory at .*rows \[1\] doesn't contain any"
    ):
        answers(str(folder))
    (folder / "a.jsonl").write_text('{"question": "q", "answer": "a"}\n{"question": "q"}\n')
    with pytest.raises(InputError, match=r"rows \[1\]/a\.jsonl, line 2 \(row 1\): there is no field 'answer'"):
        answers(str(folder))
    (folder / "a.jsonl").write_text("{")
    with pytest.raises(InputError, match=r"rows \[1\]/a\.jsonl cannot be read: line 1 is no JSON"):
        answers(str(folder))


@pytest.mark.parametrize("path", ["x" * 5000 + ".jsonl", "a\x00.jsonl", "no/such/file.csv", "", "/dev/null/a.csv"])
def test_paths_that_are_none_are_named(path):
    with pytest.raises(InputError):
        sources.read_rows(path, fields=[])


def test_code_is_a_text_too(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", {"question": "q", "solution": ["x = 1"]})
    with pytest.raises(InputError, match=r"line 1 \(row 0\): the field 'solution' must be a text"):
        kodcode.examples(path=path, rows=1)


def test_a_prompt_in_another_encoding_is_named(tmp_path):
    own = tmp_path / "mine.txt"
    rows = write_jsonl(tmp_path / "a.jsonl", {"question": "q", "answer": "#### 5"})
    own.write_bytes(b"\xef\xbb\xbfSay {question}")
    assert gsm8k.problems(path=rows, rows=1, prompt=str(own))[0]["prompt"] == "Say q"
    own.write_bytes("caf\xe9 {question}".encode("latin-1"))
    with pytest.raises(InputError, match=r"mine\.txt' cannot be read: it is no text in UTF-8"):
        gsm8k.problems(path=rows, rows=1, prompt=str(own))
    with pytest.raises(InputError, match=r"cannot be read: Is a directory"):
        gsm8k.problems(path=rows, rows=1, prompt=str(tmp_path))
