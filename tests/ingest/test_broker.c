/* tests/ingest/test_broker.c - the managed broker with the real mosquitto: users and their rights,
 * and its life through crashes of either side. */
#include "ingest/broker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ingest/broker_files.h"
#include "ingest/broker_process.h"
#include "ingest/support.h"
#include "test.h"

typedef struct place {
    char folder[128];
    char root[64];
    uint16_t port;
    broker *b;
} place;

static void start(place *p)
{
    hr_why why = {{0}};
    broker_options options = {
        .folder = p->folder, .port = p->port, .clock = hr_clock_real(), .network_look_ms = 50};
    if (broker_start(&options, &p->b, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
}

static int make_place(void **state)
{
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    snprintf(p->root, sizeof p->root, "%s", support_folder());
    snprintf(p->folder, sizeof p->folder, "%s/broker", p->root);
    p->port = support_port();
    start(p);
    *state = p;
    return 0;
}

static int drop_place(void **state)
{
    place *p = *state;
    broker_stop(p->b);
    support_folder_remove(p->root);
    free(p);
    return 0;
}

static void add_user(place *p, const char *name, broker_role role,
                     char password[BROKER_PASSWORD_SIZE])
{
    hr_why why = {{0}};
    if (broker_user_add(p->folder, name, role, password, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
}

/* A subscriber's exit code: 0 = it got a message within two seconds, 27 = none came. */
static int subscribe(place *p, const char *user, const char *password, const char *topic)
{
    char port_text[8];
    snprintf(port_text, sizeof port_text, "%u", p->port);
    const char *const argv[] = {
        "mosquitto_sub", "-h", "127.0.0.1", "-p", port_text, "-u", user, "-P",
        password,        "-t", topic,       "-C", "1",       "-W", "2",  NULL};
    return support_run(argv);
}

typedef struct login {
    place *p;
    const char *user;
    const char *password;
    const char *topic;
} login;

static bool can_publish(void *context)
{
    const login *l = context;
    return support_publish(l->p->port, l->user, l->password, l->topic, "x") == 0;
}

static bool cannot_publish(void *context)
{
    return !can_publish(context);
}

static void a_gateway_may_write_its_own_topics_and_no_others(void **state)
{
    place *p = *state;
    char password[BROKER_PASSWORD_SIZE], other[BROKER_PASSWORD_SIZE];
    add_user(p, "barn", BROKER_GATEWAY, password);
    add_user(p, "mill", BROKER_GATEWAY, other);
    login barn = {p, "barn", password, "hedgerow/v1/fixes/barn"};
    assert_true(support_until(can_publish, &barn));
    assert_int_equal(support_publish(p->port, "barn", password, "hedgerow/v1/fix/barn", "x"), 0);
    assert_int_equal(support_publish(p->port, "barn", password, "owntracks/barn/phone", "x"), 0);
    /* mosquitto_pub tells a refusal only in words; what arrives is what counts. */
    char port_text[8], seen[256];
    snprintf(port_text, sizeof port_text, "%u", p->port);
    snprintf(seen, sizeof seen, "%s/seen", p->root);
    const char *const argv[] = {"mosquitto_sub",
                                "-h",
                                "127.0.0.1",
                                "-p",
                                port_text,
                                "-u",
                                BROKER_SERVICE_USER,
                                "-P",
                                broker_password(p->b),
                                "-t",
                                "hedgerow/v1/#",
                                "-t",
                                "owntracks/#",
                                "-F",
                                "%t",
                                "-C",
                                "2",
                                "-W",
                                "5",
                                NULL};
    pid_t pid = support_spawn(argv, seen);
    /* The subscriber is there once a message of ours reaches it: the state of a gateway is kept. */
    const char *const keep[] = {"mosquitto_pub",
                                "-h",
                                "127.0.0.1",
                                "-p",
                                port_text,
                                "-u",
                                "barn",
                                "-P",
                                password,
                                "-t",
                                "hedgerow/v1/status/barn",
                                "-m",
                                "up",
                                "-r",
                                NULL};
    assert_int_equal(support_run(keep), 0);
    support_publish(p->port, "barn", password, "hedgerow/v1/fixes/mill", "x");
    support_publish(p->port, "barn", password, "hedgerow/v1/ack/barn", "x");
    support_publish(p->port, "barn", password, "hedgerow/v1/event/north/exit", "x");
    support_publish(p->port, "barn", password, "owntracks/mill/phone", "x");
    support_publish(p->port, "barn", password, "hedgerow/v1/status/barn", "last");
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    char text[256] = {0};
    FILE *file = fopen(seen, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    assert_null(strstr(text, "mill"));
    assert_null(strstr(text, "ack"));
    assert_null(strstr(text, "event"));
    assert_non_null(strstr(text, "hedgerow/v1/status/barn"));
}

static void a_reader_may_read_events_only(void **state)
{
    place *p = *state;
    char reader[BROKER_PASSWORD_SIZE];
    add_user(p, "screen", BROKER_READER, reader);
    char port_text[8];
    snprintf(port_text, sizeof port_text, "%u", p->port);
    const char *const event[] = {"mosquitto_pub",
                                 "-h",
                                 "127.0.0.1",
                                 "-p",
                                 port_text,
                                 "-u",
                                 BROKER_SERVICE_USER,
                                 "-P",
                                 broker_password(p->b),
                                 "-t",
                                 "hedgerow/v1/event/north/exit",
                                 "-m",
                                 "x",
                                 "-r",
                                 NULL};
    const char *const fix[] = {"mosquitto_pub",
                               "-h",
                               "127.0.0.1",
                               "-p",
                               port_text,
                               "-u",
                               BROKER_SERVICE_USER,
                               "-P",
                               broker_password(p->b),
                               "-t",
                               "hedgerow/v1/fix/barn",
                               "-m",
                               "x",
                               "-r",
                               NULL};
    assert_int_equal(support_run(event), 0);
    assert_int_equal(support_run(fix), 0);
    assert_int_equal(subscribe(p, "screen", reader, "hedgerow/v1/event/#"), 0);
    assert_int_not_equal(subscribe(p, "screen", reader, "hedgerow/v1/fix/+"), 0);
}

static void a_wrong_password_and_nobody_are_refused(void **state)
{
    place *p = *state;
    assert_int_not_equal(support_publish(p->port, BROKER_SERVICE_USER, "wrong", "x", "y"), 0);
    assert_int_not_equal(support_publish(p->port, "nobody", "", "x", "y"), 0);
}

static void a_revoked_gateway_is_cut_off(void **state)
{
    place *p = *state;
    char password[BROKER_PASSWORD_SIZE];
    add_user(p, "barn", BROKER_GATEWAY, password);
    login barn = {p, "barn", password, "hedgerow/v1/fixes/barn"};
    assert_true(support_until(can_publish, &barn));
    assert_int_equal(broker_user_remove(p->folder, "barn", NULL), HR_OK);
    assert_true(support_until(cannot_publish, &barn));
    assert_int_equal(broker_user_remove(p->folder, "barn", NULL), HR_NOT_FOUND);
}

/* What is written there first cannot be: as on a disk that is full, for this file alone. */
static void set_blocked(place *p, const char *name, bool is_blocked)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s.new", p->folder, name);
    assert_int_equal(is_blocked ? mkdir(path, 0700) : rmdir(path), 0);
}

static void a_revoked_gateway_is_cut_off_where_nobody_can_be_asked(void **state)
{
    place *p = *state;
    char password[BROKER_PASSWORD_SIZE];
    add_user(p, "barn", BROKER_GATEWAY, password);
    login barn = {p, "barn", password, "hedgerow/v1/fixes/barn"};
    assert_true(support_until(can_publish, &barn));
    set_blocked(p, "reload-wanted", true);
    assert_int_equal(broker_user_remove(p->folder, "barn", NULL), HR_OK);
    assert_true(support_until(cannot_publish, &barn));
}

static void a_broker_that_could_not_say_that_it_is_settled_says_it_later(void **state)
{
    place *p = *state;
    char password[BROKER_PASSWORD_SIZE];
    broker_stop(p->b);
    set_blocked(p, "settled", true);
    start(p);
    set_blocked(p, "settled", false);
    pid_t before = broker_pid(p->b);
    add_user(p, "barn", BROKER_GATEWAY, password);
    login barn = {p, "barn", password, "hedgerow/v1/fixes/barn"};
    assert_true(support_until(can_publish, &barn));
    assert_int_equal(broker_pid(p->b), before);
}

static void a_password_that_was_given_but_not_kept_is_given_anew(void **state)
{
    place *p = *state;
    char path[192];
    hr_why why = {{0}};
    broker_stop(p->b);
    p->b = NULL;
    snprintf(path, sizeof path, "%s/users", p->folder);
    assert_int_equal(unlink(path), 0);
    set_blocked(p, "service-password", true);
    broker_options options = {.folder = p->folder, .port = p->port, .clock = hr_clock_real()};
    assert_int_not_equal(broker_start(&options, &p->b, &why), HR_OK);
    set_blocked(p, "service-password", false);
    start(p);
    login service = {p, BROKER_SERVICE_USER, broker_password(p->b), "hedgerow/v1/fix/barn"};
    assert_true(can_publish(&service));
}

static void names_that_would_break_a_topic_are_refused(void **state)
{
    place *p = *state;
    char password[BROKER_PASSWORD_SIZE];
    static const char *const bad[] = {"", "+", "a/b", "#", "a b", "a\nuser root", ".a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(broker_user_add(p->folder, bad[i], BROKER_GATEWAY, password, NULL),
                         HR_INVALID);
    }
    add_user(p, "barn", BROKER_GATEWAY, password);
    assert_int_equal(broker_user_add(p->folder, "barn", BROKER_READER, password, NULL), HR_EXISTS);
    assert_int_equal(
        broker_user_add(p->folder, BROKER_SERVICE_USER, BROKER_GATEWAY, password, NULL), HR_EXISTS);
    assert_int_equal(broker_user_remove(p->folder, BROKER_SERVICE_USER, NULL), HR_NOT_FOUND);
}

static void collect(const char *name, broker_role role, void *context)
{
    char *text = context;
    size_t size = strlen(text);
    snprintf(text + size, 256 - size, "%s=%s ", name, broker_role_name(role));
}

static void what_waits_for_others_is_saved_every_five_minutes(void **state)
{
    place *p = *state;
    char path[192];
    snprintf(path, sizeof path, "%s/mosquitto.conf", p->folder);
    assert_true(support_file_has(path, "\nautosave_interval 300\n", 1));
}

static void users_are_listed_in_their_order(void **state)
{
    place *p = *state;
    char password[BROKER_PASSWORD_SIZE], text[256] = {0};
    add_user(p, "zeta", BROKER_GATEWAY, password);
    add_user(p, "alfa", BROKER_READER, password);
    assert_int_equal(broker_user_each(p->folder, collect, text, NULL), HR_OK);
    assert_string_equal(text, "zeta=gateway alfa=reader ");
}

static void no_file_is_open_to_others(void **state)
{
    place *p = *state;
    static const char *const names[] = {"", "/users", "/passwords", "/acl", "/mosquitto.conf"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        struct stat st;
        snprintf(path, sizeof path, "%s%s", p->folder, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0);
    }
    char address[64];
    uint16_t port;
    assert_int_equal(broker_address(p->folder, address, sizeof address, &port, NULL), HR_OK);
    assert_string_equal(address, "127.0.0.1");
    assert_int_equal(port, p->port);
}

typedef struct changed {
    broker *b;
    pid_t from;
} changed;

static bool has_another_pid(void *context)
{
    const changed *c = context;
    pid_t pid = broker_pid(c->b);
    return pid != 0 && pid != c->from;
}

static void a_broker_that_dies_is_started_again(void **state)
{
    place *p = *state;
    changed c = {p->b, broker_pid(p->b)};
    assert_int_equal(broker_health(p->b, NULL), HR_OK);
    assert_int_equal(kill(c.from, SIGKILL), 0);
    assert_true(support_until(has_another_pid, &c));
    login service = {p, BROKER_SERVICE_USER, broker_password(p->b), "hedgerow/v1/x"};
    assert_true(support_until(can_publish, &service));
}

/* Start a broker in a process that is then killed, as a crash of the service would. */
static pid_t leave_an_orphan(place *p)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        place copy = *p;
        start(&copy);
        pid_t pid = broker_pid(copy.b);
        if (write(ends[1], &pid, sizeof pid) != sizeof pid) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    pid_t pid;
    assert_int_equal(read(ends[0], &pid, sizeof pid), sizeof pid);
    close(ends[0]);
    close(ends[1]);
    support_kill(child);
    assert_int_equal(kill(pid, 0), 0);
    return pid;
}

static void an_orphan_with_the_same_configuration_is_adopted(void **state)
{
    place *p = *state;
    broker_stop(p->b);
    pid_t orphan = leave_an_orphan(p);
    start(p);
    assert_int_equal(broker_pid(p->b), orphan);
    login service = {p, BROKER_SERVICE_USER, broker_password(p->b), "hedgerow/v1/x"};
    assert_true(support_until(can_publish, &service));
    changed c = {p->b, orphan};
    assert_int_equal(kill(orphan, SIGKILL), 0);
    assert_true(support_until(has_another_pid, &c));
}

/* Its first words have no ear any more. */
static void a_broker_outlives_a_service_that_dies_while_it_starts(void **state)
{
    place *p = *state;
    broker_path config, pipe;
    broker_process orphan;
    char password[BROKER_PASSWORD_SIZE];
    memcpy(password, broker_password(p->b), sizeof password);
    login service = {p, BROKER_SERVICE_USER, password, "hedgerow/v1/x"};
    broker_stop(p->b);
    assert_int_equal(broker_path_of(p->folder, BROKER_CONFIG_NAME, &config, NULL), HR_OK);
    assert_int_equal(broker_path_of(p->folder, BROKER_PIPE_NAME, &pipe, NULL), HR_OK);
    broker_process_init(&orphan);
    assert_int_equal(broker_process_spawn(&orphan, config.text, pipe.text, NULL), HR_OK);
    close(orphan.output_fd);
    orphan.output_fd = -1;
    bool is_there = support_until(can_publish, &service);
    broker_process_end(&orphan, 1000);
    start(p);
    assert_true(is_there);
}

/* True when nobody listens there any more. */
static bool port_is_free(const place *p)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(p->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    bool refused = connect(fd, (struct sockaddr *)&address, sizeof address) != 0;
    close(fd);
    return refused;
}

static void an_orphan_with_another_configuration_is_ended(void **state)
{
    place *p = *state;
    broker_stop(p->b);
    pid_t orphan = leave_an_orphan(p);
    place old = *p;
    p->port = support_port();
    start(p);
    assert_int_not_equal(broker_pid(p->b), orphan);
    assert_true(port_is_free(&old));
    login service = {p, BROKER_SERVICE_USER, broker_password(p->b), "hedgerow/v1/x"};
    assert_true(support_until(can_publish, &service));
}

static void a_taken_port_is_told_in_words(void **state)
{
    place *p = *state;
    char folder[256];
    hr_why why = {{0}};
    snprintf(folder, sizeof folder, "%s/second", p->root);
    broker_options options = {.folder = folder, .port = p->port, .clock = hr_clock_real()};
    broker *second = NULL;
    assert_int_equal(broker_start(&options, &second, &why), HR_EXISTS);
    assert_null(second);
    assert_non_null(strstr(why.text, "in use"));
}

typedef struct lan_login {
    uint16_t port;
    const char *password;
    const char *ca_file;
    const char *host;
} lan_login;

static bool can_publish_by_tls(void *context)
{
    const lan_login *l = context;
    char port[8];
    snprintf(port, sizeof port, "%u", l->port);
    const char *const argv[] = {"mosquitto_pub",
                                "-h",
                                l->host,
                                "-p",
                                port,
                                "--cafile",
                                l->ca_file,
                                "-u",
                                "barn",
                                "-P",
                                l->password,
                                "-t",
                                "hedgerow/v1/fixes/barn",
                                "-m",
                                "x",
                                NULL};
    return support_run(argv) == 0;
}

static bool cannot_publish_by_tls(void *context)
{
    return !can_publish_by_tls(context);
}

static void the_local_network_is_let_in_by_tls_only_and_when_asked(void **state)
{
    place *p = *state;
    char password[BROKER_PASSWORD_SIZE];
    broker_lan lan, again;
    hr_why why = {{0}};
    uint16_t port = support_port();
    add_user(p, "barn", BROKER_GATEWAY, password);
    assert_int_equal(broker_lan_get(p->folder, &lan, NULL), HR_NOT_FOUND);
    if (broker_lan_open(p->folder, port, &why) != HR_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(broker_lan_get(p->folder, &lan, NULL), HR_OK);
    assert_int_equal(lan.port, port);
    assert_int_equal(strlen(lan.fingerprint), 95);
    lan_login l = {port, password, lan.ca_file, "127.0.0.1"};
    assert_true(support_until(can_publish_by_tls, &l));
    l.host = "localhost";
    assert_true(support_until(can_publish_by_tls, &l));
    /* Without TLS there is nothing to talk to. */
    assert_int_not_equal(support_publish(port, "barn", password, "hedgerow/v1/fix/barn", "x"), 0);
    /* A restart keeps the door open and the authority the same. */
    broker_stop(p->b);
    start(p);
    assert_true(support_until(can_publish_by_tls, &l));
    assert_int_equal(broker_lan_get(p->folder, &again, NULL), HR_OK);
    assert_string_equal(again.fingerprint, lan.fingerprint);
    assert_int_equal(broker_lan_close(p->folder, NULL), HR_OK);
    assert_true(support_until(cannot_publish_by_tls, &l));
    login loop = {p, "barn", password, "hedgerow/v1/fixes/barn"};
    assert_true(support_until(can_publish, &loop));
}

typedef struct certificate {
    char path[160];
    char names[160];
    struct stat before;
} certificate;

#define OTHER_NAMES "DNS:localhost,IP:10.0.0.7"

/* The names are written last. */
static bool is_renewed(void *context)
{
    certificate *c = context;
    struct stat now;
    return stat(c->path, &now) == 0 && now.st_ino != c->before.st_ino &&
           !support_file_has(c->names, OTHER_NAMES, 1);
}

static bool is_unwell(void *context)
{
    hr_why why = {{0}};
    return broker_health(((place *)context)->b, &why) != HR_OK &&
           strstr(why.text, "certificate does not fit") != NULL;
}

static bool is_well(void *context)
{
    return broker_health(((place *)context)->b, NULL) == HR_OK;
}

static bool tells_of_twins(void *context)
{
    hr_why why = {{0}};
    return broker_health(((place *)context)->b, &why) == HR_CONFLICT &&
           strstr(why.text, "two programs connect to the broker as twin") != NULL;
}

static void two_programs_of_one_name_are_told(void **state)
{
    place *p = *state;
    pid_t pids[6];
    for (size_t i = 0; i < 6; i++) {
        pids[i] = support_hear(p->port, BROKER_SERVICE_USER, broker_password(p->b), "twin",
                               "hedgerow/v1/#", NULL);
    }
    bool is_told = support_until(tells_of_twins, p);
    for (size_t i = 0; i < 6; i++) {
        support_kill(pids[i]);
    }
    assert_true(is_told);
}

/* As if the one there had been made for other addresses. */
static void move_house(certificate *c)
{
    assert_int_equal(stat(c->path, &c->before), 0);
    FILE *file = fopen(c->names, "w");
    assert_non_null(file);
    fputs(OTHER_NAMES, file);
    assert_int_equal(fclose(file), 0);
}

static void the_certificate_follows_the_machine_to_other_addresses(void **state)
{
    place *p = *state;
    char password[BROKER_PASSWORD_SIZE], obstacle[160];
    broker_lan lan;
    uint16_t port = support_port();
    add_user(p, "barn", BROKER_GATEWAY, password);
    assert_int_equal(broker_lan_open(p->folder, port, NULL), HR_OK);
    assert_int_equal(broker_lan_get(p->folder, &lan, NULL), HR_OK);
    lan_login l = {port, password, lan.ca_file, "localhost"};
    assert_true(support_until(can_publish_by_tls, &l));
    assert_true(support_until(is_well, p));
    pid_t pid = broker_pid(p->b);
    certificate c;
    snprintf(c.path, sizeof c.path, "%s/server.pem", p->folder);
    snprintf(c.names, sizeof c.names, "%s/server.names", p->folder);
    move_house(&c);
    assert_true(support_until(is_renewed, &c));
    /* Who trusts the authority is let in with the new one, by the broker that was there. */
    assert_true(support_until(can_publish_by_tls, &l));
    assert_int_equal(broker_pid(p->b), pid);
    assert_int_equal(broker_health(p->b, NULL), HR_OK);
    /* Where none can be made, health says so until one can. */
    snprintf(obstacle, sizeof obstacle, "%s/server.pem.new", p->folder);
    assert_int_equal(mkdir(obstacle, 0700), 0);
    move_house(&c);
    assert_true(support_until(is_unwell, p));
    assert_int_equal(rmdir(obstacle), 0);
    assert_true(support_until(is_well, p));
    assert_true(support_until(is_renewed, &c));
    /* On a full disk the broker begins with the one that there is. */
    broker_stop(p->b);
    assert_int_equal(mkdir(obstacle, 0700), 0);
    move_house(&c);
    start(p);
    assert_true(support_until(can_publish_by_tls, &l));
    assert_true(support_until(is_unwell, p));
    assert_int_equal(rmdir(obstacle), 0);
    /* What is damaged is made anew. */
    broker_stop(p->b);
    snprintf(obstacle, sizeof obstacle, "%s/ca.key", p->folder);
    const char *const argv[] = {"cp", obstacle, c.path, NULL};
    assert_int_equal(support_run(argv), 0);
    start(p);
    assert_true(support_until(can_publish_by_tls, &l));
}

/* A card that wears out, or a power cut within a write. */
/* Gateways know the authority by its certificate: without need they get no other. */
static void a_damaged_key_of_the_authority_locks_nobody_out(void **state)
{
    place *p = *state;
    char password[BROKER_PASSWORD_SIZE], before[160], key[160];
    broker_lan lan;
    uint16_t port = support_port();
    add_user(p, "barn", BROKER_GATEWAY, password);
    assert_int_equal(broker_lan_open(p->folder, port, NULL), HR_OK);
    assert_int_equal(broker_lan_get(p->folder, &lan, NULL), HR_OK);
    snprintf(before, sizeof before, "%s/ca.before", p->root);
    const char *const keep[] = {"cp", lan.ca_file, before, NULL};
    assert_int_equal(support_run(keep), 0);
    lan_login known = {port, password, before, "localhost"};
    lan_login added = {port, password, lan.ca_file, "localhost"};
    assert_true(support_until(can_publish_by_tls, &known));
    broker_stop(p->b);
    snprintf(key, sizeof key, "%s/ca.key", p->folder);
    FILE *file = fopen(key, "w");
    assert_non_null(file);
    fputs("nothing of use", file);
    assert_int_equal(fclose(file), 0);
    start(p);
    assert_true(support_until(can_publish_by_tls, &known));
    assert_true(can_publish_by_tls(&added));
    /* Only a new certificate needs it, and then who is added from now on is let in. */
    certificate c;
    snprintf(c.path, sizeof c.path, "%s/server.pem", p->folder);
    snprintf(c.names, sizeof c.names, "%s/server.names", p->folder);
    move_house(&c);
    assert_true(support_until(is_renewed, &c));
    assert_true(support_until(can_publish_by_tls, &added));
}

static void a_damaged_file_of_sessions_does_not_keep_the_broker_from_starting(void **state)
{
    place *p = *state;
    char path[160], aside[176], password[BROKER_PASSWORD_SIZE];
    add_user(p, "barn", BROKER_GATEWAY, password);
    assert_int_equal(support_session(p->port, "barn", password, "barn-1", "hedgerow/v1/ack/barn"),
                     0);
    broker_stop(p->b);
    snprintf(path, sizeof path, "%s/mosquitto.db", p->folder);
    snprintf(aside, sizeof aside, "%s.damaged", path);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    /* First its end is missing, then all of it is something else. */
    assert_int_equal(truncate(path, st.st_size - 3), 0);
    start(p);
    assert_int_equal(support_publish(p->port, "barn", password, "hedgerow/v1/fix/barn", "x"), 0);
    assert_int_equal(access(aside, F_OK), 0);
    broker_stop(p->b);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("no file of mosquitto's", file);
    assert_int_equal(fclose(file), 0);
    start(p);
    assert_int_equal(support_publish(p->port, "barn", password, "hedgerow/v1/fix/barn", "x"), 0);
}

/* ---- who is away while users change ---- */

#define EVENTS "hedgerow/v1/event/#"
#define EVENT "hedgerow/v1/event/north/exit"

static bool has_come(void *context)
{
    return support_file_has(context, "run\n", 1);
}

/* What is published while a reader is away waits for it. */
static void assert_reader_misses_nothing(place *p, const char *user, const char *password,
                                         const char *client)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", p->root, client);
    assert_int_equal(
        support_publish(p->port, BROKER_SERVICE_USER, broker_password(p->b), EVENT, "run"), 0);
    pid_t pid = support_hear(p->port, user, password, client, EVENTS, path);
    bool is_there = support_until(has_come, path);
    support_kill(pid);
    assert_true(is_there);
}

static void a_reader_that_is_away_while_users_change_misses_nothing(void **state)
{
    place *p = *state;
    char password[BROKER_PASSWORD_SIZE], other[BROKER_PASSWORD_SIZE];
    add_user(p, "phone", BROKER_READER, password);
    assert_int_equal(support_session(p->port, "phone", password, "phone-1", EVENTS), 0);
    /* The broker that knew its password goes, and another one has its session from a file. */
    broker_stop(p->b);
    start(p);
    pid_t before = broker_pid(p->b);
    add_user(p, "barn", BROKER_GATEWAY, other);
    /* What was added is known, and so is it after the next change. */
    assert_int_equal(support_publish(p->port, "barn", other, "hedgerow/v1/fix/barn", "x"), 0);
    assert_int_not_equal(broker_pid(p->b), before);
    add_user(p, "mill", BROKER_GATEWAY, other);
    assert_int_equal(support_publish(p->port, "mill", other, "hedgerow/v1/fix/mill", "x"), 0);
    assert_reader_misses_nothing(p, "phone", password, "phone-1");
}

/* One that has not been away for so long needs no new broker. */
static void without_restored_readers_users_change_beside_a_running_broker(void **state)
{
    place *p = *state;
    char password[BROKER_PASSWORD_SIZE], other[BROKER_PASSWORD_SIZE];
    add_user(p, "phone", BROKER_READER, password);
    assert_int_equal(support_session(p->port, "phone", password, "phone-1", EVENTS), 0);
    pid_t before = broker_pid(p->b);
    add_user(p, "barn", BROKER_GATEWAY, other);
    assert_int_equal(support_publish(p->port, "barn", other, "hedgerow/v1/fix/barn", "x"), 0);
    assert_reader_misses_nothing(p, "phone", password, "phone-1");
    assert_int_equal(broker_pid(p->b), before);
    /* And once the reader is nobody any more, none. */
    assert_int_equal(broker_user_remove(p->folder, "phone", NULL), HR_OK);
    broker_stop(p->b);
    start(p);
    before = broker_pid(p->b);
    add_user(p, "mill", BROKER_GATEWAY, other);
    assert_int_equal(support_publish(p->port, "mill", other, "hedgerow/v1/fix/mill", "x"), 0);
    assert_int_equal(broker_pid(p->b), before);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, drop_place)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_gateway_may_write_its_own_topics_and_no_others),
        WITH_PLACE(a_reader_may_read_events_only),
        WITH_PLACE(a_wrong_password_and_nobody_are_refused),
        WITH_PLACE(a_revoked_gateway_is_cut_off),
        WITH_PLACE(a_revoked_gateway_is_cut_off_where_nobody_can_be_asked),
        WITH_PLACE(a_broker_that_could_not_say_that_it_is_settled_says_it_later),
        WITH_PLACE(a_password_that_was_given_but_not_kept_is_given_anew),
        WITH_PLACE(names_that_would_break_a_topic_are_refused),
        WITH_PLACE(users_are_listed_in_their_order),
        WITH_PLACE(no_file_is_open_to_others),
        WITH_PLACE(what_waits_for_others_is_saved_every_five_minutes),
        WITH_PLACE(a_broker_that_dies_is_started_again),
        WITH_PLACE(an_orphan_with_the_same_configuration_is_adopted),
        WITH_PLACE(an_orphan_with_another_configuration_is_ended),
        WITH_PLACE(a_broker_outlives_a_service_that_dies_while_it_starts),
        WITH_PLACE(a_taken_port_is_told_in_words),
        WITH_PLACE(two_programs_of_one_name_are_told),
        WITH_PLACE(the_certificate_follows_the_machine_to_other_addresses),
        WITH_PLACE(a_damaged_key_of_the_authority_locks_nobody_out),
        WITH_PLACE(a_damaged_file_of_sessions_does_not_keep_the_broker_from_starting),
        WITH_PLACE(a_reader_that_is_away_while_users_change_misses_nothing),
        WITH_PLACE(without_restored_readers_users_change_beside_a_running_broker),
        WITH_PLACE(the_local_network_is_let_in_by_tls_only_and_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
