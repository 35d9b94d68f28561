import Glibc
import HTTP
import Threads

/// Answers by what the path says, and tells the test what has happened.
final class MadeUpHandler: Handler {
    static let bodyBytesMax = 1 << 20

    private struct State {
        var held: [CheckedContinuation<Void, Never>] = []
        var answeredCount = 0
        var refusals: [Refusal] = []
    }

    private let state = Monitor(State(), conditions: 1)

    func bodyBytesMax(for head: RequestHead) -> Int { Self.bodyBytesMax }

    func respond(to request: Request, context: RequestContext) async -> Response {
        defer {
            state.withLock { $0.answeredCount += 1 }
            state.signal(0)
        }
        switch request.path {
        case let path where path.hasPrefix("/hold"):
            await withCheckedContinuation { continuation in
                state.withLock { $0.held.append(continuation) }
                state.signal(0)
            }
            if path == "/hold/thread" {
                var response = Response(.ok)
                response.add("X-Thread", "\(pthread_self())")
                return response
            }
        case let path where path.hasPrefix("/large/"):
            return Response(.ok, body: Array(repeating: 0x61, count: Int(path.dropFirst(7)) ?? 0))
        case "/thread": return Response(.ok, body: Array("\(pthread_self())".utf8))
        case "/peer": return Response(.ok, body: Array(context.peer.description.utf8))
        default: break
        }
        let body = request.body.isEmpty ? "" : " \(String(decoding: request.body, as: UTF8.self))"
        return Response(.ok, body: Array("\(request.method.name) \(request.path)\(body)".utf8))
    }

    func refuse(_ refusal: Refusal, context: RequestContext) -> Response {
        state.withLock { $0.refusals.append(refusal) }
        return Response(refusal.status, body: Array(refusal.detail.utf8))
    }

    // MARK: For the test

    struct NeverHappened: Error {}

    /// Waits until so many requests of `/hold` wait at once.
    func waitUntilHeld(_ count: Int) throws {
        try wait { $0.held.count >= count }
    }

    /// Waits until so many requests are done, whether or not anybody got the answer.
    func waitUntilAnswered(_ count: Int) throws {
        try wait { $0.answeredCount >= count }
    }

    /// Lets the first of those that wait go on, from the thread of the test.
    func release() {
        state.withLock { $0.held.isEmpty ? nil : $0.held.removeFirst() }?.resume()
    }

    var answeredCount: Int { state.withLock(\.answeredCount) }

    var refusals: [Refusal] { state.withLock(\.refusals) }

    private func wait(until condition: (State) -> Bool) throws {
        let deadline = MonotonicTime.now.advanced(by: .seconds(20))
        let happened = state.wait(for: 0, until: { _ in deadline }) { state -> Bool? in
            if condition(state) { return true }
            return MonotonicTime.now < deadline ? nil : false
        }
        if !happened { throw NeverHappened() }
    }
}
