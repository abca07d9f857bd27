/* HTTP clients, pooled: libcurl's easy handles keep their connections, so a handle reused is a connection reused; the
 * server counts them. A reset wipes what the last request set, and keeps the connection. */
/* build: cc -std=c11 -O2 -pthread -I.. http_clients.c -o http_clients -lcurl */
/* run: ./with_nginx ./http_clients [requests [threads [clients]]] */
#include "common.h"
#include <curl/curl.h> /* Debian: libcurl4-openssl-dev */
#include <stdatomic.h>

/* >>client: what the pool holds **************************************************************** */

struct client {
  CURL *easy;
  struct buffer body; /* of the last answer; keeps its room from request to request */
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

/* Asks for one item; every third request posts, with a header and a body. The server answers with what it was asked,
 * so that an answer to another request shows, and so does a header or method left over from the request before. */
static CURLcode request(struct client *client, const struct work *work, size_t id, bool *right) {
  char url[300], header[64], expected[300];
  bool post = id % 3 == 0;
  snprintf(url, sizeof url, "%s/item/%s/%zu", work->url, work->kind, id);
  snprintf(header, sizeof header, "X-Marker: %zu", id);
  struct curl_slist *headers = NULL;
  curl_easy_setopt(client->easy, CURLOPT_URL, url);
  if (post) {
    headers = curl_slist_append(NULL, header);
    if (!headers) return CURLE_OUT_OF_MEMORY;
    curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, "a body");
    snprintf(expected, sizeof expected, "POST /item/%s/%zu %zu\n", work->kind, id, id);
  } else {
    snprintf(expected, sizeof expected, "GET /item/%s/%zu \n", work->kind, id);
  }
  CURLcode code = curl_easy_perform(client->easy);
  long status = 0;
  curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL); /* libcurl does not copy the list */
  curl_slist_free_all(headers);
  *right = status == 200 && client->body.length == strlen(expected) &&
           memcmp(client->body.bytes, expected, client->body.length) == 0;
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
  size_t between = accepted(url);
  struct work afresh = {.url = url, .kind = "afresh", .requests = requests};
  int64_t afresh_ns = run_threads(clients, ask_afresh, &afresh);
  size_t after = accepted(url);

  /* the last of each pair of counts has counted its own connection */
  size_t pooled_connections = between - before - 1, afresh_connections = after - between - 1;
  objpool_stats stats = client_pool_stats(&pool);
  printf("with the pool: %.0f requests a second, %zu connections\n", per_second(requests, pooled_ns),
         pooled_connections);
  printf("a client each time: %.0f requests a second, %zu connections\n", per_second(requests, afresh_ns),
         afresh_connections);
  printf("speed-up: %.1f times\n", (double)afresh_ns / (double)pooled_ns);
  check(pooled.right == requests, "%zu answers right with the pool, %zu wrong", pooled.right, pooled.wrong);
  check(afresh.right == requests, "%zu answers right without, %zu wrong", afresh.right, afresh.wrong);
  check(pooled_connections > 0 && pooled_connections <= clients, "%zu connections with the pool, as the server counts",
        pooled_connections);
  check(afresh_connections == requests, "%zu connections without, as the server counts", afresh_connections);
  check(stats.created <= clients && stats.in_use == 0, "%llu clients made, %llu still in use",
        (unsigned long long)stats.created, (unsigned long long)stats.in_use);

  client_pool_destroy(&pool);
  curl_global_cleanup();
  return checks_result();
}
