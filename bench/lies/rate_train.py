#!/usr/bin/env python3
"""Trains the detector of wrong rates on what rate_lines.py made, and says how it does on speakers that it has not heard.

    nice python3 bench/lies/rate_train.py --steps 6000 --out .cache/lies/net.json

32 features (rate_features.py) -> 16 (tanh) -> 16 gated units -> 2 logits, too slow and too fast, against neither. A unit keeps
its value as far as its gate says, as in bench/vad/train.py. Needs Python 3.9 and numpy; the product needs neither.
"""
import argparse
import glob
import json
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np  # noqa: E402

from rate_features import FEATURES  # noqa: E402
from rate_material import ROOT  # noqa: E402

DENSE, UNITS = 32, 16
# Features are kept within so many deviations.
LIMIT = 8.0
IN_TIME = 25
DECAY = 0.004
LEFT_OUT = 0.03


def load(split):
    parts = [np.load(place) for place in sorted(glob.glob(os.path.join(ROOT, split + "-*.npz")))]
    return [np.concatenate([part[key] for part in parts]) for key in ("features", "heard", "labels", "factors")]


def standardise(features, standard):
    x = (np.asarray(features, np.float32) - standard[0]) * standard[1]
    return np.ascontiguousarray(np.clip(x, -LIMIT, LIMIT).transpose(1, 0, 2))


def fresh(rng, dense=DENSE, units=UNITS):
    def matrix(rows, columns, gain=1.0):
        return (rng.standard_normal((rows, columns)) * gain * np.sqrt(1.0 / rows)).astype(np.float32)

    return {
        "dense": matrix(FEATURES, dense),
        "dense_bias": np.zeros(dense, np.float32),
        "input": matrix(dense, 2 * units),
        "state": np.concatenate([matrix(units, units, 0.5), matrix(units, units)], axis=1),
        "bias": np.concatenate([np.ones(units), np.zeros(units)]).astype(np.float32),
        "out": matrix(units, 2),
        "out_bias": np.full(2, -1.0, np.float32),
    }


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


def forward(net, x, h, heard, mask=1.0):
    """x: time x lines x features; a block that is not audible leaves everything as it is. A mask leaves values out."""
    blocks, lines, _ = x.shape
    units = h.shape[1]
    seen = np.tanh(x.reshape(-1, FEATURES) @ net["dense"] + net["dense_bias"])
    seen = (seen.reshape(blocks, lines, -1) * mask).reshape(blocks * lines, -1)
    drive = (seen @ net["input"] + net["bias"]).reshape(blocks, lines, 2 * units)
    states = np.empty((blocks + 1, lines, units), np.float32)
    gates = np.empty((blocks, lines, units), np.float32)
    values = np.empty((blocks, lines, units), np.float32)
    states[0] = h
    for t in range(blocks):
        sums = h @ net["state"]
        sums += drive[t]
        z = np.where(heard[t][:, None], logistic(sums[:, :units]), 1.0)
        c = np.tanh(sums[:, units:])
        h = c + z * (h - c)
        gates[t], values[t], states[t + 1] = z, c, h
    return states[1:] @ net["out"] + net["out_bias"], (seen, states, gates, values)


