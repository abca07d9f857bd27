# objpool.h is one file and needs no building; this runs what is around it. `make help` lists the targets.
# Variables: CC, CXX, CFLAGS, BUILD (a folder), FILES (for demo), FUZZ_SECONDS, PREFIX and DESTDIR (for install).

PREFIX  ?= /usr/local
BUILD   ?= build
FILES   ?=
FUZZ_SECONDS ?= 60

# tests use gcc and clang, or the one compiler that was asked for: make test CC=clang
ifneq ($(origin CC),default)
  export COMPILERS := $(CC)
endif
export CC CXX

examples := $(patsubst examples/%.c,$(BUILD)/examples/%,$(wildcard examples/*.c))
own_text  = $(wildcard README.md objpool.h Makefile examples/*.[ch] tests/* tests/*/* bench/*)
version   = $(shell awk '/define OBJPOOL_VERSION_(MAJOR|MINOR|PATCH) / { printf "%s%s", dot, $$3; dot = "." }' objpool.h)

.DELETE_ON_ERROR:
.PHONY: help demo test sanitize examples example-packages example-postgres example-http \
        bench bench-quick bench-instructions bench-scaling matrix fuzz mutate coverage stress install format clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' Makefile

demo: $(BUILD)/examples/word_count ## count the words of FILES="..." (or of this repository) with pools and with malloc
	@$(BUILD)/examples/word_count --compare $(if $(FILES),$(FILES),--seconds 2 $(filter %.c %.h %.md %.sh Makefile,$(own_text)))

test: ## build and run all tests; installs what is missing on Debian
	@tests/run

sanitize: ## run the tests under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer
	@tests/run --sanitize

examples: example-packages ## build all examples into build/examples; installs the libraries they use on Debian
	@$(MAKE) --no-print-directory $(examples)

example-packages:
	@tests/tools/need libcjson-dev libcurl4-openssl-dev libmicrohttpd-dev libpq-dev libsqlite3-dev systemtap-sdt-dev

# an example says in its first lines how it is built, in its own folder:  build: cc -std=c11 ... NAME.c -o NAME -lfoo
flags_of = $(shell sed -n '1,15s|.*build: cc \(.*\)|\1|p' $(1) | sed 's|\*/.*||; s| -o [^ ]*||')
$(BUILD)/examples/%: examples/%.c objpool.h $(wildcard examples/*.h)
	@mkdir -p $(@D)
	cd examples && $(CC) $(or $(call flags_of,$<),-std=c11 -O2 -pthread $*.c) -I.. $(CFLAGS) -o '$(abspath $@)'

example-postgres: example-packages ## 16 threads on 4 connections to a PostgreSQL server that is started for it
	@tests/tools/need postgresql
	@$(MAKE) --no-print-directory $(BUILD)/examples/postgres_pool
	@examples/with_postgres $(BUILD)/examples/postgres_pool

example-http: example-packages ## pooled HTTP clients on an nginx server that is started for it
	@tests/tools/need nginx-light
	@$(MAKE) --no-print-directory $(BUILD)/examples/http_clients
	@examples/with_nginx $(BUILD)/examples/http_clients

bench: ## measure against the allocators and pools one would use instead: ten minutes
	@bench/run

bench-quick: ## the same in less than a minute
	@bench/run --quick

bench-instructions: ## count instructions per operation, exactly; memory and code size
	@bench/instructions
	@bench/memory

bench-scaling: ## check what bench/scaling.md derives against the counters of pools
	@bench/scaling

matrix: ## the tests by every compiler, standard and processor claimed; installs them, names what it skips: half an hour
	@tests/tools/matrix

fuzz: ## fuzz calls, formats and configurations against reference models for FUZZ_SECONDS=60, in C and in C++
	@tests/fuzz/run $(FUZZ_SECONDS)

mutate: ## weaken the header in one place after the other; the tests must notice each; it takes hours
	@tests/tools/mutate

coverage: ## lines and branches of objpool.h that the tests reach
	@tests/tools/coverage

stress: ## stress with conservation, natively and under ThreadSanitizer: a quarter of an hour
	@tests/stress/run

install: ## install objpool.h and objpool.pc below PREFIX
	install -d '$(DESTDIR)$(PREFIX)/include' '$(DESTDIR)$(PREFIX)/share/pkgconfig'
	install -m 644 objpool.h '$(DESTDIR)$(PREFIX)/include/'
	printf '%s\n' 'prefix=$(PREFIX)' 'Name: objpool' 'Description: typed, thread-safe object pools in one C header' \
	  'Version: $(version)' 'Cflags: -I$${prefix}/include -pthread' 'Libs: -pthread' \
	  >'$(DESTDIR)$(PREFIX)/share/pkgconfig/objpool.pc'

format: ## format the sources with clang-format
	clang-format -i objpool.h $(wildcard examples/*.[ch] tests/*.[ch] tests/*/*.[ch] tests/threads/fibers/*.[ch] bench/*.[ch])

clean: ## remove what was built
	rm -rf $(BUILD)
