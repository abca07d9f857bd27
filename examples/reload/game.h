/* What host and game know of each other. What lies in the pool, and how, both sides of a reload must agree on. */
#ifndef RELOAD_GAME_H
#define RELOAD_GAME_H

#include "../../objpool.h"

typedef struct bullet {
  float x, y, dx, dy;
  int version; /* of the game that fired it */
  char *trail; /* its own memory: create gives it, destroy takes it back */
} bullet;

typedef struct session {
  objpool *bullets; /* a bullet_pool, whose functions are in the game */
  unsigned frame;
  unsigned destroyed_by[10]; /* bullets, by which version's hook: the pool's context, and so the host's memory */
  bool (*begin)(struct session *game);
  bool (*reloaded)(struct session *game); /* the pool's hooks are from now on this library's */
  void (*step)(struct session *game, unsigned bullets);
  void (*end)(struct session *game);
} session;

typedef bool game_entry(session *game); /* `game_load` in each library: fills in the functions */

#endif
