// Only what Swift cannot say: cast macros, variadic functions, and memory that other processes write.
#include <sqlite3.h>
#include <string.h>

static inline sqlite3_destructor_type csqlite_transient(void) { return SQLITE_TRANSIENT; }

static inline int csqlite_no_checkpoint_on_close(sqlite3 *db, int is_on) {
    return sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_on, (int *)0);
}

static inline int csqlite_defensive(sqlite3 *db) {
    return sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
}

// Extended result codes are macros that compute.
static const int csqlite_abort_rollback = SQLITE_ABORT_ROLLBACK;
static const int csqlite_ioerr_fsync = SQLITE_IOERR_FSYNC;
static const int csqlite_short_read = SQLITE_IOERR_SHORT_READ;
static const int csqlite_constraint_foreignkey = SQLITE_CONSTRAINT_FOREIGNKEY;
static const int csqlite_constraint_primarykey = SQLITE_CONSTRAINT_PRIMARYKEY;
static const int csqlite_constraint_unique = SQLITE_CONSTRAINT_UNIQUE;

// What another descriptor of the same file must not be used for: closing it would drop all locks that SQLite has on the
// file in this process.

// The connection's own open files: the database, or what stands beside it, which is the WAL in WAL mode.
static inline sqlite3_file *csqlite_file(sqlite3 *db, int which) {
    sqlite3_file *file = 0;
    if (sqlite3_file_control(db, "main", which, &file) != SQLITE_OK || !file || !file->pMethods) return 0;
    return file;
}

static inline int csqlite_file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    return file->pMethods->xRead(file, bytes, count, offset);
}

static inline int csqlite_file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return file->pMethods->xFileSize(file, size);
}

static inline int csqlite_file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    return file->pMethods->xWrite(file, bytes, count, offset);
}

// Cuts the file off, and has all of it on the disk.
static inline int csqlite_file_finish(sqlite3_file *file, sqlite3_int64 size) {
    int code = file->pMethods->xTruncate(file, size);
    return code != SQLITE_OK ? code : file->pMethods->xSync(file, SQLITE_SYNC_FULL);
}

// The wal-index begins with two copies of its header, of 48 bytes each, then comes how many frames are in the database.
// See https://sqlite.org/walformat.html#the_wal_index_header
enum { csqlite_wal_index_header_size = 48, csqlite_wal_index_region_size = 32768 };

// Copies the header in the way of SQLite's own walIndexTryHdr, and before it the count that follows it. SQLITE_BUSY while
// somebody writes it.
static inline int csqlite_wal_index(sqlite3_file *file, unsigned char *header, unsigned int *backfilled) {
    const sqlite3_io_methods *methods = file->pMethods;
    if (methods->iVersion < 2 || !methods->xShmMap) return SQLITE_MISUSE;
    void volatile *region = 0;
    int code = methods->xShmMap(file, 0, csqlite_wal_index_region_size, 0, &region);
    if (code != SQLITE_OK) return code;
    if (!region) return SQLITE_CANTOPEN;
    const unsigned char volatile *bytes = region;
    unsigned char second[csqlite_wal_index_header_size];
    *backfilled = *(const unsigned int volatile *)(bytes + 2 * csqlite_wal_index_header_size);
    methods->xShmBarrier(file);
    for (int i = 0; i < csqlite_wal_index_header_size; i++) header[i] = bytes[i];
    methods->xShmBarrier(file);
    for (int i = 0; i < csqlite_wal_index_header_size; i++) second[i] = bytes[csqlite_wal_index_header_size + i];
    return memcmp(header, second, csqlite_wal_index_header_size) == 0 ? SQLITE_OK : SQLITE_BUSY;
}
