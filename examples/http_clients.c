/* HTTP clients, pooled: libcurl's easy handles keep their connections, so a handle reused is a connection reused; the
 * server counts them. A reset wipes what the last request set, and keeps the connection. First many threads share them, then the
 * requests of one thread's event loop (libuv, curl's multi interface), which stand in the pool's line when all are out. */
/* build: cc -std=c11 -O2 -pthread -I.. http_clients.c -o http_clients -lcurl -luv */
/* run: ./with_nginx ./http_clients [requests [threads [clients]]] */
#include "common.h"
#include <curl/curl.h> /* Debian: libcurl4-openssl-dev */
#include <stdatomic.h>
#include <uv.h> /* Debian: libuv1-dev */

/* >>client: what the pool holds **************************************************************** */

struct client {
  CURL *easy;
  struct buffer body;         /* of the last answer; keeps its room from request to request */
  struct curl_slist *headers; /* of this request */
  char expected[300];         /* its answer */
};

static size_t receive(char *bytes, size_t size, size_t count, void *user) {
  struct client *client = user;
  return buffer_append(&client->body, bytes, size * count) ? size * count : 0; /* 0: libcurl gives up the transfer */
}

/* What every request of this program wants; the rest each request sets for itself. */
static void client_prepare(struct client *client) {
  curl_easy_setopt(client->easy, CURLOPT_NOSIGNAL, 1L); /* threads and SIGALRM do not mix */
  curl_easy_setopt(client->easy, CURLOPT_TIMEOUT_MS, 30000L);
  curl_easy_setopt(client->easy, CURLOPT_PROXY, ""); /* none, whatever the environment says */
  curl_easy_setopt(client->easy, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(client->easy, CURLOPT_WRITEDATA, client);
}

static bool client_create(struct client *client, void *context) {
  (void)context;
  client->easy = curl_easy_init();
  if (!client->easy) return false;
  client_prepare(client);
  return true;
}

/* On every release: forgets method, headers and URL, keeps connections and known addresses. */
static void client_reset(struct client *client, void *context) {
  (void)context;
  curl_easy_reset(client->easy);
  client_prepare(client);
  client->body.length = 0;
}

static void client_destroy(struct client *client, void *context) {
  (void)context;
  curl_easy_cleanup(client->easy);
  buffer_free(&client->body);
}

#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

OBJPOOL_DEFINE(client_pool, struct client,
               opt.create = client_create,
               opt.reset = client_reset,
               opt.destroy = client_destroy);

static client_pool pool;

/* >>requests *********************************************************************************** */

struct work {
  const char *url;
  const char *kind; /* a part of the path, so that the server's log tells them apart */
  atomic_size_t next;
  size_t requests;
  atomic_size_t right, wrong;
};

/* A request for one item; every third posts, with a header and a body. The server answers with what it was asked,
 * so that an answer to another request shows, and so does a header or method left over from the request before. */
static bool request_prepare(struct client *client, const struct work *work, size_t id) {
  char url[300], header[64];
  snprintf(url, sizeof url, "%s/item/%s/%zu", work->url, work->kind, id);
  snprintf(header, sizeof header, "X-Marker: %zu", id);
  curl_easy_setopt(client->easy, CURLOPT_URL, url);
  if (id % 3 == 0) {
    client->headers = curl_slist_append(NULL, header);
    if (!client->headers) return false;
    curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, "a body");
    snprintf(client->expected, sizeof client->expected, "POST /item/%s/%zu %zu\n", work->kind, id, id);
  } else {
    snprintf(client->expected, sizeof client->expected, "GET /item/%s/%zu \n", work->kind, id);
  }
  return true;
}

/* Is it the answer that was asked for? */
static bool request_finish(struct client *client) {
  long status = 0;
  curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL); /* libcurl does not copy the list */
  curl_slist_free_all(client->headers);
  client->headers = NULL;
  return status == 200 && client->body.length == strlen(client->expected) &&
         memcmp(client->body.bytes, client->expected, client->body.length) == 0;
}

static CURLcode request(struct client *client, const struct work *work, size_t id, bool *right) {
  if (!request_prepare(client, work, id)) return CURLE_OUT_OF_MEMORY;
  CURLcode code = curl_easy_perform(client->easy);
  *right = request_finish(client);
  return code;
}

