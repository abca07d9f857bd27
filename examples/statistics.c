/* Statistics: what a pool counted, the rates drawn from it, and the report with its recommendation.
 * The load is a small frame loop whose demand for sprites rises and falls.
 *
 * build: cc -std=c11 -O2 -pthread -I.. statistics.c -o statistics
 */
#include <stdio.h>
#include <stdlib.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct sprite {
  float x, y, dx, dy;
  unsigned texture;
};

OBJPOOL_DEFINE(sprite_pool, struct sprite);

enum { FRAMES = 120, PEAK = 60 };

int main(void) {
  sprite_pool pool;
  if (!sprite_pool_init(&pool, &(objpool_config){.name = "sprites", .warmup = 16, .max_idle = 40})) {
    perror("sprite_pool_init");
    return EXIT_FAILURE;
  }

  struct sprite *alive[PEAK];
  size_t count = 0;
  for (size_t frame = 0; frame < FRAMES; frame++) {
    size_t phase = frame % (2 * PEAK);
    size_t wanted = phase < PEAK ? phase : 2 * PEAK - 1 - phase; /* up to PEAK - 1 and down again */
    if (count < wanted) {
      size_t got = sprite_pool_acquire_many(&pool, alive + count, wanted - count);
      if (got < wanted - count) {
        perror("sprite_pool_acquire_many");
        return EXIT_FAILURE;
      }
      count += got;
    }
    if (count > wanted) {
      sprite_pool_release_many(&pool, alive + wanted, count - wanted);
      count = wanted;
    }
    for (size_t i = 0; i < count; i++) alive[i]->x += alive[i]->dx;
  }
  sprite_pool_release_many(&pool, alive, count);

  objpool_stats stats = sprite_pool_stats(&pool);
  printf("handed out %llu: %llu from idle ones, %llu new; %llu destroyed, %llu of them beyond max_idle\n",
         (unsigned long long)stats.acquires, (unsigned long long)stats.hits, (unsigned long long)stats.misses,
         (unsigned long long)stats.destroyed, (unsigned long long)stats.overflowed);
  printf("hit rate %.1f %%, at most %llu in use at once, %llu bytes of memory, %llu bytes not allocated anew\n\n",
         100 * objpool_hit_rate(&stats), (unsigned long long)stats.peak_in_use, (unsigned long long)stats.memory_bytes,
         (unsigned long long)objpool_bytes_saved(&stats));

  /* like snprintf: the length first, then the text */
  int length = objpool_report(&pool.base, NULL, 0);
  if (length < 0) return EXIT_FAILURE;
  char *report = malloc((size_t)length + 1);
  if (!report) return EXIT_FAILURE;
  objpool_report(&pool.base, report, (size_t)length + 1);
  fputs(report, stdout);
  free(report);

  sprite_pool_reset_stats(&pool); /* counts restart at 0; what is in use and idle stays known */
  stats = sprite_pool_stats(&pool);
  printf("\nafter the reset: %llu acquires, %llu idle\n", (unsigned long long)stats.acquires,
         (unsigned long long)stats.idle);
  sprite_pool_destroy(&pool);
  return EXIT_SUCCESS;
}
