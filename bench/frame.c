/* A game's frame: 20,000 enemies, 20,000 homing missiles that refer to them weakly, 60,000 particles; all are moved, some die,
 * and at the end of the frame as many are born.
 * usage: frame low|high FRAMES     -> the median frame in microseconds, deaths per frame, a sum over all that is alive
 *        frame get|each ROUNDS     -> ns per object: random references among 20,000 alive; a walk of all 100,000 objects, and
 *                                     the same by an array of pointers to them (pool only)
 *        frame release_all 1       -> ns per object: the first time and again, local and shared (pool only)
 *        frame trim_some|maintain_some 1 -> microseconds for 64 objects among 100,000 idle, local and shared (pool only)
 * low:  an object lives for 600 frames (about 100 deaths a frame), high: for 61 (about 1,600).
 *
 * Built as it stands the objects lie in local pools with handles and a reserve; with -DWHERE_NEEDED only the enemies have handles;
 * with -DGROWN the pools grow by several blocks, without a reserve; with -DSLOT_MAP the objects lie in slot maps (one
 * array for each kind, a generation beside each object, a list of free slots); with -DDENSE in
 * arrays without holes, from whose end the hole of a dead one is filled (enemies are found by a table of where they are);
 * with -DMALLOC by malloc and arrays of pointers (enemies are found by a table of pointers and generations).
 * What an object does depends on itself and its target alone: so the sum is the same, whoever holds the objects. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ENEMIES = 20000, MISSILES = 20000, PARTICLES = 60000, OBJECTS = ENEMIES + MISSILES + PARTICLES };

/* What all objects have: who it is among its kind, how many frames it has left, a state for its random numbers. */
typedef struct body {
  float x, y, vx, vy;
  uint32_t who, life, random;
} body;

typedef struct reference {
  uint32_t index, generation;
} reference;

typedef struct enemy {
  body body;
  float health, armor;
  uint32_t kind, seen;
  float aim[5];
} enemy;

typedef struct missile {
  body body;
  reference target;
  float fuel;
} missile;

typedef struct particle {
  body body;
  uint32_t color;
} particle;

static void fail(const char *what) {
  fprintf(stderr, "frame: %s\n", what);
  exit(1);
}

static void *zeroed(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (!memory) fail("out of memory");
  memset(memory, 0, count * size); /* touched: nobody's first frame shall pay for the pages */
  return memory;
}

/* ---- the contenders: NAME_open, NAME_spawn, NAME_kill, EACH; for enemies enemy_name and enemy_find, too ---- */

#if defined(SLOT_MAP)

