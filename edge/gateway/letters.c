/* gateway/letters.c - a ring of messages. */
#include "gateway/letters.h"

void letters_init(letters *l)
{
    *l = (letters){.count = 0};
    pthread_mutex_init(&l->lock, NULL);
    for (size_t i = 0; i < LETTERS_MAX; i++) {
        hr_buf_init(&l->waiting[i], DEAD_LETTER_MESSAGE_MAX);
    }
}

void letters_fini(letters *l)
{
    for (size_t i = 0; i < LETTERS_MAX; i++) {
        hr_buf_fini(&l->waiting[i]);
    }
    pthread_mutex_destroy(&l->lock);
}

void letters_put(letters *l, const dead_letter *letter)
{
    pthread_mutex_lock(&l->lock);
    if (l->count < LETTERS_MAX) {
        /* One that found no memory is dropped when its turn comes. */
        dead_letter_write(letter, &l->waiting[(l->first + l->count) % LETTERS_MAX]);
        l->count++;
    }
    pthread_mutex_unlock(&l->lock);
}

bool letters_take(letters *l, hr_buf *message)
{
    pthread_mutex_lock(&l->lock);
    bool is_any = l->count > 0;
    bool is_whole = is_any && hr_buf_err(&l->waiting[l->first]) == HR_OK;
    if (is_whole) {
        hr_buf_put(message, l->waiting[l->first].data, l->waiting[l->first].size);
    }
    if (is_any) {
        hr_buf *from = &l->waiting[l->first];
        /* Its memory goes with it: most gateways never have another. */
        hr_buf_fini(from);
        hr_buf_init(from, DEAD_LETTER_MESSAGE_MAX);
        l->first = (l->first + 1) % LETTERS_MAX;
        l->count--;
    }
    pthread_mutex_unlock(&l->lock);
    return is_whole;
}

bool letters_are_waiting(letters *l)
{
    pthread_mutex_lock(&l->lock);
    bool is_any = l->count > 0;
    pthread_mutex_unlock(&l->lock);
    return is_any;
}
