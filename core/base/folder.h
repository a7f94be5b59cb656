/* base/folder.h - what a new name, or one that has gone, needs to outlive a power cut. */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H

#include "base/err.h"

/* Files made, renamed or removed in that folder are so for good. */
HR_MUST_USE hr_err hr_folder_sync(const char *path, hr_why *why);

#endif
