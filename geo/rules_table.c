/* geo/rules_table.c - fences by slot and by id, copied where they are written. */
#include "rules_table.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "geo/index.h"

static void count_up(atomic_uint_fast32_t *refs)
{
    atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

/* Whether that was the last one. */
static bool count_down(atomic_uint_fast32_t *refs)
{
    return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

/* Nobody else can come to hold it: references are only made from references. */
static bool is_own(atomic_uint_fast32_t *refs)
{
    return atomic_load_explicit(refs, memory_order_acquire) == 1;
}

static void page_unref(fence_page *page)
{
    if (count_down(&page->refs)) {
        for (uint32_t i = 0; i < FENCE_PAGE_SLOTS; i++) {
            geo_fence_unref(page->fences[i]);
        }
        free(page);
    }
}

static void run_unref(fence_run *run)
{
    if (count_down(&run->refs)) {
        free(run);
    }
}

geo_err fence_table_new(fence_table **out)
{
    fence_table *table = calloc(1, sizeof *table);
    if (table == NULL) {
        return GEO_NO_MEMORY;
    }
    atomic_init(&table->refs, 1);
    *out = table;
    return GEO_OK;
}

fence_table *fence_table_ref(fence_table *table)
{
    count_up(&table->refs);
    return table;
}

void fence_table_unref(fence_table *table)
{
    if (table == NULL || !count_down(&table->refs)) {
        return;
    }
    for (uint32_t i = 0; i < table->page_count; i++) {
        page_unref(table->pages[i]);
    }
    for (uint32_t i = 0; i < table->run_count; i++) {
        run_unref(table->runs[i]);
    }
    free(table->pages);
    free(table->runs);
    free(table->run_starts);
    free(table);
}

/* ---- reading ---- */

static const char *id_at(const fence_table *table, uint32_t slot)
{
    return fence_table_at(table, slot)->id;
}

/* Where an id is, or would be put in. */
typedef struct place {
    uint32_t run;
    uint32_t at;
    bool found;
} place;

static place find_place(const fence_table *table, const char *id)
{
    uint32_t low = 0;
    uint32_t high = table->run_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        *(strcmp(id_at(table, table->runs[middle]->slots[0]), id) <= 0 ? &low : &high) = middle;
    }
    place found = {.run = low};
    uint32_t end = table->run_count == 0 ? 0 : table->runs[low]->count;
    while (found.at < end && !found.found) {
        uint32_t middle = found.at + (end - found.at) / 2;
        int order = strcmp(id_at(table, table->runs[low]->slots[middle]), id);
        found.found = order == 0;
        found.at = order == 0 ? middle : order < 0 ? middle + 1 : found.at;
        end = order > 0 ? middle : end;
    }
    return found;
}

uint32_t fence_table_find(const fence_table *table, const char *id)
{
    place at = find_place(table, id);
    return at.found ? table->runs[at.run]->slots[at.at] : GEO_NO_SLOT;
}

uint32_t fence_table_by_rank(const fence_table *table, uint32_t rank)
{
    if (rank >= table->fence_count) {
        return GEO_NO_SLOT;
    }
    uint32_t low = 0;
    uint32_t high = table->run_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        *(table->run_starts[middle] <= rank ? &low : &high) = middle;
    }
    return table->runs[low]->slots[rank - table->run_starts[low]];
}

uint32_t fence_table_free_slot(const fence_table *table, uint32_t from)
{
    uint32_t slot = from;
    while (slot < table->slot_count) {
        const fence_page *page = table->pages[slot / FENCE_PAGE_SLOTS];
        if (page->used == FENCE_PAGE_SLOTS) {
            slot += FENCE_PAGE_SLOTS - slot % FENCE_PAGE_SLOTS;
        } else if (page->fences[slot % FENCE_PAGE_SLOTS] != NULL) {
            slot++;
        } else {
            break;
        }
    }
    return slot;
}

/* ---- copying what is shared ---- */

/* Room for that many pages and runs. */
static geo_err reserve(fence_table *table, uint32_t page_count, uint32_t run_count)
{
    if (page_count > table->page_capacity) {
        uint32_t capacity = page_count + page_count / 2 + 4;
        fence_page **pages = realloc(table->pages, capacity * sizeof(fence_page *));
        if (pages == NULL) {
            return GEO_NO_MEMORY;
        }
        table->pages = pages;
        table->page_capacity = capacity;
    }
    if (run_count > table->run_capacity) {
        uint32_t capacity = run_count + run_count / 2 + 4;
        fence_run **runs = realloc(table->runs, capacity * sizeof(fence_run *));
        table->runs = runs != NULL ? runs : table->runs;
        uint32_t *starts = realloc(table->run_starts, capacity * sizeof *starts);
        table->run_starts = starts != NULL ? starts : table->run_starts;
        if (runs == NULL || starts == NULL) {
            return GEO_NO_MEMORY;
        }
        table->run_capacity = capacity;
    }
    return GEO_OK;
}