static void *ask_pooled(void *argument) {
  struct work *work = argument;
  for (size_t id; (id = atomic_fetch_add(&work->next, 1)) < work->requests;) {
    OBJPOOL_SCOPED(client_pool) guard = client_pool_guard_acquire_for(&pool, 60 * SECONDS);
    if (!guard.object) fail("no client: %s", strerror(errno));
    bool right = false;
    CURLcode code = request(guard.object, work, id, &right);
    if (code != CURLE_OK) {
      fprintf(stderr, "request %zu: %s\n", id, curl_easy_strerror(code));
      client_pool_guard_discard(&guard); /* its connection may be half-way through an answer */
    }
    atomic_fetch_add(right ? &work->right : &work->wrong, 1);
  }
  return NULL;
}

/* The same, as one does without a pool. */
static void *ask_afresh(void *argument) {
  struct work *work = argument;
  for (size_t id; (id = atomic_fetch_add(&work->next, 1)) < work->requests;) {
    struct client client = {0};
    if (!client_create(&client, NULL)) fail("curl_easy_init");
    bool right = false;
    CURLcode code = request(&client, work, id, &right);
    if (code != CURLE_OK) fail("request %zu: %s", id, curl_easy_strerror(code));
    atomic_fetch_add(right ? &work->right : &work->wrong, 1);
    client_destroy(&client, NULL);
  }
  return NULL;
}

/* >>loop: the same in one thread; curl says which sockets it waits for, libuv when they are ready ************* */

enum { AT_ONCE = 64 };

/* A request that is under way. When it is answered, the next number takes its place. */
struct task {
  client_pool_waiter waiter;
  struct client *client;
  size_t id;
};

static struct reactor {
  uv_loop_t uv;
  uv_async_t wake; /* something is due for `waiters` */
  uv_prepare_t before_sleep;
  uv_timer_t waiters_due, transfers_due;
  CURLM *multi; /* has the connections, also those between two requests */
  objpool_loop waiters;
  struct work *work;
  struct task tasks[AT_ONCE];
  size_t under_way;
} reactor;

static void task_served(client_pool_waiter *waiter, struct client *client, int error) {
  struct task *task = waiter->user;
  if (!client) fail("no client: %s", strerror(error));
  if (!request_prepare(client, reactor.work, task->id)) fail("out of memory");
  task->client = client;
  curl_easy_setopt(client->easy, CURLOPT_PRIVATE, task);
  if (curl_multi_add_handle(reactor.multi, client->easy)) fail("curl_multi_add_handle");
}

/* Takes the next number, if there is one. */
static void task_begin(struct task *task) {
  task->id = atomic_fetch_add(&reactor.work->next, 1);
  if (task->id >= reactor.work->requests) return;
  reactor.under_way++;
  task->waiter.user = task;
  struct client *client = client_pool_acquire_async(&pool, &task->waiter, &reactor.waiters, 60 * SECONDS, task_served);
  if (client || errno != EINPROGRESS) task_served(&task->waiter, client, errno);
}

static void end_transfers(void) {
  CURLMsg *message;
  for (int left; (message = curl_multi_info_read(reactor.multi, &left));) {
    struct task *task;
    CURL *easy = message->easy_handle;
    CURLcode code = message->data.result; /* the message ends with the next call */
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &task);
    curl_multi_remove_handle(reactor.multi, easy);
    bool right = request_finish(task->client) && code == CURLE_OK;
    if (code != CURLE_OK) fprintf(stderr, "request %zu: %s\n", task->id, curl_easy_strerror(code));
    (code == CURLE_OK ? client_pool_release : client_pool_discard)(&pool, task->client);
    atomic_fetch_add(right ? &reactor.work->right : &reactor.work->wrong, 1);
    reactor.under_way--;
    task_begin(task);
  }
  if (reactor.under_way == 0) uv_stop(&reactor.uv);
}

/* What curl wants to be told: a socket is ready, or a time is up. */
static void go_on(curl_socket_t socket, int ready) {
  int running;
  if (curl_multi_socket_action(reactor.multi, socket, ready, &running)) fail("curl_multi_socket_action");
  end_transfers();
}

