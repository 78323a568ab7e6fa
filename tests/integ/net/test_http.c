/* test_http.c - http_client against the server over TLS on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net_fixture.h"

#define ORDERS "/trade-api/v2/portfolio/events/orders"

static struct fixture fix;

struct result {
    uint32_t n;
    struct http_resp last;
    char body[256];
};

static void on_done(void *self, const struct http_resp *resp)
{
    struct result *r = self;
    r->n++;
    r->last = *resp;
    text_copy(r->body, sizeof r->body, (struct text){resp->body, resp->body_len});
}

static struct sign_ahead *ahead; /* of the clients that are made from now on */

static struct http_client *client(struct result *r, const struct signer *signer)
{
    struct http_client *hc = NULL;
    struct err err = {ST_OK, ""};
    struct http_client_config c = http_client_config_default();
    c.url = fix.url;
    c.ca_file = fix.ca.ca_cert;
    c.signer = signer;
    c.ahead = ahead;
    memset(r, 0, sizeof *r);
    if (http_client_create(&c, on_done, r, &hc, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    return hc;
}

/* Both sides work until the request has been answered. */
static void wait_for(struct http_client *hc, struct result *r, uint32_t n)
{
    mono_ns_t end = clock_mono() + 120 * NS_PER_SEC;
    while (r->n < n && clock_mono() < end) {
        fixture_pump(&fix);
        (void)http_client_work(hc, NS_PER_MS);
    }
    assert_int_equal(r->n, n);
}

static struct http_req request(enum http_method method, const char *path)
{
    static uint64_t id;
    return (struct http_req){.id = ++id,
                             .method = method,
                             .path = path,
                             .query = "",
                             .body = "",
                             .deadline = clock_mono() + 60 * NS_PER_SEC,
                             .may_retry_connect = method != HTTP_POST};
}

static void one(struct http_client *hc, struct result *r, const struct http_req *req)
{
    uint32_t n = r->n + 1;
    assert_int_equal(http_client_send(hc, req), ST_OK);
    wait_for(hc, r, n);
    assert_int_equal(r->last.id, req->id);
}

static void signed_get_is_answered_with_either_key(void **state)
{
    (void)state;
    const struct signer *signers[] = {&fix.rsa_signer, &fix.ed_signer};
    for (int i = 0; i < 2; i++) {
        struct result r;
        struct http_client *hc = client(&r, signers[i]);
        struct http_req req = request(HTTP_GET, "/trade-api/v2/portfolio/balance");
        req.query = "a=1&b=x%2Fy&tickers=A,B";
        one(hc, &r, &req);
        assert_int_equal(r.last.fate, HTTP_ANSWERED);
        assert_int_equal(r.last.status, 200);
        assert_string_equal(r.body, "{\"ok\":true}");
        assert_true(fix.last.signature_good);
        assert_string_equal(fix.last.method, "GET");
        assert_string_equal(fix.last.path, "/trade-api/v2/portfolio/balance");
        assert_string_equal(fix.last.query, "a=1&b=x%2Fy&tickers=A,B");
        assert_true(r.last.signed_wall > 0 && clock_wall() - r.last.signed_wall < NS_PER_SEC * 120);
        http_client_destroy(hc);
    }
}

static void bodies_arrive_whole_with_every_method(void **state)
{
    (void)state;
    struct result r;
    struct http_client *hc = client(&r, &fix.ed_signer);
    fix.status = 201;
    struct http_req post = request(HTTP_POST, ORDERS);
    post.body = "{\"ticker\":\"A\"}";
    post.body_len = strlen(post.body);
    one(hc, &r, &post);
    assert_int_equal(r.last.status, 201);
    assert_string_equal(fix.last.method, "POST");
    assert_string_equal(fix.last.body, post.body);
    assert_string_equal(fix.last.content_type, "application/json");
    assert_true(fix.last.signature_good);
    fix.status = 200;
    struct http_req del = request(HTTP_DELETE, ORDERS "/abc");
    one(hc, &r, &del);
    assert_string_equal(fix.last.method, "DELETE");
    assert_string_equal(fix.last.path, ORDERS "/abc");
    assert_string_equal(fix.last.body, "");
    struct http_req del_body = request(HTTP_DELETE, ORDERS "/batched");
    del_body.body = "{\"orders\":[]}";
    del_body.body_len = strlen(del_body.body);
    one(hc, &r, &del_body);
    assert_string_equal(fix.last.method, "DELETE");
    assert_string_equal(fix.last.body, "{\"orders\":[]}");
    struct http_req empty = request(HTTP_POST, ORDERS);
    one(hc, &r, &empty);
    assert_string_equal(fix.last.method, "POST");
    assert_string_equal(fix.last.body, "");
    struct http_req get = request(HTTP_GET, "/trade-api/v2/markets");
    one(hc, &r, &get);
    assert_string_equal(fix.last.method, "GET");
    assert_int_equal(http_client_stats(hc)->connects, 1); /* kept alive over all of them */
    http_client_destroy(hc);
}

static void errors_are_answers(void **state)
{
    (void)state;
    struct result r;
    struct http_client *hc = client(&r, &fix.ed_signer);
    static const int statuses[] = {400, 401, 404, 409, 429, 500, 503};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        fix.status = statuses[i];
        struct http_req req = request(HTTP_GET, "/trade-api/v2/markets");
        one(hc, &r, &req);
        assert_int_equal(r.last.fate, HTTP_ANSWERED);
        assert_int_equal(r.last.status, statuses[i]);
    }
    fix.status = 200;
    http_client_destroy(hc);
}

/*
 * The heart of it. The second request goes over a connection that was used before; the server reads
 * it and closes without a word. libcurl would open another connection and send it again.
 */
static uint32_t sends_on_a_connection_that_dies(enum http_method method, enum http_fate *ret_fate,
                                                uint64_t *ret_refused)
{
    struct result r;
    struct http_client *hc = client(&r, &fix.ed_signer);
    struct http_req warm = request(HTTP_GET, "/trade-api/v2/exchange/status");
    one(hc, &r, &warm);
    uint32_t before = fix.requests;
    fix.drop = true;
    struct http_req req = request(method, ORDERS);
    req.body = method == HTTP_POST ? "{}" : "";
    req.body_len = strlen(req.body);
    one(hc, &r, &req);
    fix.drop = false;
    *ret_fate = r.last.fate;
    *ret_refused = http_client_stats(hc)->resends_refused;
    http_client_destroy(hc);
    return fix.requests - before;
}

static void create_on_a_reused_connection_that_dies_is_sent_once(void **state)
{
    (void)state;
    enum http_fate fate = HTTP_ANSWERED;
    uint64_t refused = 0;
    assert_int_equal(sends_on_a_connection_that_dies(HTTP_POST, &fate, &refused), 1);
    assert_int_equal(fate, HTTP_CUT);
    assert_int_equal(refused, 1); /* libcurl did want to send it again */
}

static void read_on_a_reused_connection_that_dies_is_sent_again_by_libcurl(void **state)
{
    (void)state;
    enum http_fate fate = HTTP_ANSWERED;
    uint64_t refused = 0;
    assert_int_equal(sends_on_a_connection_that_dies(HTTP_GET, &fate, &refused), 2);
    assert_int_equal(fate, HTTP_CUT);
    assert_int_equal(refused, 0);
}

static void create_on_a_fresh_connection_that_dies_is_sent_once(void **state)
{
    (void)state;
    struct result r;
    struct http_client *hc = client(&r, &fix.rsa_signer);
    uint32_t before = fix.requests;
    fix.drop = true;
    struct http_req req = request(HTTP_POST, ORDERS);
    one(hc, &r, &req);
    fix.drop = false;
    assert_int_equal(fix.requests - before, 1);
    assert_int_equal(r.last.fate, HTTP_CUT);
    http_client_destroy(hc);
}

static void late_answer_is_a_timeout(void **state)
{
    (void)state;
    struct result r;
    struct http_client *hc = client(&r, &fix.ed_signer);
    struct http_req first = request(HTTP_POST, ORDERS);
    one(hc, &r, &first); /* so that the connection stands */
    fix.delay = 60 * NS_PER_SEC;
    struct http_req req = request(HTTP_POST, ORDERS);
    req.deadline = clock_mono() + NS_PER_SEC;
    one(hc, &r, &req);
    fix.delay = 0;
    assert_int_equal(r.last.fate, HTTP_TIMEOUT);
    assert_int_equal(http_client_stats(hc)->timeouts, 1);
    http_client_destroy(hc);
}

static void delayed_answer_comes_after_its_delay(void **state)
{
    (void)state;
    struct result r;
    struct http_client *hc = client(&r, &fix.ed_signer);
    fix.delay = 200 * NS_PER_MS;
    mono_ns_t begin = clock_mono();
    struct http_req req = request(HTTP_GET, "/trade-api/v2/markets");
    one(hc, &r, &req);
    fix.delay = 0;
    assert_int_equal(r.last.fate, HTTP_ANSWERED);
    assert_true(clock_mono() - begin >= 200 * NS_PER_MS);
    http_client_destroy(hc);
}

/* A port that nobody listens on: bound once, then given back. */
static int closed_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof sa;
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    close(fd);
    return ntohs(sa.sin_port);
}

