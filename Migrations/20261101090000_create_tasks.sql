-- migrate:up
-- AUTOINCREMENT: the id of a deleted task is never given out again, so an old link cannot show another task.
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'todo' CHECK (status IN ('todo', 'doing', 'done')),
    -- UTC, as datetime() writes it.
    created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP CHECK (created IS datetime(created)),
    modified TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP CHECK (modified IS datetime(modified))
) STRICT;

CREATE INDEX tasks_status ON tasks (status, id);

-- migrate:down
DROP TABLE tasks;
