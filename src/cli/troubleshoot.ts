/** `talkspurt troubleshoot`: reads the record of a call, says what was wrong with it, and draws it. */
import { writeFile } from 'node:fs/promises';
import type { Argv, CommandModule } from 'yargs';
import { loadConfig } from '../config.ts';
import { TalkspurtError } from '../core/errors.ts';
import { printable, printableLines } from '../core/printable.ts';
import { checkedOnce } from './argument-checks.ts';
import { callTimeline } from './troubleshoot/call-timeline.ts';
import { diagnose, diagnosisLines } from './troubleshoot/diagnosis.ts';
import { HOW_TO_RECORD, findRecord } from './troubleshoot/find-record.ts';
import { drawCall } from './troubleshoot/timeline-picture.ts';
import { timelineLines } from './troubleshoot/timeline-text.ts';

interface TroubleshootArguments {
  readonly call: string;
  readonly config?: string | undefined;
  readonly records?: string | undefined;
  readonly json: boolean;
  readonly picture?: string | undefined;
}

/** The `troubleshoot` sub-command. */
export const troubleshootCommand: CommandModule<object, TroubleshootArguments> = {
  command: 'troubleshoot <call>',
  describe: 'say what was wrong with a call that has ended, by its record; status 1 when there is none',
  builder: (yargs: Argv) =>
    yargs
      .positional('call', {
        type: 'string',
        demandOption: true,
        describe: 'channel of the call, its first characters, or `last`',
      })
      .option('config', { alias: 'c', type: 'string', describe: 'configuration file (default: talkspurt.yaml)' })
      .option('records', {
        type: 'string',
        describe: 'folder or file of records (default: records.folder of the configuration)',
      })
      .option('json', { type: 'boolean', default: false, describe: 'print JSON (docs/schema/troubleshoot.json)' })
      .option('picture', { type: 'string', describe: 'draw the call into this SVG file' })
      .check((given) => checkedOnce(given, 'config') && checkedOnce(given, 'records') && checkedOnce(given, 'picture')),
  handler: async ({ call, config: path, records, json, picture }) => {
    const record = await findRecord(records ?? folderOf(path), call);
    const diagnosis = diagnose(record);
    const timeline = callTimeline(record);
    if (picture !== undefined) {
      const title = `Call ${record.session_uuid}`;
      await writePicture(picture, drawCall(timeline, title, `${record.started_at} · ${diagnosis.summary}`));
    }
    if (json) {
      process.stdout.write(printableLines(`${JSON.stringify(diagnosis, null, 2)}\n`));
      return;
    }
    const lines = [...diagnosisLines(diagnosis), '', ...timelineLines(timeline, process.stdout.columns ?? 100)];
    if (picture !== undefined) lines.push('', `drawn: ${picture}`);
    process.stdout.write(`${lines.map(printable).join('\n')}\n`);
  },
};

/** @throws ERR_TALKSPURT_CONFIG_UNREADABLE where it cannot be written */
async function writePicture(path: string, svg: string): Promise<void> {
  try {
    await writeFile(path, svg);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'it failed';
    const message = `the picture cannot be written to ${path} (${why}): name a file in a folder of yours`;
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_UNREADABLE', message, { cause });
  }
}

/** @throws as `loadConfig`; ERR_TALKSPURT_UNKNOWN_CALL when it keeps none */
function folderOf(path: string | undefined): string {
  const { folder } = loadConfig({ path, env: process.env }).records;
  if (folder !== undefined) return folder;
  throw new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', `no records are kept: ${HOW_TO_RECORD}`);
}
