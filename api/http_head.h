/* api/http_head.h - an answer as HTTP/1.1 bytes. */
#ifndef API_HTTP_HEAD_H
#define API_HTTP_HEAD_H

#include "request.h"

/* Append status line, headers and (unless without_body) the body. Errors gather in out. */
void http_head_write(hr_buf *out, const api_answer *answer, const char *request_id,
                     bool without_body);

#endif
