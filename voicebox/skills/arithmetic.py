"""Evaluating the arithmetic that `parse/expressions.py` writes: exactly where it can, in bounded time."""

from __future__ import annotations

import ast
import math
from fractions import Fraction

__all__ = ["CalculationError", "evaluate"]

_MAX_DIGITS = 400
"""Numbers with more digits than this are refused: nobody wants to hear them."""


class CalculationError(ValueError):
    """A calculation without a speakable result; the message is a phrase such as "that divides by zero"."""


def evaluate(expression: str) -> Fraction | float:
    """The value of an expression of numbers, `+ - * / % **`, brackets, `sqrt` and `cbrt`.

    Exact rational arithmetic, except for roots and broken exponents.

    Raises:
        CalculationError: division by zero, root of a negative number, a result beyond 400 digits,
            or not an expression.
    """
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CalculationError("I can't make sense of that") from None
    try:
        value = _value(tree.body)
    except OverflowError:
        raise CalculationError("that number is too large for me") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise CalculationError("that number is too large for me")
    return value


def _value(node: ast.expr) -> Fraction | float:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return Fraction(number)
        case ast.Constant(value=float() as number):
            return Fraction(str(number)) if math.isfinite(number) else number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.Call(func=ast.Name(id="sqrt"), args=[argument]):
            return _root(_value(argument), 2)
        case ast.Call(func=ast.Name(id="cbrt"), args=[argument]):
            return _root(_value(argument), 3)
        case ast.BinOp(left=left, op=op, right=right):
            return _checked(_apply(op, _value(left), _value(right)))
    raise CalculationError("I can't make sense of that")


def _apply(op: ast.operator, left: Fraction | float, right: Fraction | float) -> Fraction | float:
    match op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div() | ast.Mod():
            if right == 0:
                raise CalculationError("that would divide by zero")
            return left / right if isinstance(op, ast.Div) else left % right
        case ast.Pow():
            return _power(left, right)
    raise CalculationError("I can't make sense of that")


def _checked(value: Fraction | float) -> Fraction | float:
    if isinstance(value, Fraction) and max(value.numerator.bit_length(), value.denominator.bit_length()) > (
        _MAX_DIGITS * 3.33
    ):
        raise CalculationError("that number is too large for me")
    return value


def _power(base: Fraction | float, exponent: Fraction | float) -> Fraction | float:
    if base == 0 and exponent < 0:
        raise CalculationError("that would divide by zero")
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits * abs(exponent.numerator) > _MAX_DIGITS * 4:
            raise CalculationError("that number is too large for me")
        power: Fraction = base**exponent.numerator
        return power
    if base < 0:
        raise CalculationError("that has no real result")
    return math.pow(float(base), float(exponent))


def _root(value: Fraction | float, degree: int) -> Fraction | float:
    if value < 0:
        if degree == 2:
            raise CalculationError("a negative number has no real square root")
        return -_root(-value, degree)
    if isinstance(value, Fraction):
        exact = [_integer_root(part, degree) for part in (value.numerator, value.denominator)]
        if exact[0] is not None and exact[1] is not None:
            return Fraction(exact[0], exact[1])
    return math.pow(float(value), 1 / degree)


def _integer_root(value: int, degree: int) -> int | None:
    guess = math.isqrt(value) if degree == 2 else round(value ** (1 / degree)) if value < 2**1000 else 0
    return guess if guess**degree == value else None
