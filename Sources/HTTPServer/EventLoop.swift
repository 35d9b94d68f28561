internal import CLinux
internal import Glibc
internal import Synchronization
internal import Threads

/// What a loop's events are about.
protocol EventLoopClient: AnyObject {
    /// A registered descriptor has something to do.
    func ready(_ token: UInt64, _ events: EventLoop.Events)
    /// Nothing more can be done at once; the loop is about to wait.
    func turnEnds()
    /// When the client wants ``timeIsUp(at:)`` to be called, if ever.
    var wakeUpTime: MonotonicTime? { get }
    func timeIsUp(at now: MonotonicTime)
    /// Whether there is work that should go on without waiting for events.
    var hasBacklog: Bool { get }
}

/// One thread that waits for its sockets, and is the executor of what they set off.
///
/// A task that prefers a loop runs on the loop's thread: an `await` that has nothing to wait for costs nothing, and
/// what a handler shares with its connection needs no lock.
///
/// Safe to share: `local`, `running` and `client` are touched on the loop's own thread only, the rest is locked.
package final class EventLoop: TaskExecutor, @unchecked Sendable {
    struct Events: OptionSet {
        let rawValue: UInt32
        static let input = Events(rawValue: EPOLLIN.rawValue)
        static let output = Events(rawValue: EPOLLOUT.rawValue)
        /// The other end will send no more, or is gone.
        static let hangUp = Events(rawValue: EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue)
        static let edgeTriggered = Events(rawValue: EPOLLET.rawValue)
        /// Of several loops that wait for the same descriptor, wake one.
        static let exclusive = Events(rawValue: 1 << 28)
    }

    private struct Mailbox {
        var jobs: [UnownedJob] = []
        var closures: [@Sendable () -> Void] = []
        /// Whether the loop has been told since it last looked.
        var isNotified = false
        var isStopping = false
    }

    private static let mailboxToken = UInt64.max
    private static let eventsPerTurnMax = 256

    private let pollDescriptor: Int32
    private let wakeDescriptor: Int32
    private let mailbox = Mutex(Mailbox())
    private let thread = Atomic<UInt>(0)
    private var local: [UnownedJob] = []
    private var running: [UnownedJob] = []

    init() throws(ListenError) {
        pollDescriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard pollDescriptor >= 0, wakeDescriptor >= 0, register(wakeDescriptor, Self.mailboxToken, .input) else {
            throw ListenError(description: "cannot make an event loop: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        close(wakeDescriptor)
        close(pollDescriptor)
    }

    // MARK: From any thread

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent {
            local.append(job)
        } else {
            post { $0.jobs.append(job) }
        }
    }

    /// Runs a closure on the loop's thread, soon.
    package func submit(_ closure: @escaping @Sendable () -> Void) {
        post { $0.closures.append(closure) }
    }

    /// Ends ``run(_:)`` after what was submitted before.
    func stop() {
        post { $0.isStopping = true }
    }

    private func post(_ change: (inout Mailbox) -> Void) {
        let mustNotify = mailbox.withLock { mailbox in
            change(&mailbox)
            defer { mailbox.isNotified = true }
            return !mailbox.isNotified
        }
        // A full counter is as good as a written one: the loop will wake.
        if mustNotify { eventfd_write(wakeDescriptor, 1) }
    }

    // MARK: On the loop's thread

    var isCurrent: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// - Returns: False if the kernel has no room to watch another descriptor.
    func register(_ descriptor: Int32, _ token: UInt64, _ events: Events) -> Bool {
        var event = epoll_event()
        event.events = events.rawValue
        event.data.u64 = token
        return epoll_ctl(pollDescriptor, EPOLL_CTL_ADD, descriptor, &event) == 0
    }

    func unregister(_ descriptor: Int32) {
        epoll_ctl(pollDescriptor, EPOLL_CTL_DEL, descriptor, nil)
    }

    /// Serves until ``stop()``.
    func run(_ client: some EventLoopClient) {
        thread.store(UInt(pthread_self()), ordering: .relaxed)
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventsPerTurnMax) { events in
            var isStopping = false
            while !isStopping {
                let count = epoll_wait(pollDescriptor, events.baseAddress, Int32(events.count), patience(client))
                for event in events.prefix(max(0, Int(count))) {
                    if event.data.u64 == Self.mailboxToken {
                        isStopping = openMailbox()
                    } else {
                        client.ready(event.data.u64, Events(rawValue: event.events))
                    }
                }
                runJobs()
                if let time = client.wakeUpTime {
                    let now = MonotonicTime.now
                    if time <= now { client.timeIsUp(at: now) }
                }
                runJobs()
                client.turnEnds()
            }
        }
    }

    /// Milliseconds to wait for events; -1 for as long as it takes.
    private func patience(_ client: some EventLoopClient) -> Int32 {
        if client.hasBacklog || !local.isEmpty { return 0 }
        guard let time = client.wakeUpTime else { return -1 }
        let nanoseconds = time.nanoseconds - MonotonicTime.now.nanoseconds
        guard nanoseconds > 0 else { return 0 }
        // Rounded up: waking too early would only mean waiting again.
        return Int32(min(nanoseconds / 1_000_000, 3_600_000)) + 1
    }

    /// - Returns: Whether the loop is to end.
    private func openMailbox() -> Bool {
        var count: eventfd_t = 0
        eventfd_read(wakeDescriptor, &count)
        let mail = mailbox.withLock { mailbox in
            defer { mailbox = Mailbox(isStopping: mailbox.isStopping) }
            return mailbox
        }
        for closure in mail.closures { closure() }
        local.append(contentsOf: mail.jobs)
        return mail.isStopping
    }

    private func runJobs() {
        while !local.isEmpty {
            swap(&local, &running)
            for job in running { job.runSynchronously(on: asUnownedTaskExecutor()) }
            running.removeAll(keepingCapacity: true)
        }
    }
}
