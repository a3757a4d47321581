r"""The spellings of one answer: what mathematics, GSM8K, Countdown and code read as the same, and what they do not.

tests/data/golds.txt holds published answers of MATH-500 and AIME, of every kind. With LIFT_DATA naming a folder with
math500.jsonl, aime24.json and aime25.json, all of them are tried.
"""

import json
import os
import random
import re
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lift.grade.boxes import boxes, last_boxes
from lift.grade.graders import code, countdown, gsm8k, mathematics
from lift.grade.spelling import LONGEST, join_thousands, plain

DATA = Path(__file__).parent / "data"
GOLDS = (DATA / "golds.txt").read_text().splitlines()


def boxed(content: str) -> str:
    return f"so.\n</reasoning>\n<answer>\n\\boxed{{{content}}}\n</answer>"


def verdicts(pairs: list[tuple[str, str]]) -> list[bool]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda pair: mathematics.equivalent(*pair), pairs))


def some(pairs: list, number: int) -> list:
    """With LIFT_DATA all of them."""
    return pairs if "LIFT_DATA" in os.environ else random.Random(0).sample(pairs, number)


def golds() -> list[str]:
    if "LIFT_DATA" not in os.environ:
        return GOLDS
    data = Path(os.environ["LIFT_DATA"])
    found = [json.loads(line)["answer"] for line in (data / "math500.jsonl").read_text().splitlines()]
    for name in ("aime24.json", "aime25.json"):
        found += [row["sol"][0] for row in json.loads((data / name).read_text())]
    return sorted(set(found))


# The normal spelling


