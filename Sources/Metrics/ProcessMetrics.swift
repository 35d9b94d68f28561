internal import FoundationEssentials
internal import Glibc

/// What the kernel knows of this process, under the names that Prometheus' own clients use.
package enum ProcessMetrics {
    package static func register(in registry: Registry) {
        registry.gauge("process_resident_memory_bytes", "Resident memory size in bytes.") { residentBytes }
        registry.counter("process_cpu_seconds_total", "User and system CPU time spent in seconds.") { cpuSeconds }
        registry.gauge("process_open_fds", "Number of open file descriptors.") { openFileCount }
        let start = startTime
        registry.gauge("process_start_time_seconds", "Start time of the process since the epoch in seconds.") { start }
    }

    static var residentBytes: Double? {
        guard let pages = text("/proc/self/statm")?.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
        else { return nil }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    static var cpuSeconds: Double? {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return nil }
        let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    static var openFileCount: Double? {
        // The listing itself has one open while it looks.
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { Double($0.count - 1) }
    }

    /// When the process began, from its age: the kernel tells ticks since the machine started.
    static var startTime: Double? {
        // The name stands in parentheses and may hold anything; the 22nd field is the 20th after it.
        guard let fields = text("/proc/self/stat")?.split(separator: ")").last?.split(separator: " "),
            fields.count > 19,
            let ticks = Double(fields[19])
        else { return nil }
        let uptime = seconds(CLOCK_BOOTTIME) - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        return seconds(CLOCK_REALTIME) - uptime
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1_000_000_000
    }

    private static func text(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }
}