static geo_err own_table(fence_table **table)
{
    fence_table *shared = *table;
    fence_table *own = NULL;
    if (is_own(&shared->refs)) {
        return GEO_OK;
    }
    geo_err err = fence_table_new(&own);
    err = err == GEO_OK ? reserve(own, shared->page_count, shared->run_count) : err;
    if (err != GEO_OK) {
        fence_table_unref(own);
        return err;
    }
    own->slot_count = shared->slot_count;
    own->fence_count = shared->fence_count;
    own->page_count = shared->page_count;
    own->run_count = shared->run_count;
    own->span = shared->span;
    for (uint32_t i = 0; i < own->page_count; i++) {
        own->pages[i] = shared->pages[i];
        count_up(&own->pages[i]->refs);
    }
    for (uint32_t i = 0; i < own->run_count; i++) {
        own->runs[i] = shared->runs[i];
        own->run_starts[i] = shared->run_starts[i];
        count_up(&own->runs[i]->refs);
    }
    fence_table_unref(shared);
    *table = own;
    return GEO_OK;
}

static fence_page *page_new(void)
{
    fence_page *page = calloc(1, sizeof *page);
    if (page != NULL) {
        atomic_init(&page->refs, 1);
    }
    return page;
}

static geo_err own_page(fence_table *table, uint32_t number)
{
    fence_page *shared = table->pages[number];
    if (is_own(&shared->refs)) {
        return GEO_OK;
    }
    fence_page *own = page_new();
    if (own == NULL) {
        return GEO_NO_MEMORY;
    }
    own->used = shared->used;
    for (uint32_t i = 0; i < FENCE_PAGE_SLOTS; i++) {
        own->fences[i] = geo_fence_ref(shared->fences[i]);
    }
    page_unref(shared);
    table->pages[number] = own;
    return GEO_OK;
}

static fence_run *run_new(const uint32_t *slots, uint32_t count)
{
    fence_run *run = malloc(sizeof *run);
    if (run != NULL) {
        atomic_init(&run->refs, 1);
        run->count = count;
        memcpy(run->slots, slots, count * sizeof *slots);
    }
    return run;
}

static geo_err own_run(fence_table *table, uint32_t number)
{
    fence_run *shared = table->runs[number];
    if (is_own(&shared->refs)) {
        return GEO_OK;
    }
    fence_run *own = run_new(shared->slots, shared->count);
    if (own == NULL) {
        return GEO_NO_MEMORY;
    }
    run_unref(shared);
    table->runs[number] = own;
    return GEO_OK;
}

/* ---- writing; the table is the caller's own ---- */

/* Let there be pages up to that of the slot. */
static geo_err grow_pages(fence_table *table, uint32_t slot)
{
    uint32_t page_count = slot / FENCE_PAGE_SLOTS + 1;
    geo_err err = reserve(table, page_count, table->run_count);
    while (err == GEO_OK && table->page_count < page_count) {
        fence_page *page = page_new();
        if (page == NULL) {
            return GEO_NO_MEMORY;
        }
        table->pages[table->page_count++] = page;
    }
    return err;
}

/* Put a run in at `number`; there is room for it. */
static void add_run(fence_table *table, uint32_t number, fence_run *run, uint32_t start)
{
    uint32_t behind = table->run_count - number;
    memmove(table->runs + number + 1, table->runs + number, behind * sizeof(fence_run *));
    memmove(table->run_starts + number + 1, table->run_starts + number,
            behind * sizeof *table->run_starts);
    table->runs[number] = run;
    table->run_starts[number] = start;
    table->run_count++;
}

/* Begin a run behind all others. */
static geo_err append_run(fence_table *table, place *at)
{
    fence_run *run = run_new((const uint32_t[]){0}, 0);
    if (run == NULL) {
        return GEO_NO_MEMORY;
    }
    *at = (place){.run = table->run_count};
    add_run(table, table->run_count, run, table->fence_count);
    return GEO_OK;
}

static geo_err halve_run(fence_table *table, place *at)
{
    const uint32_t half = FENCE_RUN_SLOTS / 2;
    geo_err err = own_run(table, at->run);
    if (err != GEO_OK) {
        return err;
    }
    fence_run *whole = table->runs[at->run];
    fence_run *behind = run_new(whole->slots + half, FENCE_RUN_SLOTS - half);
    if (behind == NULL) {
        return GEO_NO_MEMORY;
    }
    add_run(table, at->run + 1, behind, table->run_starts[at->run] + half);
    whole->count = half;
    if (at->at > half) {
        at->run++;
        at->at -= half;
    }
    return GEO_OK;
}

