/* api/service.c - the order in which the parts start and stop. */
#include "service.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "accounts.h"
#include "alerts.h"
#include "assets.h"
#include "base/logline.h"
#include "base/record.h"
#include "broker_url.h"
#include "catalog/catalog.h"
#include "catalog/device.h"
#include "context.h"
#include "data_folder.h"
#include "dispatch.h"
#include "engine/engine.h"
#include "engine/history.h"
#include "engine/query.h"
#include "farm.h"
#include "ingest/broker.h"
#include "ingest/ingest.h"
#include "ingest/presence.h"
#include "keeper.h"
#include "local.h"
#include "log/log.h"
#include "log/verify.h"
#include "notify/notify.h"
#include "rate.h"
#include "replay.h"
#include "server.h"
#include "tiles.h"
#include "webhooks.h"

#ifndef HR_VERSION
#define HR_VERSION "0"
#endif
#ifndef HR_ASSETS_FOLDER
#define HR_ASSETS_FOLDER "/usr/share/hedgerow/dashboard"
#endif

#define FILES_OF_THE_PARTS 256u
#define READY_POLL_MS 100
#define LOG_HARD_FACTOR 2
#define LOG_HARD_BYTES_MORE (UINT64_C(1) << 30) /* some files, however small the limit */
#define BROKER_POLL_MS 10
#define BROKER_WAIT_NS INT64_C(10000000000)

struct api_service {
    api_config config;
    api_data_folder *folder;
    hr_metrics *metrics;
    api_context context;
    api_relay relay;
    char catalog_path[API_DATA_PATH_MAX];
    char broker_folder[API_DATA_PATH_MAX];
    api_rates rates;
    bool has_rates;
    api_server *server;
    broker *broker; /* NULL while another one is used */
    char broker_addresses[API_CONFIG_TEXT_MAX];
    char broker_user[HR_USER_ID_MAX + 1];
    char broker_password[API_CONFIG_TEXT_MAX];
    ingest *ingest;
    notify *notify;
    keeper *keeper;
    api_stop_asked *stop_asked;
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
    service->context.logs_answers = strcmp(service->config.log_level, "debug") == 0;
    service->context.is_tls = service->config.tls_cert[0] != 0;
    api_rates_init(&service->rates, service->context.clock);
    service->has_rates = true;
    service->context.rates = &service->rates;
    service->context.replays = api_replays_new(service->context.clock);
    service->context.presence = presence_new(service->context.clock);
    if (service->metrics == NULL || service->context.replays == NULL ||
        service->context.presence == NULL) {
        return HR_NO_MEMORY;
    }
    service->context.broker_folder = service->config.broker[0] == 0 ? service->broker_folder : NULL;
    return api_data_folder_join(service->folder, "broker", service->broker_folder);
}

static hr_err open_accounts(api_service *service, hr_why *why)
{
    char path[API_DATA_PATH_MAX];
    hr_err err = api_data_folder_join(service->folder, "accounts.db", path);
    return err == HR_OK
               ? accounts_open(path, service->context.clock, &service->context.accounts, why)
               : err;
}

typedef struct losses {
    uint64_t places;
    uint64_t records;
} losses;

static void count_loss(const log_damage *damage, void *context)
{
    losses *lost = context;
    lost->places += !damage->has_records;
    lost->records +=
        damage->has_records ? (uint64_t)(damage->end_offset - damage->first_offset) : 0;
}

static void add_log_health(void *part, api_health_add *add, void *context)
{
    hr_why why = {.text = ""};
    losses lost = {0};
    if (log_health(part, &why) != HR_OK) {
        add(context, &why);
    }
    log_damage_each(part, count_loss, &lost);
    if (lost.places > 0 || lost.records > 0) {
        hr_why_set(&why, HR_CORRUPT,
                   "the journal is damaged: %llu records are lost; the disk or SD card may be worn "
                   "out, make a backup (`hedgerow log verify` tells what is lost)",
                   (unsigned long long)lost.records);
        hr_why_reason(&why, "log.damaged");
        hr_why_number(&why, "records", (int64_t)lost.records);
        add(context, &why);
    }
}

