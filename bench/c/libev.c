/* The works of the loop, on libev 4: see ev(3). */
#include "bench.h"
#include <ev.h>
#include <pthread.h>

static struct ev_loop *loop;
static int (*ends)[2];
static ev_io *ios;
static ev_timer *timers;
static long pipes_n, writes_left, reads, reads_wanted;
static int with_timeouts;

static void idle_cb(EV_P_ ev_timer *w, int revents) { (void)loop, (void)w, (void)revents; }
static void unused_cb(EV_P_ ev_io *w, int revents) { (void)loop, (void)w, (void)revents; }

static void pipe_cb(EV_P_ ev_io *w, int revents) {
	(void)revents;
	long i = w - ios;
	take(w->fd);
	if (with_timeouts) ev_timer_again(EV_A_ &timers[i]);
	reads++;
	if (writes_left > 0) {
		writes_left--;
		give(ends[(i + 1) % pipes_n][1]);
	} else if (reads == reads_wanted) {
		ev_break(EV_A_ EVBREAK_ONE);
	}
}

static void *sleep_for_ever(void *nothing) {
	pause();
	return nothing;
}

/* pipes N ACTIVE WRITES TIMEOUTS RUNS [THREAD]: ns of CPU time an event. With a second
 * thread, the kernel can't take a descriptor's file for granted during a call: such a
 * process, as any of Go is, pays that at each read and write. */
static int job_pipes(char **a) {
	pipes_n = arg(a, 0);
	long active = arg(a, 1), writes = arg(a, 2), runs = arg(a, 4);
	with_timeouts = arg(a, 3);
	pthread_t thread;
	if (a[5] && pthread_create(&thread, NULL, sleep_for_ever, NULL)) die("pthread_create");
	ends = many(pipes_n, sizeof *ends);
	ios = many(pipes_n, sizeof *ios);
	timers = many(pipes_n, sizeof *timers);
	open_pipes(pipes_n, ends);
	for (long i = 0; i < pipes_n; i++) {
		ev_io_init(&ios[i], pipe_cb, ends[i][0], EV_READ);
		ev_io_start(loop, &ios[i]);
		if (with_timeouts) {
			ev_timer_init(&timers[i], idle_cb, 0., 10. + fraction());
			ev_timer_again(loop, &timers[i]);
		}
	}
	ev_run(loop, EVRUN_NOWAIT);
	for (long r = 0; r <= runs; r++) {
		writes_left = writes, reads = 0, reads_wanted = writes + active;
		for (long i = 0; i < active; i++) give(ends[i * pipes_n / active][1]);
		int64_t start = cpu_ns();
		ev_run(loop, 0);
		if (r) report((double)(cpu_ns() - start) / reads);
	}
	return 0;
}

static long fired;
static void fire_cb(EV_P_ ev_timer *w, int revents) { (void)loop, (void)w, (void)revents; fired++; }

/* timers N RUNS: ns of CPU time to start a timer and have it fire. */
static int job_timers(char **a) {
	long n = arg(a, 0), runs = arg(a, 1);
	timers = many(n, sizeof *timers);
	for (long i = 0; i < n; i++) ev_init(&timers[i], fire_cb);
	for (long r = 0; r <= runs; r++) {
		fired = 0;
		ev_now_update(loop);
		int64_t start = cpu_ns();
		for (long i = 0; i < n; i++) {
			ev_timer_set(&timers[i], 0.05 * fraction(), 0.);
			ev_timer_start(loop, &timers[i]);
		}
		int64_t took = cpu_ns() - start;
		rest();
		start = cpu_ns();
		ev_run(loop, EVRUN_NOWAIT);
		took += cpu_ns() - start;
		if (fired != n) return fprintf(stderr, "%ld of %ld fired\n", fired, n), 1;
		if (r) report((double)took / n);
	}
	return 0;
}

