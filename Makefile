# Builds, installs, tests and demonstrates pg_etl.
#
#   make demo      the whole job on the ticketing example, on a throw-away cluster
#   make test      every test there is, on throw-away clusters
#   make help      the other targets
#
# The file is read twice. In the source tree it only hands over: to the scripts in test/, and for the targets of
# PGXS to a build directory per server version, build/pg15 for PostgreSQL 15, where it is read again (that part is
# at the end, and is what packagers reach with `make -f …/Makefile VPATH=…`). So objects of two servers never mix,
# the tree stays clean, and nothing here needs PostgreSQL until a recipe runs.

top := $(patsubst %/,%,$(dir $(abspath $(firstword $(MAKEFILE_LIST)))))
PG_CONFIG ?= pg_config

ifeq ($(CURDIR),$(top))

BUILD ?= $(top)/build
ROWS ?= 200000
SEED ?= 42
BENCH_ROWS ?= 1000000
FUZZ_SECONDS ?= 60
export PG_CONFIG BUILD ROWS SEED BENCH_ROWS FUZZ_SECONDS

pgxs_targets := all install uninstall installdirs installcheck
script_targets := demo test lint format bench sanitize fuzz packages reference

.PHONY: $(pgxs_targets) $(script_targets) psql demo-stop clean help
.DEFAULT_GOAL := all

$(pgxs_targets):
	@test -f "$$($(PG_CONFIG) --pgxs 2>&1)" || \
	    { echo 'no PostgreSQL server headers found: run "make packages", or set PG_CONFIG' >&2; exit 1; }
	@major=$$($(PG_CONFIG) --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/') && mkdir -p "$(BUILD)/pg$$major" && \
	    $(MAKE) --no-print-directory -C "$(BUILD)/pg$$major" -f $(top)/Makefile $@

demo lint fuzz packages reference: ; @test/$@.sh
sanitize:  ; @test/sanitize.sh $(TESTS)
test:      ; @test/run.sh $(TESTS)
bench:     ; @test/bench/run.sh $(BENCHES)
format:    ; @test/lint.sh --fix
psql:      ; @test/demo.sh psql
demo-stop: ; @test/demo.sh stop
clean:     ; rm -rf "$(BUILD)"

help:
	@sed -n 's/^#  //p' $(top)/Makefile
	@echo '   make psql, make demo-stop       open and end the cluster of the demo (ROWS=$(ROWS) SEED=$(SEED))'
	@echo '   make all, install, installcheck build, install and test on your own server (PG_CONFIG=$(PG_CONFIG))'
	@echo '   make lint, format               check the style of the sources; put it right'
	@echo '   make bench                      the measurements of docs/performance.md (BENCH_ROWS=$(BENCH_ROWS))'
	@echo '   make sanitize, fuzz             tests under ASan and UBSan; libFuzzer (FUZZ_SECONDS=$(FUZZ_SECONDS))'
	@echo '   make reference                  write docs/reference.md from the comments in the database'
	@echo '   make packages, clean            install the Debian packages; remove what was built'

else # in a build directory: PGXS

EXTENSION = control/pg_etl
MODULE_big = pg_etl
version := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(top)/control/pg_etl.control)
modules := $(addprefix $(top)/,$(shell sed 's/\#.*//' $(top)/control/modules))
script = pg_etl--$(version).sql

OBJS := $(patsubst $(top)/%.cpp,%.o,$(wildcard $(top)/src/*/*.cpp))
DATA_built = $(script)
DATA := $(patsubst $(top)/%,%,$(wildcard $(top)/control/pg_etl--*--*.sql))
REGRESS := $(basename $(notdir $(wildcard $(top)/sql/*.sql)))
REGRESS_OPTS = --load-extension=pg_etl

# SANITIZE=address,undefined builds the extension for a server that runs under the sanitizers.
sanitize_flags := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
# PGDLLEXPORT: as from version 16 on, so that the magic block is seen although all other symbols are hidden.
PG_CPPFLAGS = -I$(top)/src -isystem $(includedir_server) -DPG_ETL_VERSION='"$(version)"' \
    -DPGDLLEXPORT='__attribute__((visibility("default")))'
PG_CXXFLAGS = -std=c++20 -Wall -Wextra -Werror -fvisibility=hidden -fvisibility-inlines-hidden -MMD -MP $(sanitize_flags)
SHLIB_LINK = -lstdc++ -lre2 -lutf8proc -lGeographicLib -lcurl -lbrotlidec -lsimdjson -lzstd -lz $(sanitize_flags)

# Debian's step for LLVM bitcode passes over PG_CXXFLAGS, and just-in-time inlining has no use for this module.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Other flags or another minor version: compile again. Another list of files: assemble or link again.
define keep_note
ifneq ($$(strip $$(file <$(1))),$$(strip $(2)))
$$(file >$(1),$(2))
endif
endef
$(eval $(call keep_note,flags.note,$(VERSION) $(CXX) $(CXXFLAGS) $(CPPFLAGS) $(SHLIB_LINK)))
$(eval $(call keep_note,files.note,$(OBJS) $(modules)))

$(shell mkdir -p $(sort $(dir $(OBJS))))
$(OBJS): flags.note
$(shlib): files.note
-include $(OBJS:.o=.d)

$(script): $(modules) files.note
	@printf '%s\n' '\echo Use "CREATE EXTENSION pg_etl" to load this file. \quit' > $@.new
	# In ASCII, for PostgreSQL reads it in whatever encoding the database has.
	sed 's/…/.../g' /dev/null $(modules) >> $@.new
	@mv $@.new $@

endif
