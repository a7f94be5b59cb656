/* core/log/file_index.c - a closed file's index rows beside it, so that opening need not read it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "file.h"

/* u32 magic, u32 crc of all behind it, u64 log_id, u64 seq, u64 base, u64 end, i64 newest_ms, u32
 * row_count, u32 row_width, then the rows. It can always be made again, so it is not synced. */
#define INDEX_MAGIC 0x31584948u /* "HIX1" */
#define INDEX_BYTES_MAX (256u << 20)

hr_err file_index_save(const journal_files *files, journal_file *file, uint64_t log_id,
                       uint64_t *written)
{
    uint32_t width = (uint32_t)file_row_width(files->layout);
    log_position end = atomic_load_explicit(&file->end, memory_order_relaxed);
    hr_buf out;
    hr_buf_init(&out, INDEX_BYTES_MAX);
    hr_buf_put_u32(&out, INDEX_MAGIC);
    hr_buf_put_u32(&out, 0);
    hr_buf_put_u64(&out, log_id);
    hr_buf_put_u64(&out, file->seq);
    hr_buf_put_u64(&out, file->base);
    hr_buf_put_u64(&out, end);
    hr_buf_put_u64(&out, (uint64_t)file->newest_ms);
    hr_buf_put_u32(&out, file->row_count);
    hr_buf_put_u32(&out, width);
    for (size_t i = 0; i < (size_t)file->row_count * width; i++) {
        hr_buf_put_u64(&out, (uint64_t)file->rows[i]);
    }
    hr_err err = hr_buf_err(&out);
    if (err == HR_OK) {
        char name[FILE_NAME_BYTES];
        hr_store_u32(out.data + 4, hr_crc32c(0, out.data + 8, out.size - 8));
        file_name(name, file->seq, "idx");
        int failed = disk_write_new(files->folder, name, out.data, out.size);
        *written = out.size;
        err = hr_err_from_errno(failed);
    }
    hr_buf_fini(&out);
    return err;
}

static hr_err parse(const journal_files *files, journal_file *file, uint64_t log_id, hr_cursor *in)
{
    uint32_t width = (uint32_t)file_row_width(files->layout);
    bool fits = hr_cursor_u64(in) == log_id;
    fits &= hr_cursor_u64(in) == file->seq;
    fits &= hr_cursor_u64(in) == file->base;
    fits &= hr_cursor_u64(in) == atomic_load_explicit(&file->end, memory_order_relaxed);
    int64_t newest_ms = (int64_t)hr_cursor_u64(in);
    uint32_t count = hr_cursor_u32(in);
    fits &= hr_cursor_u32(in) == width;
    if (!fits || in->short_read || hr_cursor_left(in) != (uint64_t)count * width * 8) {
        return HR_CORRUPT;
    }
    int64_t *rows = malloc((size_t)count * width * sizeof *rows + 1);
    if (rows == NULL) {
        return HR_NO_MEMORY;
    }
    for (size_t i = 0; i < (size_t)count * width; i++) {
        rows[i] = (int64_t)hr_cursor_u64(in);
    }
    free(file->rows);
    file->rows = rows;
    file->row_count = count;
    file->row_capacity = count;
    file->newest_ms = newest_ms;
    file->has_index = true;
    return HR_OK;
}

hr_err file_index_load(const journal_files *files, journal_file *file, uint64_t log_id)
{
    char name[FILE_NAME_BYTES];
    uint8_t *bytes = NULL;
    size_t size = 0;
    file_name(name, file->seq, "idx");
    int failed = disk_load(files->folder, name, INDEX_BYTES_MAX, &bytes, &size);
    if (failed != 0) {
        return failed == ENOMEM ? HR_NO_MEMORY : HR_CORRUPT;
    }
    hr_cursor in = hr_cursor_of(bytes, size);
    uint32_t magic = hr_cursor_u32(&in);
    uint32_t crc = hr_cursor_u32(&in);
    hr_err err = HR_CORRUPT;
    if (!in.short_read && magic == INDEX_MAGIC && crc == hr_crc32c(0, bytes + 8, size - 8)) {
        err = parse(files, file, log_id, &in);
    }
    free(bytes);
    return err;
}
