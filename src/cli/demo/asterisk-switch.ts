/**
 * The demo on a real Asterisk 22: its files are those that `talkspurt asterisk dialplan` prints, its caller is a SIP phone, and
 * the dialplan hands the call over.
 */
import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import { asteriskSnippets, DEFAULT_ASTERISK_SNIPPET_OPTIONS } from '../../switch/asterisk/asterisk-snippets.ts';
import type { DemoSwitch } from './demo-switch.ts';
import { freeLoopbackPort, startLocalAsterisk } from './local-asterisk.ts';
import { SipCaller } from './sip-caller.ts';

/** Ways of a call's audio between Asterisk and talkspurt. */
export const DEMO_MEDIA = ['rtp', 'audiosocket', 'websocket'] as const;

/** One of {@link DEMO_MEDIA}. */
export type DemoMedia = (typeof DEMO_MEDIA)[number];

const NAMES: Readonly<Record<DemoMedia, string>> = {
  rtp: 'externalMedia, RTP',
  audiosocket: 'AudioSocket',
  websocket: 'chan_websocket',
};
const TALK_LIMIT_MS = 20_000;
const FROM = '1001';

/** Has an Asterisk, and starts it; `password` is the one that talkspurt logs in with. @throws ERR_TALKSPURT_DEMO_SWITCH */
export async function openAsteriskSwitch(
  clock: Clock,
  password: string,
  media: DemoMedia,
  onStep: (line: string) => void,
): Promise<DemoSwitch> {
  const httpPort = await freeLoopbackPort();
  const sipPort = await freeLoopbackPort();
  const asterisk = await startLocalAsterisk({
    clock,
    httpPort,
    sipPort,
    files: filesOf(httpPort, sipPort, password),
    onStep,
  });
  const { version, pid } = asterisk;
  onStep(`${version} runs (process ${pid}): ARI on 127.0.0.1:${httpPort}, SIP on 127.0.0.1:${sipPort}`);
  let caller: SipCaller | null = null;
  return {
    label: `a real ${version}`,
    config: {
      sip: false,
      switches: [
        {
          name: 'demo',
          kind: 'asterisk',
          host: '127.0.0.1',
          port: httpPort,
          profile: 'demo',
          media: { kind: media, audioSocket: { port: 0 } },
        },
      ],
    },
    async call(phone, { talking }) {
      onStep(
        `a phone calls sip:talk@127.0.0.1:${sipPort}; the dialplan: Stasis(talkspurt,profile=demo), ${NAMES[media]}`,
      );
      let fail: (error: TalkspurtError) => void = () => undefined;
      const failed = new Promise<never>((_resolve, reject) => (fail = reject));
      const dialled = new SipCaller({
        clock,
        phone,
        from: FROM,
        to: { user: 'talk', port: sipPort },
        onEnd: (cause) => fail(notTaken(`ended with cause ${cause} before it had a voice`)),
      });
      caller = dialled;
      const limit: Timer = clock.after(TALK_LIMIT_MS, () =>
        fail(notTaken(`had no voice after ${TALK_LIMIT_MS / 1000} s`)),
      );
      try {
        await dialled.dial();
        return { channelId: await Promise.race([talking, failed]), hangup: () => dialled.hangup() };
      } finally {
        limit.cancel();
        // A later end of the call is nobody's failure.
        failed.catch(() => undefined);
      }
    },
    async close() {
      caller?.close();
      await asterisk.stop();
    },
  };
}

/** The printed files with the demo's password in them, and a SIP endpoint for anybody on loopback. */
function filesOf(httpPort: number, sipPort: number, password: string): ReadonlyMap<string, string> {
  const snippets = asteriskSnippets({ ...DEFAULT_ASTERISK_SNIPPET_OPTIONS, profile: 'demo', httpPort });
  const files = new Map<string, string>();
  for (const { file, text } of snippets) {
    if (!file.endsWith('.conf')) continue;
    const secret = file === 'ari.conf' ? password : randomBytes(12).toString('hex');
    files.set(file, text.replace(/^password = .*$/m, `password = ${secret}`));
  }
  files.set('pjsip.conf', pjsipConf(sipPort));
  return files;
}

function pjsipConf(sipPort: number): string {
  return `[udp]
type = transport
protocol = udp
bind = 127.0.0.1:${sipPort}

[anonymous]
type = endpoint
context = talkspurt
disallow = all
allow = ulaw
direct_media = no
dtmf_mode = rfc4733
`;
}

function notTaken(what: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_DEMO_SWITCH', `the call over Asterisk ${what}`);
}
