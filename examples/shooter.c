/* A game one can see: bullets, enemies, homing missiles and particles, each kind in a pool of its own, thousands alive. A missile
 * holds its target weakly, by a handle; one loop a kind and frame, in which objects come and go; a level ends by release_all;
 * maintenance has what is left of the frame. The ship steers itself.
 * Keys: N next level, P pause, M malloc in place of the pools, Q quit.
 * What happens depends on no order and no clock, so the hash of the state at the end is the same on each run, and with malloc. */
/* build: cc -std=c11 -O2 -I.. shooter.c -o shooter -lSDL2 -lm */
/* run: ./shooter [--malloc] [--frames N [--picture FILE.bmp]]: with --frames without a window */
/* needs: libsdl2-dev */
#define SDL_MAIN_HANDLED
#include "common.h"
#include <SDL2/SDL.h>
#include <math.h>

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

enum { WIDTH = 960, HEIGHT = 600, SHIP_Y = 556, LEVEL_FRAMES = 400, FRAME_NS = 16666667, MAINTAIN_NS = 1000000 };

/* >>objects ************************************************************************************ */

typedef struct enemy {
  float x, y, sway;
  int health, damage, size; /* size: 2, or 1 for what is left of one of 2 */
  uint32_t random, age, born;
  struct enemy *next; /* in its cell of the grid */
} enemy;
typedef struct bullet {
  float x, y, dx, dy;
} bullet;
typedef struct particle {
  float x, y, dx, dy;
  int life, kind;
} particle;

OBJPOOL_DEFINE(enemy_pool, enemy, opt.local = true, opt.handles = true);
OBJPOOL_DEFINE(bullet_pool, bullet, opt.local = true);
OBJPOOL_DEFINE(particle_pool, particle, opt.local = true);

typedef struct missile {
  float x, y, dx, dy;
  enemy_pool_handle target; /* weak: others may shoot it first */
  uint32_t random;
  int fuel;
} missile;
OBJPOOL_DEFINE(missile_pool, missile, opt.local = true);

enum { ENEMY, BULLET, MISSILE, PARTICLE, KINDS };
static enemy_pool enemies;
static bullet_pool bullets;
static missile_pool missiles;
static particle_pool particles;
static objpool *const pools[KINDS] = {&enemies.base, &bullets.base, &missiles.base, &particles.base};

/* >>malloc: the same by hand, to compare ******************************************************** */

struct place {
  void *object;
  uint32_t generation, born; /* born: in which walk, so that it is not part of that one */
};
struct heap {
  struct place *places;
  uint32_t *vacant;
  uint32_t count, capacity, vacancies, walk, in_use, peak;
  size_t bytes;
};
union held { /* stands before each object */
  uint32_t index;
  max_align_t align;
};
static struct heap heaps[KINDS];
static bool by_malloc;

static void *heap_take(struct heap *heap, size_t size) {
  union held *held = malloc(sizeof *held + size);
  if (!held) return NULL;
  if (!heap->vacancies && heap->count == heap->capacity) {
    heap->capacity = heap->capacity ? 2 * heap->capacity : 256;
    heap->places = realloc(heap->places, heap->capacity * sizeof *heap->places);
    heap->vacant = realloc(heap->vacant, heap->capacity * sizeof *heap->vacant);
    if (!heap->places || !heap->vacant) fail("out of memory");
  }
  bool fresh = !heap->vacancies;
  held->index = fresh ? heap->count++ : heap->vacant[--heap->vacancies];
  struct place *place = &heap->places[held->index];
  if (fresh) place->generation = 0;
  place->object = held + 1;
  place->born = heap->walk;
  if (++heap->in_use > heap->peak) heap->peak = heap->in_use;
  heap->bytes += sizeof *held + size;
  return held + 1;
}

static void heap_end(struct heap *heap, void *object, size_t size) {
  union held *held = (union held *)object - 1;
  heap->places[held->index].object = NULL;
  heap->places[held->index].generation++;
  heap->vacant[heap->vacancies++] = held->index;
  heap->in_use--;
  heap->bytes -= sizeof *held + size;
  free(held);
}

