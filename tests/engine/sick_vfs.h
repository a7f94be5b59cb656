/* tests/engine/sick_vfs.h - SQLite's files on a disk that fails when told. */
#ifndef ENGINE_SICK_VFS_H
#define ENGINE_SICK_VFS_H

#include <stdbool.h>

#define SICK_FOREVER 1000000000

/* From now on every new connection goes through it; files whose name holds that may fall sick. */
void sick_vfs_install(const char *name);

/* Their n-th write, sync or truncation (from 1) fails with SQLite's code, and the following ones,
 * `times` in all. */
void sick_vfs_arm(int n, int times, int code);

/* The file that has that path now cannot be read, whatever becomes of its name. */
void sick_vfs_spoil(const char *path);
void sick_vfs_heal(void);

/* Calls counted since it was armed. */
int sick_vfs_calls(void);

#endif
