/* api/gzip.h - makes an answer's body smaller. */
#ifndef API_GZIP_H
#define API_GZIP_H

#include "base/buf.h"

/* Replace the body by its gzip form, at the quickest level. On an error it stays as it was.
 * HR_NO_MEMORY, HR_TOO_BIG: it would not become smaller. */
HR_MUST_USE hr_err api_gzip(hr_buf *body);

#endif
