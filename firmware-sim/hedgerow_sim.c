/* hedgerow_sim.c - the program hedgerow-sim: a fleet of simulated collars on its way to a broker.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/logline.h"
#include "base/text.h"
#include "demo.h"
#include "farm.h"
#include "replay.h"
#include "runner.h"

#define EXIT_USAGE 2

static const char help_text[] =
    "usage: hedgerow-sim [SCENARIO] [options]      simulate a fleet\n"
    "       hedgerow-sim --demo --data DIR --http ADDR:PORT --mqtt ADDR:PORT\n"
    "       hedgerow-sim SCENARIO --fences          print its fences as GeoJSON\n"
    "\n"
    "  --replay FILE     recorded tracks (CSV or GPX) with their own times, instead of a scenario\n"
    "  --login FILE      what `hedgerow gateway add NAME --json` printed\n"
    "  --mqtt ADDR:PORT  the broker, with --user NAME and --password TEXT\n"
    "  --as FORM         hrf1 (batches, kept until acknowledged), owntracks (bare devices); or\n"
    "                    print json (a line for each fix) or nmea (sentences), for hedgerow-edge\n"
    "  --only NAME       with --as json or nmea: this herd, kind of vehicle or device alone\n"
    "  --truth FILE      keep every fix that was made, with its sequence\n"
    "  --resume          go on where the truth file ends\n"
    "  --seed N          instead of the scenario's\n"
    "  --start TIME      of the first fix, ISO 8601\n"
    "  --speedup X       of the scenario's time (default 1; 0: as fast as possible)\n"
    "  --rate N          so many fixes a second, whatever the scenario's period\n"
    "  --fixes N         turns of devices to make, then end\n"
    "  --seconds N       make fixes for so long, then end\n"
    "  --drain N         wait so many seconds for the last acknowledgements (60)\n"
    "  --batch N         fixes in a message (1000)\n"
    "  --window N        fixes of a gateway without acknowledgement (262144)\n"
    "  --linger MS       how long a fix waits for others to travel with (200)\n"
    "  --dry             send nothing: write the truth alone (with --truth, --fixes)\n"
    "  --json            print the result as a JSON line\n"
    "  --quiet           no live line\n"
    "SCENARIO: a file (firmware-sim/scenarios/README.md), or farm-demo (without one), village,\n"
    "county, faults, owntracks, or that of an experiment: push, pull, latency, ... A file has one\n"
    "statement on a line, # begins a comment, places are metres east and north of the origin:\n";

typedef struct command {
    sim_run_options run;
    sim_demo_options demo;
    const char *scenario_path;
    const char *login_path;
    const char *replay_path;
    bool is_demo;
    bool wants_fences;
    bool is_dry;
    bool wants_json;
    bool has_seed;
    uint64_t seed;
} command;

static volatile bool is_stopping;

static void on_signal(int number)
{
    (void)number;
    is_stopping = true;
}

enum {
    OPT_LOGIN = 256,
    OPT_MQTT,
    OPT_USER,
    OPT_PASSWORD,
    OPT_AS,
    OPT_TRUTH,
    OPT_RESUME,
    OPT_SEED,
    OPT_START,
    OPT_SPEEDUP,
    OPT_RATE,
    OPT_FIXES,
    OPT_SECONDS,
    OPT_DRAIN,
    OPT_BATCH,
    OPT_WINDOW,
    OPT_LINGER,
    OPT_DRY,
    OPT_JSON,
    OPT_QUIET,
    OPT_DEMO,
    OPT_DATA,
    OPT_HTTP,
    OPT_TOKEN,
    OPT_FENCES,
    OPT_REPLAY,
    OPT_ONLY,
    OPT_HELP,
};

static const struct option options[] = {
    {"login", 1, NULL, OPT_LOGIN},
    {"mqtt", 1, NULL, OPT_MQTT},
    {"user", 1, NULL, OPT_USER},
    {"password", 1, NULL, OPT_PASSWORD},
    {"as", 1, NULL, OPT_AS},
    {"truth", 1, NULL, OPT_TRUTH},
    {"resume", 0, NULL, OPT_RESUME},
    {"seed", 1, NULL, OPT_SEED},
    {"start", 1, NULL, OPT_START},
    {"speedup", 1, NULL, OPT_SPEEDUP},
    {"rate", 1, NULL, OPT_RATE},
    {"fixes", 1, NULL, OPT_FIXES},
    {"seconds", 1, NULL, OPT_SECONDS},
    {"drain", 1, NULL, OPT_DRAIN},
    {"batch", 1, NULL, OPT_BATCH},
    {"window", 1, NULL, OPT_WINDOW},
    {"linger", 1, NULL, OPT_LINGER},
    {"dry", 0, NULL, OPT_DRY},
    {"json", 0, NULL, OPT_JSON},
    {"quiet", 0, NULL, OPT_QUIET},
    {"demo", 0, NULL, OPT_DEMO},
    {"data", 1, NULL, OPT_DATA},
    {"http", 1, NULL, OPT_HTTP},
    {"token", 1, NULL, OPT_TOKEN},
    {"fences", 0, NULL, OPT_FENCES},
    {"help", 0, NULL, OPT_HELP},
    {"replay", 1, NULL, OPT_REPLAY},
    {"only", 1, NULL, OPT_ONLY},
    {NULL, 0, NULL, 0},
};

static bool number(double max, double *value)
{
    char *end = NULL;
    *value = strtod(optarg, &end);
    return end != optarg && *end == '\0' && *value >= 0 && *value <= max;
}

/* The options that are numbers. False: another option, or no such number. */
static bool take_number(command *c, int option)
{
    double value = 0;
    if (!number(9e15, &value)) {
        return false;
    }
    uint32_t small = value < 4e9 ? (uint32_t)value : UINT32_MAX;
    switch (option) {
    case OPT_SEED:
        c->has_seed = true;
        c->seed = (uint64_t)value;
        return true;
    case OPT_SPEEDUP:
        c->run.speedup = value;
        return true;
    case OPT_RATE:
        c->run.rate = value;
        return true;
    case OPT_FIXES:
        c->run.fix_count = (uint64_t)value;
        return true;
    case OPT_SECONDS:
        c->run.duration_s = small;
        return true;
    case OPT_DRAIN:
        c->run.drain_s = small;
        return true;
    case OPT_BATCH:
        c->run.batch_fixes = small < SIM_BATCH_FIXES_MAX ? small : SIM_BATCH_FIXES_MAX;
        return small > 0;
    case OPT_WINDOW:
        c->run.window_fixes = small;
        return small > 0;
    case OPT_LINGER:
        c->run.linger_ms = small;
        return true;
    default:
        return false;
    }
}