/* What the game calls: a pool, or malloc. */
#define EITHER(kind, many, KIND)                                                                \
  static kind *new_##kind(void) {                                                               \
    kind *one = by_malloc ? heap_take(&heaps[KIND], sizeof(kind)) : kind##_pool_acquire(&many); \
    if (!one) fail("no " #kind ": %s", strerror(errno));                                        \
    return one;                                                                                 \
  }                                                                                             \
  static void end_##kind(kind *one) {                                                           \
    if (by_malloc)                                                                              \
      heap_end(&heaps[KIND], one, sizeof *one);                                                 \
    else                                                                                        \
      kind##_pool_release(&many, one);                                                          \
  }
EITHER(enemy, enemies, ENEMY)
EITHER(bullet, bullets, BULLET)
EITHER(missile, missiles, MISSILE)
EITHER(particle, particles, PARTICLE)

/* Each object of a kind that is there when the loop begins. */
#define EACH(kind, many, KIND, function)                                                                          \
  do {                                                                                                            \
    if (!by_malloc) {                                                                                             \
      OBJPOOL_EACH(kind##_pool, each, &many) {                                                                    \
        function(each);                                                                                           \
      }                                                                                                           \
      break;                                                                                                      \
    }                                                                                                             \
    struct heap *heap = &heaps[KIND];                                                                             \
    heap->walk++;                                                                                                 \
    for (uint32_t i = 0, end = heap->count; i < end; i++)                                                         \
      if (heap->places[i].object && heap->places[i].born != heap->walk) function((kind *)heap->places[i].object); \
  } while (0)

static enemy_pool_handle handle_of(enemy *one) {
  if (!by_malloc) return enemy_pool_handle_of(&enemies, one);
  uint32_t index = ((union held *)(void *)one - 1)->index;
  return (enemy_pool_handle){index, heaps[ENEMY].places[index].generation + 1};
}

static enemy *get(enemy_pool_handle handle) {
  if (!by_malloc) return enemy_pool_get(&enemies, handle);
  if (!handle.generation || handle.index >= heaps[ENEMY].count) return NULL;
  struct place *place = &heaps[ENEMY].places[handle.index];
  return place->generation + 1 == handle.generation ? place->object : NULL;
}

/* >>game *************************************************************************************** */

enum { CELL = 32, ACROSS = WIDTH / CELL + 2, DOWN = HEIGHT / CELL + 3 };
static enemy *grid[DOWN][ACROSS];
static uint32_t frame, level, level_began, random_state;
static uint64_t score;
static float ship_x;

static uint32_t random_of(uint32_t *state) {
  uint32_t x = *state += 0x9e3779b9u;
  x = (x ^ (x >> 16)) * 0x21f0aaadu;
  x = (x ^ (x >> 15)) * 0x735a2d97u;
  return x ^ (x >> 15);
}
static float between(uint32_t *state, float low, float high) {
  return low + (high - low) * (float)(random_of(state) >> 8) / 16777216.0f;
}
static float square(float x) { return x * x; }

static void burst(float x, float y, int count, int kind, uint32_t seed) {
  while (count-- > 0) {
    float angle = between(&seed, 0, 6.2831853f), speed = between(&seed, 0.2f, kind == 3 ? 0.6f : 2.6f);
    *new_particle() =
        (particle){x, y, cosf(angle) * speed, sinf(angle) * speed, 20 + (int)(random_of(&seed) % 40), kind};
  }
}

static void step_particle(particle *one) {
  one->x += one->dx, one->y += one->dy;
  one->dx *= 0.975f, one->dy *= 0.975f;
  if (--one->life <= 0) end_particle(one);
}

/* What comes closest to (x, y), in the nine cells around; of two equally close the one that sways less: no order matters. */
static enemy *touched(float x, float y) {
  enemy *best = NULL;
  float closest = 1e9f;
  int column = (int)(x / CELL) + 1, row = (int)(y / CELL) + 1;
  for (int r = row - 1; r <= row + 1; r++)
    for (int c = column - 1; c <= column + 1; c++) {
      if (r < 0 || c < 0 || r >= DOWN || c >= ACROSS) continue;
      for (enemy *one = grid[r][c]; one; one = one->next) {
        float distance = square(one->x - x) + square(one->y - y);
        if (distance > square(5.0f * (float)one->size)) continue;
        if (distance < closest || (distance <= closest && one->random < best->random)) best = one, closest = distance;
      }
    }
  return best;
}

