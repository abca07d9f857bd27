/* Filters of system calls, for a process that means to end with them. Linux; a filter knows calls by this machine's numbers. */
#ifndef TESTS_SANDBOX_H
#define TESTS_SANDBOX_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SANDBOX_MOST = 8 };

static inline struct sock_filter sandbox_rule(unsigned code, unsigned operand, unsigned over_if_equal) {
  struct sock_filter rule;
  rule.code = (unsigned short)code;
  rule.jt = (unsigned char)over_if_equal;
  rule.jf = 0;
  rule.k = operand;
  return rule;
}

/* From here on those system calls end as `named` says, all others as `others` (SECCOMP_RET_...), in this thread and those that it
   starts, or with the flag SECCOMP_FILTER_FLAG_TSYNC in all threads. False: there are no filters here. */
static inline bool filter_system_calls(const long *calls, unsigned count, unsigned named, unsigned others,
                                       unsigned flags) {
  struct sock_filter rules[SANDBOX_MOST + 3];
  struct sock_fprog program;
  unsigned i;
  if (count > SANDBOX_MOST) return false;
  rules[0] = sandbox_rule(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0);
  for (i = 0; i < count; i++) /* over what is left of them, and the rule for others */
    rules[1 + i] = sandbox_rule(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], count - i);
  rules[1 + count] = sandbox_rule(BPF_RET | BPF_K, others, 0);
  rules[2 + count] = sandbox_rule(BPF_RET | BPF_K, named, 0);
  program.len = (unsigned short)(count + 3);
  program.filter = rules;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0;
}

/* From here on any system call of this thread but those ends the process by SIGSYS; where there are no filters, it exits with 77. */
static inline void forbid_system_calls_but(const long *calls, unsigned count) {
  if (!filter_system_calls(calls, count, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, 0)) _exit(77);
}

/* But the last one. */
static inline void forbid_system_calls(void) {
  const long last = SYS_exit_group;
  forbid_system_calls_but(&last, 1);
}

/* From here on membarrier fails with this errno. */
static inline bool refuse_membarrier(int error) {
  const long refused = SYS_membarrier;
  return filter_system_calls(&refused, 1, SECCOMP_RET_ERRNO | (unsigned)error, SECCOMP_RET_ALLOW, 0);
}

#endif
