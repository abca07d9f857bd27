/* fork_handlers: a program registers fork handlers first, and then loads a library that holds the implementation and its
 * pools. The handlers use those pools, while the library's own hold every lock; parent and child go on using them.
 *
 * fork_handlers PLUGIN [FORKS] */
#include "lifecycle.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void (*open_function)(void);
typedef void (*use_function)(int count);

static use_function use;
static long prepared, went_on;

static void use_in_prepare(void) {
  if (use) use(10);
  prepared++;
}
static void use_in_parent(void) {
  if (use) use(10);
  went_on++;
}
static void use_in_child(void) {
  alarm(60); /* a child inherits none */
  if (use) use(10);
  went_on++;
}

static void *use_in_a_thread(void *unused) {
  use(10);
  return unused;
}

static void *symbol(void *library, const char *name) {
  void *address = dlsym(library, name);
  if (!address) fprintf(stderr, "%s\n", dlerror());
  REQUIRE(address);
  return address;
}

int main(int argument_count, char **argument) {
  REQUIRE(argument_count >= 2);
  long forks = count_from(argument_count - 1, argument + 1, 100);
  pthread_t thread;
  open_function open, close;
  REQUIRE(pthread_atfork(use_in_prepare, use_in_parent, use_in_child) == 0);
  void *library = dlopen(argument[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) fprintf(stderr, "%s\n", dlerror());
  REQUIRE(library);
  void *address[3] = {symbol(library, "plugin_open"), symbol(library, "plugin_use"), symbol(library, "plugin_close")};
  memcpy(&open, &address[0], sizeof open);
  memcpy(&use, &address[1], sizeof use);
  memcpy(&close, &address[2], sizeof close);
  open();
  for (long i = 1; i <= forks; i++) {
    int status = 0;
    alarm(60); /* for a handler that hangs */
    pid_t child = fork();
    REQUIRE(child >= 0);
    REQUIRE(prepared == i && went_on == i);
    use(10);
    if (child == 0) {
      close(); /* which wants nothing in use */
      _exit(0);
    }
    REQUIRE(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    REQUIRE(pthread_create(&thread, NULL, use_in_a_thread, NULL) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
  }
  alarm(0);
  close();
  use = NULL;
  REQUIRE(dlclose(library) == 0);
  printf("%ld forks with handlers that stood before the library was loaded\n", forks);
  return 0;
}