static void step_bullet(bullet *one) {
  one->x += one->dx, one->y += one->dy;
  enemy *hit = touched(one->x, one->y);
  if (hit) hit->damage++;
  if (hit || one->y < 0 || one->x < 0 || one->x > WIDTH) end_bullet(one);
}

/* The enemy closest to where the missile would like to go. */
static float aim_x, aim_y, aim_distance;
static uint32_t aim_random;
static enemy *aim;
static void consider(enemy *one) {
  float distance = square(one->x - aim_x) + square(one->y - aim_y);
  if (aim && (distance > aim_distance || (distance >= aim_distance && one->random >= aim_random))) return;
  aim = one, aim_distance = distance, aim_random = one->random;
}

static void step_missile(missile *one) {
  enemy *target = get(one->target);
  if (!target && one->fuel % 8 == 0) { /* somebody else was faster: another one */
    aim = NULL, aim_x = between(&one->random, 0, WIDTH), aim_y = between(&one->random, 0, HEIGHT - 120);
    EACH(enemy, enemies, ENEMY, consider);
    target = aim;
    one->target = target ? handle_of(target) : (enemy_pool_handle){0, 0};
  }
  if (target) {
    float x = target->x - one->x, y = target->y - one->y, far = sqrtf(x * x + y * y) + 0.01f;
    one->dx = one->dx * 0.94f + x / far * 0.35f, one->dy = one->dy * 0.94f + y / far * 0.35f;
    if (far < 12) {
      target->damage += 3;
      burst(one->x, one->y, 6, 2, one->random);
      end_missile(one);
      return;
    }
  }
  one->x += one->dx, one->y += one->dy;
  if (one->fuel % 3 == 0) burst(one->x, one->y, 1, 3, one->random ^ (uint32_t)one->fuel);
  if (--one->fuel <= 0) end_missile(one);
}

static void add_enemy(float x, float y, int size, uint32_t seed) {
  uint32_t own = seed;
  float sway = between(&own, 0.2f, 1);
  *new_enemy() = (enemy){.x = x, .y = y, .sway = sway, .health = size * 2, .size = size, .random = seed, .born = frame};
}

static void step_enemy(enemy *one) {
  if (one->born == frame) return; /* a loop may meet what came during it, or not */
  one->age++;
  one->x += sinf((float)one->age * 0.03f + one->sway * 9) * one->sway;
  one->y += 0.35f + 0.3f * one->sway;
  if (one->y > SHIP_Y - 40) one->y = -20; /* once more, from the top */
  one->health -= one->damage;
  one->damage = 0;
  if (one->health > 0) return;
  score += 10 * (uint64_t)one->size;
  burst(one->x, one->y, one->size * 24, one->size - 1, one->random);
  if (one->size == 2 && random_of(&one->random) % 2) {
    add_enemy(one->x - 9, one->y, 1, one->random + 1);
    add_enemy(one->x + 9, one->y, 1, one->random + 2);
  }
  end_enemy(one);
}

static void into_grid(enemy *one) {
  int column = (int)(one->x / CELL) + 1, row = (int)(one->y / CELL) + 1;
  if (column < 0 || row < 0 || column >= ACROSS || row >= DOWN) return;
  one->next = grid[row][column];
  grid[row][column] = one;
}

static void next_level(void) {
  if (by_malloc) {
    EACH(missile, missiles, MISSILE, end_missile);
    EACH(bullet, bullets, BULLET, end_bullet);
    EACH(enemy, enemies, ENEMY, end_enemy);
    EACH(particle, particles, PARTICLE, end_particle);
  } else {
    missile_pool_release_all(&missiles);
    bullet_pool_release_all(&bullets);
    enemy_pool_release_all(&enemies);
    particle_pool_release_all(&particles);
  }
  memset(grid, 0, sizeof grid);
  level++;
  level_began = frame;
  for (uint32_t i = 0; i < 1000 + 100 * level; i++) {
    uint32_t seed = random_of(&random_state);
    float x = between(&seed, 20, WIDTH - 20), y = between(&seed, -250, 330);
    uint32_t own = seed; /* arguments are evaluated in any order */
    add_enemy(x, y, 1 + (int)(random_of(&own) % 5 < 3), seed);
  }
}

