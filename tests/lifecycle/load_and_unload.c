/* load_and_unload: a library that holds pools is loaded, used by two threads, and unloaded, again and again. One of the
 * threads ends before the library goes, the other only after: it must not run into code that is no longer there. A key
 * of thread-local storage left behind would be missed after some thousand rounds, memory left behind shows in the end.
 *
 * load_and_unload PLUGIN [ROUNDS] */
#include "lifecycle.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>

typedef void (*open_function)(void);
typedef void (*use_function)(int count);

static use_function use;
static sem_t used, unloaded;

static void *leaves_first(void *unused) {
  use(10);
  return unused;
}

static void *leaves_last(void *unused) {
  use(10);
  REQUIRE(sem_post(&used) == 0);
  while (sem_wait(&unloaded) != 0) REQUIRE(errno == EINTR);
  return unused; /* its thread-exit destructors run now */
}

static void *symbol(void *library, const char *name) {
  void *address = dlsym(library, name);
  if (!address) fprintf(stderr, "%s\n", dlerror());
  REQUIRE(address);
  return address;
}

int main(int argument_count, char **argument) {
  REQUIRE(argument_count >= 2);
  long rounds = count_from(argument_count - 1, argument + 1, 10000), settled = 0;
  REQUIRE(sem_init(&used, 0, 0) == 0 && sem_init(&unloaded, 0, 0) == 0);
  for (long round = 0; round < rounds; round++) {
    pthread_t first, last;
    open_function open, close;
    void *library = dlopen(argument[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) fprintf(stderr, "round %ld: %s\n", round, dlerror());
    REQUIRE(library);
    /* POSIX says that what dlsym returns may be copied so, and ISO C that a cast is not the way */
    void *address[3] = {symbol(library, "plugin_open"), symbol(library, "plugin_use"), symbol(library, "plugin_close")};
    memcpy(&open, &address[0], sizeof open);
    memcpy(&use, &address[1], sizeof use);
    memcpy(&close, &address[2], sizeof close);
    open();
    REQUIRE(pthread_create(&first, NULL, leaves_first, NULL) == 0);
    REQUIRE(pthread_create(&last, NULL, leaves_last, NULL) == 0);
    use(10);
    REQUIRE(pthread_join(first, NULL) == 0);
    while (sem_wait(&used) != 0) REQUIRE(errno == EINTR);
    close();
    REQUIRE(dlclose(library) == 0);
    REQUIRE(!dlopen(argument[1], RTLD_NOW | RTLD_NOLOAD)); /* it is gone indeed */
    REQUIRE(sem_post(&unloaded) == 0);
    REQUIRE(pthread_join(last, NULL) == 0);
    if (round == rounds / 10) settled = resident_kib();
  }
  long grown = resident_kib() - settled;
  printf("%ld rounds of load, use by 3 threads, unload; resident memory grew by %ld KiB after the first tenth\n",
         rounds, grown);
  REQUIRE(grown < 256);
  return 0;
}