#define CONTENDER(T, most)                                                           \
  typedef struct T##_slot {                                                          \
    T object;                  /* first: an object's address is its slot's */        \
    uint32_t generation, next; /* the generation is odd while the object is alive */ \
  } T##_slot;                                                                        \
  static struct {                                                                    \
    T##_slot *slot;                                                                  \
    uint32_t used, capacity, free;                                                   \
  } T##_map;                                                                         \
  static void T##_open(void) {                                                       \
    T##_map.slot = (T##_slot *)zeroed(most, sizeof *T##_map.slot);                   \
    T##_map.capacity = most;                                                         \
    T##_map.free = UINT32_MAX;                                                       \
  }                                                                                  \
  static inline T *T##_spawn(void) {                                                 \
    uint32_t index = T##_map.free;                                                   \
    if (index != UINT32_MAX) {                                                       \
      T##_map.free = T##_map.slot[index].next;                                       \
    } else {                                                                         \
      if (T##_map.used == T##_map.capacity) return NULL;                             \
      index = T##_map.used++;                                                        \
    }                                                                                \
    T##_map.slot[index].generation++;                                                \
    return &T##_map.slot[index].object;                                              \
  }                                                                                  \
  static inline void T##_kill(T *object) {                                           \
    T##_slot *slot = (T##_slot *)(void *)object;                                     \
    slot->generation++;                                                              \
    slot->next = T##_map.free;                                                       \
    T##_map.free = (uint32_t)(slot - T##_map.slot);                                  \
  }                                                                                  \
  static inline reference T##_name(const T *object) {                                \
    const T##_slot *slot = (const T##_slot *)(const void *)object;                   \
    return (reference){(uint32_t)(slot - T##_map.slot), slot->generation};           \
  }                                                                                  \
  static inline T *T##_find(reference name) {                                        \
    if (name.index >= T##_map.used) return NULL;                                     \
    T##_slot *slot = &T##_map.slot[name.index];                                      \
    return slot->generation == name.generation ? &slot->object : NULL;               \
  }
#define EACH(T, one)                                                                         \
  for (T##_slot *slot_ = T##_map.slot, *end_ = slot_ + T##_map.used; slot_ != end_; slot_++) \
    if (!(slot_->generation & 1)) {                                                          \
    } else                                                                                   \
      for (T *one = &slot_->object; one; one = NULL)

#elif defined(DENSE)

#define CONTENDER(T, most)                                                                           \
  static T *T##_array;                                                                               \
  static uint32_t T##_count, *T##_place, *T##_generation; /* by who it is: only enemies are found */ \
  static void T##_open(void) {                                                                       \
    T##_array = (T *)zeroed(most, sizeof *T##_array);                                                \
    T##_place = (uint32_t *)zeroed(most, sizeof *T##_place);                                         \
    T##_generation = (uint32_t *)zeroed(most, sizeof *T##_generation);                               \
  }                                                                                                  \
  static inline T *T##_spawn(void) { return T##_count < (most) ? &T##_array[T##_count++] : NULL; }   \
  static inline void T##_kill(T *object) {                                                           \
    bool found = sizeof(T) == sizeof(enemy);                                                         \
    T *last = &T##_array[--T##_count];                                                               \
    if (found) T##_generation[object->body.who]++;                                                   \
    *object = *last;                                                                                 \
    if (found) T##_place[object->body.who] = (uint32_t)(object - T##_array);                         \
  }                                                                                                  \
  static inline reference T##_name(const T *object) { /* once it knows who it is */                  \
    T##_place[object->body.who] = (uint32_t)(object - T##_array);                                    \
    return (reference){object->body.who, T##_generation[object->body.who]};                          \
  }                                                                                                  \
  static inline T *T##_find(reference name) {                                                        \
    if (name.index >= (most) || T##_generation[name.index] != name.generation) return NULL;          \
    return &T##_array[T##_place[name.index]];                                                        \
  }
/* backwards: what fills a hole was visited */
#define EACH(T, one)                         \
  for (uint32_t at_ = T##_count; at_-- > 0;) \
    for (T *one = &T##_array[at_]; one; one = NULL)

#elif defined(MALLOC)

typedef struct table_entry {
  void *object;
  uint32_t generation, place;
} table_entry;

#define CONTENDER(T, most)                                                                        \
  static T **T##_array;                                                                           \
  static table_entry *T##_table; /* by who it is */                                               \
  static uint32_t T##_count;                                                                      \
  static void T##_open(void) {                                                                    \
    T##_array = (T **)zeroed(most, sizeof *T##_array);                                            \
    T##_table = (table_entry *)zeroed(most, sizeof *T##_table);                                   \
  }                                                                                               \
  static inline T *T##_spawn(void) {                                                              \
    if (T##_count == (most)) return NULL;                                                         \
    return T##_array[T##_count++] = (T *)malloc(sizeof(T));                                       \
  }                                                                                               \
  static inline void T##_kill(T *object) { /* from within a loop backwards, at the object */      \
    T##_table[object->body.who].generation++;                                                     \
    free(object);                                                                                 \
  }                                                                                               \
  static inline reference T##_name(T *object) {                                                   \
    T##_table[object->body.who].object = object;                                                  \
    return (reference){object->body.who, T##_table[object->body.who].generation};                 \
  }                                                                                               \
  static inline T *T##_find(reference name) {                                                     \
    if (name.index >= (most) || T##_table[name.index].generation != name.generation) return NULL; \
    return (T *)T##_table[name.index].object;                                                     \
  }
