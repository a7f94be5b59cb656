/* tests/fault/power.h - a power cut: the disk forgets part of what was not fsynced.
 *
 * kill -9 keeps the page cache, so it proves nothing about fsync. Here every change of a folder's
 * files is watched through the fault hooks; a cut puts the folder back to what was synced, plus
 * whichever unsynced sectors, sizes and names a seed chooses, in any order. Needs WRAP open pwrite
 * ftruncate fallocate fsync fdatasync rename unlink. */
#ifndef FAULT_POWER_H
#define FAULT_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Watch a folder (no folders in it). What is in it now counts as synced. */
void power_watch(const char *folder);

/* Stop watching; the folder stays as it is. */
void power_forget(void);

/* The power fails: nobody may be using the folder any more. Watching goes on with what is left. */
void power_cut(uint64_t seed);

/* For fault.c. */
void power_note_open(int fd, const char *path, int flags);
void power_note_write(int fd, const void *bytes, size_t size, off_t at);
void power_note_size(int fd, off_t size, bool may_shrink);
void power_note_rename(const char *from, const char *to);
void power_note_unlink(const char *path);

/* Before and after a sync: what was noted before it began is durable once it has succeeded. */
uint64_t power_sync_begins(int fd);
void power_sync_ends(int fd, uint64_t begun);

/* A sync failed: the kernel may call the pages clean, so that no later sync writes them, only
 * writing them again helps. */
void power_sync_failed(int fd);

#endif
