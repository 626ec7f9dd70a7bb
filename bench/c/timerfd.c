/* Lateness of the kernel's own timer: see timerfd_create(2), epoll_wait(2). */
#include "bench.h"
#include <sys/epoll.h>
#include <sys/timerfd.h>

static int timer, set;

static struct timespec timespec_of(int64_t ns) {
	struct timespec t = {ns / 1000000000, ns % 1000000000};
	return t;
}

/* wait_ticks returns how many there were since the last call. */
static uint64_t wait_ticks(void) {
	struct epoll_event e;
	uint64_t ticks;
	while (epoll_wait(set, &e, 1, -1) != 1)
		;
	if (read(timer, &ticks, sizeof ticks) != sizeof ticks) die("read");
	return ticks;
}

/* late NS COUNT: how many ns a timer is late, armed anew each time or repeating. */
static int late(char **a, int repeat) {
	int64_t span = arg(a, 0), due = mono_ns() + span;
	struct itimerspec spec = {.it_value = timespec_of(span)};
	if (repeat) spec.it_interval = spec.it_value;
	if (timerfd_settime(timer, 0, &spec, NULL)) die("timerfd_settime");
	for (long left = arg(a, 1); left > 0; left--) {
		due += (wait_ticks() - 1) * span;
		report((double)(mono_ns() - due));
		due += span;
		if (!repeat) {
			due = mono_ns() + span;
			if (timerfd_settime(timer, 0, &spec, NULL)) die("timerfd_settime");
		}
	}
	return 0;
}

static int job_lateness(char **a) { return late(a, 0); }
static int job_cadence(char **a) { return late(a, 1); }

int main(int argc, char **argv) {
	(void)argc;
	struct epoll_event e = {.events = EPOLLIN};
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	set = epoll_create1(EPOLL_CLOEXEC);
	if (timer < 0 || set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, timer, &e)) die("timerfd");
	dispatch(argv, {"lateness", job_lateness}, {"cadence", job_cadence});
}
