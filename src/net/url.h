/*
 * url.h - an exchange's address taken apart.
 */
#ifndef NET_URL_H
#define NET_URL_H

#include "base/status.h"

struct url {
    char scheme[8];
    char host[256]; /* an IPv6 address without brackets */
    int port;
    char path[128];   /* begins with '/', does not end with one; "" for none */
    char origin[300]; /* "https://host:port" */
};

/*
 * scheme is what the address must begin with ("https", "wss"). ST_INVALID: another scheme, user or
 * password, a query, a port out of range, too long; err names the address and what is wrong.
 */
enum status url_parse(const char *text, const char *scheme, struct url *ret_url,
                      struct err *err) MUST_CHECK;

#endif
