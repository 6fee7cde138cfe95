# in.popd - see README. Everything is built below $B.
B ?= build
PREFIX ?= /usr
CFLAGS ?= -O2 -g
VERSION := 0.1.0

SBINDIR = $(PREFIX)/sbin
MANDIR = $(PREFIX)/share/man
STATEDIR = /var/lib/in.popd

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings \
	-Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Wnull-dereference
ifdef CI
WARN += -Werror
endif
FORTIFY := $(if $(findstring -O,$(filter-out -O0,$(CFLAGS))),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DPOPD_VERSION='"$(VERSION)"' -Isrc $(WARN) \
	-fPIE -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection $(FORTIFY) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed \
	$(CFLAGS) $(LDFLAGS)
LIBS := -lcrypt -lmd

LIB_SRC := $(filter-out src/main%.c,$(wildcard src/*.c src/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$B/%.o)
UNIT_SRC := $(wildcard tests/unit/*/*_test.c)
UNIT := $(UNIT_SRC:%.c=$B/%)

# The objects of the test programs stay, for the next make.
.SECONDARY:
.PHONY: all check unit demo crash bench lint analyze install uninstall clean
all: $B/in.popd

$B/in.popd: $B/src/main.o $B/libpopd.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/libpopd.a: $(LIB_OBJ)
	rm -f $@
	$(AR) rcs $@ $^

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$B/tests/unit/%: $B/tests/unit/%.o $B/libpopd.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

# What plays the transcripts of tests/dialogue.
PLAY := $B/tests/dialogue/play
$(PLAY): $(PLAY).o
	$(CC) $(ALL_LDFLAGS) -o $@ $^

# What makes its system calls go wrong, for tests/crash.
INJECT := $B/tests/crash/inject
$(INJECT): $(patsubst %.c,$B/%.o,$(wildcard tests/crash/*.c))
	$(CC) $(ALL_LDFLAGS) -pthread -o $@ $^

# The benchmark's programs.
BENCH_PROGRAMS := $(addprefix $B/tests/bench/,gen empty load)
$B/tests/bench/gen $B/tests/bench/empty: %: %.o
	$(CC) $(ALL_LDFLAGS) -o $@ $^
$B/tests/bench/load: $(addprefix $B/tests/bench/,load.o client.o launch.o)
	$(CC) $(ALL_LDFLAGS) -o $@ $^

-include $(wildcard $B/tests/bench/*.d $B/tests/crash/*.d)
-include $(LIB_OBJ:.o=.d) $B/src/main.d $(UNIT:=.d)

# Test programs: cmocka ones are built, the others are scripts that end in .sh.
SCRIPTS := $(filter-out tests/lib.sh,$(wildcard tests/dialogue/*.sh tests/expect/*.sh))
ABS_B = $(abspath $B)

check: all $(UNIT) $(PLAY) $(INJECT)
	@B=$(ABS_B) tests/run $(UNIT:$B/%=$(ABS_B)/%) $(SCRIPTS)

# The cmocka programs alone: a part of check, for the sanitizers.
unit: $(UNIT)
	@B=$(ABS_B) tests/run $(UNIT:$B/%=$(ABS_B)/%)

demo: all
	@B=$(ABS_B) sh tests/demo/demo.sh

# 25,000 faults at random places of sessions; SEED=, FAULTS=. Takes long.
crash: all $(INJECT)
	@B=$(ABS_B) sh tests/crash/run.sh

# Figures beside other programs' figures, into docs/bench.md; BENCH=quick for a
# short look.
bench: all $(BENCH_PROGRAMS)
	@B=$(ABS_B) sh tests/bench/bench.sh

lint:
	@sh tests/lint/lint.sh

analyze: $(UNIT)
	@B=$B sh tests/lint/analyze.sh

DOCDIR = $(PREFIX)/share/doc/in.popd
SAMPLES := README LICENSE inetd.conf.sample $(wildcard docs/*.md)

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man8 \
		$(DESTDIR)$(DOCDIR)/xinetd.d $(DESTDIR)$(DOCDIR)/systemd
	install -m 755 $B/in.popd $(DESTDIR)$(SBINDIR)/in.popd
	install -m 644 docs/in.popd.8 $(DESTDIR)$(MANDIR)/man8/in.popd.8
	install -m 644 $(SAMPLES) $(DESTDIR)$(DOCDIR)
	install -m 644 xinetd.d/* $(DESTDIR)$(DOCDIR)/xinetd.d
	install -m 644 docs/systemd/* $(DESTDIR)$(DOCDIR)/systemd
	install -d -m 711 $(DESTDIR)$(STATEDIR)
	install -d -m 555 $(DESTDIR)$(STATEDIR)/.empty

# What users have below $(STATEDIR) stays: it is theirs.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/in.popd $(DESTDIR)$(MANDIR)/man8/in.popd.8
	rm -rf $(DESTDIR)$(DOCDIR)
	-rmdir $(DESTDIR)$(STATEDIR)/.empty $(DESTDIR)$(STATEDIR)

clean:
	rm -rf $B
