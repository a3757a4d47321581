"""Shards: parts of a stage's work that several jobs take on."""

import argparse
import re


def shard(text: str) -> tuple[int, int]:
    """ "2/4" -> (1, 4): the place of a shard, counted from 0, and how many there are; as argparse asks for it."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not I/N with I from 1 to N")
    return int(match[1]) - 1, int(match[2])
