/* tests/fault/power.c - keeps, for each watched file, what is surely on the disk and what may be.
 */
#include "fault/power.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODES_MAX 4096
#define FDS_MAX 4096
#define NAME_MAX_BYTES 64
#define SECTOR_BYTES 512

typedef enum change_kind {
    CHANGE_WRITE,
    CHANGE_SIZE,
    CHANGE_LINK, /* of the folder: name -> node */
    CHANGE_RENAME,
    CHANGE_UNLINK,
} change_kind;

typedef struct change {
    change_kind kind;
    uint64_t serial;
    size_t at;
    size_t size;
    uint8_t *bytes;
    int node;
    char from[NAME_MAX_BYTES];
    char to[NAME_MAX_BYTES];
} change;

typedef struct changes {
    change *list;
    size_t count;
    size_t capacity;
} changes;

typedef struct node {
    uint8_t *bytes; /* what is surely on the disk */
    size_t size;
    size_t live_size;
    changes pending;
} node;

typedef struct link_entry {
    char name[NAME_MAX_BYTES];
    int node; /* -1: free */
} link_entry;

#define LINKS_MAX 512
typedef struct links {
    link_entry list[LINKS_MAX];
} links;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects everything below */
static bool is_on;
static char watched[256];
static node nodes[NODES_MAX];
static int node_count;
static int fd_nodes[FDS_MAX]; /* 0: not ours; n + 1: node n; -1: the folder */
static links live_links;
static links durable_links;
static changes folder_pending;
static uint64_t serial;
static uint64_t random_state;

static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static uint64_t next_random(void)
{
    random_state += 0x9e3779b97f4a7c15u;
    uint64_t x = random_state;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static change *add_change(changes *to, change_kind kind)
{
    if (to->count == to->capacity) {
        to->capacity = to->capacity > 0 ? to->capacity * 2 : 16;
        to->list = must(realloc(to->list, to->capacity * sizeof *to->list));
    }
    change *made = &to->list[to->count++];
    *made = (change){.kind = kind, .serial = ++serial};
    return made;
}

static void drop_changes(changes *of, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(of->list[i].bytes);
    }
    if (count > 0) {
        memmove(of->list, of->list + count, (of->count - count) * sizeof *of->list);
        of->count -= count;
    }
}

static link_entry *find_link(links *in, const char *name)
{
    for (int i = 0; i < LINKS_MAX; i++) {
        if (in->list[i].node >= 0 && strcmp(in->list[i].name, name) == 0) {
            return &in->list[i];
        }
    }
    return NULL;
}

static void set_link(links *in, const char *name, int to)
{
    link_entry *entry = find_link(in, name);
    for (int i = 0; entry == NULL && i < LINKS_MAX; i++) {
        if (in->list[i].node < 0) {
            entry = &in->list[i];
        }
    }
    must(entry);
    if (strlen(name) >= sizeof entry->name) {
        abort();
    }
    memcpy(entry->name, name, strlen(name) + 1);
    entry->node = to;
}

static void clear_links(links *in)
{
    for (int i = 0; i < LINKS_MAX; i++) {
        in->list[i].node = -1;
    }
}

static void apply_link_change(links *in, const change *c)
{
    link_entry *from = find_link(in, c->from);
    if (c->kind == CHANGE_LINK) {
        set_link(in, c->to, c->node);
    } else if (from != NULL) {
        int moved = from->node;
        from->node = -1;
        if (c->kind == CHANGE_RENAME) {
            set_link(in, c->to, moved);
        }
    }
}

static void resize(node *n, size_t size)
{
    n->bytes = must(realloc(n->bytes, size + 1));
    if (size > n->size) {
        memset(n->bytes + n->size, 0, size - n->size);
    }
    n->size = size;
}

static void apply_bytes(node *n, const change *c, size_t from, size_t size)
{
    if (c->at + from + size > n->size) {
        resize(n, c->at + from + size);
    }
    memcpy(n->bytes + c->at + from, c->bytes + from, size);
}

static void apply_change(node *n, const change *c)
{
    if (c->kind == CHANGE_SIZE) {
        resize(n, c->size);
    } else {
        apply_bytes(n, c, 0, c->size);
    }
}

/* The name within the watched folder; NULL when the path is not in it. */
static const char *name_in_folder(const char *path)
{
    size_t size = strlen(watched);
    if (strncmp(path, watched, size) != 0 || path[size] != '/') {
        return NULL;
    }
    return strlen(path + size + 1) < NAME_MAX_BYTES ? path + size + 1 : NULL;
}

static int new_node(void)
{
    if (node_count == NODES_MAX) {
        abort();
    }
    nodes[node_count] = (node){0};
    return node_count++;
}

