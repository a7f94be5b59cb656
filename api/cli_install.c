/* api/cli_install.c - hedgerow install: the service, or the field gateway's program, as a systemd
 * unit, started at boot. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli_commands.h"

#define PATH_MAX_BYTES 1024
#define UNIT_BYTES_MAX 16384
#define UNITS_MAX 3
#define UNIT_PATH "/etc/systemd/system/hedgerow.service"
#define EDGE_UNIT_PATH "/etc/systemd/system/hedgerow-edge.service"
#define EDGE_CONFIG "/etc/hedgerow/edge.conf"
#define STATE_FOLDER "/var/lib/"
#define UNIT_MARK "# Made by: hedgerow install"

static const char help[] =
    "usage: hedgerow [--data DIR] install [--edge] [--print] [--prefix PREFIX] [--unit FILE]\n"
    "                                     [--backups FOLDER]\n"
    "\n"
    "Writes a systemd unit that starts the service at boot, starts it again whenever it ends or\n"
    "hangs, and lets it touch nothing but its data folder (" STATE_FOLDER "hedgerow, or DIR). The\n"
    "pages of the manual go to PREFIX/share/man.\n"
    "  --edge           the unit of hedgerow-edge, for a gateway in the field: it reads\n"
    "                   " EDGE_CONFIG " and keeps its fixes in " STATE_FOLDER "hedgerow-edge\n"
    "  --print          show the unit, write nothing\n"
    "  --prefix PREFIX  the programs are in PREFIX/bin (else: beside this one)\n"
    "  --unit FILE      write it there (else " UNIT_PATH ",\n"
    "                   or " EDGE_UNIT_PATH ")\n"
    "  --backups FOLDER a timer too, by which the newest seven daily backups are kept there, best\n"
    "                   on another disk: hedgerow-backup.service and .timer beside the unit\n"
    "Further settings of the service go into /etc/default/hedgerow, as "
    "HEDGEROW_HTTP=0.0.0.0:8080.\n";

typedef struct unit {
    char path[PATH_MAX_BYTES];
    hr_buf text;
} unit;

typedef struct plan {
    char program[PATH_MAX_BYTES]; /* hedgerowd */
    char assets[PATH_MAX_BYTES];  /* "": as it was built */
    char share[PATH_MAX_BYTES];   /* beside the programs' bin, for the manual; "": not in a bin */
    char data[PATH_MAX_BYTES];
    char user[64];
    const char *unit;
    const char *backups; /* a folder; NULL: none are made */
    bool is_edge;
    bool is_state; /* data is systemd's to make, for a user of its own */
    bool prints;
} plan;

/* The unit is text in which blanks, quotes, % and control characters have a meaning. */
static bool is_plain_path(const char *path)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@,:=";
    bool climbs = false; /* what is behind "." or ".." may be everything */
    for (const char *step = strchr(path, '/'); step != NULL; step = strchr(step + 1, '/')) {
        size_t dots = strspn(step + 1, ".");
        char end = step[1 + dots];
        climbs = climbs || ((dots == 1 || dots == 2) && (end == '/' || end == '\0'));
    }
    return path[0] == '/' && strspn(path, plain) == strlen(path) && !climbs;
}

/* What a unit sees nothing, or a folder of its own, of; NULL: it sees this path. */
static const char *hidden_place(const char *path)
{
    static const char *const hidden[] = {"/home", "/root", "/tmp", "/var/tmp", NULL};
    for (const char *const *place = hidden; *place != NULL; place++) {
        size_t size = strlen(*place);
        if (strncmp(path, *place, size) == 0 && (path[size] == '/' || path[size] == '\0')) {
            return *place;
        }
    }
    return NULL;
}