#define EACH(T, one)                         \
  for (uint32_t at_ = T##_count; at_-- > 0;) \
    for (T *one = T##_array[at_]; one; one = NULL)
#define KILL_HERE(T, object) (T##_kill(object), T##_array[at_] = T##_array[--T##_count])

#else

#define OBJPOOL_IMPLEMENTATION
#include "../objpool.h"
#define POOL

#ifdef WHERE_NEEDED
#define HANDLES false
#else
#define HANDLES true
#endif
#ifdef GROWN
#define RESERVED false
#else
#define RESERVED true
#endif
OBJPOOL_DEFINE(enemy_pool, enemy, opt.local = true, opt.handles = true);
OBJPOOL_DEFINE(missile_pool, missile, opt.local = true, opt.handles = HANDLES);
OBJPOOL_DEFINE(particle_pool, particle, opt.local = true, opt.handles = HANDLES);

#define CONTENDER(T, most)                                                             \
  static T##_pool T##_objects;                                                         \
  static void T##_open(void) {                                                         \
    objpool_config config;                                                             \
    memset(&config, 0, sizeof config);                                                 \
    config.max_objects = (most);                                                       \
    config.reserve = RESERVED ? (most) : 0;                                            \
    if (!T##_pool_init(&T##_objects, &config)) fail("a pool");                         \
  }                                                                                    \
  static inline T *T##_spawn(void) { return T##_pool_acquire(&T##_objects); }          \
  static inline void T##_kill(T *object) { T##_pool_release(&T##_objects, object); }   \
  static inline reference T##_name(const T *object) {                                  \
    T##_pool_handle handle = T##_pool_handle_of(&T##_objects, object);                 \
    return (reference){handle.index, handle.generation};                               \
  }                                                                                    \
  static inline T *T##_find(reference name) {                                          \
    return T##_pool_get(&T##_objects, (T##_pool_handle){name.index, name.generation}); \
  }
#define EACH(T, one) OBJPOOL_EACH(T##_pool, one, &T##_objects)

#endif

#ifndef KILL_HERE
#define KILL_HERE(T, object) T##_kill(object)
#endif

CONTENDER(enemy, ENEMIES)
CONTENDER(missile, MISSILES)
CONTENDER(particle, PARTICLES)

/* ---- the game ---- */

static uint32_t mean_life;
static reference enemy_who[ENEMIES]; /* by who it is: whom a missile may take for its target */

/* Those that died in this frame, by who they were, with the state of their random numbers. */
typedef struct grave {
  uint32_t who, random;
} grave;
static grave enemy_graves[ENEMIES], missile_graves[MISSILES], particle_graves[PARTICLES];
static uint32_t dead_enemies, dead_missiles, dead_particles;

static inline uint32_t draw(uint32_t *random) { /* xorshift32 (Marsaglia 2003) */
  *random ^= *random << 13;
  *random ^= *random >> 17;
  return *random ^= *random << 5;
}

static inline void body_begins(body *one, uint32_t who, uint32_t random) {
  one->who = who;
  one->random = random;
  one->x = (float)(draw(&one->random) % 1280);
  one->y = (float)(draw(&one->random) % 720);
  one->vx = (float)(draw(&one->random) % 7) - 3;
  one->vy = (float)(draw(&one->random) % 7) - 3;
  one->life = 1 + draw(&one->random) % (2 * mean_life - 1);
}

static inline void body_moves(body *one) {
  one->x += one->vx;
  one->y += one->vy;
  if (one->x < 0 || one->x >= 1280) one->vx = -one->vx;
  if (one->y < 0 || one->y >= 720) one->vy = -one->vy;
}

static void enemy_begins(uint32_t who, uint32_t random) {
  enemy *one = enemy_spawn();
  if (!one) fail("no enemy");
  body_begins(&one->body, who, random);
  one->health = 100;
  one->seen = 0;
  enemy_who[who] = enemy_name(one);
}

static void missile_begins(uint32_t who, uint32_t random) {
  missile *one = missile_spawn();
  if (!one) fail("no missile");
  body_begins(&one->body, who, random);
  one->target = enemy_who[draw(&one->body.random) % ENEMIES];
  one->fuel = 1;
}

static void particle_begins(uint32_t who, uint32_t random) {
  particle *one = particle_spawn();
  if (!one) fail("no particle");
  body_begins(&one->body, who, random);
  one->color = 0xffffff;
}

static void enemies_move(void) {
  EACH(enemy, one) {
    body_moves(&one->body);
    one->seen++;
    if (--one->body.life == 0) {
      enemy_graves[dead_enemies++] = (grave){one->body.who, one->body.random};
      KILL_HERE(enemy, one);
    }
  }
}