@pytest.mark.parametrize(
    "written, spelled",
    [
        (r"13\,", "13"),
        (r"\quad 13 \;\!", "13"),
        (r"13\.", "13"),
        (r"13\\", "13"),
        (r"\textbf{\text{073}}", "073"),
        (r"{\bf 73}", "73"),
        (r"\textcolor{red}{73}\hspace{1em}", "73"),
        (r"\begin{aligned}x &= 73\end{aligned}", "x = 73"),
        ("\N{FULLWIDTH DIGIT SEVEN}\N{MATHEMATICAL BOLD DIGIT THREE}\N{ZERO WIDTH SPACE}", "73"),
        ("- 5", "-5"),
        ("-{5}", "-5"),
        ("{{-5}}", "-5"),
        ("-(5)", "-5"),
        ("+5", "5"),
        ("\N{EN DASH}5", "-5"),
        ("(2, - 5)", "(2,-5)"),
        ("1 200", "1200"),
        ("1~200", "1200"),
        ("1\N{NARROW NO-BREAK SPACE}200", "1200"),
        (r"12{,}\!000", "12000"),
        (r"11,\! 111,\! 111,\! 100", "11111111100"),
        (r"1.5 \times 10^3", "1500"),
        ("1.5e-3", "0.0015"),
        (r"1/3 \times 10^3", r"1/3 \times 10^3"),
        (r"\frac12", r"\frac{1}{2}"),
        (r"\tfrac 1 2", r"\frac{1}{2}"),
        (r"\dfrac\pi2", r"\frac{\pi}{2}"),
        (r"\frac{\frac12}3", r"\frac{\frac{1}{2}}{3}"),
        ("2\N{VULGAR FRACTION ONE HALF}", r"2\frac{1}{2}"),
        ("2 1/2", r"2\frac{1}{2}"),
        (r"0.1\overline{6}", r"\frac{15}{90}"),
        (r"1.\bar3", r"\frac{12}{9}"),
        ("0.(3)", r"\frac{3}{9}"),
        ("x\N{SUPERSCRIPT TWO}", "x^{2}"),
        ("x**2 + y**2", "x^2 + y^2"),
        ("**73**", "73"),
        ("`73`", "73"),
        ("\N{SQUARE ROOT}12", r"\sqrt{12}"),
        ("2\N{SQUARE ROOT}3", r"2\sqrt{3}"),
        ("\N{SQUARE ROOT}(x+1)", r"\sqrt{x+1}"),
        ("\N{SQUARE ROOT}2.5", r"\sqrt{2.5}"),
        ("\N{SQUARE ROOT}\\frac12", r"\sqrt{\frac{1}{2}}"),
        ("\N{CUBE ROOT}8", r"\sqrt[3]{8}"),
        (r"4\sqrt(2)", r"4\sqrt{2}"),
        ("sqrt(2)", r"\sqrt{2}"),
        (r"\sqrt12", r"\sqrt{1}2"),
        (r"\sqrt[3]{8}", r"\sqrt[3]{8}"),
        (r"13\degree", r"13^\circ"),
        ("13\N{DEGREE SIGN}", r"13^\circ"),
        (r"\bigl(3, 4\Bigr]", "(3, 4 ]"),
        (r"\left\{1, 2\right\}", r"\{1, 2\}"),
        (r"\left(\begin{array}{c} 1 \\ 2 \end{array}\right)", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
        (r"\text{12 apples}", r"12\text{apples}"),
        (r"\mathrm{east}", r"\text{east}"),
        (r"2+3\mathrm{i}", "2+3i"),
        (r"5\text{ m}", r"5\text{ m}"),
        (r"x^\text{2}", "x^{2}"),
        (r"\operatorname{arctan}x", r"\arctan x"),
        ("4{10}", "4{10}"),  # a lost root: no 410
        ("7!", "7!"),
        (r"\text{", r"\text{"),
        ("", ""),
    ],
)
def test_plain(written, spelled):
    assert plain(written) == spelled
    assert plain(spelled) == spelled or "text{apples}" in spelled


def test_plain_leaves_what_is_too_long():
    assert plain("{" * LONGEST) == "{" * LONGEST  # no braces close: it must end, and soon
    assert plain(r"\frac" * LONGEST) == r"\frac" * LONGEST


@pytest.mark.parametrize(
    "written, spelled",
    [
        ("1,200", "1200"),
        ("-12,345.6", "-12345.6"),
        ("1,20", "1,20"),
        ("(1,200)", "(1,200)"),
        (r"\{1,200\}", r"\{1,200\}"),
    ],
)
def test_thousands(written, spelled):
    assert join_thousands(written) == spelled


# Boxes


@pytest.mark.parametrize(
    "text, expected",
    [
        ("<answer>\nboxed{255}\n</answer>", ["255"]),
        (r"\nboxed{255}", ["255"]),
        ("\boxed{73}", ["73"]),  # \b has become a backspace
        (r"<<answer\boxed{73}", ["73"]),
        (r"\framebox{73} \framebox[2cm][c]{74} \bbox{75} \box{76}", ["73", "74", "75", "76"]),
        (r"$\boxed 73$.", ["73"]),
        (r"so \boxed73 is it", ["73"]),
        (r"\boxed -5", ["-5"]),
        (r"\boxed \frac{1}{2}</answer>", [r"\frac{1}{2}"]),
        (r"\boxed(3,4)", ["(3,4)"]),
        (r"\boxed 3, \boxed 5.", ["3", "5"]),
        (r"with \boxed notation, unboxed{3}, we boxed 12 cookies", []),
        (r"put it in \boxed{}", [""]),
    ],
)
def test_other_boxes(text, expected):
    assert boxes(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        (r"\boxed{3}, \boxed{5}, and \boxed{7}", ["3", "5", "7"]),
        (r"$x = \boxed{3}$ or $x_2 = \boxed{5}$.", ["3", "5"]),
        ("\\boxed{3}\n\\boxed{5} \\\\ \\boxed{7}", ["3", "5", "7"]),
        (r"\boxed{3} is wrong. So \boxed{5}", ["5"]),
        (r"\boxed{x = \boxed{3}}", ["3"]),
        ("", []),
    ],
)
def test_boxes_of_a_list(text, expected):
    assert last_boxes(text) == expected


# Mathematics

