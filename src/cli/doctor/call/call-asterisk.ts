/** The doctor's call on an Asterisk: one media channel as calls have it, the other one an RTP end of ours that echoes. */
import type { AsteriskConfig } from '../../../config.ts';
import type { Clock } from '../../../core/clock.ts';
import { G722Pool } from '../../../dsp/g722.ts';
import { openGatewayAsterisk } from '../../../gateway-asterisk.ts';
import { EchoPeer } from './echo-peer.ts';
import type { MeasuredCall } from './judge-line.ts';
import { measureLine } from './measure-line.ts';
import { DOCTOR_PROFILE, LinkEvents, placeCall, withinLimit } from './place-call.ts';
import type { TestSignal } from './test-signal.ts';

/** Takes the configured media path; ports that a running talkspurt listens on are left to it. @throws why there is no call */
export async function callAsterisk(entry: AsteriskConfig, signal: TestSignal, clock: Clock): Promise<MeasuredCall> {
  const events = new LinkEvents();
  const g722 = await G722Pool.create({ size: 1 });
  const { profile: _profile, media, ...rest } = entry;
  const { profile: _dialplan, ...audioSocket } = media.audioSocket;
  const asterisk = await openGatewayAsterisk(
    // An application of its own: that of a talkspurt that runs, and its calls, are left alone. Its name is always the same, so
    // that what a doctor that was killed has left goes with the next one's calls.
    {
      ...rest,
      app: `${entry.app.slice(0, 50)}-doctor`,
      media: { ...media, audioSocket: { ...audioSocket, port: 0 } },
    },
    {
      clock,
      events,
      g722: () => g722.acquire(),
      dispatch: () => Promise.resolve('-ERR the doctor takes no commands\n'),
    },
  );
  let peer: EchoPeer | null = null;
  try {
    const echo = (peer = await EchoPeer.open(media.bindHost, clock));
    const host = media.advertiseHost ?? media.bindHost;
    const seen = host.includes(':') ? `[${host}]` : host;
    const { hearing, path } = await withinLimit(clock, (abort) =>
      placeCall({
        adapter: asterisk.adapter,
        events,
        dial: async (limit, arrival) => {
          const endpoint = `UnicastRTP/${seen}:${echo.port}/c(ulaw)`;
          const id = await asterisk.adapter.originate({ endpoint, formats: ['ulaw'], profile: DOCTOR_PROFILE }, limit);
          return await arrival(id);
        },
        signal,
        clock,
        abort,
      }),
    );
    return {
      about: `${entry.name} (${path})`,
      back: measureLine(hearing, signal),
      out: measureLine(echo.hearing(hearing), signal),
      // Its channel of RTP sends no digits.
      eventKeysOut: null,
      eventKeysBack: null,
    };
  } finally {
    await peer?.close();
    await asterisk.close();
  }
}