static bool find_programs(plan *p, const char *prefix)
{
    char own[PATH_MAX_BYTES] = "";
    char share[PATH_MAX_BYTES];
    if (prefix != NULL) {
        snprintf(own, sizeof own, "%.900s/bin/", prefix);
    } else if (readlink("/proc/self/exe", own, sizeof own - 64) < 0) {
        fputs("hedgerow install: cannot find this program; say where with --prefix\n", stderr);
        return false;
    }
    char *slash = strrchr(own, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = 0;
    snprintf(p->program, sizeof p->program, "%.900s/%s", own,
             p->is_edge ? "hedgerow-edge" : "hedgerowd");
    slash = strrchr(own, '/');
    snprintf(share, sizeof share, "%.*s/share/hedgerow", slash != NULL ? (int)(slash - own) : 0,
             own);
    if (slash != NULL && strcmp(slash, "/bin") == 0) {
        snprintf(p->share, sizeof p->share, "%.*s/share", (int)(slash - own), own);
    }
    if (access(share, X_OK) == 0) {
        snprintf(p->assets, sizeof p->assets, "%s", share);
    }
    if (access(p->program, X_OK) != 0) {
        fprintf(stderr, "hedgerow install: there is no program %s; say where with --prefix\n",
                p->program);
        return false;
    }
    if (!is_plain_path(p->program)) {
        fprintf(stderr,
                "hedgerow install: move the programs to a path without blanks and the "
                "like, such as /usr/local/bin, from %s\n",
                p->program);
        return false;
    }
    const char *place = hidden_place(p->program);
    if (place != NULL) {
        fprintf(stderr,
                "hedgerow install: the unit cannot see %s (%s is hidden from services): copy "
                "the programs to /usr/local/bin and run that hedgerow\n",
                p->program, place);
    }
    return place == NULL || p->prints;
}

static bool find_data(plan *p, const cli_globals *globals)
{
    struct stat info;
    snprintf(p->data, sizeof p->data, "%s",
             globals->has_data ? globals->data
             : p->is_edge      ? STATE_FOLDER "hedgerow-edge"
                               : STATE_FOLDER "hedgerow");
    size_t size = strlen(p->data);
    while (size > 1 && p->data[size - 1] == '/') {
        p->data[--size] = 0;
    }
    /* The unit may write all of the data folder: that must not be everything. */
    if (!is_plain_path(p->data) || size < 2 || strncmp(p->data, "/home/", 6) == 0) {
        fprintf(stderr,
                "hedgerow install: the data folder must be a whole path outside /home without "
                "blanks, such as " STATE_FOLDER "hedgerow; \"%s\" is not\n",
                p->data);
        return false;
    }
    const char *name = p->data + sizeof STATE_FOLDER - 1;
    p->is_state = strncmp(p->data, STATE_FOLDER, sizeof STATE_FOLDER - 1) == 0 && *name != 0 &&
                  strchr(name, '/') == NULL;
    if (p->is_state) {
        snprintf(p->user, sizeof p->user, "%s", p->is_edge ? "hedgerow-edge" : "hedgerow");
        return true;
    }
    const struct passwd *owner = stat(p->data, &info) == 0 ? getpwuid(info.st_uid) : NULL;
    if (owner == NULL) {
        fprintf(stderr,
                "hedgerow install: make the folder %s first, and give it to the user that the "
                "service shall run as\n",
                p->data);
        return false;
    }
    snprintf(p->user, sizeof p->user, "%s", owner->pw_name);
    return true;
}

static bool find_backups(const plan *p)
{
    struct stat info;
    if (p->backups == NULL || (is_plain_path(p->backups) && hidden_place(p->backups) == NULL &&
                               stat(p->backups, &info) == 0 && S_ISDIR(info.st_mode))) {
        return true;
    }
    fprintf(stderr,
            "hedgerow install: the backups need a folder that is there, a whole path without "
            "blanks outside /home, /root and /tmp; \"%s\" is not\n",
            p->backups);
    return false;
}

/* What both may do: talk to the network, write their folder, ask the clock, nothing else.
 * adjtimex is asked for (and ProtectClock, which forbids it, is not) because it tells whether the
 * clock is synchronised; setting the clock needs a capability that the unit does not have. */
static const char limits[] =
    "NoNewPrivileges=yes\nCapabilityBoundingSet=\nAmbientCapabilities=\nUMask=0077\n"
    "PrivateTmp=yes\nDevicePolicy=closed\n"
    "ProtectSystem=strict\nProtectHome=yes\nProtectHostname=yes\nPrivateMounts=yes\n"
    "ProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectKernelLogs=yes\n"
    "ProtectControlGroups=yes\nProtectProc=invisible\n"
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
    "RestrictNamespaces=yes\nRestrictRealtime=yes\nRestrictSUIDSGID=yes\nRemoveIPC=yes\n"
    "LockPersonality=yes\nMemoryDenyWriteExecute=yes\nKeyringMode=private\n"
    "SystemCallArchitectures=native\nSystemCallErrorNumber=EPERM\n"
    "SystemCallFilter=@system-service\n"
    "SystemCallFilter=~@privileged @resources\n"
    "SystemCallFilter=adjtimex clock_adjtime\n";

/* Serial ports are the gateway's one device, and their group is nobody in a user space of its own;
 * and it asks the kernel in /proc/sys which boot this is. */
static const char service_limits[] = "PrivateUsers=yes\nPrivateDevices=yes\nProcSubset=pid\n";
static const char edge_limits[] =
    "SupplementaryGroups=dialout\nDeviceAllow=char-ttyUSB rw\nDeviceAllow=char-ttyACM rw\n"
    "DeviceAllow=char-ttyS rw\nDeviceAllow=char-ttyAMA rw\n";

static void put_user(const plan *p, hr_buf *out)
{
    hr_buf_printf(out, "User=%s\n", p->user);
    if (p->is_state) {
        hr_buf_printf(out, "DynamicUser=yes\nStateDirectory=%s\nStateDirectoryMode=0700\n",
                      p->data + sizeof STATE_FOLDER - 1);
    } else {
        hr_buf_printf(out, "ReadWritePaths=%s\n", p->data);
    }
}

/* Its configuration holds a password: systemd hands it over, so that only root needs to read it. A
 * disk that failed is one reason to end: not so often that it wears out. */
static void write_edge_unit(const plan *p, hr_buf *out)
{
    hr_buf_put_text(out, UNIT_MARK " --edge; settings go into " EDGE_CONFIG ".\n");
    hr_buf_put_text(out, "[Unit]\nDescription=Hedgerow's field gateway\n"
                         "After=network.target gpsd.socket\nStartLimitIntervalSec=0\n");
    hr_buf_printf(out, "RequiresMountsFor=%s\n\n", p->data);
    hr_buf_put_text(out, "[Service]\nType=exec\nLoadCredential=edge.conf:" EDGE_CONFIG "\n");
    hr_buf_printf(out, "ExecStart=%s --config ${CREDENTIALS_DIRECTORY}/edge.conf\n", p->program);
    put_user(p, out);
    hr_buf_put_text(out, "Restart=always\nRestartSec=5\nTimeoutStopSec=60\nKillMode=mixed\n"
                         "RestartPreventExitStatus=2\nOOMScoreAdjust=-500\n");
    hr_buf_put_text(out, edge_limits);
    hr_buf_put_text(out, limits);
    hr_buf_put_text(out, "\n[Install]\nWantedBy=multi-user.target\n");
}

static void write_unit(const plan *p, hr_buf *out)
{
    hr_buf_put_text(out, UNIT_MARK "; settings go into /etc/default/hedgerow.\n");
    hr_buf_put_text(out, "[Unit]\nDescription=Hedgerow, geofences and events\n"
                         "After=network-online.target time-sync.target\n"
                         "Wants=network-online.target\nStartLimitIntervalSec=0\n");
    hr_buf_printf(out, "RequiresMountsFor=%s\n\n", p->data);
    hr_buf_put_text(out, "[Service]\nType=notify\nNotifyAccess=main\n");
    hr_buf_put_text(out, "EnvironmentFile=-/etc/default/hedgerow\n");
    hr_buf_printf(out, "ExecStart=%s --data %s", p->program, p->data);
    if (p->assets[0] != 0) {
        hr_buf_printf(out, " --assets %s", p->assets);
    }
    hr_buf_put_u8(out, '\n');
    put_user(p, out);
    /* A start after a power cut reads what was not judged; WatchdogSec counts from ready on. */
    hr_buf_put_text(out, "Restart=always\nRestartSec=1\nTimeoutStartSec=15min\n"
                         "TimeoutStopSec=60\nWatchdogSec=30\nKillMode=mixed\n"
                         "LimitNOFILE=65536\nOOMScoreAdjust=-500\n");
    hr_buf_put_text(out, service_limits);
    hr_buf_put_text(out, limits);
    hr_buf_put_text(out, "\n[Install]\nWantedBy=multi-user.target\n");
}

/* By root, who alone may look into the folder of a user that systemd made up, and with root's
 * rights to files: what SQLite makes beside a database must be given to its owner. */
static void write_backup_unit(const plan *p, hr_buf *out)
{
    hr_buf_put_text(out, UNIT_MARK " --backups; hedgerow-backup.timer starts it.\n"
                                   "[Unit]\nDescription=A backup of Hedgerow's data folder\n");
    hr_buf_printf(out, "RequiresMountsFor=%s %s\n\n", p->data, p->backups);
    hr_buf_printf(out, "[Service]\nType=oneshot\nExecStart=%.*s/hedgerow --data %s backup %s/\n",
                  (int)(strrchr(p->program, '/') - p->program), p->program, p->data, p->backups);
    hr_buf_printf(out, "ReadWritePaths=-%s %s\n", p->data, p->backups);
    hr_buf_put_text(out, "Nice=19\nIOSchedulingClass=idle\nUMask=0077\nNoNewPrivileges=yes\n"
                         "PrivateTmp=yes\nPrivateDevices=yes\nPrivateNetwork=yes\n"
                         "ProtectSystem=strict\nProtectHome=yes\nProtectKernelTunables=yes\n"
                         "ProtectKernelModules=yes\nProtectKernelLogs=yes\n"
                         "ProtectControlGroups=yes\nProtectHostname=yes\nRestrictNamespaces=yes\n"
                         "RestrictRealtime=yes\nRestrictSUIDSGID=yes\nLockPersonality=yes\n"
                         "CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER\n"
                         "SystemCallFilter=@system-service\nSystemCallArchitectures=native\n");
}

/* A gateway that was off at that hour does it when it is on again. */
static const char backup_timer[] = UNIT_MARK " --backups\n"
                                             "[Unit]\nDescription=Hedgerow's daily backup\n\n"
                                             "[Timer]\nOnCalendar=daily\nRandomizedDelaySec=1h\n"
                                             "Persistent=yes\n\n"
                                             "[Install]\nWantedBy=timers.target\n";

/* True unless there is a unit that somebody wrote by hand. */
static bool may_replace(const char *path)
{
    char line[sizeof UNIT_MARK] = "";
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT;
    }
    size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    return size == sizeof UNIT_MARK - 1 && memcmp(line, UNIT_MARK, size) == 0;
}

