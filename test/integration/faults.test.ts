/** The table of faults: each is injected into a host on real sockets, and what the caller heard stays within bounds. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { asteriskRows } from './faults/asterisk-row.ts';
import { FaultHost } from './faults/fault-host.ts';
import { faultPage } from './faults/fault-page.ts';
import type { FaultRow } from './faults/fault-rows.ts';
import { sharedRows } from './faults/fault-rows.ts';
import { processRows } from './faults/process-rows.ts';

const rows: FaultRow[] = [];

test('one host lives through every fault, and so do its callers', async () => {
  const host = await FaultHost.start();
  try {
    rows.push(...(await sharedRows(host)));
  } finally {
    await host.close();
  }
});

test('a connection to a real Asterisk that is cut', async () => {
  const [row] = await asteriskRows();
  if (row === undefined) return;
  // Behind the other link's.
  const at = rows.findIndex(({ fault }) => fault.startsWith('ESL link cut'));
  rows.splice(at + 1, 0, row);
  assert.ok((row.recoveredMs ?? Infinity) < 5_000, `${row.recoveredMs} ms`);
  assert.ok(row.events.includes('link.down') && row.events.includes('link.up'), row.events.join(' '));
  assert.ok(row.events.includes('call.ended'), 'the hang-up is told');
  assert.ok(row.heard !== null && row.heard.whole.length >= 4, JSON.stringify(row.heard));
  assert.equal([row.heard?.repeated, row.heard?.missing], [[], []]);
});

test('a host that is told to go, and one that is killed', async () => {
  rows.push(...(await processRows()));
});

test('no sentence is lost or said twice where only the backend failed', () => {
  for (const { fault, heard } of rows.slice(0, 9)) {
    assert.ok(heard !== null && heard.whole.length > 1, `${fault}: ${JSON.stringify(heard)}`);
    assert.equal(heard?.repeated, [], `${fault}: nothing is heard twice`);
    assert.equal(heard?.missing, [], `${fault}: nothing is missing`);
  }
});

test('nobody waits for long', () => {
  // What a call of the same seconds without a fault waited for is the machine's.
  const machineMs = rows[0]?.heard?.longestSilenceMs ?? 0;
  for (const [fault, mostMs] of [
    ['backend killed', 2_500],
    ['backend hangs', 3_500],
    ['401', 2_000],
    ['402', 2_000],
    ['429', 2_000],
    ['TLS', 2_000],
    ['backend does not read', 1_000],
    ['the switch’s clock', 1_000],
    ['20 %', 1_200],
    ['packets late', 1_200],
    ['ESL link cut', 1_000],
    ['ARI connection cut', 1_000],
  ] as const) {
    const row = rows.find((each) => each.fault.startsWith(fault));
    // Where there is no Asterisk.
    if (row === undefined && fault.startsWith('ARI')) continue;
    assert.ok(
      row?.heard && row.heard.longestSilenceMs <= mostMs + machineMs,
      `${fault}: ${row?.heard?.longestSilenceMs} ms`,
    );
  }
});

test('an operator sees each', async () => {
  for (const { fault, events, log } of rows.slice(1)) {
    if (/clock|does not read|packets/.test(fault)) continue;
    assert.ok(events.length + log.length > 0, fault);
  }
  if (process.env['WRITE_FAULTS'] === undefined) return;
  const path = fileURLToPath(new URL('../../docs/faults.md', import.meta.url));
  writeFileSync(path, await format(faultPage(rows), { ...(await resolveConfig(path)), parser: 'markdown' }));
});

test.run();
