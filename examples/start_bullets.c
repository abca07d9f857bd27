/* Start here: bullets of a game. One thread owns them, so the pool is local: no lock, no atomic instruction. At most 64 fly at once;
 * when none is left, the shot is not fired. Objects never move, so pointers to them stay good until they are given back.
 *
 * build: cc -std=c11 -O2 -pthread -I.. start_bullets.c -o start_bullets
 */
#include <stdio.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct bullet {
  float x, speed;
  int frames_left;
};

/** Bullets of one thread, MOST of them at the most. Clangd 19 shows this with each function of the pool. */
OBJPOOL_DEFINE(bullet_pool, struct bullet, opt.local = true);

enum { MOST = 64, FRAMES = 300 };

int main(void) {
  bullet_pool pool;
  if (!bullet_pool_init(&pool, &(objpool_config){.name = "bullets", .warmup = MOST, .max_objects = MOST})) {
    perror("bullets");
    return 1;
  }
  struct bullet *flying[MOST];
  int count = 0, fired = 0, refused = 0;

  for (int frame = 0; frame < FRAMES; frame++) {
    for (int shot = 0; shot < 2; shot++) {
      struct bullet *bullet = bullet_pool_acquire(&pool); /* as it was when it came back: all fields are set anew */
      if (!bullet) {
        refused++;
        continue;
      }
      *bullet = (struct bullet){.x = 0, .speed = 2.5f, .frames_left = 40};
      flying[count++] = bullet;
      fired++;
    }
    for (int i = count; i-- > 0;) {
      flying[i]->x += flying[i]->speed;
      if (--flying[i]->frames_left > 0) continue;
      bullet_pool_release(&pool, flying[i]);
      flying[i] = flying[--count];
    }
  }
  printf("%d fired, %d not, for %d were in the air\n", fired, refused, MOST);

  while (count > 0) bullet_pool_release(&pool, flying[--count]);
  objpool_stats stats = bullet_pool_stats(&pool);
  printf("%llu objects were built for all of them\n", (unsigned long long)stats.created);
  bullet_pool_destroy(&pool);
  return 0;
}