static node *node_of(int fd)
{
    return is_on && fd >= 0 && fd < FDS_MAX && fd_nodes[fd] > 0 ? &nodes[fd_nodes[fd] - 1] : NULL;
}

void power_note_open(int fd, const char *path, int flags)
{
    pthread_mutex_lock(&lock);
    if (!is_on || fd < 0 || fd >= FDS_MAX) {
        goto out;
    }
    fd_nodes[fd] = strcmp(path, watched) == 0 ? -1 : 0;
    const char *name = name_in_folder(path);
    if (name == NULL) {
        goto out;
    }
    link_entry *entry = find_link(&live_links, name);
    int which = entry != NULL ? entry->node : new_node();
    if (entry == NULL) {
        set_link(&live_links, name, which);
        change *made = add_change(&folder_pending, CHANGE_LINK);
        made->node = which;
        snprintf(made->to, sizeof made->to, "%s", name);
    }
    fd_nodes[fd] = which + 1;
    if ((flags & O_TRUNC) != 0 && nodes[which].live_size > 0) {
        add_change(&nodes[which].pending, CHANGE_SIZE);
        nodes[which].live_size = 0;
    }
out:
    pthread_mutex_unlock(&lock);
}

void power_note_write(int fd, const void *bytes, size_t size, off_t at)
{
    pthread_mutex_lock(&lock);
    node *n = node_of(fd);
    if (n != NULL && size > 0) {
        change *made = add_change(&n->pending, CHANGE_WRITE);
        made->at = (size_t)at;
        made->size = size;
        made->bytes = must(malloc(size));
        memcpy(made->bytes, bytes, size);
        n->live_size = made->at + size > n->live_size ? made->at + size : n->live_size;
    }
    pthread_mutex_unlock(&lock);
}

void power_note_size(int fd, off_t size, bool may_shrink)
{
    pthread_mutex_lock(&lock);
    node *n = node_of(fd);
    if (n != NULL && (may_shrink || (size_t)size > n->live_size)) {
        add_change(&n->pending, CHANGE_SIZE)->size = (size_t)size;
        n->live_size = (size_t)size;
    }
    pthread_mutex_unlock(&lock);
}

void power_note_rename(const char *from, const char *to)
{
    pthread_mutex_lock(&lock);
    const char *old_name = is_on ? name_in_folder(from) : NULL;
    const char *new_name = is_on ? name_in_folder(to) : NULL;
    if (old_name != NULL && new_name != NULL) {
        change *made = add_change(&folder_pending, CHANGE_RENAME);
        snprintf(made->from, sizeof made->from, "%s", old_name);
        snprintf(made->to, sizeof made->to, "%s", new_name);
        apply_link_change(&live_links, made);
    }
    pthread_mutex_unlock(&lock);
}

void power_note_unlink(const char *path)
{
    pthread_mutex_lock(&lock);
    const char *name = is_on ? name_in_folder(path) : NULL;
    if (name != NULL) {
        change *made = add_change(&folder_pending, CHANGE_UNLINK);
        snprintf(made->from, sizeof made->from, "%s", name);
        apply_link_change(&live_links, made);
    }
    pthread_mutex_unlock(&lock);
}

uint64_t power_sync_begins(int fd)
{
    (void)fd;
    pthread_mutex_lock(&lock);
    uint64_t now = serial;
    pthread_mutex_unlock(&lock);
    return now;
}

void power_sync_ends(int fd, uint64_t begun)
{
    pthread_mutex_lock(&lock);
    node *n = node_of(fd);
    changes *pending = n != NULL ? &n->pending : &folder_pending;
    bool is_folder = is_on && fd >= 0 && fd < FDS_MAX && fd_nodes[fd] == -1;
    size_t count = 0;
    if (n != NULL || is_folder) {
        for (; count < pending->count && pending->list[count].serial <= begun; count++) {
            if (is_folder) {
                apply_link_change(&durable_links, &pending->list[count]);
            } else {
                apply_change(n, &pending->list[count]);
            }
        }
        drop_changes(pending, count);
    }
    pthread_mutex_unlock(&lock);
}

void power_sync_failed(int fd)
{
    pthread_mutex_lock(&lock);
    node *n = node_of(fd);
    if (n != NULL) {
        drop_changes(&n->pending, n->pending.count);
    }
    pthread_mutex_unlock(&lock);
}

static void forget_all(void)
{
    is_on = false;
    for (int i = 0; i < node_count; i++) {
        drop_changes(&nodes[i].pending, nodes[i].pending.count);
        free(nodes[i].pending.list);
        free(nodes[i].bytes);
    }
    node_count = 0;
    drop_changes(&folder_pending, folder_pending.count);
    memset(fd_nodes, 0, sizeof fd_nodes);
}