static void step(void) {
  frame++;
  if (frame - level_began > LEVEL_FRAMES) next_level();
  ship_x = WIDTH / 2.0f + sinf((float)frame * 0.013f) * 360;
  for (int i = 0; i < 2; i++) { /* who comes new */
    uint32_t seed = random_of(&random_state);
    float x = between(&seed, 20, WIDTH - 20);
    if (random_of(&seed) % 4 < 3) add_enemy(x, -20, 2, seed);
  }
  if (frame % 2) {
    for (int i = -6; i <= 6; i++) *new_bullet() = (bullet){ship_x + (float)i, SHIP_Y - 14, (float)i * 0.55f, -6.5f};
  } else {
    uint32_t seed = random_of(&random_state);
    for (int i = -1; i <= 1; i += 2)
      *new_missile() = (missile){ship_x + 16 * (float)i, SHIP_Y, 3 * (float)i, -2, {0, 0}, seed + (uint32_t)i, 320};
  }
  EACH(bullet, bullets, BULLET, step_bullet);
  EACH(missile, missiles, MISSILE, step_missile);
  EACH(enemy, enemies, ENEMY, step_enemy);
  EACH(particle, particles, PARTICLE, step_particle);
  memset(grid, 0, sizeof grid);
  EACH(enemy, enemies, ENEMY, into_grid);
}

/* What is left of the frame, at most a millisecond, for the pools' housekeeping: 64 objects at a time. */
static void maintain(int64_t deadline_ns) {
  for (int i = 0; i < KINDS && now_ns() < deadline_ns; i++)
    objpool_maintain_some(pools[(frame + (uint32_t)i) % KINDS], 64);
}

/* >>hash: a sum, as the order is no part of the state ******************************************* */

static uint64_t hash;
static void add(float x, float y, uint32_t more) {
  uint32_t bits[3] = {0, 0, more};
  memcpy(&bits[0], &x, sizeof x);
  memcpy(&bits[1], &y, sizeof y);
  uint64_t sum = 0xcbf29ce484222325u;
  for (int i = 0; i < 3; i++) sum = (sum ^ bits[i]) * 0x100000001b3u, sum ^= sum >> 29;
  hash += sum;
}
static void add_one_enemy(enemy *one) { add(one->x, one->y, one->random + (uint32_t)one->health); }
static void add_one_bullet(bullet *one) { add(one->x, one->y, 1); }
static void add_one_missile(missile *one) { add(one->x, one->y, one->random + (get(one->target) ? 1 : 0)); }
static void add_one_particle(particle *one) { add(one->x, one->y, (uint32_t)one->life); }

static uint64_t state_hash(void) {
  hash = score * 0x9e3779b97f4a7c15u + level;
  EACH(enemy, enemies, ENEMY, add_one_enemy);
  EACH(bullet, bullets, BULLET, add_one_bullet);
  EACH(missile, missiles, MISSILE, add_one_missile);
  EACH(particle, particles, PARTICLE, add_one_particle);
  return hash;
}

/* >>picture ************************************************************************************ */

static SDL_Renderer *renderer;
static SDL_Texture *enemy_looks[2], *ship_looks;
enum { GRAPH = 240 };
static float frame_ms[GRAPH]; /* of the last frames, a ring */

/* Five rows of three dots, an octal digit each: 4 left, 2 middle, 1 right. */
static const uint16_t letters[26] = {025755, 065656, 034443, 065556, 074647, 074644, 034553, 055755, 072227,
                                     011152, 055655, 044447, 057755, 065555, 025552, 065644, 025563, 065655,
                                     034216, 072222, 055557, 055552, 055775, 055255, 055222, 071247};
static const uint16_t digits[10] = {075557, 026227, 071747, 071717, 055711, 074717, 074757, 071222, 075757, 075717};

static void colour(unsigned rgb, unsigned alpha) {
  SDL_SetRenderDrawColor(renderer, (Uint8)(rgb >> 16), (Uint8)(rgb >> 8), (Uint8)rgb, (Uint8)alpha);
}
static void box(float x, float y, float width, float height) {
  SDL_FRect area = {x, y, width, height};
  SDL_RenderFillRectF(renderer, &area);
}

