/*
 * How a native peer is timed. The program includes this file, sets itself up in main() and calls answer_slices(step): each
 * line of its input, "COUNT NANOSECONDS", asks for COUNT slices of about that length, and is answered by a line of COUNT
 * numbers, the ns of one step in each slice. step(n) does what one step of the row does, and returns something that
 * depends on all of its work.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <math.h>

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static volatile long slices_sink;

static double timed_steps(long (*step)(long), long *n, long steps) {
  long sum = 0;
  double from = now_ns();
  for (long i = 0; i < steps; i++) sum += step((*n)++);
  double ns = now_ns() - from;
  slices_sink = sum;
  return ns / steps;
}

static int answer_slices(long (*step)(long)) {
  long n = 0, count, length;
  /* Caches and branch predictors, as our own rows have them. */
  double one = timed_steps(step, &n, 2000);
  while (scanf("%ld %ld", &count, &length) == 2) {
    long steps = length / one < 1 ? 1 : (long)(length / one);
    for (long i = 0; i < count; i++) printf(i ? " %.3f" : "%.3f", timed_steps(step, &n, steps));
    printf("\n");
    fflush(stdout);
  }
  return 0;
}

/* One second that asks of the code what speech asks: the same shape as the material of our rows. */
static int16_t *voice_like(int rate) {
  int16_t *pcm = malloc(rate * sizeof *pcm);
  uint32_t noise = 1;
  for (int i = 0; i < rate; i++) {
    noise = noise * 1664525u + 1013904223u;
    double t = (double)i / rate, pi = 3.141592653589793;
    double envelope = fmax(0, sin(2 * pi * 1.7 * t));
    double phase = 2 * pi * (140 * t + 6 * sin(3 * t));
    double voice = sin(phase) + 0.6 * sin(3 * phase) + 0.4 * sin(7 * phase);
    pcm[i] = (int16_t)lrint(6000 * envelope * voice + (int32_t)noise / 16777216.0);
  }
  return pcm;
}