# ruff: noqa: E501, RUF001
RIGHT = r"""
-5 ~ - 5 ~ -{5} ~ {-5} ~ −5 ~ –5 ~ -(5) ~ -5.0 ~ \text{-5} ~ x = -5
1200 ~ 1 200 ~ 1~200 ~ 1{,}200 ~ 1\,200 ~ 1,200 ~ 1.2 \times 10^3 ~ 1.2e3 ~ 1.2\text{ thousand} ~ 1,200 \text{ dollars}
12000 ~ 12{,}\!000 ~ 12,000 ~ 12\;000 ~ 1.2\cdot 10^{4}
073 ~ 73 ~ \text{073} ~ \mathbf{073} ~ \texttt{73} ~ 73 \pmod{1000} ~ 73 \bmod 1000 ~ x \equiv 73 \pmod{1000}
73 ~ 73 \text{ (mod 1000)} ~ 73_{10} ~ \text{Answer: }73 ~ The answer is 73 ~ m+n = 70+3 = 73 ~ \text{73 ways} ~ ７３
12 ~ \text{12 apples} ~ 12 apples ~ 12\text{ red apples} ~ 12\,\mathrm{cm}^2 ~ 12 \text{ m}/\text{s} ~ 12 miles per hour
12 ~ 12 \frac{\text{m}}{\text{s}} ~ 12 square units ~ 12 km/h ~ 12 m ~ 12\text{ m}^{2} ~ 12^\circ\text{C}
13 ~ 13\degree ~ 13° ~ 13^{\circ} ~ 13 degrees ~ 13\text{ degrees} ~ 13\,^\circ
10 ~ 10\% ~ 10% ~ 10 percent ~ 10\text{ percent}
0.1 ~ 10\% ~ \frac{1}{10}
\frac{2}{3} ~ 0.\overline{6} ~ 0.(6) ~ 0.\bar6 ~ \frac23 ~ 2/3 ~ 0.666667 ~ 0.6666666666666666 ~ 66.6667\% ~ 0.66666666
\frac{1}{6} ~ 0.1\overline{6} ~ 0.1\bar{6} ~ ⅙ ~ \tfrac16
\frac{1}{2} ~ ½ ~ .5 ~ 0.50 ~ \sfrac{1}{2} ~ 1⁄2 ~ \frac 1 2 ~ \frac{1}2 ~ 50\%
1\frac{4}{5} ~ 1.8 ~ 1 4/5 ~ \frac95 ~ 1 \frac 4 5 ~ 1⅘
-\frac{3}{2} ~ -1\frac{1}{2} ~ -1.5 ~ \frac{-3}{2}
\frac{1}{46656} ~ 0.0000214 ~ 2.14 \times 10^{-5} ~ 2.1433e-5
\sqrt{51} ~ 7.14143 ~ 7.1414284
\sqrt{13} ~ √13 ~ √{13} ~ √(13) ~ \sqrt(13) ~ sqrt(13) ~ \sqrt {13} ~ 13^{1/2}
2\sqrt{3} ~ √12 ~ 2√3 ~ 2\sqrt3 ~ \sqrt{12} ~ 2 \cdot √3
\sqrt{x+1} ~ √(x+1)
3 ~ ∛27 ~ \sqrt[3]{27} ~ √9
\frac{\sqrt{3}}{2} ~ √3/2 ~ (√3)/2 ~ \frac{√3}{2}
x^2+1 ~ x**2 + 1 ~ x²+1 ~ x^{2}+1 ~ 1 + x\cdot x
(3,4) ~ \bigl( 3, 4 \bigr) ~ \Big(3,4\Big) ~ \left(3,4\right) ~ (x,y) = (3,4) ~ (3, \text{4}) ~ \langle 3,4 \rangle
2+3i ~ 2+3\mathrm{i} ~ 2 + 3\,\text{i} ~ 2 + 3 i ~ 3i+2 ~ 2+3\mathbf{i}
-1 ~ \mathrm{i}^2 ~ e^{i\pi}
1101_2 ~ 1101_{\text{two}} ~ 1101_\text{two} ~ (1101)_2 ~ 1101 \text{ (base 2)} ~ 1101_{(2)} ~ 1101_{\text{base }2} ~ 1101
2A_{16} ~ 2A_{\text{sixteen}}
\$36 ~ 36 dollars ~ \$36.00 ~ $36 ~ 36\text{ dollars} ~ €36 ~ \textdollar 36
5.4 \text{ cents} ~ 5.4 ~ 5.4¢ ~ \frac{27}{5} ~ 5.40\text{ cents}
15\mbox{ cm}^2 ~ 15 ~ 15 cm² ~ 15\,\mathrm{cm}^{2} ~ 15\text{ square centimeters}
.0000672 ~ 6.72e-5 ~ 6.72 \times 10^{-5} ~ 0.0000672
3, 5, 7 ~ 3, 5, \text{ and } 7 ~ 3, 5 and 7 ~ \{7,5,3\} ~ x=3,x=5,x=7 ~ 3; 5; 7
-2,1 ~ x=-2 \text{ or } x=1 ~ 1, -2
\{1\pm\sqrt{5},-2\} ~ -2, 1+√5, 1-√5 ~ \left\{1 ± √5, -2\right\}
(-\infty, 2) \cup (3, \infty) ~ (-∞,2)∪(3,∞) ~ \left(-\infty,2\right)\cup\left(3,\infty\right)
(2,\infty) ~ x>2 ~ \{x \mid x > 2\}
x \in [-2,7] ~ -2 \leq x \leq 7 ~ [-2,7] ~ x ∈ [-2,7]
\begin{pmatrix} 1 \\ -2 \end{pmatrix} ~ \left(\begin{array}{c} 1 \\ -2 \end{array}\right) ~ \mathbf{\begin{bmatrix}1\\-2\end{bmatrix}}
\text{Evelyn} ~ evelyn ~ \textbf{Evelyn}. ~ {\rm Evelyn}
\text{(C)} ~ C ~ \mathrm{C} ~ \textbf{(C)} ~ \textbf{(C) } 42
10^{400} ~ 1e400
"""
WRONG = r"""
2 ~ √12 ~ \sqrt{12} ~ 2 \text{ hours } 30 \text{ minutes} ~ 2\pm 0.1
\sqrt{13} ~ 13 ~ \sqrt{1}3 ~ 3.6 ~ √31
4 ~ 4\sqrt(2) ~ 4\sqrt{2} ~ 4x
\frac{1}{46656} ~ 0.000021 ~ 0.0000215 ~ 0.0000213 ~ 2.1 \times 10^{-5} ~ 0.0
\frac{1}{2004!} ~ \frac{1}{2006!} ~ 0 ~ \frac{1}{2004!+1}
\frac{1}{2^{99}} ~ \frac{1}{2^{98}} ~ 10^{-30}
2^{100} ~ 2^{100}+1 ~ 1.2676506 \times 10^{30}
100! ~ 100!+1 ~ 99!
0 ~ 2x+4=0 ~ 10^{-20} ~ e^{-50} ~ 1e-30 ~ \frac{1}{0} ~ \text{nan} ~ nan ~ \infty - \infty ~ \frac{0}{0}
\sqrt{2} ~ \sqrt{2}+10^{-60} ~ 1.41 ~ 1.41422
\infty ~ \frac{1}{0} ~ -\infty
0,1 ~ 0<x<1 ~ 0 \le x \le 1 ~ 0 ~ 0,1,2
0<x<1 ~ 0,1 ~ 0<x\le 1
\frac{1}{3} ~ 0.333 ~ 0.33333 ~ 0.333334 ~ 33\%
\frac{2}{3} ~ 0.666666 ~ 0.66667 ~ 0.6
\pi ~ 3.14 ~ \frac{22}{7} ~ 3.1416 ~ 3.14158
5.4 ~ 5.41 ~ 5.4000001 ~ 54 ~ 5
.0000672 ~ 0.0000673 ~ 0.000067 ~ 6.72e-6
12 ~ 12x ~ 12c ~ 1 2 ~ 12 \text{ million} ~ 12 thousand ~ 12\text{ or }13 ~ 11 or 12 ~ 12! ~ 12_8 ~ 12 \text{ dozen} ~ x > 12
12 ~ \pm 12 ~ 12 \text{ base } 8 ~ 12 = 13 ~ 12\text{ to }15 ~ \overline{12} ~ 12:30
73 ~ 1073 \pmod{1000} ~ 7 3 ~ 7\,3 ~ 37 ~ 730 ~ 7,3
10 ~ 0.1 ~ 0.1\% ~ 100\%
1101_2 ~ 1101_3 ~ 1101_{\text{three}} ~ 1100_2 ~ 1101_{10}
15\mbox{ cm}^2 ~ 15^2 ~ 225 ~ 15\text{ cm}^3
(2,4) ~ (4,2) ~ [2,4] ~ 4, 2 ~ \{2,4\} ~ (2,4]
\{2,4\} ~ (2,4) ~ \{2\} ~ \{2,4,6\}
100200 ~ (100,200)
(100,200) ~ 100200
n = 2, 3, 4 ~ n = 1, 2, 3 ~ 2, 3
1, 2, \ldots, n ~ 1, 3, 5, \ldots, 2n-1
10:30 ~ 10:45 ~ 10
\text{(C)} ~ (B) ~ (C) or (D) ~ D ~ \textbf{(B) } 3
\text{east} ~ seat ~ west ~ -\text{east} ~ \text{not east} ~ \text{southeast}
2+3i ~ 2-3i ~ 2+3 ~ 3+2i
5m ~ 5 ~ 5n
2x ~ 2 ~ 2\text{ cm}
36^\circ ~ 63^\circ ~ 36\pi
1500 ~ 1.5 \times 10^4 ~ 1.5
6 ~ \approx 7 ~ \frac{1}{0} ~ |6| - 1
"""


