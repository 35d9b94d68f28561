// A VFS over the default one, for databases whose commits somebody else makes durable.
//
// SQLite in WAL mode with synchronous=FULL appends a transaction's frames to the WAL, syncs it, and only then lets others
// see them; if the sync fails, the transaction rolls back. This VFS forwards every call, and answers that sync with what
// one function says.
//
// See https://sqlite.org/vfs.html
#ifndef CGATE_H
#define CGATE_H

#include <sqlite3.h>

// Registers the VFS, once; the default VFS stays the default.
int cgate_register(void);

// What to pass to sqlite3_open_v2.
const char *cgate_name(void);

// The WAL and the database of one connection, as its pager has them open: valid as long as the connection is.
typedef struct cgate_files cgate_files;

// Decides about a sync of the WAL: SQLITE_OK, or the code that the sync fails with. SQLITE_IOERR_FSYNC rolls back; others
// may leave the transaction open.
typedef int (*cgate_hook)(void *context);

// From now on `hook` is asked, and nothing else is synced. The connection must be in WAL mode and have read something.
// A WAL that nobody watches cannot be synced, so that no commit gets past the gate on a connection that has none.
int cgate_watch(sqlite3 *db, cgate_hook hook, void *context, cgate_files **files);

int cgate_log_size(cgate_files *files, sqlite3_int64 *size);
int cgate_log_read(cgate_files *files, void *bytes, int count, sqlite3_int64 offset);
int cgate_log_truncate(cgate_files *files, sqlite3_int64 size);
// What is behind the end reads as zeros.
int cgate_database_read(cgate_files *files, void *bytes, int count, sqlite3_int64 offset);

// The count of commits in the wal-index, by whomever. Only stable while this connection holds the write lock.
// See https://sqlite.org/walformat.html#the_wal_index_header
int cgate_change_count(cgate_files *files, unsigned int *count);

#endif
