internal import CLinux
internal import Glibc
package import HTTP
internal import Synchronization
internal import Threads

/// An HTTP/1.1 server: one listening socket, one event loop and thread for each core.
package final class Server: Sendable {
    package let port: Int

    private let load: ServerLoad
    private let workers: [Worker]
    private let threads: Mutex<[JoinableThread]>

    /// Binds and listens; from here on clients can connect, and are answered as soon as the loops run.
    package init(
        _ configuration: ServerConfiguration,
        handler: any Handler,
        hooks: LoopHooks = LoopHooks()
    ) throws(ListenError) {
        var configuration = configuration
        configuration.connectionsMax = Self.connectionsMax(configuration)
        let listener = try Listener(host: configuration.host, port: configuration.port)
        let load = ServerLoad(configuration)
        var workers: [Worker] = []
        for _ in 0..<configuration.loopCount {
            let loop = try EventLoop()
            let descriptor = fcntl(listener.descriptor, F_DUPFD_CLOEXEC, 0)
            guard descriptor >= 0 else { throw ListenError(description: "no descriptors left for the listener") }
            workers.append(
                Worker(
                    loop: loop,
                    listener: descriptor,
                    configuration: configuration,
                    handler: handler,
                    hooks: hooks,
                    load: load
                )
            )
        }
        port = listener.port
        self.load = load
        self.workers = workers
        threads = Mutex(
            workers.map { worker in
                JoinableThread(
                    WorkerThread(named: "http-loop") { [workers] in worker.run(beside: workers) }
                )
            }
        )
    }

    /// Runs `body` on each loop's thread, soon.
    package func onEachLoop(_ body: @escaping @Sendable (EventLoop) -> Void) {
        for worker in workers { worker.loop.submit { body(worker.loop) } }
    }

    package var connectionCount: Int { load.connectionCount }

    /// How many requests wait for something before they can be answered.
    package var inFlightCount: Int { load.inFlightCount }

    /// Stops accepting, lets requests that have begun finish, and closes every connection.
    ///
    /// - Returns: How many connections had to be cut off because the time was up.
    package func drain(within limit: Duration) -> Int {
        for worker in workers { worker.loop.submit { worker.drain() } }
        let deadline = MonotonicTime.now.advanced(by: limit)
        while load.connectionCount > 0, MonotonicTime.now < deadline { usleep(2000) }
        let left = load.connectionCount
        for worker in workers { worker.loop.submit { worker.abandon() } }
        return left
    }

    /// Ends the loops.
    ///
    /// Nothing may wait for them any more: what it would resume on is gone.
    package func stop() {
        for worker in workers { worker.loop.stop() }
        let threads = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in threads { thread.join() }
    }

    /// Descriptors are needed for other things too; better to turn a client away than to fail to open the database.
    private static func connectionsMax(_ configuration: ServerConfiguration) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return configuration.connectionsMax
        }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return min(configuration.connectionsMax, max(1, Int(clamping: limit.rlim_max) - 64))
    }
}

/// Lets an array hold a thread.
private final class JoinableThread: Sendable {
    private let thread: Mutex<WorkerThread?>

    init(_ thread: consuming sending WorkerThread) {
        self.thread = Mutex(consume thread)
    }

    func join() {
        let thread = thread.withLock { $0.take() }
        thread?.join()
    }
}
