/* An object is so large that the arithmetic of its block would overflow: out of memory, never a short block.
 *
 * plain: silence
 * asan: silence
 */
#include "misuse.h"

static objpool things;

int main(void) {
  objpool_type type;
  memset(&type, 0, sizeof type);
  type.size = 4096;
  type.alignment = 16;
  MISTAKE(type.size = SIZE_MAX - 20);
  bool opened = objpool_init(&things, &type, NULL);
  void *thing = opened ? objpool_acquire(&things) : NULL;
#ifdef WITHOUT_MISTAKE
  REQUIRE(thing);
#else
  REQUIRE(!thing && errno == ENOMEM);
#endif
  objpool_release(&things, thing);
  objpool_destroy(&things);
  return 0;
}