static void expect_never_sent(struct http_client_config *c)
{
    struct result r = {0};
    struct http_client *hc = NULL;
    uint32_t before = fix.requests;
    c->signer = &fix.ed_signer;
    assert_int_equal(http_client_create(c, on_done, &r, &hc, NULL), ST_OK);
    struct http_req req = request(HTTP_POST, ORDERS);
    one(hc, &r, &req);
    assert_int_equal(r.last.fate, HTTP_NEVER_SENT);
    assert_int_equal(fix.requests, before);
    assert_true(strlen(http_client_last_error(hc)) > 0);
    http_client_destroy(hc);
}

static void refused_connection_was_never_sent(void **state)
{
    (void)state;
    char url[64];
    struct http_client_config c = http_client_config_default();
    snprintf(url, sizeof url, "https://127.0.0.1:%d", closed_port());
    c.url = url;
    c.ca_file = fix.ca.ca_cert;
    expect_never_sent(&c);
}

static void name_that_does_not_resolve_was_never_sent(void **state)
{
    (void)state;
    struct http_client_config c = http_client_config_default();
    c.url = "https://no-such-host.invalid/";
    c.ca_file = fix.ca.ca_cert;
    expect_never_sent(&c);
}

static void server_of_an_unknown_authority_gets_no_request(void **state)
{
    (void)state;
    char other[128];
    struct ca_files files;
    snprintf(other, sizeof other, "%s/other", fix.dir);
    assert_int_equal(ca_ensure(other, "127.0.0.1", &files, NULL), ST_OK);
    struct http_client_config c = http_client_config_default();
    c.url = fix.url;
    c.ca_file = files.ca_cert;
    expect_never_sent(&c);
}

