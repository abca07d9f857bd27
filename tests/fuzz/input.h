/* input.h: the bytes that a fuzzer takes its decisions from; when they are used up, 0. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

static const uint8_t *input;
static size_t input_left;

static unsigned byte(void) {
  if (!input_left) return 0;
  input_left--;
  return *input++;
}

#ifdef __cplusplus
extern "C"
#endif
    int
    LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
