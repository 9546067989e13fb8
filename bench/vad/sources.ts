/**
 * Which recordings the detector is trained, chosen and measured on: Debian packages, by speaker. Nothing of them is in
 * this repository or in the package; docs/vad.md lists them with their licences.
 */

/** `train`: weights. `tune`: which of several nets is taken. `test`: measured, and looked at for nothing else. */
export type Split = 'train' | 'tune' | 'test';

/** Files of one package that are one speaker (or one kind of noise), as a pattern over the path inside the package. */
export interface Source {
  readonly name: string;
  readonly package: string;
  readonly split: Split;
  readonly files: RegExp;
}

/** Debian packages and the licence that each states for its recordings. */
export const PACKAGES: Readonly<Record<string, string>> = {
  'asterisk-core-sounds-en-g722': 'CC-BY-SA-3.0',
  'asterisk-core-sounds-es-g722': 'CC-BY-SA-3.0',
  'asterisk-core-sounds-fr-g722': 'CC-BY-SA-3.0',
  'asterisk-core-sounds-it-g722': 'CC-BY-SA-3.0',
  'asterisk-core-sounds-ru-g722': 'CC-BY-SA-3.0',
  'asterisk-moh-opsound-g722': 'CC-BY-SA-3.0',
  'asterisk-prompt-es-co': 'GPL-2',
  'asterisk-prompt-fr-armelle': 'GPL-2+',
  'asterisk-prompt-it-menardi-wav': 'CC-BY-SA-3.0 (Italy)',
  'colobot-common-sounds': 'GPL-3',
  'flight-of-the-amazon-queen': 'freeware, may be modified and distributed',
  'gcin-voice': 'CC-BY-3.0',
  'hedgewars-data': 'GFDL-1.3 (sounds)',
  'klettres-data': 'GPL-2+',
  'ktuberling-data': 'GPL-2+',
  'oxygen-sounds': 'LGPL-3+',
  'singularity-music': 'CC-BY-SA-3.0',
  'sound-theme-freedesktop': 'CC-BY-SA-3.0, CC-BY-3.0, GPL-2+',
  'tuxpaint-data': 'GPL-2+',
  'unknown-horizons': 'CC-BY-SA-3.0',
  'wesnoth-1.16-data': 'GPL-2+',
  'wesnoth-1.16-music': 'GPL-2+',
};

const core = (language: string, voice: string): Source => ({
  name: `${language}-${voice.toLowerCase()}`,
  package: `asterisk-core-sounds-${language}-g722`,
  split: 'test',
  // Neither recorded silence, nor tones.
  files: new RegExp(`_${voice}/(?!silence/|beep|ascending|descending|.*tone).*\\.g722$`),
});

const ktuberling = (language: string, split: Split): Source => ({
  name: `ktuberling-${language}`,
  package: 'ktuberling-data',
  split,
  files: new RegExp(`/sounds/${language}/[^/]+\\.(wav|ogg|opus)$`),
});

const klettres = (language: string, split: Split): Source => ({
  name: `klettres-${language}`,
  package: 'klettres-data',
  split,
  files: new RegExp(`/klettres/${language}/(alpha|syllab)/[^/]+\\.(wav|ogg|mp3)$`),
});

const hedgewars = (voice: string): Source => ({
  name: `hedgewars-${voice.toLowerCase()}`,
  package: 'hedgewars-data',
  split: 'train',
  files: new RegExp(`/voices/${voice}/[^/]+\\.ogg$`),
});