/* What is not yet in history.db stays in the log, but not without end: then nothing more is taken
 * until the historian comes on again. */
static uint64_t hard_bytes(const api_config *config)
{
    uint64_t retain_bytes = (uint64_t)config->retain_megabytes << 20;
    return retain_bytes > 0 ? retain_bytes * LOG_HARD_FACTOR + LOG_HARD_BYTES_MORE : 0;
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
        .hard_bytes = hard_bytes(config),
        .lazy_types = UINT64_C(1) << HR_RECORD_TICK,
        .kept_type = HR_RECORD_RULES,
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

static hr_err open_catalog(api_service *service, hr_why *why)
{
    geo_why geo = {.text = ""};
    hr_err err = api_data_folder_join(service->folder, "catalog.db", service->catalog_path);
    if (err != HR_OK) {
        return err;
    }
    service->context.catalog_path = service->catalog_path;
    geo_err result = catalog_open(service->catalog_path, &service->context.catalog, &geo);
    if (result != GEO_OK) {
        return hr_why_set(why,
                          result == GEO_TOO_NEW   ? HR_TOO_NEW
                          : result == GEO_CORRUPT ? HR_CORRUPT
                                                  : HR_IO,
                          "catalog.db: %s", geo.text[0] != 0 ? geo.text : geo_err_text(result));
    }
    return api_farm_open(service->context.catalog, &service->context.farm, why);
}

static void add_engine_health(void *part, api_health_add *add, void *context)
{
    hr_why why = {.text = ""};
    if (engine_health(part, &why) != HR_OK) {
        hr_why_reason(&why, "engine.failed");
        add(context, &why);
    } else if (!engine_is_ready(part)) {
        hr_why_set(&why, HR_TIMEOUT, "the log is still being replayed");
        hr_why_reason(&why, "engine.replays");
        add(context, &why);
    }
}

static hr_err start_engine(api_service *service, hr_why *why)
{
    char path[API_DATA_PATH_MAX];
    engine_options options = {
        .log = service->context.log,
        .catalog = service->context.catalog,
        .metrics = service->metrics,
        .folder = path,
        .thread_count = (uint32_t)service->config.worker_threads,
    };
    hr_err err = api_data_folder_join(service->folder, "checkpoint", path);
    if (err == HR_OK) {
        err = engine_start(&options, &service->context.engine, why);
    }
    if (err == HR_NOT_FOUND) {
        hr_why missing = *why;
        err =
            hr_why_set(why, HR_CORRUPT,
                       "catalog.db is older than the journal: it was deleted or replaced (%.200s)",
                       missing.text);
    }
    return err == HR_OK ? api_context_add_health(&service->context, add_engine_health,
                                                 service->context.engine)
                        : err;
}

static void add_history_health(void *part, api_health_add *add, void *context)
{
    hr_why why = {.text = ""};
    if (engine_history_health(part, &why) != HR_OK) {
        add(context, &why);
    }
}

/* Before anything lets go of old log files: it says how far they may. */
static hr_err start_history(api_service *service, hr_why *why)
{
    char path[API_DATA_PATH_MAX];
    const api_config *config = &service->config;
    engine_history_options options = {
        .log = service->context.log,
        .catalog = service->context.catalog,
        .clock = service->context.clock,
        .metrics = service->metrics,
        .path = path,
        .retain_ms = config->history_days * INT64_C(86400000),
        .retain_bytes = (uint64_t)config->history_megabytes << 20,
        .write_ms = config->history_write_seconds * 1000,
    };
    hr_err err = api_data_folder_join(service->folder, "history.db", path);
    if (err == HR_OK) {
        err = engine_history_start(&options, &service->context.history, why);
    }
    if (err == HR_OK) {
        service->context.alerts = alerts_new(service->context.log, service->context.history);
        err = service->context.alerts != NULL ? HR_OK : HR_NO_MEMORY;
    }
    return err == HR_OK ? api_context_add_health(&service->context, add_history_health,
                                                 service->context.history)
                        : err;
}

/* Standing queries keep their checkpoint beside the workers'. */
static hr_err start_queries(api_service *service, hr_why *why)
{
    char path[API_DATA_PATH_MAX];
    engine_queries_options options = {
        .log = service->context.log,
        .catalog = service->context.catalog,
        .engine = service->context.engine,
        .clock = service->context.clock,
        .metrics = service->metrics,
        .folder = path,
        .ships = true,
    };
    hr_err err = api_data_folder_join(service->folder, "checkpoint", path);
    return err == HR_OK ? engine_queries_start(&options, &service->context.queries, why) : err;
}

/* A replay may take long; somebody who wants us to stop need not wait for it. */
static hr_err await_engine(api_service *service, hr_why *why)
{
    hr_err err = HR_TIMEOUT;
    while (err == HR_TIMEOUT && !service->stop_asked()) {
        err = engine_wait_ready(service->context.engine, READY_POLL_MS, why);
    }
    return err == HR_TIMEOUT ? HR_CLOSED : err;
}

static hr_err start_keeper(api_service *service, hr_why *why)
{
    hr_err err = keeper_start(&service->context, api_data_folder_path(service->folder),
                              &service->keeper, why);
    return err;
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

/* The log, the databases and the broker must never run out of files because of connections. */
static uint32_t connections_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > UINT32_MAX) {
        return 0;
    }
    uint32_t files = (uint32_t)limit.rlim_cur;
    return files > 2 * FILES_OF_THE_PARTS ? files - FILES_OF_THE_PARTS : files / 2;
}

