/** What a run of the bench found: plain data, as `--json` writes it and `--compare` reads it. */
import { z } from 'zod';

const figure = z.object({ name: z.string(), value: z.number(), unit: z.string(), digits: z.number().int().optional() });
const time = z.object({ ns: z.number().positive(), spread: z.number().nonnegative() });
const peer = z.object({
  kind: z.enum(['npm', 'native']),
  name: z.string(),
  version: z.string().optional(),
  equal: z.boolean(),
  time,
});
const bar = z.object({ text: z.string(), value: z.string(), met: z.enum(['met', 'missed', 'not measured']) });
const row = z.object({
  stage: z.string(),
  name: z.string(),
  per: z.string(),
  time: time.optional(),
  peers: z.array(peer),
  figures: z.array(figure),
  bars: z.array(bar),
  hash: z.string().optional(),
});

/** The shape of a report's JSON. */
export const benchReportSchema = z.object({
  format: z.literal(1),
  version: z.string(),
  small: z.boolean(),
  machine: z.object({
    processor: z.string(),
    cores: z.number().int(),
    system: z.string(),
    node: z.string(),
    v8: z.string(),
    compiler: z.string().optional(),
  }),
  /** ns of a fixed piece of plain JavaScript: how fast the machine was just then. */
  yardstickNs: z.number().positive(),
  rows: z.array(row),
  /** One line for everything that was left out. */
  skipped: z.array(z.string()),
  /** Of all hashes. */
  hash: z.string(),
});

/** A whole run. */
export type BenchReport = z.infer<typeof benchReportSchema>;
/** One row of it. */
export type ReportRow = z.infer<typeof row>;
/** A peer of a row. */
export type ReportPeer = z.infer<typeof peer>;
/** A bar, judged. */
export type ReportBar = z.infer<typeof bar>;
/** A time in ns: the first decile of all slices, and how far the first quartile lies above it (0.1: ten per cent). */
export type MeasuredTime = z.infer<typeof time>;
