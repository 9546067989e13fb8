import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AgentAudio } from '../../src/backend/agent-audio.ts';

function decode(audio: AgentAudio, itemId: string, bytes: Uint8Array): Buffer | null {
  const text = Buffer.from(Buffer.from(bytes).toString('base64'), 'latin1');
  return audio.decode(itemId, text, 0, text.length);
}

test('L16 cut anywhere comes out in whole samples, and nothing is lost', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
      const audio = new AgentAudio({ codec: 'l16', sampleRateHz: 24000 });
      const out: Buffer[] = [];
      for (const piece of pieces) {
        const whole = decode(audio, 'a', piece)!;
        assert.is(whole.length % 2, 0);
        assert.is(whole.byteOffset % 2, 0);
        out.push(Buffer.from(whole));
      }
      const all = Buffer.concat(pieces);
      assert.equal(Buffer.concat(out), all.subarray(0, all.length - (all.length % 2)));
    }),
  );
});

test('half a sample is not carried into another item', () => {
  const audio = new AgentAudio({ codec: 'l16', sampleRateHz: 24000 });
  assert.equal(decode(audio, 'a', Buffer.from([1, 2, 3])), Buffer.from([1, 2]));
  assert.equal(decode(audio, 'b', Buffer.from([4, 5])), Buffer.from([4, 5]));
  assert.equal(decode(audio, 'a', Buffer.from([6, 7])), Buffer.from([6, 7]));
});

test('G.711 comes out as it is', () => {
  const audio = new AgentAudio({ codec: 'pcmu', sampleRateHz: 8000 });
  assert.equal(decode(audio, 'a', Buffer.from([1, 2, 3])), Buffer.from([1, 2, 3]));
});

test('deltas of one length use one place; a long one does not stay', () => {
  const audio = new AgentAudio({ codec: 'pcmu', sampleRateHz: 8000 });
  const first = decode(audio, 'a', new Uint8Array(800));
  assert.is(decode(audio, 'a', new Uint8Array(800).fill(9)), first);
  assert.is(first![0], 9);
  const giant = decode(audio, 'a', new Uint8Array(600_000).fill(3))!;
  assert.is(giant.length, 600_000);
  const after = decode(audio, 'a', new Uint8Array(800))!;
  assert.is.not(after.buffer, giant.buffer);
  const grown = decode(audio, 'a', new Uint8Array(20_000))!;
  assert.is(decode(audio, 'a', new Uint8Array(800))!.buffer, grown.buffer);
});

test('what is not base64 is null, and the next one is right again', () => {
  const audio = new AgentAudio({ codec: 'pcmu', sampleRateHz: 8000 });
  for (const bad of ['AAA*', 'A', 'AA"A', 'AAAA\\/AA']) {
    const text = Buffer.from(bad);
    assert.is(audio.decode('a', text, 0, text.length), null, bad);
  }
  assert.equal(decode(audio, 'a', Buffer.from([1, 2])), Buffer.from([1, 2]));
});

test('what is longer than the shared memory, and what is written with other letters, is read by the platform', () => {
  const audio = new AgentAudio({ codec: 'pcmu', sampleRateHz: 8000 });
  for (const length of [5760, 5761, 100_000]) {
    const bytes = Buffer.from(Uint8Array.from({ length }, (_, n) => (n * 251) >> 2));
    const text = Buffer.from(`"${bytes.toString('base64')}"`);
    assert.ok(audio.decode('item', text, 1, text.length - 1)?.equals(bytes), `${length}`);
  }
  const other = Buffer.from('-_-_');
  assert.equal(audio.decode('item', other, 0, 4), Buffer.from(Uint8Array.of(0xfb, 0xff, 0xbf)));
  assert.is(audio.decode('item', Buffer.from('AA!A'), 0, 4), null);
});

test.run();
