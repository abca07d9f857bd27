// The program of start_module.cpp, and the implementation of objpool.h.
#include <cstdio>
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"
import sessions;

int main() {
  int sum = 0;
  for (int i = 0; i < 1000; i++) sum += greet("somebody");
  std::printf("%d, with %llu sessions\n", sum, built());
  return sum == 9000 ? 0 : 1;
}
