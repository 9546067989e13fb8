// Who hears whom through an eavesdropper: tables measured on a FreeSWITCH 1.11.2, with A (500 Hz) bridged to B (1,200 Hz) and an
// eavesdropper T (2,000 Hz) on A.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { api, eventsOf, TestPhone, withSwitch } from './switch-bench.ts';
import type { SwitchBench } from './switch-bench.ts';

const test = suite('SimulatedSwitch, eavesdrop');

const ALL = 'event json ALL\n\n';

/** Says a tone of amplitude 6,000, or nothing at all. */
class TonePhone extends TestPhone {
  #at = 0;
  readonly #hz: number;
  readonly #quiet: boolean;

  constructor(hz: number, quiet = false) {
    super();
    this.#hz = hz;
    this.#quiet = quiet;
  }

  override speak(frame: Int16Array): boolean {
    if (this.#quiet) return false;
    for (let at = 0; at < frame.length; at += 1, this.#at += 1)
      frame[at] = Math.round(6000 * Math.sin((2 * Math.PI * this.#hz * this.#at) / 8000));
    return true;
  }

  /** What it has heard since the last time: `-` without RTP, `silence`, or its tones. */
  report(): string {
    const { sounds } = this;
    this.heard = [];
    if (sounds.length === 0) return '-';
    const samples = sounds.slice(-25).flatMap((frame) => [...frame]);
    return [500, 1200, 2000].filter((hz) => amplitude(samples, hz) > 1500).join('+') || 'silence';
  }
}

function amplitude(samples: readonly number[], hz: number): number {
  let [re, im] = [0, 0];
  for (const [at, sample] of samples.entries()) {
    re += sample * Math.cos((2 * Math.PI * hz * at) / 8000);
    im += sample * Math.sin((2 * Math.PI * hz * at) / 8000);
  }
  return (2 * Math.hypot(re, im)) / samples.length;
}

interface Row {
  readonly variables: string;
  /** Keys that the eavesdropper presses one after the other (`''`: none), and what A, B and T hear then. */
  readonly steps: readonly (readonly [key: string, a: string, b: string, t: string])[];
  readonly quiet?: boolean;
}

const BRIDGED: Readonly<Record<string, Row>> = {
  'no variable: hears both, whispers to nobody until a key says so': {
    variables: '',
    steps: [
      ['', '1200', '500', '500+1200'],
      ['1', '1200', '500+2000', '500+1200'],
      ['2', '1200+2000', '500', '500+1200'],
      ['3', '1200+2000', '500+2000', '500+1200'],
      ['0', '1200', '500', '500+1200'],
    ],
  },
  'whisper to the other party, then to its own': {
    variables: ',eavesdrop_whisper_aleg=true',
    steps: [
      ['', '1200', '500+2000', '500+1200'],
      ['2', '1200+2000', '500', '500+1200'],
    ],
  },
  'whisper to both': {
    variables: ',eavesdrop_whisper_aleg=true,eavesdrop_whisper_bleg=true',
    steps: [['', '1200+2000', '500+2000', '500+1200']],
  },
  'hears what the target says: whispers nowhere else': {
    variables: ',eavesdrop_bridge_aleg=true,eavesdrop_whisper_aleg=true,eavesdrop_whisper_bleg=true',
    steps: [
      ['', '1200', '500+2000', '500'],
      ['2', '1200', '500', '500'],
      ['1', '1200', '500+2000', '500'],
      ['3', '1200', '500+2000', '500'],
    ],
  },
  'hears what the target hears: whispers nowhere else': {
    variables: ',eavesdrop_bridge_bleg=true,eavesdrop_whisper_aleg=true,eavesdrop_whisper_bleg=true',
    steps: [
      ['', '1200+2000', '500', '1200'],
      ['1', '1200', '500', '1200'],
      ['2', '1200+2000', '500', '1200'],
      ['3', '1200+2000', '500', '1200'],
    ],
  },
  'both directions asked for are both': {
    variables: ',eavesdrop_bridge_aleg=true,eavesdrop_bridge_bleg=true',
    steps: [
      ['', '1200', '500', '500+1200'],
      ['3', '1200+2000', '500+2000', '500+1200'],
    ],
  },
  'eavesdrop_enable_dtmf=false: keys do nothing, not even *': {
    variables: ',eavesdrop_enable_dtmf=false',
    steps: [
      ['3', '1200', '500', '500+1200'],
      ['*', '1200', '500', '500+1200'],
    ],
  },
  'phones that send no RTP are silent ones to an eavesdropper, and the whisper is heard': {
    variables: ',eavesdrop_whisper_aleg=true,eavesdrop_whisper_bleg=true',
    quiet: true,
    steps: [['', '2000', '2000', 'silence']],
  },
  'phones that send no RTP, whisper to one': {
    variables: ',eavesdrop_whisper_bleg=true',
    quiet: true,
    steps: [['', '2000', 'silence', 'silence']],
  },
};

async function withTap(run: (bench: SwitchBench, tap: TonePhone) => Promise<void>): Promise<void> {
  const tap = new TonePhone(2000);
  await withSwitch({ phoneAt: (dial) => (dial === 'user/tap' ? tap : null) }, (bench) => run(bench, tap));
}

for (const [name, { variables, steps, quiet = false }] of Object.entries(BRIDGED)) {
  test(name, () =>
    withTap(async ({ simulated, client, ticks }, tap) => {
      const esl = await client();
      await esl.ask(ALL, /enabled json\n\n$/);
      const [a, b] = [new TonePhone(500, quiet), new TonePhone(1200, quiet)];
      simulated.createBridgedCall({ phone: a, uuid: 'A' }, { phone: b, uuid: 'B' });
      await ticks(10);
      assert.is(await api(esl, `originate {origination_uuid=T${variables}}user/tap &eavesdrop(A)`), '+OK T\n');
      await ticks(2);
      for (const [key, ...heard] of steps) {
        if (key !== '') assert.is(await api(esl, `uuid_recv_dtmf T ${key}`), `+OK T received DTMF ${key}.\n`);
        await ticks(25);
        for (const phone of [a, b, tap]) phone.report();
        await ticks(30);
        assert.equal([a.report(), b.report(), tap.report()], heard, `key ${key}`);
      }
      const digits = eventsOf(esl, 'T').filter((event) => event === 'DTMF').length;
      const deaf = variables.includes('enable_dtmf');
      assert.is(digits, deaf ? 0 : steps.filter(([key]) => key !== '').length, 'a digit is told when it is taken');
    }),
  );
}

test('a key forgets the whisper that was still to be heard', () =>
  withTap(async ({ simulated, client, ticks }) => {
    const esl = await client();
    // Nobody writes to a bare parked leg: what is whispered waits.
    const channel = simulated.createCall({ phone: new TonePhone(500, true), uuid: 'A' });
    await ticks(3);
    await api(esl, 'originate {origination_uuid=T,eavesdrop_whisper_bleg=true}user/tap &eavesdrop(A)');
    await ticks(20);
    await api(esl, 'uuid_recv_dtmf T 0');
    await ticks(5);
    const heard = channel.phone as TonePhone;
    heard.report();
    await api(esl, 'uuid_broadcast A silence_stream://200');
    await ticks(30);
    assert.is(heard.report(), 'silence');
  }));

test('the eavesdropper itself, another group: it ends, and no media bug was there', () =>
  withTap(async ({ simulated, client, ticks }) => {
    const esl = await client();
    await esl.ask(ALL, /enabled json\n\n$/);
    simulated.createCall({ phone: new TestPhone(), uuid: 'A', variables: { eavesdrop_group: 'w,x' } });
    for (const [target, group, lives] of [
      ['T', '', false],
      ['A', ',eavesdrop_require_group=y', false],
      ['A', ',eavesdrop_require_group=x', true],
    ] as const) {
      await api(esl, `originate {origination_uuid=T${group}}user/tap &eavesdrop(${target})`);
      await ticks(3);
      assert.is(simulated.channels.has('T'), lives, `${target}${group}`);
      assert.is(simulated.channels.get(target)?.bugs.length ?? 0, lives ? 1 : 0);
    }
  }));

test('a target that rings is waited for, six seconds at most', () =>
  withTap(async ({ simulated, client, ticks }) => {
    const esl = await client();
    await esl.ask(ALL, /enabled json\n\n$/);
    const channel = simulated.createCall({ phone: new TestPhone(), uuid: 'A', answered: false });
    await api(esl, 'originate {origination_uuid=T}user/tap &eavesdrop(A)');
    await ticks(100);
    assert.is(eventsOf(esl, 'A').includes('MEDIA_BUG_START'), false);
    channel.answer();
    await ticks(2);
    assert.equal(eventsOf(esl, 'A').slice(-3), ['CHANNEL_PROGRESS_MEDIA', 'CHANNEL_ANSWER', 'MEDIA_BUG_START']);
    simulated.createCall({ phone: new TestPhone(), uuid: 'R', answered: false });
    await api(esl, 'originate {origination_uuid=U}user/tap &eavesdrop(R)');
    await ticks(290);
    assert.ok(simulated.channels.has('U'));
    await ticks(15);
    assert.is(simulated.channels.has('U'), false);
  }));

test.run();