static void on_socket(uv_poll_t *poll, int status, int ready) {
  uv_os_fd_t socket;
  if (uv_fileno((uv_handle_t *)poll, &socket)) fail("uv_fileno");
  go_on(socket, status < 0
                    ? CURL_CSELECT_ERR
                    : (ready & UV_READABLE ? CURL_CSELECT_IN : 0) | (ready & UV_WRITABLE ? CURL_CSELECT_OUT : 0));
}

static void free_handle(uv_handle_t *handle) { free(handle); }

static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *known) {
  uv_poll_t *poll = known;
  (void)easy, (void)user;
  if (what == CURL_POLL_REMOVE) {
    if (poll) uv_close((uv_handle_t *)poll, free_handle);
    return curl_multi_assign(reactor.multi, socket, NULL) ? -1 : 0;
  }
  if (!poll) {
    poll = malloc(sizeof *poll);
    if (!poll || uv_poll_init_socket(&reactor.uv, poll, socket)) fail("uv_poll_init_socket");
    if (curl_multi_assign(reactor.multi, socket, poll)) fail("curl_multi_assign");
  }
  return uv_poll_start(poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                       on_socket);
}

static void on_transfers_due(uv_timer_t *timer) { (void)timer, go_on(CURL_SOCKET_TIMEOUT, 0); }

static int set_timer(CURLM *multi, long milliseconds, void *user) {
  (void)multi, (void)user;
  return milliseconds < 0 ? uv_timer_stop(&reactor.transfers_due)
                          : uv_timer_start(&reactor.transfers_due, on_transfers_due, (uint64_t)milliseconds, 0);
}

/* The pool's side: it wakes the loop, which then tells those whose turn it is; and the loop wakes for who has waited too long. */
static void on_wake(uv_async_t *wake) { (void)wake, (void)objpool_loop_run(&reactor.waiters, SIZE_MAX); }

static void on_waiters_due(uv_timer_t *timer) { (void)timer, (void)objpool_loop_run(&reactor.waiters, SIZE_MAX); }

static void wake_loop(void *wake) { uv_async_send(wake); }

static void on_sleep(uv_prepare_t *prepare) {
  (void)prepare;
  int64_t next_ns = objpool_loop_next_ns(&reactor.waiters);
  if (next_ns < 0)
    uv_timer_stop(&reactor.waiters_due);
  else
    uv_timer_start(&reactor.waiters_due, on_waiters_due, (uint64_t)(next_ns / MILLISECONDS) + 1, 0);
}