static hr_err start_server(api_service *service, hr_why *why)
{
    api_server_options options = {
        .http = service->config.http,
        .tls_cert = service->config.tls_cert,
        .tls_key = service->config.tls_key,
        .connections_max = connections_max(),
        .relay = &service->relay,
        .context = &service->context,
    };
    return api_server_start(&options, &service->server, why);
}

/* Let local programs in. Where nobody has an account yet, say how to make the first one: the code
 * proves that whoever uses it can read what the service prints. */
static hr_err let_local_in(api_service *service, hr_why *why)
{
    const char *host = service->config.http.host;
    /* Listening everywhere is no address to go to. */
    host = strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : strcmp(host, "::") == 0 ? "::1" : host;
    bool is_v6 = strchr(host, ':') != NULL;
    char address[API_HOST_TEXT_MAX + 32];
    snprintf(address, sizeof address, "%s://%s%s%s:%u", service->context.is_tls ? "https" : "http",
             is_v6 ? "[" : "", host, is_v6 ? "]" : "", api_server_port(service->server));
    hr_err err = api_local_offer(service->folder, service->context.accounts, address, why);
    if (err != HR_OK) {
        return err;
    }
    if (accounts_has_owner(service->context.accounts)) {
        return api_local_setup(service->folder, NULL, why);
    }
    char code[ACCOUNTS_SECRET_SIZE];
    err = accounts_owner_link(service->context.accounts, code, why);
    if (err == HR_OK) {
        snprintf(service->setup_link, sizeof service->setup_link, "%s/#setup=%s", address, code);
        err = api_local_setup(service->folder, service->setup_link, why);
    }
    return err;
}

/* Whoever comes over the network is answered also while the disk is full. */
static hr_err offer_setup(api_service *service, hr_why *why)
{
    hr_err err = let_local_in(service, why);
    if (err == HR_NO_SPACE) {
        hr_logline(HR_LEVEL_WARN, "service.local_not_let_in", "why=\"%s\"", why->text);
        err = HR_OK;
    }
    return err;
}

static void note_name(void *context, uint64_t key, const char *id)
{
    (void)key;
    ingest_name_known(context, id, strlen(id));
}

