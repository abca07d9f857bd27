/* Code that is built and loaded again while its objects live. The host has the implementation and keeps the pool; the game is a
   library. A line of input is a frame; when there is a new game.so, the host loads it first. Bullets that fly go on flying, and
   are reset and destroyed by the hooks of the new library. Try it, in this folder:

   build: cc -std=c11 -O2 -pthread -rdynamic host.c -o host -ldl

     cc -std=c11 -O2 -fPIC -shared -DGAME_VERSION=1 game.c -o game.so && ./host ./game.so
     # a few times Enter; then, elsewhere, a new file in place of the old one, and Enter again:
     cc -std=c11 -O2 -fPIC -shared -DGAME_VERSION=2 game.c -o new.so && mv new.so game.so

   The allocator, hooks and context of a pool must not be those of a library that goes: the context here is the host's. */
#define _POSIX_C_SOURCE 200809L
#define OBJPOOL_IMPLEMENTATION
#include "game.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *library;
static struct stat loaded; /* the file it came from */
static unsigned loads;

static bool load(session *game, const char *path) {
  struct stat file;
  if (stat(path, &file) != 0) return false; /* being replaced just now */
  if (library && file.st_ino == loaded.st_ino && file.st_mtime == loaded.st_mtime) return false;
  char name[4096]; /* another each time: by the same one dlopen would find the library that it has */
  snprintf(name, sizeof name, "%s.%u", path, ++loads);
  if (link(path, name) != 0) return false;
  void *next = dlopen(name, RTLD_NOW | RTLD_LOCAL), *before = library;
  unlink(name);
  game_entry *entry = NULL;
  if (next) *(void **)&entry = dlsym(next, "game_load"); /* as POSIX has it */
  if (!entry) {
    fprintf(stderr, "%s\n", dlerror());
    return false;
  }
  loaded = file;
  library = next;
  entry(game);
  if (!(before ? game->reloaded : game->begin)(game)) {
    perror(before ? "the pool cannot go on with this library" : "no pool");
    return false;
  }
  if (before) dlclose(before); /* nothing points into it any more */
  return true;
}

int main(int argc, char **argv) {
  if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    puts("usage: host [./GAME.so]   each line of input is a frame");
    return 0;
  }
  static session game;
  const char *path = argc > 1 ? argv[1] : "./game.so";
  if (!load(&game, path)) return 1;
  for (int c; (c = getchar()) != EOF;)
    if (c == '\n') {
      if (load(&game, path)) puts("reloaded");
      game.step(&game, 30);
      fflush(stdout);
    }
  game.end(&game);
  printf("destroyed: %u by version 1, %u by version 2\n", game.destroyed_by[1], game.destroyed_by[2]);
  return 0;
}
