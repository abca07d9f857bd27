/* The pools of a game server (message buffers, strings, maps) built from a configuration file, warmed up together
 * before play, reported together, totals computed. What the file has wrong is refused by line number. */
/* build: cc -std=c11 -O2 -pthread -I.. game_pools.c -o game_pools */
/* run: ./game_pools [FILE [messages [threads]]], game_pools.conf without a FILE */
#include "common.h"
#include <stdatomic.h>

/* >>configuration ****************************************************************************** */

enum { MESSAGE_BUFFERS, STRINGS, MAPS, POOLS };

/* The context of each pool, too. */
struct settings {
  size_t objects, warmup, capacity;
  atomic_size_t bytes; /* that its objects hold beyond themselves */
};
static struct settings settings[POOLS];

static struct key {
  const char *name;
  size_t least, most;
  size_t *value;
  size_t line; /* where the file sets it; 0: it does not */
} keys[] = {
    {"message_buffers.objects", 1, 1000000, &settings[MESSAGE_BUFFERS].objects, 0},
    {"message_buffers.warmup", 0, 1000000, &settings[MESSAGE_BUFFERS].warmup, 0},
    {"message_buffers.capacity", 16, 1 << 24, &settings[MESSAGE_BUFFERS].capacity, 0},
    {"strings.objects", 1, 1000000, &settings[STRINGS].objects, 0},
    {"strings.warmup", 0, 1000000, &settings[STRINGS].warmup, 0},
    {"strings.capacity", 16, 1 << 24, &settings[STRINGS].capacity, 0},
    {"maps.objects", 1, 1000000, &settings[MAPS].objects, 0},
    {"maps.warmup", 0, 1000000, &settings[MAPS].warmup, 0},
    {"maps.capacity", 1, 1 << 20, &settings[MAPS].capacity, 0},
};
enum { KEYS = sizeof keys / sizeof *keys };

/* Cuts white space off both ends. */
static char *trimmed(char *text) {
  text += strspn(text, " \t\r\n");
  for (size_t length = strlen(text); length > 0 && strchr(" \t\r\n", text[length - 1]); length--)
    text[length - 1] = '\0';
  return text;
}

/* Reads one line, "key = number"; false, after saying why, if it is not right. */
static bool read_setting(const char *path, size_t number, char *line) {
  char *comment = strchr(line, '#');
  if (comment) *comment = '\0';
  line = trimmed(line);
  if (*line == '\0') return true;
  char *equals = strchr(line, '=');
  if (!equals) {
    fprintf(stderr, "%s:%zu: expected \"key = number\", not '%s'\n", path, number, line);
    return false;
  }
  *equals = '\0';
  char *name = trimmed(line), *text = trimmed(equals + 1), *end;
  for (size_t i = 0; i < KEYS; i++) {
    struct key *key = &keys[i];
    if (strcmp(name, key->name) != 0) continue;
    if (key->line) {
      fprintf(stderr, "%s:%zu: %s is already set in line %zu\n", path, number, name, key->line);
      return false;
    }
    key->line = number;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < key->least || value > key->most) {
      fprintf(stderr, "%s:%zu: %s must be a number from %zu to %zu, not '%s'\n", path, number, name, key->least,
              key->most, text);
      return false;
    }
    *key->value = value;
    return true;
  }
  fprintf(stderr, "%s:%zu: unknown key '%s'\n", path, number, name);
  return false;
}

/* Reads the whole file, says everything that is wrong with it, and ends the program if anything is. */
static void read_settings(FILE *file, const char *path) {
  if (!file) fail("%s: %s", path, strerror(errno));
  char *line = NULL;
  size_t capacity = 0, mistakes = 0;
  for (size_t number = 1; getline(&line, &capacity, file) >= 0; number++) mistakes += !read_setting(path, number, line);
  if (ferror(file)) fail("%s: %s", path, strerror(errno));
  free(line);
  fclose(file);
  for (size_t i = 0; i < KEYS; i++) {
    if (keys[i].line) continue;
    fprintf(stderr, "%s: %s is not set\n", path, keys[i].name);
    mistakes++;
  }
  for (size_t i = 0; i < KEYS && mistakes == 0; i += KEYS / POOLS) { /* objects, then warmup */
    if (*keys[i + 1].value <= *keys[i].value) continue;
    fprintf(stderr, "%s:%zu: %s is more than %s\n", path, keys[i + 1].line, keys[i + 1].name, keys[i].name);
    mistakes++;
  }
  if (mistakes) fail("%zu mistakes in %s", mistakes, path);
}

/* >>objects ************************************************************************************ */

static bool buffer_create(struct buffer *buffer, void *context) {
  struct settings *own = context;
  if (!buffer_reserve(buffer, own->capacity)) return false;
  atomic_fetch_add(&own->bytes, own->capacity);
  return true;
}