def table(text: str) -> list[tuple[str, str]]:
    lines = [line.split(" ~ ") for line in text.strip().splitlines()]
    return [(gold, answer) for gold, *answers in lines for answer in answers]


@pytest.mark.parametrize("gold, answer", table(RIGHT))
def test_mathematics_right(gold, answer):
    assert mathematics.grade(boxed(answer), {"answer": gold}).correct


@pytest.mark.parametrize("gold, answer", table(WRONG))
def test_mathematics_wrong(gold, answer):
    assert not mathematics.grade(boxed(answer), {"answer": gold}).correct


@pytest.mark.parametrize(
    "text, gold, correct",
    [
        ("<answer>**73**</answer>", "73", True),
        ("<answer>The answer is **73**.</answer>", "73", True),
        ("<answer>`x = 73`</answer>", "73", True),
        ("<answer>73 apples</answer>", "73", True),
        ("<answer>boxed 73</answer>", "73", True),
        ("<answer>\nboxed{255}\n</answer>", "255", True),
        ("<answer>\nboxed{255}\n</answer>", "25", False),
        (r"The solutions are $\boxed{3}$, $\boxed{5}$ and $\boxed{7}$.", "3, 5, 7", True),
        ("\\boxed{7}\n\\boxed{5}\n\\boxed{3}", "3, 5, 7", True),
        (r"$x = \boxed{1}$ or $x = \boxed{-2}$", "1,-2", True),
        (r"\boxed{3}, \boxed{5}", "5", True),  # the last one counts, as ever
        (r"\boxed{5}, \boxed{3}", "5", False),
        (r"\boxed{3}, \boxed{5}", "3, 5, 7", False),
        (r"\boxed{3}, \boxed{5}, \boxed{7}, \boxed{9}", "3, 5, 7", False),
        (r"\boxed{3} no, that is wrong, it is \boxed{5}", "3, 5", False),
    ],
)
def test_mathematics_reads_other_places(text, gold, correct):
    assert mathematics.grade(text, {"answer": gold}).correct == correct


