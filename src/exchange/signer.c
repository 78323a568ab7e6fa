#include <stdio.h>

#include "exchange/exchange.h"
#include "wire/rest.h"

enum status signer_sign(const struct signer *signer, int64_t ts_ms, const char *method,
                        const char *path, char *sig, size_t cap)
{
    char text[320];
    size_t n = 0;
    enum status st = rest_sign_text(ts_ms, method, path, text, sizeof text, &n);
    return st == ST_OK ? signer->sign(signer->self, text, n, sig, cap) : st;
}