static void close_handle(uv_handle_t *handle, void *user) {
  (void)user;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static int64_t ask_in_loop(struct work *work) {
  reactor.work = work;
  reactor.multi = curl_multi_init();
  if (!reactor.multi || uv_loop_init(&reactor.uv) || uv_async_init(&reactor.uv, &reactor.wake, on_wake) ||
      uv_prepare_init(&reactor.uv, &reactor.before_sleep) || uv_prepare_start(&reactor.before_sleep, on_sleep) ||
      uv_timer_init(&reactor.uv, &reactor.waiters_due) || uv_timer_init(&reactor.uv, &reactor.transfers_due) ||
      !objpool_loop_init(&reactor.waiters, wake_loop, &reactor.wake)) {
    fail("no loop");
  }
  curl_multi_setopt(reactor.multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
  curl_multi_setopt(reactor.multi, CURLMOPT_TIMERFUNCTION, set_timer);
  int64_t start_ns = now_ns();
  for (size_t i = 0; i < AT_ONCE; i++) task_begin(&reactor.tasks[i]);
  if (reactor.under_way > 0) uv_run(&reactor.uv, UV_RUN_DEFAULT);
  int64_t duration_ns = now_ns() - start_ns;
  objpool_loop_destroy(&reactor.waiters);
  curl_multi_cleanup(reactor.multi);
  uv_walk(&reactor.uv, close_handle, NULL);
  uv_run(&reactor.uv, UV_RUN_DEFAULT);
  if (uv_loop_close(&reactor.uv)) fail("the loop is still in use");
  return duration_ns;
}

/* The number of connections the server has ever accepted, this one included. */
static size_t accepted(const char *url) {
  struct client client = {0};
  char status[300];
  snprintf(status, sizeof status, "%s/status", url);
  if (!client_create(&client, NULL)) fail("curl_easy_init");
  curl_easy_setopt(client.easy, CURLOPT_URL, status);
  CURLcode code = curl_easy_perform(client.easy);
  if (code != CURLE_OK) skip("no web server at %s, try ./with_nginx: %s", url, curl_easy_strerror(code));
  if (!buffer_append(&client.body, "", 1)) fail("out of memory");
  /* "server accepts handled requests\n 5 5 5 \n" */
  const char *numbers = strstr(client.body.bytes, "requests\n");
  if (!numbers) fail("%s does not speak nginx's stub_status", status);
  size_t count = strtoul(numbers + strlen("requests\n"), NULL, 10);
  client_destroy(&client, NULL);
  return count;
}

int main(int argc, char **argv) {
  help_argument(argc, argv,
                "usage: http_clients [REQUESTS [THREADS [CLIENTS]]]   [10000 16 4]\n"
                "HTTP_URL names the server; ./with_nginx starts one: ./with_nginx ./http_clients");
  size_t requests = number_argument(argc, argv, 1, "requests", 10000);
  size_t threads = number_argument(argc, argv, 2, "threads", 16);
  size_t clients = number_argument(argc, argv, 3, "clients", 4);
  const char *url = getenv("HTTP_URL");
  if (!url) skip("no web server here (HTTP_URL is not set), try ./with_nginx %s", argv[0]);

  if (curl_global_init(CURL_GLOBAL_DEFAULT)) fail("curl_global_init");
  objpool_config config = {.max_objects = clients};
  if (!client_pool_init(&pool, &config)) fail("pool: %s", strerror(errno));

  size_t before = accepted(url);
  printf("libcurl %s: %zu requests, %zu threads, %zu clients\n", curl_version_info(CURLVERSION_NOW)->version, requests,
         threads, clients);

  struct work pooled = {.url = url, .kind = "pooled", .requests = requests};
  int64_t pooled_ns = run_threads(threads, ask_pooled, &pooled);
  size_t middle = accepted(url);
  struct work looped = {.url = url, .kind = "looped", .requests = requests};
  int64_t looped_ns = ask_in_loop(&looped);
  size_t between = accepted(url);
  struct work afresh = {.url = url, .kind = "afresh", .requests = requests};
  int64_t afresh_ns = run_threads(clients, ask_afresh, &afresh);
  size_t after = accepted(url);

  /* the last of each pair of counts has counted its own connection */
  size_t pooled_connections = middle - before - 1, looped_connections = between - middle - 1;
  size_t afresh_connections = after - between - 1;
  objpool_stats stats = client_pool_stats(&pool);
  printf("with the pool: %.0f requests a second, %zu connections\n", per_second(requests, pooled_ns),
         pooled_connections);
  printf("in one thread: %.0f requests a second, %zu connections\n", per_second(requests, looped_ns),
         looped_connections);
  printf("a client each time: %.0f requests a second, %zu connections\n", per_second(requests, afresh_ns),
         afresh_connections);
  printf("speed-up: %.1f times\n", (double)afresh_ns / (double)pooled_ns);
  check(pooled.right == requests, "%zu answers right with the pool, %zu wrong", pooled.right, pooled.wrong);
  check(looped.right == requests, "%zu answers right in one thread, %zu wrong", looped.right, looped.wrong);
  check(afresh.right == requests, "%zu answers right without, %zu wrong", afresh.right, afresh.wrong);
  check(pooled_connections > 0 && pooled_connections <= clients, "%zu connections with the pool, as the server counts",
        pooled_connections);
  check(looped_connections > 0 && looped_connections <= clients, "%zu connections in one thread, as the server counts",
        looped_connections);
  check(afresh_connections == requests, "%zu connections without, as the server counts", afresh_connections);
  check(stats.created <= clients && stats.in_use == 0, "%llu clients made, %llu still in use",
        (unsigned long long)stats.created, (unsigned long long)stats.in_use);

  client_pool_destroy(&pool);
  curl_global_cleanup();
  return checks_result();
}