ANY_FORMS = [
    r"{}\,", r"\,{}\;", r"{}\!", "{}~", r"{} \quad", "{}.", r"{}\.", r"{}\\", "${}$", r"\({}\)", "\n{}\n", r"{{{}}}",
    r"\displaystyle {}", r"{{\large {}}}", r"\boldsymbol{{{}}}", r"\color{{red}}{{{}}}", "**{}**", "\u00a0{}\u200b",
]  # fmt: skip
NUMBER_FORMS = [
    r"\text{{{}}}", r"\mathbf{{{}}}", r"\mathrm{{{}}}", "{}.0", "x = {}", r"{} \text{{ units}}", "{} cm", r"({})",
    r"{}\text{{ cm}}^2", r"\approx {}", r"{}^\circ", r"\text{{{} apples}}", r"{} \pmod{{1000}}", r"\frac{{{}}}{{1}}",
]  # fmt: skip
EXCHANGES = [
    (r"\frac", r"\dfrac"), (r"\frac", r"\tfrac"), ("-", "\N{MINUS SIGN}"), ("-", "- "), (r"\pi", "\N{GREEK SMALL LETTER PI}"),
    (r"\infty", "\N{INFINITY}"), (r"\cup", "\N{UNION}"), (r"\pm", "\N{PLUS-MINUS SIGN}"), ("^2", "**2"), ("^2", "^{2}"),
    (r"^\circ", r"\degree"), (r"^\circ", "\N{DEGREE SIGN}"), (r"^\circ", r"\text{ degrees}"), (r"\text{", r"\mathrm{"),
    ("pmatrix", "bmatrix"), (r"\left", r"\bigl"), (r"\$", ""), (",", ", "),
]  # fmt: skip
PATTERNS = [
    (r"\\d?frac\{([0-9])\}\{([0-9])\}", r"\\frac\1\2"),
    (r"(?<![0-9])(?<![0-9] )\\d?frac\{([0-9]+)\}\{([0-9]+)\}", r"\1/\2"),
    (r"\\sqrt\{([0-9]+)\}", "\u221a\\1"),
    (r"\\sqrt\{([0-9]+)\}", r"sqrt(\1)"),
    (r"\\sqrt\{([0-9])\}", r"\\sqrt\1"),
    (r"^([0-9]+)([0-9]{3})$", r"\1{,}\\!\2"),
    (r"^([0-9]+)([0-9]{3})$", r"\1 \2"),
]


def spellings(gold: str) -> list[str]:
    forms = [*ANY_FORMS, *(NUMBER_FORMS if re.fullmatch("-?[0-9]+", gold) else [])]
    if re.fullmatch(r"[0-9]+,[\\! 0-9,]*[0-9]", gold) or r"\$" in gold:  # with a space, thousands are a list
        exchanges = []
    else:
        exchanges = [
            gold.replace(*pair).replace(r"\right", r"\bigr" * (pair[1] == r"\bigl") or r"\right") for pair in EXCHANGES
        ]
    return list(dict.fromkeys([*(f.format(gold) for f in forms), *exchanges, *(re.sub(*p, gold) for p in PATTERNS)]))


def changes(gold: str) -> list[str]:
    """The answer with one digit, or one sign, changed."""
    chance = random.Random(gold)
    found = [f"-{gold}"] if re.search("[1-9]", gold) and not re.search(r"[=<]|\\in\b|,|\\pm", gold) else []
    for match in re.finditer(r"[0-9]|[-+]", gold):
        sign = {"-": "+", "+": "-"}.get(match[0])
        other = sign or str((int(match[0]) + chance.randint(1, 9)) % 10)
        found.append(gold[: match.start()] + other + gold[match.end() :])
    return found


