// A C++20 coroutine that is resumed by another thread works with what that thread has; a guard that it holds over co_await gives
// back there.
// build: c++ -std=c++20 -O2 -pthread -I../../.. coroutine.cpp
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include <coroutine>
#include <cstdio>
#include <exception>
#include <thread>

struct item {
  int n;
};
OBJPOOL_DEFINE(item_pool, item);

struct task {
  struct promise_type {
    task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

static item_pool pool;
static item *of_first, *of_second, *after_move, *held;

static task use() {
  of_first = item_pool_acquire(&pool);
  item_pool_release(&pool, of_first);
  co_await std::suspend_always{};
  after_move = item_pool_acquire(&pool);
  item_pool_release(&pool, after_move);
  OBJPOOL_WITH(item_pool, guarded, &pool) {
    held = guarded;
    co_await std::suspend_always{};
    guarded->n++;
  }
}

int main() {
  item *of_third = nullptr, *again = nullptr;
  task coroutine = use();
  std::thread([&] {
    of_second = item_pool_acquire(&pool);
    item_pool_release(&pool, of_second);
    coroutine.handle.resume();
  }).join();
  std::thread([&] {
    of_third = item_pool_acquire(&pool);
    coroutine.handle.resume(); // gives back what the second thread had
    again = item_pool_acquire(&pool);
    item_pool_release(&pool, again);
    item_pool_release(&pool, of_third);
  }).join();
  bool done = coroutine.handle.done();
  coroutine.handle.destroy();
  objpool_stats stats = item_pool_stats(&pool);
  item_pool_destroy(&pool);
  if (of_first == of_second) std::printf("threads have no caches here; ");
  if (after_move != of_second) return std::puts("not so: after a move it acquires from the cache of its new thread"), 1;
  if (again != held) return std::puts("not so: after a move it gives back to the cache of its new thread"), 1;
  if (!done || stats.in_use != 0 || stats.acquires != stats.releases) return std::puts("not so: the counts add up"), 1;
  return std::puts("as promised"), 0;
}
