// SPDX-License-Identifier: GPL-2.0
/* Runs a fuzz target over files, without libFuzzer: for `make check`. */
#include <stdlib.h>

#include "env.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		u8 *data = malloc(1 << 20), *exact;
		FILE *file = fopen(argv[i], "rb");
		size_t bytes;

		if (!file) {
			perror(argv[i]);
			return 1;
		}
		bytes = fread(data, 1, 1 << 20, file);
		fclose(file);
		exact = malloc(bytes ? bytes : 1);
		memcpy(exact, data, bytes);
		free(data);
		LLVMFuzzerTestOneInput(exact, bytes);
		free(exact);
	}
	printf("%s: %d inputs\n", argv[0], argc - 1);
	return 0;
}
