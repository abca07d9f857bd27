/* The kernel's files of memory pressure are read from a folder of the test's own. Include it before the implementation. */
#ifndef TESTS_KERNEL_FILES_H
#define TESTS_KERNEL_FILES_H

#include <sys/stat.h>

/* That folder, and room for a name that is too long; empty: the machine's own files. */
static char kernel_files[1200];
#define OBJPOOL__PRESSURE_ROOT kernel_files

static inline void put_file(const char *path, const char *text) {
  char whole[2048];
  FILE *file;
  snprintf(whole, sizeof whole, "%s%s", kernel_files, path);
  for (size_t i = strlen(kernel_files) + 1; whole[i]; i++) {
    if (whole[i] != '/') continue;
    whole[i] = 0;
    if (mkdir(whole, 0700) != 0) CHECK(errno == EEXIST);
    whole[i] = '/';
  }
  file = fopen(whole, "w");
  CHECK(file);
  CHECK(fputs(text, file) >= 0);
  CHECK(fclose(file) == 0);
}

static inline int make_kernel_files(void **state) {
  const char *folder = getenv("TMPDIR");
  (void)state;
  if (!folder || !*folder) folder = "/tmp";
  int length = snprintf(kernel_files, sizeof kernel_files, "%s/objpool_pressure_XXXXXX", folder);
  return length > 0 && length < 200 && mkdtemp(kernel_files) ? 0 : -1;
}

static inline int remove_kernel_files(void **state) {
  char command[sizeof kernel_files + 20];
  (void)state;
  snprintf(command, sizeof command, "rm -rf '%s'", kernel_files);
  kernel_files[0] = 0;
  return system(command);
}

#endif
