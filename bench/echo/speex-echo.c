/* The peer of echo.ts: speexdsp's echo canceller with its residual suppressor, over two files of 16-bit samples at 8 kHz.
 * Arguments: captured, reference, result, rounds. Prints the best round's microseconds per frame of 20 ms. */
#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FRAME 160
#define TAIL 1120

static short *load(const char *path, long *samples) {
  FILE *file = fopen(path, "rb");
  if (!file) exit(1);
  fseek(file, 0, SEEK_END);
  *samples = ftell(file) / 2;
  rewind(file);
  short *pcm = malloc(*samples * 2);
  if (!pcm || fread(pcm, 2, *samples, file) != (size_t)*samples) exit(1);
  fclose(file);
  return pcm;
}

int main(int argc, char **argv) {
  if (argc != 5) return 1;
  long samples, same;
  short *heard = load(argv[1], &samples);
  short *said = load(argv[2], &same);
  short *left = calloc(samples, 2);
  double best = 1e12;
  if (!left || same < samples) return 1;
  for (int round = 0; round < atoi(argv[4]); round++) {
    int rate = 8000, off = 0;
    SpeexEchoState *echo = speex_echo_state_init(FRAME, TAIL);
    SpeexPreprocessState *rest = speex_preprocess_state_init(FRAME, rate);
    speex_echo_ctl(echo, SPEEX_ECHO_SET_SAMPLING_RATE, &rate);
    speex_preprocess_ctl(rest, SPEEX_PREPROCESS_SET_ECHO_STATE, echo);
    speex_preprocess_ctl(rest, SPEEX_PREPROCESS_SET_DENOISE, &off);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long at = 0; at + FRAME <= samples; at += FRAME) {
      speex_echo_cancellation(echo, heard + at, said + at, left + at);
      speex_preprocess_run(rest, left + at);
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double us = ((to.tv_sec - from.tv_sec) * 1e6 + (to.tv_nsec - from.tv_nsec) / 1e3) / (samples / FRAME);
    if (us < best) best = us;
    speex_preprocess_state_destroy(rest);
    speex_echo_state_destroy(echo);
  }
  FILE *file = fopen(argv[3], "wb");
  if (!file || fwrite(left, 2, samples, file) != (size_t)samples) return 1;
  fclose(file);
  printf("%.3f\n", best);
  return 0;
}
