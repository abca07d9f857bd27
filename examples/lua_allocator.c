/* Lua with all its memory from buffers by size: the same scripts once with Lua's own allocator (realloc and free), once with
 * the set, and what each took, in time and in memory. */
/* build: cc -std=c11 -O2 -pthread -I.. -I/usr/include/lua5.4 lua_allocator.c -o lua_allocator -llua5.4 -lm */
/* run: ./lua_allocator [size of the scripts, in percent] */
#include "common.h"
#include <lauxlib.h> /* Debian: liblua5.4-dev */
#include <lua.h>
#include <lualib.h>
#include <malloc.h>

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

/* >>allocator: all that Lua needs ************************************************************** */

/* Tables, closures, short strings, nodes of hashes; what is larger grows by doubling. A cell is a word and the buffer, rounded
 * up to 16: sizes that leave room for that word waste none. */
#define SIZES 24, 40, 56, 72, 88, 104, 120, 152, 248, 504, 1016, 4096, 16384, 65536, 262144
OBJPOOL_SIZES(lua_buffers, SIZES);

static const size_t sizes[] = {SIZES};
enum { CLASSES = sizeof sizes / sizeof *sizes, SMALL = 248, STEP = 8 };

/* The class of each small size, in steps of 8 bytes: Lua tells how large a piece was, the set wants to know its capacity. */
static size_t small_capacities[SMALL / STEP + 1];

static void learn_capacities(void) {
  for (size_t step = 0, class = 0; step <= SMALL / STEP; step++) {
    while (sizes[class] < step * STEP) class ++;
    small_capacities[step] = sizes[class];
  }
}

static size_t capacity_for(size_t size) {
  if (size <= SMALL) return small_capacities[(size + STEP - 1) / STEP];
  for (size_t i = 0; i < CLASSES; i++)
    if (size <= sizes[i]) return sizes[i];
  return size; /* larger than every class: a plain allocation of just that size */
}

/* A piece that shrinks below its class moves, or a table that was large once would be for ever. Out of line: one call in a
 * thousand resizes, the others would save its registers. */
static __attribute__((noinline)) void *resized(lua_buffers *set, void *old, size_t old_size, size_t size) {
  objpool_buffer before = {old, capacity_for(old_size)};
  if (size > old_size) return lua_buffers_grow(set, before, size).bytes; /* NULL: `old` is still Lua's */
  if (capacity_for(size) == before.capacity) return old;
  objpool_buffer after = lua_buffers_acquire(set, size);
  if (!after.bytes) return old; /* shrinking must not fail, and need not be done */
  memcpy(after.bytes, old, size);
  lua_buffers_release(set, before);
  return after.bytes;
}

/* A lua_Alloc. */
static void *lua_from_set(void *context, void *old, size_t old_size, size_t size) {
  lua_buffers *set = context;
  if (!old) return size > 0 ? lua_buffers_acquire(set, size).bytes : NULL;
  if (size > 0) return resized(set, old, old_size, size);
  lua_buffers_release(set, (objpool_buffer){old, capacity_for(old_size)});
  return NULL;
}

/* Lua's own way. */
static void *lua_from_libc(void *context, void *old, size_t old_size, size_t size) {
  (void)context, (void)old_size;
  if (size > 0) return realloc(old, size);
  free(old);
  return NULL;
}

/* The same, and what it holds is counted, glibc's word in front of each piece included. */
struct held {
  size_t bytes, peak;
};

static void *lua_from_libc_counted(void *context, void *old, size_t old_size, size_t size) {
  struct held *held = context;
  size_t before = old ? malloc_usable_size(old) + sizeof(size_t) : 0;
  void *made = lua_from_libc(NULL, old, old_size, size);
  if (!made && size > 0) return NULL;
  held->bytes += (made ? malloc_usable_size(made) + sizeof(size_t) : 0) - before;
  if (held->bytes > held->peak) held->peak = held->bytes;
  return made;
}

/* >>scripts ************************************************************************************ */

static const char trees[] =
    "local scale = ...\n"
    "local function make(depth)\n"
    "  if depth == 0 then return {} end\n"
    "  return {make(depth - 1), make(depth - 1)}\n"
    "end\n"
    "local function count(tree) return tree[1] and 1 + count(tree[1]) + count(tree[2]) or 1 end\n"
    "local sum, kept = 0, make(14)\n"
    "for _ = 1, scale do sum = sum + count(make(12)) end\n"
    "return sum + count(kept)\n";