static void buffer_reset(struct buffer *buffer, void *context) {
  (void)context;
  buffer->length = 0;
}

static bool buffer_has_not_grown(struct buffer *buffer, void *context) {
  const struct settings *own = context;
  return buffer->capacity <= own->capacity;
}

static void buffer_destroy(struct buffer *buffer, void *context) {
  struct settings *own = context;
  atomic_fetch_sub(&own->bytes, own->capacity);
  buffer_free(buffer);
}

/* A map from texts to texts, as many as the pool's capacity says; what it was told last about a key counts. */
struct entry {
  char key[24], value[40];
};
struct map {
  struct entry *entries;
  size_t count;
};

static bool map_create(struct map *map, void *context) {
  struct settings *own = context;
  map->entries = calloc(own->capacity, sizeof *map->entries);
  if (!map->entries) return false;
  atomic_fetch_add(&own->bytes, own->capacity * sizeof *map->entries);
  return true;
}

static void map_reset(struct map *map, void *context) {
  (void)context;
  map->count = 0;
}

static void map_destroy(struct map *map, void *context) {
  struct settings *own = context;
  atomic_fetch_sub(&own->bytes, own->capacity * sizeof *map->entries);
  free(map->entries);
}

/* The value of a key, or NULL. A message has so few that looking at each is the fastest way. */
static const char *map_get(const struct map *map, const char *key) {
  for (size_t i = 0; i < map->count; i++) {
    if (strcmp(map->entries[i].key, key) == 0) return map->entries[i].value;
  }
  return NULL;
}

/* False when the map is full, or a text too long for it. */
static bool map_set(struct map *map, const char *key, const char *value) {
  struct entry *entry = map->entries;
  if (strlen(key) >= sizeof entry->key || strlen(value) >= sizeof entry->value) return false;
  while (entry < map->entries + map->count && strcmp(entry->key, key) != 0) entry++;
  if (entry == map->entries + map->count) {
    if (map->count == settings[MAPS].capacity) return false;
    map->count++;
  }
  strcpy(entry->key, key);
  strcpy(entry->value, value);
  return true;
}

/* >>pools ************************************************************************************** */

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

OBJPOOL_DEFINE(buffer_pool, struct buffer,
               opt.create = buffer_create,
               opt.reset = buffer_reset,
               opt.validate = buffer_has_not_grown,
               opt.validate_on = OBJPOOL_ON_RELEASE,
               opt.destroy = buffer_destroy);

OBJPOOL_DEFINE(map_pool, struct map,
               opt.create = map_create,
               opt.reset = map_reset,
               opt.destroy = map_destroy);

static buffer_pool message_buffers, strings;
static map_pool maps;

/* What is done with all of them alike needs no type. */
static objpool *const pools[POOLS] = {&message_buffers.base, &strings.base, &maps.base};
static const char *const pool_names[POOLS] = {"message_buffers", "strings", "maps"};

static void pools_init(void) {
  objpool_config configs[POOLS];
  for (size_t i = 0; i < POOLS; i++) {
    configs[i] = (objpool_config){.name = pool_names[i], .context = &settings[i], .max_idle = settings[i].objects};
  }
  if (!buffer_pool_init(&message_buffers, &configs[MESSAGE_BUFFERS]) ||
      !buffer_pool_init(&strings, &configs[STRINGS]) || !map_pool_init(&maps, &configs[MAPS])) {
    fail("pools: %s", strerror(errno));
  }
}

/* Makes what the players will need before they come. */
static void pools_warmup(void) {
  for (size_t i = 0; i < POOLS; i++) {
    if (objpool_warmup(pools[i], settings[i].warmup) < settings[i].warmup)
      fail("%s: %s", pool_names[i], strerror(errno));
  }
}

static void report_line(const char *name, const objpool_stats *stats, size_t bytes) {
  printf("%-16s %9llu %6.1f %% %8llu %8llu %9llu %11zu\n", name, (unsigned long long)stats->acquires,
         100 * objpool_hit_rate(stats), (unsigned long long)stats->created, (unsigned long long)stats->in_use,
         (unsigned long long)stats->idle, bytes);
}

static void report_pool(objpool *pool, void *user) {
  const struct settings *own = objpool_context(pool);
  size_t *total_bytes = user;
  objpool_stats stats = objpool_snapshot(pool);
  size_t bytes = stats.memory_bytes + (own ? own->bytes : 0); /* a pool of others has no settings */
  report_line(objpool_name(pool), &stats, bytes);
  *total_bytes += bytes;
}

