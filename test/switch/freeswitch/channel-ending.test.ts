/** Last words: said once, owed while the link is down, paid or forgiven. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError, hasCode } from '../../../src/core/errors.ts';
import { ChannelEnding } from '../../../src/switch/freeswitch/channel-ending.ts';

interface Bench {
  readonly ending: ChannelEnding;
  readonly told: string[];
  up: boolean;
  failure: TalkspurtError | null;
  run(): Promise<void>;
}

function bench(): Bench {
  const told: string[] = [];
  const say = (text: string): Promise<void> => {
    told.push(text);
    return Promise.resolve();
  };
  const ending = new ChannelEnding({ linkUp: () => made.up, onReleased: () => say('released') });
  const made: Bench = {
    ending,
    told,
    up: true,
    failure: null,
    run: () =>
      ending.run({
        prepare: () => say('prepared'),
        lastWords: async () => {
          await say('words');
          if (made.failure !== null) throw made.failure;
        },
        free: () => say('freed'),
      }),
  };
  return made;
}

const DOWN = new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'down');

test('in order, and once', async () => {
  const { ending, told, run } = bench();
  assert.is(ending.begun, false);
  await Promise.all([run(), run()]);
  await ending.pay();
  await ending.forgive();
  assert.equal(told, ['prepared', 'words', 'freed', 'released']);
  assert.is(ending.begun, true);
});

test('without a link the words are owed, and the leg is held until they are said', async () => {
  const bed = bench();
  bed.up = false;
  bed.failure = DOWN;
  await bed.run();
  assert.equal(bed.told, ['prepared', 'words', 'freed']);
  assert.is(bed.ending.owed, true);
  assert.ok(hasCode(await bed.ending.pay().catch((error: unknown) => error), 'ERR_TALKSPURT_LINK_DOWN'), 'down again');
  assert.is(bed.ending.owed, true);
  bed.up = true;
  bed.failure = null;
  await bed.ending.pay();
  await bed.ending.pay();
  assert.equal(bed.told.slice(3), ['words', 'words', 'released']);
});

test('a channel that goes takes with it what was owed', async () => {
  const bed = bench();
  bed.up = false;
  bed.failure = DOWN;
  await bed.run();
  await bed.ending.forgive();
  await bed.ending.pay();
  assert.equal(bed.told.slice(3), ['released']);
});

test('what a switch refuses is told, and is not said again; a channel that is gone is no error', async () => {
  const refused = bench();
  refused.failure = new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', 'no');
  assert.ok(hasCode(await refused.run().catch((error: unknown) => error), 'ERR_TALKSPURT_SWITCH_COMMAND'));
  assert.equal(refused.told, ['prepared', 'words', 'freed', 'released']);
  const gone = bench();
  gone.up = false;
  gone.failure = new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'gone');
  await gone.run();
  assert.equal(gone.told, ['prepared', 'words', 'freed', 'released']);
  const late = bench();
  late.up = false;
  late.failure = DOWN;
  await late.run();
  late.up = true;
  late.failure = new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'gone');
  await late.ending.pay();
  assert.is(late.told.at(-1), 'released');
});

test.run();
