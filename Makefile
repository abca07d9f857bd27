# objpool.h is one file and needs no building; this runs what is around it. `make help` lists the targets.
# Variables: CC, CXX, CFLAGS, BUILD (a folder), FILES (for demo), FUZZ_SECONDS, PREFIX and DESTDIR (for install).

PREFIX  ?= /usr/local
BUILD   ?= build
FILES   ?=
FUZZ_SECONDS ?= 60

# whichever compiler is here
ifeq ($(origin CC),default)
  CC := $(firstword $(foreach compiler,cc gcc clang,$(if $(shell command -v $(compiler) 2>/dev/null),$(compiler))) cc)
  compiler_asked_for = no
endif

# tests use gcc and clang, or the one compiler that was asked for: make test CC=clang
ifndef compiler_asked_for
  export COMPILERS := $(CC)
endif
export CC CXX

examples := $(patsubst examples/%.c,$(BUILD)/examples/%,$(wildcard examples/*.c))
found     = eval "$$(tests/tools/need --paths)"; # also what was unpacked below build/packages
own_text  = $(wildcard README.md objpool.h Makefile examples/*.[ch] tests/* tests/*/* bench/*)
version   = $(shell awk '/define OBJPOOL_VERSION_(MAJOR|MINOR|PATCH) / { printf "%s%s", dot, $$3; dot = "." }' objpool.h)

.DELETE_ON_ERROR:
.PHONY: help compiler demo test test-all sanitize examples example-packages example-postgres example-http python \
        bench bench-quick bench-grid bench-frame bench-sizes bench-servers bench-instructions bench-scaling matrix fuzz mutate coverage stress man install format clean

help: ## list these targets: a second; nothing to install
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' Makefile
	@echo 'MB: what the target lacks of Debian, on disk, where gcc, make and git alone are. It comes from the network, is named before, and installed as root'
	@echo 'or by sudo that asks nothing; else, and services always, unpacked below build/packages. "Nothing to install": neither network nor root.'
	@echo 'Times are for two processors.'

compiler:
	@command -v $(firstword $(CC)) >/dev/null || { echo 'no C compiler "$(CC)" here: install gcc and libc6-dev (Debian), or clang' >&2; exit 1; }
	@echo '#include <stdlib.h>' | $(CC) -E -x c - >/dev/null 2>&1 || \
	  { echo '$(CC) finds no <stdlib.h>: install libc6-dev, which gcc only recommends (Debian; musl-dev elsewhere)' >&2; exit 1; }

python:
	@tests/tools/need python3

demo: compiler $(BUILD)/examples/word_count ## count the words of FILES="..." (or of this repository) with pools and with malloc: ten seconds; nothing to install
	@$(BUILD)/examples/word_count --compare $(if $(FILES),$(FILES),--seconds 2 $(filter %.c %.h %.md %.sh Makefile,$(own_text)))

test: compiler ## the library's own tests: five minutes, a little more where system calls are slow; cmocka, valgrind, pkg-config, python3: 116 MB (28 MB to fetch)
	@tests/run

test-all: compiler ## all other tests, with PostgreSQL, nginx, Prometheus, Chromium, clang, spin...: ten minutes, or up to an hour; 2 GB
	@tests/run --rest

sanitize: ## the tests under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer: half an hour; cmocka, g++, clang: 410 MB
	@tests/run --sanitize

examples: compiler ## build all examples into build/examples: half a minute; the libraries they use: 370 MB
	@$(MAKE) --no-print-directory example-packages || true
	@eval "$$(tests/tools/need --paths)"; $(MAKE) --no-print-directory -k $(examples) || \
	  { echo 'not all could be built: see above for what is missing' >&2; exit 1; }

example-packages:
	@tests/tools/need libcjson-dev libcurl4-openssl-dev liblua5.4-dev libmicrohttpd-dev libpq-dev libsdl2-dev libsqlite3-dev libuv1-dev systemtap-sdt-dev

# an example says in its first lines how it is built, in its own folder:  build: cc -std=c11 ... NAME.c -o NAME -lfoo
flags_of = $(shell sed -n '1,15s|.*build: cc \(.*\)|\1|p' $(1) | sed 's|\*/.*||; s| -o [^ ]*||')
$(BUILD)/examples/%: examples/%.c objpool.h $(wildcard examples/*.h)
	@mkdir -p $(@D)
	cd examples && $(CC) $(or $(call flags_of,$<),-std=c11 -O2 -pthread $*.c) -I.. $(CFLAGS) -o '$(abspath $@)'

example-postgres: compiler ## 16 threads, then one with an event loop, on 4 connections to a PostgreSQL server that is started for it: a quarter of a minute; 280 MB
	@tests/tools/need postgresql libpq-dev
	@eval "$$(tests/tools/need --paths)"; $(MAKE) --no-print-directory $(BUILD)/examples/postgres_pool $(BUILD)/examples/async_postgres
	@eval "$$(tests/tools/need --paths)"; examples/with_postgres $(BUILD)/examples/postgres_pool
	@eval "$$(tests/tools/need --paths)"; examples/with_postgres $(BUILD)/examples/async_postgres

example-http: compiler ## pooled HTTP clients on an nginx server that is started for it: ten seconds; 11 MB
	@tests/tools/need nginx-light libcurl4-openssl-dev libuv1-dev
	@eval "$$(tests/tools/need --paths)"; $(MAKE) --no-print-directory $(BUILD)/examples/http_clients
	@eval "$$(tests/tools/need --paths)"; examples/with_nginx $(BUILD)/examples/http_clients

bench: python ## measure against the allocators and pools one would use instead, those that are here: a quarter of an hour; 100 MB
	@$(found) bench/run
	@$(found) bench/grid
	@$(found) bench/frame
	@$(found) bench/sizes
	@$(found) bench/servers

bench-quick: python ## the first part of it, shorter: a minute; 93 MB
	@$(found) bench/run --quick

bench-grid: python ## measure pools at their limit against a mutex, an array and a condition variable: three minutes; 92 MB
	@$(found) bench/grid

bench-frame: python ## measure a game's frame against slot maps, dense arrays and malloc: a minute; 92 MB
	@$(found) bench/frame

bench-sizes: python ## measure buffers by size against malloc and mimalloc, and Lua on them: a minute; 30 MB
	@$(found) bench/sizes

bench-servers: python ## measure turns of an event loop, timed and tracked pools, close: a quarter of a minute; 25 MB
	@$(found) bench/servers

bench-instructions: python ## count instructions per operation, exactly; memory and code size: five minutes; 120 MB
	@$(found) bench/instructions
	@$(found) bench/memory

bench-scaling: python ## check what bench/scaling.md derives against the counters of pools: ten seconds; 25 MB
	@$(found) bench/scaling

matrix: ## the tests by every compiler, standard and processor claimed, naming what it skips: half an hour; 4.6 GB
	@tests/tools/matrix

fuzz: ## fuzz calls, formats and configurations against reference models, in C and in C++, for FUZZ_SECONDS=60: two minutes; 370 MB
	@tests/fuzz/run $(FUZZ_SECONDS)

mutate: ## weaken the header in one place after the other; the tests must notice each: hours; 370 MB
	@tests/tools/mutate

coverage: python ## lines and branches of objpool.h that the tests reach: a few minutes; 600 MB
	@$(found) tests/tools/coverage

stress: ## stress with conservation, natively and under the ThreadSanitizers that are here: a quarter of an hour; nothing to install
	@tests/stress/run

man: ## write the manual pages, from the header's comments, into build/man: a second; nothing to install
	@tests/tools/man '$(BUILD)/man'

install: man ## install objpool.h, manual pages, and what pkg-config, CMake, gdb and ctags need, below PREFIX=/usr/local, which takes root: a second; no network
	install -d '$(DESTDIR)$(PREFIX)/include' '$(DESTDIR)$(PREFIX)/share/pkgconfig' '$(DESTDIR)$(PREFIX)/share/cmake/objpool' \
	  '$(DESTDIR)$(PREFIX)/share/objpool' '$(DESTDIR)$(PREFIX)/share/man/man3'
	install -m 644 objpool.h '$(DESTDIR)$(PREFIX)/include/'
	install -m 644 examples/objpool-gdb.py examples/objpool.ctags '$(DESTDIR)$(PREFIX)/share/objpool/'
	install -m 644 '$(BUILD)'/man/*.3 '$(DESTDIR)$(PREFIX)/share/man/man3/'
	printf '%s\n' 'prefix=$(PREFIX)' 'Name: objpool' 'Description: typed, thread-safe object pools in one C header' \
	  'Version: $(version)' 'Cflags: "-I$${prefix}/include" -pthread' 'Libs: -pthread' \
	  >'$(DESTDIR)$(PREFIX)/share/pkgconfig/objpool.pc'
	printf '%s\n' 'include(CMakeFindDependencyMacro)' 'find_dependency(Threads)' \
	  'if(NOT TARGET objpool::objpool)' '  add_library(objpool::objpool INTERFACE IMPORTED)' \
	  '  get_filename_component(objpool_prefix "$${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)' \
	  '  set_target_properties(objpool::objpool PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "$${objpool_prefix}/include"' \
	  '    INTERFACE_LINK_LIBRARIES Threads::Threads)' 'endif()' \
	  >'$(DESTDIR)$(PREFIX)/share/cmake/objpool/objpool-config.cmake'
	printf '%s\n' 'set(PACKAGE_VERSION "$(version)")' \
	  'if(PACKAGE_FIND_VERSION VERSION_LESS_EQUAL PACKAGE_VERSION AND PACKAGE_FIND_VERSION_MAJOR EQUAL $(firstword $(subst ., ,$(version))))' \
	  '  set(PACKAGE_VERSION_COMPATIBLE TRUE)' 'endif()' 'set(PACKAGE_VERSION_UNSUITABLE FALSE)' \
	  >'$(DESTDIR)$(PREFIX)/share/cmake/objpool/objpool-config-version.cmake'

format: ## format the sources: ten seconds; clang-format, which is not installed for it
	clang-format -i objpool.h $(wildcard examples/*.[ch] tests/*.[ch] tests/*/*.[ch] tests/threads/fibers/*.[ch] bench/*.[ch])

clean: ## remove what was built: a second; nothing to install
	rm -rf $(BUILD)
