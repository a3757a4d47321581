r"""The normal spelling of a formula: one for all the ways in which LaTeX, Unicode and Markdown write the same.

Graders bring answers, and mathematics its published ones, to this spelling once, before they read or compare them.
"""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from itertools import groupby

LONGEST = 2000  # characters of a formula that are worth reading

_GREEK = {
    chr(code): f"\\{unicodedata.name(chr(code)).split()[-1].lower().replace('lamda', 'lambda')} "
    for code in range(0x3B1, 0x3CA)
    if chr(code) not in "\N{GREEK SMALL LETTER OMICRON}\N{GREEK SMALL LETTER FINAL SIGMA}"
}
_CAPITALS = {
    letter: f"\\{unicodedata.name(letter).split()[-1].capitalize().replace('Lamda', 'Lambda')} "
    for letter in "\u0393\u0394\u0398\u039b\u039e\u03a0\u03a3\u03a6\u03a8\u03a9"
}
_SIGNS = str.maketrans(
    _GREEK
    | _CAPITALS
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63", "-")
    | dict.fromkeys("\u00d7\u2715\u2716\u2a09", r"\times ")
    | dict.fromkeys("\u00b7\u2022\u2219\u22c5\u2217\u2062", r"\cdot ")
    | dict.fromkeys("\u2044\u2215", "/")
    | dict.fromkeys("\u2264\u2a7d", r"\le ")
    | dict.fromkeys("\u2265\u2a7e", r"\ge ")
    | dict.fromkeys("\u2018\u2019\u201c\u201d\u00ab\u00bb", "'")
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad\u20ac\u00a3\u00a5\u00a2\u20b9", "")
    | {
        "\u00b0": r"^\circ ",
        "\u00f7": r"\div ",
        "\u00b1": r"\pm ",
        "\u2213": r"\mp ",
        "\u221e": r"\infty ",
        "\u2260": r"\ne ",
        "\u2248": r"\approx ",
        "\u222a": r"\cup ",
        "\u2229": r"\cap ",
        "\u2208": r"\in ",
        "\u2205": r"\emptyset ",
        "\u2192": r"\to ",
        "\u21d2": r"\Rightarrow ",
        "\u2261": r"\equiv ",
        "\u27e8": r"\langle ",
        "\u27e9": r"\rangle ",
    }
)