static bool take_flag(command *c, int option)
{
    switch (option) {
    case OPT_RESUME:
        c->run.resume = true;
        return true;
    case OPT_DRY:
        c->is_dry = true;
        return true;
    case OPT_JSON:
        c->wants_json = true;
        return true;
    case OPT_QUIET:
        c->run.show_progress = false;
        return true;
    case OPT_DEMO:
        c->is_demo = true;
        return true;
    case OPT_FENCES:
        c->wants_fences = true;
        return true;
    default:
        return false;
    }
}

static bool take_form(const char *word, sim_form *form)
{
    static const char *const forms[] = {
        [SIM_HRF1] = "hrf1",
        [SIM_OWNTRACKS] = "owntracks",
        [SIM_JSON] = "json",
        [SIM_NMEA] = "nmea",
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(word, forms[i]) == 0) {
            *form = (sim_form)i;
            return true;
        }
    }
    return false;
}

static bool take_text(command *c, int option)
{
    sim_login *login = &c->run.login;
    switch (option) {
    case OPT_LOGIN:
        c->login_path = optarg;
        return true;
    case OPT_MQTT:
        c->demo.mqtt = optarg;
        return (size_t)snprintf(login->address, sizeof login->address, "tcp://%s", optarg) <
               sizeof login->address;
    case OPT_USER:
        return (size_t)snprintf(login->user, sizeof login->user, "%s", optarg) < sizeof login->user;
    case OPT_PASSWORD:
        return (size_t)snprintf(login->password, sizeof login->password, "%s", optarg) <
               sizeof login->password;
    case OPT_AS:
        return take_form(optarg, &c->run.form);
    case OPT_ONLY:
        c->run.only = optarg;
        return true;
    case OPT_TRUTH:
        c->run.truth = optarg;
        return true;
    case OPT_START:
        c->run.has_start = true;
        return hr_time_parse(optarg, strlen(optarg), &c->run.start_ms) == HR_OK;
    case OPT_DATA:
        c->demo.data = optarg;
        return true;
    case OPT_HTTP:
        c->demo.http = optarg;
        return true;
    case OPT_REPLAY:
        c->replay_path = optarg;
        return true;
    case OPT_TOKEN:
        c->demo.token = optarg;
        return true;
    default:
        return false;
    }
}

