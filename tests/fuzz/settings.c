/* settings.c: a fuzzer (libFuzzer) of the configuration file of examples/game_pools.c: any text is refused, or taken
 * with every value within its bounds; what was taken can be written down and is then taken again with the same values.
 *
 * C only, as the example. Built and run by tests/fuzz/run. */
#define _GNU_SOURCE 1 /* fmemopen */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The example reads a text in memory, says what is wrong to nobody, and comes back here where it would end. */
static void leave(int status) __attribute__((noreturn));
static FILE *nobody;
#define exit(status) leave(status)
#undef stderr
#define stderr nobody
#define main example_main
int example_main(int argc, char **argv);
#include "../../examples/game_pools.c"
#undef main
#undef stderr
#undef exit
extern FILE *stderr;

static char text[4096];
static size_t length;
static jmp_buf refused;

static __attribute__((noreturn)) void disagree(const char *condition, int line) {
  fprintf(stderr, "settings.c:%d: this should hold: %s, of:\n%.*s\n", line, condition, (int)length, text);
  abort();
}
#define REQUIRE(condition) ((condition) ? (void)0 : disagree(#condition, __LINE__))

static void leave(int status) {
  REQUIRE(status == EXIT_TROUBLE);
  longjmp(refused, 1);
}

static bool accepted(void) {
  memset(settings, 0, sizeof settings);
  for (size_t i = 0; i < KEYS; i++) keys[i].line = 0;
  if (setjmp(refused)) return false;
  read_settings(fmemopen(text, length, "r"), "text");
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t values[KEYS];
  if (!nobody && !(nobody = fopen("/dev/null", "w"))) abort();
  if (size < 2) return 0;
  length = 0;
  if (data[0] &
      1) { /* lines of the right form: the first half byte chooses the key, the rest is what stands behind it */
    for (size_t i = 1; i + 1 < size && length + 80 < sizeof text; i++) {
      const struct key *key = &keys[data[i] % KEYS];
      size_t number = data[i + 1] % 3 ? data[i + 1] + key->least : data[i + 1] % 2 ? key->least : key->most;
      length += (size_t)snprintf(text + length, 80, "%s%s = %zu%s\n", data[i] & 128 ? " \t" : "", key->name, number,
                                 data[i] & 64 ? " # why" : "");
      if (data[0] & 2 && i % 5 == 4) text[data[i]] = (char)data[i + 1];
      i += data[i] & 16 ? 1 : 0;
    }
  } else {
    length = size - 1 < sizeof text ? size - 1 : sizeof text;
    memcpy(text, data + 1, length);
  }
  if (data[0] & 4) { /* each key once: only what is said of them can be wrong */
    length = 0;
    for (size_t i = 0; i < KEYS; i++) {
      unsigned byte = i + 1 < size ? data[i + 1] : 0;
      length +=
          (size_t)snprintf(text + length, 80, "%s=%zu\n", keys[i].name, keys[i].least + byte % (i % 3 == 0 ? 256 : 64));
    }
  }
  if (!length || !accepted()) {
    if (length && data[0] & 4) { /* all are within their bounds: only a warm-up can be more than there is to be */
      bool more = false;
      for (size_t i = 0; i < KEYS; i += KEYS / POOLS) {
        unsigned objects = i + 1 < size ? data[i + 1] : 0, warm = i + 2 < size ? data[i + 2] : 0;
        more |= keys[i + 1].least + warm % 64 > keys[i].least + objects % 256;
      }
      REQUIRE(more);
    }
    return 0;
  }
  for (size_t i = 0; i < KEYS; i++) {
    values[i] = *keys[i].value;
    REQUIRE(values[i] >= keys[i].least && values[i] <= keys[i].most && keys[i].line > 0);
    for (size_t j = 0; j < i; j++) REQUIRE(keys[j].line != keys[i].line);
  }
  for (size_t i = 0; i < POOLS; i++) REQUIRE(settings[i].warmup <= settings[i].objects);
  length = 0;
  for (size_t i = KEYS; i-- > 0;) length += (size_t)snprintf(text + length, 80, "%s=%zu\n", keys[i].name, values[i]);
  REQUIRE(accepted());
  for (size_t i = 0; i < KEYS; i++) REQUIRE(*keys[i].value == values[i] && keys[i].line == KEYS - i);
  length += (size_t)snprintf(text + length, 80, "%s=%zu\n", keys[data[0] % KEYS].name, values[data[0] % KEYS]);
  REQUIRE(!accepted()); /* twice is a mistake */
  return 0;
}
