/** docs/session.md prints the two tables; here they are read back and compared with the code. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CALL_TABLE } from '../../src/session/call-state.ts';
import { TURN_TABLE } from '../../src/session/turn-state.ts';

type Table = Readonly<Record<string, Readonly<Record<string, { next: string; effects: readonly string[] } | null>>>>;

const page = readFileSync(new URL('../../docs/session.md', import.meta.url), 'utf8');

/** The cells of the table between the marks, row by row, without the ruler. */
function printed(mark: string): string[][] {
  const between = page.split(`<!-- ${mark} -->`)[1]?.split(`<!-- /${mark} -->`)[0] ?? '';
  const lines = between.split('\n').filter((line) => line.startsWith('|') && !/^\|[\s|:-]+$/.test(line));
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.replaceAll('`', '').trim()),
  );
}

function expected(table: Table): string[][] {
  const states = Object.keys(table);
  const happenings = Object.keys(table[states[0] ?? ''] ?? {});
  const cell = (state: string, happening: string): string => {
    const transition = table[state]?.[happening];
    return transition ? [transition.next, ...transition.effects].join(', ') : '·';
  };
  return [['', ...states], ...happenings.map((event) => [event, ...states.map((state) => cell(state, event))])];
}

test('the table of a call is the printed one', () => {
  assert.equal(printed('call-state'), expected(CALL_TABLE));
});

test('the table of turns is the printed one', () => {
  assert.equal(printed('turn-state'), expected(TURN_TABLE));
});

test.run();