/* 0, or the exit code plus one. */
static int read_command(command *c, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == OPT_HELP) {
            fputs(help_text, stdout);
            for (size_t i = 0; sim_scenario_usage(i) != NULL; i++) {
                printf("  %s\n", sim_scenario_usage(i));
            }
            return 1;
        }
        if (option == '?' || !(take_flag(c, option) || take_text(c, option) ||
                               (optarg != NULL && take_number(c, option)))) {
            if (option != '?') {
                fprintf(stderr, "hedgerow-sim: \"%s\" does not suit its option\n", optarg);
            }
            fputs("See: hedgerow-sim --help\n", stderr);
            return EXIT_USAGE + 1;
        }
    }
    if (optind < argc) {
        c->scenario_path = argv[optind++];
    }
    if (optind < argc || (c->is_demo && (c->demo.data == NULL || c->demo.http == NULL))) {
        fputs(help_text, stderr);
        return EXIT_USAGE + 1;
    }
    return 0;
}

static int fail(const hr_why *why)
{
    fprintf(stderr, "hedgerow-sim: %s\n", why->text);
    return 1;
}

static void print_result(const sim_run_result *result)
{
    const sim_gateways_counts *n = &result->counts;
    printf("{\"made\":%llu,\"sent\":%llu,\"acknowledged\":%llu,\"rewinds\":%llu,\"lost\":%llu,"
           "\"seconds\":%.3f,\"drained\":%s}\n",
           (unsigned long long)n->made, (unsigned long long)n->sent, (unsigned long long)n->acked,
           (unsigned long long)n->rewinds, (unsigned long long)n->lost, result->seconds,
           result->is_drained ? "true" : "false");
}

static int simulate(command *c, const sim_scenario *scenario)
{
    hr_why why = {""};
    sim_run_result result = {0};
    c->run.scenario = scenario;
    if (c->wants_fences) {
        return sim_farm_print(scenario) == HR_OK ? 0 : 1;
    }
    bool is_printed = c->run.form == SIM_JSON || c->run.form == SIM_NMEA;
    if (c->is_dry || is_printed) {
        FILE *lines = c->is_dry ? NULL : stdout;
        return sim_run_dry(&c->run, lines, &is_stopping, &why) == HR_OK ? 0 : fail(&why);
    }
    if (c->is_demo) {
        hr_err err = sim_demo_prepare(&c->demo, scenario, &is_stopping, &c->run.login, &why);
        if (err != HR_OK) {
            return is_stopping ? 0 : fail(&why);
        }
    } else if (c->login_path != NULL &&
               sim_login_load(c->login_path, &c->run.login, &why) != HR_OK) {
        return fail(&why);
    }
    if (c->run.login.address[0] == '\0' || c->run.login.user[0] == '\0') {
        fputs("hedgerow-sim: --login, or --mqtt and --user, say where to send\n", stderr);
        return EXIT_USAGE;
    }
    hr_err err = sim_run(&c->run, &is_stopping, &result, &why);
    if (c->wants_json) {
        print_result(&result);
    }
    return err == HR_OK || c->is_demo ? 0 : fail(&why);
}

/* Recorded tracks end with their last row. */
static hr_err load_replay(command *c, sim_scenario **out, hr_why *why)
{
    sim_replay *replay = NULL;
    hr_err err = sim_replay_load(c->replay_path, &replay, why);
    if (err != HR_OK) {
        return err;
    }
    c->run.has_start = true;
    c->run.start_ms = replay->rows[0].fix.time_ms;
    c->run.fix_count = replay->row_count;
    *out = sim_scenario_of_replay(replay);
    if (*out == NULL) {
        sim_replay_free(replay);
        return hr_why_set(why, HR_NO_MEMORY, "out of memory");
    }
    return HR_OK;
}

static hr_err load(command *c, sim_scenario **out, hr_why *why)
{
    if (c->replay_path != NULL) {
        return load_replay(c, out, why);
    }
    return sim_scenario_load(c->scenario_path != NULL ? c->scenario_path : SIM_DEMO_SCENARIO, out,
                             why);
}

int main(int argc, char **argv)
{
    command c = {.demo = {.program = argv[0]}};
    hr_why why = {""};
    sim_run_defaults(&c.run);
    c.run.show_progress = isatty(STDERR_FILENO) == 1;
    int usage = read_command(&c, argc, argv);
    if (usage != 0) {
        return usage - 1;
    }
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    hr_logline_set_level(HR_LEVEL_ERROR);
    if (c.is_demo) {
        c.run.show_progress = false;
        c.run.drain_s = 2;
    }
    sim_scenario *scenario = NULL;
    if (load(&c, &scenario, &why) != HR_OK) {
        return fail(&why);
    }
    if (c.has_seed) {
        scenario->seed = c.seed;
    }
    int exit_code = simulate(&c, scenario);
    sim_scenario_free(scenario);
    return exit_code;
}