# \,  \quad  ~ and the like; \\ breaks a line
_SPACE = re.compile(
    r"(?<!\\)\\[,;:>/ \n]|~|&nbsp;|\\(?:q?quad|(?:thin|med|thick)space|en(?:space|skip)|hfill|newline|null|strut"
    r"|nobreakspace|relax|nonumber|notag|mathstrut|qed|(?:black)?square|checkmark)"
    r"(?![a-zA-Z])"
)
_NEGATIVE_SPACE = re.compile(r"(?<!\\)\\!|\\neg(?:thin|med|thick)space(?![a-zA-Z])")
_GAP = re.compile(r"\\(?:[hv]space\*?|[hv]?phantom|tag\*?|label)(?=\s*\{)")
_COLOUR = re.compile(r"\\(?:(?:text|math)?color|colorbox)(?=\s*\{)")
_SWITCH = re.compile(
    r"\\(?:displaystyle|textstyle|scriptstyle|scriptscriptstyle|limits|nolimits|boldmath|bfseries|itshape|rmfamily|bf"
    r"|it|rm|sf|tt|tiny|scriptsize|footnotesize|small|normalsize|large|Large|LARGE|huge|Huge|centering"
    r"|[bB]igg?[lrm]?(?:\s*\.(?![0-9]))?)"
    r"(?![a-zA-Z])"
)
_WRAPPING = re.compile(
    r"\\(?:begin|end)\s*\{(?:align(?:ed|at)?|equation|gather(?:ed)?|split|multline|math|displaymath|center)\*?\}"
)
_BRACKET = re.compile(r"\\(?:left|right|middle)(?![a-zA-Z])\s*\.?")
_VECTOR = re.compile(
    r"[(\[]\s*\\begin\s*\{(array\}\s*\{[lcr|\s]*|[a-z]*matrix)\}(.*?)\\end\s*\{\w+\}\s*[)\]]", re.DOTALL
)
_TEXT = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|sc|sl|up|md|normal)?|mbox|hbox|emph|underline|ensuremath|math(?:rm|bf|it|sf|tt|normal)"
    r"|boldsymbol|bm|pmb|operatorname\*?|mathop)(?![a-zA-Z])"
)
_WORD = re.compile(r"[a-zA-Z]{2}")
_COUNT = re.compile(r"\s*([-+]?[0-9][0-9,.]*(?:\s*/\s*[0-9]+)?)\s*(?=[a-zA-Z%])")  # the 12 of `12 apples`
_FUNCTION = re.compile(r"(?:arc)?(?:sin|cos|tan|cot|sec|csc)h?|log|ln|exp|gcd|lcm|max|min|pi|infty")
_FRACTION = re.compile(r"\\(?:[dtcs]?frac|nicefrac|flatfrac)(?![a-zA-Z])")
_ROOT = re.compile(r"\\sqrt(?![a-zA-Z])")
_ROOT_SIGN = re.compile(
    r"(?:([\u221a\u221b\u221c])|(?<![\\a-zA-Z])(?:sqrt|(cbrt))(?![a-zA-Z]))\s*([0-9]+(?:\.[0-9]+)?)?"
)
_REPEATING = re.compile(r"(?<![0-9.])([0-9]*)\.([0-9]*)\\(?:overline|bar|dot)(?![a-zA-Z])")
_REPEATING_IN_BRACKETS = re.compile(r"^(-?)([0-9]+)\.\(([0-9]{1,30})\)$")  # 0.(3)
# what separates thousands and is no list: 12{,}000, 12,\!000
_GROUPED = re.compile(r"(?<=[0-9])(?:\s*\{\s*,\s*\}|,(?=\s*\\!))(?:\s|\\[!,;: ])*(?=[0-9]{3}(?![0-9]))")
_SPACED = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:\s+[0-9]{3})+(?![0-9])")
_CHOOSE = re.compile(r"\{\s*([^{}]*?)\s*\\choose(?![a-zA-Z])\s*([^{}]*?)\s*\}|^([^{}]*?)\\choose(?![a-zA-Z])([^{}]*)$")
_BRACES = re.compile(r"(?<![\w}\]^_\\])(?<![\w}\]^_] )\{\s*([-+]?[0-9.,]*)\s*\}")
_SIGN = re.compile(r"(^|[(\[{=,:;]|\\(?:times|cdot|div|pm)(?![a-zA-Z]))\s*(?:(-)\s*|\+\s*(?=[0-9.\\]))")
_NEGATIVE = re.compile(r"-\s*[({]\s*([0-9]+(?:\.[0-9]+)?)\s*[)}](?![\^!(0-9])")
_SCIENTIFIC = re.compile(
    r"(?<![0-9.,/^_{a-zA-Z])(?<!\\div )([0-9]+(?:\.[0-9]+)?)"
    r"(?:\s*(?:\\times|\\cdot|\*|x)\s*10\s*(?:\^|\*\*)\s*(?:\{\s*([-+]?[0-9]{1,3})\s*\}|([-+]?[0-9]{1,3}))"
    r"|[eE]([-+]?[0-9]{1,3})(?![0-9a-zA-Z.^{]))(?!\s*[!^])"
)
_MIXED = re.compile(r"(?<![0-9.,/^_])([0-9]{1,9})\s+([0-9]{1,9})\s*/\s*([0-9]{1,9})(?![0-9.])")  # 2 1/2
_BOLD = re.compile(r"(?<![\w)\]}*])(\*{1,3}|_{2,3}|`+)(?=[^\s*])(.+?)(?<=[^\s*])\1(?![\w(*])")
_ENDS = re.compile(r"^(?:\s|\\\\(?![a-zA-Z])|\\[,;:!()\[\]]|\$|['\"])+|(?:\s|\\[\\.,;:!()\[\]]|\\$|[.,;:$'\"])+$")
_MATHEMATICS = re.compile(r"\\?\$|\\text(?:dollar|euro|sterling|cent)\b|\\(?:euro|pounds)\b|\\[()]")


