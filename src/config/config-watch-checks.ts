/** What the watchdogs and goodbyes of a configuration say of each other, and of where their sounds come from. */
import type { ConfigIssue } from './config-issue.ts';
import type { ConfigDocument } from './config-schema.ts';

/** The shortest time that a backend may be given for an answer, s: less would end streams that are well. */
const SHORTEST_ENGINE_S = 1;

/** The rules that `document` breaks. */
export function watchIssues(document: ConfigDocument): ConfigIssue[] {
  const { watchdogs, farewell } = document;
  const { engine, playout } = watchdogs;
  const issues: ConfigIssue[] = [];
  if (engine.seconds > 0 && engine.seconds < SHORTEST_ENGINE_S) {
    const text = `is shorter than an answer takes: give ${SHORTEST_ENGINE_S} or more, or 0 for none`;
    issues.push({ path: ['watchdogs', 'engine', 'seconds'], text });
  }
  if (playout.dropSeconds > 0 && playout.dropSeconds < playout.seconds) {
    const text = 'is shorter than seconds: it would be dropped before it is told of';
    issues.push({ path: ['watchdogs', 'playout', 'dropSeconds'], text });
  }
  for (const [path, source] of [
    [['watchdogs', 'announcement'], watchdogs.announcement],
    [['farewell', 'play'], farewell.play],
  ] as const) {
    if (!isThere(document, source))
      issues.push({ path: [...path], text: 'is a file of sounds.directory, which is not set' });
  }
  return issues;
}

function isThere({ sounds: { directory, urls } }: ConfigDocument, source: string): boolean {
  return source === '' || directory !== undefined || (urls && /^https?:/i.test(source));
}
