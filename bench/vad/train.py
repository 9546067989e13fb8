#!/usr/bin/env python3
"""Trains the neural detector on what `build-set.ts` made. Needs Python 3.9 and numpy; the product needs neither.

    nice python3 bench/vad/train.py --minutes 40 --out .cache/vad/net.json

48 features (standardised, kept within +-8) -> 32 (tanh) -> 64 gated units -> 1 (logistic). A unit keeps its value as far
as its gate says, h' = z*h + (1 - z)*c, with z = logistic and c = tanh of one matrix each over input and state: a gated
recurrent unit without the reset gate (M. Ravanelli et al., "Light gated recurrent units for speech recognition", 2018).
Each line is heard a little differently each time (bands, level), and does without a tenth of the values. Adam, truncated
back-propagation over 2 s, the state carried on through each line of 10 s. Which net is taken is decided on the tuning
speakers; the test speakers and the test kinds of noise are not known here.
"""
import argparse
import json
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np  # noqa: E402

FEATURES, DENSE, UNITS = 48, 32, 64
HOPS, CHUNK = 1000, 200
CLIP = 8.0
# Of the weights, at each step and times the rate; and the share of values that a line does without.
DECAY = 0.01
LEFT_OUT = 0.1
# What share of the hops without speech a call's detector may take for speech, for aggressiveness 0 to 3.
FALSE_ALARMS = (0.14, 0.09, 0.06, 0.03)


def load(folder, name):
    labels = np.fromfile(os.path.join(folder, name + "-labels.u8"), dtype=np.uint8).reshape(-1, HOPS)
    features = np.memmap(os.path.join(folder, name + "-features.i16"), dtype=np.int16, mode="r")
    return features.reshape(len(labels), HOPS, FEATURES), labels


def load_shards(folder):
    """Training material: every shard that is finished."""
    names = sorted(name[: -len("-labels.u8")] for name in os.listdir(folder) if name.endswith("-labels.u8"))
    return [load(folder, name) for name in names if name.startswith("train")]


class Material:
    """Lines of all shards, each time heard a little differently."""

    def __init__(self, shards, rng):
        self.shards = shards
        self.rng = rng
        self.ends = np.cumsum([len(labels) for _, labels in shards])

    def pick(self, lines):
        features = np.empty((lines, HOPS, FEATURES), np.float32)
        labels = np.empty((lines, HOPS), np.float32)
        for line, index in enumerate(self.rng.choice(self.ends[-1], lines, replace=False)):
            shard = int(np.searchsorted(self.ends, index, side="right"))
            start = self.ends[shard - 1] if shard > 0 else 0
            features[line] = self.shards[shard][0][index - start]
            labels[line] = self.shards[shard][1][index - start]
        self.vary(features)
        return features, labels

    def vary(self, features):
        """Another microphone (a smooth curve over the bands), another level, heights a little off, in 1/1024."""
        lines = len(features)
        bands = np.arange(20)
        for turns in (0.5, 1.0, 1.5, 2.0):
            curve = np.cos(np.pi * turns * (bands / 19.0)[None] + self.rng.uniform(0, 6.28, (lines, 1)))
            features[:, :, 20:40] += (700.0 * self.rng.standard_normal((lines, 1)) * curve)[:, None, :]
        features[:, :, 40] += 1024.0 * self.rng.standard_normal((lines, 1))
        features[:, :, :20] *= self.rng.uniform(0.92, 1.08, (lines, 1, 1))
        features[:, :, :40] += (150.0 * self.rng.standard_normal((lines, HOPS, 1))).astype(np.float32)


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


def fresh(rng):
    def matrix(rows, columns, gain=1.0):
        return (rng.standard_normal((rows, columns)) * gain * np.sqrt(1.0 / rows)).astype(np.float32)

    gate_bias = np.concatenate([np.ones(UNITS), np.zeros(UNITS)]).astype(np.float32)
    return {
        "dense": matrix(FEATURES, DENSE),
        "dense_bias": np.zeros(DENSE, np.float32),
        "input": matrix(DENSE, 2 * UNITS),
        "state": np.concatenate([matrix(UNITS, UNITS, 0.5), matrix(UNITS, UNITS)], axis=1),
        "bias": gate_bias,
        "out": matrix(UNITS, 1)[:, 0],
        "out_bias": np.zeros(1, np.float32),
    }


