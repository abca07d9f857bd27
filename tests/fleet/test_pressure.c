/* Memory pressure as the kernel's files say it: those of the machine and of the control group. Files that are odd, cut off, overlong or
   missing never mislead: what cannot be read counts as no pressure. */
#include "support.h"
#include "kernel_files.h"

#define OBJPOOL_IMPLEMENTATION
#include "fleet/fleet.h"

/* What is read when this is all the kernel says of the machine. */
static objpool_pressure machine_says(const char *text) {
  put_file("/proc/pressure/memory", text);
  return objpool_memory_pressure();
}

static void a_share_is_a_number_however_it_ends(void **state) {
  (void)state;
  assert_int_equal(machine_says("some avg10=10"), OBJPOOL_PRESSURE_SOME); /* no new line at the end */
  assert_int_equal(machine_says("some avg10=9.99"), OBJPOOL_PRESSURE_NONE);
  assert_int_equal(machine_says("some avg10=12x\n"), OBJPOOL_PRESSURE_SOME);
  assert_int_equal(machine_says("some avg10=x99\n"), OBJPOOL_PRESSURE_NONE);
  assert_int_equal(machine_says("full avg10=99999999999999999999999999\n"),
                   OBJPOOL_PRESSURE_FULL); /* no wrap to a small one */
  assert_int_equal(machine_says("nothing of the kind"), OBJPOOL_PRESSURE_NONE);
}

static void the_worst_line_counts_in_any_order(void **state) {
  (void)state;
  assert_int_equal(machine_says("full avg10=50.00\nsome avg10=80.00\n"), OBJPOOL_PRESSURE_FULL);
  assert_int_equal(machine_says("some avg10=80.00\nsome avg10=80.00\n"), OBJPOOL_PRESSURE_SOME);
  assert_int_equal(machine_says("full avg10=0.00\nsome avg10=80.00\n"), OBJPOOL_PRESSURE_SOME);
  put_file("/proc/self/cgroup", "0::/worker\n");
  put_file("/sys/fs/cgroup/worker/memory.pressure", "some avg10=80.00\n");
  assert_int_equal(machine_says("full avg10=50.00\n"), OBJPOOL_PRESSURE_FULL); /* the control group's is milder */
}

static void only_the_beginning_of_a_long_file_is_read(void **state) {
  char text[3000];
  (void)state;
  memset(text, 'z', sizeof text);
  memcpy(text, "some avg10=20.00\n", 17);
  strcpy(text + 2000, "\nfull avg10=90.00\n");
  assert_int_equal(machine_says(text), OBJPOOL_PRESSURE_SOME);
}

static void paths_too_long_are_not_read(void **state) {
  char line[600], root[sizeof kernel_files];
  (void)state;
  put_file("/proc/pressure/memory", "some avg10=20.00\n");
  memset(line, 'g', sizeof line);
  memcpy(line, "0::/", 4);
  strcpy(line + sizeof line - 2, "\n");
  put_file("/proc/self/cgroup", line); /* the machine's file counts all the same */
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_SOME);

  strcpy(root, kernel_files);
  while (strlen(kernel_files) < 600) strcat(kernel_files, "/./././.");
  struct stat there;
  strcat(kernel_files, "/proc/pressure/memory");
  assert_int_equal(stat(kernel_files, &there), 0); /* it is there, under a longer name */
  kernel_files[strlen(kernel_files) - strlen("/proc/pressure/memory")] = 0;
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  strcpy(kernel_files, root);
}

static void a_process_of_no_control_group_has_the_machines_pressure_alone(void **state) {
  (void)state;
  put_file("/sys/fs/cgroup/memory.pressure", "full avg10=90.00\n");
  put_file("/proc/self/cgroup", "4:memory:/old\n9:pids:/old\n"); /* the groups of old: no line for the unified ones */
  assert_int_equal(machine_says("some avg10=0.00\n"), OBJPOOL_PRESSURE_NONE);
  put_file("/proc/self/cgroup", "4:memory:/old");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/proc/self/cgroup", "4:memory:/old\n0::/"); /* the root group, the last line not ended */
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_FULL);
}

