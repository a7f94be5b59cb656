/* api/service.c - the order in which the parts start and stop. */
#include "service.h"

#include <stdlib.h>

#include "base/logline.h"
#include "context.h"
#include "data_folder.h"
#include "server.h"

#ifndef HR_VERSION
#define HR_VERSION "0"
#endif

struct api_service {
    api_config config;
    api_data_folder *folder;
    hr_metrics *metrics;
    api_context context;
    api_server *server;
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
    return service->metrics != NULL ? HR_OK : HR_NO_MEMORY;
}

static hr_err start_server(api_service *service, hr_why *why)
{
    api_server_options options = {
        .http = service->config.http,
        .tls_cert = service->config.tls_cert,
        .tls_key = service->config.tls_key,
        .context = &service->context,
    };
    return api_server_start(&options, &service->server, why);
}

hr_err api_service_start(const api_config *config, api_service **out, hr_why *why)
{
    /* In this order; api_service_stop() takes them down in reverse. */
    static hr_err (*const steps[])(api_service *, hr_why *) = {open_folder, start_server};
    api_service *service = calloc(1, sizeof *service);
    if (service == NULL) {
        return HR_NO_MEMORY;
    }
    service->config = *config;
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
    hr_metrics_free(service->metrics);
    api_data_folder_close(service->folder);
    free(service);
}

uint16_t api_service_port(const api_service *service)
{
    return api_server_port(service->server);
}