static void print(int x, int y, int dot, const char *format, ...) {
  char text[128];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  for (const char *c = text; *c; c++, x += 4 * dot) {
    unsigned dots = *c >= 'A' && *c <= 'Z' ? letters[*c - 'A'] : *c >= '0' && *c <= '9' ? digits[*c - '0'] : 0;
    if (*c == '.') dots = 2;
    if (*c == ':') dots = 02020;
    if (*c == '-') dots = 0700;
    for (int i = 0; i < 15; i++)
      if (dots >> (14 - i) & 1) box((float)(x + i % 3 * dot), (float)(y + i / 3 * dot), (float)dot, (float)dot);
  }
}

static SDL_Texture *texture_of(const char *const *rows, int width, int height) {
  SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormat(0, width, height, 32, SDL_PIXELFORMAT_ARGB8888);
  if (!surface) fail("SDL: %s", SDL_GetError());
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      uint32_t dot = rows[y][x] == '#' ? 0xffffffffu : rows[y][x] == '+' ? 0xff808080u : 0;
      memcpy((char *)surface->pixels + y * surface->pitch + 4 * x, &dot, sizeof dot);
    }
  SDL_Texture *texture = SDL_CreateTextureFromSurface(renderer, surface);
  SDL_FreeSurface(surface);
  if (!texture) fail("SDL: %s", SDL_GetError());
  return texture;
}

static void load_looks(void) {
  static const char *const big[] = {"..#.....#..", "...#...#...", "..#######..", ".##+###+##.",
                                    "###########", "#.#######.#", "#.#.....#.#", "...##.##..."};
  static const char *const small[] = {"..###..", ".#####.", "#+###+#", "#######", ".#.#.#.", "#.#.#.#"};
  static const char *const ship[] = {"......#......", ".....###.....", ".....#+#.....",
                                     "....##+##....", ".#..#####..#.", ".#.#######.#.",
                                     "####+###+####", "#############", "##.##.#.##.##"};
  enemy_looks[1] = texture_of(big, 11, 8);
  enemy_looks[0] = texture_of(small, 7, 6);
  ship_looks = texture_of(ship, 13, 9);
}

static void draw_enemy(enemy *one) {
  static const uint8_t tints[5][3] = {{120, 230, 90}, {240, 90, 160}, {90, 190, 250}, {250, 180, 60}, {180, 120, 250}};
  const uint8_t *tint = tints[(level + (unsigned)one->size + (one->sway > 0.6f)) % 5];
  SDL_Texture *looks = enemy_looks[one->size - 1];
  SDL_SetTextureColorMod(looks, tint[0], tint[1], tint[2]);
  float width = one->size == 2 ? 22 : 10.5f, height = one->size == 2 ? 16 : 9;
  SDL_FRect area = {one->x - width / 2, one->y - height / 2, width, height};
  SDL_RenderCopyF(renderer, looks, NULL, &area);
}
static void draw_bullet(bullet *one) {
  colour(0xfff7a0, 255);
  box(one->x - 1, one->y - 4, 2, 7);
}
static void draw_missile(missile *one) {
  float speed = sqrtf(square(one->dx) + square(one->dy)) + 0.01f;
  for (int i = 0; i < 5; i++) {
    colour(i == 0 ? 0xff5040 : 0xffffff, 255);
    box(one->x - one->dx / speed * 2 * (float)i - 1, one->y - one->dy / speed * 2 * (float)i - 1, 3, 3);
  }
}
static void draw_particle(particle *one) {
  static const unsigned colours[4] = {0x60d0ff, 0xff9030, 0xff5080, 0xb0b0b8};
  unsigned alpha = (unsigned)(one->life * 6 > 255 ? 255 : one->life * 6);
  colour(colours[one->kind], one->kind == 3 ? alpha / 3 : alpha);
  box(one->x - 1, one->y - 1, 2, 2);
}

