/* plain - runs a fuzz target over the files that are its arguments, for a
 * compiler without libFuzzer. */
#include "fuzz.h"

enum { MOST = 4 * 1024 * 1024 };

int
main(int argc, char **argv)
{
	static uint8_t room[MOST];

	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		uint8_t *exact;
		size_t n;

		if (f == NULL) {
			perror(argv[i]);
			return 1;
		}
		n = fread(room, 1, sizeof(room), f);
		fclose(f);
		/* in memory of just that size, for a sanitizer */
		exact = malloc(n + 1);
		must(exact != NULL);
		memcpy(exact, room, n);
		LLVMFuzzerTestOneInput(exact, n);
		free(exact);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
