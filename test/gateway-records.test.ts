/** Records of real calls of a whole host: one line for each, with its figures, and nothing personal in it. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { callRecordSchema } from '../src/observe/call-record-schema.ts';
import { StreamServer } from '../src/simulator/stream-server.ts';
import { LevelPhone, withWholeHost } from './sim/whole-host.ts';

const test = suite('records of a host');
const folder = mkdtempSync(join(tmpdir(), 'talkspurt-host-records-'));
test.after(() => rmSync(folder, { recursive: true }));

const filesOf = (records: string): string[] => readdirSync(records).filter((name) => name.startsWith('calls-'));
const textOf = (records: string): string =>
  filesOf(records)
    .map((name) => readFileSync(join(records, name), 'utf8'))
    .join('');

test('a call leaves one line, with its figures; no number and no word stands in it', async () => {
  const records = join(folder, 'records');
  await withWholeHost({ config: { records: { folder: records } } }, async ({ fs, ask, settle, runtime }) => {
    const channel = fs.createCall({ phone: new LevelPhone(), codec: 'PCMU', from: '4915112345678', to: '5000' });
    assert.match(await ask(`uuid_audio_stream ${channel.uuid} start p`), /^\+OK/);
    await settle(() => (runtime.gateway.session(channel.uuid)?.snapshot().capturedFrames ?? 0) > 20, 'it talks');
    channel.hangup(17);
    await settle(() => runtime.gateway.callCount === 0, 'it is over');
    // There is a file before there is a line in it.
    await settle(() => textOf(records).endsWith('\n'), 'its record is written');
    assert.is(filesOf(records).length, 1);
    assert.not.match(textOf(records), '4915112345678');
    const record = callRecordSchema.parse(JSON.parse(textOf(records)));
    assert.equal(
      [record.session_uuid, record.switch, record.profile, record.mode, record.reason, record.hangup_cause],
      [channel.uuid, 'fs', 'p', 'ai', 'hangup', 17],
    );
    assert.ok((record.media?.captured_frames ?? 0) > 20);
    assert.ok((record.milestones.talking_ms ?? -1) >= (record.milestones.media_opened_ms ?? 0));
    assert.equal(record.transcript, []);
  });
  assert.equal(
    readdirSync(records).filter((name) => name.startsWith('running-')),
    [],
    'nobody is up',
  );
});

test('a stream that its server closes in good order: the record says who ended the conversation, and the channel goes on', async () => {
  const records = join(folder, 'streams');
  const server = new StreamServer();
  await server.listen();
  const config = {
    records: { folder: records },
    backends: { ai: { kind: 'websocket', url: server.url, sampleRateHz: 8000 } },
  };
  try {
    await withWholeHost({ config }, async ({ fs, ask, settle }) => {
      const channel = fs.createCall({ phone: new LevelPhone(), codec: 'PCMU', from: '1001', to: '5000' });
      assert.match(await ask(`uuid_audio_stream ${channel.uuid} start p`), /^\+OK/);
      await settle(() => (server.clients[0]?.heard.length ?? 0) > 0, 'it hears the caller');
      server.clients[0]?.close(1000, 'done');
      await settle(() => textOf(records).endsWith('\n'), 'its record is written');
      const { reason, hangup_cause: cause, error } = callRecordSchema.parse(JSON.parse(textOf(records)));
      assert.equal([reason, cause, error], ['backend-ended', 0, null]);
      assert.is(channel.gone, false);
      channel.hangup(16);
    });
  } finally {
    await server.close();
  }
});

test('a folder that cannot be written to is seen in the metrics', async () => {
  const records = join(folder, 'a-file');
  writeFileSync(records, '');
  await withWholeHost({ config: { records: { folder: records }, status: { port: 0 } } }, async ({ runtime }) => {
    const page = await (await fetch(`http://127.0.0.1:${runtime.statusPort ?? 0}/metrics`)).text();
    assert.match(page, /^talkspurt_records_failing 1$/m);
    assert.match(page, /^talkspurt_records_lost_total 0$/m);
  });
});

test.run();
