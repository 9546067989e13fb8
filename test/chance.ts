/**
 * fast-check with the seed of this run of the tests: the same in every run, so that a failure is of the change at hand, and
 * `npm test -- --seed random` looks for cases that nobody has seen. A failing property says its seed and the path to its case.
 */
import fc from 'fast-check';

const seed = process.env['PROPERTY_SEED'] ?? '1';
fc.configureGlobal({ includeErrorInReport: true, ...(seed === 'random' ? {} : { seed: Number(seed) }) });

export { fc };