/* again N OPS RUNS: ns of CPU time to restart one of N timers. */
static int job_again(char **a) {
	long n = arg(a, 0), ops = arg(a, 1), runs = arg(a, 2);
	timers = many(n, sizeof *timers);
	for (long i = 0; i < n; i++) {
		ev_timer_init(&timers[i], idle_cb, 0., 1000. + fraction());
		ev_timer_again(loop, &timers[i]);
	}
	for (long r = 0; r <= runs; r++) {
		int64_t start = cpu_ns();
		for (long i = 0; i < ops; i++) {
			if (i % 100 == 0) ev_now_update(loop);
			ev_timer_again(loop, &timers[next_random() % n]);
		}
		if (r) report((double)(cpu_ns() - start) / ops);
	}
	return 0;
}

static void start_timers(long n) {
	timers = many(n, sizeof *timers);
	for (long i = 0; i < n; i++) {
		ev_timer_init(&timers[i], idle_cb, 3600. + fraction(), 0.);
		ev_timer_start(loop, &timers[i]);
	}
}

static void start_descriptors(long n, int (*p)[2]) {
	ios = many(n, sizeof *ios);
	for (long i = 0; i < n; i++) {
		/* A writing end that waits to be read never has anything to tell. */
		ev_io_init(&ios[i], unused_cb, p[i / 2][i % 2], EV_READ);
		ev_io_start(loop, &ios[i]);
	}
}

/* timer-bytes N: resident bytes of an active timer. */
static int job_timer_bytes(char **a) {
	long n = arg(a, 0), before = resident();
	start_timers(n);
	ev_run(loop, EVRUN_NOWAIT);
	report((double)(resident() - before) / n);
	return 0;
}

/* descriptor-bytes N: resident bytes of a watched pipe end; the kernel's are not counted. */
static int job_descriptor_bytes(char **a) {
	long n = arg(a, 0);
	int (*p)[2] = many(n / 2, sizeof *p);
	open_pipes(n / 2, p);
	long before = resident();
	start_descriptors(n, p);
	ev_run(loop, EVRUN_NOWAIT);
	report((double)(resident() - before) / n);
	return 0;
}

static int64_t due, span;
static long left;

static void late_cb(EV_P_ ev_timer *w, int revents) {
	(void)revents;
	report((double)(mono_ns() - due));
	if (--left == 0) {
		ev_break(EV_A_ EVBREAK_ONE);
	} else if (w->repeat > 0.) {
		due += span;
	} else {
		ev_now_update(EV_A);
		due = mono_ns() + span;
		ev_timer_set(w, span * 1e-9, 0.);
		ev_timer_start(EV_A_ w);
	}
}

/* lateness NS COUNT: how many ns a one-shot is late; cadence: a tick of a repeating timer. */
static int late(char **a, int repeat) {
	ev_timer t;
	span = arg(a, 0), left = arg(a, 1);
	ev_timer_init(&t, late_cb, span * 1e-9, repeat ? span * 1e-9 : 0.);
	ev_now_update(loop);
	due = mono_ns() + span;
	ev_timer_start(loop, &t);
	ev_run(loop, 0);
	return 0;
}

static int job_lateness(char **a) { return late(a, 0); }
static int job_cadence(char **a) { return late(a, 1); }

/* idle TIMERS DESCRIPTORS: does nothing, for ever. */
static int job_idle(char **a) {
	long n = arg(a, 1);
	ev_timer forever;
	if (n) {
		int (*p)[2] = many(n / 2, sizeof *p);
		open_pipes(n / 2, p);
		start_descriptors(n, p);
	}
	start_timers(arg(a, 0));
	ev_timer_init(&forever, idle_cb, 86400., 0.);
	ev_timer_start(loop, &forever);
	puts("ready");
	fflush(stdout);
	ev_run(loop, 0);
	return 0;
}

int main(int argc, char **argv) {
	(void)argc;
	loop = ev_default_loop(EVBACKEND_EPOLL);
	if (!loop) die("ev_default_loop");
	dispatch(argv, {"pipes", job_pipes}, {"timers", job_timers}, {"again", job_again},
		{"timer-bytes", job_timer_bytes}, {"descriptor-bytes", job_descriptor_bytes},
		{"lateness", job_lateness}, {"cadence", job_cadence}, {"idle", job_idle});
}
