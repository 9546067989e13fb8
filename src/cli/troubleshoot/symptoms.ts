/**
 * The symptom table: what callers complain of, how a record shows it, what the likely cause is and what to do. The table in
 * docs/troubleshooting.md is made from it.
 */
import type { Symptom } from './symptom.ts';
import { AUDIO_SYMPTOMS } from './symptoms-audio.ts';
import { FAILURES_SYMPTOMS } from './symptoms-failures.ts';
import { TURNS_SYMPTOMS } from './symptoms-turns.ts';

/** Every symptom; of two that are as sure the one that stands first is told first. */
export const SYMPTOMS: readonly Symptom[] = [...FAILURES_SYMPTOMS, ...AUDIO_SYMPTOMS, ...TURNS_SYMPTOMS];
