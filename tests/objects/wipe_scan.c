/* scan.c: fills objects with a secret, gives them back in every way there is, and then looks through all of this process's
 * writable memory for what is left of it. Prints a line for each way: its name and the number of places where sixteen bytes of the
 * secret still stand in a row.
 *
 * The secret is never stored but in the objects: each word of it is computed again where it is written, and where it is looked for.
 * Built by tests/objects/test_wipe.sh at every level of optimisation, with opt.wipe and, as a check of the search itself, without. */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS 32

struct secret {
  uint64_t word[WORDS];
};

static int destroyed;

static void take_down(struct secret *secret, void *context) {
  (void)secret, (void)context;
  destroyed++;
}

#ifdef WITHOUT_WIPE
OBJPOOL_DEFINE(secret_pool, struct secret);
OBJPOOL_DEFINE(hooked_pool, struct secret, opt.destroy = take_down);
OBJPOOL_DEFINE(local_pool, struct secret, opt.local = true);
#else
OBJPOOL_DEFINE(secret_pool, struct secret, opt.wipe = true);
OBJPOOL_DEFINE(hooked_pool, struct secret, opt.wipe = true, opt.destroy = take_down);
OBJPOOL_DEFINE(local_pool, struct secret, opt.wipe = true, opt.local = true);
#endif

/* Another word for each way and each place; from a volatile, so that no compiler computes one at compile time. */
static volatile uint64_t seed = 0x9e3779b97f4a7c15u;

__attribute__((noinline)) static uint64_t word_of(unsigned way, unsigned index) {
  uint64_t x = seed * (way * 1000u + index + 1u);
  x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u;
  return x ^ (x >> 32);
}

__attribute__((noinline)) static void write_secret(struct secret *secret, unsigned way) {
  for (unsigned i = 0; i < WORDS; i++) *(volatile uint64_t *)&secret->word[i] = word_of(way, i);
}

/* Two words of the secret in a row, anywhere: how often? Memory is read through /proc, so that pages that are not there
 * are no obstacle. The stack is left out where the caller holds the value rightfully. */
static int find_secret(unsigned way, bool with_stack) {
  static uint64_t chunk[8192]; /* may itself hold what it has read: it is cleared after use, and skipped */
  char line[512];
  int found = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  int memory = open("/proc/self/mem", O_RDONLY);
  if (!maps || memory < 0) {
    perror("/proc/self");
    exit(2);
  }
  while (fgets(line, sizeof line, maps)) {
    unsigned long from = 0, to = 0;
    char mode[5];
    if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 || mode[0] != 'r' || mode[1] != 'w') continue;
    if (strstr(line, "[stack]") && !with_stack) continue;
    for (unsigned long at = from; at < to;) {
      size_t want = to - at < sizeof chunk ? to - at : sizeof chunk;
      ssize_t got = pread(memory, chunk, want, (off_t)at);
      if (got <= 0) break; /* a page that is not there */
      for (size_t i = 0; i + 1 < (size_t)got / sizeof chunk[0]; i++) {
        unsigned long address = at + i * sizeof chunk[0];
        if (address >= (unsigned long)chunk && address < (unsigned long)(chunk + 8192)) continue;
        for (unsigned j = 0; j + 1 < WORDS; j++) {
          if (chunk[i] == word_of(way, j) && chunk[i + 1] == word_of(way, j + 1)) found++;
        }
      }
      at += (size_t)got > 8 && at + (size_t)got < to ? (size_t)got - 8 : (size_t)got; /* pairs across the seam too */
    }
  }
  memset(chunk, 0, sizeof chunk);
  __asm__ volatile("" ::"r"(chunk) : "memory");
  fclose(maps);
  close(memory);
  return found;
}

static void say(const char *name, int found) {
  printf("%s %d\n", name, found);
  fflush(stdout);
}

static struct secret *must(struct secret *secret) {
  if (!secret) {
    perror("acquire");
    exit(2);
  }
  return secret;
}

/* The value that extract moves out is the caller's: wiped here, and what is looked at is the memory of the pool. */
__attribute__((noinline)) static void extract_and_forget(secret_pool *pool, struct secret *secret) {
  struct secret value = secret_pool_extract(pool, secret);
  for (unsigned i = 0; i < WORDS; i++) *(volatile uint64_t *)&value.word[i] = 0;
}

int main(void) {
  static secret_pool pool, trimmed, destroyed_pool;
  static hooked_pool hooked;
  static local_pool local;
  struct secret *keep = must(secret_pool_acquire(&pool)); /* so that its block stays where it is */
  struct secret *keep_trimmed = must(secret_pool_acquire(&trimmed));
  struct secret *secret;
  unsigned way = 0;

  secret = must(secret_pool_acquire(&pool));
  write_secret(secret, ++way);
  if (find_secret(way, true) < WORDS - 1) { /* the search itself */
    fprintf(stderr, "the secret is not found where it is\n");
    return 2;
  }
  secret_pool_release(&pool, secret);
  say("release", find_secret(way, true));

  secret = must(secret_pool_acquire(&pool));
  write_secret(secret, ++way);
  secret_pool_discard(&pool, secret);
  say("discard", find_secret(way, true));

  secret = must(secret_pool_acquire(&pool));
  write_secret(secret, ++way);
  extract_and_forget(&pool, secret);
  say("extract", find_secret(way, false));

  secret = must(secret_pool_acquire(&pool));
  write_secret(secret, ++way);
  secret_pool_release_many(&pool, &secret, 1);
  say("release_many", find_secret(way, true));

  {
    OBJPOOL_SCOPED(secret_pool) guard = secret_pool_guard_acquire(&pool);
    write_secret(must(guard.object), ++way);
  }
  say("guard", find_secret(way, true));

  objpool_config config;
  memset(&config, 0, sizeof config);
  config.max_idle = 1;
  if (!hooked_pool_init(&hooked, &config)) return 2;
  struct secret *first = must(hooked_pool_acquire(&hooked));
  secret = must(hooked_pool_acquire(&hooked));
  write_secret(first, ++way);
  write_secret(secret, ++way);
  hooked_pool_release(&hooked, first);
  hooked_pool_release(&hooked, secret); /* one too many: destroyed */
  say("release_with_destroy", find_secret(way - 1, true));
  say("overflow", find_secret(way, true));
#ifndef WITHOUT_WIPE
  if (destroyed < 2) { /* a wiping release destroys what it wipes, and builds anew before reuse */
    fprintf(stderr, "destroy ran %d times for 2 wiping releases\n", destroyed);
    return 2;
  }
#endif

  secret = must(local_pool_acquire(&local));
  write_secret(secret, ++way);
  local_pool_release(&local, secret);
  say("release_local", find_secret(way, true));

  secret = must(secret_pool_acquire(&trimmed));
  write_secret(secret, ++way);
  secret_pool_release(&trimmed, secret);
  secret_pool_trim(&trimmed, 0);
  say("trim", find_secret(way, true));

  secret = must(secret_pool_acquire(&destroyed_pool));
  write_secret(secret, ++way);
  secret_pool_release(&destroyed_pool, secret);
  secret_pool_destroy(&destroyed_pool);
  say("destroy", find_secret(way, true));

  secret_pool_release(&trimmed, keep_trimmed);
  secret_pool_release(&pool, keep);
  secret_pool_destroy(&trimmed);
  secret_pool_destroy(&pool);
  hooked_pool_destroy(&hooked);
  local_pool_destroy(&local);
  return 0;
}
