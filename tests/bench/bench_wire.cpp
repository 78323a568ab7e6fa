/*
 * bench_wire.cpp - the hot decoder against simdjson On-Demand and jansson: the same messages in
 * memory, the same fields taken out of them, sums compared so that nobody cheats.
 *
 *   bench_wire [RECORDING] [--json FILE]
 *
 * simdjson gives strings; decimal text becomes integers with the plain loop below, as any user of
 * it would have to. Rounds of all three are interleaved and medians reported, since the machine is
 * shared.
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "wire_input.h"

using namespace simdjson;

static ondemand::parser parser;

static long long decimal(std::string_view s, int decimals)
{
    long long v = 0;
    size_t i = 0;
    bool negative = s[0] == '-';
    int after = -1;
    for (i = negative ? 1 : 0; i < s.size(); i++) {
        if (s[i] == '.') {
            after = 0;
            continue;
        }
        if (s[i] < '0' || s[i] > '9') {
            std::exit(1);
        }
        v = v * 10 + (s[i] - '0');
        after += after >= 0;
    }
    for (int k = after < 0 ? 0 : after; k < decimals; k++) {
        v *= 10;
    }
    return negative ? -v : v;
}

static long long side(std::string_view s)
{
    return s == "no";
}

static long long levels(ondemand::object msg, const char *key)
{
    long long v = 0;
    ondemand::array list;
    if (msg[key].get_array().get(list) != SUCCESS) {
        return 0;
    }
    for (auto pair : list) {
        int k = 0;
        for (auto e : pair.get_array()) {
            v += decimal(e.get_string(), k++ == 0 ? 4 : 2);
        }
    }
    return v;
}

static long long read_simdjson(const wire_input *in, size_t i)
{
    auto doc = parser.iterate(in->bytes + in->at[i], in->len[i], in->len[i] + SIMDJSON_PADDING);
    std::string_view type = doc["type"].get_string();
    long long v = 0;
    v += int64_t(doc["sid"].get_uint64());
    v += int64_t(doc["seq"].get_uint64());
    ondemand::object msg = doc["msg"].get_object();
    if (type == "orderbook_delta") {
        v += (long long)std::string_view(msg["market_ticker"].get_string()).size();
        v += decimal(msg["price_dollars"].get_string(), 4);
        v += decimal(msg["delta_fp"].get_string(), 2);
        v += side(msg["side"].get_string());
        v += int64_t(msg["ts_ms"].get_int64());
    } else if (type == "trade") {
        v += (long long)std::string_view(msg["trade_id"].get_string()).size();
        v += (long long)std::string_view(msg["market_ticker"].get_string()).size();
        v += decimal(msg["yes_price_dollars"].get_string(), 4);
        v += decimal(msg["count_fp"].get_string(), 2);
        v += side(msg["taker_outcome_side"].get_string());
        v += int64_t(msg["ts_ms"].get_int64());
    } else {
        v += (long long)std::string_view(msg["market_ticker"].get_string()).size();
        v += levels(msg, "yes_dollars_fp");
        v += levels(msg, "no_dollars_fp");
    }
    return v;
}

typedef long long (*read_fn)(const wire_input *, size_t);

/* Nanoseconds for one message, over at least seconds of passes through all of them. */
static double measure(const wire_input *in, read_fn read, double seconds, long long *sum)
{
    size_t done = 0;
    double t0 = wire_input_clock();
    double t = t0;
    do {
        long long v = 0;
        for (size_t i = 0; i < in->n; i++) {
            v += read(in, i);
        }
        *sum = v;
        done += in->n;
        t = wire_input_clock();
    } while (t - t0 < seconds);
    return (t - t0) / double(done) * 1e9;
}

static double median(std::vector<double> v)
{
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

struct result {
    std::string name, peer, hash;
    double ns, peer_ns;
    int runs;
};

static void bench(const char *name, const char *type, const char *path, size_t max, int runs,
                  std::vector<result> &out)
{
    wire_input in;
    if (!wire_input_load(&in, path, type, max)) {
        std::fprintf(stderr, "bench_wire: no %s in %s\n", type, path);
        std::exit(1);
    }
    std::vector<double> hot, simd, jansson;
    long long a = 0, b = 0, c = 0;
    measure(&in, wire_input_hot, 0.1, &a);
    measure(&in, read_simdjson, 0.1, &b);
    for (int i = 0; i < runs; i++) {
        hot.push_back(measure(&in, wire_input_hot, 0.3, &a));
        simd.push_back(measure(&in, read_simdjson, 0.3, &b));
        jansson.push_back(measure(&in, wire_input_jansson, 0.1, &c));
    }
    if (a != b || a != c) {
        std::fprintf(stderr, "bench_wire: %s: the decoders disagree\n", name);
        std::exit(1);
    }
    double h = median(hot), s = median(simd), j = median(jansson);
    std::printf("%-16s %8zu messages  ours %8.1f ns  simdjson %8.1f ns (%.2fx)  jansson %9.1f ns "
                "(%.1fx)\n",
                name, in.n, h, s, s / h, j, j / h);
    out.push_back({name, "simdjson_ondemand", in.hash, h, s, runs});
    out.push_back({name, "jansson", in.hash, h, j, runs});
    wire_input_free(&in);
}

static void write_json(const char *path, const std::vector<result> &results)
{
    FILE *f = std::fopen(path, "w");
    if (f == nullptr) {
        std::perror(path);
        std::exit(1);
    }
    std::fprintf(f, "{\"results\":[");
    for (size_t i = 0; i < results.size(); i++) {
        const result &r = results[i];
        std::fprintf(f,
                     "%s\n{\"name\":\"%s\",\"ns\":%.2f,\"peer\":\"%s\",\"peer_ns\":%.2f,"
                     "\"ratio\":%.3f,\"input_hash\":\"%s\",\"runs\":%d}",
                     i > 0 ? "," : "", r.name.c_str(), r.ns, r.peer.c_str(), r.peer_ns,
                     r.peer_ns / r.ns, r.hash.c_str(), r.runs);
    }
    std::fprintf(f, "\n]}\n");
    std::fclose(f);
}

int main(int argc, char **argv)
{
    const char *path = nullptr;
    const char *json = nullptr;
    int runs = 7;
    for (int i = 1; i < argc; i++) {
        if (std::strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            json = argv[++i];
        } else if (std::strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
            runs = std::max(1, std::atoi(argv[++i]));
        } else {
            path = argv[i];
        }
    }
    std::string shared;
    if (path == nullptr) {
        const char *dir = std::getenv("DELTAFLOW_SHARED");
        shared = std::string(dir != nullptr && dir[0] != '\0' ? dir : "../shared") +
                 "/data/kalshi/ws/gold15m/KXGOLD15M-26AUG102115-15.jsonl.zst";
        FILE *f = std::fopen(shared.c_str(), "rb");
        if (f != nullptr) {
            std::fclose(f);
            path = shared.c_str();
        }
    }
    std::printf("messages: %s; simdjson %s\n", path != nullptr ? path : "generated, seed 1",
                simdjson::get_active_implementation()->name().c_str());
    std::vector<result> results;
    bench("decode_delta", "\"orderbook_delta\"", path, 100000, runs, results);
    bench("decode_trade", "\"trade\"", path, 100000, runs, results);
    bench("decode_snapshot", "\"yes_dollars_fp\"", path, 1000, runs, results);
    if (json != nullptr) {
        write_json(json, results);
    }
    return 0;
}