void power_forget(void)
{
    pthread_mutex_lock(&lock);
    forget_all();
    pthread_mutex_unlock(&lock);
}

static void load_node(node *n, const char *path)
{
    struct stat status;
    FILE *file = must(fopen(path, "rb"));
    must(stat(path, &status) == 0 ? &status : NULL);
    resize(n, (size_t)status.st_size);
    must(fread(n->bytes, 1, n->size, file) == n->size ? file : NULL);
    n->live_size = n->size;
    fclose(file);
}

static void watch_locked(void)
{
    clear_links(&live_links);
    clear_links(&durable_links);
    DIR *folder = opendir(watched);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char path[512];
        if (entry->d_name[0] == '.') {
            continue;
        }
        int which = new_node();
        snprintf(path, sizeof path, "%s/%.*s", watched, NAME_MAX_BYTES - 1, entry->d_name);
        load_node(&nodes[which], path);
        set_link(&live_links, entry->d_name, which);
        set_link(&durable_links, entry->d_name, which);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    is_on = true;
}

void power_watch(const char *folder)
{
    pthread_mutex_lock(&lock);
    forget_all();
    snprintf(watched, sizeof watched, "%s", folder);
    watch_locked();
    pthread_mutex_unlock(&lock);
}

/* How a disk may treat what it was not told to keep. */
typedef enum cut_manner {
    CUT_NOTHING_KEPT,
    CUT_ALL_KEPT,
    CUT_SECTORS_AT_RANDOM,
    CUT_CALLS_AT_RANDOM,
    CUT_FIRST_ONLY,
    CUT_LAST_ONLY,
    CUT_MANNERS,
} cut_manner;

static bool is_kept(cut_manner manner, size_t i, size_t count, size_t split)
{
    switch (manner) {
    case CUT_NOTHING_KEPT:
        return false;
    case CUT_ALL_KEPT:
        return true;
    case CUT_FIRST_ONLY:
        return i < split;
    case CUT_LAST_ONLY:
        return i + split >= count;
    default:
        return next_random() % 4 != 0;
    }
}

static void cut_node(node *n, cut_manner manner)
{
    size_t split = (size_t)(next_random() % (n->pending.count + 1));
    for (size_t i = 0; i < n->pending.count; i++) {
        const change *c = &n->pending.list[i];
        if (manner == CUT_SECTORS_AT_RANDOM && c->kind == CHANGE_WRITE) {
            /* Sectors are cut at the file's places, not at the write's. */
            for (size_t from = 0, size; from < c->size; from += size) {
                size = SECTOR_BYTES - (c->at + from) % SECTOR_BYTES;
                size = size < c->size - from ? size : c->size - from;
                if (next_random() % 2 == 0) {
                    apply_bytes(n, c, from, size);
                }
            }
        } else if (is_kept(manner, i, n->pending.count, split)) {
            apply_change(n, c);
        }
    }
}

static void write_links(void)
{
    for (int i = 0; i < LINKS_MAX; i++) {
        const link_entry *entry = &durable_links.list[i];
        char path[512];
        if (entry->node < 0) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", watched, entry->name);
        FILE *file = must(fopen(path, "wb"));
        const node *n = &nodes[entry->node];
        if (n->size > 0) {
            must(fwrite(n->bytes, 1, n->size, file) == n->size ? file : NULL);
        }
        must(fclose(file) == 0 ? file : NULL);
    }
}

static void empty_folder(void)
{
    DIR *folder = must(opendir(watched));
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[512];
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%.*s", watched, NAME_MAX_BYTES - 1, entry->d_name);
            unlink(path);
        }
    }
    closedir(folder);
}

void power_cut(uint64_t seed)
{
    pthread_mutex_lock(&lock);
    /* unlink() below comes through the hooks again, which must not wait for this lock. */
    bool was_on = is_on;
    is_on = false;
    pthread_mutex_unlock(&lock);
    if (!was_on) {
        return;
    }
    random_state = seed;
    cut_manner manner = (cut_manner)(next_random() % CUT_MANNERS);
    cut_manner name_manner = (cut_manner)(next_random() % CUT_MANNERS);
    size_t split = (size_t)(next_random() % (folder_pending.count + 1));
    for (size_t i = 0; i < folder_pending.count; i++) {
        if (is_kept(name_manner, i, folder_pending.count, split)) {
            apply_link_change(&durable_links, &folder_pending.list[i]);
        }
    }
    for (int i = 0; i < node_count; i++) {
        cut_node(&nodes[i], manner);
    }
    empty_folder();
    write_links();
    pthread_mutex_lock(&lock);
    forget_all();
    watch_locked();
    pthread_mutex_unlock(&lock);
}