/* Nothing depends on it: a failure is only told. */
static void install_manual(const plan *p)
{
    const char *const pages[] = {"hedgerow", p->is_edge ? "hedgerow-edge" : "hedgerowd"};
    for (size_t i = 0; p->share[0] != 0 && i < sizeof pages / sizeof pages[0]; i++) {
        if (!cli_man_install(pages[i], p->share)) {
            fprintf(stderr, "hedgerow install: the manual's page %s is not written to %s/man\n",
                    pages[i], p->share);
        }
    }
}

static bool write_file(const char *path, const hr_buf *text)
{
    char aside[PATH_MAX_BYTES + 8];
    if (!may_replace(path)) {
        fprintf(stderr,
                "hedgerow install: %s is there and not made by this command, or may not be read; "
                "look at it, and remove it if it is not needed\n",
                path);
        return false;
    }
    snprintf(aside, sizeof aside, "%.1000s.new", path);
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    bool is_written = fd >= 0 && write(fd, text->data, text->size) == (ssize_t)text->size &&
                      fsync(fd) == 0 && rename(aside, path) == 0;
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (!is_written) {
        fprintf(stderr, "hedgerow install: cannot write %s: %s%s\n", path, strerror(error),
                error == EACCES || error == EPERM ? "; run it as root (sudo)" : "");
    }
    return is_written;
}

