/** Whether a gateway without calls has given back all that calls hold: what its gauges say. */
import * as assert from 'uvu/assert';
import type { Gateway } from '../../src/gateway.ts';
import { NO_RESOURCES, totalsOf } from '../../src/observe/resources.ts';

/** Ports that rest are held by nobody. */
export function isNothingHeld(gateway: Gateway): boolean {
  const { sessions, resources = NO_RESOURCES } = gateway.snapshot();
  const { legs, dspInUse, rtpPortsInUse, mediaSockets, ariThings } = totalsOf(resources);
  const codecs = resources.dsp.reduce((sum, { inUse }) => sum + inUse, 0);
  return [sessions.length, legs, dspInUse, codecs, rtpPortsInUse, mediaSockets, ariThings].every(
    (count) => count === 0,
  );
}

/** Says what is held. */
export function assertNothingHeld(gateway: Gateway): void {
  const { resources } = gateway.snapshot();
  assert.ok(resources !== undefined && resources.dsp.length > 0, 'it is counted at all');
  assert.ok(isNothingHeld(gateway), JSON.stringify(resources));
}
