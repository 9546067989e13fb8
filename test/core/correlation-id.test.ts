import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fc } from '../chance.ts';
import { correlationHeaders, correlationIdOf } from '../../src/core/correlation-id.ts';

test('what the switch says of it is taken over, whatever the case of its name', () => {
  const given = (name: string): string => correlationIdOf(new Map([[name, ' order-4711 ']]));
  for (const name of [
    'TALKSPURT_CORRELATION_ID',
    'correlation_id',
    'X-Correlation-ID',
    // FreeSWITCH, and our own SIP side.
    'sip_h_X-Correlation-ID',
    'sip_h_X-Correlation-Id',
    // Asterisk.
    'PJSIP_HEADER(read,X-Correlation-ID)',
  ]) {
    assert.is(given(name), 'order-4711', name);
  }
});

test('what could end a header or a line is not taken: the next name counts, else one is made', () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  for (const bad of ['', 'a b', 'a\r\nX: y', '"', 'x'.repeat(129), '-a', 'é']) {
    assert.match(correlationIdOf(new Map([['x-correlation-id', bad]])), uuid, bad);
  }
  const both = new Map([
    ['talkspurt_correlation_id', 'not sound'],
    ['x-correlation-id', 'sound'],
  ]);
  assert.is(correlationIdOf(both), 'sound');
  assert.is.not(correlationIdOf(new Map()), correlationIdOf(new Map()));
});

test('headers: the name itself, and a traceparent as W3C Trace Context wants it', () => {
  const uuid = '5F1E0F3C-0000-4000-8000-00000000000a';
  const { traceparent = '', ...others } = correlationHeaders(uuid);
  assert.equal(others, { 'X-Correlation-ID': uuid });
  assert.match(traceparent, /^00-5f1e0f3c00004000800000000000000a-[0-9a-f]{16}-00$/);
  assert.equal(correlationHeaders(undefined), {});
  assert.not.match(correlationHeaders('00000000-0000-0000-0000-000000000000')['traceparent'] ?? '', /^00-0{32}/);
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}$/), (id) => {
      assert.match(correlationHeaders(id)['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      assert.is(correlationIdOf(new Map([['correlation_id', id]])), id);
    }),
  );
});

test.run();