def backward(net, x, kept, d_logits, mask):
    seen, states, gates, values = kept
    blocks, lines, _ = x.shape
    units = states.shape[2]
    grads = {
        "out": states[1:].reshape(-1, units).T @ d_logits.reshape(-1, 2),
        "out_bias": d_logits.sum(axis=(0, 1)),
    }
    d_sums = np.empty((blocks, lines, 2 * units), np.float32)
    back = np.ascontiguousarray(net["state"].T)
    out = np.ascontiguousarray(net["out"].T)
    d_h = np.zeros((lines, units), np.float32)
    for t in range(blocks - 1, -1, -1):
        d_h += d_logits[t] @ out
        z, c = gates[t], values[t]
        d_sums[t, :, :units] = d_h * (states[t] - c) * z * (1.0 - z)
        d_sums[t, :, units:] = d_h * (1.0 - z) * (1.0 - c * c)
        d_h = d_sums[t] @ back + d_h * z
    flat = d_sums.reshape(-1, 2 * units)
    grads["state"] = states[:-1].reshape(-1, units).T @ flat
    grads["bias"] = flat.sum(axis=0)
    grads["input"] = seen.T @ flat
    whole = (seen.reshape(blocks, lines, -1) / np.where(mask > 0, mask, 1.0)).reshape(seen.shape)
    d_seen = ((flat @ net["input"].T).reshape(blocks, lines, -1) * mask).reshape(seen.shape) * (1.0 - whole * whole)
    grads["dense"] = x.reshape(-1, FEATURES).T @ d_seen
    grads["dense_bias"] = d_seen.sum(axis=0)
    return grads


class Adam:
    def __init__(self, net):
        self.first = {key: np.zeros_like(value) for key, value in net.items()}
        self.second = {key: np.zeros_like(value) for key, value in net.items()}
        self.steps = 0

    def step(self, net, grads, rate):
        self.steps += 1
        norm = np.sqrt(sum(float((g * g).sum()) for g in grads.values()))
        scale = min(1.0, 1.0 / (norm + 1e-9))
        for key, value in net.items():
            g = grads[key] * scale
            self.first[key] += 0.1 * (g - self.first[key])
            self.second[key] += 0.002 * (g * g - self.second[key])
            mean = self.first[key] / (1.0 - 0.9**self.steps)
            power = self.second[key] / (1.0 - 0.998**self.steps)
            value -= rate * (mean / (np.sqrt(power) + 1e-8) + DECAY * value)


