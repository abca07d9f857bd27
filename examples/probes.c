/* Events as probes: each event of a pool is a USDT probe (sys/sdt.h, a nop until someone looks), which bpftrace, perf,
 * SystemTap and gdb attach to while the program runs. Without sys/sdt.h it says so and ends.
 *
 * try:  bpftrace -e 'usdt:./probes:objpool:acquire { @held[arg1] = nsecs; }
 *                    usdt:./probes:objpool:release /@held[arg1]/ {
 *                      @ns = hist(nsecs - @held[arg1]); delete(@held[arg1]); }' -c ./probes
 *       readelf -n probes               the probes of the program
 *       gdb -ex 'info probes stap objpool' probes
 *
 * build: cc -std=c11 -O2 -pthread -I.. probes.c -o probes
 */
#include "common.h"

#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#endif
#endif

#ifdef DTRACE_PROBE3

#ifdef __clang__ /* the probes' own macros leave a variadic part empty */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct packet {
  unsigned length;
  unsigned char bytes[1500];
};

/* One probe per kind, so that a tool switches on only what it asks for.
   Arguments: the pool, the object (or NULL), the count. */
static void probe(const objpool_event *event, void *context) {
  (void)context;
  switch (event->kind) {
  case OBJPOOL_EVENT_ACQUIRE: DTRACE_PROBE3(objpool, acquire, event->pool, event->object, event->count); break;
  case OBJPOOL_EVENT_RELEASE: DTRACE_PROBE3(objpool, release, event->pool, event->object, event->count); break;
  case OBJPOOL_EVENT_CREATE: DTRACE_PROBE3(objpool, create, event->pool, event->object, event->count); break;
  case OBJPOOL_EVENT_DESTROY: DTRACE_PROBE3(objpool, destroy, event->pool, event->object, event->count); break;
  case OBJPOOL_EVENT_GROW: DTRACE_PROBE3(objpool, grow, event->pool, event->object, event->count); break;
  case OBJPOOL_EVENT_SHRINK: DTRACE_PROBE3(objpool, shrink, event->pool, event->object, event->count); break;
  case OBJPOOL_EVENT_CLEAR: DTRACE_PROBE3(objpool, clear, event->pool, event->object, event->count); break;
  case OBJPOOL_EVENT_RESIZE: DTRACE_PROBE3(objpool, resize, event->pool, event->object, event->count); break;
  case OBJPOOL_EVENT_EXHAUSTED: DTRACE_PROBE3(objpool, exhausted, event->pool, event->object, event->count); break;
  case OBJPOOL_EVENT_WAIT: DTRACE_PROBE3(objpool, wait, event->pool, event->object, event->count); break;
  case OBJPOOL_EVENT_EXTRACT: DTRACE_PROBE3(objpool, extract, event->pool, event->object, event->count); break;
  case OBJPOOL_EVENT_TIMEOUT: DTRACE_PROBE3(objpool, timeout, event->pool, event->object, event->count); break;
  }
}

OBJPOOL_DEFINE(packet_pool, struct packet, opt.on_event = probe);

static packet_pool packets;

static void *send_packets(void *unused) {
  (void)unused;
  for (int i = 0; i < 10000; i++) {
    struct packet *packet = packet_pool_acquire_for(&packets, 5 * SECONDS);
    if (!packet) fail("no packet: %s", strerror(errno));
    packet->length = (unsigned)i % 1500;
    memset(packet->bytes, i, packet->length);
    packet_pool_release(&packets, packet);
  }
  return NULL;
}

int main(void) {
  if (!packet_pool_init(&packets, &(objpool_config){.name = "packets", .max_objects = 3})) {
    fail("packet_pool_init: %s", strerror(errno));
  }
  run_threads(4, send_packets, NULL);
  objpool_stats stats = packet_pool_stats(&packets);
  printf("%llu packets sent from %llu buffers; each acquire and release passed a probe\n",
         (unsigned long long)stats.acquires, (unsigned long long)stats.created);
  packet_pool_destroy(&packets);
  return EXIT_SUCCESS;
}

#else

int main(void) { skip("no sys/sdt.h when this was built; Debian has it in systemtap-sdt-dev"); }

#endif