static void certificate_for_another_host_gets_no_request(void **state)
{
    (void)state;
    char url[64];
    struct http_client_config c = http_client_config_default();
    /* 127.0.0.2 reaches the same server, whose certificate does not name it. */
    snprintf(url, sizeof url, "https://127.0.0.2:%d", server_port(fix.server));
    c.url = url;
    c.ca_file = fix.ca.ca_cert;
    expect_never_sent(&c);
}

static void server_that_accepts_and_says_nothing_was_never_sent(void **state)
{
    (void)state;
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof sa;
    char url[64];
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    snprintf(url, sizeof url, "https://127.0.0.1:%d", ntohs(sa.sin_port));
    struct http_client_config c = http_client_config_default();
    c.url = url;
    c.ca_file = fix.ca.ca_cert;
    c.connect_timeout_ns = 300 * NS_PER_MS;
    expect_never_sent(&c);
    close(fd);
}

static enum status no_signature(void *self, const char *text, size_t n, char *sig, size_t cap)
{
    (void)self;
    (void)text;
    (void)n;
    (void)sig;
    (void)cap;
    return ST_IO;
}

static void request_that_cannot_be_signed_was_never_sent(void **state)
{
    (void)state;
    struct result r;
    struct signer bad = {.key_id = "x", .sign = no_signature};
    struct http_client *hc = client(&r, &bad);
    uint32_t before = fix.requests;
    struct http_req req = request(HTTP_POST, ORDERS);
    one(hc, &r, &req);
    assert_int_equal(r.last.fate, HTTP_NEVER_SENT);
    assert_int_equal(fix.requests, before);
    http_client_destroy(hc);
}

