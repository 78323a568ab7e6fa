#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

const char deltaflow_version[] = "0.1.0";

void cli_no_core(void)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
}

int cli_usage(const char *command, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "deltaflow %s: ", command);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\nTry 'deltaflow %s --help'.\n", command);
    va_end(ap);
    return EXIT_USAGE;
}

int cli_fail(const char *command, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "deltaflow %s: ", command);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return code;
}

int cli_print(const char *command, const struct buf *text)
{
    if (text->failed) {
        return cli_fail(command, EXIT_FAILED, "out of memory");
    }
    if ((text->n > 0 && fwrite(text->p, 1, text->n, stdout) != text->n) || fflush(stdout) != 0) {
        return cli_fail(command, EXIT_FAILED, "cannot write to standard output");
    }
    return EXIT_DONE;
}

int cli_config_code(const struct err *err)
{
    return err->st == ST_NOMEM ? EXIT_FAILED : EXIT_CONFIG;
}

static bool progress_open;

void cli_progress(const char *fmt, ...)
{
    static mono_ns_t last;
    mono_ns_t now = clock_mono();
    bool terminal = isatty(STDERR_FILENO);
    if (now - last < (terminal ? NS_PER_SEC / 10 : 5 * NS_PER_SEC)) {
        return;
    }
    last = now;
    va_list ap;
    va_start(ap, fmt);
    if (terminal) {
        fputs("\r\033[K", stderr);
    }
    vfprintf(stderr, fmt, ap);
    if (!terminal) {
        fputc('\n', stderr);
    }
    va_end(ap);
    fflush(stderr);
    progress_open = terminal;
}

void cli_progress_end(void)
{
    if (progress_open) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress_open = false;
    }
}
