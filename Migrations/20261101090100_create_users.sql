-- migrate:up
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    first_name TEXT NOT NULL,
    last_name TEXT,
    created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP CHECK (created_at IS datetime(created_at)),
    updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP CHECK (updated_at IS datetime(updated_at))
) STRICT;

-- migrate:down
DROP TABLE users;
