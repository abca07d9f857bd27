/* plugin.c: a library that holds pools, to be loaded and unloaded by load_and_unload.c. */
#define OBJPOOL_STATIC
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "lifecycle.h"

struct record {
  long number;
  char text[120];
};

OBJPOOL_DEFINE(record_pool, struct record);

static record_pool records;
static record_pool *own_records;

#ifdef __cplusplus
extern "C" {
#endif
void plugin_open(void);
void plugin_use(int count);
void plugin_close(void);

void plugin_open(void) {
  own_records = (record_pool *)calloc(1, sizeof *own_records);
  REQUIRE(own_records);
  objpool_config config;
  memset(&config, 0, sizeof config);
  config.name = "records of the plugin";
  config.max_objects = 100;
  REQUIRE(record_pool_init(own_records, &config));
}

/* Any thread, between plugin_open and plugin_close. */
void plugin_use(int count) {
  for (int i = 0; i < count; i++) {
    struct record *first = record_pool_acquire(&records);
    struct record *second = record_pool_acquire(own_records);
    REQUIRE(first && second);
    first->number = i;
    second->number = i;
    record_pool_release(&records, first);
    record_pool_release(own_records, second);
  }
}

void plugin_close(void) {
  objpool_stats stats = record_pool_stats(own_records);
  REQUIRE(stats.in_use == 0 && stats.acquires == stats.releases);
  record_pool_destroy(own_records);
  free(own_records);
  record_pool_destroy(&records);
}
#ifdef __cplusplus
}
#endif
