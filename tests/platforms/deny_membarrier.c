/* usage: deny_membarrier PROGRAM [ARGUMENT...]
   Runs the program where membarrier() fails with ENOSYS, as on old kernels and in some emulators. */
#include "../sandbox.h"
#include <stdio.h>

int main(int argument_count, char **arguments) {
  if (argument_count < 2) {
    fprintf(stderr, "usage: %s PROGRAM [ARGUMENT...]\n", arguments[0]);
    return 2;
  }
  if (!refuse_membarrier(ENOSYS)) {
    perror("seccomp");
    return 77;
  }
  if (syscall(SYS_membarrier, 0, 0, 0) != -1 || errno != ENOSYS) {
    fprintf(stderr, "membarrier is not denied\n");
    return 2;
  }
  execvp(arguments[1], arguments + 1);
  perror(arguments[1]);
  return 2;
}