static void missiles_move(void) {
  EACH(missile, one) {
    const enemy *target = enemy_find(one->target);
    if (target) {
      one->body.vx += (target->body.x - one->body.x) * 0.01f;
      one->body.vy += (target->body.y - one->body.y) * 0.01f;
    } else {
      one->target = enemy_who[draw(&one->body.random) % ENEMIES];
    }
    body_moves(&one->body);
    if (--one->body.life == 0) {
      missile_graves[dead_missiles++] = (grave){one->body.who, one->body.random};
      KILL_HERE(missile, one);
    }
  }
}

static void particles_move(void) {
  EACH(particle, one) {
    body_moves(&one->body);
    one->color -= 0x010101;
    if (--one->body.life == 0) {
      particle_graves[dead_particles++] = (grave){one->body.who, one->body.random};
      KILL_HERE(particle, one);
    }
  }
}

static uint32_t frame(void) {
  missiles_move(); /* before an enemy dies: each target is where it was drawn last */
  enemies_move();
  particles_move();
  uint32_t deaths = dead_enemies + dead_missiles + dead_particles;
  for (; dead_enemies > 0; dead_enemies--)
    enemy_begins(enemy_graves[dead_enemies - 1].who, enemy_graves[dead_enemies - 1].random);
  for (; dead_missiles > 0; dead_missiles--)
    missile_begins(missile_graves[dead_missiles - 1].who, missile_graves[dead_missiles - 1].random);
  for (; dead_particles > 0; dead_particles--)
    particle_begins(particle_graves[dead_particles - 1].who, particle_graves[dead_particles - 1].random);
  return deaths;
}

static void begin(void) {
  enemy_open(), missile_open(), particle_open();
  for (uint32_t i = 0; i < ENEMIES; i++) enemy_begins(i, 2 * i + 1);
  for (uint32_t i = 0; i < MISSILES; i++) missile_begins(i, 2 * i + 100003);
  for (uint32_t i = 0; i < PARTICLES; i++) particle_begins(i, 2 * i + 200003);
}

/* Of all that is alive, in whatever order. */
static uint64_t sum_of(const body *one) {
  uint32_t bits[4];
  memcpy(bits, &one->x, sizeof bits);
  uint64_t sum = one->who ^ (uint64_t)one->random << 32;
  for (int i = 0; i < 4; i++) sum = (sum ^ bits[i]) * 0x9e3779b97f4a7c15u;
  return sum;
}

static uint64_t sum_of_all(void) {
  uint64_t sum = 0;
  uint32_t count = 0;
  EACH(enemy, one) sum += sum_of(&one->body), count++;
  EACH(missile, one) sum += sum_of(&one->body), count++;
  EACH(particle, one) sum += sum_of(&one->body), count++;
  if (count != OBJECTS) fail("an object was lost");
  return sum;
}

/* ---- what is measured ---- */

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, long count) {
  qsort(values, (size_t)count, sizeof *values, compare);
  return values[count / 2];
}

static void measure_frames(long frames) {
  double *times = (double *)zeroed((size_t)frames, sizeof *times);
  uint64_t deaths = 0;
  begin();
  for (uint32_t i = 0; i < 2 * mean_life && i < 300; i++)
    frame(); /* so that they lie as they do in the middle of a game */
  for (long i = 0; i < frames; i++) {
    double before = now_ns();
    deaths += frame();
    times[i] = now_ns() - before;
  }
  printf("%.2f %.0f %016llx\n", median(times, frames) / 1000, (double)deaths / (double)frames,
         (unsigned long long)sum_of_all());
  free(times);
}

/* Keeps the compiler from leaving a loop out. */
#define OPAQUE(value) __asm__ volatile("" : : "r"(value) : "memory")

