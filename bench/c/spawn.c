/* spawn COUNT WORKERS COMMAND: starts a command COUNT times, so many at once: see
 * posix_spawn(3). Like ev's, each is the leader of a group, and has /dev/null. In the
 * end it prints the most memory, in KiB, that one of them had resident. */
#include "bench.h"
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

int main(int argc, char **argv) {
	if (argc < 4) return fprintf(stderr, "usage: spawn COUNT WORKERS COMMAND\n"), 2;
	long left = arg(argv, 1), workers = arg(argv, 2), running = 0;
	posix_spawnattr_t attr;
	posix_spawn_file_actions_t files;
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	while (left > 0 || running > 0) {
		if (left > 0 && running < workers) {
			pid_t pid;
			if (posix_spawnp(&pid, argv[3], &files, &attr, argv + 3, environ)) die("posix_spawn");
			left--, running++;
		} else {
			if (waitpid(-1, NULL, 0) < 0) die("waitpid");
			running--;
		}
	}
	struct rusage used;
	getrusage(RUSAGE_CHILDREN, &used);
	printf("%ld\n", used.ru_maxrss);
	return 0;
}