static int install(const plan *p, const unit *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!write_file(units[i].path, &units[i].text)) {
            return CLI_FAILED;
        }
    }
    install_manual(p);
    if (p->is_edge) {
        printf("%s is written. Put the configuration into " EDGE_CONFIG ", readable for root "
               "alone, with data = %s, then:\n"
               "  hedgerow-edge --check " EDGE_CONFIG "\n"
               "  systemctl daemon-reload\n"
               "  systemctl enable --now hedgerow-edge\n",
               p->unit, p->data);
    } else {
        printf("%s is written. Now start the service, and let it start at every boot:\n"
               "  systemctl daemon-reload\n"
               "  systemctl enable --now hedgerow%s\n"
               "Then look at it: hedgerow --data %s doctor\n",
               p->unit, p->backups != NULL ? " hedgerow-backup.timer" : "", p->data);
    }
    return CLI_OK;
}

/* The unit, and what makes backups beside it. */
static size_t write_units(const plan *p, unit units[UNITS_MAX])
{
    for (size_t i = 0; i < UNITS_MAX; i++) {
        hr_buf_init(&units[i].text, UNIT_BYTES_MAX);
    }
    snprintf(units[0].path, PATH_MAX_BYTES, "%s", p->unit);
    if (p->is_edge) {
        write_edge_unit(p, &units[0].text);
        return 1;
    }
    write_unit(p, &units[0].text);
    if (p->backups == NULL) {
        return 1;
    }
    const char *slash = strrchr(p->unit, '/');
    int folder = slash != NULL ? (int)(slash - p->unit) + 1 : 0;
    static const char *const names[] = {"hedgerow-backup.service", "hedgerow-backup.timer"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(units[1 + i].path, PATH_MAX_BYTES, "%.*s%s", folder, p->unit, names[i]);
    }
    write_backup_unit(p, &units[1].text);
    hr_buf_put_text(&units[2].text, backup_timer);
    return 3;
}