static void draw_overlay(void) {
  static const unsigned colours[KINDS] = {0x90f070, 0xfff7a0, 0xff7060, 0x60d0ff};
  static const char *const names[KINDS] = {"ENEMIES", "BULLETS", "MISSILES", "PARTICLES"};
  colour(0x04060c, 215);
  box(8, 8, 470, 128);
  colour(0x9098a8, 255);
  print(18, 16, 2, "POOL           IN USE     IDLE     PEAK       BYTES");
  for (int i = 0; i < KINDS; i++) {
    objpool_stats stats = objpool_snapshot(pools[i]);
    if (by_malloc)
      stats = (objpool_stats){.in_use = heaps[i].in_use, .peak_in_use = heaps[i].peak, .memory_bytes = heaps[i].bytes};
    colour(colours[i], 255);
    print(18, 36 + 16 * i, 2, "%-12s %8llu %8llu %8llu %11llu", names[i], (unsigned long long)stats.in_use,
          (unsigned long long)stats.idle, (unsigned long long)stats.peak_in_use,
          (unsigned long long)stats.memory_bytes);
  }
  colour(0xffffff, 255);
  print(18, 106, 2, "LEVEL %u   SCORE %llu   %s", level, (unsigned long long)score, by_malloc ? "MALLOC" : "POOLS");
  colour(0x9098a8, 255);
  print(18, 120, 2, "N LEVEL   P PAUSE   M MALLOC OR POOLS   Q QUIT");

  colour(0x04060c, 215); /* the graph: four times the mean high */
  box(WIDTH - 8 - GRAPH - 20, 8, GRAPH + 20, 128);
  float longest = 0, sum = 0;
  uint32_t shown = frame < GRAPH ? frame : GRAPH;
  for (uint32_t i = 0; i < GRAPH; i++) {
    if (frame_ms[i] > longest) longest = frame_ms[i];
    sum += frame_ms[i];
  }
  float mean = fmaxf(0.001f, sum / (float)(shown ? shown : 1));
  for (uint32_t i = 0; i < GRAPH; i++) {
    float high = fminf(84, frame_ms[(frame + i + 1) % GRAPH] / mean * 21);
    colour(by_malloc ? 0xff9030 : 0x60e0a0, 255);
    box((float)(WIDTH - 18 - GRAPH) + (float)i, 126 - high, 1, high);
  }
  colour(0x606878, 255);
  box(WIDTH - 18 - GRAPH, 42, GRAPH, 1);
  box(WIDTH - 18 - GRAPH, 126, GRAPH, 1);
  colour(0xffffff, 255);
  print(WIDTH - 18 - GRAPH, 16, 2, "FRAME %.2f MS", (double)mean);
  colour(0x9098a8, 255);
  print(WIDTH - 18 - GRAPH + 132, 16, 2, "TOP %.2f MS", (double)longest);
}

static void draw(void) {
  colour(0x080a18, 255);
  SDL_RenderClear(renderer);
  uint32_t sky = 1;
  for (int i = 0; i < 160; i++) {
    unsigned bright = 60 + random_of(&sky) % 120;
    colour(bright << 16 | bright << 8 | (bright + 40), 255);
    float x = between(&sky, 0, WIDTH), y = between(&sky, 0, HEIGHT);
    box(x, fmodf(y + (float)frame * (float)bright / 300, HEIGHT), 1 + (float)(bright > 150), 1 + (float)(bright > 150));
  }
  EACH(particle, particles, PARTICLE, draw_particle);
  EACH(enemy, enemies, ENEMY, draw_enemy);
  EACH(bullet, bullets, BULLET, draw_bullet);
  EACH(missile, missiles, MISSILE, draw_missile);
  SDL_SetTextureColorMod(ship_looks, 200, 225, 255);
  SDL_FRect ship = {ship_x - 26, SHIP_Y - 18, 52, 36};
  SDL_RenderCopyF(renderer, ship_looks, NULL, &ship);
  draw_overlay();
  SDL_RenderPresent(renderer);
}

/* >>main *************************************************************************************** */

static void timed_step(void) {
  int64_t start_ns = now_ns();
  step();
  int64_t end_ns = now_ns();
  frame_ms[frame % GRAPH] = (float)(end_ns - start_ns) / 1e6f;
  if (!by_malloc) maintain(end_ns + MAINTAIN_NS < start_ns + FRAME_NS ? end_ns + MAINTAIN_NS : start_ns + FRAME_NS);
}