static void creates_use_signatures_made_ahead(void **state)
{
    (void)state;
    struct result r;
    /* The signing thread has the key for itself: no request is signed by the client meanwhile. */
    assert_int_equal(sign_ahead_create(&fix.rsa_signer, 4, 300 * NS_PER_SEC, &ahead), ST_OK);
    assert_int_equal(sign_ahead_keep(ahead, "POST", ORDERS, 4), ST_OK);
    for (int i = 0; i < 24000 && sign_ahead_stats(ahead).ready < 4; i++) {
        usleep(5000);
    }
    struct http_client *hc = client(&r, &fix.rsa_signer);
    for (int i = 0; i < 3; i++) {
        struct http_req req = request(HTTP_POST, ORDERS);
        one(hc, &r, &req);
        assert_true(fix.last.signature_good);
    }
    assert_int_equal(http_client_stats(hc)->signed_ahead, 3);
    assert_int_equal(http_client_stats(hc)->signed_now, 0);
    http_client_destroy(hc);
    sign_ahead_destroy(ahead);
    ahead = NULL;
}

static void many_requests_at_once_are_each_answered_once(void **state)
{
    (void)state;
    struct result r;
    struct http_client *hc = client(&r, &fix.ed_signer);
    for (int i = 0; i < 16; i++) {
        struct http_req req = request(HTTP_GET, "/trade-api/v2/markets");
        assert_int_equal(http_client_send(hc, &req), ST_OK);
    }
    struct http_req more = request(HTTP_GET, "/trade-api/v2/markets");
    assert_int_equal(http_client_send(hc, &more), ST_FULL);
    wait_for(hc, &r, 16);
    assert_int_equal(http_client_in_flight(hc), 0);
    http_client_destroy(hc);
}

static void warming_opens_the_connection_that_a_request_uses(void **state)
{
    (void)state;
    struct result r;
    struct http_client *hc = client(&r, &fix.ed_signer);
    uint32_t before = fix.requests;
    http_client_warm(hc, "/trade-api/v2/exchange/status");
    mono_ns_t end = clock_mono() + 120 * NS_PER_SEC;
    while (http_client_stats(hc)->connects == 0 && clock_mono() < end) {
        fixture_pump(&fix);
        (void)http_client_work(hc, NS_PER_MS);
    }
    assert_int_equal(fix.requests, before + 1);
    assert_int_equal(r.n, 0); /* not reported */
    struct http_req req = request(HTTP_GET, "/trade-api/v2/markets");
    one(hc, &r, &req);
    assert_int_equal(http_client_stats(hc)->connects, 1);
    http_client_destroy(hc);
}

static void destroy_drops_what_is_under_way(void **state)
{
    (void)state;
    struct result r;
    struct http_client *hc = client(&r, &fix.ed_signer);
    struct http_req req = request(HTTP_GET, "/trade-api/v2/markets");
    assert_int_equal(http_client_send(hc, &req), ST_OK);
    http_client_destroy(hc);
    assert_int_equal(r.n, 0);
}