def forward(net, x, h, masks=None):
    """x: time x lines x features. Returns the logits and what the way back needs. Masks leave values out, line by line."""
    hops, lines, _ = x.shape
    seen_mask, out_mask = masks if masks else (np.ones((lines, DENSE), np.float32), np.ones((lines, UNITS), np.float32))
    seen = np.tanh(x.reshape(-1, FEATURES) @ net["dense"] + net["dense_bias"])
    passed = (seen.reshape(hops, lines, DENSE) * seen_mask).reshape(-1, DENSE)
    drive = (passed @ net["input"] + net["bias"]).reshape(hops, lines, 2 * UNITS)
    states = np.empty((hops + 1, lines, UNITS), np.float32)
    gates = np.empty((hops, lines, UNITS), np.float32)
    fresh_values = np.empty((hops, lines, UNITS), np.float32)
    states[0] = h
    for t in range(hops):
        sums = h @ net["state"]
        sums += drive[t]
        z = logistic(sums[:, :UNITS])
        c = np.tanh(sums[:, UNITS:])
        h = c + z * (h - c)
        gates[t], fresh_values[t], states[t + 1] = z, c, h
    logits = (states[1:] * out_mask) @ net["out"] + net["out_bias"][0]
    return logits, (seen, passed, states, gates, fresh_values, seen_mask, out_mask)


def backward(net, x, kept, d_logits):
    seen, passed, states, gates, fresh_values, seen_mask, out_mask = kept
    hops, lines, _ = x.shape
    grads = {"out": np.einsum("tl,tlu->u", d_logits, states[1:] * out_mask), "out_bias": np.array([d_logits.sum()], np.float32)}
    d_sums = np.empty((hops, lines, 2 * UNITS), np.float32)
    back = np.ascontiguousarray(net["state"].T)
    d_h = np.zeros((lines, UNITS), np.float32)
    out = net["out"] * out_mask
    for t in range(hops - 1, -1, -1):
        d_h += d_logits[t][:, None] * out
        z, c = gates[t], fresh_values[t]
        d_sums[t, :, :UNITS] = d_h * (states[t] - c) * z * (1.0 - z)
        d_sums[t, :, UNITS:] = d_h * (1.0 - z) * (1.0 - c * c)
        d_h = d_sums[t] @ back + d_h * z
    flat = d_sums.reshape(-1, 2 * UNITS)
    grads["state"] = states[:-1].reshape(-1, UNITS).T @ flat
    grads["bias"] = flat.sum(axis=0)
    grads["input"] = passed.T @ flat
    d_seen = ((flat @ net["input"].T).reshape(hops, lines, DENSE) * seen_mask).reshape(-1, DENSE) * (1.0 - seen * seen)
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


def quantised(net):
    """The net as it is shipped: 8 bits a weight, a scale for each output."""
    out = dict(net)
    for key in ("dense", "out"):
        scale = np.maximum(np.abs(net[key]).max(axis=0), 1e-9) / 127.0
        out[key] = (np.rint(net[key] / scale) * scale).astype(np.float32)
    scale = np.maximum(np.abs(np.concatenate([net["input"], net["state"]])).max(axis=0), 1e-9) / 127.0
    for key in ("input", "state"):
        out[key] = (np.rint(net[key] / scale) * scale).astype(np.float32)
    return out


