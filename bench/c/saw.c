/* saw LOG FILE: the command that runs at a save. It notes when its first instruction
 * was, and what it sees in the file, as one record in LOG. */
#include "bench.h"

int main(int argc, char **argv) {
	int64_t now = mono_ns();
	char record[64], text[4096];
	if (argc < 3) return 2; /* watchman adds names */
	int file = open(argv[2], O_RDONLY), log = open(argv[1], O_WRONLY | O_APPEND);
	ssize_t n = file < 0 ? 0 : read(file, text, sizeof text);
	/* The content is the number of the save, many times, and a full stop. */
	long number = 0;
	if (n > 0 && text[n - 1] == '.') number = strtol(text, NULL, 10);
	int size = snprintf(record, sizeof record, "%lld %ld %zd\n", (long long)now, number, n);
	return log < 0 || write(log, record, size) != size;
}