def judge(net, data, standard):
    """Shares of each lie that are found in time, at thresholds above what honest lines reach."""
    features, heard, labels, factors = data
    x = standardise(features, standard)
    audible = heard.T > 0
    h = np.zeros((x.shape[1], net["out"].shape[0]), np.float32)
    # Honest lines are heard one after another as well: whatever the last one left.
    logits, kept = forward(net, x, h, audible)
    left = kept[1][-1][np.roll(np.flatnonzero(labels == 0), 1)]
    before = h.copy()
    before[labels == 0] = left
    again, _ = forward(net, x, before, audible)
    scores = np.where(audible[:, :, None], logits, -99)
    again = np.where(audible[:, :, None], again, -99)
    honest = labels == 0
    top = np.sort(np.maximum(scores[:, honest].max(axis=0), again[:, honest].max(axis=0)), axis=0)
    first = np.where(heard[:, 0] > 0, heard[:, 0], 200) - 1
    when = np.where(heard.T > 0, heard.T - first, 999)
    lines = []
    for name, limit in (("98 %", top[int(0.98 * len(top))]), ("99.5 %", top[int(0.995 * len(top))]), ("highest", top[-1])):
        parts = []
        for factor in (3.0, 1 / 3, 2.0, 0.5):
            mine = np.isclose(factors, factor) & (first < 75)
            index = 0 if factor > 1 else 1
            over = scores[:, mine, index] > limit[index]
            parts.append("%.3g: %.3f/%.3f" % (factor, (over & (when[:, mine] <= IN_TIME)).any(axis=0).mean(), over.any(axis=0).mean()))
        lines.append("  honest %s = %.1f, %.1f: %s" % (name, limit[0], limit[1], "  ".join(parts)))
    return "\n".join(lines)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--out", default=os.path.join(ROOT, "net.json"))
    options.add_argument("--steps", type=int, default=6000)
    options.add_argument("--lines", type=int, default=64)
    options.add_argument("--rate", type=float, default=6e-3)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--dense", type=int, default=DENSE)
    options.add_argument("--units", type=int, default=UNITS)
    options.add_argument("--start", help="a net to go on from")
    options = options.parse_args()
    rng = np.random.default_rng(options.seed)
    features, heard, labels, factors = load("train")
    tuning = load("tune")
    # Twice off is within what some voices are: it must not cost them their good name.
    twice = np.isclose(factors, 2) | np.isclose(factors, 0.5)
    costs = np.where(labels == 0, 1.5, np.where(twice, 0.3, 1.0))
    print(len(labels), "lines", np.bincount(labels), flush=True)
    sample = features[heard > 0][::10].astype(np.float32)
    standard = (sample.mean(axis=0), 1.0 / (sample.std(axis=0) + 1e-3))
    net = fresh(rng, options.dense, options.units)
    if options.start:
        with open(options.start, encoding="ascii") as file:
            before = {key: np.array(value, np.float32) for key, value in json.load(file).items()}
        net = {key: before[key] for key in net}
        standard = (before["mean"], before["scale"])
    averaged = {key: value.copy() for key, value in net.items()}
    adam = Adam(net)
    losses = []
    reported = time.time()
    last = np.zeros((options.lines, options.units), np.float32)
    for step in range(options.steps):
        pick = rng.choice(len(labels), options.lines, replace=False)
        x = standardise(features[pick], standard)
        x += rng.normal(0, 0.07, x.shape).astype(np.float32)
        # Another microphone: all features a little off for all of the line, the spectra in smooth curves.
        off = rng.normal(0, 0.08, (1, options.lines, FEATURES))
        for turns in (1.0, 2.0):
            phase = rng.uniform(0, 6.28, (options.lines, 1))
            curve = np.cos(np.pi * turns * np.arange(12) / 11 + phase) * rng.normal(0, 0.15, (options.lines, 1))
            off[0, :, :12] += curve
        x += off.astype(np.float32)
        audible = heard[pick].T > 0
        # Some begin with what was heard before, which was honest.
        h = last * (rng.random((options.lines, 1)) < np.where(labels[pick] == 0, 0.4, 0.15)[:, None])
        mask = ((rng.random((1, options.lines, options.dense)) >= LEFT_OUT) / (1.0 - LEFT_OUT)).astype(np.float32)
        logits, kept = forward(net, x, h, audible, mask)
        keep = labels[pick] == 0
        last = np.where(keep[:, None], kept[1][-1], 0.0).astype(np.float32)
        target = labels[pick][None, :, None] == np.array([1, 2])
        top = np.maximum(logits.max(axis=2, keepdims=True), 0)
        power = np.exp(logits - top)
        share = power / (power.sum(axis=2, keepdims=True) + np.exp(-top))
        none = 1.0 - share.sum(axis=2)
        right = np.where(labels[pick] == 0, none, (share * target).sum(axis=2))
        # What is known early counts more, and an honest line that is taken for a lie counts most.
        t = np.arange(len(x))[:, None]
        weight = audible * np.where((t < IN_TIME) | (labels[pick] == 0), 1.0, 0.4) * costs[pick] * np.where((labels[pick] == 0) & (right < 0.5), 3.0, 1.0)
        weight = weight / weight.sum()
        losses.append(float((-np.log(right + 1e-7) * weight).sum()))
        d_logits = ((share - target) * weight[:, :, None]).astype(np.float32)
        passed = step / options.steps
        rate = options.rate * min(1.0, (step + 1) / 100) * max(0.01, 0.5 * (1 + np.cos(np.pi * passed)))
        adam.step(net, backward(net, x, kept, d_logits, mask), rate)
        keep_share = 0.99 if step < 500 else 0.997
        for key, value in net.items():
            averaged[key] += (1 - keep_share) * (value - averaged[key])
        if time.time() - reported > 60 or step == options.steps - 1:
            reported = time.time()
            print("%d steps: loss %.4f" % (step + 1, np.mean(losses[-200:])), flush=True)
            print(judge(averaged, tuning, standard), flush=True)
            with open(options.out, "w", encoding="ascii") as file:
                values = {**averaged, "mean": standard[0], "scale": standard[1]}
                json.dump({key: np.round(value.astype(float), 6).tolist() for key, value in values.items()}, file)


if __name__ == "__main__":
    main()
