/* geo/index_unseen.c - see index_unseen.h. */
#include "index_unseen.h"

#include <stdlib.h>
#include <string.h>

#define WORD_BITS 64
#define MADE_KEPT 4096 /* room that stays for the next changes */

void index_unseen_fini(index_unseen *unseen)
{
    free(unseen->made.items);
    free(unseen->bits);
    *unseen = (index_unseen){0};
}

static bool make_room(index_unseen *unseen, const index_arena *arena)
{
    const size_t words = arena->top_bytes / ARENA_UNIT_BYTES / WORD_BITS + 1;
    if (words <= unseen->word_count) {
        return true;
    }
    const size_t room = words + words / 4;
    uint64_t *bits = realloc(unseen->bits, room * sizeof *bits);
    if (bits == NULL) {
        return false;
    }
    memset(bits + unseen->word_count, 0, (room - unseen->word_count) * sizeof *bits);
    unseen->bits = bits;
    unseen->word_count = room;
    return true;
}

void index_unseen_note(index_unseen *unseen, const index_arena *arena)
{
    if (unseen->marked == unseen->made.count || !make_room(unseen, arena)) {
        return;
    }
    for (; unseen->marked < unseen->made.count; unseen->marked++) {
        const uint32_t unit = unseen->made.items[unseen->marked].unit;
        unseen->bits[unit / WORD_BITS] |= 1ull << unit % WORD_BITS;
    }
}

/* Whether the block is one of them; it is none any longer. */
static bool take(index_unseen *unseen, uint32_t unit)
{
    const size_t word = unit / WORD_BITS;
    const uint64_t bit = 1ull << unit % WORD_BITS;
    if (word >= unseen->word_count || (unseen->bits[word] & bit) == 0) {
        return false;
    }
    unseen->bits[word] &= ~bit;
    return true;
}

void index_unseen_free(index_unseen *unseen, index_garbage *retired, size_t first,
                       index_arena *arena)
{
    size_t kept = first;
    for (size_t i = first; i < retired->count; i++) {
        const index_garbage_item item = retired->items[i];
        if (take(unseen, item.unit)) {
            index_arena_free(arena, item.unit, item.bytes);
        } else {
            retired->items[kept++] = item;
        }
    }
    retired->count = kept;
}

void index_unseen_forget(index_unseen *unseen)
{
    free(unseen->bits);
    unseen->bits = NULL;
    unseen->word_count = 0;
    unseen->marked = 0;
    unseen->made.count = 0;
    if (unseen->made.room > MADE_KEPT) {
        free(unseen->made.items);
        unseen->made = (index_garbage){0};
    }
}

size_t index_unseen_bytes(const index_unseen *unseen)
{
    return unseen->made.room * sizeof(index_garbage_item) + unseen->word_count * sizeof(uint64_t);
}
