/* api/cli_completion.c - hedgerow completion: scripts by which shells complete our words. */
#include <stdio.h>
#include <string.h>

#include "cli_commands.h"

static const char help[] = "usage: hedgerow completion bash|zsh|fish\n"
                           "\n"
                           "Prints a script. For this shell:\n"
                           "  bash   source <(hedgerow completion bash)\n"
                           "  zsh    source <(hedgerow completion zsh)\n"
                           "  fish   hedgerow completion fish | source\n"
                           "For everyone:\n"
                           "  bash   /usr/share/bash-completion/completions/hedgerow\n"
                           "  zsh    /usr/share/zsh/vendor-completions/_hedgerow\n"
                           "  fish   /usr/share/fish/vendor_completions.d/hedgerow.fish\n";

/* Within single quotes; quote is how the shell writes one of them there. */
static void put_quoted(const char *text, const char *quote)
{
    putchar('\'');
    for (; *text != 0; text++) {
        if (*text == '\'') {
            fputs(quote, stdout);
        } else {
            putchar(*text);
        }
    }
    putchar('\'');
}

static void put_option_names(const char *between)
{
    for (const cli_option *option = cli_options(); option->name != NULL; option++) {
        printf("%s%s", option == cli_options() ? "" : between, option->name);
    }
}

static void print_bash(const cli_command *commands, size_t count)
{
    fputs("# Made by: hedgerow completion bash\n"
          "_hedgerow()\n{\n"
          "    local i command= words\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case ${COMP_WORDS[i]} in\n"
          "            ",
          stdout);
    put_option_names(" | ");
    fputs(") ((i++)) ;;\n"
          "            -*) ;;\n"
          "            *) command=${COMP_WORDS[i]}; break ;;\n"
          "        esac\n"
          "    done\n"
          "    case $command in\n"
          "        '') words='",
          stdout);
    put_option_names(" ");
    fputs(" --help --version", stdout);
    for (size_t i = 0; i < count; i++) {
        printf(" %s", commands[i].name);
    }
    fputs("' ;;\n", stdout);
    for (size_t i = 0; i < count; i++) {
        printf("        %s) words='%s --help' ;;\n", commands[i].name, commands[i].words);
    }
    fputs("        *) words= ;;\n"
          "    esac\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
          "}\n"
          "complete -o default -F _hedgerow hedgerow\n",
          stdout);
}

static void print_zsh(const cli_command *commands, size_t count)
{
    fputs("#compdef hedgerow\n"
          "# Made by: hedgerow completion zsh\n"
          "_hedgerow()\n{\n"
          "    local i command=\n"
          "    local -a commands\n"
          "    for ((i = 2; i < CURRENT; i++)); do\n"
          "        case $words[i] in\n"
          "            ",
          stdout);
    put_option_names(" | ");
    fputs(") ((i++)) ;;\n"
          "            -*) ;;\n"
          "            *) command=$words[i]; break ;;\n"
          "        esac\n"
          "    done\n"
          "    case $command in\n"
          "        '') commands=(\n",
          stdout);
    for (size_t i = 0; i < count; i++) {
        char line[256];
        snprintf(line, sizeof line, "%s:%s", commands[i].name, commands[i].summary);
        fputs("            ", stdout);
        put_quoted(line, "'\\''");
        putchar('\n');
    }
    fputs("            )\n            _describe command commands\n            compadd -- ", stdout);
    put_option_names(" ");
    fputs(" --help --version ;;\n", stdout);
    for (size_t i = 0; i < count; i++) {
        printf("        %s) compadd -- %s --help ;;\n", commands[i].name, commands[i].words);
    }
    fputs("    esac\n"
          "    _files\n"
          "}\n"
          "if [ \"$funcstack[1]\" = _hedgerow ]; then\n"
          "    _hedgerow \"$@\"\n"
          "else\n"
          "    compdef _hedgerow hedgerow\n"
          "fi\n",
          stdout);
}

static void print_fish(const cli_command *commands, size_t count)
{
    fputs("# Made by: hedgerow completion fish\n", stdout);
    for (const cli_option *option = cli_options(); option->name != NULL; option++) {
        printf("complete -c hedgerow -n __fish_use_subcommand -l %s -r -d ", option->name + 2);
        put_quoted(option->summary, "\\'");
        putchar('\n');
    }
    for (size_t i = 0; i < count; i++) {
        printf("complete -c hedgerow -n __fish_use_subcommand -a %s -d ", commands[i].name);
        put_quoted(commands[i].summary, "\\'");
        printf("\ncomplete -c hedgerow -n '__fish_seen_subcommand_from %s' -a '%s --help'\n",
               commands[i].name, commands[i].words);
    }
}

int cli_completion(const cli_globals *globals, int argc, char **argv)
{
    static const struct {
        const char *shell;
        void (*print)(const cli_command *commands, size_t count);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    size_t count = 0;
    const cli_command *commands = cli_commands(&count);
    (void)globals;
    for (size_t i = 0; argc == 2 && i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(argv[1], shells[i].shell) == 0) {
            shells[i].print(commands, count);
            return CLI_OK;
        }
    }
    bool wants_help = argc == 2 && strcmp(argv[1], "--help") == 0;
    fputs(help, wants_help ? stdout : stderr);
    return wants_help ? CLI_OK : CLI_USAGE;
}
