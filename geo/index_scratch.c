/* geo/index_scratch.c - a stack of memory made of chunks. */
#include "index_scratch.h"

#include <stdlib.h>

#define ALIGN_BYTES ((size_t)16)
#define CHUNK_BYTES_MIN ((size_t)64 << 10)

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

void index_scratch_fini(index_scratch *scratch)
{
    index_scratch_shrink(scratch, 0);
}

void *index_scratch_get(index_scratch *scratch, size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX / 4) / size) {
        return NULL;
    }
    size_t bytes = aligned(count * size);
    index_scratch_chunk *chunk = scratch->chunk;
    if (chunk != NULL && chunk->room - scratch->used >= bytes) {
        void *memory = chunk->bytes + scratch->used;
        scratch->used += bytes;
        return memory;
    }
    /* The next chunk may be too small for this piece: then a bigger one goes before it. */
    index_scratch_chunk **place = chunk != NULL ? &chunk->next : &scratch->first;
    if (*place == NULL || (*place)->room < bytes) {
        size_t room = chunk != NULL ? chunk->room * 2 : CHUNK_BYTES_MIN;
        room = room < bytes ? bytes : room;
        if (!index_budget_take(scratch->budget, room)) {
            return NULL;
        }
        index_scratch_chunk *fresh = malloc(sizeof *fresh + room);
        if (fresh == NULL) {
            index_budget_give(scratch->budget, room);
            return NULL;
        }
        fresh->room = room;
        fresh->next = *place;
        *place = fresh;
    }
    scratch->chunk = *place;
    scratch->used = bytes;
    return scratch->chunk->bytes;
}

void index_scratch_trim(index_scratch *scratch, void *newest, size_t count, size_t size)
{
    scratch->used = (size_t)((uint8_t *)newest - scratch->chunk->bytes) + aligned(count * size);
}

index_scratch_mark index_scratch_here(const index_scratch *scratch)
{
    return (index_scratch_mark){scratch->chunk, scratch->used};
}

void index_scratch_back(index_scratch *scratch, index_scratch_mark mark)
{
    scratch->chunk = mark.chunk;
    scratch->used = mark.used;
}

void index_scratch_shrink(index_scratch *scratch, size_t bytes_max)
{
    size_t bytes = 0;
    for (index_scratch_chunk **place = &scratch->first; *place != NULL;) {
        index_scratch_chunk *chunk = *place;
        if (bytes + chunk->room > bytes_max) {
            *place = chunk->next;
            index_budget_give(scratch->budget, chunk->room);
            free(chunk);
        } else {
            bytes += chunk->room;
            place = &chunk->next;
        }
    }
    scratch->chunk = NULL;
    scratch->used = 0;
}

size_t index_scratch_bytes(const index_scratch *scratch)
{
    size_t bytes = 0;
    for (const index_scratch_chunk *chunk = scratch->first; chunk != NULL; chunk = chunk->next) {
        bytes += sizeof *chunk + chunk->room;
    }
    return bytes;
}
