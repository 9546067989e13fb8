/** Filters of the resamplers as the core numbers them. */
import type { Resampling } from './dsp.ts';
import type { CoreExports } from './dsp-module.ts';

/** The RESAMPLING_ number of `resampling`; −1 for what is none, which the core refuses. */
export function resamplingNumber(core: CoreExports, resampling: Resampling): number {
  switch (resampling) {
    case 'strict':
      return core.RESAMPLING_STRICT.value;
    case 'low-delay':
      return core.RESAMPLING_LOW_DELAY.value;
    case 'minimum-phase':
      return core.RESAMPLING_MINIMUM_PHASE.value;
    default:
      return -1;
  }
}
