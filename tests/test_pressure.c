/* Files of the kernel that are odd, cut off, overlong or missing never mislead: what cannot be read counts as no
   pressure. */
#include "support.h"
#include <sys/stat.h>

/* The kernel's files are read from here: a folder of the test's own. */
static char kernel_files[1200];
#define OBJPOOL__PRESSURE_ROOT kernel_files
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

static void put_file(const char *path, const char *text) {
  char whole[2048];
  FILE *file;
  snprintf(whole, sizeof whole, "%s%s", kernel_files, path);
  for (size_t i = strlen(kernel_files) + 1; whole[i]; i++) {
    if (whole[i] != '/') continue;
    whole[i] = 0;
    if (mkdir(whole, 0700) != 0) assert_int_equal(errno, EEXIST);
    whole[i] = '/';
  }
  file = fopen(whole, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static int make_kernel_files(void **state) {
  const char *folder = getenv("TMPDIR");
  (void)state;
  if (!folder || !*folder) folder = "/tmp";
  int length = snprintf(kernel_files, sizeof kernel_files, "%s/objpool_pressure_XXXXXX", folder);
  return length > 0 && length < 100 && mkdtemp(kernel_files) ? 0 : -1;
}

static int remove_kernel_files(void **state) {
  char command[1300];
  (void)state;
  snprintf(command, sizeof command, "rm -rf '%s'", kernel_files);
  return system(command);
}

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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_share_is_a_number_however_it_ends, make_kernel_files, remove_kernel_files),
      cmocka_unit_test_setup_teardown(the_worst_line_counts_in_any_order, make_kernel_files, remove_kernel_files),
      cmocka_unit_test_setup_teardown(only_the_beginning_of_a_long_file_is_read, make_kernel_files,
                                      remove_kernel_files),
      cmocka_unit_test_setup_teardown(paths_too_long_are_not_read, make_kernel_files, remove_kernel_files),
      cmocka_unit_test_setup_teardown(a_process_of_no_control_group_has_the_machines_pressure_alone, make_kernel_files,
                                      remove_kernel_files),
      cmocka_unit_test_setup_teardown(a_limit_counts_when_it_and_the_use_are_numbers, make_kernel_files,
                                      remove_kernel_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