def test_every_gold_in_its_spellings_and_changed():
    pairs = [(gold, spelled) for gold in golds() for spelled in spellings(gold)]
    changed = [(gold, other) for gold in golds() for other in changes(gold)]
    assert min(len(spellings(gold)) for gold in golds()) > 12
    pairs, changed = some(pairs, 400), some(changed, 200)
    assert [pair for pair, right in zip(pairs, verdicts(pairs), strict=True) if not right] == []
    assert [pair for pair, right in zip(changed, verdicts(changed), strict=True) if right] == []


def test_no_two_golds_are_equal():
    """Seeded pairs that differ after spacing, units and the shorthand of \\frac are gone; 2,000 of all golds.

    Let through: 1, 2 is taken for (1, 2), and the digits of a number with a base for the number.
    """

    def key(gold: str) -> str:
        text = re.sub(r"\\(?:text|mbox)\{ .*?\}(?:\^[0-9])?|\\[,!; ]|\s|\\\$|\^\\circ|^0+|_\{?[0-9]+\}?$", "", gold)
        text = re.sub(r"^\((.*,.*)\)$", r"\1", text)
        return re.sub(r"\\d?frac\{?([0-9]+?)\}?\{?([0-9]+)\}?", r"\1/\2", text)

    chance, every, pairs = random.Random(0), golds(), []
    while len(pairs) < (2000 if "LIFT_DATA" in os.environ else 200):
        pair = tuple(chance.sample(every, 2))
        if key(pair[0]) != key(pair[1]):
            pairs.append(pair)
    assert [pair for pair, right in zip(pairs, verdicts(pairs), strict=True) if right] == []


# GSM8K


@pytest.mark.parametrize(
    "gold, answers",
    [
        (
            "-5",
            [
                "- 5",
                "-{5}",
                "{-5}",
                "\N{EN DASH}5",
                "\N{MINUS SIGN}5",
                "-(5)",
                r"-\,5",
                "x = - 5",
                r"\text{-5}",
                r"-\$5",
            ],
        ),
        (
            "1200",
            ["1 200", "1~200", r"1\ 200", "1\u202f200", "1{,}200", r"1,\!200", "1.2e3", r"\$1 200.00", "1 200 apples"],
        ),
        ("12000", [r"12{,}\!000", r"12\,000", r"1.2 \times 10^4", r"1.2\cdot10^{4}", r"\mathbf{12{,}000}"]),
        ("1500", [r"1.5 \times 10^3", "1.5 * 10^3", "1,500", r"1{,}500\text{ miles}"]),
        ("0.5", [r"\frac12", r"\tfrac 1 2", "\N{VULGAR FRACTION ONE HALF}", r"\dfrac{1}2", "1/2"]),
        ("2.5", [r"2\frac12", "2 1/2", "2\N{VULGAR FRACTION ONE HALF}", r"2 \frac{1}{2}"]),
        ("13", [r"13\,", r"13\.", r"\text{013}", "**13**", r"\textbf{13}", r"13\\", "\N{FULLWIDTH DIGIT ONE}3", "+13"]),
        ("-1200", ["- 1 200", r"-\$1,200", "\N{MINUS SIGN}1{,}200"]),
    ],
)
def test_gsm8k_right(gold, answers):
    assert [answer for answer in answers if not gsm8k.grade(boxed(answer), {"answer": gold}).correct] == []
    other = str(float(gold) + 1)
    assert [answer for answer in answers if gsm8k.grade(boxed(answer), {"answer": other}).correct] == []
    if gold[0] == "-":
        assert [answer for answer in answers if gsm8k.grade(boxed(answer), {"answer": gold[1:]}).correct] == []


@pytest.mark.parametrize(
    "answer, read",
    [
        ("\n- 5\n", "5"),  # a point of a list
        ("In week 1 200 apples", "200"),
        ("1 200", "1200"),
        ("20 - 16", "16"),
        ("The total is 1 + 2 = 3", "3"),
        (r"\boxed 73", "73"),
        ("boxed{73}", "73"),
        ("We boxed 12 and have 7", "7"),
    ],
)
def test_gsm8k_reads_prose(answer, read):
    assert gsm8k.grade(f"<answer>{answer}</answer>", {"answer": "1000003"}).extracted == read


# Countdown

PROBLEM = {"numbers": [3, 4, 5], "target": 35}


