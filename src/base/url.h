/* url.h - URLs as people may see them. */
#ifndef BASE_URL_H
#define BASE_URL_H

#include <stddef.h>

#define URL_SHOWN_MAX 512

/*
 * url without its secrets: what stands between the user and the @, and the values of parameters
 * whose names end with "password", become ***. What is no URL (no "://") is copied as it is. Cut
 * when it does not fit. When a URL is malformed, rather too much is hidden. Returns buf.
 */
const char *url_shown(const char *url, char *buf, size_t cap);

#endif
