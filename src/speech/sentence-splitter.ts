/**
 * Text that comes in pieces, cut into sentences that can be spoken one by one. Boundaries are those of Unicode's sentence
 * segmentation (UAX #29, `Intl.Segmenter`), less those that only look like one: abbreviations, initials, ordinals. Nothing is
 * lost or added: what comes out, put together, is what went in, but for blanks between sentences.
 */
import { LIMITS } from '../limits.ts';

/** How sentences are cut. */
export interface SentenceSplitterOptions {
  /** BCP 47; default `en`. */
  readonly language?: string;
  /** Longest sentence, characters; a longer one is cut behind a clause, or at a blank. Default LIMITS.ttsSentenceCharacters. */
  readonly maximumCharacters?: number;
  /**
   * The first sentence is cut behind the first clause that ends after so many characters, so that something is heard early;
   * 0: it is not. Default 40.
   */
  readonly earlyCharacters?: number;
}

/** Characters behind a boundary that settle whether it is one. */
const LOOK_AHEAD = 32;
/** What has to follow a boundary before it can be trusted: until then `12 a` may still turn it into no boundary. */
const SETTLED = /[\p{L}\p{Extended_Pictographic}.!?…。！？｡\n]/u;
/** A clause ends behind such marks where one of them is more than a quote and a blank follows; or behind a wide one in any case. */
const MARKS = /[,;:)\]–—،؛、，；："'”’»]+/gu;
const CLAUSE = /[,;:)\]–—،؛、，；：]/u;
const WIDE_CLAUSE = /[、，；：]/gu;
const BLANK = /\s/u;
/** Ends that are no end of a sentence: `Dr.`, `z.B.`, `J.`, `3.` */
const ABBREVIATIONS = new Set(
  (
    'mr mrs ms mx dr prof rev hon st mt ft jr sr gen col capt lt sgt gov sen rep pres ' +
    'no nos vol fig figs eq sec ch pp ed eds est approx dept univ assn bros co corp inc ltd vs viz cf al resp ' +
    'jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun ' +
    'tel ext min max ave blvd rd e.g i.e a.m p.m u.s u.k u.n ph.d ' +
    'bzw ca evtl ggf inkl nr str usw vgl zzgl abs hr fr frl ing dipl mio mrd z.b d.h u.a o.ä ' +
    'm mme mlle mm av env p.ex etc sra srta ud uds d.c sig dott avv'
  ).split(' '),
);
/** Of these the sentence may well end there: it does where a capital follows. */
const MAY_END = new Set('etc inc ltd co corp jr sr a.m p.m u.s u.k u.n usw al min max no sun sat mar m'.split(' '));
/** An address goes on behind its `?`, where no blank follows. */
const ADDRESS = /https?:\/\/|www\./i;
const IN_ADDRESS = /(?:https?:\/\/|www\.).*[?!.;]$/is;
const NOT_IN_ADDRESS = /[\s"<>]/u;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const LAST_WORD = /([\p{L}\p{N}.]+)\.["'”’»)\]]*$/u;
/** Longest word, with what closes behind it, that may be an abbreviation. */
const LOOK_BACK = 32;

/** What is known of the beginning of a sentence, whose boundaries were no ends: none is judged twice. */
interface Judged {
  readonly end: number;
  /** It has a letter or a digit. */
  readonly worded: boolean;
  /** It is the number of an entry in a list, and no more. */
  readonly numbered: boolean;
  /** It ends within an address. */
  readonly addressed: boolean;
}

const NOTHING: Judged = { end: 0, worded: false, numbered: false, addressed: false };

/** Cuts the text of one answer; see the top of the file. */
export class SentenceSplitter {
  readonly #segmenter: Intl.Segmenter;
  readonly #maximum: number;
  readonly #early: number;
  #pending = '';
  #first = true;
  #judged = NOTHING;

  constructor(options: SentenceSplitterOptions = {}) {
    const { language = 'en', maximumCharacters = LIMITS.ttsSentenceCharacters, earlyCharacters = 40 } = options;
    this.#segmenter = new Intl.Segmenter(language, { granularity: 'sentence' });
    this.#maximum = Math.max(1, maximumCharacters);
    this.#early = earlyCharacters;
  }

  /** Text that was not enough for a sentence yet, characters. */
  get pendingCharacters(): number {
    return this.#pending.length;
  }

  /** More text: the sentences that are complete now, trimmed, in order. */
  push(delta: string): string[] {
    this.#pending += delta;
    return this.#take(false);
  }

  /** There is no more: what is left, as sentences. The next text begins anew. */
  flush(): string[] {
    const sentences = this.#take(true);
    const rest = this.#pending.trim();
    this.clear();
    return rest === '' ? sentences : [...sentences, rest];
  }

  /** Drops what is left. */
  clear(): void {
    this.#pending = '';
    this.#first = true;
    this.#judged = NOTHING;
  }

  #take(whole: boolean): string[] {
    const sentences: string[] = [];
    for (;;) {
      this.#pending = this.#pending.trimStart();
      const end = this.#end(whole);
      if (end <= 0) return sentences;
      const sentence = this.#pending.slice(0, end).trim();
      this.#pending = this.#pending.slice(end);
      this.#judged = NOTHING;
      this.#first = false;
      if (sentence !== '') sentences.push(sentence);
    }
  }

  /** Where the first sentence ends; 0: not yet. */
  #end(whole: boolean): number {
    const text = this.#pending.slice(0, this.#maximum + LOOK_AHEAD);
    if (text === '') return 0;
    const boundary = this.#boundary(text, whole);
    const clause = this.#first && this.#early > 0 ? this.#clauseAfter(text) : 0;
    const first = [boundary, clause].filter((at) => at > 0 && at <= this.#maximum);
    if (first.length > 0) return Math.min(...first);
    // Nothing within the bound, and nothing that still comes can change that.
    if (this.#pending.length >= this.#maximum + LOOK_AHEAD) return this.#cut();
    return whole && this.#pending.trimEnd().length > this.#maximum ? this.#cut() : 0;
  }

  #boundary(text: string, whole: boolean): number {
    for (const { segment } of this.#segmenter.segment(text.slice(this.#judged.end))) {
      const judged = joined(this.#judged, segment);
      if (judged.end >= text.length) return 0;
      const following = text.slice(judged.end, judged.end + LOOK_AHEAD);
      if (!whole && following.length < LOOK_AHEAD && !SETTLED.test(following)) return 0;
      if (!inAddress(segment, this.#judged.addressed) && isEnd(judged, text, segment, following)) return judged.end;
      this.#judged = judged;
    }
    return 0;
  }

  #clauseAfter(text: string): number {
    for (const end of clauseEnds(text)) {
      // The blank behind it is not enough: what is said next must have begun.
      if (end >= this.#early && text.slice(end).trimStart() !== '') return end;
    }
    return 0;
  }

  /** Behind the last clause within the bound, or at the last blank, or through a word but not through a character. */
  #cut(): number {
    const text = this.#pending.slice(0, this.#maximum + 1);
    let clause = 0;
    for (const end of clauseEnds(text)) if (end <= this.#maximum) clause = end;
    if (clause > this.#maximum / 4) return clause;
    for (let at = this.#maximum; at > 0; at -= 1) if (BLANK.test(text[at] ?? '')) return at;
    // Also not through an accent, or through one face of a family.
    const around = this.#pending.slice(0, this.#maximum + LOOK_AHEAD);
    const whole = graphemes.segment(around).containing(this.#maximum)?.index ?? this.#maximum;
    if (whole > 0) return whole;
    const isLow = (this.#pending.charCodeAt(this.#maximum) & 0xfc00) === 0xdc00;
    return isLow && this.#maximum > 1 ? this.#maximum - 1 : this.#maximum;
  }
}

/** Where the clauses of `text` end, in order. */
function* clauseEnds(text: string): Generator<number, void> {
  for (const { 0: marks, index } of text.matchAll(MARKS)) {
    const end = index + marks.length;
    if (CLAUSE.test(marks) && BLANK.test(text[end] ?? '')) yield end;
    else for (const wide of marks.matchAll(WIDE_CLAUSE)) yield index + wide.index + 1;
  }
}

/** What is known of a beginning that goes on with `segment`. */
function joined({ end, worded, numbered, addressed }: Judged, segment: string): Judged {
  const said = segment.trimEnd();
  const run = lastRun(segment);
  return {
    end: end + segment.length,
    worded: worded || /[\p{L}\p{N}]/u.test(segment),
    numbered: end === 0 ? /^\d{1,2}\.$/.test(said) : numbered && said === '',
    addressed: (addressed && run === segment) || ADDRESS.test(run),
  };
}

/** Whether the sentence of `text` that `judged` is about, with `segment` at its end, really ends before `following`. */
function isEnd({ end, worded, numbered }: Judged, text: string, segment: string, following: string): boolean {
  if (!worded) return false;
  if (/\n\s*$/.test(segment)) return !numbered;
  const tail = text.slice(0, end).trimEnd().slice(-LOOK_BACK);
  const next = following.trimStart();
  if (/(\.\.\.|…)["'”’»)\]]*$/.test(tail)) return !/^\p{Ll}/u.test(next);
  const word = LAST_WORD.exec(tail)?.[1]?.toLowerCase();
  if (word === undefined) return true;
  if (/^\d{1,2}$/.test(word) || /^\p{L}$/u.test(word)) return false;
  if (!ABBREVIATIONS.has(word)) return !/^(\p{L}\.)+\p{L}$/u.test(word) || /^\p{Lu}/u.test(next);
  return MAY_END.has(word) && /^\p{Lu}/u.test(next);
}

/** `addressed`: what stands before it ended within an address. */
function inAddress(segment: string, addressed: boolean): boolean {
  if (!'?!.;'.includes(segment.at(-1) ?? ' ')) return false;
  const run = lastRun(segment);
  return (addressed && run === segment) || IN_ADDRESS.test(run);
}

/** The end of `text` that may be of one address. */
function lastRun(text: string): string {
  let at = text.length;
  while (at > 0 && !NOT_IN_ADDRESS.test(text[at - 1] ?? '')) at -= 1;
  return text.slice(at);
}