static hr_err load_names(void *context, ingest *in)
{
    const api_service *service = context;
    return catalog_names_load(service->context.catalog, note_name, in, NULL) == GEO_OK ? HR_OK
                                                                                       : HR_IO;
}

static bool ticks_wanted(void *context)
{
    const api_service *service = context;
    int64_t now_ms = hr_clock_now_ms(service->context.clock);
    return engine_wants_tick(service->context.engine, now_ms) ||
           (service->context.queries != NULL &&
            engine_queries_want_tick(service->context.queries, now_ms));
}

static hr_err start_broker(api_service *service, hr_why *why)
{
    broker_options options = {
        .folder = service->broker_folder,
        .address = service->config.mqtt.host,
        .port = service->config.mqtt.port,
        .clock = service->context.clock,
        .metrics = service->metrics,
    };
    hr_err err = broker_start(&options, &service->broker, why);
    if (err != HR_OK) {
        return err;
    }
    const char *host = service->config.mqtt.host;
    host = strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : strcmp(host, "::") == 0 ? "::1" : host;
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(service->broker_addresses, sizeof service->broker_addresses, "tcp://%s%s%s:%u",
             is_v6 ? "[" : "", host, is_v6 ? "]" : "", service->config.mqtt.port);
    snprintf(service->broker_user, sizeof service->broker_user, "%s", BROKER_SERVICE_USER);
    snprintf(service->broker_password, sizeof service->broker_password, "%s",
             broker_password(service->broker));
    return HR_OK;
}

static hr_err use_broker(api_service *service, hr_why *why)
{
    broker_url url;
    hr_err err = broker_url_parse(service->config.broker, &url, why);
    if (err == HR_OK) {
        memcpy(service->broker_addresses, url.addresses, sizeof service->broker_addresses);
        memcpy(service->broker_user, url.user, sizeof service->broker_user);
        memcpy(service->broker_password, url.password, sizeof service->broker_password);
    }
    return err;
}