/* Prints a line for each pool (they are registered by their names) and one for all, whose numbers it returns. */
static objpool_stats pools_report(void) {
  printf("%-16s %9s %8s %8s %8s %9s %11s\n", "pool", "acquired", "reused", "created", "in use", "idle", "bytes");
  size_t bytes = 0;
  objpool_registry_each(report_pool, &bytes);
  objpool_stats total = objpool_registry_snapshot();
  report_line("total", &total, bytes);
  return total;
}

/* >>play *************************************************************************************** */

static struct work {
  atomic_size_t next, wrong;
  size_t messages;
} work;

/* What player number `id` sends: "player=p17 action=move x=3 y=9 x=4", where the last x counts. */
static void write_message(struct buffer *message, size_t id) {
  char text[128];
  int length = snprintf(text, sizeof text, "player=p%zu action=%s x=%zu y=%zu x=%zu", id % 1000,
                        id % 3 ? "move" : "wait", id % 64, id % 48, id % 64 + 1);
  if (!buffer_append(message, text, (size_t)length)) fail("out of memory");
}

/* Takes the message apart into the map; false if it is not one. */
static bool read_message(const struct buffer *message, struct map *map, struct buffer *scratch) {
  scratch->length = 0;
  if (!buffer_append(scratch, message->bytes, message->length) || !buffer_append(scratch, "", 1)) fail("out of memory");
  char *rest;
  for (char *word = strtok_r(scratch->bytes, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    char *equals = strchr(word, '=');
    if (!equals) return false;
    *equals = '\0';
    if (!map_set(map, word, equals + 1)) return false;
  }
  return true;
}

static void *play(void *unused) {
  (void)unused;
  for (size_t id; (id = atomic_fetch_add(&work.next, 1)) < work.messages;) {
    OBJPOOL_SCOPED(buffer_pool) message = buffer_pool_guard_acquire(&message_buffers);
    OBJPOOL_SCOPED(buffer_pool) text = buffer_pool_guard_acquire(&strings);
    OBJPOOL_SCOPED(map_pool) map = map_pool_guard_acquire(&maps);
    if (!message.object || !text.object || !map.object) fail("no object: %s", strerror(errno));

    /* whoever had these before must have left nothing in them */
    bool clean = message.object->length == 0 && text.object->length == 0 && map.object->count == 0;
    write_message(message.object, id);
    bool understood = read_message(message.object, map.object, text.object);
    const char *player = map_get(map.object, "player"), *action = map_get(map.object, "action");
    const char *x = map_get(map.object, "x"), *y = map_get(map.object, "y");
    char expected[200], reply[200] = "";
    snprintf(expected, sizeof expected, "p%zu %ss at %zu,%zu", id % 1000, id % 3 ? "move" : "wait", id % 64 + 1,
             id % 48);
    if (player && action && x && y) snprintf(reply, sizeof reply, "%s %ss at %s,%s", player, action, x, y);
    if (!clean || !understood || strcmp(reply, expected) != 0) atomic_fetch_add(&work.wrong, 1);
  }
  return NULL;
}

int main(int argc, char **argv) {
  help_argument(argc, argv, "usage: game_pools [FILE [MESSAGES [THREADS]]]   [game_pools.conf 200000 8]");
  if (argc > 1)
    read_settings(fopen(argv[1], "r"), argv[1]);
  else
    read_settings(open_own(argv[0], "game_pools.conf"), "game_pools.conf");
  work.messages = number_argument(argc, argv, 2, "messages", 200000);
  size_t threads = number_argument(argc, argv, 3, "threads", 8);

  pools_init();
  pools_warmup();
  objpool_stats total = pools_report();
  size_t warm = settings[MESSAGE_BUFFERS].warmup + settings[STRINGS].warmup + settings[MAPS].warmup;
  check(total.idle == warm && total.created == warm, "%llu objects ready before play", (unsigned long long)total.idle);

  double rate = per_second(work.messages, run_threads(threads, play, NULL));
  total = pools_report();
  printf("%zu messages on %zu threads, %.0f a second\n", work.messages, threads, rate);
  check(work.wrong == 0, "%zu messages understood, %zu not", work.messages - work.wrong, work.wrong);
  check(total.acquires == POOLS * work.messages && total.acquires == total.hits + total.misses && total.in_use == 0,
        "the totals add up: %llu acquired, %llu still in use", (unsigned long long)total.acquires,
        (unsigned long long)total.in_use);
  check(total.misses == total.created - warm, "%llu objects made during play", (unsigned long long)total.misses);

  buffer_pool_destroy(&message_buffers);
  buffer_pool_destroy(&strings);
  map_pool_destroy(&maps);
  size_t left = settings[MESSAGE_BUFFERS].bytes + settings[STRINGS].bytes + settings[MAPS].bytes;
  check(left == 0, "%zu bytes left after the end", left);
  return checks_result();
}
