#!/usr/bin/env python3
"""Turns what rate_train.py learned into assembly/rate-weights.ts: 8 bits a weight, a scale for each row.

    python3 bench/lies/rate_weights.py .cache/lies/net.json && npx prettier --write assembly/rate-weights.ts
"""
import json
import os
import sys

import numpy as np

ROWS, LANES = 32, 4
HEAD = """import { RATE_WEIGHTS } from './layout';

/**
 * The weights of the detector of wrong rates, written by bench/lies/rate_weights.py from what bench/lies/rate_train.py learned; not to be
 * changed by hand. They are code, and are put into place when they are multiplied: a call has no memory for them. Bytes
 * stand in the order in which voice-network.ts multiplies them.
 */
"""


def quantised(matrix):
    """Columns x rows of f32 as i8, and a scale for each row."""
    scales = np.maximum(np.abs(matrix).max(axis=0), 1e-9) / 127
    return np.rint(matrix / scales).astype(np.int8), scales


def in_order(matrix):
    """Blocks of 32 rows, pairs of columns, 4 rows x 2 columns at a time."""
    columns, rows = matrix.shape
    blocks = matrix.reshape(columns // 2, 2, rows // ROWS, ROWS // LANES, LANES)
    return np.ascontiguousarray(blocks.transpose(2, 0, 3, 4, 1)).tobytes()


def floats(values):
    return np.asarray(values, "<f4").tobytes()


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        net = {key: np.array(value) for key, value in json.load(file).items()}
    dense, dense_scale = quantised(net["dense"])
    gate, gate_scale = quantised(np.concatenate([net["input"], net["state"]]))
    parts = [
        ("RATE_MEAN", "Mean of each feature.", floats(net["mean"])),
        ("RATE_SCALE", "One over its deviation.", floats(net["scale"])),
        ("RATE_DENSE_WEIGHTS", "32 rows × 32 columns, i8.", in_order(dense)),
        ("RATE_DENSE_SCALE", "What a sum of each row counts: features stand as 1/2048.", floats(dense_scale / 2048)),
        ("RATE_DENSE_BIAS", "…and what is added.", floats(net["dense_bias"])),
        ("RATE_GATE_WEIGHTS", "32 rows (16 gates, 16 values) × 48 columns (32 inputs, 16 states), i8.", in_order(gate)),
        ("RATE_GATE_SCALE", "Values stand as 1/32767.", floats(gate_scale / 32767)),
        ("RATE_GATE_BIAS", "…and what is added.", floats(net["bias"])),
        ("RATE_OUT", "Of the odds of too slow, 16, and of too fast.", floats(net["out"].T.ravel())),
        ("RATE_OUT_BIAS", "…and what is added.", floats(np.concatenate([net["out_bias"], [0, 0]]))),
    ]
    lines, at = [HEAD], 0
    for name, says, data in parts:
        lines.append(f"/** {says} */\nexport const {name}: usize = RATE_WEIGHTS + {at};\n")
        at += len(data)
    lines.append("\n/** Puts them all to RATE_WEIGHTS. */\nexport function placeRateWeights(): void {\n")
    words = np.frombuffer(b"".join(data for _, _, data in parts), "<u8").reshape(-1, 2)
    for n, (low, high) in enumerate(words):
        lines.append("  v128.store(RATE_WEIGHTS, i64x2(0x%016x, 0x%016x), %d);\n" % (low, high, 16 * n))
    lines.append("}\n")
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "assembly", "rate-weights.ts")
    with open(place, "w", encoding="utf8") as file:
        file.write("".join(lines))
    print(at, "bytes")


if __name__ == "__main__":
    main()
