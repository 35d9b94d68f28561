#include "oracle.h"
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *target, *body;
    size_t target_size, body_size;
    void *context;
    void (*complete)(void *, const oracle_message *);
} reading;

static int begin(http_parser *parser) {
    reading *r = parser->data;
    r->target_size = r->body_size = 0;
    return 0;
}

// Both buffers are as large as the whole input, so what comes out of it fits.
static int add_target(http_parser *parser, const char *bytes, size_t size) {
    reading *r = parser->data;
    memcpy(r->target + r->target_size, bytes, size);
    r->target_size += size;
    return 0;
}

static int add_body(http_parser *parser, const char *bytes, size_t size) {
    reading *r = parser->data;
    memcpy(r->body + r->body_size, bytes, size);
    r->body_size += size;
    return 0;
}

static int end(http_parser *parser) {
    reading *r = parser->data;
    oracle_message message = {
        .method = http_method_str(parser->method),
        .target = r->target,
        .target_size = r->target_size,
        .body = r->body,
        .body_size = r->body_size,
        .keeps_alive = http_should_keep_alive(parser),
        .upgrades = parser->upgrade,
    };
    r->complete(r->context, &message);
    return 0;
}

int oracle_read(const uint8_t *bytes, size_t size, void *context,
                void (*complete)(void *, const oracle_message *)) {
    static const http_parser_settings settings = {
        .on_message_begin = begin, .on_url = add_target, .on_body = add_body, .on_message_complete = end,
    };
    reading r = {.target = malloc(size + 1), .body = malloc(size + 1), .context = context, .complete = complete};
    if (!r.target || !r.body) abort();
    http_parser parser;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = &r;
    http_parser_execute(&parser, &settings, (const char *)bytes, size);
    free(r.target);
    free(r.body);
    return HTTP_PARSER_ERRNO(&parser) == HPE_OK;
}

int oracle_knows_method(const char *name) {
    for (int method = 0; method <= HTTP_SOURCE; method++)
        if (strcmp(http_method_str(method), name) == 0) return 1;
    return 0;
}
