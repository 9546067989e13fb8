#!/usr/bin/env python3
"""Brings the recordings that the detector of wrong rates is trained on: Debian packages, decoded to 24 kHz mono, and
espeak-ng's voices. None of it is in the repository; docs/vad.md lists the packages and their licences. Nobody whom the
bench of the lie detector hears is in it (flite's voices; Asterisk's English prompts and the Spanish ones of the same speaker).

    nice python3 bench/lies/rate_material.py

Needs apt-get, dpkg-deb, ffmpeg and espeak-ng. One file a speaker, under .cache/lies/<train|tune>/<speech|music|effects>/.
"""
import glob
import os
import random
import re
import shutil
import struct
import subprocess
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".cache", "lies")
RATE = 24000

SPEECH = [
    ("asterisk-core-sounds-fr-g722", r"_June/(?!silence/|beep|.*tone).*\.g722$", "train", "june"),
    ("asterisk-core-sounds-it-g722", r"_Carlo/(?!silence/|beep|.*tone).*\.g722$", "train", "carlo"),
    ("asterisk-core-sounds-ru-g722", r"_IvrvoiceRU/(?!silence/|beep|.*tone).*\.g722$", "tune", "ivrvoice"),
    ("asterisk-prompt-it-menardi-wav", r"_Menardi/(?!silence/|beep).*\.wav$", "train", "menardi"),
    ("flight-of-the-amazon-queen", r"queen\.1c$", "train", "queen"),
    ("gcin-voice", r"/3\.ogg$", "train", "gcin3"),
    ("gcin-voice", r"/5\.ogg$", "train", "gcin5"),
]
for name in "fr ca nn lt ru wa el en de sl gl uk".split():
    SPEECH.append(("ktuberling-data", rf"/sounds/{name}/[^/]+\.(wav|ogg|opus)$", "train", f"ktuberling-{name}"))
for name in "ar cs de en en_GB es fr he hu it lt ml nb ru tn nds nl pt_BR".split():
    SPEECH.append(("klettres-data", rf"/klettres/{name}/(alpha|syllab)/[^/]+\.(wav|ogg|mp3)$", "train", f"klettres-{name}"))

OTHERS = [
    ("asterisk-moh-opsound-g722", r"/moh/.*\.g722$", "train", "music"),
    ("singularity-music", r"/music/.*\.ogg$", "train", "music"),
    ("colobot-common-sounds", r"/music/.*\.ogg$", "train", "music"),
    ("hedgewars-data", r"/Music/.*\.ogg$", "train", "music"),
    ("colobot-common-sounds", r"/sounds/.*\.wav$", "train", "effects"),
    ("hedgewars-data", r"/Sounds/[^/]*\.ogg$", "train", "effects"),
    ("tuxpaint-data", r"/sounds/.*\.wav$", "train", "effects"),
]

SENTENCES = {
    "en": "Good morning, this is the front desk. How may I help you today? Your order left our warehouse on Monday and should reach you soon. Hm, let me look that up. Yes, I see. Would you like anything else?",
    "de": "Guten Tag, Sie sprechen mit der Zentrale. Wie kann ich Ihnen helfen? Ihre Bestellung ist am Montag abgegangen und müsste bald bei Ihnen sein.",
    "es": "Buenos días, le atiende la centralita. ¿En qué puedo ayudarle? Su pedido salió el lunes de nuestro almacén y llegará pronto.",
    "fr": "Bonjour, vous êtes bien au standard. Comment puis-je vous aider? Votre commande est partie lundi et arrivera bientôt.",
    "ru": "Добрый день, вас слушают. Чем я могу вам помочь? Ваш заказ был отправлен в понедельник и скоро придёт.",
    "cmn": "您好,这里是总机。请问有什么可以帮您?您的订单星期一已经发出,很快就会送到。",
    "ja": "おはようございます。ごようけんをおしらせください。",
    "pl": "Dzień dobry, w czym mogę pomóc? Pańskie zamówienie wyszło w poniedziałek.",
}


def package(name):
    folder = os.path.join(ROOT, "debs")
    os.makedirs(folder, exist_ok=True)
    if not glob.glob(os.path.join(folder, name + "_*.deb")):
        subprocess.run(["apt-get", "download", name], cwd=folder, check=True, capture_output=True)
    return glob.glob(os.path.join(folder, name + "_*.deb"))[0]


