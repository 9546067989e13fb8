/** The keys of what watches over calls and the process, and of how calls are turned away or sent off. */
import { z } from 'zod';
import { DEFAULT_ADMISSION } from '../resilience/admission.ts';
import { DEFAULT_WATCHDOGS } from '../session/watch-options.ts';

const dogs = DEFAULT_WATCHDOGS;
const seconds = z.number().min(0).max(3_600);

function dog<const A extends readonly [string, ...string[]]>(
  actions: A,
  defaults: { readonly limitMs: number; readonly action: A[number] },
  description: string,
) {
  return z
    .strictObject({
      seconds: seconds.default(defaults.limitMs / 1000).describe('How long that may last; 0: as long as it likes'),
      action: z
        .enum(actions)
        .default(defaults.action as never)
        .describe('`event`: it is told; the others do that besides'),
    })
    .prefault({})
    .describe(description);
}

/** What watches over calls, and over the process. */
export const watchdogs = z
  .strictObject({
    capture: dog(['event', 'announce', 'end'], dogs.capture, 'No frame comes from the switch'),
    engine: dog(
      ['event', 'reconnect', 'announce', 'end'],
      dogs.engine,
      'An answer is due, and the backend does nothing at all; `reconnect`: it counts as lost',
    ),
    speech: dog(['event', 'announce', 'end'], dogs.speech, 'A text is due, and our own voice does not speak it'),
    session: z
      .strictObject({
        action: z
          .enum(['end', 'announce'])
          .default(dogs.session.action)
          .describe('`announce`: the caller is told before the call is ended'),
      })
      .prefault({})
      .describe('A call lasts longer than `maxDurationMs` of its profile'),
    playout: z
      .strictObject({
        seconds: seconds.default(dogs.playout.limitMs / 1000).describe('From here on it is told; 0: never'),
        dropSeconds: seconds.default(dogs.playout.dropMs / 1000).describe('…and from here on it is dropped; 0: never'),
      })
      .prefault({})
      .describe('What the agent says is heard that much later than it could have been: after a hold, say'),
    loopLag: z
      .strictObject({
        warnMs: z.number().min(0).max(10_000).default(100).describe('Told as a warning; 0: never'),
        errorMs: z.number().min(0).max(10_000).default(500).describe('Told as an error; 0: never'),
        stopMs: z
          .number()
          .min(0)
          .max(60_000)
          .default(1_000)
          .describe('A single stop of that length, told as a warning, once a minute at most; 0: never'),
      })
      .prefault({})
      .describe("The event loop's lag: the 99th percentile of ten seconds, and single stops"),
    announcement: z
      .string()
      .max(2_048)
      .default(dogs.announcement)
      .describe('File of `sounds.directory` for `announce`; empty: three short notes'),
  })
  .prefault({})
  .describe('What watches over calls, and what it does when something takes too long (docs/watchdogs.md)');

const percent = z.number().min(0).max(100);
const admission = DEFAULT_ADMISSION;

/** From where on new calls are turned away. */
export const overload = z
  .strictObject({
    action: z
      .enum(['refuse', 'transfer'])
      .default('refuse')
      .describe('`transfer`: calls that a switch hands over go to `destination`; where it refuses, they are refused'),
    destination: z.string().max(256).default('').describe('For `transfer`: an extension, or `extension XML context`'),
    lateTicksPct: percent
      .default(admission.lateTicksPct)
      .describe('Media ticks that are late, % of ten seconds; 0: any'),
    loopLagMs: z.number().min(0).max(10_000).default(admission.loopLagMs).describe("Event loop's lag, ms; 0: any"),
    crowdedPct: percent
      .default(admission.crowdedPct)
      .describe('Calls (two at least) whose audio overflows so much that it is dropped, %; 0: any'),
    freePorts: z
      .number()
      .int()
      .min(0)
      .max(10_000)
      .default(admission.freePorts)
      .describe('Pairs of RTP ports that are left in the pool with most of them; 0: any'),
    memoryMb: z.number().min(0).max(1_000_000).default(admission.memoryMb).describe('Resident memory, MB; 0: any'),
    calmSeconds: z
      .number()
      .min(1)
      .max(600)
      .default(admission.calmMs / 1000)
      .describe('How long all has to be well below its bound until calls are taken again, s'),
  })
  .prefault({})
  .describe('From where on new calls are turned away, before those that are up suffer');

/** How calls are ended that have not ended by themselves when a drain is over. */
export const farewell = z
  .strictObject({
    say: z.string().max(1_000).default('').describe('Text that callers are told, in our own voice; empty: none'),
    play: z.string().max(2_048).default('').describe('…or a file of `sounds.directory`; empty: none'),
    action: z
      .enum(['release', 'hangup', 'transfer'])
      .default('release')
      .describe('`release`: the channel is left to the switch, and its dialplan goes on'),
    destination: z.string().max(256).default('').describe('For `transfer`: an extension, or `extension XML context`'),
  })
  .prefault({})
  .describe('What becomes of calls that are still up when `drainSeconds` are over');