static void a_limit_counts_when_it_and_the_use_are_numbers(void **state) {
  static const struct {
    const char *most, *current;
    objpool_pressure expected;
  } cases[] = {
      {"1000\n", "951\n", OBJPOOL_PRESSURE_SOME},
      {"1000\n", "949\n", OBJPOOL_PRESSURE_NONE},
      {"1000", "950", OBJPOOL_PRESSURE_SOME},
      {"1000 bytes\n", "990z\n", OBJPOOL_PRESSURE_SOME},
      {"max\n", "990\n", OBJPOOL_PRESSURE_NONE},
      {"-1\n", "990\n", OBJPOOL_PRESSURE_NONE},
      {"1000\n", "unknown\n", OBJPOOL_PRESSURE_NONE},
      {"1000\n", "", OBJPOOL_PRESSURE_NONE},
      {"1000\n", "99999999999999999999999999999\n", OBJPOOL_PRESSURE_SOME}, /* neither wraps round to less */
      {"99999999999999999999999999999\n", "99999999\n", OBJPOOL_PRESSURE_NONE},
  };
  (void)state;
  put_file("/proc/self/cgroup", "0::/worker\n");
  put_file("/sys/fs/cgroup/worker/memory.max", "10\n");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE); /* what is in use cannot be read */
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    put_file("/sys/fs/cgroup/worker/memory.max", cases[i].most);
    put_file("/sys/fs/cgroup/worker/memory.current", cases[i].current);
    assert_int_equal(objpool_memory_pressure(), cases[i].expected);
  }
}

static const char calm[] =
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
static const char some_stall[] =
    "some avg10=42.10 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
static const char all_stall[] =
    "some avg10=80.00 avg60=0.00 avg300=0.00 total=9\nfull avg10=61.50 avg60=0.00 avg300=0.00 total=9\n";

static void a_machine_without_the_files_reads_none(void **state) {
  (void)state;
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/proc/pressure/memory", "");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/proc/pressure/memory", "what is this? some avg10=99\n\n\nfull\nsome avg10=\n");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/proc/self/cgroup", "0::/nowhere\n");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
}

static void pressure_is_read_from_the_machines_file(void **state) {
  (void)state;
  put_file("/proc/pressure/memory", calm);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/proc/pressure/memory", some_stall);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_SOME);
  put_file("/proc/pressure/memory", all_stall);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_FULL);
  put_file("/proc/pressure/memory", calm);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
}

static void pressure_is_read_from_the_control_groups_files(void **state) {
  (void)state;
  put_file("/proc/pressure/memory", calm);
  put_file("/proc/self/cgroup", "9:pids:/elsewhere\n0::/service/worker\n");
  put_file("/sys/fs/cgroup/service/worker/memory.pressure", calm);
  put_file("/sys/fs/cgroup/service/worker/memory.max", "max\n");
  put_file("/sys/fs/cgroup/service/worker/memory.current", "999999999999\n");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/sys/fs/cgroup/service/worker/memory.pressure", some_stall);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_SOME);
  put_file("/sys/fs/cgroup/service/worker/memory.pressure", all_stall);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_FULL);
  put_file("/sys/fs/cgroup/service/worker/memory.pressure", calm);
  put_file("/sys/fs/cgroup/service/worker/memory.max", "1000000000\n");
  put_file("/sys/fs/cgroup/service/worker/memory.current", "300000000\n");
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
  put_file("/sys/fs/cgroup/service/worker/memory.current", "999000000\n"); /* about to reach its limit */
  assert_int_not_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_NONE);
}

static void maintenance_heeds_the_kernels_files(void **state) {
  static thing_pool pool;
  int tick;
  (void)state;
  assert_true(thing_pool_init(&pool, NULL));
  thing_pool_warmup(&pool, 40);
  put_file("/proc/pressure/memory", all_stall);
  for (tick = 0; tick < 10000 && thing_pool_stats(&pool).idle > 0; tick++) { /* files are read once a second */
    objpool_maintain(&pool.base);
    sleep_ms(2);
  }
  assert_int_equal(thing_pool_stats(&pool).idle, 0);
  assert_true(tick < 10000);
  thing_pool_destroy(&pool);
}

static void the_pressure_source_is_replaced_and_restored(void **state) {
  int asked = 0;
  (void)state;
  put_file("/proc/pressure/memory", some_stall);
  pressure_now = OBJPOOL_PRESSURE_FULL;
  objpool_set_pressure_source(told_pressure, &asked);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_FULL);
  assert_int_equal(asked, 1);
  objpool_set_pressure_source(NULL, NULL);
  assert_int_equal(objpool_memory_pressure(), OBJPOOL_PRESSURE_SOME);
  assert_int_equal(asked, 1);
}

#define FILES(test) cmocka_unit_test_setup_teardown(test, make_kernel_files, remove_kernel_files)

int main(void) {
  const struct CMUnitTest tests[] = {
      FILES(a_share_is_a_number_however_it_ends),
      FILES(the_worst_line_counts_in_any_order),
      FILES(only_the_beginning_of_a_long_file_is_read),
      FILES(paths_too_long_are_not_read),
      FILES(a_process_of_no_control_group_has_the_machines_pressure_alone),
      FILES(a_limit_counts_when_it_and_the_use_are_numbers),
      FILES(a_machine_without_the_files_reads_none),
      FILES(pressure_is_read_from_the_machines_file),
      FILES(pressure_is_read_from_the_control_groups_files),
      FILES(maintenance_heeds_the_kernels_files),
      FILES(the_pressure_source_is_replaced_and_restored),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
