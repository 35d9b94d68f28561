-- migrate:up
CREATE TABLE idempotency_keys (
    key TEXT PRIMARY KEY,
    -- SHA-256 of the request: the same key with another one is refused.
    request BLOB NOT NULL CHECK (length(request) = 32),
    status INTEGER NOT NULL,
    -- The answer as it was sent, for whoever sends the request again.
    fields BLOB NOT NULL,
    body BLOB NOT NULL,
    created TEXT NOT NULL CHECK (created IS datetime(created))
) STRICT, WITHOUT ROWID;
-- Answers older than a day are found by it, and removed by later writes.
CREATE INDEX idempotency_keys_created ON idempotency_keys (created);

-- migrate:down
DROP TABLE idempotency_keys;
