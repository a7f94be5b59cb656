/* gateway/letters.h - dead letters on their way to the service: what sources brought and nobody
 * could read. In memory only, and few: fixes are what the disk and the link are for. */
#ifndef GATEWAY_LETTERS_H
#define GATEWAY_LETTERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/dead_letter.h"

#define LETTERS_MAX 32 /* further ones are not kept while so many wait */

/* Threads: any. */
typedef struct letters {
    pthread_mutex_t lock;
    hr_buf waiting[LETTERS_MAX]; /* protected by lock, as all below: messages, oldest at first */
    size_t first;
    size_t count;
} letters;

void letters_init(letters *l);
void letters_fini(letters *l);

void letters_put(letters *l, const dead_letter *letter);

/* Append the oldest to message and forget it. False: there is none, or no memory for it. */
bool letters_take(letters *l, hr_buf *message);

bool letters_are_waiting(letters *l);

#endif