/* Where an id is to be put in, let there be a run that is the table's own and not full. Ids often
 * come in their order, and then leave full runs behind them. */
static geo_err make_room(fence_table *table, place *at)
{
    if (at->run < table->run_count && table->runs[at->run]->count < FENCE_RUN_SLOTS) {
        return own_run(table, at->run);
    }
    geo_err err = reserve(table, table->page_count, table->run_count + 1);
    if (err != GEO_OK) {
        return err;
    }
    bool behind_all =
        at->run + 1 >= table->run_count && (table->run_count == 0 || at->at == FENCE_RUN_SLOTS);
    return behind_all ? append_run(table, at) : halve_run(table, at);
}

static uint64_t span_of(const geo_fence *fence)
{
    return geo_index_span(fence->area) + (fence->zone != NULL ? geo_index_span(fence->zone) : 0);
}

geo_err fence_table_insert(fence_table **table, const geo_fence *fence, uint32_t slot)
{
    const uint64_t span = (*table)->span + span_of(fence);
    if (span > GEO_INDEX_SPAN_MAX) {
        return GEO_TOO_BIG;
    }
    geo_err err = own_table(table);
    err = err == GEO_OK ? grow_pages(*table, slot) : err;
    err = err == GEO_OK ? own_page(*table, slot / FENCE_PAGE_SLOTS) : err;
    if (err != GEO_OK) {
        return err;
    }
    fence_table *t = *table;
    place at = find_place(t, fence->id);
    assert(!at.found && fence_table_at(t, slot) == NULL);
    err = make_room(t, &at);
    if (err != GEO_OK) {
        return err;
    }
    fence_run *run = t->runs[at.run];
    memmove(run->slots + at.at + 1, run->slots + at.at, (run->count - at.at) * sizeof *run->slots);
    run->slots[at.at] = slot;
    run->count++;
    for (uint32_t i = at.run + 1; i < t->run_count; i++) {
        t->run_starts[i]++;
    }
    fence_page *page = t->pages[slot / FENCE_PAGE_SLOTS];
    page->fences[slot % FENCE_PAGE_SLOTS] = geo_fence_ref(fence);
    page->used++;
    t->fence_count++;
    t->span = span;
    t->slot_count = slot < t->slot_count ? t->slot_count : slot + 1;
    return GEO_OK;
}

geo_err fence_table_replace(fence_table **table, const geo_fence *fence, uint32_t slot)
{
    const uint64_t span = (*table)->span - span_of(fence_table_at(*table, slot)) + span_of(fence);
    if (span > GEO_INDEX_SPAN_MAX) {
        return GEO_TOO_BIG;
    }
    geo_err err = own_table(table);
    err = err == GEO_OK ? own_page(*table, slot / FENCE_PAGE_SLOTS) : err;
    if (err == GEO_OK) {
        const geo_fence **at =
            &(*table)->pages[slot / FENCE_PAGE_SLOTS]->fences[slot % FENCE_PAGE_SLOTS];
        const geo_fence *old = *at;
        *at = geo_fence_ref(fence);
        geo_fence_unref(old);
        (*table)->span = span;
    }
    return err;
}

geo_err fence_table_remove(fence_table **table, uint32_t slot)
{
    geo_err err = own_table(table);
    place at = {0};
    if (err == GEO_OK) {
        at = find_place(*table, id_at(*table, slot));
        assert(at.found);
        err = own_page(*table, slot / FENCE_PAGE_SLOTS);
    }
    err = err == GEO_OK ? own_run(*table, at.run) : err;
    if (err != GEO_OK) {
        return err;
    }
    fence_table *t = *table;
    fence_run *run = t->runs[at.run];
    run->count--;
    memmove(run->slots + at.at, run->slots + at.at + 1, (run->count - at.at) * sizeof *run->slots);
    for (uint32_t i = at.run + 1; i < t->run_count; i++) {
        t->run_starts[i]--;
    }
    if (run->count == 0) {
        uint32_t behind = t->run_count - at.run - 1;
        run_unref(run);
        memmove(t->runs + at.run, t->runs + at.run + 1, behind * sizeof(fence_run *));
        memmove(t->run_starts + at.run, t->run_starts + at.run + 1, behind * sizeof *t->run_starts);
        t->run_count--;
    }
    fence_page *page = t->pages[slot / FENCE_PAGE_SLOTS];
    t->span -= span_of(page->fences[slot % FENCE_PAGE_SLOTS]);
    geo_fence_unref(page->fences[slot % FENCE_PAGE_SLOTS]);
    page->fences[slot % FENCE_PAGE_SLOTS] = NULL;
    page->used--;
    t->fence_count--;
    return GEO_OK;
}
