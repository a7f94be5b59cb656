/* api/local.h - how programs on this machine find the service and are let in: two small files.
 *
 * DATA/local-token holds an owner's token of this run, DATA/local-address where the API is served.
 * Whoever may read the data folder may read everything anyway, so this gives nothing away. */
#ifndef API_LOCAL_H
#define API_LOCAL_H

#include "accounts.h"
#include "data_folder.h"

/* Write both, readable by the folder's owner only. address is like "http://127.0.0.1:8080". */
HR_MUST_USE hr_err api_local_offer(const api_data_folder *folder, accounts *accounts,
                                   const char *address, hr_why *why);

/* DATA/local-setup: the link by which the owner chooses a password, while there is none; NULL takes
 * it away. */
HR_MUST_USE hr_err api_local_setup(const api_data_folder *folder, const char *link, hr_why *why);

/* A file of one line, without its line end. HR_NOT_FOUND: the service has never run here. */
#define API_LOCAL_TEXT_MAX 256
HR_MUST_USE hr_err api_local_read(const char *data, const char *name, char text[API_LOCAL_TEXT_MAX],
                                  hr_why *why);

#endif
