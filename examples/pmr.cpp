// The standard library's containers with memory from a set of buffers: a std::pmr::memory_resource on OBJPOOL_SIZES.
// Requests are parsed into maps of strings and thrown away, by the set and by the global allocator: same results, times side by side.
//
// build: g++ -std=c++17 -O2 -pthread -I.. pmr.cpp -o pmr
// usage: pmr [REQUESTS]
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory_resource>
#include <new>
#include <string>

OBJPOOL_SIZES(buffers, 64, 128, 256, 512, 1024, 4096, 16384);

// The resource does not say on deallocation what class a buffer was of: its capacity stands in front of what is handed out.
class buffer_resource : public std::pmr::memory_resource {
  buffers *set;
  static constexpr std::size_t before = alignof(std::max_align_t);

  void *do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (alignment > before) return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    if (bytes > SIZE_MAX - before) throw std::bad_alloc();
    objpool_buffer buffer = buffers_acquire(set, bytes + before);
    if (!buffer.bytes) throw std::bad_alloc();
    return new (buffer.bytes) std::size_t(buffer.capacity), buffer.bytes + before;
  }
  void do_deallocate(void *memory, std::size_t bytes, std::size_t alignment) override {
    if (alignment > before) return std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    char *begin = static_cast<char *>(memory) - before;
    buffers_release(set, objpool_buffer{begin, *std::launder(reinterpret_cast<std::size_t *>(begin))});
  }
  bool do_is_equal(const memory_resource &other) const noexcept override {
    const auto *same = dynamic_cast<const buffer_resource *>(&other);
    return same && same->set == set;
  }

public:
  explicit buffer_resource(buffers *from) : set(from) {}
};

static unsigned long parse(long requests, std::pmr::memory_resource *memory) {
  unsigned long sum = 0;
  for (long i = 0; i < requests; i++) {
    std::pmr::map<std::pmr::string, std::pmr::string> headers(memory);
    for (int field = 0; field < 12; field++) {
      std::pmr::string name("x-a-header-that-is-longer-than-a-short-string-", memory), value(memory);
      name += static_cast<char>('a' + field);
      value.assign(static_cast<std::size_t>(20 + (i * 7 + field * 31) % 300), 'v');
      headers.emplace(std::move(name), std::move(value));
    }
    for (const auto &[name, value] : headers) sum = sum * 31 + name.size() * value.size();
  }
  return sum;
}

static double seconds(long requests, std::pmr::memory_resource *memory, unsigned long *sum) {
  const auto begin = std::chrono::steady_clock::now();
  *sum = parse(requests, memory);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int main(int argc, char **argv) {
  if (argc > 1 && (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h"))) {
    std::puts("usage: pmr [REQUESTS]   [20000]");
    return 0;
  }
  static buffers set; // all-zero: ready for any thread
  buffer_resource pooled(&set);
  const long requests = argc > 1 ? std::atol(argv[1]) : 20000;
  unsigned long by_pool = 0, by_new = 0;
  const double pool_time = seconds(requests, &pooled, &by_pool);
  const double new_time = seconds(requests, std::pmr::new_delete_resource(), &by_new);
  const objpool_stats stats = buffers_stats(&set);
  std::printf("%ld requests of 12 headers: %.3f s by the set, %.3f s by new and delete\n", requests, pool_time, new_time);
  std::printf("%llu allocations by %llu buffers, %llu still in use\n", static_cast<unsigned long long>(stats.acquires),
              static_cast<unsigned long long>(stats.created), static_cast<unsigned long long>(stats.in_use));
  buffers_destroy(&set);
  if (by_pool != by_new || stats.in_use != 0) std::puts("the results differ, or something was kept");
  return by_pool == by_new && stats.in_use == 0 ? 0 : 1;
}
