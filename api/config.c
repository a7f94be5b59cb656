/* api/config.c - one table of keys, read from flags, the environment and a file alike. */
#include "config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum key_kind {
    KEY_TEXT,
    KEY_ADDRESS,
    KEY_NUMBER,
    KEY_SWITCH, /* a flag without a value */
} key_kind;

typedef struct config_key {
    const char *name; /* as a flag and in the file; upper case and _ in the environment */
    key_kind kind;
    size_t offset;
    size_t size; /* of a text */
    int64_t min;
    int64_t max;
    const char *argument;
    const char *help;
} config_key;

#define TEXT_KEY(name, field, argument, help)                                                      \
    {                                                                                              \
        name, KEY_TEXT, offsetof(api_config, field), sizeof(((api_config *)0)->field), 0, 0,       \
            argument, help                                                                         \
    }
#define ADDRESS_KEY(name, field, help)                                                             \
    {                                                                                              \
        name, KEY_ADDRESS, offsetof(api_config, field), 0, 0, 0, "ADDR:PORT", help                 \
    }
#define NUMBER_KEY(name, field, min, max, help)                                                    \
    {                                                                                              \
        name, KEY_NUMBER, offsetof(api_config, field), 0, min, max, "N", help                      \
    }
#define SWITCH_KEY(name, field, help)                                                              \
    {                                                                                              \
        name, KEY_SWITCH, offsetof(api_config, field), 0, 0, 0, NULL, help                         \
    }

static const config_key keys[] = {
    TEXT_KEY("data", data, "DIR", "folder that holds everything (made if absent)"),
    ADDRESS_KEY("http", http, "where to serve the page and the API (127.0.0.1:8080)"),
    ADDRESS_KEY("mqtt", mqtt, "where our own broker listens (127.0.0.1:1883)"),
    SWITCH_KEY("no-demo", no_demo, "no demo farm (heeded by ./run)"),
    SWITCH_KEY("no-open", no_open, "do not open the page (heeded by ./run)"),
    TEXT_KEY("broker", broker, "URL", "use this MQTT broker instead of our own"),
    TEXT_KEY("broker-ca", broker_ca, "FILE", "authorities (PEM) to trust for mqtts:// brokers"),
    TEXT_KEY("broker-cert", broker_cert, "FILE", "our certificate (PEM) for such a broker"),
    TEXT_KEY("broker-key", broker_key, "FILE", "its private key (PEM)"),
    TEXT_KEY("webhooks", webhooks, "FILE", "places on the web that are told events"),
    TEXT_KEY("tiles", tiles, "FILE", "MBTiles file to serve as the background map"),
    TEXT_KEY("assets", assets, "DIR", "folder of the dashboard's files"),
    TEXT_KEY("origins", origins, "LIST", "further web origins that may make changes"),
    TEXT_KEY("hosts", hosts, "LIST", "further host names this service is reached by"),
    TEXT_KEY("tls-cert", tls_cert, "FILE", "certificate chain (PEM) to serve HTTPS with"),
    TEXT_KEY("tls-key", tls_key, "FILE", "its private key (PEM)"),
    NUMBER_KEY("partitions", partitions, 1, 64, "partitions of a new data folder (8)"),
    NUMBER_KEY("retain-days", retain_days, 0, 36500, "age at which the log may go (30; 0: never)"),
    NUMBER_KEY("retain-megabytes", retain_megabytes, 0, 100000000,
               "size above which its oldest part goes (4096; 0: no limit)"),
    NUMBER_KEY("history-days", history_days, 0, 36500,
               "age at which tracks and events may go (730; 0: never)"),
    NUMBER_KEY("history-megabytes", history_megabytes, 0, 100000000,
               "size above which the oldest of them go (4096; 0: no limit)"),
    NUMBER_KEY("history-write-seconds", history_write_seconds, 1, 86400,
               "how long they may wait in the log to be written there (3600; many: a sixth)"),
    NUMBER_KEY("commit-min-gap-ms", commit_min_gap_ms, -1, 1000,
               "least pause between commits (-1: measured)"),
    NUMBER_KEY("worker-threads", worker_threads, 0, 64, "threads that judge fixes (0: per core)"),
    TEXT_KEY("log-level", log_level, "LEVEL", "debug, info, warn or error (info)"),
    TEXT_KEY("config", file, "FILE", "read `key = value` lines from here"),
    SWITCH_KEY("help", help, "show this"),
    SWITCH_KEY("version", version, "show the version"),
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])
#define KEY_NAME_MAX 32

