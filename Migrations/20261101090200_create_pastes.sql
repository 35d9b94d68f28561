-- migrate:up
CREATE TABLE pastes (
    id TEXT PRIMARY KEY,
    -- Bytes, not TEXT: a paste comes back as it was put, whatever its encoding.
    contents BLOB NOT NULL,
    created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP CHECK (created IS datetime(created))
) STRICT;

-- migrate:down
DROP TABLE pastes;