unpacked = {}


def unpack(name):
    if name not in unpacked:
        unpacked[name] = tempfile.mkdtemp(prefix="talkspurt-lies-")
        subprocess.run(["dpkg-deb", "-x", package(name), unpacked[name]], check=True)
    return unpacked[name]


def decode(paths):
    """Each as 24 kHz mono. ffmpeg takes longer to start than to decode a word: it is given many at a time."""
    pieces = []
    for first in range(0, len(paths), 60):
        batch = paths[first : first + 60]
        with tempfile.TemporaryDirectory() as folder:
            places = [os.path.join(folder, f"{n}.s16") for n in range(len(batch))]
            command = ["ffmpeg", "-v", "error", "-threads", "1"]
            for path in batch:
                command += ["-i", path]
            for n, place in enumerate(places):
                command += ["-map", f"{n}:a", "-t", "1200", "-ac", "1", "-ar", str(RATE), "-f", "s16le", place]
            done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0
            if not done and len(batch) > 1:
                # One bad file fails all: each by itself, then.
                pieces += [piece for path in batch for piece in decode([path])]
            elif done:
                for place in places:
                    with open(place, "rb") as file:
                        pieces.append(file.read())
    return pieces


def queen_speech(path):
    """The spoken lines of the game's archive: MP3 streams behind a table of names, offsets and sizes."""
    with open(path, "rb") as file:
        archive = file.read()
    entries = struct.unpack(">H", archive[13:15])[0]
    place = path + ".mp3"
    with open(place, "wb") as out:
        for entry in range(entries):
            at = 15 + 21 * entry
            name = archive[at : at + 12].rstrip(b"\0").decode("latin1")
            if re.match(r"^[0-9A-Z_]{6,}\.SB$", name):
                start, size = struct.unpack(">II", archive[at + 13 : at + 21])
                out.write(archive[start : start + size])
    return place


def files_of(name, pattern):
    folder = unpack(name)
    paths = sorted(glob.glob(folder + "/**/*", recursive=True))
    return [path for path in paths if os.path.isfile(path) and re.search(pattern, path)]


def write(split, kind, name, pieces):
    folder = os.path.join(ROOT, split, kind)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".s16.next"), "wb") as out:
        for piece in pieces:
            out.write(piece[: len(piece) & ~1])
            out.write(bytes(2 * RATE // 10))
    os.rename(os.path.join(folder, name + ".s16.next"), os.path.join(folder, name + ".s16"))
    print(split, kind, name, round(sum(map(len, pieces)) / 2 / RATE), "s", flush=True)


def have(split, kind, name):
    return os.path.exists(os.path.join(ROOT, split, kind, name + ".s16"))


def recordings():
    for name, pattern, split, speaker in SPEECH:
        if have(split, "speech", speaker):
            continue
        paths = files_of(name, pattern)
        if paths and paths[0].endswith("queen.1c"):
            paths = [queen_speech(paths[0])]
        write(split, "speech", speaker, decode(paths))
    for name, pattern, split, kind in OTHERS:
        if not have(split, kind, name):
            write(split, kind, name, decode(files_of(name, pattern)))


def voices():
    """Twelve dozen speakers that espeak-ng can do: its variants, deep men to children, slow and fast talkers."""
    chance = random.Random(7)
    listed = subprocess.run(["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True).stdout
    variants = sorted(set(re.findall(r"!v/(\S+)", listed)) - {"whisper", "whisperf", "fast", "Demonic", "announcer"})
    for index, variant in enumerate(variants):
        split = "tune" if index % 5 == 0 else "train"
        if have(split, "speech", f"espeak-{variant}"):
            continue
        pieces = []
        for language in chance.sample(sorted(SENTENCES), 4):
            place = os.path.join(ROOT, "said.wav")
            command = ["espeak-ng", "-v", f"{language}+{variant}", "-w", place]
            command += ["-p", str(chance.randint(25, 75)), "-s", str(chance.randint(120, 260)), SENTENCES[language]]
            subprocess.run(command, check=True, capture_output=True)
            pieces += decode([place])
        write(split, "speech", f"espeak-{variant}", pieces)


if __name__ == "__main__":
    os.makedirs(ROOT, exist_ok=True)
    try:
        recordings()
        voices()
    finally:
        for folder in unpacked.values():
            shutil.rmtree(folder, ignore_errors=True)
