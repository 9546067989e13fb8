/** The records of calls, as the configuration wants them: into the log, and into a folder where one is named. */
import type { Config } from './config.ts';
import type { Clock } from './core/clock.ts';
import type { EventSink } from './core/events.ts';
import { CallRecordSink, headlineOf, withoutPersonal } from './observe/call-record.ts';
import type { CallRecord } from './observe/call-record.ts';
import type { LogSink } from './observe/log-sink.ts';
import { RecordFiles } from './observe/record-files.ts';
import type { SessionSnapshot } from './observe/health.ts';

/** What gathers and writes them. */
export interface GatewayRecords {
  readonly sink: EventSink;
  /** A call has ended, with these figures. */
  recordEnded(snapshot: SessionSnapshot): void;
  /** How writing goes; read at every scrape. */
  state(): { readonly failing: boolean; readonly lost: number };
  /** Writes what waits, within a bound. */
  close(): Promise<void>;
}

/** Starts them; a folder that cannot be written to is told of, and tried again. */
export async function openGatewayRecords(
  { records: config, log: { personalData } }: Pick<Config, 'records' | 'log'>,
  { clock, log }: { clock: Clock; log: LogSink },
): Promise<GatewayRecords> {
  const { folder, days, maxMegabytes } = config;
  // The log may be allowed more than the files are.
  const kept = (record: CallRecord): CallRecord => (config.personal ? record : withoutPersonal(record));
  const sink: CallRecordSink = new CallRecordSink({
    clock,
    personalData: config.personal || personalData,
    awaitsFigures: true,
    onBegin: () => files?.note(),
    onRecord: (record) => {
      log.note('info', 'call record', { record: headlineOf(record, personalData) });
      files?.write(kept(record));
    },
  });
  const files =
    folder === undefined
      ? null
      : new RecordFiles({
          clock,
          folder,
          days,
          maxMegabytes,
          running: () => sink.open().map(kept),
          onTrouble: (code) =>
            log.note('warn', 'call records cannot be written: calls go on, records wait', { folder, cause: code }),
          onDoubt: (gapDays) =>
            log.note('warn', 'old call records are kept for 12 h: a long time without calls, or the clock is wrong', {
              folder,
              gapDays,
            }),
          onRecovered: (lost) => log.note('info', 'call records are written again', { folder, lost }),
        });
  await files?.start();
  return {
    sink,
    recordEnded: (snapshot) => sink.recordEnded(snapshot),
    state: () => ({ failing: files?.failing ?? false, lost: files?.lost ?? 0 }),
    close: async () => files?.close(),
  };
}
