/* The works of the loop, on libevent 2: see event2/event.h. */
#include "bench.h"
#include <event2/event.h>
#include <event2/event_struct.h>

static struct event_base *base;
static int (*ends)[2];
static struct event *events;
static struct timeval *spans;
static long pipes_n, writes_left, reads, reads_wanted;
static int with_timeouts;

static struct timeval timeval_of(double s) {
	struct timeval t = {(time_t)s, (suseconds_t)((s - (time_t)s) * 1e6)};
	return t;
}

static void pipe_cb(evutil_socket_t fd, short what, void *v) {
	struct event *e = v;
	long i = e - events;
	(void)what;
	take(fd);
	if (with_timeouts) event_add(e, &spans[i]); /* which puts the timeout off */
	reads++;
	if (writes_left > 0) {
		writes_left--;
		give(ends[(i + 1) % pipes_n][1]);
	} else if (reads == reads_wanted) {
		event_base_loopbreak(base);
	}
}

/* pipes N ACTIVE WRITES TIMEOUTS RUNS: ns of CPU time an event. */
static int job_pipes(char **a) {
	pipes_n = arg(a, 0);
	long active = arg(a, 1), writes = arg(a, 2), runs = arg(a, 4);
	with_timeouts = arg(a, 3);
	ends = many(pipes_n, sizeof *ends);
	events = many(pipes_n, sizeof *events);
	spans = many(pipes_n, sizeof *spans);
	open_pipes(pipes_n, ends);
	for (long i = 0; i < pipes_n; i++) {
		spans[i] = timeval_of(10 + fraction());
		event_assign(&events[i], base, ends[i][0], EV_READ | EV_PERSIST, pipe_cb, &events[i]);
		event_add(&events[i], with_timeouts ? &spans[i] : NULL);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	for (long r = 0; r <= runs; r++) {
		writes_left = writes, reads = 0, reads_wanted = writes + active;
		for (long i = 0; i < active; i++) give(ends[i * pipes_n / active][1]);
		int64_t start = cpu_ns();
		event_base_loop(base, 0);
		if (r) report((double)(cpu_ns() - start) / reads);
	}
	return 0;
}

static long fired;

static void fire_cb(evutil_socket_t fd, short what, void *v) { (void)fd, (void)what, (void)v; fired++; }

/* timers N RUNS: ns of CPU time to start a timer and have it fire. */
static int job_timers(char **a) {
	long n = arg(a, 0), runs = arg(a, 1);
	events = many(n, sizeof *events);
	for (long i = 0; i < n; i++) evtimer_assign(&events[i], base, fire_cb, NULL);
	for (long r = 0; r <= runs; r++) {
		fired = 0;
		int64_t start = cpu_ns();
		for (long i = 0; i < n; i++) {
			struct timeval t = timeval_of(0.05 * fraction());
			evtimer_add(&events[i], &t);
		}
		int64_t took = cpu_ns() - start;
		rest();
		start = cpu_ns();
		event_base_loop(base, EVLOOP_NONBLOCK);
		took += cpu_ns() - start;
		if (fired != n) return fprintf(stderr, "%ld of %ld fired\n", fired, n), 1;
		if (r) report((double)took / n);
	}
	return 0;
}

/* again N OPS RUNS: ns of CPU time to restart one of N timers. */
static int job_again(char **a) {
	long n = arg(a, 0), ops = arg(a, 1), runs = arg(a, 2);
	events = many(n, sizeof *events);
	spans = many(n, sizeof *spans);
	for (long i = 0; i < n; i++) {
		spans[i] = timeval_of(1000 + fraction());
		evtimer_assign(&events[i], base, fire_cb, NULL);
		evtimer_add(&events[i], &spans[i]);
	}
	for (long r = 0; r <= runs; r++) {
		int64_t start = cpu_ns();
		for (long i = 0; i < ops; i++) {
			long one = next_random() % n;
			evtimer_add(&events[one], &spans[one]);
		}
		if (r) report((double)(cpu_ns() - start) / ops);
	}
	return 0;
}

/* timer-bytes N: resident bytes of an active timer. */
static int job_timer_bytes(char **a) {
	long n = arg(a, 0), before = resident();
	events = many(n, sizeof *events);
	for (long i = 0; i < n; i++) {
		struct timeval t = timeval_of(3600 + fraction());
		evtimer_assign(&events[i], base, fire_cb, NULL);
		evtimer_add(&events[i], &t);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	report((double)(resident() - before) / n);
	return 0;
}

/* descriptor-bytes N: resident bytes of a watched pipe end; the kernel's are not counted. */
static int job_descriptor_bytes(char **a) {
	long n = arg(a, 0);
	int (*p)[2] = many(n / 2, sizeof *p);
	open_pipes(n / 2, p);
	long before = resident();
	events = many(n, sizeof *events);
	for (long i = 0; i < n; i++) {
		/* A writing end that waits to be read never has anything to tell. */
		event_assign(&events[i], base, p[i / 2][i % 2], EV_READ | EV_PERSIST, fire_cb, NULL);
		event_add(&events[i], NULL);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	report((double)(resident() - before) / n);
	return 0;
}

int main(int argc, char **argv) {
	(void)argc;
	base = event_base_new();
	if (!base) die("event_base_new");
	if (strcmp(event_base_get_method(base), "epoll")) return fprintf(stderr, "libevent has no epoll\n"), 1;
	dispatch(argv, {"pipes", job_pipes}, {"timers", job_timers}, {"again", job_again},
		{"timer-bytes", job_timer_bytes}, {"descriptor-bytes", job_descriptor_bytes});
}
