/* An object is released twice through the functions that do not know its type.
 *
 * plain: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 * asan: panic objpool: pool 'things': object {pointer} released twice: it is idle already
 */
#include "misuse.h"

static objpool things;

int main(void) {
  objpool_type type;
  objpool_config config;
  memset(&type, 0, sizeof type);
  memset(&config, 0, sizeof config);
  type.size = sizeof(struct thing);
  type.alignment = 8;
  config.name = "things";
  REQUIRE(objpool_init(&things, &type, &config));
  void *thing = objpool_acquire(&things);
  REQUIRE(thing);
  announce(thing);
  objpool_release(&things, thing);
  MISTAKE(objpool_release(&things, thing));
  objpool_destroy(&things);
  return 0;
}
