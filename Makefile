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
# in.popd is linked statically where there are static libraries: to load one at
# each session takes ten system calls. STATIC= loads them.
STATIC := libcrypt.a libmd.a libc.a rcrt1.o
archive = $(if $(filter $1,$(STATIC)),$(filter /%,$(shell $(CC) -print-file-name=$1)))
WHOLE := $(and $(call archive,libc.a),$(call archive,rcrt1.o),\
	$(call archive,libcrypt.a),$(call archive,libmd.a),\
	$(if $(findstring -fsanitize,$(CFLAGS)),,yes))
LIBMD := $(or $(call archive,libmd.a),-lmd)
LIBS := $(or $(call archive,libcrypt.a),-lcrypt) $(LIBMD)

LIB_SRC := $(filter-out src/main%.c src/tls/%,$(wildcard src/*.c src/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$B/%.o)
UNIT_SRC := $(wildcard tests/unit/*/*_test.c)

# in.popd-tls needs OpenSSL 3; where its headers are not, it is not built.
TLS := $(shell printf '\043include <openssl/ssl.h>\n\043if \
	OPENSSL_VERSION_NUMBER < 0x30000000L\n\043error\n\043endif\n' | \
	$(CC) $(CPPFLAGS) $(CFLAGS) -E -xc - >/dev/null 2>&1 && echo yes || echo no)
TLS_OBJ := $(patsubst %.c,$B/%.o,$(wildcard src/tls/*.c))
TLS_LIBS := -lssl -lcrypto
PROGRAMS := $B/in.popd
ifeq ($(TLS),yes)
PROGRAMS += $B/in.popd-tls
else
UNIT_SRC := $(filter-out tests/unit/tls/%,$(UNIT_SRC))
endif
UNIT := $(UNIT_SRC:%.c=$B/%)

# The objects of the test programs stay, for the next make.
.SECONDARY:
.PHONY: all check unit demo crash fuzz coverage bench lint analyze install uninstall clean
all: $(PROGRAMS)
ifneq ($(TLS),yes)
	@echo "No OpenSSL 3 (libssl-dev), so no in.popd-tls: no STLS and no pop3s."
endif

$B/in.popd: $B/src/main.o $B/libpopd.a
	$(CC) $(if $(WHOLE),$(ALL_LDFLAGS:-pie=-static-pie),$(ALL_LDFLAGS)) -o $@ $^ $(LIBS)

$B/in.popd-tls: $B/src/main_tls.o $(TLS_OBJ) $B/libpopd.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TLS_LIBS)

$B/libpopd.a: $(LIB_OBJ)
	rm -f $@
	$(AR) rcs $@ $^

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$B/tests/unit/%: $B/tests/unit/%.o $B/libpopd.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcrypt $(LIBMD) -lcmocka

$B/tests/unit/tls/%: $B/tests/unit/tls/%.o $(TLS_OBJ) $B/libpopd.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TLS_LIBS) -lcmocka

# What plays the transcripts of tests/dialogue.
PLAY := $B/tests/dialogue/play
$(PLAY): $(PLAY).o
	$(CC) $(ALL_LDFLAGS) -o $@ $^

# What runs a program where the kernel refuses a call, for tests/expect.
REFUSE := $B/tests/expect/lib/refuse
$(REFUSE): $(REFUSE).o
	$(CC) $(ALL_LDFLAGS) -o $@ $^

# What makes its system calls go wrong, for tests/crash.
INJECT := $B/tests/crash/inject
$(INJECT): $(patsubst %.c,$B/%.o,$(wildcard tests/crash/*.c))
	$(CC) $(ALL_LDFLAGS) -pthread -o $@ $^

# The fuzz targets as plain programs, which read their seeds; make fuzz builds
# them for libFuzzer.
FUZZ := $(patsubst %.c,$B/%,$(filter-out %/plain.c,$(wildcard tests/fuzz/*.c)))
ifneq ($(TLS),yes)
FUZZ := $(filter-out %/relay,$(FUZZ))
endif
$(FUZZ): %: %.o $B/tests/fuzz/plain.o $B/libpopd.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# The benchmark's programs.
BENCH_PROGRAMS := $(addprefix $B/tests/bench/,gen empty load)
$B/tests/bench/gen $B/tests/bench/empty: %: %.o
	$(CC) $(ALL_LDFLAGS) -o $@ $^
$B/tests/bench/load: $(addprefix $B/tests/bench/,load.o client.o launch.o)
	$(CC) $(ALL_LDFLAGS) -o $@ $^

-include $(wildcard $B/tests/bench/*.d $B/tests/crash/*.d $B/tests/fuzz/*.d)
-include $(LIB_OBJ:.o=.d) $(TLS_OBJ:.o=.d) $B/src/main.d $B/src/main_tls.d
-include $(UNIT:=.d)

# Test programs: cmocka ones are built, the others are scripts that end in .sh.
SCRIPTS := $(filter-out tests/lib.sh,$(wildcard tests/dialogue/*.sh tests/expect/*.sh))
ABS_B = $(abspath $B)

check: all $(UNIT) $(PLAY) $(REFUSE) $(INJECT) $(FUZZ)
	@B=$(ABS_B) tests/run $(UNIT:$B/%=$(ABS_B)/%) $(SCRIPTS)

# The cmocka programs alone: a part of check, for the sanitizers.
unit: $(UNIT)
	@B=$(ABS_B) tests/run $(UNIT:$B/%=$(ABS_B)/%)

demo: $B/in.popd
	@B=$(ABS_B) sh tests/demo/demo.sh

# 25,000 faults at random places of sessions; SEED=, FAULTS=. Takes long.
crash: all $(INJECT)
	@B=$(ABS_B) sh tests/crash/run.sh

# Every parser of foreign octets, SECONDS_EACH (20) seconds, with clang.
fuzz:
	@B=$(ABS_B) sh tests/fuzz/fuzz.sh

# Branch coverage of src/ by the tests, with gcov, as root. Some minutes.
coverage:
	@B=$(ABS_B) sh tests/coverage/coverage.sh

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
# For those who read the log; below each name the tree is as in /etc.
READERS := fail2ban logcheck logwatch

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man8 \
		$(DESTDIR)$(DOCDIR)/xinetd.d $(DESTDIR)$(DOCDIR)/systemd
	install -m 755 $B/in.popd $(DESTDIR)$(SBINDIR)/in.popd
ifeq ($(TLS),yes)
	install -m 755 $B/in.popd-tls $(DESTDIR)$(SBINDIR)/in.popd-tls
endif
	install -m 755 src/in.popd-secret.sh $(DESTDIR)$(SBINDIR)/in.popd-secret
	install -m 644 docs/in.popd.8 docs/in.popd-tls.8 docs/in.popd-secret.8 \
		$(DESTDIR)$(MANDIR)/man8
	install -m 644 $(SAMPLES) $(DESTDIR)$(DOCDIR)
	install -m 644 xinetd.d/* $(DESTDIR)$(DOCDIR)/xinetd.d
	install -m 644 docs/systemd/* $(DESTDIR)$(DOCDIR)/systemd
	cd docs && find $(READERS) -type f \
		-exec install -D -m 644 {} $(abspath $(DESTDIR)$(DOCDIR))/{} \;
	install -d -m 711 $(DESTDIR)$(STATEDIR)
	install -d -m 555 $(DESTDIR)$(STATEDIR)/.empty

# What users have below $(STATEDIR) stays: it is theirs.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/in.popd $(DESTDIR)$(SBINDIR)/in.popd-tls \
		$(DESTDIR)$(SBINDIR)/in.popd-secret \
		$(DESTDIR)$(MANDIR)/man8/in.popd-secret.8 \
		$(DESTDIR)$(MANDIR)/man8/in.popd.8 \
		$(DESTDIR)$(MANDIR)/man8/in.popd-tls.8
	rm -rf $(DESTDIR)$(DOCDIR)
	-rmdir $(DESTDIR)$(STATEDIR)/.empty $(DESTDIR)$(STATEDIR)

clean:
	rm -rf $B