static const config_key *key_find(const char *name, size_t size)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strlen(keys[i].name) == size && memcmp(keys[i].name, name, size) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

/* Edits that turn one word into the other (Levenshtein), on words of at most KEY_NAME_MAX. */
static unsigned edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    unsigned row[KEY_NAME_MAX + 1];
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
        }
    }
    return row[b_size];
}

static const char *nearest_key(const char *name, size_t size)
{
    size = size > KEY_NAME_MAX ? KEY_NAME_MAX : size;
    const char *best = keys[0].name;
    unsigned best_distance = UINT32_MAX;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        unsigned distance = edit_distance(name, size, keys[i].name, strlen(keys[i].name));
        if (distance < best_distance) {
            best_distance = distance;
            best = keys[i].name;
        }
    }
    return best;
}

/* "ADDR:PORT" with ADDR an IPv4 address, "localhost" or "[IPv6]". */
static hr_err parse_address(const char *text, api_address *address)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon[1] == 0 || strlen(colon + 1) > 5) {
        return HR_INVALID;
    }
    unsigned port = 0;
    for (const char *c = colon + 1; *c != 0; c++) {
        if (!isdigit((unsigned char)*c)) {
            return HR_INVALID;
        }
        port = port * 10 + (unsigned)(*c - '0');
    }
    size_t size = (size_t)(colon - text);
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    if (port > UINT16_MAX || size == 0 || size >= API_HOST_TEXT_MAX) {
        return HR_INVALID;
    }
    api_address parsed = {.port = (uint16_t)port};
    memcpy(parsed.host, text, size);
    struct in6_addr ignored;
    if (strcmp(parsed.host, "localhost") != 0 && inet_pton(AF_INET, parsed.host, &ignored) != 1 &&
        inet_pton(AF_INET6, parsed.host, &ignored) != 1) {
        return HR_INVALID;
    }
    *address = parsed;
    return HR_OK;
}

static hr_err number_parse(const config_key *key, const char *text, int64_t *number)
{
    char *end = NULL;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != 0 || value < key->min || value > key->max) {
        return HR_INVALID;
    }
    *number = value;
    return HR_OK;
}

static hr_err switch_parse(const char *text, bool *on)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "yes") == 0) {
        *on = true;
    } else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0 || strcmp(text, "no") == 0) {
        *on = false;
    } else {
        return HR_INVALID;
    }
    return HR_OK;
}

/* Set one key; where says which place the text came from. */
static hr_err key_set(api_config *config, const config_key *key, const char *text,
                      const char *where, hr_why *why)
{
    char *field = (char *)config + key->offset;
    hr_err err = HR_OK;
    switch (key->kind) {
    case KEY_TEXT:
        if (strlen(text) >= key->size) {
            return hr_why_set(why, HR_INVALID, "%s: %s is longer than %zu characters", where,
                              key->name, key->size - 1);
        }
        memset(field, 0, key->size);
        memcpy(field, text, strlen(text));
        return HR_OK;
    case KEY_ADDRESS:
        err = parse_address(text, (api_address *)(void *)field);
        return err == HR_OK
                   ? HR_OK
                   : hr_why_set(why, err, "%s: %s must look like 127.0.0.1:8080, not \"%s\"", where,
                                key->name, text);
    case KEY_NUMBER:
        err = number_parse(key, text, (int64_t *)(void *)field);
        return err == HR_OK
                   ? HR_OK
                   : hr_why_set(why, err,
                                "%s: %s must be a whole number from %lld to %lld, "
                                "not \"%s\"",
                                where, key->name, (long long)key->min, (long long)key->max, text);
    case KEY_SWITCH:
        err = switch_parse(text, (bool *)field);
        return err == HR_OK ? HR_OK
                            : hr_why_set(why, err, "%s: %s must be true or false, not \"%s\"",
                                         where, key->name, text);
    }
    return HR_INVALID;
}

static void trim(const char **text, size_t *size)
{
    while (*size > 0 && isspace((unsigned char)**text)) {
        (*text)++;
        (*size)--;
    }
    while (*size > 0 && isspace((unsigned char)(*text)[*size - 1])) {
        (*size)--;
    }
}

