#include "net_fixture.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "wire/rest.h"

static int remove_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
    (void)sb;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static bool check(struct fixture *f, const struct sim_auth *auth, struct text method,
                  struct text path)
{
    char text[512];
    int n = snprintf(text, sizeof text, "%.*s%.*s%.*s", (int)auth->timestamp.n, auth->timestamp.p,
                     (int)method.n, method.p, (int)path.n, path.p);
    struct sim_verifier v = verifier_face(f->verifier);
    return auth->key_id.n > 0 && v.verify(v.self, auth->key_id, text, (size_t)n, auth->signature);
}

static void app_http(void *self, const struct sim_http_req *req, wall_ns_t wall, mono_ns_t now,
                     struct sim_http_resp *resp)
{
    (void)wall;
    (void)now;
    struct fixture *f = self;
    f->requests++;
    text_copy(f->last.method, sizeof f->last.method, req->method);
    text_copy(f->last.path, sizeof f->last.path, req->path);
    text_copy(f->last.query, sizeof f->last.query, req->query);
    text_copy(f->last.body, sizeof f->last.body, req->body);
    text_copy(f->last.content_type, sizeof f->last.content_type, req->content_type);
    f->last.signature_good = check(f, &req->auth, req->method, req->path);
    resp->status = f->status;
    resp->content_type = "application/json";
    buf_str(&resp->body, f->answer);
    resp->delay_ns = f->delay;
    resp->drop = f->drop || (f->drop_after > 0 && f->requests >= (uint32_t)f->drop_after);
}

static int app_open(void *self, const struct sim_auth *auth, struct text path, void *peer,
                    wall_ns_t wall, mono_ns_t now, struct sim_conn **ret_conn, struct buf *body)
{
    (void)wall;
    (void)now;
    struct fixture *f = self;
    f->upgrade_signed = check(f, auth, TEXT("GET"), path);
    if (f->refuse != 0) {
        buf_str(body, "{\"error\":\"refused\"}");
        return f->refuse;
    }
    f->opens++;
    f->peer = peer;
    f->pushed = 0;
    if (f->greet) {
        assert_int_equal(f->out.send(f->out.self, NULL, peer, "hello", 5), ST_OK);
    }
    *ret_conn = (struct sim_conn *)f; /* never looked into */
    return 0;
}

static void app_frame(void *self, struct sim_conn *conn, struct text frame, wall_ns_t wall,
                      mono_ns_t now)
{
    (void)conn;
    (void)wall;
    (void)now;
    struct fixture *f = self;
    f->frames++;
    text_copy(f->last_frame, sizeof f->last_frame, frame);
}

static void app_close(void *self, struct sim_conn *conn)
{
    (void)conn;
    struct fixture *f = self;
    f->closes++;
}

/* Numbered frames, until all are out or the queue is full. */
static void push(struct fixture *f)
{
    char *msg = calloc(1, f->push_bytes + 32);
    while (f->pushed < f->to_push) {
        int n = snprintf(msg, 32, "%08u", f->pushed);
        memset(msg + n, 'x', f->push_bytes);
        if (f->out.send(f->out.self, NULL, f->peer, msg, (size_t)n + f->push_bytes) != ST_OK) {
            f->full++;
            break;
        }
        f->pushed++;
    }
    free(msg);
}

static void app_writable(void *self, struct sim_conn *conn, wall_ns_t wall, mono_ns_t now)
{
    (void)conn;
    (void)wall;
    (void)now;
    push(self);
}

static void app_tick(void *self, wall_ns_t wall, mono_ns_t now)
{
    (void)self;
    (void)wall;
    (void)now;
}

static mono_ns_t app_deadline(void *self)
{
    (void)self;
    return NS_NEVER;
}

static struct key *new_key(struct fixture *f, enum key_kind kind, const char *id)
{
    char priv[128];
    char pub[128];
    struct key *key = NULL;
    snprintf(priv, sizeof priv, "%s/%s.pem", f->dir, id);
    snprintf(pub, sizeof pub, "%s/%s.pub", f->dir, id);
    assert_int_equal(key_generate(kind, priv, pub, NULL), ST_OK);
    assert_int_equal(key_load(priv, id, &key, NULL), ST_OK);
    assert_int_equal(verifier_add(f->verifier, id, pub, NULL), ST_OK);
    return key;
}

void fixture_start(struct fixture *f, const char *address)
{
    struct err err = {ST_OK, ""};
    memset(f, 0, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "/tmp/deltaflow-net-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(ca_ensure(f->dir, "127.0.0.1", &f->ca, &err), ST_OK);
    assert_int_equal(verifier_create(&f->verifier), ST_OK);
    f->rsa = new_key(f, KEY_RSA, "rsa-key");
    f->ed = new_key(f, KEY_ED25519, "ed-key");
    f->rsa_signer = key_signer(f->rsa);
    f->ed_signer = key_signer(f->ed);
    f->status = 200;
    f->answer = "{\"ok\":true}";
    struct server_config config = server_config_default();
    config.address = address;
    config.cert_file = f->ca.server_cert;
    config.key_file = f->ca.server_key;
    if (server_create(&config, &f->server, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    f->out = server_out(f->server);
    struct server_app app = {f,         app_http,     app_open, app_frame,
                             app_close, app_writable, app_tick, app_deadline};
    server_serve(f->server, &app);
    snprintf(f->url, sizeof f->url, "https://127.0.0.1:%d/trade-api/v2", server_port(f->server));
    snprintf(f->ws_url, sizeof f->ws_url, "wss://127.0.0.1:%d/trade-api/ws/v2",
             server_port(f->server));
}

void fixture_stop(struct fixture *f)
{
    server_destroy(f->server);
    verifier_destroy(f->verifier);
    key_destroy(f->rsa);
    key_destroy(f->ed);
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fixture_pump(struct fixture *f)
{
    server_work(f->server, 0);
}
