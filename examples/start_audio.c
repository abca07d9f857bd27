/* Start here: an audio callback, which must never wait, allocate, or call the system. Notes come from a pool without caches, warmed
 * up; the thread of the callback is attached to it before it plays. Then try_acquire and release keep that promise.
 *
 * build: cc -std=c11 -O2 -pthread -I.. start_audio.c -o start_audio
 */
#include <pthread.h>
#include <stdio.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct note {
  float phase, step;
  int samples_left;
};
OBJPOOL_DEFINE(note_pool, struct note);
enum { VOICES = 8, SAMPLES = 256, BUFFERS = 1000 };
static note_pool pool;

static int play(struct note **notes, int count, float *out, bool key_pressed) { /* what the sound card's thread calls */
  if (key_pressed) {
    struct note *note = note_pool_try_acquire(&pool); /* an idle one, or NULL at once */
    if (note) {
      *note = (struct note){.step = 0.01f * (float)(count + 1), .samples_left = 3000};
      notes[count++] = note;
    } /* else all voices are sounding: this one is left out */
  }
  for (int i = 0; i < SAMPLES; i++) out[i] = 0;
  for (int n = count; n-- > 0;) {
    for (int i = 0; i < SAMPLES; i++) {
      out[i] += notes[n]->phase - 0.5f; /* a saw tooth */
      notes[n]->phase += notes[n]->step;
      if (notes[n]->phase >= 1) notes[n]->phase -= 1;
    }
    if ((notes[n]->samples_left -= SAMPLES) > 0) continue;
    note_pool_release(&pool, notes[n]);
    notes[n] = notes[--count];
  }
  return count;
}

static void *sound_card(void *unused) {
  struct note *notes[VOICES];
  float out[SAMPLES];
  if (!note_pool_attach(&pool)) return unused; /* once, before the first sound: it may allocate */
  int count = 0;
  for (int i = 0; i < BUFFERS; i++) count = play(notes, count, out, i % 2 == 0);
  while (count > 0) note_pool_release(&pool, notes[--count]);
  return NULL;
}

int main(void) {
  objpool_config config = {.warmup = VOICES, .max_objects = VOICES, .cache_size = OBJPOOL_NO_CACHE};
  pthread_t thread;
  if (!note_pool_init(&pool, &config) || pthread_create(&thread, NULL, sound_card, NULL) != 0) return perror("audio"), 1;
  pthread_join(thread, NULL);
  printf("%llu notes with %d voices\n", (unsigned long long)note_pool_stats(&pool).acquires, VOICES);
  note_pool_destroy(&pool);
  return 0;
}