static hr_err parse_line(api_config *config, const char *line, size_t size, const char *where,
                         hr_why *why)
{
    trim(&line, &size);
    if (size == 0 || line[0] == '#') {
        return HR_OK;
    }
    const char *equals = memchr(line, '=', size);
    if (equals == NULL) {
        return hr_why_set(why, HR_INVALID, "%s: expected `key = value`", where);
    }
    const char *name = line;
    size_t name_size = (size_t)(equals - line);
    const char *value = equals + 1;
    size_t value_size = size - name_size - 1;
    trim(&name, &name_size);
    trim(&value, &value_size);
    const config_key *key = key_find(name, name_size);
    if (key == NULL) {
        return hr_why_set(why, HR_INVALID, "%s: unknown key \"%.*s\"; did you mean \"%s\"?", where,
                          (int)(name_size < 64 ? name_size : 64), name,
                          nearest_key(name, name_size));
    }
    char text[API_CONFIG_TEXT_MAX + 1];
    if (value_size > API_CONFIG_TEXT_MAX || memchr(value, 0, value_size) != NULL) {
        return hr_why_set(why, HR_INVALID, "%s: the value of %s is too long or holds a zero byte",
                          where, key->name);
    }
    memcpy(text, value, value_size);
    text[value_size] = 0;
    return key_set(config, key, text, where, why);
}

hr_err api_config_parse_file(api_config *config, const char *text, size_t size, const char *name,
                             hr_why *why)
{
    unsigned number = 0;
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t line_size = end != NULL ? (size_t)(end - text) - at : size - at;
        char where[160];
        snprintf(where, sizeof where, "%.128s line %u", name, ++number);
        hr_err err = parse_line(config, text + at, line_size, where, why);
        if (err != HR_OK) {
            return err;
        }
        at += line_size + 1;
    }
    return HR_OK;
}

static hr_err load_file(api_config *config, const char *path, hr_why *why)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return hr_why_set(why, HR_INVALID, "cannot read the configuration file %s", path);
    }
    char *text = malloc(API_CONFIG_FILE_BYTES_MAX + 1);
    if (text == NULL) {
        fclose(file);
        return HR_NO_MEMORY;
    }
    size_t size = fread(text, 1, API_CONFIG_FILE_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    hr_err err;
    if (failed || size > API_CONFIG_FILE_BYTES_MAX) {
        err = hr_why_set(why, HR_INVALID, "%s cannot be read or is longer than %u bytes", path,
                         API_CONFIG_FILE_BYTES_MAX);
    } else {
        err = api_config_parse_file(config, text, size, path, why);
    }
    free(text);
    return err;
}

/* HEDGEROW_NO_DEMO becomes no-demo. False when the text is no variable of ours. */
static bool variable_name(const char *variable, char name[KEY_NAME_MAX * 2], const char **value)
{
    static const char prefix[] = "HEDGEROW_";
    const char *equals = strchr(variable, '=');
    if (strncmp(variable, prefix, sizeof prefix - 1) != 0 || equals == NULL) {
        return false;
    }
    size_t at = 0;
    for (const char *c = variable + sizeof prefix - 1; c < equals && at + 1 < KEY_NAME_MAX * 2;
         c++) {
        name[at++] = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
    }
    name[at] = 0;
    *value = equals + 1;
    return true;
}

static hr_err load_environment(api_config *config, char *const *environment, bool only_file,
                               hr_why *why)
{
    for (; environment != NULL && *environment != NULL; environment++) {
        char name[KEY_NAME_MAX * 2];
        const char *value = NULL;
        if (!variable_name(*environment, name, &value)) {
            continue;
        }
        const config_key *key = key_find(name, strlen(name));
        if (key == NULL) {
            return hr_why_set(why, HR_INVALID,
                              "environment: unknown key \"%s\" (from %.*s); did you mean \"%s\"?",
                              name, (int)strcspn(*environment, "="), *environment,
                              nearest_key(name, strlen(name)));
        }
        if (only_file && strcmp(key->name, "config") != 0) {
            continue;
        }
        hr_err err = key_set(config, key, value, "environment", why);
        if (err != HR_OK) {
            return err;
        }
    }
    return HR_OK;
}

/* One flag at argv[*at]; *at moves past it and its value. */
static hr_err load_flag(api_config *config, int argc, char *const *argv, int *at, bool only_file,
                        hr_why *why)
{
    const char *flag = argv[*at];
    if (strncmp(flag, "--", 2) != 0 || flag[2] == 0) {
        return hr_why_set(why, HR_INVALID, "unexpected argument \"%.64s\" (see --help)", flag);
    }
    const char *name = flag + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const config_key *key = key_find(name, size);
    if (key == NULL) {
        return hr_why_set(why, HR_INVALID, "unknown flag \"--%.*s\"; did you mean \"--%s\"?",
                          (int)(size < 64 ? size : 64), name, nearest_key(name, size));
    }
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (value == NULL && key->kind == KEY_SWITCH) {
        value = "true";
    } else if (value == NULL) {
        if (*at + 1 >= argc) {
            return hr_why_set(why, HR_INVALID, "--%s needs a value: --%s %s", key->name, key->name,
                              key->argument);
        }
        value = argv[++*at];
    }
    ++*at;
    if (only_file && strcmp(key->name, "config") != 0) {
        return HR_OK;
    }
    char where[KEY_NAME_MAX + 8];
    snprintf(where, sizeof where, "--%s", key->name);
    return key_set(config, key, value, where, why);
}

