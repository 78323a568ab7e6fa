#include "net/url.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static bool part(CURLU *u, CURLUPart what, char *dst, size_t cap)
{
    char *v = NULL;
    bool ok = curl_url_get(u, what, &v, 0) == CURLUE_OK && text_copy(dst, cap, text_of(v));
    curl_free(v);
    return ok;
}

static bool has(CURLU *u, CURLUPart what)
{
    char *v = NULL;
    bool there = curl_url_get(u, what, &v, 0) == CURLUE_OK;
    curl_free(v);
    return there;
}

static const char *take_apart(CURLU *u, const char *text, const char *scheme, struct url *url)
{
    char port[16];
    CURLUcode code = curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    if (code != CURLUE_OK) {
        return "not a URL";
    }
    if (!part(u, CURLUPART_SCHEME, url->scheme, sizeof url->scheme) ||
        strcmp(url->scheme, scheme) != 0) {
        return "wrong scheme";
    }
    if (has(u, CURLUPART_USER) || has(u, CURLUPART_PASSWORD) || has(u, CURLUPART_QUERY) ||
        has(u, CURLUPART_FRAGMENT)) {
        return "user, query and fragment are not allowed";
    }
    if (!part(u, CURLUPART_HOST, url->host, sizeof url->host) || url->host[0] == '\0') {
        return "no host, or too long";
    }
    url->port = 443;
    if (has(u, CURLUPART_PORT)) {
        if (!part(u, CURLUPART_PORT, port, sizeof port)) {
            return "bad port";
        }
        url->port = atoi(port);
    }
    if (url->port < 1 || url->port > 65535) {
        return "bad port";
    }
    return part(u, CURLUPART_PATH, url->path, sizeof url->path) ? NULL : "path too long";
}

enum status url_parse(const char *text, const char *scheme, struct url *ret_url, struct err *err)
{
    struct url url;
    memset(&url, 0, sizeof url);
    CURLU *u = curl_url();
    if (u == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    const char *why = take_apart(u, text, scheme, &url);
    curl_url_cleanup(u);
    if (why != NULL) {
        return err_set(err, ST_INVALID, "%s: %s; expected %s://host[:port]/path", text, why,
                       scheme);
    }
    size_t n = strlen(url.path);
    while (n > 0 && url.path[n - 1] == '/') {
        url.path[--n] = '\0';
    }
    int len = snprintf(url.origin, sizeof url.origin, "%s://%s:%d", url.scheme, url.host, url.port);
    if (len < 0 || (size_t)len >= sizeof url.origin) {
        return err_set(err, ST_INVALID, "%s: too long", text);
    }
    n = strlen(url.host);
    if (n > 2 && url.host[0] == '[') {
        memmove(url.host, url.host + 1, n - 2);
        url.host[n - 2] = '\0';
    }
    *ret_url = url;
    return ST_OK;
}
