/* The address of a member is released instead of the object's.
 *
 * plain: panic objpool: pool 'things': object {pointer} points into the middle of an object
 * asan: panic objpool: pool 'things': object {pointer} points into the middle of an object
 */
#include "misuse.h"

struct list_node {
  long payload;
  struct list_node *next;
  struct list_node *previous;
};

OBJPOOL_DEFINE(node_pool, struct list_node);

static node_pool things;

int main(void) {
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "things";
  REQUIRE(node_pool_init(&things, &config));
  struct list_node *node = node_pool_acquire(&things);
  REQUIRE(node);
  node->payload = 1;
  announce(&node->next);
  MISTAKE(node_pool_release(&things, (struct list_node *)(void *)&node->next));
  node_pool_release(&things, node);
  node_pool_destroy(&things);
  return 0;
}
