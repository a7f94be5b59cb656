/* api/service.c - the order in which the parts start and stop. */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts.h"
#include "assets.h"
#include "base/logline.h"
#include "base/record.h"
#include "context.h"
#include "data_folder.h"
#include "dispatch.h"
#include "log/log.h"
#include "rate.h"
#include "replay.h"
#include "server.h"
#include "tiles.h"

#ifndef HR_VERSION
#define HR_VERSION "0"
#endif
#ifndef HR_ASSETS_FOLDER
#define HR_ASSETS_FOLDER "/usr/share/hedgerow/dashboard"
#endif

struct api_service {
    api_config config;
    api_data_folder *folder;
    hr_metrics *metrics;
    api_context context;
    api_relay relay;
    api_rates rates;
    bool has_rates;
    api_server *server;
    char setup_link[256];
};

static hr_err open_folder(api_service *service, hr_why *why)
{
    hr_err err = api_data_folder_open(service->config.data, &service->folder, why);
    if (err != HR_OK) {
        return err;
    }
    service->metrics = hr_metrics_new();
    service->context.clock = hr_clock_real();
    service->context.metrics = service->metrics;
    service->context.version = HR_VERSION;
    service->context.folder_id = api_data_folder_id(service->folder);
    service->context.origins = service->config.origins;
    service->context.hosts = service->config.hosts;
    service->context.started_ms = hr_clock_now_ms(service->context.clock);
    api_dispatch_init(&service->context);
    service->context.is_tls = service->config.tls_cert[0] != 0;
    api_rates_init(&service->rates, service->context.clock);
    service->has_rates = true;
    service->context.rates = &service->rates;
    service->context.replays = api_replays_new(service->context.clock);
    return service->metrics != NULL && service->context.replays != NULL ? HR_OK : HR_NO_MEMORY;
}

static hr_err open_accounts(api_service *service, hr_why *why)
{
    char path[API_DATA_PATH_MAX];
    hr_err err = api_data_folder_join(service->folder, "accounts.db", path);
    return err == HR_OK
               ? accounts_open(path, service->context.clock, &service->context.accounts, why)
               : err;
}

static void add_log_health(void *part, api_health_add *add, void *context)
{
    hr_why why = {.text = ""};
    if (log_health(part, &why) != HR_OK) {
        add(context, why.text);
    }
}

static hr_err open_log(api_service *service, hr_why *why)
{
    char path[API_DATA_PATH_MAX];
    const api_config *config = &service->config;
    const log_topic topics[HR_TOPICS] = {
        {"positions", (uint32_t)config->partitions}, {"events", 1}, {"dead", 1}};
    hr_err err = api_data_folder_join(service->folder, "journal", path);
    if (err != HR_OK) {
        return err;
    }
    /* The number of partitions is fixed when the log is made; after that it says so itself. */
    bool is_new = access(path, F_OK) != 0;
    log_options options = {
        .folder = path,
        .topics = is_new ? topics : NULL,
        .topic_count = is_new ? HR_TOPICS : 0,
        .clock = service->context.clock,
        .metrics = service->metrics,
        .retain_ms = config->retain_days * INT64_C(86400000),
        .retain_bytes = (uint64_t)config->retain_megabytes << 20,
        .lazy_types = UINT64_C(1) << HR_RECORD_TICK,
        .commit_min_gap_ms = (int32_t)config->commit_min_gap_ms,
    };
    err = log_open(&options, &service->context.log, why);
    if (err == HR_OK) {
        err = log_listen(service->context.log, api_relay_notify, &service->relay);
    }
    return err == HR_OK
               ? api_context_add_health(&service->context, add_log_health, service->context.log)
               : err;
}

/* The page works without a map file, and the service without the page. */
static hr_err open_files(api_service *service, hr_why *why)
{
    const char *assets = service->config.assets;
    hr_err err = HR_OK;
    if (assets[0] != 0 || access(HR_ASSETS_FOLDER, R_OK) == 0) {
        err = api_assets_load(assets[0] != 0 ? assets : HR_ASSETS_FOLDER, &service->context.assets,
                              why);
    }
    if (err == HR_OK && service->config.tiles[0] != 0) {
        err = api_tiles_open(service->config.tiles, &service->context.tiles, why);
    }
    return err;
}

static hr_err start_server(api_service *service, hr_why *why)
{
    api_server_options options = {
        .http = service->config.http,
        .tls_cert = service->config.tls_cert,
        .tls_key = service->config.tls_key,
        .relay = &service->relay,
        .context = &service->context,
    };
    return api_server_start(&options, &service->server, why);
}

/* Nobody has an account yet: say how to make the first one. The code proves that whoever uses it
 * can read what the service prints. */
static hr_err offer_setup(api_service *service, hr_why *why)
{
    if (accounts_has_owner(service->context.accounts)) {
        return HR_OK;
    }
    char code[ACCOUNTS_SECRET_SIZE];
    hr_err err = accounts_owner_link(service->context.accounts, code, why);
    if (err == HR_OK) {
        const char *host = service->config.http.host;
        bool is_v6 = strchr(host, ':') != NULL;
        snprintf(service->setup_link, sizeof service->setup_link, "%s://%s%s%s:%u/#setup=%s",
                 service->context.is_tls ? "https" : "http", is_v6 ? "[" : "", host,
                 is_v6 ? "]" : "", api_server_port(service->server), code);
    }
    return err;
}

const char *api_service_setup_link(const api_service *service)
{
    return service->setup_link[0] != 0 ? service->setup_link : NULL;
}

hr_err api_service_start(const api_config *config, api_service **out, hr_why *why)
{
    /* In this order; api_service_stop() takes them down in reverse. */
    static hr_err (*const steps[])(api_service *, hr_why *) = {
        open_folder, open_log, open_accounts, open_files, start_server, offer_setup};
    api_service *service = calloc(1, sizeof *service);
    if (service == NULL) {
        return HR_NO_MEMORY;
    }
    service->config = *config;
    api_relay_init(&service->relay);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        hr_err err = steps[i](service, why);
        if (err != HR_OK) {
            api_service_stop(service);
            return err;
        }
    }
    atomic_store(&service->context.ready, 1);
    *out = service;
    return HR_OK;
}

void api_service_stop(api_service *service)
{
    if (service == NULL) {
        return;
    }
    atomic_store(&service->context.ready, 0);
    api_server_stop(service->server);
    api_tiles_close(service->context.tiles);
    api_assets_free(service->context.assets);
    accounts_close(service->context.accounts);
    log_close(service->context.log);
    api_relay_fini(&service->relay);
    api_replays_free(service->context.replays);
    if (service->has_rates) {
        api_rates_fini(&service->rates);
    }
    hr_metrics_free(service->metrics);
    api_data_folder_close(service->folder);
    free(service);
}

uint16_t api_service_port(const api_service *service)
{
    return api_server_port(service->server);
}
