#include "cgate.h"

#include <string.h>

// An open file: ours in front, the default VFS's behind it in the same memory.
struct cgate_files {
    sqlite3_file base;
    int flags;
    cgate_hook hook;
    void *context;
    sqlite3_file *database; // of a watched WAL
    int is_gated;           // a database whose WAL is watched
};

static const int alignment = 16;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs gate_vfs;

static int header_size(void) { return ((int)sizeof(cgate_files) + alignment - 1) / alignment * alignment; }

static cgate_files *ours(sqlite3_file *file) { return (cgate_files *)file; }

static sqlite3_file *real(sqlite3_file *file) { return (sqlite3_file *)((char *)file + header_size()); }

// MARK: The one decision

static int file_sync(sqlite3_file *file, int flags) {
    if (ours(file)->flags & SQLITE_OPEN_WAL) {
        return ours(file)->hook ? ours(file)->hook(ours(file)->context) : SQLITE_IOERR_FSYNC;
    }
    // What the database file holds counts for nothing: whoever restarts on this disk asks the log first.
    if (ours(file)->is_gated) return SQLITE_OK;
    return real(file)->pMethods->xSync(real(file), flags);
}

static int file_characteristics(sqlite3_file *file) {
    // Without the first, SQLite fills the WAL up to a sector and syncs in the middle; without the second, it syncs the
    // WAL's header by itself. With both there is exactly one sync for each commit.
    return real(file)->pMethods->xDeviceCharacteristics(real(file)) | SQLITE_IOCAP_POWERSAFE_OVERWRITE
        | SQLITE_IOCAP_SEQUENTIAL;
}

// MARK: Forwarding

static int file_close(sqlite3_file *file) { return real(file)->pMethods->xClose(real(file)); }
static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
    return real(file)->pMethods->xRead(real(file), bytes, count, offset);
}
static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    return real(file)->pMethods->xWrite(real(file), bytes, count, offset);
}
static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return real(file)->pMethods->xTruncate(real(file), size);
}
static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real(file)->pMethods->xFileSize(real(file), size);
}
static int file_lock(sqlite3_file *file, int kind) { return real(file)->pMethods->xLock(real(file), kind); }
static int file_unlock(sqlite3_file *file, int kind) { return real(file)->pMethods->xUnlock(real(file), kind); }
static int file_check_reserved(sqlite3_file *file, int *result) {
    return real(file)->pMethods->xCheckReservedLock(real(file), result);
}
static int file_control(sqlite3_file *file, int operation, void *argument) {
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
static int file_sector_size(sqlite3_file *file) { return real(file)->pMethods->xSectorSize(real(file)); }
static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **memory) {
    return real(file)->pMethods->xShmMap(real(file), region, size, extend, memory);
}
static int shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
static void shm_barrier(sqlite3_file *file) { real(file)->pMethods->xShmBarrier(real(file)); }
static int shm_unmap(sqlite3_file *file, int deletes) { return real(file)->pMethods->xShmUnmap(real(file), deletes); }
static int file_fetch(sqlite3_file *file, sqlite3_int64 offset, int count, void **memory) {
    return real(file)->pMethods->xFetch(real(file), offset, count, memory);
}
static int file_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *memory) {
    return real(file)->pMethods->xUnfetch(real(file), offset, memory);
}

// One table for each version of the interface that the file behind may have.
#define METHODS(version)                                                                                           \
    {                                                                                                              \
        version, file_close, file_read, file_write, file_truncate, file_sync, file_size, file_lock, file_unlock,   \
            file_check_reserved, file_control, file_sector_size, file_characteristics, shm_map, shm_lock,          \
            shm_barrier, shm_unmap, file_fetch, file_unfetch                                                       \
    }
static const sqlite3_io_methods methods[] = { METHODS(1), METHODS(2), METHODS(3) };

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *flags_out) {
    (void)vfs;
    memset(file, 0, (size_t)gate_vfs.szOsFile);
    int code = real_vfs->xOpen(real_vfs, path, real(file), flags, flags_out);
    if (code != SQLITE_OK) {
        // SQLite closes what failed to open if it has methods; ours then has none.
        if (real(file)->pMethods) real(file)->pMethods->xClose(real(file));
        return code;
    }
    int version = real(file)->pMethods->iVersion;
    file->pMethods = &methods[(version < 1 ? 1 : version > 3 ? 3 : version) - 1];
    ours(file)->flags = flags;
    return SQLITE_OK;
}

int cgate_register(void) {
    if (sqlite3_vfs_find(cgate_name())) return SQLITE_OK;
    real_vfs = sqlite3_vfs_find(0);
    if (!real_vfs) return SQLITE_NOTFOUND;
    // All that is not about an open file goes straight to the default VFS's functions, which find in the copy what they
    // know of themselves.
    gate_vfs = *real_vfs;
    gate_vfs.zName = cgate_name();
    gate_vfs.szOsFile = header_size() + real_vfs->szOsFile;
    gate_vfs.pNext = 0;
    gate_vfs.xOpen = open_file;
    return sqlite3_vfs_register(&gate_vfs, 0);
}

const char *cgate_name(void) { return "holdfast-gate"; }

// MARK: For the owner of the gate

static int is_ours(sqlite3_file *file) {
    return file && file->pMethods >= methods && file->pMethods < methods + sizeof(methods) / sizeof(*methods);
}

int cgate_watch(sqlite3 *db, cgate_hook hook, void *context, cgate_files **files) {
    sqlite3_file *database = 0;
    sqlite3_file *log = 0;
    int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &database);
    if (code == SQLITE_OK) code = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (code != SQLITE_OK) return code;
    if (!is_ours(database) || !is_ours(log) || !(ours(log)->flags & SQLITE_OPEN_WAL)) return SQLITE_MISUSE;
    ours(database)->is_gated = 1;
    ours(log)->hook = hook;
    ours(log)->context = context;
    ours(log)->database = database;
    *files = ours(log);
    return SQLITE_OK;
}

int cgate_log_size(cgate_files *files, sqlite3_int64 *size) { return file_size(&files->base, size); }

int cgate_log_read(cgate_files *files, void *bytes, int count, sqlite3_int64 offset) {
    return file_read(&files->base, bytes, count, offset);
}

int cgate_log_truncate(cgate_files *files, sqlite3_int64 size) { return file_truncate(&files->base, size); }

int cgate_database_read(cgate_files *files, void *bytes, int count, sqlite3_int64 offset) {
    int code = file_read(files->database, bytes, count, offset);
    return code == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : code;
}

int cgate_change_count(cgate_files *files, unsigned int *count) {
    enum { region_size = 32768, change_offset = 8 };
    void volatile *region = 0;
    int code = shm_map(files->database, 0, region_size, 0, &region);
    if (code != SQLITE_OK) return code;
    if (!region) return SQLITE_CANTOPEN;
    *count = *(const unsigned int volatile *)((const char volatile *)region + change_offset);
    return SQLITE_OK;
}
