/* tests/log/log_fixture.h - what every test of the log needs: a folder, a clock, a log, some
 * records. */
#ifndef TESTS_LOG_LOG_FIXTURE_H
#define TESTS_LOG_LOG_FIXTURE_H

#include "log/group.h"
#include "log/log.h"
#include "log/reader.h"
#include "log/verify.h"

#define FIXTURE_PARTITIONS 3
#define FIXTURE_NOW_MS 1795161600000

#define FIXTURE_FOLDER_MAX 256
#define FIXTURE_PATH_MAX 384

typedef struct fixture {
    char folder[FIXTURE_FOLDER_MAX];
    hr_clock *clock;
    log_options options;
    log_store *log;
} fixture;

/* A fresh folder, two topics ("positions" with 3 partitions, "events" with 1), small files, no
 * commit gap; the log is not open yet. */
void fixture_init(fixture *f);
void fixture_fini(fixture *f);

void fixture_open(fixture *f);
void fixture_close(fixture *f);
void fixture_reopen(fixture *f);

/* Stop without a last commit, mark or side file, as kill -9 would: the folder can be opened again.
 */
void fixture_crash(fixture *f);

/* Append count records of 8 bytes, the numbers value, value + 1 and so on. */
hr_err fixture_append(fixture *f, uint8_t topic, uint16_t partition, uint64_t value, uint32_t count,
                      log_position *end);

/* Wait until that end is durable; fails the test if the log fails. */
void fixture_commit(fixture *f, log_position end);

/* Read a partition from an offset and check that record i holds value + i, count of them. */
void fixture_expect(fixture *f, uint8_t topic, uint16_t partition, int64_t offset, uint64_t value,
                    uint32_t count, log_visibility visibility);

/* The same with another folder, "<folder>-<suffix>", not made yet and not open. */
void fixture_beside(const fixture *f, const char *suffix, fixture *beside);

/* Remove a folder with everything in it; copy one that has no folders in it. */
void fixture_remove(const char *folder);
void fixture_copy(const char *from, const char *to);

/* How much damage opening has found. */
uint32_t fixture_damages(fixture *f);

/* Thousands of expected warnings help nobody. */
void fixture_hush(void);

/* HR_LONG=1: the exhaustive sizes. */
bool fixture_is_long(void);

#endif
