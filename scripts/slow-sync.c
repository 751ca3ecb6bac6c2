/* Makes every sync of a file slower, as on an SD card or a cloud's disk: SLOW_SYNC_US microseconds each. For
   LD_PRELOAD; built by scripts/bench. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void be_slow(void) {
    const char *us = getenv("SLOW_SYNC_US");
    if (us) usleep((useconds_t)atoi(us));
}

int fsync(int file) {
    be_slow();
    return (int)syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    be_slow();
    return (int)syscall(SYS_fdatasync, file);
}