static int make_units(const plan *p)
{
    unit units[UNITS_MAX];
    size_t count = write_units(p, units);
    int code = CLI_OK;
    for (size_t i = 0; i < count && code == CLI_OK; i++) {
        const hr_buf *text = &units[i].text;
        if (hr_buf_err(text) != HR_OK) {
            fprintf(stderr, "hedgerow install: %s\n", hr_err_text(hr_buf_err(text)));
            code = CLI_FAILED;
        } else if (p->prints && fwrite(text->data, 1, text->size, stdout) != text->size) {
            code = CLI_FAILED;
        }
    }
    if (code == CLI_OK && !p->prints) {
        code = install(p, units, count);
    }
    for (size_t i = 0; i < UNITS_MAX; i++) {
        hr_buf_fini(&units[i].text);
    }
    return code;
}

int cli_install(const cli_globals *globals, int argc, char **argv)
{
    plan p = {.unit = NULL};
    const char *prefix = NULL;
    for (int i = 1; i < argc; i++) {
        const char **place = strcmp(argv[i], "--prefix") == 0    ? &prefix
                             : strcmp(argv[i], "--unit") == 0    ? &p.unit
                             : strcmp(argv[i], "--backups") == 0 ? &p.backups
                                                                 : NULL;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            return CLI_OK;
        }
        if (strcmp(argv[i], "--edge") == 0) {
            p.is_edge = true;
        } else if (strcmp(argv[i], "--print") == 0) {
            p.prints = true;
        } else if (place != NULL && i + 1 < argc) {
            *place = argv[++i];
        } else {
            fputs(help, stderr);
            return CLI_USAGE;
        }
    }
    if (p.is_edge && p.backups != NULL) {
        fputs("hedgerow install: a gateway keeps nothing that a backup could bring back\n", stderr);
        return CLI_USAGE;
    }
    p.unit = p.unit != NULL ? p.unit : p.is_edge ? EDGE_UNIT_PATH : UNIT_PATH;
    if (!find_programs(&p, prefix) || !find_data(&p, globals) || !find_backups(&p)) {
        return CLI_FAILED;
    }
    return make_units(&p);
}
