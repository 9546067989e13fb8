"""Lines of audio, honest and of a wrong rate, made of the recordings of rate_material.py by a seed: what the detector of
wrong rates learns from and is chosen by. A lie is told by resampling wide-band recordings, limited to any band or to none, so
that no edge of a filter tells it; honest lines are limited in the same ways.

    nice python3 bench/lies/rate_lines.py train 6000 1     # split, lines, seed
    nice python3 bench/lies/rate_lines.py train 2500 7 music
"""
import glob
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np  # noqa: E402

from rate_features import FEATURES, features, narrow  # noqa: E402
from rate_material import RATE, ROOT  # noqa: E402

SECONDS = 4
BLOCKS = SECONDS * 25
HONEST, SLOW, FAST = 0, 1, 2
# Sent at, taken for.
SLOWER = [(24000, 8000)] * 4 + [(48000, 16000)] + [(16000, 8000)] * 4 + [(48000, 24000), (48000, 8000)]
FASTER = [(8000, 24000)] * 4 + [(16000, 48000)] + [(8000, 16000)] * 4 + [(24000, 48000), (8000, 48000)]


def load(split, kind):
    places = sorted(glob.glob(os.path.join(ROOT, split, kind, "*.s16")))
    return [(os.path.basename(place)[:-4], np.memmap(place, np.int16, "r")) for place in places]


