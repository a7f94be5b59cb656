/* api/data_folder.h - the folder that holds everything: made, locked, its format checked. */
#ifndef API_DATA_FOLDER_H
#define API_DATA_FOLDER_H

#include <stdbool.h>

#include "base/err.h"

#define API_DATA_FORMAT 1        /* a folder of a higher number is refused by name */
#define API_DATA_PATH_MAX 1280   /* longer paths are refused */
#define API_DATA_ID_TEXT_SIZE 17 /* 16 hexadecimal digits */

/* Opaque. Threads: opened and closed by one; the getters from any. */
typedef struct api_data_folder api_data_folder;

/* Make the folder if it is absent (readable by its owner only), take DATA/lock, check DATA/FORMAT.
 * *out is closed with api_data_folder_close.
 * HR_LOCKED: another process has it (why names its id). HR_TOO_NEW: a newer format.
 * HR_CORRUPT: DATA/FORMAT is not ours. HR_DENIED, HR_NO_SPACE, HR_IO as they come. */
HR_MUST_USE hr_err api_data_folder_open(const char *path, api_data_folder **out, hr_why *why);

/* Gives the lock back. NULL is fine. */
void api_data_folder_close(api_data_folder *folder);

/* Borrowed, valid until closed. The id is random and stays: it is the epoch that clients resume. */
const char *api_data_folder_path(const api_data_folder *folder);
const char *api_data_folder_id(const api_data_folder *folder);

/* DATA/name into text. HR_TOO_BIG: longer than API_DATA_PATH_MAX. */
HR_MUST_USE hr_err api_data_folder_join(const api_data_folder *folder, const char *name,
                                        char text[API_DATA_PATH_MAX]);

#endif
