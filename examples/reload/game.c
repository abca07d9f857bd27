/* The game: a library that is built and loaded again while its bullets fly. Its hooks are in here; the pool, which the host
   keeps, calls them by address, so after each load bullet_pool_rebind gives it the new ones.

   build: cc -std=c11 -O2 -fPIC -shared -DGAME_VERSION=1 game.c -o game.so */
#include "game.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef GAME_VERSION
#define GAME_VERSION 1
#endif

enum { TRAIL = 32 };

static bool bullet_made(bullet *object, void *context) {
  (void)context;
  object->trail = malloc(TRAIL);
  if (object->trail) snprintf(object->trail, TRAIL, "made by version %d", GAME_VERSION);
  return object->trail != NULL;
}

static void bullet_back(bullet *object, void *context) {
  (void)context;
  object->x = object->y = 0;
  snprintf(object->trail, TRAIL, "reset by version %d", GAME_VERSION);
}

static void bullet_gone(bullet *object, void *context) {
  unsigned *destroyed_by = context;
  destroyed_by[GAME_VERSION]++;
  free(object->trail);
}

OBJPOOL_DEFINE(bullet_pool, bullet, opt.create = bullet_made, opt.reset = bullet_back, opt.destroy = bullet_gone,
               opt.local = true, opt.handles = true);

static bullet_pool *bullets_of(session *game) { return (bullet_pool *)(void *)game->bullets; }

static bool begin(session *game) {
  objpool_config config = {.name = "bullets", .context = game->destroyed_by, .reserve = 256};
  game->bullets = calloc(1, sizeof(bullet_pool));
  return game->bullets && bullet_pool_init(bullets_of(game), &config);
}

static bool reloaded(session *game) { return bullet_pool_rebind(bullets_of(game)); }

/* Every bullet flies on, whichever version fired it; some are new, and every third of the oldest lands. */
static void step(session *game, unsigned count) {
  bullet_pool *pool = bullets_of(game);
  unsigned of[10] = {0}, landed = 0, seen = 0;
  game->frame++;
  for (unsigned i = 0; i < count; i++) {
    bullet *fired = bullet_pool_acquire(pool);
    if (!fired) break;
    fired->version = GAME_VERSION;
    fired->dx = (float)i;
    fired->dy = GAME_VERSION;
  }
  OBJPOOL_EACH(bullet_pool, flying, pool) {
    flying->x += flying->dx;
    flying->y += flying->dy;
    of[flying->version]++;
    if (++seen % 3 == 0) {
      bullet_pool_release(pool, flying);
      landed++;
    }
  }
  printf("version %d, frame %u: %u flew (%u of version 1, %u of version 2), %u landed", GAME_VERSION, game->frame, seen,
         of[1], of[2], landed);
  bullet *next = bullet_pool_try_acquire(pool); /* one that has landed: it tells whose reset ran */
  printf("; one that landed was %s\n", next ? next->trail : "nowhere");
  bullet_pool_release(pool, next);
}

static void end(session *game) {
  size_t landed = bullet_pool_release_all(bullets_of(game));
  bullet_pool_destroy(bullets_of(game));
  printf("version %d: %zu landed at the end\n", GAME_VERSION, landed);
  free(game->bullets);
}

__attribute__((visibility("default"))) bool game_load(session *game);
bool game_load(session *game) {
  game->begin = begin;
  game->reloaded = reloaded;
  game->step = step;
  game->end = end;
  return true;
}