static const char strings[] = "local scale, sum = ..., 0\n"
                              "for round = 1, scale do\n"
                              "  local words, index = {}, {}\n"
                              "  for i = 1, 2000 do\n"
                              "    words[i] = 'word ' .. i * round .. ' of ' .. ('x'):rep(i % 97)\n"
                              "    index[words[i]] = function(n) return n + i + #words[i] end\n"
                              "  end\n"
                              "  for _, word in ipairs(words) do sum = sum + index[word](round) % 1000 end\n"
                              "  sum = sum + #table.concat(words, ',')\n"
                              "end\n"
                              "return sum\n";

/* >>runs *************************************************************************************** */

struct outcome {
  lua_Integer result;
  double seconds; /* of processor time */
};

static double processor_seconds(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)) fail("clock_gettime: %s", strerror(errno));
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct outcome run(const char *script, size_t scale, lua_Alloc allocate, void *context) {
  struct outcome outcome = {0, processor_seconds()};
  lua_State *lua = lua_newstate(allocate, context);
  if (!lua) fail("lua_newstate: out of memory");
  luaL_openlibs(lua);
  if (luaL_loadstring(lua, script) != LUA_OK) fail("%s", lua_tostring(lua, -1));
  lua_pushinteger(lua, (lua_Integer)scale);
  if (lua_pcall(lua, 1, 1, 0) != LUA_OK) fail("%s", lua_tostring(lua, -1));
  outcome.result = lua_tointeger(lua, -1);
  lua_close(lua);
  outcome.seconds = processor_seconds() - outcome.seconds;
  return outcome;
}

static void compare(const char *what, const char *script, size_t scale) {
  enum { ROUNDS = 5 };
  static lua_buffers set;
  const objpool_config config = {.growth_factor =
                                     1.3}; /* without an init each block is twice as large as the one before */
  if (!lua_buffers_init(&set, &config)) fail("buffers: %s", strerror(errno));
  struct outcome best[2] = {{0, 1e9}, {0, 1e9}};
  for (int round = 0; round < ROUNDS; round++) { /* in turn: what disturbs the machine disturbs both */
    struct outcome own = run(script, scale, lua_from_libc, NULL), pooled = run(script, scale, lua_from_set, &set);
    if (own.seconds < best[0].seconds) best[0] = own;
    if (pooled.seconds < best[1].seconds) best[1] = pooled;
    if (own.result != pooled.result) fail("%s: %lld and %lld", what, own.result, pooled.result);
  }
  struct held held = {0, 0};
  run(script, scale, lua_from_libc_counted, &held);
  objpool_stats stats = lua_buffers_stats(&set);
  printf("%s: %.3f s by realloc and free, %.3f s by the set: %.2f of it; best of %d\n", what, best[0].seconds,
         best[1].seconds, best[1].seconds / best[0].seconds, ROUNDS);
  printf("  at most %zu bytes by realloc and free, %llu held by the set, free cells and caches included\n", held.peak,
         (unsigned long long)stats.memory_bytes);
  printf("  %llu allocations, %.2f %% of them of idle memory; at most %llu at once\n",
         (unsigned long long)stats.acquires, 100 * objpool_hit_rate(&stats), (unsigned long long)stats.peak_in_use);
  check(best[0].result == best[1].result && best[0].result != 0, "%s: the same result, %lld", what, best[1].result);
  check(stats.in_use == 0 && stats.acquires == stats.releases, "%s: every piece came back", what);
  size_t gone = lua_buffers_trim(&set, 0);
  stats = lua_buffers_stats(&set);
  check(gone > 0 && stats.idle == 0, "%s: a trim gives %zu bytes back", what, gone);
  lua_buffers_destroy(&set);
}

int main(int argc, char **argv) {
  help_argument(argc, argv, "usage: lua_allocator [PERCENT]   how large the scripts are [100]");
  size_t percent = number_argument(argc, argv, 1, "the size of the scripts", 100);
  learn_capacities();
  compare("binary trees", trees, 40 * percent / 100 + 1);
  compare("strings, closures and tables", strings, 100 * percent / 100 + 1);
  return checks_result();
}