class Studio:
    def __init__(self, split, seed, kinds=(0.0, 1.0)):
        # Of all kinds of lines, or from where on: behind 0.82 is what is no voice.
        self.kinds = kinds
        self.rng = np.random.default_rng(seed)
        self.speech = load(split, "speech")
        self.music = load("train", "music")
        self.effects = load("train", "effects")
        weights = np.array([min(4.0, np.sqrt(len(pcm) / RATE / 40)) + 0.3 for _, pcm in self.speech])
        weights *= [0.5 if name.startswith("espeak") else 1.0 for name, _ in self.speech]
        self.weights = weights / weights.sum()

    def between(self, low, high):
        return self.rng.uniform(low, high)

    def excerpt(self, pcm, seconds):
        """From anywhere, but from where something begins."""
        # A length that the transform is fast with.
        length = int(round(seconds * 50)) * (RATE // 50)
        at = int(self.rng.integers(0, max(1, len(pcm) - length)))
        piece = np.asarray(pcm[at : at + length + RATE], np.float32)
        # From the end of a pause, for the most part, as a talkspurt begins.
        hops = piece[: len(piece) // 480 * 480].reshape(-1, 480)
        power = (hops * hops).mean(axis=1)
        if self.rng.random() < 0.8 and len(hops):
            limit = max(power.max() * 1e-4, 30.0)
            quiet = np.flatnonzero((power[:-2] < limit) & (power[1:-1] >= limit))
            quiet = quiet[quiet < 50]
            if len(quiet):
                piece = piece[(int(self.rng.choice(quiet)) + 1) * 480 :]
        if len(piece) < length:
            piece = np.concatenate([piece, np.zeros(length - len(piece), np.float32)])
        return piece[:length]

    def line(self):
        """(8 kHz view, label, what it was sent at / what it is taken for)."""
        rng = self.rng
        what = self.between(*self.kinds)
        label, sent, taken, speed = HONEST, 0, 0, 1.0
        if what < 0.4:
            label = SLOW if what < 0.22 else FAST
            pairs = SLOWER if label == SLOW else FASTER
            sent, taken = pairs[rng.integers(len(pairs))]
            speed = rng.integers(46, 55) / 50
        else:
            sent = taken = int(rng.choice([8000, 8000, 16000, 24000, 24000, 48000]))
            speed = rng.integers(40, 68) / 50
        seconds = SECONDS * taken / sent
        if label != HONEST or what < 0.82:
            self.name, pcm = self.speech[rng.choice(len(self.speech), p=self.weights)]
            piece = self.excerpt(pcm, seconds * speed)
        elif what < 0.92:
            kind = self.music if rng.random() < 0.75 else self.effects
            self.name, pcm = kind[rng.integers(len(kind))]
            self.name = ("music " if kind is self.music else "effects ") + self.name
            speed = rng.integers(45, 56) / 50
            piece = self.excerpt(pcm, seconds * speed)
        else:
            speed = 1.0
            piece = self.made(seconds)
        # A little faster or slower, filters and the rate that is sent, all in one transform.
        length = len(piece)
        out = int(round(seconds * sent))
        spectrum = np.fft.rfft(piece)
        hz = np.arange(len(spectrum)) * (RATE / length) / speed
        spectrum *= self.filters(hz, sent)
        bins = out // 2 + 1
        if len(spectrum) < bins:
            spectrum = np.concatenate([spectrum, np.zeros(bins - len(spectrum), spectrum.dtype)])
        x = np.fft.irfft(spectrum[:bins], out) * (out / length)
        return self.sent(x, taken), label, sent / taken

    def filters(self, hz, sent):
        edge = sent / 2 * self.between(0.9, 0.99)
        how = self.rng.random()
        if how < 0.4:
            edge = min(edge, self.between(3300, 4000))
        elif how < 0.5:
            edge = min(edge, self.between(1600, 3300))
        width = edge * (0.02 if self.rng.random() < 0.5 else self.between(0.02, 0.3))
        response = 0.5 - 0.5 * np.sin(np.pi * np.clip((hz - edge) / width + 0.5, -0.5, 0.5))
        if self.rng.random() < 0.5:
            cut = self.between(50, 300)
            response = response * (hz * hz / (hz * hz + cut * cut)) ** self.rng.integers(1, 4)
        # A microphone's or an equaliser's tilt.
        if self.rng.random() < 0.6:
            response = response * ((hz + 200) / 1000) ** self.between(-0.5, 0.5)
        return response

    def sent(self, x, taken):
        rng = self.rng
        loud = np.sqrt(np.mean(np.sort(x * x)[len(x) // 2 :]) + 1e-3)
        level = 32768 * 10 ** (self.between(-40, -13) / 20)
        x = x * (level / loud)
        if rng.random() < 0.6:
            noise = rng.standard_normal(len(x))
            if rng.random() < 0.5:
                noise = np.convolve(noise, 0.7 ** np.arange(20))[: len(x)] * 0.7
            x = x + noise * level * 10 ** (-self.between(8, 45) / 20)
        x = np.clip(np.rint(x), -32768, 32767)
        if rng.random() < 0.4:
            x = companded(x)
        return narrow(x, taken)

    def made(self, seconds):
        """What no recording has enough of: hums, creaks, singing, tones, bells, noise."""
        rng = self.rng
        t = np.arange(int(seconds * RATE)) / RATE
        what = rng.choice([0, 0, 1, 2, 2, 2, 3, 3, 3, 4, 5, 5])
        self.name = f"made {what}"
        if what == 0:  # Tones with a cadence.
            hz = rng.uniform(80, 2500, rng.integers(1, 4))
            if rng.random() < 0.5:
                hz = np.array([[440, 480], [400, 450], [425, 425], [350, 440], [480, 620], [1100, 2100]][rng.integers(6)], float)
            x = sum(np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in hz)
            on, off = self.between(0.05, 2), self.between(0, 2)
            return 3000 * x * ((t % (on + off)) < on)
        if what == 1:  # Noise that comes and goes.
            x = np.convolve(rng.standard_normal(len(t)), self.between(0.1, 0.97) ** np.arange(60))[: len(t)]
            return 2000 * x * (0.5 + 0.5 * np.sin(2 * np.pi * self.between(0.1, 6) * t)) ** self.between(0, 3)
        if what == 2:  # Bells, plucked strings: chords that fade.
            x = np.zeros(len(t))
            gap = self.between(0.3, 1.0)
            for first in np.arange(0, seconds, gap):
                tail = np.maximum(0, t - first)
                for f in self.between(45, 800) * 2 ** (rng.integers(0, 12, rng.integers(1, 5)) / 12):
                    kinds = range(1, 4) if rng.random() < 0.5 else rng.uniform(1, 6, 3)
                    harmonics = sum(np.sin(2 * np.pi * k * f * tail) / k ** self.between(0.3, 2) for k in kinds)
                    x += (t >= first) * np.exp(-tail / self.between(0.1, 0.8)) * harmonics
            return 2000 * x
        # Hums, creaks and singing: pulses through a vocal tract.
        pitch = [self.between(65, 330), self.between(30, 75), self.between(100, 700)][what - 3]
        walk = np.cumsum(rng.standard_normal(len(t) // 240 + 1)) * [0.02, 0.06, 0.01][what - 3]
        hz = pitch * np.exp(np.interp(np.arange(len(t)) / 240, np.arange(len(walk)), walk - walk.mean()))
        if what == 5:
            hz = hz * 2 ** (np.round(np.interp(t, np.arange(0, seconds + 1, 0.5), rng.normal(0, 3, int(2 * seconds + 2)))) / 12)
            hz = hz * (1 + 0.02 * np.sin(2 * np.pi * 5.5 * t))
        if what == 3:
            hz = hz * (1 + self.between(0, 0.08) * np.sin(2 * np.pi * self.between(0.2, 4) * t))
        phase = np.cumsum(np.clip(hz, 20, 1000)) / RATE
        pulses = np.diff(np.floor(phase), prepend=0)
        if what == 4:
            pulses = pulses * rng.uniform(0.4, 1, len(t))
        spectrum = np.fft.rfft(pulses)
        f = np.fft.rfftfreq(len(t), 1 / RATE)
        tract = 1.0 / (1 + (f / self.between(50, 300)) ** 2)
        formants = [(self.between(150, 400), self.between(60, 400))] if what == 3 else [(self.between(300, 800), 90), (self.between(900, 2300), 130), (self.between(2300, 3000), 180)]
        for center, width in formants:
            tract = tract * np.abs(center**2 / (center**2 - f**2 + 1j * f * width))
        x = np.fft.irfft(spectrum * tract * (f > 40), len(t))
        x = x / (np.sqrt((x * x).mean()) + 1e-9) * 3000
        return x * np.clip(np.sin(2 * np.pi * self.between(0.2, 2) * t + self.between(0, 6)) * 3 + 1.5, 0, 1)


def companded(x):
    """To µ-law and back, near enough."""
    y = np.sign(x) * np.log1p(255 * np.abs(x) / 32768) / np.log(256)
    y = np.rint(y * 127) / 127
    return np.rint(np.sign(y) * 32768 / 255 * (256 ** np.abs(y) - 1))


def main():
    split, lines, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    studio = Studio(split, seed, (0.82, 1.0) if sys.argv[4:] == ["music"] else (0.0, 1.0))
    out = np.zeros((lines, BLOCKS, FEATURES), np.float16)
    heard = np.zeros((lines, BLOCKS), np.uint8)
    labels = np.zeros(lines, np.uint8)
    factors = np.zeros(lines)
    names = []
    for line in range(lines):
        view, labels[line], factors[line] = studio.line()
        names.append(studio.name)
        values, audible = features(view)
        out[line, : len(values)] = values
        heard[line, : len(values)] = audible + 1
        if line % 500 == 499:
            print(line + 1, flush=True)
    np.savez(os.path.join(ROOT, f"{split}-{seed}.npz"), features=out, heard=heard, labels=labels, factors=factors, names=names)


if __name__ == "__main__":
    main()