static void measure_get(long rounds) {
  static reference names[ENEMIES];
  double *times = (double *)zeroed((size_t)rounds, sizeof *times);
  uint32_t random = 1;
  begin();
  for (uint32_t i = 0; i < ENEMIES; i++) names[i] = enemy_who[i];
  for (uint32_t i = ENEMIES - 1; i > 0; i--) {
    uint32_t other = draw(&random) % (i + 1);
    reference swapped = names[i];
    names[i] = names[other], names[other] = swapped;
  }
  for (long round = 0; round < rounds; round++) {
    double before = now_ns();
    for (uint32_t i = 0; i < ENEMIES; i++) {
      enemy *found = enemy_find(names[i]);
      if (!found) fail("an enemy was lost");
      OPAQUE(found->body.life);
    }
    times[round] = (now_ns() - before) / ENEMIES;
  }
  printf("%.4f\n", median(times, rounds));
  free(times);
}

static void measure_each(long rounds) {
  static particle *pointers[PARTICLES];
  double *times = (double *)zeroed((size_t)rounds, sizeof *times),
         *theirs = (double *)zeroed((size_t)rounds, sizeof *times);
  uint32_t count = 0;
  begin();
  EACH(particle, one) pointers[count++] = one;
  for (long round = 0; round < rounds; round++) {
    double before = now_ns();
    EACH(particle, one) OPAQUE(one->body.life);
    double between = now_ns();
    for (uint32_t i = 0; i < PARTICLES; i++) OPAQUE(pointers[i]->body.life);
    theirs[round] = (now_ns() - between) / PARTICLES;
    times[round] = (between - before) / PARTICLES;
  }
  printf("%.4f %.4f\n", median(times, rounds), median(theirs, rounds));
  free(times), free(theirs);
}

#ifdef POOL
OBJPOOL_DEFINE(shared_pool, particle, opt.handles = true);

static particle_pool alone;
static shared_pool shared;

static void acquire_all(void) {
  for (uint32_t i = 0; i < OBJECTS; i++)
    if (!particle_pool_acquire(&alone) || !shared_pool_acquire(&shared)) fail("no object");
}

static void measure_release_all(long rounds) {
  (void)rounds;
  double times[2][8];
  for (int i = 0; i < 8; i++) {
    acquire_all();
    double before = now_ns();
    if (particle_pool_release_all(&alone) != OBJECTS) fail("not all were released");
    double between = now_ns();
    if (shared_pool_release_all(&shared) != OBJECTS) fail("not all were released");
    times[1][i] = (now_ns() - between) / OBJECTS;
    times[0][i] = (between - before) / OBJECTS;
  }
  printf("%.3f %.3f %.3f %.3f\n", times[0][0], median(times[0] + 1, 7), times[1][0], median(times[1] + 1, 7));
}

/* The slowest and the median of some calls, each of which changes at most 64 of 100,000 idle objects. */
static void measure_some(size_t (*some)(objpool *pool), long rounds) {
  objpool *pools[] = {&alone.base, &shared.base};
  (void)rounds;
  acquire_all();
  particle_pool_release_all(&alone), shared_pool_release_all(&shared);
  for (int i = 0; i < 2; i++) {
    double times[100];
    size_t changed = 0;
    for (int call = 0; call < 100; call++) {
      double before = now_ns();
      changed += some(pools[i]);
      times[call] = (now_ns() - before) / 1000;
    }
    double middle = median(times, 100);
    printf("%.2f %.2f %.1f ", middle, times[99], (double)changed / 100);
  }
  printf("\n");
}

static size_t trim_64(objpool *pool) { return objpool_trim_some(pool, 0, 64); }
static size_t maintain_64(objpool *pool) { return objpool_maintain_some(pool, 64); }
#endif

int main(int argc, char **argv) {
  long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
  const char *what = count > 0 ? argv[1] : "";
  mean_life = strcmp(what, "high") ? 600 : 61;
  if (!strcmp(what, "low") || !strcmp(what, "high"))
    measure_frames(count);
  else if (!strcmp(what, "get"))
    measure_get(count);
  else if (!strcmp(what, "each"))
    measure_each(count);
#ifdef POOL
  else if (!strcmp(what, "release_all"))
    measure_release_all(count);
  else if (!strcmp(what, "trim_some"))
    measure_some(trim_64, count);
  else if (!strcmp(what, "maintain_some"))
    measure_some(maintain_64, count);
#endif
  else
    return fputs("usage: frame low|high|get|each|release_all|trim_some|maintain_some COUNT\n", stderr), 2;
  return 0;
}
