/*
 * sim_count.c - what clients asked for, by method and kind of route, and by channel: so that a test
 * can prove what a client never did.
 */
#include "sim/sim_int.h"

static const char *const methods[COUNT_METHODS] = {"GET", "POST", "PUT", "DELETE", "other"};
static const char *const folders[COUNT_FOLDERS] = {"markets",   "events",  "series",   "exchange",
                                                   "portfolio", "account", "api_keys", "historical",
                                                   "search",    "other"};

static int index_of(struct text name, const char *const *names, int n)
{
    int i = 0;
    while (i < n - 1 && !text_equal(name, text_of(names[i]))) {
        i++;
    }
    return i;
}

void sim_count_request(struct sim *sim, const struct sim_http_req *req, struct text rest)
{
    struct text folder = rest;
    if (folder.n > 0 && folder.p[0] == '/') {
        folder.p++;
        folder.n--;
    }
    size_t n = 0;
    while (n < folder.n && folder.p[n] != '/' && folder.p[n] != '?') {
        n++;
    }
    folder.n = n;
    int m = index_of(req->method, methods, COUNT_METHODS);
    sim->count.http_requests++;
    sim->count.requests[m][index_of(folder, folders, COUNT_FOLDERS)]++;
}

void sim_dump_requests(const struct sim *sim, struct jw *w)
{
    jw_open(w, "requests", '{');
    for (int m = 0; m < COUNT_METHODS; m++) {
        jw_open(w, methods[m], '{');
        for (int f = 0; f < COUNT_FOLDERS; f++) {
            jw_int(w, folders[f], (int64_t)sim->count.requests[m][f]);
        }
        jw_close(w, '}');
    }
    jw_close(w, '}');
    jw_open(w, "subscriptions", '{');
    for (int c = 0; c < CH_MAX; c++) {
        jw_int(w, channel_name((enum channel)c), (int64_t)sim->count.subscribed[c]);
    }
    jw_close(w, '}');
}
