/* session_waiting.c - see session_waiting.h. */
#include "cli/session_waiting.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "store/spill_files.h"

struct looking {
    struct session_waiting *v;
    size_t n;
    uint64_t found;
    bool count;
};

static enum status look(void *self, const struct spill_file *f)
{
    struct looking *l = self;
    for (size_t i = 0; i < l->n && f->state == SPILL_FILE_WAITS; i++) {
        struct session_waiting *w = &l->v[i];
        if (w->session == f->id.session && w->began == f->id.began) {
            l->found++;
            w->files += l->count;
            w->rows += f->records;
        }
    }
    return ST_OK;
}

int session_waiting_find(const struct session_args *a, struct session_waiting *v, size_t n)
{
    char folder[SESSION_STORE_MAX];
    struct looking l = {.v = v, .n = n};
    struct err err = {.st = ST_OK};
    int code = session_spill_folder(a, folder);
    if (code != EXIT_DONE || folder[0] == '\0') {
        return code;
    }
    enum status st = spill_list(NULL, folder, false, look, &l, &err);
    if (st == ST_OK && l.found > 0) { /* only then are the files read */
        l.count = true;
        st = spill_list(NULL, folder, true, look, &l, &err);
    }
    return st == ST_OK ? (int)EXIT_DONE
                       : cli_fail(a->command, cli_config_code(&err), "%s", err.text);
}

void session_waiting_json(const struct session_waiting *w, struct buf *b)
{
    buf_printf(b, ",\"waiting\":{\"files\":%" PRIu64 ",\"rows\":%" PRIu64 "}", w->files, w->rows);
}

void session_waiting_text(const struct session_waiting *w, const char *before)
{
    if (w->files > 0) {
        printf("%s%" PRIu64 " rows wait in %" PRIu64
               " spill file%s and are not all in the database (deltaflow spill --drain)\n",
               before, w->rows, w->files, w->files > 1 ? "s" : "");
    }
}
