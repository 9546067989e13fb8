"""What assembly/rate-suspicion.ts hears of audio, for many blocks at a time: 32 features of each 40 ms that are audible."""
import numpy as np

BLOCK = 320
LONG = 192
LONG_WINDOW = 112
BEFORE = 16
# Of each view, lags whose cosine transform is the spectrum, through a Hann window, and the frequencies at which it is taken.
LAGS = 16
SHORT_HZ = [60, 200, 350, 500, 700, 950, 1250, 1600, 2000, 2500, 3000, 3600]
LONG_HZ = [30, 90, 150, 220, 300, 400, 520, 680]
FLOOR = 0.003
LONG_LAGS = list(range(1, 20)) + list(range(20, 81, 2))
GROUPS = [(9, 11), (12, 15), (16, 20), (22, 26), (28, 34), (36, 44), (46, 56), (58, 80)]
FEATURES = 32
# Mean square of a block that is listened to: -50 dBov.
AUDIBLE = 10737.0


def narrow(pcm, rate):
    """The 8 kHz view: the mean of each few samples."""
    step = rate // 8000
    count = len(pcm) // step
    return np.trunc(pcm[: count * step].reshape(count, step).mean(axis=1)).astype(np.float32)


def spectrum(rho, turns):
    """log2 of the power at some frequencies, of a correlation at lags from 1 on; 0 is that of white noise."""
    lags = np.arange(1, LAGS)
    window = 1 + np.cos(np.pi * lags / LAGS)
    power = 1 + (rho * window) @ np.cos(2 * np.pi * np.outer(lags, turns))
    return np.log2(np.maximum(power, FLOOR))


def features(view):
    """Features of the audible blocks of an 8 kHz view (blocks x 32), and the indices of these blocks."""
    blocks = len(view) // BLOCK
    view = view[: blocks * BLOCK]
    padded = np.concatenate([np.zeros(BEFORE, np.float32), view])
    short = np.lib.stride_tricks.sliding_window_view(padded, BLOCK + BEFORE)[::BLOCK]
    energy = (view.reshape(blocks, BLOCK) ** 2).mean(axis=1)
    audible = np.flatnonzero(energy >= AUDIBLE)
    if len(audible) == 0:
        return np.zeros((0, FEATURES), np.float32), audible
    quads = view.reshape(-1, 4).sum(axis=1)
    half = np.trunc((quads + np.concatenate([[0], quads[:-1]])) / 8).astype(np.float32)
    padded = np.concatenate([np.zeros(LONG - 80, np.float32), half])
    long = np.lib.stride_tricks.sliding_window_view(padded, LONG)[::80]
    out = np.zeros((len(audible), FEATURES), np.float32)
    short = short[audible]
    short = short - short.mean(axis=1, keepdims=True)
    late = short[:, BEFORE:]
    own = (late * late).sum(axis=1) + 1.0
    rho = [(late * short[:, BEFORE - lag : BEFORE - lag + BLOCK]).sum(axis=1) / own for lag in range(1, LAGS)]
    out[:, :12] = spectrum(np.stack(rho, axis=1), np.array(SHORT_HZ) / 8000)
    long = long[audible]
    long = long - long.mean(axis=1, keepdims=True)
    late = long[:, LONG - LONG_WINDOW :]
    own = (late * late).sum(axis=1)
    squares = np.concatenate([np.zeros((len(long), 1), np.float32), np.cumsum(long * long, axis=1)], axis=1)
    rho = np.empty((len(audible), len(LONG_LAGS)), np.float32)
    for n, lag in enumerate(LONG_LAGS):
        first = LONG - LONG_WINDOW - lag
        other = squares[:, first + LONG_WINDOW] - squares[:, first]
        rho[:, n] = (late * long[:, first : first + LONG_WINDOW]).sum(axis=1) / np.sqrt(own * np.maximum(other, 0) + 1.0e4)
    lags = np.array(LONG_LAGS)
    out[:, 12:20] = spectrum(rho[:, : LAGS - 1], np.array(LONG_HZ) / 2000)
    for n, (least, most) in enumerate(GROUPS):
        out[:, 20 + n] = rho[:, (lags >= least) & (lags <= most)].max(axis=1)
    # The first peak that is nearly as high as the highest.
    peak = np.zeros_like(rho, dtype=bool)
    peak[:, 1:-1] = (rho[:, 1:-1] >= rho[:, :-2]) & (rho[:, 1:-1] >= rho[:, 2:])
    heights = np.where(peak, rho, 0)
    highest = heights.max(axis=1)
    first = np.argmax(heights > 0.9 * np.maximum(highest, 1e-9)[:, None], axis=1)
    out[:, 28] = highest
    out[:, 29] = np.where(highest > 0, highest * (np.log2(lags[first]) - 4), 0)
    level = 0.5 * np.log2(energy[audible])
    loudest, last = 0.0, level[0]
    for n, one in enumerate(level):
        loudest = max(one, loudest - 0.02)
        out[n, 30] = 0.25 * (one - loudest)
        out[n, 31] = 0.5 * np.clip(one - last, -3, 3)
        last = one
    return out, audible
