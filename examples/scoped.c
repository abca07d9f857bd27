/* Guards: an object goes back to its pool on every way out of a scope, unless it was handed on.
 * Each function below is one way a guard can end.
 *
 * build: cc -std=c11 -O2 -pthread -I.. scoped.c -o scoped
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

struct message {
  size_t length;
  char text[120];
};

static void message_empty(struct message *message, void *context) {
  (void)context;
  message->length = 0;
}

OBJPOOL_DEFINE(message_pool, struct message, opt.reset = message_empty);

static message_pool pool; /* all-zero: a pool with default settings, no init needed */

static bool message_append(struct message *message, const char *text) {
  size_t length = strlen(text);
  if (length >= sizeof message->text - message->length) return false;
  memcpy(message->text + message->length, text, length + 1);
  message->length += length;
  return true;
}

static void show(const char *what) {
  objpool_stats stats = message_pool_stats(&pool);
  printf("%-44s in use %llu, idle %llu\n", what, (unsigned long long)stats.in_use, (unsigned long long)stats.idle);
}

/* Three returns and no release: the guard does it on each of them. */
static int greet(const char *name) {
  OBJPOOL_SCOPED(message_pool) guard = message_pool_guard_acquire(&pool);
  if (!guard.object) return -1;
  if (!message_append(guard.object, "hello, ")) return -1;
  if (!message_append(guard.object, name)) return -1;
  return printf("%s\n", guard.object->text) < 0 ? -1 : 0;
}

/* Hands the guard on to the caller. A plain "return guard;" would give the message back first. */
static message_pool_guard compose(const char *text) {
  OBJPOOL_SCOPED(message_pool) guard = message_pool_guard_acquire(&pool);
  if (guard.object && !message_append(guard.object, text)) message_pool_guard_release(&guard);
  return message_pool_guard_move(&guard);
}

/* A guard may be a member: whoever owns the envelope owns the message. */
struct envelope {
  int recipient;
  message_pool_guard message;
};

static bool seal(struct envelope *envelope, int recipient, const char *text) {
  OBJPOOL_SCOPED(message_pool) guard = compose(text);
  if (!guard.object) return false;
  envelope->recipient = recipient;
  envelope->message = message_pool_guard_move(&guard);
  return true;
}

/* Takes the object out of its guard: from here on it is released by hand. */
static struct message *compose_by_hand(const char *text) {
  OBJPOOL_SCOPED(message_pool) guard = compose(text);
  return guard.object ? message_pool_guard_take(&guard) : NULL;
}

int main(void) {
  if (greet("world") != 0) return EXIT_FAILURE;
  show("after an early return");

  char longer[200];
  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  if (greet(longer) == 0) return EXIT_FAILURE;
  show("after a refused message");

  struct envelope envelope;
  if (!seal(&envelope, 7, "to whom it may concern")) return EXIT_FAILURE;
  show("a guard as a member of a struct");
  printf("for %d: %s\n", envelope.recipient, message_pool_guard_ref(&envelope.message)->text);
  message_pool_guard_release(&envelope.message);
  message_pool_guard_release(&envelope.message); /* a guard that is empty already: harmless */
  show("released early");

  struct message *message = compose_by_hand("mine until I release it");
  if (!message) return EXIT_FAILURE;
  show("taken out of its guard");
  message_pool_release(&pool, message);

  for (int attempt = 1; attempt <= 3; attempt++) {
    OBJPOOL_SCOPED(message_pool) guard = message_pool_guard_acquire(&pool);
    if (!guard.object) return EXIT_FAILURE;
    if (attempt == 2) break; /* leaves the scope: released */
  }
  show("after break");

  OBJPOOL_WITH(message_pool, broken, &pool) {
    (void)message_append(broken, "this one went bad");
  } else {
    return EXIT_FAILURE;
  }
  OBJPOOL_SCOPED(message_pool) guard = message_pool_guard_acquire(&pool);
  if (!guard.object) return EXIT_FAILURE;
  message_pool_guard_discard(&guard); /* a broken object does not go back: it is destroyed */
  show("discarded");

  message_pool_destroy(&pool);
  return EXIT_SUCCESS;
}
