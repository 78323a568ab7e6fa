#include "base/timefmt.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

size_t time_format(wall_ns_t t, char buf[TIME_TEXT_MAX])
{
    time_t sec = (time_t)(t / NS_PER_SEC);
    int64_t ns = t % NS_PER_SEC;
    if (ns < 0) {
        ns += NS_PER_SEC;
        sec--;
    }
    struct tm tm;
    gmtime_r(&sec, &tm);
    size_t n = strftime(buf, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    int64_t us = ns / NS_PER_US;
    if (us != 0) {
        n += (size_t)snprintf(buf + n, TIME_TEXT_MAX - n, ".%06d", (int)us);
        while (buf[n - 1] == '0') {
            n--;
        }
    }
    buf[n++] = 'Z';
    buf[n] = '\0';
    return n;
}

static bool digits(const char *s, size_t n, int *ret)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return false;
        }
        v = v * 10 + (s[i] - '0');
    }
    *ret = v;
    return true;
}

static bool leap(int y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

enum status time_parse(const char *s, size_t n, wall_ns_t *ret_t)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, mo, d, h, mi, sec;
    if (n < 20 || !digits(s, 4, &y) || s[4] != '-' || !digits(s + 5, 2, &mo) || s[7] != '-' ||
        !digits(s + 8, 2, &d) || (s[10] != 'T' && s[10] != 't' && s[10] != ' ') ||
        !digits(s + 11, 2, &h) || s[13] != ':' || !digits(s + 14, 2, &mi) || s[16] != ':' ||
        !digits(s + 17, 2, &sec)) {
        return ST_MALFORMED;
    }
    if (y < 1970 || y > 2200 || mo < 1 || mo > 12 || d < 1 || h > 23 || mi > 59 || sec > 60 ||
        d > month_days[mo - 1] + (mo == 2 && leap(y) ? 1 : 0)) {
        return ST_MALFORMED;
    }
    size_t i = 19;
    int64_t ns = 0;
    if (s[i] == '.') {
        i++;
        int64_t unit = NS_PER_SEC / 10;
        size_t first = i;
        for (; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
            ns += unit * (s[i] - '0');
            unit /= 10;
        }
        if (i == first || i - first > 9) {
            return ST_MALFORMED;
        }
    }
    int64_t offset = 0;
    if (n - i == 1 && (s[i] == 'Z' || s[i] == 'z')) {
        offset = 0;
    } else if (n - i == 6 && (s[i] == '+' || s[i] == '-') && s[i + 3] == ':') {
        int oh, om;
        if (!digits(s + i + 1, 2, &oh) || !digits(s + i + 4, 2, &om) || oh > 23 || om > 59) {
            return ST_MALFORMED;
        }
        offset = (s[i] == '-' ? -1 : 1) * (oh * 3600 + om * 60);
    } else {
        return ST_MALFORMED;
    }
    int64_t days = 0;
    for (int yy = 1970; yy < y; yy++) {
        days += leap(yy) ? 366 : 365;
    }
    for (int m = 1; m < mo; m++) {
        days += month_days[m - 1] + (m == 2 && leap(y) ? 1 : 0);
    }
    days += d - 1;
    *ret_t = (days * 86400 + h * 3600 + mi * 60 + sec - offset) * NS_PER_SEC + ns;
    return ST_OK;
}
