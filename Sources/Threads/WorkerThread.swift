internal import CLinux
internal import Glibc

/// A thread of its own, for work that blocks; joined exactly once.
package struct WorkerThread: ~Copyable {
    private final class Work {
        let body: () -> Void

        init(_ body: @escaping () -> Void) {
            self.body = body
        }
    }

    private let thread: pthread_t

    package init(named name: String, _ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let work = Unmanaged.passRetained(Work(body)).toOpaque()
        let code = pthread_create(&thread, nil, runWork, work)
        precondition(code == 0, "no thread to be had: error \(code)")
        pthread_setname_np(thread, name)
        self.thread = thread
    }

    package consuming func join() {
        pthread_join(thread, nil)
    }

    /// Lets the thread end by itself, unobserved.
    package consuming func detach() {
        pthread_detach(thread)
    }

    /// A function, not a closure: formed in isolated code, a closure would trap on the other thread.
    fileprivate static func run(_ work: UnsafeMutableRawPointer) {
        Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body()
    }
}

private func runWork(_ work: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let work { WorkerThread.run(work) }
    return nil
}