/** Human speech. Nobody is in two splits: Allison (en, es), June, Carlo and the Russian voice are only measured on. */
export const SPEAKERS: readonly Source[] = [
  core('en', 'Allison'),
  core('es', 'Allison'),
  core('fr', 'June'),
  core('it', 'Carlo'),
  core('ru', 'IvrvoiceRU'),
  {
    name: 'it-menardi',
    package: 'asterisk-prompt-it-menardi-wav',
    split: 'tune',
    files: /_Menardi\/(?!silence\/|beep).*\.wav$/,
  },
  { name: 'fr-armelle', package: 'asterisk-prompt-fr-armelle', split: 'train', files: /\/sounds\/fr\/.*\.gsm$/ },
  { name: 'es-jimenez', package: 'asterisk-prompt-es-co', split: 'train', files: /\/sounds\/es\/.*\.gsm$/ },
  // One archive of a talking adventure game: a dozen actors.
  { name: 'amazon-queen', package: 'flight-of-the-amazon-queen', split: 'train', files: /queen\.1c$/ },
  { name: 'horizons-en', package: 'unknown-horizons', split: 'train', files: /\/voice\/en\/.*\.ogg$/ },
  { name: 'horizons-fr', package: 'unknown-horizons', split: 'train', files: /\/voice\/fr\/.*\.ogg$/ },
  { name: 'horizons-de', package: 'unknown-horizons', split: 'train', files: /\/voice\/de\/.*\.ogg$/ },
  { name: 'gcin-3', package: 'gcin-voice', split: 'train', files: /\/3\.ogg$/ },
  { name: 'gcin-5', package: 'gcin-voice', split: 'train', files: /\/5\.ogg$/ },
  ...['fr', 'ca', 'nn', 'lt', 'ru', 'wa', 'el', 'en', 'de', 'sl', 'gl'].map((name) => ktuberling(name, 'train')),
  ...['uk', 'da'].map((name) => ktuberling(name, 'tune')),
  ...['ar', 'cs', 'de', 'en', 'en_GB', 'es', 'fr', 'he', 'hu', 'it', 'lt', 'ml', 'nb', 'nds', 'nl', 'pt_BR']
    .concat(['ru', 'tn'])
    .map((name) => klettres(name, 'train')),
  ...['British', 'Classic', 'Default', 'HillBilly', 'Mobster', 'Pirate', 'Russian', 'Surfer', 'Default_uk'].map(
    hedgewars,
  ),
  ...['Default_ru', 'Default_pl', 'Default_es', 'Russian_pl'].map(hedgewars),
];

/** Voices of creatures are neither speech nor what one wants to call noise. */
const WITHOUT_VOICES =
  '(?!.*(human|elf|dwarf|mermaid|mermen|goblin|orc|ogre|troll|groan|laugh|wail|ugg|zombie|voice|hog|hell))';

/** Recorded noise and music. A kind is in one split only, but `music`, whose test pieces are of other musicians. */
export const NOISES: readonly Source[] = [
  { name: 'music', package: 'asterisk-moh-opsound-g722', split: 'test', files: /\/moh\/.*\.g722$/ },
  { name: 'music', package: 'wesnoth-1.16-music', split: 'train', files: /\/music\/(?!silence).*\.ogg$/ },
  { name: 'music', package: 'singularity-music', split: 'train', files: /\/music\/.*\.ogg$/ },
  { name: 'music', package: 'colobot-common-sounds', split: 'train', files: /\/music\/.*\.ogg$/ },
  { name: 'music', package: 'unknown-horizons', split: 'tune', files: /\/audio\/music\/.*\.ogg$/ },
  { name: 'effects', package: 'colobot-common-sounds', split: 'train', files: /\/sounds\/.*\.wav$/ },
  { name: 'effects', package: 'oxygen-sounds', split: 'train', files: /\.ogg$/ },
  {
    name: 'effects',
    package: 'sound-theme-freedesktop',
    split: 'train',
    files: /\/stereo\/(?!audio-channel|audio-test).*\.oga$/,
  },
  { name: 'effects', package: 'tuxpaint-data', split: 'train', files: /\/sounds\/(?!giggle|youcannot|areyou).*\.wav$/ },
  {
    name: 'battle',
    package: 'wesnoth-1.16-data',
    split: 'train',
    files: new RegExp(`/core/sounds/${WITHOUT_VOICES}[^/]+\\.(ogg|wav)$`),
  },
  // Kinds that no weight has seen.
  { name: 'nature', package: 'wesnoth-1.16-data', split: 'test', files: /\/ambient\/(?!wardrums).*\.ogg$/ },
  {
    name: 'workshop',
    package: 'unknown-horizons',
    split: 'test',
    files: /\/sounds\/(.*\/)?(smith|stonemason|lumberjack(_long)?|windmill|warehouse|main_square)\.ogg$/,
  },
];
