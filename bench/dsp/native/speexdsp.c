/* The resampler of libspeexdsp. Arguments: from Hz, to Hz, quality. A step is a frame of 20 ms, 16 bits in and out. */
#include <speex/speex_resampler.h>
#include "slices.h"

static SpeexResamplerState *state;
static int16_t *voice, out[2880];
static int frame, rate;

static long step(long n) {
  spx_uint32_t in_length = frame, out_length = 2880;
  speex_resampler_process_int(state, 0, voice + n % 50 * frame, &in_length, out, &out_length);
  return out[n % out_length];
}

int main(int count, char **words) {
  if (count < 4) return 1;
  int error = 0;
  rate = atoi(words[1]);
  frame = rate / 50;
  voice = voice_like(rate);
  state = speex_resampler_init(1, rate, atoi(words[2]), atoi(words[3]), &error);
  return error ? 1 : answer_slices(step);
}
