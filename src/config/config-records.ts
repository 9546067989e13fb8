/** The keys of call records. */
import { z } from 'zod';
import { filePath } from './config-fields.ts';

/** Call records. */
export const records = z
  .strictObject({
    folder: filePath
      .optional()
      .describe('Where records are kept, a file a day; it is made if need be. Absent: nowhere'),
    days: z.number().int().min(1).max(3_650).default(30).describe('Files older than this are removed, days'),
    maxMegabytes: z
      .number()
      .min(1)
      .max(1_000_000)
      .default(500)
      .describe('Of all files together, MB; the oldest are removed first'),
    personal: z
      .boolean()
      .default(false)
      .describe('Keep what people say and dial in the records; without it they hold neither words nor digits'),
  })
  .prefault({})
  .describe('One JSON line for every call that has ended: figures, times and events');