def area(scores, spoken):
    """Area under the ROC."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    positives = int(spoken.sum())
    return (ranks[spoken == 1].sum() - positives * (positives + 1) / 2) / positives / (len(spoken) - positives)


def judge(net, data, standard):
    features, labels = data
    logits = []
    for first in range(0, len(labels), 120):
        x = standardise(features[first : first + 120], standard)
        logits.append(forward(net, x, np.zeros((x.shape[1], UNITS), np.float32))[0].T)
    scores, spoken = np.concatenate(logits).ravel(), labels.ravel()
    quiet = np.sort(scores[spoken == 0])
    thresholds = [float(quiet[int((1.0 - share) * len(quiet))]) for share in FALSE_ALARMS]
    heard = float((scores[spoken == 1] > quiet[int(0.92 * len(quiet))]).mean())
    return area(scores, spoken), heard, thresholds


def standardise(features, standard):
    mean, scale = standard
    x = (np.asarray(features, np.float32) / 1024.0 - mean) * scale
    return np.ascontiguousarray(np.clip(x, -CLIP, CLIP).transpose(1, 0, 2))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--set", default=".cache/vad/set")
    options.add_argument("--out", default=".cache/vad/net.json")
    options.add_argument("--minutes", type=float, default=30.0)
    options.add_argument("--lines", type=int, default=96)
    options.add_argument("--rate", type=float, default=4e-3)
    options.add_argument("--start", help="a net to go on from, as an earlier --out")
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()

    rng = np.random.default_rng(options.seed)
    shards = load_shards(options.set)
    material = Material(shards, rng)
    tuning = load(options.set, "tune")
    features = shards[0][0]
    sample = np.asarray(features[:: max(1, len(features) // 400)], np.float32).reshape(-1, FEATURES) / 1024.0
    standard = (sample.mean(axis=0), 1.0 / (sample.std(axis=0) + 1e-3))
    net = fresh(rng)
    if options.start:
        with open(options.start, encoding="ascii") as file:
            before = {key: np.array(value, np.float32) for key, value in json.load(file).items()}
        net = {key: before[key] for key in net}
        standard = (before["mean"], before["scale"])
    adam = Adam(net)
    averaged = {key: value.copy() for key, value in net.items()}
    began = time.time()
    losses, steps, reported, best = [], 0, began, 0.0
    passed = 0.0
    while passed < 1.0:
        features, labels = material.pick(options.lines)
        whole = standardise(features, standard)
        spoken = labels.T
        masks = [
            ((rng.random((options.lines, width)) >= LEFT_OUT) / (1.0 - LEFT_OUT)).astype(np.float32)
            for width in (DENSE, UNITS)
        ]
        h = np.zeros((options.lines, UNITS), np.float32)
        for first in range(0, HOPS, CHUNK):
            passed = (time.time() - began) / 60.0 / options.minutes
            x = whole[first : first + CHUNK]
            logits, kept = forward(net, x, h, masks)
            p = logistic(logits)
            target = spoken[first : first + CHUNK]
            losses.append(float(-np.log(np.where(target > 0.5, p, 1.0 - p) + 1e-7).mean()))
            rate = options.rate * min(1.0, (steps + 1) / 100.0) * max(0.01, 0.5 * (1.0 + np.cos(np.pi * min(1.0, passed))))
            adam.step(net, backward(net, x, kept, ((p - target) / p.size).astype(np.float32)), rate)
            h = kept[2][-1]
            steps += 1
            for key, value in net.items():
                averaged[key] += 0.005 * (value - averaged[key])
        if time.time() - reported > 120 or passed >= 1.0:
            reported = time.time()
            material.shards = load_shards(options.set)  # What was finished meanwhile joins.
            material.ends = np.cumsum([len(labels) for _, labels in material.shards])
            auc, heard, thresholds = judge(quantised(averaged), tuning, standard)
            line = "%5.1f min, %d steps: loss %.4f, tuning AUC %.4f, heard at 8 %% false alarm %.3f"
            print(line % ((reported - began) / 60, steps, np.mean(losses[-200:]), auc, heard), flush=True)
            if auc < best:
                continue
            best = auc
            with open(options.out, "w", encoding="ascii") as file:
                values = {key: np.round(value.astype(float), 7).tolist() for key, value in averaged.items()}
                values["mean"], values["scale"] = standard[0].astype(float).tolist(), standard[1].astype(float).tolist()
                values["thresholds"] = thresholds
                json.dump(values, file)


if __name__ == "__main__":
    main()
