/* evhttp PORT: prints each request, on libevent's evhttp: see event2/http.h. */
#include "bench.h"
#include <event2/event.h>
#include <event2/http.h>

static void request_cb(struct evhttp_request *r, void *v) {
	(void)v;
	printf("%s %s\n", evhttp_request_get_command(r) == EVHTTP_REQ_GET ? "GET" : "POST", evhttp_request_get_uri(r));
	fflush(stdout);
	evhttp_send_reply(r, HTTP_NOCONTENT, "No Content", NULL);
}

int main(int argc, char **argv) {
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	struct event_base *base = event_base_new();
	struct evhttp *http = base ? evhttp_new(base) : NULL;
	if (argc < 2 || !http || evhttp_bind_socket(http, "127.0.0.1", (ev_uint16_t)atoi(argv[1]))) die("evhttp");
	evhttp_set_gencb(http, request_cb, NULL);
	evhttp_set_timeout(http, 60);
	return event_base_dispatch(base);
}