def plain(latex: str, *, prose: bool = False, compute: bool = True) -> str:
    r"""A formula with the same meaning in the normal spelling, one that is longer than LONGEST as it is.

    Signs are LaTeX's: -, \times, \cdot, \div, \sqrt{...}, \pi, ^\circ. Fonts, sizes, spaces, $ and what else does not
    change the meaning are gone. \text{...} is left around words only, so \text{12 apples} is 12\text{ apples}.
    Fractions are \frac{a}{b}, repeating decimals too; 1.5 \times 10^3 is 1500. Spaces between groups of three digits
    are gone, commas only where LaTeX says that they are no list, as in 1{,}200 (`join_thousands` has the rest).
    \sqrt takes the next token, as in TeX, or what is in parentheses; the sign takes a whole number.

    prose: numbers and a - that begins a line may belong to a text, so that spaces are left. compute: whether mixed
    numbers and powers of ten are written as one number.
    """
    if len(latex) > LONGEST:
        return latex
    text = _GROUPED.sub("", _without_compatibility(latex))
    text = re.sub(r"\s+", " ", _SPACE.sub(" ", _NEGATIVE_SPACE.sub("", text)))
    text = _command(_COLOUR, text, 1, lambda _, colour: " ")
    text = _command(_GAP, text, 1, lambda _, gap: " ")
    text = _SWITCH.sub(" ", text)
    text, wrappers = _WRAPPING.subn(" ", text)
    if wrappers and r"\begin" not in text:
        text = text.replace("&", "")
    text = _VECTOR.sub(lambda match: rf"\begin{{pmatrix}}{match[2]}\end{{pmatrix}}", _BRACKET.sub("", text))
    text = _command(_TEXT, text, 1, _words).replace(_OPEN, r"\text{").replace(_CLOSE, "}")
    text = re.sub(r"\\[lr]angle(?![a-zA-Z])", lambda match: "()"[match[0] == r"\rangle"], text)
    text = _BOLD.sub(r"\2", _MATHEMATICS.sub("", text))
    text = re.sub(r"\\[lr]brace(?![a-zA-Z])", lambda match: r"\{" if "l" in match[0][:2] else r"\}", text)
    text = re.sub(r"\^?\s*\\(?:text)?degree\b|\^\s*\{\s*\\(?:circ|degree)\s*\}", r"^\\circ ", text)
    text = re.sub(r"\\([ij])math\b", r"\1", text)
    text = re.sub(r"\s*([\^_])\s*", r"\1", text.replace("**", "^")) if not prose else text
    text = _MIXED.sub(r"\1\\frac{\2}{\3}", text) if compute else text
    text = _command(_FRACTION, text, 2, lambda _, top, bottom: rf"\frac{{{top}}}{{{bottom}}}")
    text = _ROOT_SIGN.sub(_root_sign, text)
    text = _command(_ROOT, text, 1, lambda _, content: rf"\sqrt{{{content}}}", brackets=True)
    text = _command(_REPEATING, text, 1, _repeating)
    text = _REPEATING_IN_BRACKETS.sub(lambda m: m[1] + _quotient(m[2], "", m[3]), _ENDS.sub("", text))
    text = _CHOOSE.sub(lambda m: rf"\binom{{{m[1] or m[3] or ''}}}{{{m[2] or m[4] or ''}}}", text)
    text = _unbraced(text)
    if not prose:
        text = _SPACED.sub(lambda match: re.sub(r"\s", "", match[0]), _SIGN.sub(r"\1\2", text))
    text = _NEGATIVE.sub(r"-\1", text)
    text = _SCIENTIFIC.sub(_decimal, text) if compute else text
    return _ENDS.sub("", text)


def join_thousands(text: str) -> str:
    """1,200 as 1200, but not between brackets, where a comma may separate the members of a pair or set."""
    parts = re.split(r"(\\[{}]|[()\[\]])", text)
    depth = 0
    for i, part in enumerate(parts):
        if i % 2:
            depth += 1 if part in ("(", "[", r"\{") else -1
        elif depth == 0:
            parts[i] = re.sub(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])", lambda m: m[0].replace(",", ""), part)
    return "".join(parts)


def _without_compatibility(text: str) -> str:
    r"""Without Unicode's variants: \N{DIGIT ONE} for its fullwidth or bold form, ^{2} for a superscript."""
    if text.isascii():
        return text
    text = re.sub("[\N{MASCULINE ORDINAL INDICATOR}\N{RING ABOVE}]", "\N{DEGREE SIGN}", text)
    parts = []
    for kind, characters in groupby(text, lambda c: unicodedata.decomposition(c).partition(">")[0]):
        run = "".join(characters)
        folded = unicodedata.normalize("NFKC", run)
        if kind == "<super":
            folded = f"^{{{folded}}}"
        elif kind == "<sub":
            folded = f"_{{{folded}}}"
        elif kind == "<fraction":
            folded = re.sub("([0-9]+)\u2044([0-9]+)", r"\\frac{\1}{\2}", folded)
        parts.append(folded)
    return "".join(parts).translate(_SIGNS)


