/* What the drivers share. Each prints one figure a line. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static inline int64_t clock_ns(clockid_t id) {
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline int64_t mono_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

/* cpu_ns is the time that all threads of the process have had. */
static inline int64_t cpu_ns(void) { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

/* next_random is xorshift64*, as in driver.go: all drivers draw the same numbers. */
static inline uint64_t next_random(void) {
	static uint64_t x = 88172645463325252ULL;
	x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
	return x * 2685821657736338717ULL;
}

/* fraction is at least 0 and below 1. */
static inline double fraction(void) { return (next_random() >> 11) * 0x1p-53; }

static inline void die(const char *what) {
	perror(what);
	exit(1);
}

/* resident is the resident memory in bytes. */
static inline long resident(void) {
	long size, pages;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%ld %ld", &size, &pages) != 2) die("/proc/self/statm");
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static inline void open_pipes(int n, int (*p)[2]) {
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < n; i++)
		if (pipe2(p[i], O_NONBLOCK | O_CLOEXEC)) die("pipe");
}

static inline void *many(size_t n, size_t size) {
	void *p = calloc(n, size);
	if (!p) die("calloc");
	return p;
}

static inline void report(double figure) { printf("%.17g\n", figure); }

static inline long arg(char **argv, int i) { return argv[i] ? atol(argv[i]) : 0; }

static inline void give(int fd) {
	if (write(fd, "e", 1) != 1) die("write");
}

static inline void take(int fd) {
	char c;
	if (read(fd, &c, 1) != 1) die("read");
}

/* rest has what was started become due. It takes no CPU time. */
static inline void rest(void) {
	struct timespec t = {0, 120000000};
	nanosleep(&t, NULL);
}

typedef int job(char **argv);

/* dispatch calls the job that argv[1] names. */
#define dispatch(argv, ...) \
	do { \
		struct { const char *name; job *run; } jobs[] = {__VA_ARGS__}; \
		for (size_t i = 0; argv[1] && i < sizeof jobs / sizeof *jobs; i++) \
			if (!strcmp(argv[1], jobs[i].name)) return jobs[i].run(argv + 2); \
		fprintf(stderr, "no such job\n"); \
		return 2; \
	} while (0)
