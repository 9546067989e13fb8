/*
 * G.711 as C programs do it: a table of 256 samples to decode with, the segment by counting leading zeros to encode.
 * Arguments: decode-ulaw | encode-ulaw | decode-alaw | encode-alaw. A step is a frame of 160 samples, with a copy in and out.
 */
#include <string.h>
#include "slices.h"

static int16_t table[256];
static int16_t *voice;
static uint8_t codes[8000], code_frame[160], code_out[160];
static int16_t pcm_frame[160], pcm_out[160];

static int16_t ulaw_value(uint8_t code) {
  int bits = ~code & 255, value = ((((bits & 15) << 3) + 132) << (bits >> 4 & 7)) - 132;
  return bits & 128 ? -value : value;
}

static int16_t alaw_value(uint8_t code) {
  int bits = code ^ 0x55, segment = bits >> 4 & 7, value = ((bits & 15) << 4) + 8;
  if (segment) value = (value + 256) << (segment - 1);
  return bits & 128 ? value : -value;
}

static inline uint8_t ulaw_code(int16_t sample) {
  int size = sample < 0 ? -(int)sample : sample;
  if (size > 32635) size = 32635;
  size += 132;
  int segment = 24 - __builtin_clz(size);
  return (segment << 4 | (size >> (segment + 3) & 15)) ^ (sample < 0 ? 0x7f : 0xff);
}

static inline uint8_t alaw_code(int16_t sample) {
  int size = sample < 0 ? ~sample : sample;
  int segment = size < 256 ? 0 : 24 - __builtin_clz(size);
  return (segment << 4 | (size >> (segment ? segment + 3 : 4) & 15)) ^ (sample < 0 ? 0x55 : 0xd5);
}

static long decode(long n) {
  memcpy(code_frame, codes + n % 50 * 160, 160);
  for (int i = 0; i < 160; i++) pcm_frame[i] = table[code_frame[i]];
  memcpy(pcm_out, pcm_frame, 320);
  return pcm_out[n % 160];
}

static long encode_ulaw(long n) {
  memcpy(pcm_frame, voice + n % 50 * 160, 320);
  for (int i = 0; i < 160; i++) code_frame[i] = ulaw_code(pcm_frame[i]);
  memcpy(code_out, code_frame, 160);
  return code_out[n % 160];
}

static long encode_alaw(long n) {
  memcpy(pcm_frame, voice + n % 50 * 160, 320);
  for (int i = 0; i < 160; i++) code_frame[i] = alaw_code(pcm_frame[i]);
  memcpy(code_out, code_frame, 160);
  return code_out[n % 160];
}

int main(int count, char **words) {
  const char *what = count > 1 ? words[1] : "decode-ulaw";
  int alaw = strstr(what, "alaw") != NULL;
  voice = voice_like(8000);
  for (int i = 0; i < 256; i++) table[i] = alaw ? alaw_value(i) : ulaw_value(i);
  for (int i = 0; i < 8000; i++) codes[i] = alaw ? alaw_code(voice[i]) : ulaw_code(voice[i]);
  if (strncmp(what, "decode", 6) == 0) return answer_slices(decode);
  return answer_slices(alaw ? encode_alaw : encode_ulaw);
}
