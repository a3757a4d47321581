r"""Whether two LaTeX expressions are equal: read and compared by math-verify, but exactly and as a whole.

The library drops what it cannot read behind a formula, rounds to six decimals and chops small differences to zero, so
that 4 equals 4\sqrt(2) and 1/2004! equals 1/2006!. Here decimals are fractions, and numbers are equal where they are
the same number, or where one is a decimal that is correct to the digits that it shows.

It may run for ever and fill the memory: lift/grade/graders/mathematics.py calls it in a process of its own.
"""

import re

import sympy
from antlr4 import Token
from latex2sympy2_extended.latex2sympy2 import NormalizationConfig, _Latex2Sympy, normalize_latex
from math_verify import grader, verify
from math_verify.parser import get_last_eq
from sympy import Basic, MatrixBase, Rational
from sympy.core.relational import Relational

# units: a c, d or m behind a number may be a variable, lift/grade/graders/mathematics.py knows better
_IMAGINARY = re.compile(r"(?<![a-zA-Z\\])i(?![a-zA-Z])")
_SPELLING = NormalizationConfig(boxed="none", units=False, malformed_operators=True, nits=True)
_FEWEST = 6  # decimals, or significant digits, of a number that stands for one that it is not
_FEWEST_SIGNIFICANT = 3
_DOUBLE = 15  # significant digits of a double that can be relied on
_CLOSE = 400  # digits to which numbers that cannot be computed exactly must agree

_places: dict[Rational, int] = {}  # of each decimal that was read


class _Reader(_Latex2Sympy):
    """The library's, but decimals are exact, and a formula must be read to its end."""

    def create_parser(self, latex_str: str):
        self._parser = super().create_parser(latex_str)
        return self._parser

    def parse(self, latex_str: str):
        expression = super().parse(latex_str)
        if self._parser.getCurrentToken().type != Token.EOF:
            raise ValueError("the formula goes on")
        return expression

    def parse_number(self, text: str):
        number = Rational(text.replace(",", ""))
        if "." in text:
            _places[number] = max(_places.get(number, 0), len(text.partition(".")[2]))
        return number


def equal(gold: str, answer: str) -> bool:
    """Whether an answer is the published one, both in the spelling of `lift.grade.spelling.plain`. No limit of time."""
    spelled = [normalize_latex(latex, _SPELLING) for latex in (gold, answer)]
    real = not any(map(_IMAGINARY.search, spelled))  # 274i and 274 i
    found = [_read(latex, real) for latex in spelled]
    if None in found:
        return False
    first, second = found
    interval = first.atoms(sympy.Interval) if isinstance(first, Basic) else None
    if _is_inequality(first) and isinstance(second, sympy.FiniteSet):
        return False  # 0 < x < 1 is no list of 0 and 1
    if _is_condition(second) and not grader.is_relation(first):
        return False  # 2x + 4 = 0 is not 0
    return verify(
        first,
        second,
        allow_set_relation_comp=bool(interval),  # x > 2 is (2, \infty)
        timeout_seconds=None,
    )


def _read(latex: str, real: bool) -> Basic | MatrixBase | None:
    """The expression; of a chain of equations that cannot be read, the last side. None for neither."""
    for part in dict.fromkeys((latex, get_last_eq(latex))):
        try:
            expression = _Reader(is_real=real and not grader.should_treat_as_complex(part)).parse(part)
            return expression.xreplace({symbol: sympy.I for symbol in expression.free_symbols if symbol.name == "i"})
        except Exception:  # the library raises any
            continue
    return None


def _is_inequality(expression) -> bool:
    parts = getattr(expression, "_unsorted_args", [expression])
    return all(isinstance(part, Relational) and not isinstance(part, sympy.Eq) for part in parts)


def _is_condition(expression) -> bool:
    """Whether it is an equation like 2x + 4 = 0, which gives no value; x + y = 0 may."""
    if not isinstance(expression, sympy.Eq) or expression.rhs != 0 or not expression.lhs.free_symbols:
        return False
    return any(getattr(term, "is_number", False) for term in sympy.Add.make_args(expression.lhs))


def _same(a, b, *_) -> bool:
    """In place of the library's comparison of numbers. Expressions with variables are left to `simplify`."""
    if isinstance(a, MatrixBase | sympy.MatrixExpr) or isinstance(b, MatrixBase | sympy.MatrixExpr):
        return _same_matrix(a, b, 0, 0)  # calls this function for its cells
    parts = [grader.get_pct_val(x) for x in (a, b)]
    if (parts[0] is None) == (parts[1] is None):
        return _same_number(*((a, b) if parts[0] is None else parts))
    percent, number = (parts[0], b) if parts[1] is None else (parts[1], a)
    return _same_number(percent, number) or _same_number(percent, 100 * number)


def _same_number(a, b) -> bool:
    a, b = grader.safe_sympy_doit(a), grader.safe_sympy_doit(b)
    if not (getattr(a, "is_number", False) and getattr(b, "is_number", False)):
        return False
    if a.is_Rational and b.is_Rational and a == b:
        return True
    if any(number.is_finite is False or number is sympy.nan for number in (a, b)):
        return False
    shown = [number.is_Rational and abs(number) in _places for number in (a, b)]
    if not all(shown) and (_rounded(a, b) or _rounded(b, a)):
        return True
    if a.is_Rational and b.is_Rational:
        return False
    for digits in (_CLOSE // 10, _CLOSE):
        x, y = sympy.N(a, digits + 10), sympy.N(b, digits + 10)
        if not abs(x - y) <= abs(x) * sympy.Float(10) ** -digits:
            return False
    return True


def _rounded(decimal, number) -> bool:
    """Whether a decimal is a number correct to the digits that it shows, rounded, or cut off behind the sixth.

    It shows six significant digits, or six decimals and three significant digits, at least: 0.333 is no third.
    """
    places = _places.get(abs(decimal)) if decimal.is_Rational else None
    if places is None or not number.is_real:
        return False
    shown = abs(decimal) * Rational(10) ** places
    digits = len(str(int(shown)))
    if max(digits, places) < _FEWEST or digits < _FEWEST_SIGNIFICANT or (decimal > 0) != bool(number > 0):
        return False
    scale = Rational(10) ** (places - max(0, digits - _DOUBLE))
    exact = abs(number if number.is_Rational else Rational(str(sympy.N(number, digits + 30)))) * scale
    shown = abs(decimal) * scale
    return int(shown + Rational(1, 2)) == int(exact + Rational(1, 2)) or (digits > _FEWEST and shown == int(exact))


_same_matrix = grader.sympy_numeric_eq
grader.sympy_numeric_eq = _same
