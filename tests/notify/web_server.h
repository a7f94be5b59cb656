/* tests/notify/web_server.h - a web server that remembers what was posted and answers as told. */
#ifndef NOTIFY_WEB_SERVER_H
#define NOTIFY_WEB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_POSTS_MAX 256

typedef struct web_post {
    char head[2048];
    char body[8192];
} web_post;

typedef struct web_server web_server;

web_server *web_server_new(void);
void web_server_free(web_server *server);
uint16_t web_server_port(const web_server *server);

/* Answer the next count posts with that status, all others with 204. status 0: never answer. */
void web_server_fail(web_server *server, int count, int status);

size_t web_server_count(web_server *server);

/* Copy of post i < count. */
void web_server_get(web_server *server, size_t i, web_post *post);

#endif