@pytest.mark.parametrize(
    "answer",
    [
        "(3+4)x5", "(3+4) X 5", "5x(3+4)", r"\text{(3 + 4) * 5}", r"\displaystyle (3+4)\times 5", r"(3+4)*5 \\",
        "(3+4)\N{MULTIPLICATION SIGN}5", "(3+4)\N{MIDDLE DOT}5", "(3+4)\N{DOT OPERATOR}5", "[3+4]*5", r"\{3+4\}*5",
        r"\left\{3+4\right\} \times 5", r"\bigl(3+4\bigr)\cdot5", "35 = (3+4)*5", "(3+4)*5 = 35", "35 = 5*(3+4) = 35",
        "(3+4)*5 = 7*5 = 35", r"(3+4)*5 \approx 35", "**(3+4)*5**", "`(3+4)*5`", "(3+4)(5)", "5(3+4)", "+5*(3+4)",
        r"\text{(3+4)} \times \text{5}", r"x = (3+4)*5", r"\boxed{(3+4)*5}", "\N{FULLWIDTH LEFT PARENTHESIS}3+4)*5",
    ],
)  # fmt: skip
def test_countdown_right(answer):
    assert countdown.grade(boxed(answer), PROBLEM).correct
    assert countdown.grade(f"<answer>\n{answer}\n</answer>", PROBLEM).correct
    assert not countdown.grade(boxed(answer), PROBLEM | {"target": 36}).correct
    assert not countdown.grade(boxed(answer), PROBLEM | {"numbers": [3, 4, 5, 5]}).correct


@pytest.mark.parametrize(
    "answer, numbers, target",
    [
        ("9 \N{EN DASH} 4 \N{EM DASH} 2", [9, 4, 2], 3),
        (r"\frac82+1", [8, 2, 1], 5),
        (r"\tfrac{20}5+1", [20, 5, 1], 5),
        ("20\N{DIVISION SIGN}5+1", [20, 5, 1], 5),
        ("20\N{DIVISION SLASH}5+1", [20, 5, 1], 5),
        ("\N{EN DASH} 5 + 17", [5, 17], 12),
        ("(- 5) + 17", [5, 17], 12),
        ("35", [35], 35),
    ],
)
def test_countdown_signs(answer, numbers, target):
    assert countdown.grade(boxed(answer), {"numbers": numbers, "target": target}).correct
    assert not countdown.grade(boxed(answer), {"numbers": numbers, "target": target + 1}).correct


@pytest.mark.parametrize(
    "answer",
    ["(3+4)x5x1", "3+4x5", "35", "35 = 35", "7*5 = (3+4)*5", "3 + x5", "(3+4)y5", "3 4 5", "(3+4)5 5", "(3+4)**5",
     "(3+4)*5 + 0", r"(3+4)*\text{five}", "7{5}"],
)  # fmt: skip
def test_countdown_wrong(answer):
    assert not countdown.grade(boxed(answer), PROBLEM).correct


# Code

ADD = "def add(a, b):\n    return a + b\n"
HUMANEVAL = {
    "prompt": "from typing import List\n\n\ndef one():\n    return 1\n\n\ndef add(a: int, b: int) -> int:\n    '''Sum.'''\n",
    "entry_point": "add",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
}
MBPP = {"test_list": ["assert add(1, 2) == 3"], "test_imports": []}
PLUS = "```python\ndef plus(a, b):\n    return a + b\n```\n"
BY_PLUS = "```python\ndef add(a, b):\n    return plus(a, b)\n```\n"


def fenced(program: str, fence: str = "```", language: str = "python") -> str:
    return f"{fence}{language}\n{program}{fence}\n"


@pytest.mark.parametrize(
    "answer",
    [
        f"\n{ADD}```\n",
        f"\n{ADD}```\nThis adds them.",
        f"\n```python\n{ADD}",
        f"1. So\n{textwrap.indent(fenced(ADD), '   ')}",
        fenced(ADD, "~~~"),
        f"{ADD}~~~\n",
        fenced(ADD, "````"),
        fenced(ADD).replace("\n", "\r\n"),
        "```python def add(a, b): return a + b```",
        fenced(f"from __future__ import annotations\n{ADD}"),
        fenced(f'"""Doc."""\n\nfrom __future__ import (\n    annotations,\n)\nimport os\n{ADD}'),
        f"```bash\npip install numpy\n```\nThen\n{fenced(ADD)}",
        f"```\npip install numpy\n```\n{fenced(ADD, language='')}",
        f"{fenced('print(add(1, 2))')}{fenced(ADD)}",
        f"{fenced(ADD)}\nUse:\n{fenced('print(add(1, 2))')}",
        f"{fenced(ADD)}Output:\n```\n3\n```",
        f"{fenced(ADD)}or\n{fenced('def add(a, b): return 0')}",
        PLUS + BY_PLUS,
        f"{BY_PLUS}where\n{PLUS}",
        f"{PLUS.replace('a + b', 'one2(a) + b')}{fenced('def one2(a): return a')}{BY_PLUS}",
        PLUS + BY_PLUS.replace("python\n", "python\nfrom __future__ import annotations\n"),
        fenced("import operator\n") + fenced("def add(a, b):\n    return operator.add(a, b)\n"),
        fenced("add: object = lambda a, b: a + b\n"),
    ],
)
def test_code_right(answer):
    assert code.grade(f"so.\n</reasoning>\n<answer>{answer}</answer>", HUMANEVAL, isolation="process").correct
    assert code.grade(f"so.\n</reasoning>\n<answer>{answer}</answer>", MBPP, isolation="process").correct


