// Takes 26 MiB, waits for a byte on the fifo /go, and takes 16 MiB more: under a limit of 32 MiB that is too much at once.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char *take(size_t size)
{
	char *memory = malloc(size);
	for (size_t at = 0; memory && at < size; at += 4096)
		((volatile char *)memory)[at] = 1;
	return memory;
}

int main(void)
{
	char byte;
	int go;

	if (!take(26 << 20))
		return 1;
	go = open("/go", O_RDONLY);
	if (go < 0 || read(go, &byte, 1) != 1)
		return 2;
	return take(16 << 20) ? 0 : 3;
}