_OPEN, _CLOSE = "\ue000", "\ue001"  # of words, while commands are still looked for
_OPENING_BRACKETS = {"{": "}", "(": ")"}


def _command(pattern: re.Pattern, text: str, arguments: int, write: Callable[..., str], brackets: bool = False) -> str:
    r"""Every command that matches is written anew from the match and its arguments, inner ones before outer ones.

    One that lacks an argument is left. brackets: (...) is an argument too, and [...] before it belongs to the command.
    """
    for match in reversed(list(pattern.finditer(text))):
        end, found = match.end(), []
        option = re.compile(r"\s*\[[^\[\]]*\](?=\s*[{(0-9])").match(text, end) if brackets else None
        end = option.end() if option else end
        for _ in range(arguments):
            content, end = _argument(text, end, "{(" if brackets else "{")
            found.append(content)
        if None not in found:
            written = write(match, *found)
            if option:
                written = match[0] + option[0].strip() + written.removeprefix(match[0])
            text = text[: match.start()] + written + text[end:]
    return text


def _argument(text: str, start: int, openings: str) -> tuple[str | None, int]:
    """TeX's next argument, a group without its braces, a command or one character; and where it ends."""
    start += len(text[start:]) - len(text[start:].lstrip())
    if text[start : start + 1] in tuple(openings):
        closing = _OPENING_BRACKETS[text[start]]
        depth = 0
        for brace in re.compile(rf"\\.|[{re.escape(text[start] + closing)}]", re.DOTALL).finditer(text, start):
            depth += {text[start]: 1, closing: -1}.get(brace[0], 0)
            if depth == 0:
                return text[start + 1 : brace.start()], brace.end()
        return None, start
    token = re.compile(r"\\(?:frac(?:\{[^{}]*\}){2}|sqrt\{[^{}]*\}|[a-zA-Z]+|.)|[^\s{}\\\ue000\ue001]").match(
        text, start
    )
    return (token[0], token.end()) if token else (None, start)


def _words(match: re.Match, content: str) -> str:
    r"""What stands in \text{} or a font: as it is where it is a formula, marked where it is words."""
    formula = re.sub(r"\\(?:begin|end)\{\w+\}|\\[a-zA-Z]+", " ", content)
    name = content.strip()
    before = match.string[: match.start()].rstrip()
    after_number = bool(before) and (before[-1].isdigit() or before[-1] in "})")
    if _FUNCTION.fullmatch(name) and not (after_number and name in ("min", "sec")):  # minutes and seconds
        return rf"\{name} "
    unit = after_number and re.fullmatch(r"[a-zA-Z]", name) and name not in ("i", "e")
    if _OPEN in content or not (_WORD.search(formula) or unit):
        # a brace keeps what is an exponent or index together
        return f"{{{content}}}" if before[-1:] in ("^", "_") else f" {content}" if before[-1:].isalpha() else content
    count = _COUNT.match(content)
    lead = count[1] if count else ""
    return f"{lead}{_OPEN}{content[count.end() if count else 0 :]}{_CLOSE}"


def _root_sign(match: re.Match) -> str:
    index = {"\u221b": "[3]", "\u221c": "[4]"}.get(match[1] or "", "[3]" if match[2] else "")
    return rf"\sqrt{index}" + (f"{{{match[3]}}}" if match[3] else " ")


def _repeating(match: re.Match, digits: str) -> str:
    return _quotient(match[1], match[2], digits) if re.fullmatch("[0-9]{1,30}", digits) else f"{match[0]}{{{digits}}}"


def _quotient(whole: str, first: str, repeating: str) -> str:
    """whole.first and then `repeating` for ever, as a fraction."""
    top = int(whole + first + repeating) - int(f"0{whole}{first}")
    return rf"\frac{{{top}}}{{{10 ** len(first) * (10 ** len(repeating) - 1)}}}"


def _unbraced(text: str) -> str:
    """Without braces around all of a formula, or around a number where none are needed: -{5}, {-5}."""
    while text[:1] == "{" and _argument(text, 0, "{")[1] == len(text):
        text = text[1:-1].strip()
    changed = 1
    while changed:
        text, changed = _BRACES.subn(r"\1", text)
    return text


def _decimal(match: re.Match) -> str:
    return format(Decimal(match[1]).scaleb(int(match[2] or match[3] or match[4])), "f")