static hr_err load_flags(api_config *config, int argc, char *const *argv, bool only_file,
                         hr_why *why)
{
    hr_err err = HR_OK;
    for (int at = 1; at < argc && err == HR_OK;) {
        err = load_flag(config, argc, argv, &at, only_file, why);
    }
    return err;
}

static void set_defaults(api_config *config)
{
    *config = (api_config){
        .http = {.host = "127.0.0.1", .port = 8080},
        .mqtt = {.host = "127.0.0.1", .port = 1883},
        .log_level = "info",
        .partitions = 8,
        .retain_days = 30,
        .retain_megabytes = 4096,
        .history_days = 730,
        .history_megabytes = 4096,
        .history_write_seconds = 3600,
        .commit_min_gap_ms = -1,
    };
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    if (data != NULL && data[0] == '/') {
        snprintf(config->data, sizeof config->data, "%s/hedgerow", data);
    } else if (home != NULL && home[0] == '/') {
        snprintf(config->data, sizeof config->data, "%s/.local/share/hedgerow", home);
    } else {
        snprintf(config->data, sizeof config->data, "/var/lib/hedgerow");
    }
}

hr_err api_config_load(api_config *config, int argc, char *const *argv, char *const *environment,
                       hr_why *why)
{
    api_config loaded;
    set_defaults(&loaded);
    /* Which file to read must be known before anything else is. */
    hr_err err = load_environment(&loaded, environment, true, why);
    if (err == HR_OK) {
        err = load_flags(&loaded, argc, argv, true, why);
    }
    if (err == HR_OK && loaded.file[0] != 0) {
        err = load_file(&loaded, loaded.file, why);
    }
    if (err == HR_OK) {
        err = load_environment(&loaded, environment, false, why);
    }
    if (err == HR_OK) {
        err = load_flags(&loaded, argc, argv, false, why);
    }
    if (err == HR_OK && (loaded.tls_cert[0] == 0) != (loaded.tls_key[0] == 0)) {
        err = hr_why_set(why, HR_INVALID, "tls-cert and tls-key must be given together");
    }
    /* Gateways are told the port; one that the kernel picks anew each time would be no use. */
    if (err == HR_OK && loaded.mqtt.port == 0 && loaded.broker[0] == 0) {
        err = hr_why_set(why, HR_INVALID, "mqtt: the broker needs a port of its own, such as 1883");
    }
    if (err == HR_OK) {
        *config = loaded;
    }
    return err;
}

void api_config_print_help(void)
{
    printf("hedgerowd - watches where animals and machines are, and says when one crosses a "
           "fence\n\nusage: hedgerowd [flags]\n\n");
    for (size_t i = 0; i < KEY_COUNT; i++) {
        char flag[64];
        snprintf(flag, sizeof flag, "--%s %s", keys[i].name,
                 keys[i].argument != NULL ? keys[i].argument : "");
        printf("  %-24s %s\n", flag, keys[i].help);
    }
    printf(
        "\nThe same keys may stand in a file as `key = value`, and in the environment as\n"
        "HEDGEROW_KEY (dashes become underscores). Flags win over the environment, the\n"
        "environment over the file.\n"
        "\n"
        "The file of --webhooks has lines `NAME URL [private] [secret=TEXT]`; # begins a comment.\n"
        "Each event is POSTed to the URL as JSON, with its id in X-Hedgerow-Id, until the answer\n"
        "is 200 to 299, for a day at most. X-Hedgerow-Signature is sha256=HEX of the HMAC of\n"
        "\"TIME.BODY\" under the secret, where TIME stands in X-Hedgerow-Time. Addresses of this\n"
        "machine and of private networks are refused without the word private.\n"
        "\n"
        "Exit codes: 0 it was told to stop, 1 it could not go on, 2 a flag or setting is wrong,\n"
        "3 another hedgerowd has the data folder, 4 the port is taken.\n");
}