static void run_unseen(size_t frames, const char *picture) {
  SDL_setenv("SDL_VIDEODRIVER", "dummy", 1);
  if (SDL_Init(SDL_INIT_VIDEO)) fail("SDL: %s", SDL_GetError());
  while (frame < frames) timed_step();
  if (picture) {
    SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormat(0, WIDTH, HEIGHT, 32, SDL_PIXELFORMAT_ARGB8888);
    renderer = surface ? SDL_CreateSoftwareRenderer(surface) : NULL;
    if (!renderer) fail("SDL: %s", SDL_GetError());
    SDL_SetRenderDrawBlendMode(renderer, SDL_BLENDMODE_BLEND);
    load_looks();
    draw();
    if (SDL_SaveBMP(surface, picture)) fail("%s: %s", picture, SDL_GetError());
    SDL_DestroyRenderer(renderer);
    SDL_FreeSurface(surface);
  }
}

static void run_seen(void) {
  if (SDL_Init(SDL_INIT_VIDEO)) fail("SDL: %s", SDL_GetError());
  SDL_Window *window = SDL_CreateWindow("shooter", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, WIDTH, HEIGHT, 0);
  renderer = window ? SDL_CreateRenderer(window, -1, 0) : NULL;
  if (!renderer) fail("SDL: %s", SDL_GetError());
  SDL_SetRenderDrawBlendMode(renderer, SDL_BLENDMODE_BLEND);
  load_looks();
  for (bool paused = false;;) {
    int64_t start_ns = now_ns();
    for (SDL_Event event; SDL_PollEvent(&event);) {
      SDL_Keycode key = event.type == SDL_KEYDOWN ? event.key.keysym.sym : 0;
      if (event.type == SDL_QUIT || key == SDLK_q) {
        SDL_DestroyRenderer(renderer);
        SDL_DestroyWindow(window);
        return;
      }
      if (key == SDLK_p) paused = !paused;
      if (key == SDLK_n) next_level();
      if (key == SDLK_m) { /* everything goes, and comes anew from the other */
        next_level();
        EACH(enemy, enemies, ENEMY, end_enemy);
        by_malloc = !by_malloc;
        level--;
        next_level();
      }
    }
    if (!paused) timed_step();
    draw();
    int64_t left_ns = FRAME_NS - (now_ns() - start_ns);
    if (left_ns > 0) sleep_ns(left_ns);
  }
}

int main(int argc, char **argv) {
  help_argument(argc, argv,
                "usage: shooter [--malloc] [--frames N [--picture FILE.bmp]]   with --frames without a window\n"
                "Keys: N next level, P pause, M malloc in place of the pools, Q quit");
  size_t frames = 0;
  const char *picture = NULL;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--malloc"))
      by_malloc = true;
    else if (!strcmp(argv[i], "--frames") && i + 1 < argc)
      frames = number_argument(argc, argv, ++i, "--frames", 0);
    else if (!strcmp(argv[i], "--picture") && i + 1 < argc)
      picture = argv[++i];
    else
      fail("usage: %s [--malloc] [--frames N [--picture FILE.bmp]]", argv[0]);
  }
  if (!enemy_pool_init(&enemies, &(objpool_config){.name = "enemies"}) ||
      !bullet_pool_init(&bullets, &(objpool_config){.name = "bullets"}) ||
      !missile_pool_init(&missiles, &(objpool_config){.name = "missiles"}) ||
      !particle_pool_init(&particles, &(objpool_config){.name = "particles"}))
    fail("init: %s", strerror(errno));
  next_level();
  if (frames)
    run_unseen(frames, picture);
  else
    run_seen();
  for (int i = 0; i < KINDS; i++) {
    objpool_stats stats = objpool_snapshot(pools[i]);
    printf("%-10s %7llu in use\n", (const char *const[]){"enemies", "bullets", "missiles", "particles"}[i],
           by_malloc ? (unsigned long long)heaps[i].in_use : (unsigned long long)stats.in_use);
  }
  printf("level %u, score %llu\nhash %016llx\n", level, (unsigned long long)score, (unsigned long long)state_hash());
  next_level();
  EACH(enemy, enemies, ENEMY, end_enemy);
  for (int i = 0; i < KINDS; i++) free(heaps[i].places), free(heaps[i].vacant);
  enemy_pool_destroy(&enemies);
  bullet_pool_destroy(&bullets);
  missile_pool_destroy(&missiles);
  particle_pool_destroy(&particles);
  SDL_Quit();
  return EXIT_SUCCESS;
}
