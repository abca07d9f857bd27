/* Start here: packets. One thread receives and another one sends; the buffers go from hand to hand and come back to the pool where
 * they were used up. Any thread may release what any other acquired; the limit bounds the memory, whoever is slow.
 *
 * build: cc -std=c11 -O2 -pthread -I.. start_packets.c -o start_packets
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct packet {
  struct packet *next;
  size_t length;
  unsigned char bytes[2048]; /* not cleared between two uses: length says what is valid */
};
/** Packets: not cleared between two uses, length says what is valid. */
OBJPOOL_DEFINE(packet_pool, struct packet);
enum { PACKETS = 100000 };
static packet_pool pool;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static struct packet *first, **last = &first;

static void *receive(void *unused) {
  for (int i = 0; i < PACKETS; i++) {
    struct packet *packet = packet_pool_acquire_for(&pool, -1); /* waits while all 256 are on their way */
    if (!packet) return unused;                                 /* no memory for the first ones */
    packet->length = (size_t)snprintf((char *)packet->bytes, sizeof packet->bytes, "packet %d", i);
    packet->next = NULL;
    pthread_mutex_lock(&lock);
    *last = packet;
    last = &packet->next;
    pthread_cond_signal(&arrived);
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

int main(void) {
  if (!packet_pool_init(&pool, &(objpool_config){.name = "packets", .max_objects = 256})) return perror("packets"), 1;
  pthread_t receiver;
  if (pthread_create(&receiver, NULL, receive, NULL) != 0) return 1;
  size_t bytes = 0;
  for (int i = 0; i < PACKETS; i++) {
    pthread_mutex_lock(&lock);
    while (!first) pthread_cond_wait(&arrived, &lock);
    struct packet *packet = first;
    first = packet->next;
    if (!first) last = &first;
    pthread_mutex_unlock(&lock);
    bytes += packet->length; /* here it would be sent */
    packet_pool_release(&pool, packet);
  }
  pthread_join(receiver, NULL);
  printf("%d packets, %zu bytes, at most 256 buffers\n", PACKETS, bytes);
  packet_pool_destroy(&pool);
  return 0;
}
