/* A game's compiler may take for granted that no number is infinite or none at all; what a configuration says is looked at all
   the same.
   build: -ffast-math */
#include "support.h"

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

OBJPOOL_DEFINE(int_pool, int);

/* By its bits: the compiler must not know it, nor see it returned. */
static void put_number(double *number, uint64_t bits) { memcpy(number, &bits, sizeof bits); }

static const uint64_t no_numbers[] = {UINT64_C(0x7FF8000000000000), UINT64_C(0xFFF8000000000001),  /* none */
                                      UINT64_C(0x7FF0000000000000), UINT64_C(0xFFF0000000000000)}; /* infinite */

static void no_number_is_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT_OF(no_numbers); i++) {
    int_pool pool;
    objpool_config config;
    memset(&pool, 0, sizeof pool);
    memset(&config, 0, sizeof config);
    put_number(&config.growth_factor, no_numbers[i]);
    errno = 0;
    assert_false(int_pool_init(&pool, &config));
    assert_int_equal(errno, EINVAL);
    assert_non_null(strstr(objpool_config_error(&config), "growth_factor"));
    config.growth_factor = 0;
    put_number(&config.shrink_threshold, no_numbers[i]);
    errno = 0;
    assert_false(int_pool_init(&pool, &config));
    assert_int_equal(errno, EINVAL);
    assert_non_null(strstr(objpool_config_error(&config), "shrink_threshold"));
  }
}

static void no_number_is_no_threshold(void **state) {
  (void)state;
  for (size_t i = 0; i < 3 * COUNT_OF(no_numbers); i++) {
    objpool_monitor monitor;
    objpool_thresholds thresholds;
    memset(&thresholds, 0, sizeof thresholds);
    double *rates[] = {&thresholds.min_hit_rate, &thresholds.max_miss_rate, &thresholds.max_utilization};
    put_number(rates[i % 3], no_numbers[i / 3]);
    errno = 0;
    assert_false(objpool_monitor_init(&monitor, &thresholds, NULL, NULL));
    assert_int_equal(errno, EINVAL);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_number_is_refused),
      cmocka_unit_test(no_number_is_no_threshold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