@pytest.mark.parametrize(
    "answer",
    [
        "    return a + b\n```\n",
        "```bash\npip install x\n```\n```python\n    return a + b\n```",
        "~~~\nreturn a + b\n~~~",
    ],
)
def test_code_bodies(answer):
    assert code.grade(f"<answer>\n{answer}</answer>", HUMANEVAL, isolation="process").correct


@pytest.mark.parametrize(
    "answer",
    [
        f"import os\nfrom __future__ import annotations\n{ADD}",
        fenced(ADD.replace("+", "-")),
        fenced(ADD.replace("+", "-")) + fenced(ADD),  # the first counts
        BY_PLUS,
        fenced("print(add(1, 2))"),
        PLUS,
        "```\n```",
    ],
)
def test_code_wrong(answer):
    assert not code.grade(f"<answer>\n{answer}</answer>", HUMANEVAL, isolation="process").correct
    assert not code.grade(f"<answer>\n{answer}</answer>", MBPP, isolation="process").correct


# Words and signs around a number that change it, or do not


@pytest.mark.parametrize(
    "gold, answer",
    [
        ("12", r"12\,\mathrm{cm^2}"),
        ("12", r"12\,\text{kg}\cdot\text{m}"),
        ("204", r"204\text{ min}"),
        (r"30\pi", r"30\pi \text{ cm}^2"),
        ("13", r"\therefore 13"),
        ("x^2+1", r"\[x^2+1\]"),
        ("13", r"13^\degree"),
        ("13", "13\u02da"),
        ("73", r"73\ (\text{mod } 1000)"),
        ("13", r"\bigl. 13 \bigr."),
        ("120", r"{10 \choose 3}"),
        ("5", r"5\text{ (since x>0)}"),
        ("1,2", r"\text{1 and 2}"),
        ("15000", "1.5x10^4"),
    ],
)
def test_what_stands_around_and_changes_nothing(gold, answer):
    assert mathematics.grade(rf"\boxed{{{answer}}}", {"answer": gold}).correct


@pytest.mark.parametrize(
    "gold, answer",
    [
        ("12", r"12\text{ or less}"),
        ("4", r"4\text{ and a half}"),
        ("5", "5xy"),
        ("5", "5 pi"),
        ("5", "5L"),
        ("2", r"2\text{ halves}"),
        ("4", r"4\text{ squared}"),
        ("73", r"73\pmod{1000}\cdot 2"),
        ("-2", "-2_3"),
        ("123456.7", "123456.74"),
    ],
)
def test_what_stands_around_and_changes_the_answer(gold, answer):
    assert not mathematics.grade(rf"\boxed{{{answer}}}", {"answer": gold}).correct


def test_countdown_computes_no_number_that_is_not_written():
    problem = {"numbers": [15], "target": 15}
    assert not countdown.grade(r"\boxed{1.5 \times 10^1}", problem).correct
    problem = {"numbers": [12, 4, 2], "target": 6}
    assert countdown.grade(r"\boxed{\frac{12}{4}2}", problem).correct


HUMANEVAL = {
    "prompt": "import math\n\ndef add(a, b):\n",
    "entry_point": "add",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
}


@pytest.mark.parametrize(
    "program",
    [
        "# Adds" + 60 * "\n" + "def add(a, b):\n    return a + b",  # in no time
        "'doc'\nfrom __future__ import annotations\ndef add(a, b):\n    return a + b",
        "# one\nfrom __future__ import annotations\n# two\nfrom __future__ import \\\n    division\n"
        "def add(a, b):\n    return a + b",
        'def add(a, b):\n    """x\n    ~~~\n    y\n    ~~~\n    """\n    return a + b',
        "def add(a, b):\n    s = '```'\n    return a + b",
    ],
)
def test_code_whose_imports_and_strings_are_read_as_python(program):
    assert code.grade(f"<answer>{program}</answer>", HUMANEVAL, isolation="process").correct