/* NULL where the owner said nothing. */
static const char *said(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void add_broker_health(void *part, api_health_add *add, void *context)
{
    hr_why why = {.text = ""};
    if (broker_health(part, &why) != HR_OK) {
        add(context, &why);
    }
}

static void add_ingest_health(void *part, api_health_add *add, void *context)
{
    hr_why why = {.text = ""};
    if (ingest_health(part, &why) != HR_OK) {
        add(context, &why);
    }
    if (ingest_drops(part, &why) != HR_OK) {
        add(context, &why);
    }
}

static void add_clock_health(void *part, api_health_add *add, void *context)
{
    presence_clocks(part, add, context);
}

static void add_notify_health(void *part, api_health_add *add, void *context)
{
    hr_why why = {.text = ""};
    if (notify_health(part, &why) != HR_OK) {
        add(context, &why);
    }
}

static hr_err start_mqtt(api_service *service, hr_why *why)
{
    hr_err err =
        service->config.broker[0] != 0 ? use_broker(service, why) : start_broker(service, why);
    const char *user = said(service->broker_user);
    const char *password = said(service->broker_password);
    const char *session_key = service->broker != NULL ? password : NULL;
    ingest_options in = {
        .log = service->context.log,
        .clock = service->context.clock,
        .metrics = service->metrics,
        .presence = service->context.presence,
        .addresses = service->broker_addresses,
        .user = user,
        .password = password,
        .session_key = session_key,
        .ca_file = said(service->config.broker_ca),
        .cert_file = said(service->config.broker_cert),
        .key_file = said(service->config.broker_key),
        .load_names = load_names,
        .names_context = service,
        .ticks_wanted = ticks_wanted,
        .ticks_context = service,
    };
    notify_options out = {
        .log = service->context.log,
        .clock = service->context.clock,
        .metrics = service->metrics,
        .addresses = service->broker_addresses,
        .user = user,
        .password = password,
        .session_key = session_key,
        .ca_file = said(service->config.broker_ca),
        .cert_file = said(service->config.broker_cert),
        .key_file = said(service->config.broker_key),
    };
    webhooks hooks = {.count = 0};
    if (err == HR_OK && service->config.webhooks[0] != 0) {
        err = webhooks_load(service->config.webhooks, &hooks, why);
    }
    out.webhooks = hooks.list;
    out.webhook_count = hooks.count;
    if (err == HR_OK) {
        err = ingest_start(&in, &service->ingest, why);
    }
    if (err == HR_OK) {
        err = notify_start(&out, &service->notify, why);
    }
    webhooks_fini(&hooks);
    return err;
}

/* Ready means that fixes published from now on are taken: the broker keeps none for somebody who
 * has not subscribed yet. One that is not ours may be away for long; then we go on without. */
static hr_err await_mqtt(api_service *service, hr_why *why)
{
    const hr_clock *clock = service->context.clock;
    int64_t until_ns = hr_clock_mono_ns(clock) + BROKER_WAIT_NS;
    while (ingest_health(service->ingest, NULL) != HR_OK && hr_clock_mono_ns(clock) < until_ns) {
        if (service->stop_asked()) {
            return hr_why_set(why, HR_CLOSED, "asked to stop");
        }
        (void)poll(NULL, 0, BROKER_POLL_MS);
    }
    return HR_OK;
}

/* What is watched from now on; api_context wants them before anyone reads them. */
static hr_err watch_parts(api_service *service, hr_why *why)
{
    const struct {
        api_health_source *source;
        void *part;
    } parts[] = {{add_broker_health, service->broker},
                 {add_ingest_health, service->ingest},
                 {add_clock_health, service->context.presence},
                 {add_notify_health, service->notify},
                 {keeper_health, service->keeper}};
    hr_err err = HR_OK;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && err == HR_OK; i++) {
        if (parts[i].part != NULL) {
            err = api_context_add_health(&service->context, parts[i].source, parts[i].part);
        }
    }
    return err == HR_OK ? HR_OK : hr_why_set(why, err, "too many parts to watch");
}

const char *api_service_setup_link(const api_service *service)
{
    return service->setup_link[0] != 0 ? service->setup_link : NULL;
}

bool api_service_is_failed(api_service *service, hr_why *why)
{
    hr_err err = log_health(service->context.log, why);
    /* A full disk passes; everything else does not. */
    return (err != HR_OK && err != HR_NO_SPACE) ||
           engine_health(service->context.engine, why) != HR_OK;
}

hr_err api_service_start(const api_config *config, api_stop_asked *stop_asked, api_service **out,
                         hr_why *why)
{
    /* In this order; api_service_stop() takes them down in reverse. The server comes before the
     * engine has caught up, so that somebody who waits can be told. */
    static hr_err (*const steps[])(api_service *, hr_why *) = {
        open_folder,  open_log,      open_accounts, open_catalog, start_history,
        start_engine, start_queries, open_files,    start_server, offer_setup,
        await_engine, start_mqtt,    await_mqtt,    start_keeper, watch_parts};
    api_service *service = calloc(1, sizeof *service);
    if (service == NULL) {
        return HR_NO_MEMORY;
    }
    service->config = *config;
    service->stop_asked = stop_asked;
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
    keeper_stop(service->keeper);
    /* The intake first: while the disk is full, it holds the MQTT library's lock in its callback.
     */
    ingest_stop(service->ingest);
    notify_stop(service->notify);
    presence_free(service->context.presence);
    broker_stop(service->broker);
    api_tiles_close(service->context.tiles);
    api_farm_close(service->context.farm);
    api_assets_free(service->context.assets);
    engine_queries_stop(service->context.queries);
    engine_stop(service->context.engine);
    alerts_free(service->context.alerts);
    engine_history_stop(service->context.history);
    catalog_close(service->context.catalog);
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