static void a_client_for_public_reads_sends_nothing_else(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *path;
    } refused[] = {
        {HTTP_POST, ORDERS},
        {HTTP_POST, "/trade-api/v2/markets"},
        {HTTP_DELETE, ORDERS "/1"},
        {HTTP_PUT, "/trade-api/v2/markets"},
        {HTTP_GET, "/trade-api/v2/portfolio/balance"},
        {HTTP_GET, "/trade-api/v2/portfolio/orders"},
        {HTTP_GET, "/trade-api/v2/account/limits"},
        {HTTP_GET, "/trade-api/v2/marketsmore"},
        {HTTP_GET, "/trade-api/v2/markets/../portfolio/balance"},
        {HTTP_GET, "/markets"},
        {HTTP_GET, "/trade-api/v2"},
    };
    struct result r;
    struct http_client *hc = NULL;
    struct err err = {ST_OK, ""};
    struct http_client_config c = http_client_config_default();
    char url[200];
    snprintf(url, sizeof url, "%s", fix.url);
    if (strstr(url, "/trade-api") == NULL) {
        snprintf(url, sizeof url, "%s/trade-api/v2", fix.url);
    }
    c.url = url;
    c.ca_file = fix.ca.ca_cert;
    c.public_reads_only = true;
    memset(&r, 0, sizeof r);
    assert_int_equal(http_client_create(&c, on_done, &r, &hc, &err), ST_OK);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct http_req req = request(refused[i].method, refused[i].path);
        assert_int_equal(http_client_send(hc, &req), ST_DENIED);
    }
    struct http_req body = request(HTTP_GET, "/trade-api/v2/markets");
    body.body = "{}";
    body.body_len = 2;
    assert_int_equal(http_client_send(hc, &body), ST_DENIED);
    assert_int_equal(http_client_stats(hc)->sent, 0);
    assert_int_equal(http_client_in_flight(hc), 0);
    static const char *const taken[] = {
        "/trade-api/v2/markets", "/trade-api/v2/markets/A/orderbook", "/trade-api/v2/series/KXA",
        "/trade-api/v2/exchange/status", "/trade-api/v2/events/A"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        struct http_req req = request(HTTP_GET, taken[i]);
        one(hc, &r, &req);
        assert_string_equal(fix.last.path, taken[i]);
    }
    http_client_destroy(hc);
}

static void ca_file_that_is_missing_is_named(void **state)
{
    (void)state;
    struct http_client *hc = NULL;
    struct err err = {ST_OK, ""};
    struct http_client_config c = http_client_config_default();
    c.url = fix.url;
    c.ca_file = "/nonexistent/ca.pem";
    assert_int_equal(http_client_create(&c, on_done, NULL, &hc, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
}

static void port_in_use_is_a_clear_error(void **state)
{
    (void)state;
    struct server *s = NULL;
    struct err err = {ST_OK, ""};
    struct server_config c = server_config_default();
    c.cert_file = fix.ca.server_cert;
    c.key_file = fix.ca.server_key;
    c.port = server_port(fix.server);
    assert_int_equal(server_create(&c, &s, &err), ST_UNREACHABLE);
    assert_non_null(strstr(err.text, "in use"));
    c.port = 0;
    c.address = "192.0.2.1";
    assert_int_equal(server_create(&c, &s, &err), ST_UNREACHABLE);
    assert_non_null(strstr(err.text, "192.0.2.1"));
}

static int setup(void **state)
{
    (void)state;
    fixture_start(&fix, "0.0.0.0");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_stop(&fix);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_get_is_answered_with_either_key),
        cmocka_unit_test(bodies_arrive_whole_with_every_method),
        cmocka_unit_test(errors_are_answers),
        cmocka_unit_test(create_on_a_reused_connection_that_dies_is_sent_once),
        cmocka_unit_test(read_on_a_reused_connection_that_dies_is_sent_again_by_libcurl),
        cmocka_unit_test(create_on_a_fresh_connection_that_dies_is_sent_once),
        cmocka_unit_test(late_answer_is_a_timeout),
        cmocka_unit_test(delayed_answer_comes_after_its_delay),
        cmocka_unit_test(refused_connection_was_never_sent),
        cmocka_unit_test(name_that_does_not_resolve_was_never_sent),
        cmocka_unit_test(server_of_an_unknown_authority_gets_no_request),
        cmocka_unit_test(certificate_for_another_host_gets_no_request),
        cmocka_unit_test(server_that_accepts_and_says_nothing_was_never_sent),
        cmocka_unit_test(request_that_cannot_be_signed_was_never_sent),
        cmocka_unit_test(creates_use_signatures_made_ahead),
        cmocka_unit_test(many_requests_at_once_are_each_answered_once),
        cmocka_unit_test(warming_opens_the_connection_that_a_request_uses),
        cmocka_unit_test(destroy_drops_what_is_under_way),
        cmocka_unit_test(a_client_for_public_reads_sends_nothing_else),
        cmocka_unit_test(ca_file_that_is_missing_is_named),
        cmocka_unit_test(port_in_use_is_a_clear_error),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
