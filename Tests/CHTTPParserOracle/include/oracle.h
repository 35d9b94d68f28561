#ifndef HOLDFAST_HTTP_PARSER_ORACLE_H
#define HOLDFAST_HTTP_PARSER_ORACLE_H
#include <stddef.h>
#include <stdint.h>

// What http_parser makes of some bytes. Its own header has bit-fields, which Swift cannot import.

typedef struct {
    const char *method;
    const uint8_t *target;
    size_t target_size;
    const uint8_t *body;
    size_t body_size;
    int keeps_alive;
    int upgrades;
} oracle_message;

/// Calls `complete` for each message, valid for the time of the call. Returns 0 if the bytes were refused at some point,
/// 1 if not.
int oracle_read(const uint8_t *bytes, size_t size, void *context,
                void (*complete)(void *context, const oracle_message *message));

/// Whether http_parser knows a method; it refuses all others.
int oracle_knows_method(const char *name);

#endif
